//! The servers behind the proxy while an answer is graded: each on a private port, each noting what it received.
//!
//! In front of the demo backend stands a relay that reads a request, notes it, and passes it on as it came; so what
//! is asserted is what went over the socket, and the answers are those that a learner sees in the lab.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::checks::Scripted;
use super::message::Message;

mod demos;
mod relay;

use demos::Demos;

/// How long a connection may stay silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// A backend as a check.toml asks for it, its texts filled in.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub name: String,
    /// As the file names it.
    pub address: SocketAddr,
    pub behaviour: Behaviour,
    pub delay: Duration,
}

#[derive(Debug, Clone)]
pub enum Behaviour {
    Demo,
    /// Nobody listens.
    Down,
    HangsUp,
    Scripted(Scripted),
}

/// A request that a backend received.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub backend: String,
    pub request: Message,
}

/// The backends of one run; dropping them ends them.
pub struct Backends {
    running: Vec<Running>,
    demos: Option<Demos>,
    shared: Arc<Shared>,
    /// Bound and never listened on: a connection to it is refused.
    refusing: socket2::Socket,
    down: Vec<(SocketAddr, socket2::Socket)>,
}

struct Running {
    /// As the file names it.
    configured: SocketAddr,
    real: SocketAddr,
    /// It leads to the graded server itself.
    hop: bool,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    arrived: Mutex<Vec<Arrived>>,
    /// Nobody asks what has arrived: nothing is kept.
    deaf: bool,
    /// Requests of the graded server to itself, under way.
    hops: AtomicUsize,
    looped: AtomicBool,
}

impl Shared {
    fn arrived(&self) -> MutexGuard<'_, Vec<Arrived>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a relay does with a request.
#[derive(Clone)]
enum Part {
    /// Notes it under the name and passes it on to the demo backend.
    Demo {
        name: String,
        demo: SocketAddr,
    },
    HangsUp {
        name: String,
    },
    Scripted {
        name: String,
        answer: Scripted,
    },
    /// Passes it on to the graded server itself.
    Hop {
        to: SocketAddr,
    },
}

impl Backends {
    /// Starts them all.
    ///
    /// # Errors
    /// No port can be had, or the demo backend does not start.
    pub fn start(wanted: &[Wanted]) -> io::Result<Self> {
        let mut backends = Self::none(Shared::default())?;
        let names: Vec<String> = wanted
            .iter()
            .filter(|wanted| matches!(wanted.behaviour, Behaviour::Demo))
            .map(|wanted| wanted.name.clone())
            .collect();
        let demos = Demos::start(names)?;
        for wanted in wanted {
            match part(wanted, &demos)? {
                Some(part) => backends.relay(wanted.address, private()?, part, wanted.delay)?,
                None => backends.down.push((wanted.address, refusing()?)),
            }
        }
        backends.demos = Some(demos);
        Ok(backends)
    }

    /// One backend at an address that was taken for it, for people to try: nothing of it is noted.
    ///
    /// # Errors
    /// The demo backend behind it does not start.
    pub fn on(listener: TcpListener, wanted: &Wanted) -> io::Result<Self> {
        let mut backends = Self::none(Shared {
            deaf: true,
            ..Shared::default()
        })?;
        let demo = matches!(wanted.behaviour, Behaviour::Demo);
        let demos = Demos::start(Vec::from_iter(demo.then(|| wanted.name.clone())))?;
        if let Some(part) = part(wanted, &demos)? {
            backends.relay(wanted.address, listener, part, wanted.delay)?;
        }
        backends.demos = Some(demos);
        Ok(backends)
    }

    fn none(shared: Shared) -> io::Result<Self> {
        Ok(Self {
            running: Vec::new(),
            demos: None,
            shared: Arc::new(shared),
            refusing: refusing()?,
            down: Vec::new(),
        })
    }

    /// A way from the graded server to itself, that tells when it goes round in a circle.
    ///
    /// # Errors
    /// No port can be had.
    pub fn hop(&mut self, configured: SocketAddr, to: SocketAddr) -> io::Result<()> {
        // A way that was made before leads to a port that was given up.
        let (mut old, kept): (Vec<_>, _) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|running| running.hop && running.configured == configured);
        self.running = kept;
        end(&mut old);
        self.relay(configured, private()?, Part::Hop { to }, Duration::ZERO)
    }

    /// Where each address of the file really leads; what is not among them leads to [`Backends::refusing`].
    pub fn addresses(&self) -> Vec<(SocketAddr, SocketAddr)> {
        let down = self
            .down
            .iter()
            .filter_map(|(configured, socket)| Some((*configured, local(socket)?)));
        let running = self.running.iter().map(|r| (r.configured, r.real));
        running.chain(down).collect()
    }

    /// An address that refuses every connection.
    pub fn refusing(&self) -> SocketAddr {
        local(&self.refusing).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
    }

    /// Takes what has arrived since the last call.
    pub fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut *self.shared.arrived())
    }

    /// The graded server asked itself without end.
    pub fn looped(&self) -> bool {
        self.shared.looped.load(Ordering::Relaxed)
    }

    fn relay(
        &mut self,
        configured: SocketAddr,
        listener: TcpListener,
        part: Part,
        delay: Duration,
    ) -> io::Result<()> {
        let real = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopping, shared) = (stop.clone(), self.shared.clone());
        let hop = matches!(part, Part::Hop { .. });
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopping.load(Ordering::Relaxed) {
                    return;
                }
                let (part, shared) = (part.clone(), shared.clone());
                std::thread::spawn(move || relay::serve(&stream, &part, delay, &shared));
            }
        });
        self.running.push(Running {
            configured,
            real,
            hop,
            stop,
            accepting: Some(accepting),
        });
        Ok(())
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        end(&mut self.running);
    }
}

/// Ends them: their ports are free afterwards.
fn end(relays: &mut [Running]) {
    for relay in relays {
        relay.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts, which then ends.
        let woken = TcpStream::connect_timeout(&relay.real, PATIENCE).is_ok();
        if let (true, Some(accepting)) = (woken, relay.accepting.take()) {
            let _ = accepting.join();
        }
    }
}

/// What serves as this backend; `None` for one that is down.
fn part(wanted: &Wanted, demos: &Demos) -> io::Result<Option<Part>> {
    let name = wanted.name.clone();
    Ok(match &wanted.behaviour {
        Behaviour::Down => None,
        Behaviour::HangsUp => Some(Part::HangsUp { name }),
        Behaviour::Scripted(answer) => Some(Part::Scripted {
            name,
            answer: answer.clone(),
        }),
        Behaviour::Demo => Some(Part::Demo {
            demo: demos.address(&name)?,
            name,
        }),
    })
}

fn private() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}

fn refusing() -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    Ok(socket)
}

fn local(socket: &socket2::Socket) -> Option<SocketAddr> {
    socket.local_addr().ok()?.as_socket()
}
