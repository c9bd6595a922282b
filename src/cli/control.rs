//! Orders for a running lab from another terminal: `proxy-lab backend stop|start`.
//!
//! The running lab listens on a free loopback port and notes it, with a token, in a file of the project's that only its
//! user can read. An order is one line; its answer is all that follows.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

use crate::backend;

use super::CliError;

/// What can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    BackendStop,
    BackendStart,
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Order::BackendStop => "backend-stop",
            Order::BackendStart => "backend-start",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Order::BackendStop, Order::BackendStart]
            .into_iter()
            .find(|order| order.word() == word)
    }
}

/// An answer that takes longer than this is given up.
const PATIENCE: Duration = Duration::from_secs(10);

fn file_of(prefix: &Path) -> PathBuf {
    prefix.join("lab/.running")
}

/// Whether a lab runs for the project at `root`.
pub fn is_running(root: &Path) -> bool {
    let port = std::fs::read_to_string(file_of(root))
        .ok()
        .and_then(|note| note.split_whitespace().next()?.parse::<u16>().ok());
    port.is_some_and(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())
}

/// Gives an order to the lab that runs for the nearest folder upward.
///
/// # Errors
/// No lab runs, or it refused.
pub fn ask(order: Order) -> Result<ExitCode, CliError> {
    let here = std::env::current_dir().map_err(CliError::Folder)?;
    let prefix = super::paths::nearest_lab(&here)?;
    let not_running = || CliError::NotRunning {
        folder: prefix.display().to_string(),
    };
    let note = std::fs::read_to_string(file_of(&prefix)).map_err(|_| not_running())?;
    let mut words = note.split_whitespace();
    let port: u16 = words
        .next()
        .and_then(|w| w.parse().ok())
        .ok_or_else(not_running)?;
    let token = words.next().unwrap_or_default();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|_| not_running())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{token} {}\n", order.word()).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.trim_end().split_once(' ') {
        Some(("ok", text)) => {
            super::output::answer(text);
            Ok(ExitCode::SUCCESS)
        }
        Some((_, text)) => Err(CliError::Control(text.to_owned())),
        None => Err(not_running()),
    }
}

/// The backends of a running lab, to be taken down and up.
#[derive(Clone, Default)]
pub struct BackendSwitch {
    slots: Rc<RefCell<Vec<Slot>>>,
}

struct Slot {
    name: Option<String>,
    address: SocketAddr,
    running: Option<ServerHandle>,
}

impl BackendSwitch {
    /// Starts a backend on a socket that is bound.
    ///
    /// # Errors
    /// actix-web cannot serve on it.
    pub fn start(&mut self, name: Option<String>, listener: TcpListener) -> Result<(), CliError> {
        let address = listener.local_addr()?;
        let handle = serve_backend(&name, listener)?;
        self.slots.borrow_mut().push(Slot {
            name,
            address,
            running: Some(handle),
        });
        Ok(())
    }

    /// Stops every backend; gracefully within the backend's own bound.
    pub async fn stop_all(&self, graceful: bool) {
        let handles: Vec<_> = self
            .slots
            .borrow_mut()
            .iter_mut()
            .filter_map(|slot| slot.running.take())
            .collect();
        for handle in handles {
            handle.stop(graceful).await;
        }
    }

    fn start_all(&self) -> Result<(), CliError> {
        for slot in self
            .slots
            .borrow_mut()
            .iter_mut()
            .filter(|slot| slot.running.is_none())
        {
            let listener = super::lab::bind_backend(slot.name.as_deref(), slot.address)?;
            slot.running = Some(serve_backend(&slot.name, listener)?);
        }
        Ok(())
    }

    fn shown(&self) -> String {
        let slots = self.slots.borrow();
        slots
            .iter()
            .map(|slot| slot.address.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Noun and verb, for one or for several.
    fn words(&self) -> (&'static str, &'static str) {
        match self.slots.borrow().len() {
            1 => ("backend", "is"),
            _ => ("backends", "are"),
        }
    }

    async fn obey(&self, order: Order) -> String {
        if self.slots.borrow().is_empty() {
            return "no proxy-lab: this lab runs without a backend (--no-backend, or `front` alone)"
                .to_owned();
        }
        match order {
            Order::BackendStop => {
                self.stop_all(false).await;
                let (backends, are) = self.words();
                format!(
                    "ok the {backends} {are} down: {} {are} closed. Up again: proxy-lab backend start",
                    self.shown()
                )
            }
            Order::BackendStart => match self.start_all() {
                Ok(()) => {
                    let (backends, are) = self.words();
                    format!("ok the {backends} {are} up on {}", self.shown())
                }
                Err(error) => format!("no {error}"),
            },
        }
    }
}

fn serve_backend(name: &Option<String>, listener: TcpListener) -> Result<ServerHandle, CliError> {
    let options = backend::Options {
        name: name.clone(),
        ..backend::Options::default()
    };
    let started = backend::start(listener, options)?;
    actix_rt::spawn(started.server);
    Ok(started.handle)
}

/// The note of a running lab; removed when the lab ends.
pub struct ControlFile {
    path: PathBuf,
}

impl ControlFile {
    /// Listens for orders. `None` where the note cannot be written: the lab runs on without.
    pub fn serve(prefix: &Path, switch: BackendSwitch) -> Option<Self> {
        let path = file_of(prefix);
        match Self::begin(&path, switch) {
            Ok(()) => Some(Self { path }),
            Err(error) => {
                log::warn!(
                    "orders from another terminal will not work: {}: {error}",
                    path.display()
                );
                None
            }
        }
    }

    fn begin(path: &Path, switch: BackendSwitch) -> std::io::Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let token = token();
        let _ = std::fs::remove_file(path);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        // At once: whoever reads it meanwhile finds all or nothing.
        file.write_all(format!("{port} {token} {}\n", std::process::id()).as_bytes())?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (token, switch) = (token.clone(), switch.clone());
                actix_rt::spawn(async move {
                    let _ = tokio::time::timeout(PATIENCE, converse(stream, &token, &switch)).await;
                });
            }
        });
        Ok(())
    }
}

async fn converse(
    stream: tokio::net::TcpStream,
    token: &str,
    switch: &BackendSwitch,
) -> std::io::Result<()> {
    use tokio::io::AsyncReadExt;
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    tokio::io::BufReader::new(read.take(256))
        .read_line(&mut line)
        .await?;
    let order = line
        .trim_end()
        .split_once(' ')
        .filter(|(given, _)| *given == token)
        .and_then(|(_, w)| Order::parse(w));
    let answer = match order {
        Some(order) => switch.obey(order).await,
        None => "no proxy-lab: that is not an order".to_owned(),
    };
    write.write_all(format!("{answer}\n").as_bytes()).await
}

fn token() -> String {
    use std::hash::{BuildHasher, Hasher};
    format!(
        "{:016x}",
        std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish()
    )
}

impl Drop for ControlFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
