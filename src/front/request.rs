//! A request on its way through the phases: nginx's `r`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::config::model::{Listen, Location, Model, Server};
use crate::config::regex::Captures;
use crate::wire::body::RequestBody;
use crate::wire::connection::Connection;
use crate::wire::head::{Method, RequestHead};
use crate::wire::spool::Spool;

use super::proxy::states::UpstreamStates;
use super::worker::Worker;

/// One request, from its head to its log line.
pub struct Request {
    pub worker: Rc<Worker>,
    pub model: Arc<Model>,
    /// Index in [`Model::listens`] of the address it came in by.
    pub listen: usize,
    pub connection: Rc<Connection>,
    pub head: Rc<RequestHead>,
    pub body: Rc<RequestBody>,
    pub started: Instant,
    pub server: Arc<Server>,
    /// The location chosen; the server's own level before that.
    pub location: Arc<Location>,
    /// The URI as decoded and normalised, or as an internal redirect set it.
    pub uri: Bytes,
    pub args: Bytes,
    /// True where `uri` is still the one that the client sent (nginx's `valid_unparsed_uri`).
    pub uri_as_received: bool,
    /// GET after `error_page` of another method.
    pub method: Method,
    pub method_name: Bytes,
    /// Groups of the last regex that matched, and what they point into.
    pub captures: Captures,
    pub captured: Bytes,
    /// The file's own variables, by slot.
    pub slots: Vec<Option<Bytes>>,
    /// Reached by an internal redirect: `internal` locations are open.
    pub internal: bool,
    /// Internal redirects that are still allowed.
    pub uri_changes: u8,
    /// An `error_page` is being answered: no second one unless `recursive_error_pages`.
    pub error_page: bool,
    /// The status that the answer must carry (nginx's `err_status`).
    pub err_status: u16,
    /// Whether the connection may go on, as decided so far.
    pub keep_alive: bool,
    pub lingering: bool,
    /// The status sent, for the log and for variables.
    pub status: Cell<u16>,
    /// The fields sent, for `$sent_http_…`; filled by the header filter.
    pub sent: RefCell<Vec<(Bytes, Bytes)>>,
    pub bytes_sent: Cell<u64>,
    pub head_sent: Cell<u64>,
    pub complete: Cell<bool>,
    /// What happened with upstreams, in order.
    pub upstreams: Rc<UpstreamStates>,
    /// `$proxy_host`, `$proxy_port` of the proxy that is answering.
    pub proxy_host: Bytes,
    pub proxy_port: Bytes,
    /// `$proxy_internal_body_length`: the length of the body to an upstream; `None` is chunked or none.
    pub proxy_body_length: Option<u64>,
    /// The body, once read as a whole.
    pub buffered_body: Option<Spool>,
    /// Fields that stay for whatever answer comes next (`Content-Range` of a 416), as nginx's list of headers does.
    pub carried: Vec<(Bytes, Bytes)>,
    pub request_id: std::cell::OnceCell<Bytes>,
}

/// Internal redirects before nginx gives up (`NGX_HTTP_MAX_URI_CHANGES`).
pub const MAX_URI_CHANGES: u8 = 10;

impl Request {
    pub fn listen(&self) -> Option<&Listen> {
        self.model.listens.get(self.listen)
    }

    pub fn is_get_or_head(&self) -> bool {
        matches!(self.method, Method::Get | Method::Head)
    }
}
