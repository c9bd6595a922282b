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
use tokio::sync::{mpsc, oneshot};

use crate::backend;

use super::CliError;

/// What can be ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    BackendStop,
    BackendStart,
    /// Look at once whether another file is to be served, or this one was saved.
    Look,
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Order::BackendStop => "backend-stop",
            Order::BackendStart => "backend-start",
            Order::Look => "look",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Order::BackendStop, Order::BackendStart, Order::Look]
            .into_iter()
            .find(|order| order.word() == word)
    }
}

/// Who asks that the lab looks, and where the answer goes: whether the file is served, and what else there is to say.
pub type Look = oneshot::Sender<Result<Vec<String>, Refused>>;

/// The file cannot be served; the lab's terminal says why.
#[derive(Debug, Clone, Copy)]
pub struct Refused;

/// What a running lab does with the file that it was asked to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    NoLab,
    /// It is served; more lines for the learner.
    Served(Vec<String>),
    /// It cannot be: what was served before still is.
    Refused,
    /// It takes nothing new.
    Fixed,
    /// No answer in time.
    NotYet,
}

/// An answer that takes longer than this is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The answer of a lab that does not look.
const FIXED: &str = "no this lab was started with --no-reload";

fn file_of(prefix: &Path) -> PathBuf {
    prefix.join("lab/.running")
}

/// Lets the lab that runs for the project at `root` look at what it is to serve, and waits until it does (within a bound).
pub fn look(root: &Path) -> Seen {
    let Ok(Some(answer)) = send(root, Order::Look) else {
        // Somebody listens and does not answer, or nobody does.
        return match reach(root) {
            Some(_) => Seen::NotYet,
            None => Seen::NoLab,
        };
    };
    let mut lines = answer.lines().map(str::to_owned);
    match lines.next().as_deref() {
        Some("ok served") => Seen::Served(lines.collect()),
        Some("ok refused") => Seen::Refused,
        Some(FIXED) => Seen::Fixed,
        _ => Seen::NotYet,
    }
}

/// Gives an order to the lab that runs for the nearest folder upward.
///
/// # Errors
/// No lab runs, or it refused.
pub fn ask(order: Order) -> Result<ExitCode, CliError> {
    let here = std::env::current_dir().map_err(CliError::Folder)?;
    let root = super::paths::nearest_lab(&here)?;
    let answer = send(&root, order)?;
    match answer.as_deref().and_then(|a| a.trim_end().split_once(' ')) {
        Some(("ok", text)) => {
            super::output::answer(text);
            Ok(ExitCode::SUCCESS)
        }
        Some((_, text)) => Err(CliError::Control(text.to_owned())),
        None => Err(CliError::NotRunning {
            folder: root.display().to_string(),
        }),
    }
}

/// The answer to an order; `None` where no lab runs.
fn send(root: &Path, order: Order) -> std::io::Result<Option<String>> {
    let Some((mut stream, token)) = reach(root) else {
        return Ok(None);
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{token} {}\n", order.word()).as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(Some(answer))
}

/// A connection to the lab that runs, and its token.
fn reach(root: &Path) -> Option<(TcpStream, String)> {
    let note = std::fs::read_to_string(file_of(root)).ok()?;
    let mut words = note.split_whitespace();
    let port: u16 = words.next()?.parse().ok()?;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    Some((stream, words.next().unwrap_or_default().to_owned()))
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
    pub fn start(&self, name: Option<String>, listener: TcpListener) -> Result<(), CliError> {
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

    /// Stops one for good; its address is free afterwards.
    pub async fn end(&self, address: SocketAddr) {
        let mut ended = None;
        self.slots.borrow_mut().retain_mut(|slot| {
            let is_it = slot.address == address;
            if is_it {
                ended = slot.running.take();
            }
            !is_it
        });
        if let Some(handle) = ended {
            handle.stop(false).await;
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

    async fn obey(&self, order: Order, looks: &mpsc::Sender<Look>) -> String {
        if order != Order::Look && self.slots.borrow().is_empty() {
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
            Order::Look => look_now(looks).await,
        }
    }
}

/// Has the lab look, and tells what came of it.
async fn look_now(looks: &mpsc::Sender<Look>) -> String {
    let (tell, told) = oneshot::channel();
    if looks.send(tell).await.is_err() {
        return FIXED.to_owned();
    }
    match told.await {
        Ok(Ok(lines)) => format!("ok served\n{}", lines.join("\n")),
        Ok(Err(Refused)) => "ok refused".to_owned(),
        Err(_) => "no the lab ends".to_owned(),
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
    pub fn serve(prefix: &Path, switch: BackendSwitch, looks: mpsc::Sender<Look>) -> Option<Self> {
        let path = file_of(prefix);
        match Self::begin(&path, switch, looks) {
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

    fn begin(path: &Path, switch: BackendSwitch, looks: mpsc::Sender<Look>) -> std::io::Result<()> {
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
                let (token, switch, looks) = (token.clone(), switch.clone(), looks.clone());
                actix_rt::spawn(async move {
                    let talk = converse(stream, &token, &switch, &looks);
                    let _ = tokio::time::timeout(PATIENCE, talk).await;
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
    looks: &mpsc::Sender<Look>,
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
        Some(order) => switch.obey(order, looks).await,
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
