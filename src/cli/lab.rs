//! Lab mode: the lesson's two servers in one process, with the story of each request on the terminal.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use futures::future::{Either, select};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::backend;
use crate::config::model::ListenAddress;
use crate::config::{FolderMap, LoadOptions};
use crate::course::client::quoted;
use crate::front::log::{LogError, Logs};
use crate::front::server::{self, Bound, Control, FrontError, FrontOptions, Stop};
use crate::front::worker::{AddressMap, Product};

use super::beside::{self, Beside};
use super::control::{BackendSwitch, ControlFile};
use super::paths::{Mode, Places};
use super::reload::Reloader;
use super::{Arguments, CliError};

/// Starts the servers and serves until INT or TERM.
pub fn run(
    arguments: &Arguments,
    places: &Places,
    load: &LoadOptions,
    both: bool,
) -> Result<ExitCode, CliError> {
    let model = super::serve::load_model(load, arguments.colours());
    let model = Arc::new(model.map_err(|error| places.explained(error))?);
    let warning = super::limits::raise(model.process.worker_connections);
    let options = FrontOptions {
        story: Some(Arc::new(|line: &str| {
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        })),
        ..front_options(arguments, Mode::Lab)
    };
    let logs = Arc::new(Logs::open(&model, true).map_err(unwritable_log)?);
    // Everything is bound before anything starts: nothing is left half-started.
    let file = places.shown();
    let bound = server::bind(&model, &options, &|_, _| {})
        .map_err(|error| front_taken(error, &file, &[]))?;
    let listeners = match bind_backends(wanted_backends(arguments, both), &bound, &file) {
        Ok(listeners) => listeners,
        Err(error) => {
            bound.iter().for_each(Bound::forget);
            return Err(error);
        }
    };
    let switch = BackendSwitch::default();
    let own: Vec<SocketAddr> = listeners
        .iter()
        .flat_map(|(_, listener)| listener.local_addr())
        .collect();
    let mut beside = both.then(|| Beside::new(switch.clone()));
    let further = match &mut beside {
        Some(beside) => beside.take(places, &own),
        None => Vec::new(),
    };
    let notes: Vec<String> = beside.iter().flat_map(|b| b.notes.clone()).collect();
    let notes: Vec<String> = warning.into_iter().chain(notes).collect();
    announce(
        places, &model, &bound, &listeners, &further, arguments, &notes,
    );
    let root = places.root.clone();
    let (watching, places) = (Arc::new(arguments.clone()), places.clone());
    actix_rt::System::new().block_on(async move {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        // Before anything is answered: who sees the lab answer can give it orders.
        let (ask, looks) = mpsc::channel(1);
        let _file = ControlFile::serve(&root, switch.clone(), ask.clone());
        let control = server::start(model.clone(), logs, bound, options)?;
        for (name, listener) in listeners {
            switch.start(name, listener)?;
        }
        if let Some(beside) = &mut beside {
            beside.start(further);
        }
        // Without reloading they stay as they are, to the end.
        let kept = if watching.no_reload {
            beside
        } else {
            let reloader = Reloader::new(watching, control.clone(), places, model, own, beside);
            actix_rt::spawn(reloader.run(looks));
            None
        };
        first_of(&mut interrupt, &mut terminate).await;
        drop((kept, ask));
        let again = first_of(&mut interrupt, &mut terminate);
        end(&control, &switch, again).await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Ends what is under way within a bound; a second signal ends it at once.
async fn end(control: &Control, switch: &BackendSwitch, again: impl Future<Output = ()>) {
    let gentle = async {
        let bound = Some(server::FAREWELL);
        control.stop(Stop::After { bound }).await;
        switch.stop_all(true).await;
    };
    match select(Box::pin(gentle), Box::pin(again)).await {
        Either::Left(_) | Either::Right(_) => {}
    }
}

/// How the front runs in a mode, but for stories.
pub fn front_options(arguments: &Arguments, mode: Mode) -> FrontOptions {
    let product = arguments.product.as_deref();
    let sockets = AddressMap::of_folders(FolderMap::new(arguments.map.clone()));
    FrontOptions {
        listen_map: sockets.clone(),
        dial_map: sockets,
        product: product.map(Product::new).unwrap_or_default(),
        loopback_only: mode == Mode::Lab && !arguments.public,
        become_user: mode == Mode::Nginx,
        patient: mode == Mode::Nginx,
        ..FrontOptions::default()
    }
}

async fn first_of(one: &mut Signal, other: &mut Signal) {
    select(Box::pin(one.recv()), Box::pin(other.recv())).await;
}

/// The demo backend unless it is not wanted, and those named on the command line.
fn wanted_backends(arguments: &Arguments, both: bool) -> Vec<(Option<String>, SocketAddr)> {
    if !both {
        return Vec::new();
    }
    let demo = (!arguments.no_backend).then_some((None, arguments.backend_listen));
    let named = arguments
        .backends
        .iter()
        .map(|b| (Some(b.name.clone()), b.address));
    demo.into_iter().chain(named).collect()
}

/// Takes the addresses of demo backends.
///
/// # Errors
/// One is taken, by the file itself or by another program, or not this machine's.
pub fn bind_backends(
    wanted: Vec<(Option<String>, SocketAddr)>,
    bound: &[Bound],
    file: &str,
) -> Result<Vec<(Option<String>, TcpListener)>, CliError> {
    let bind = |(name, address): (Option<String>, SocketAddr)| {
        let own = ListenAddress::Inet(address);
        let of_the_file = bound.iter().any(|front| front.address == own);
        match bind_backend(name.as_deref(), address) {
            Err(_) if of_the_file && name.is_none() => Err(CliError::Taken(format!(
                "proxy-lab: {file} listens on {address}, which is the backend's address.\n\
                 Write another port behind `listen` in {file}, such as 3000."
            ))),
            listener => Ok((name, listener?)),
        }
    };
    wanted.into_iter().map(bind).collect()
}

/// A log that cannot be opened, with what a learner can do about it.
fn unwritable_log(error: LogError) -> CliError {
    let folder = error.path.parent().unwrap_or(Path::new("."));
    let folder = quoted(&folder.display().to_string());
    let advice = match error.source.kind() {
        std::io::ErrorKind::PermissionDenied => format!(
            "Did another user, root perhaps, run it here before? This gives the folder back to you:\n  \
             sudo chown -R \"$USER\" {folder}"
        ),
        std::io::ErrorKind::NotFound => {
            format!("Its folder is missing. This makes it:\n  mkdir -p {folder}")
        }
        _ => return CliError::Log(error),
    };
    CliError::Taken(format!("{}\n{advice}", CliError::Log(error)))
}

/// What to do about an address that cannot be had: `file` wants it, and `ours` are the backends of this lab.
pub fn front_taken(error: FrontError, file: &str, ours: &[SocketAddr]) -> CliError {
    let FrontError::Bind { address, source } = &error else {
        return CliError::Front(error);
    };
    if source.kind() == std::io::ErrorKind::AddrInUse {
        if ours.iter().any(|own| own.to_string() == *address) {
            return CliError::Taken(format!(
                "proxy-lab: {address} is taken: a backend of this lab listens there.\n\
                 Write another port behind `listen` in {file}, such as 3000."
            ));
        }
        return CliError::Taken(format!(
            "proxy-lab: {address} is taken: another program listens there.\n\
             Is a lab running in another terminal? Stop it with Ctrl-C, or change the port in `listen` in {file}."
        ));
    }
    if source.kind() == std::io::ErrorKind::PermissionDenied {
        return CliError::Taken(format!(
            "proxy-lab: {address} may not be used: ports below 1024 need root.\n\
             Choose a port above 1023 in `listen` in {file}, such as 3000."
        ));
    }
    CliError::Front(error)
}

/// Binds a backend's address, or says what to do where it cannot be had.
pub fn bind_backend(name: Option<&str>, address: SocketAddr) -> Result<TcpListener, CliError> {
    backend::bind(address).map_err(|error| match name {
        None => backend_taken(error, address),
        Some(name) => named_backend_taken(error, name),
    })
}

fn backend_taken(error: backend::BackendError, address: SocketAddr) -> CliError {
    match &error {
        backend::BackendError::Bind { source, .. }
            if source.kind() == std::io::ErrorKind::AddrInUse =>
        {
            let apple = if cfg!(target_os = "macos") && address.port() == 5000 {
                "\nOn macOS it may be AirPlay: System Settings → General → AirDrop & Handoff → AirPlay Receiver off."
            } else {
                ""
            };
            CliError::Taken(format!(
                "proxy-lab: {address} is taken: another program listens there.\n\
                 Your own backend? Run with --no-backend: proxy-lab --no-backend\n\
                 Another program that must stay? Give the demo backend a port of its own, in `proxy_pass` in \
                 lab/nginx.conf too: proxy-lab --backend-listen 127.0.0.1:5001{apple}"
            ))
        }
        _ => CliError::Backend(error),
    }
}

fn named_backend_taken(error: backend::BackendError, name: &str) -> CliError {
    let backend::BackendError::Bind { address, source } = &error else {
        return CliError::Backend(error);
    };
    let (what, advice) = match source.kind() {
        std::io::ErrorKind::AddrInUse => (
            "taken, by a server of this lab or by another program",
            "Every backend needs an address of its own, such as 127.0.0.1:5001",
        ),
        std::io::ErrorKind::AddrNotAvailable => (
            "not an address of this machine",
            "127.0.0.1 always is, such as 127.0.0.1:5001",
        ),
        _ => return CliError::Backend(error),
    };
    CliError::Taken(format!(
        "proxy-lab: --backend {name}={address}: the address is {what}.\n{advice}."
    ))
}

/// An address as one types it: `http://127.0.0.1:3000`, `unix:/path`.
pub fn shown(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Inet(address) => format!("http://{address}"),
        unix => crate::config::net::text(unix),
    }
}

/// Says what runs where, what is served, and what to try.
fn announce(
    places: &Places,
    model: &crate::config::model::Model,
    bound: &[Bound],
    backends: &[(Option<String>, TcpListener)],
    further: &beside::Taken,
    arguments: &Arguments,
    notes: &[String],
) {
    let mut text = format!("Proxy Lab {}\n\n", env!("CARGO_PKG_VERSION"));
    let file = places.prefix.join(&places.file);
    for (n, at) in bound.iter().enumerate() {
        let what = if n == 0 {
            format!("serves {}", file.display())
        } else {
            String::new()
        };
        text.push_str(&format!("  front    {:<28} {what}\n", shown(&at.address)));
    }
    text.push_str(&backends_shown(backends, further));
    let wildcard = model.listens.iter().any(|l| l.options.wildcard);
    if wildcard && !arguments.public {
        text.push_str(
            "\nOnly this machine can connect (nginx would let the network in: --public does).\n",
        );
    }
    for note in notes {
        text.push_str(&format!("\nNote: {note}\n"));
    }
    let mut ports = bound.iter().filter_map(|at| match at.address {
        ListenAddress::Inet(address) => Some(address.port()),
        ListenAddress::Unix(_) => None,
    });
    if let Some(exercise) = places.exercise() {
        text.push_str(&format!(
            "\nThis is an exercise. What to do: lab/work/{exercise}/README.md\n\
             Back to the lesson: proxy-lab start lesson\n"
        ));
    } else if let Some(port) = ports.next() {
        text.push_str(&to_try(port, backends));
    }
    if !arguments.no_reload {
        text.push_str("\nSave the file, and it is served at once.");
    }
    text.push_str("\nCtrl-C stops the lab. Each request tells its story here:\n");
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line for each backend.
fn backends_shown(backends: &[(Option<String>, TcpListener)], further: &beside::Taken) -> String {
    let mut text = String::new();
    for (name, listener) in backends {
        let address = listener
            .local_addr()
            .map(|a| a.to_string())
            .unwrap_or_default();
        let what = name.as_ref().map_or_else(
            || "the demo application behind it".to_owned(),
            |n| format!("a backend called {n}"),
        );
        text.push_str(&format!("  backend  http://{address:<21} {what}\n"));
    }
    for (wanted, _) in further {
        text.push_str(&format!(
            "  backend  http://{:<21} of this exercise: {}\n",
            wanted.address.to_string(),
            beside::what(wanted)
        ));
    }
    text
}

/// Three requests of the lesson.
fn to_try(port: u16, backends: &[(Option<String>, TcpListener)]) -> String {
    let mut text = format!(
        "\nTry, in another terminal:\n\
         \x20 curl http://localhost:{port}/api/users     through the proxy\n\
         \x20 curl http://localhost:{port}/api/          the headers that the backend saw\n"
    );
    let own = backends.first().and_then(|(_, l)| l.local_addr().ok());
    text.push_str(&match own {
        Some(backend) => format!(
            "  curl http://localhost:{}/users         the backend itself\n",
            backend.port()
        ),
        None => format!("  curl -i http://localhost:{port}/            a file\n"),
    });
    text
}
