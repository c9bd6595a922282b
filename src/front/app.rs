//! The actix-web application of a worker: one default service that answers every request as the model says.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use actix_http::{Payload, Request as HttpRequest};
use actix_service::boxed::BoxService;
use actix_service::{Service, ServiceFactory, fn_service, map_config};
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::{App, HttpMessage, HttpResponse};
use bytes::Bytes;

use crate::config::model::{HeadSettings, Model, Server};
use crate::wire::answer::{Answer, Body, End, Outcome};
use crate::wire::connection::Connection;
use crate::wire::head::Method;
use crate::wire::request_parser::HeadLimits;
use crate::wire::serve::{Gone, Handler, Incoming, Unasked};

use super::choose::How;
use super::proxy::states::UpstreamStates;
use super::request::{MAX_URI_CHANGES, Remains, Request};
use super::worker::Worker;
use super::{choose, filters, log, phases, proxy, story, trace, unasked};

/// What travels through actix-web beside the plain request.
struct FrontRequest {
    incoming: Incoming,
    listen: usize,
    model: Arc<Model>,
    worker: Rc<Worker>,
    last: bool,
}

/// actix-web's service, its type put away.
pub type AppService = BoxService<HttpRequest, ServiceResponse, actix_web::Error>;

/// The application as the connection loop calls it.
pub struct Application<S> {
    service: S,
}

/// Makes the application of a worker.
///
/// # Errors
/// actix-web could not make its services.
pub async fn application() -> Result<Application<AppService>, ()> {
    // Boxed where it is made: the layers above move what they are given, and box it again.
    let app = App::new().default_service(fn_service(|request| Box::pin(answer_service(request))));
    let factory = map_config(
        actix_service::IntoServiceFactory::into_factory(app),
        |_: ()| AppConfig::default(),
    );
    let service = factory.new_service(()).await.map_err(|_: ()| ())?;
    Ok(Application {
        service: actix_service::boxed::service(service),
    })
}

/// A server's rules for heads, in the wire's terms.
pub fn head_limits(head: &HeadSettings) -> HeadLimits {
    HeadLimits {
        buffer_size: head.client_header_buffer_size,
        large_buffers: head.large_client_header_buffers,
        ignore_invalid_headers: head.ignore_invalid_headers,
        underscores: head.underscores_in_headers,
        merge_slashes: head.merge_slashes,
        max_headers: head.max_headers,
    }
}

/// Serves the requests that reach one address.
pub struct AtListen<'a, S> {
    pub application: &'a Application<S>,
    pub listen: usize,
    pub model: &'a Arc<Model>,
    pub worker: &'a Rc<Worker>,
    /// The connection ends with this answer (it was opened before a reload).
    pub last: bool,
}

impl<S> Handler for AtListen<'_, S>
where
    S: Service<HttpRequest, Response = ServiceResponse, Error = actix_web::Error>,
{
    fn limits(&self, host: &[u8]) -> Option<HeadLimits> {
        let listens = &self.model.listens;
        let at = listens.get(self.listen).filter(|at| at.heads_differ)?;
        let host = Bytes::from(host.to_ascii_lowercase());
        match choose::server(at, &host) {
            (_, How::Failed(_)) => None,
            (server, _) => Some(head_limits(&server.head)),
        }
    }

    fn unasked(&self, connection: &Connection, end: Unasked) {
        if let Some(at) = self.model.listens.get(self.listen) {
            unasked::log(&self.worker.logs, at, connection, end);
        }
    }

    async fn handle(&self, incoming: Incoming) -> Answer {
        let mut request = HttpRequest::with_payload(Payload::None);
        request.head_mut().peer_addr = incoming.connection.peer;
        request.extensions_mut().insert(FrontRequest {
            incoming,
            listen: self.listen,
            model: self.model.clone(),
            worker: self.worker.clone(),
            last: self.last,
        });
        let answered = self.application.service.call(request).await;
        let answer = answered
            .ok()
            .and_then(|mut response| response.response_mut().extensions_mut().remove::<Answer>());
        answer.unwrap_or_else(|| {
            ::log::error!("a request was lost on its way through the application");
            Answer::nothing()
        })
    }
}

/// The default service: takes the raw request out, puts the answer in.
async fn answer_service(request: ServiceRequest) -> Result<ServiceResponse, actix_web::Error> {
    let taken = begun(&request);
    let answer = match taken {
        Some((r, gone)) => Some(answer(r, gone).await),
        None => None,
    };
    let mut response = HttpResponse::new(StatusCode::OK);
    if let Some(answer) = answer {
        response.extensions_mut().insert(answer);
    }
    Ok(request.into_response(response))
}

/// The raw request, in one place from here to its log line; and how its client left, if it did.
fn begun(request: &ServiceRequest) -> Option<(Box<Request>, Option<Gone>)> {
    let front = request.extensions_mut().remove::<FrontRequest>()?;
    let gone = front.incoming.gone;
    Some((Box::new(begin(front)), gone))
}

/// Answers a request and arranges for its log line.
async fn answer(mut r: Box<Request>, gone: Option<Gone>) -> Answer {
    let mut answer = match gone {
        Some(gone) => phases::gone(&mut r, gone),
        None => phases::run(&mut r).await,
    };
    proxy::sending(&r);
    let silent = answer.silent;
    // What is there as a whole is at its end before any of it is sent.
    if !answer.has_trailers && !matches!(answer.body, Body::Stream(_)) {
        note_trailers(&r);
    }
    if answer.has_trailers {
        let r: Rc<Request> = r.into();
        let status = r.status.get();
        let of_trailers = r.clone();
        answer.trailers = Some(Box::new(move || filters::trailers(&of_trailers, status)));
        answer.done = Some(Box::new(move |outcome| finish(&r, outcome, silent)));
    } else {
        answer.done = Some(Box::new(move |outcome| finish(&r, outcome, silent)));
    }
    answer
}

/// The request before its first phase: its server is chosen, nothing else.
fn begin(front: FrontRequest) -> Request {
    // Held apart, so that how the server was chosen can point into it while the request owns the other.
    let model = front.model.clone();
    let (server, how) = chosen(&model, front.listen, &front.incoming);
    let mut r = received(front, server.clone());
    r.note(|| trace::server_step(&r, &how));
    r.note(|| trace::uri_step(&r));
    match how {
        How::Regex(matched) => r.set_captures(matched),
        How::Failed(error) => r.unchosen = Some(error),
        _ => {}
    }
    r
}

/// Without a host, a server is chosen only when the whole head was read.
fn chosen<'a>(model: &'a Model, listen: usize, incoming: &Incoming) -> (&'a Arc<Server>, How<'a>) {
    let head = &incoming.head;
    let is_partial = incoming.gone.is_some() || head.bad.as_ref().is_some_and(|bad| !bad.whole);
    match model.listens.get(listen) {
        Some(at) if is_partial && !head.has_host => (&at.default_server, How::Default),
        Some(at) => choose::server(at, &head.host),
        // A listen that the model does not have cannot have accepted; its first server stands in.
        None => (&model.servers[0], How::Default),
    }
}

/// A request of which nothing is known but what came.
fn received(front: FrontRequest, server: Arc<Server>) -> Request {
    let FrontRequest {
        incoming,
        listen,
        model,
        worker,
        last,
    } = front;
    let Incoming {
        connection,
        head,
        body,
        started,
        ..
    } = incoming;
    Request {
        location: server.scope.clone(),
        uri: head.uri.clone(),
        args: head.args.share(&head.raw),
        nothing_is_folder: false,
        args_given: false,
        uri_as_received: true,
        valid_location: true,
        uri_changed: false,
        add_uri_to_alias: false,
        method: head.method,
        method_name: head.method_name.share(&head.raw),
        groups: RefCell::default(),
        depth: Cell::new(0),
        slots: RefCell::new(vec![None; model.slots.len()]),
        internal: false,
        uri_changes: MAX_URI_CHANGES + 1,
        error_page: false,
        err_status: 0,
        keep_alive: head.keep_alive && !last,
        released: Cell::new(false),
        lingering: head.content_length.is_some_and(|n| n > 0) || head.chunked,
        accepts: Cell::default(),
        file_named: Cell::new(false),
        limit_rate: Cell::new(None),
        unlimited: false,
        status: Cell::new(0),
        sent_fields: RefCell::default(),
        sent_trailers: RefCell::default(),
        bytes_sent: Cell::new(0),
        head_sent: Cell::new(0),
        complete: Cell::new(false),
        gzipped: Rc::default(),
        upstreams: Rc::new(UpstreamStates::default()),
        proxy_host: None,
        proxy_port: None,
        proxy_body_length: None,
        proxy_chunked: false,
        buffered_body: None,
        body_file: None,
        answer_bare: false,
        unchosen: None,
        rewrite_log: false,
        terminated: false,
        filter_finalized: false,
        redirect_to: None,
        location_is_second: Cell::new(false),
        carries_server: false,
        carries_date: false,
        handler: None,
        secure_link_expires: RefCell::default(),
        user_id: RefCell::default(),
        discarding: false,
        carried: Vec::new(),
        carried_type: None,
        remains: Remains::default(),
        override_charset: None,
        expects_trailers: Cell::new(false),
        action: Cell::new(None),
        request_id: std::cell::OnceCell::new(),
        first_values: RefCell::default(),
        is_over: Cell::new(false),
        worker,
        model,
        listen,
        connection,
        head,
        body,
        started,
        server,
    }
}

/// Notes what the body ends with for a client that gets no trailers: nginx adds them to any body's end.
fn note_trailers(r: &Request) {
    let has_body = r.method != Method::Head && !matches!(r.status.get(), 204 | 304);
    if r.expects_trailers.get() && has_body && r.sent_trailers.borrow().is_empty() {
        filters::trailers(r, r.status.get());
    }
}

/// The answer was sent, or given up, or there was none: write the log.
fn finish(r: &Request, outcome: &Outcome, silent: bool) {
    r.bytes_sent.set(outcome.sent);
    r.released.set(outcome.kept || outcome.end == End::Cut);
    // nginx ends its answer in good order where only the upstream's broke off.
    let ended = match outcome.end {
        End::Complete => !silent && !r.terminated && !r.filter_finalized,
        End::Cut => r.upstreams.url().is_some(),
        _ => false,
    };
    r.complete.set(ended);
    if let Some((call, error)) = r.connection.write_error.take() {
        // The status stays that of the answer, even where no byte of it was taken.
        let message = format!("{call} failed ({})", log::os_error(&error));
        log::error(r, log::level_of_clients(&error), &message);
    } else if outcome.end == End::ClientLeft && outcome.sent == 0 {
        r.status.set(499);
    } else if outcome.end == End::TimedOut && outcome.sent == 0 {
        r.status.set(408);
    }
    note_trailers(r);
    r.is_over.set(true);
    unasked::keep_logs(r);
    r.action.set(Some("logging request"));
    if r.worker.effects.happen() {
        log::access(r);
    }
    r.note(|| trace::end_step(r));
    if let Some(tell) = &r.worker.story {
        tell(&story::line(r));
    }
}
