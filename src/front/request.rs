//! A request on its way through the phases: nginx's `r`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::config::model::{Handler, Listen, Location, Model, Server};
use crate::config::regex::Captures;
use crate::config::variables::Var;
use crate::wire::body::RequestBody;
use crate::wire::connection::Connection;
use crate::wire::head::{Method, RequestHead};
use crate::wire::spool::Spool;

use super::choose::Matched;
use super::field_lines::FieldLines;
use super::filters::accepts::Accepts;
use super::proxy::states::UpstreamStates;
use super::temporary::BodyFile;
use super::trace::Step;
use super::user_id::UserId;
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
    /// What stands before an empty URI is a slash: nginx looks there for the URI's last byte.
    pub nothing_is_folder: bool,
    /// `$args` has a value even where it is empty: the last of `try_files` gave it (nginx then has an empty one, not none).
    pub args_given: bool,
    /// True where `uri` is still the one that the client sent (nginx's `valid_unparsed_uri`).
    pub uri_as_received: bool,
    /// nginx's `valid_location`: the location's name still stands for what a URI part of `proxy_pass` replaces.
    pub valid_location: bool,
    /// A `rewrite` changed the URI, and no location was searched for it yet.
    pub uri_changed: bool,
    /// `try_files` found a file for the `alias` of a regex location: the URI stands behind it (nginx's flag of that name).
    pub add_uri_to_alias: bool,
    /// Who makes the content: the location says it, or an `if` from which another `if` led away (nginx's `content_handler`).
    pub handler: Option<Handler>,
    /// GET after `error_page` of another method.
    pub method: Method,
    pub method_name: Bytes,
    /// Groups of the last regex that matched, and what they point into.
    pub groups: RefCell<(Captures, Bytes)>,
    /// Variables that are being evaluated, one for the sake of the other.
    pub depth: Cell<u8>,
    /// The file's own variables, by slot.
    pub slots: RefCell<Vec<Option<Bytes>>>,
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
    /// nginx has taken that back: the connection serves the next request already, or the answer was not whole.
    pub released: Cell<bool>,
    pub lingering: bool,
    /// Whether the client takes gzip, as far as that was asked.
    pub accepts: Cell<Accepts>,
    /// `$request_filename` was asked for, and there was one.
    pub file_named: Cell<bool>,
    /// `$limit_rate` in bytes a second: as something set it, or as it is used.
    pub limit_rate: Cell<Option<u64>>,
    /// The answer goes on as it comes: nothing limits it, whatever was set, once its head is made.
    pub unlimited: bool,
    /// The status sent, for the log and for variables.
    pub status: Cell<u16>,
    /// The fields of the head as it was sent, for `$sent_http_…`.
    pub sent_fields: RefCell<FieldLines>,
    /// The trailers that the body ended with, as lines.
    pub sent_trailers: RefCell<FieldLines>,
    pub bytes_sent: Cell<u64>,
    pub head_sent: Cell<u64>,
    pub complete: Cell<bool>,
    /// Bytes that came to the gzip filter and that left it, once its answer is whole.
    pub gzipped: Rc<Cell<(u64, u64)>>,
    /// What happened with upstreams, in order.
    pub upstreams: Rc<UpstreamStates>,
    /// `$proxy_host`, `$proxy_port` of the proxy that is answering.
    pub proxy_host: Option<Bytes>,
    pub proxy_port: Option<Bytes>,
    /// `$proxy_internal_body_length`: the length of the body to an upstream; `None` is chunked or none.
    pub proxy_body_length: Option<u64>,
    /// `$proxy_internal_chunked`
    pub proxy_chunked: bool,
    /// The body, once read as a whole.
    pub buffered_body: Option<Box<Spool>>,
    /// The file that it went to.
    pub body_file: Option<BodyFile>,
    /// The answer has no head (an upstream spoke HTTP/0.9).
    pub answer_bare: bool,
    /// No server could be chosen: a `server_name` pattern ran away.
    pub unchosen: Option<crate::config::regex::MatchError>,
    /// `rewrite_log` of the level whose directives run; an `if` among them has no say.
    pub rewrite_log: bool,
    /// Given up without an answer (nginx's `ngx_http_terminate_request`): not complete, for the log.
    pub terminated: bool,
    /// A filter replaced the answer: nginx closes the connection behind it, whatever the head says.
    pub filter_finalized: bool,
    /// Where the next standard page of a redirect leads.
    pub redirect_to: Option<Bytes>,
    /// The first `Location` is that of a redirect in whose place an upstream redirects elsewhere: the next one counts.
    pub location_is_second: Cell<bool>,
    /// The body is being thrown away: its size is not checked again.
    pub discarding: bool,
    /// Fields that stay for whatever answer comes next (`Content-Range` of a 416), as nginx's list of headers does.
    pub carried: Vec<(Bytes, Bytes)>,
    /// `Server` and `Date` are among them, or are not to be said.
    pub carries_server: bool,
    pub carries_date: bool,
    /// The type that stays for an answer that has no type of its own (`X-Accel-Redirect`).
    pub carried_type: Option<Box<CarriedType>>,
    /// Of an answer that could not be sent as it was asked for (416).
    pub remains: Remains,
    /// `X-Accel-Charset` of an answer: it stays for whatever is answered in its place.
    pub override_charset: Option<Bytes>,
    /// `add_trailer` had something for an answer of this request, be it not the one that is sent (nginx's `expect_trailers`).
    pub expects_trailers: Cell<bool>,
    /// What the request is at, as error lines say it (nginx's `log->action`): "reading response header from upstream".
    pub action: Cell<Option<&'static str>>,
    pub request_id: std::cell::OnceCell<Bytes>,
    /// `$secure_link_expires`, once `$secure_link` was asked for.
    pub secure_link_expires: RefCell<Option<Bytes>>,
    /// What `userid` knows of the client, once it was asked for.
    pub user_id: RefCell<Option<Box<UserId>>>,
    /// Variables that keep the value they had when first asked for.
    pub first_values: RefCell<Vec<(Var, Option<Bytes>)>>,
    /// The answer was sent or given up: only the log is left.
    pub is_over: Cell<bool>,
}

/// What stays of an answer for the one that is sent in its place, be it another location's.
#[derive(Debug, Default)]
pub struct Remains {
    pub charset: Bytes,
    /// It could be cut into ranges, or into one only.
    pub allow_ranges: bool,
    pub single_range: bool,
    pub last_modified: Option<i64>,
    pub last_modified_in_headers: bool,
    /// Its `Location` stood before all other fields.
    pub location_first: bool,
}

/// A type, the length of it without its charset, and its charset.
pub type CarriedType = (Bytes, Option<usize>, Bytes);

/// Internal redirects before nginx gives up (`NGX_HTTP_MAX_URI_CHANGES`).
pub const MAX_URI_CHANGES: u8 = 10;

impl Request {
    pub fn listen(&self) -> Option<&Listen> {
        self.model.listens.get(self.listen)
    }

    /// Keeps the groups of a regex that matched, and sets the variables that it names.
    pub fn set_captures(&self, matched: Matched) {
        for &(group, slot) in &matched.regex.slots {
            let value = matched.captures.get(group).copied().flatten();
            let value =
                value.map(|(start, end)| matched.subject.slice(start as usize..end as usize));
            self.set_slot(slot, value);
        }
        self.groups.replace((matched.captures, matched.subject));
    }

    /// Gives a variable of the file's own its value.
    pub fn set_slot(&self, slot: u16, value: Option<Bytes>) {
        if let Some(place) = self.slots.borrow_mut().get_mut(usize::from(slot)) {
            *place = value;
        }
    }

    /// What a module knew of the request is gone when it goes on in another location (nginx clears its contexts).
    pub fn forget_contexts(&mut self) {
        self.proxy_host = None;
        self.proxy_port = None;
        self.proxy_body_length = None;
        self.proxy_chunked = false;
        self.secure_link_expires.take();
        self.user_id.take();
    }

    /// What a location says about connections: after so many requests, or so much time, the connection ends.
    pub fn apply_location_limits(&mut self) {
        self.apply_limit_except();
        self.handler = self.location.handler.or(self.handler);
        let core = &self.location.core;
        if self.keep_alive
            && (core.keepalive_timeout.is_zero()
                || self.connection.requests.get() >= core.keepalive_requests
                || self.age() > core.keepalive_time
                || self.is_trouble_to_keep())
        {
            self.keep_alive = false;
        }
    }

    /// How old the connection was when the request began: a request takes no second look at the clock for it.
    fn age(&self) -> Duration {
        self.started
            .saturating_duration_since(self.connection.started)
    }

    /// `keepalive_disable`
    fn is_trouble_to_keep(&self) -> bool {
        let (rules, browser) = (&self.location.filters.browsers, &self.head.browser);
        browser.msie6 && rules.no_keepalive_msie6 && self.method == Method::Post
            || browser.safari && rules.no_keepalive_safari
    }

    /// `$status`: what `error_page` made of it counts before what the filters did.
    pub fn status(&self) -> u16 {
        match self.err_status {
            0 => self.status.get(),
            status => status,
        }
    }

    /// Notes a step where steps are noted (`explain`).
    #[inline]
    pub fn note(&self, step: impl FnOnce() -> Step) {
        if let Some(trace) = self.worker.effects.trace() {
            trace.push(step());
        }
    }

    /// Bytes sent for this request until now, as variables tell.
    pub fn sent_so_far(&self) -> u64 {
        match self.is_over.get() {
            true => self.bytes_sent.get(),
            false => self.connection.sent.get().max(self.body.sent_before()),
        }
    }
}
