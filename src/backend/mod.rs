//! The demo backend: the application that the lesson puts behind the proxy.
//!
//! It takes the place of the lesson's Flask program and is an ordinary actix-web [`App`] on an
//! ordinary [`HttpServer`]: a learner who wants to see plain actix-web reads this folder. It knows
//! nothing of the front server, nor of nginx.
//!
//! * `echo`: `/`, `/users` and `/inspect`, which show what arrived.
//! * `practice`: slow, failing, large and endless answers to practise a proxy with.
//! * `answer`: JSON as Flask writes it, and errors as JSON.

mod answer;
mod echo;
mod practice;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::{Condition, DefaultHeaders};
use actix_web::rt::signal::unix::{Signal, SignalKind, signal};
use actix_web::{App, HttpServer, web};
use futures::future::{Either, select};

/// How long a graceful stop waits for answers that are under way, in seconds.
const SHUTDOWN_SECONDS: u64 = 3;

/// How many connections the kernel may hold ready before they are accepted.
const BACKLOG: i32 = 1024;

/// The header in which a backend that has a name says it.
const NAME_HEADER: HeaderName = HeaderName::from_static("x-backend");

/// What can go wrong before a backend answers, or while it runs.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The address could not be taken: another program has it, or it is not this machine's.
    #[error("the backend cannot listen on {address}: {source}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The name is not fit for a header.
    #[error("\"{0}\" is not a name for a backend: use 1 to 64 letters, digits, '-', '.' or '_'")]
    Name(String),
    /// The server did not start or ended with an error.
    #[error("the backend stopped: {0}")]
    Serve(#[from] io::Error),
}

/// How a backend is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name that its answers say (`X-Backend`, and `"backend"` in `/` and `/inspect`), to tell
    /// several backends apart.
    pub name: Option<String>,
    /// How many threads serve requests.
    pub workers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: None,
            workers: 1,
        }
    }
}

/// A backend that accepts connections as soon as `server` is awaited or spawned.
pub struct Backend {
    /// The future that serves; it ends when the backend has been stopped.
    pub server: Server,
    /// Stops the backend: `handle.stop(true)` lets answers under way finish, for
    /// at most three seconds; `handle.stop(false)` cuts them.
    pub handle: ServerHandle,
    /// Where it listens (the port that was chosen, if port 0 was asked for).
    pub address: SocketAddr,
}

/// What all workers of one backend share.
struct Shared {
    name: Option<String>,
    flaky: practice::FlakyCounts,
}

/// Takes `address` (port 0: any free one) and listens on it.
///
/// # Errors
/// [`BackendError::Bind`] with the address and the operating system's reason.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BackendError> {
    let listen = || {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        // A restarted backend must not wait for the last one's connections to be forgotten.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from(socket))
    };
    listen().map_err(|source| BackendError::Bind { address, source })
}

/// Makes a backend that serves on `listener`. It handles no signals: who starts it stops it.
/// Call it within an actix runtime.
///
/// # Errors
/// [`BackendError::Name`] for a name that no header can carry, [`BackendError::Serve`] if the
/// listener cannot be used.
pub fn start(listener: TcpListener, options: Options) -> Result<Backend, BackendError> {
    let name_value = options.name.as_deref().map(name_value).transpose()?;
    let address = listener.local_addr()?;
    let shared = web::Data::from(Arc::new(Shared {
        name: options.name,
        flaky: practice::FlakyCounts::default(),
    }));
    let server = HttpServer::new(move || {
        let mut name = DefaultHeaders::new();
        if let Some(value) = &name_value {
            name = name.add((NAME_HEADER, value.clone()));
        }
        App::new()
            .app_data(shared.clone())
            .wrap(Condition::new(name_value.is_some(), name))
            .configure(echo::routes)
            .configure(practice::routes)
            .default_service(web::to(answer::not_found))
    })
    .workers(options.workers)
    .tcp_nodelay(true)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .listen(listener)?
    .run();
    Ok(Backend {
        handle: server.handle(),
        server,
        address,
    })
}

/// Runs one backend in the foreground until INT or TERM: `proxy-lab backend`. The first line on
/// the standard output says where it listens. A second signal ends it at once.
///
/// # Errors
/// As [`bind`] and [`start`], and what ends the server early.
pub fn run_alone(address: SocketAddr, options: Options) -> Result<(), BackendError> {
    let listener = bind(address)?;
    actix_web::rt::System::new().block_on(async move {
        let backend = start(listener, options)?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        announce(backend.address);
        let handle = backend.handle;
        let stopper = async move {
            first_of(&mut interrupt, &mut terminate).await;
            // Not awaited: the graceful stop goes on while a second signal is listened for.
            drop(actix_web::rt::spawn(handle.stop(true)));
            first_of(&mut interrupt, &mut terminate).await;
        };
        match select(backend.server, Box::pin(stopper)).await {
            Either::Left((ended, _)) => Ok(ended?),
            Either::Right(_) => Ok(()),
        }
    })
}

async fn first_of(one: &mut Signal, other: &mut Signal) {
    select(Box::pin(one.recv()), Box::pin(other.recv())).await;
}

/// Who started the program may have closed its standard output: then nobody wants the line.
fn announce(address: SocketAddr) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "backend listening on http://{address}").and_then(|()| out.flush());
}

/// Whether a backend can be called so.
///
/// # Errors
/// [`BackendError::Name`], which says what a name is made of.
pub fn check_name(name: &str) -> Result<(), BackendError> {
    name_value(name).map(drop)
}

fn name_value(name: &str) -> Result<HeaderValue, BackendError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let refused = || BackendError::Name(name.to_owned());
    if !(1..=64).contains(&name.len()) || !name.chars().all(fits) {
        return Err(refused());
    }
    HeaderValue::from_str(name).map_err(|_| refused())
}
