//! The demo backends behind the relays, in a thread of their own with its own event loop.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;

use crate::backend::{self, Backend, BackendError, Options};

pub(super) struct Demos {
    names: Vec<String>,
    addresses: Vec<SocketAddr>,
    /// Dropping it ends them.
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Demos {
    pub(super) fn start(names: Vec<String>) -> io::Result<Self> {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        let wanted = names.clone();
        std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let started: Result<Vec<_>, _> = wanted.iter().map(|name| demo(name)).collect();
                let Ok(started) =
                    started.inspect_err(|error| drop(tell.send(Err(error.to_string()))))
                else {
                    return;
                };
                let addresses = started.iter().map(|demo| demo.address).collect();
                let handles: Vec<_> = started.iter().map(|demo| demo.handle.clone()).collect();
                for demo in started {
                    actix_rt::spawn(demo.server);
                }
                let _ = tell.send(Ok(addresses));
                let _ = stopped.await;
                for handle in handles {
                    handle.stop(false).await;
                }
            });
        });
        let addresses: Vec<SocketAddr> = told
            .recv()
            .map_err(io::Error::other)?
            .map_err(io::Error::other)?;
        Ok(Self {
            names,
            addresses,
            _stop: stop,
        })
    }

    pub(super) fn address(&self, name: &str) -> io::Result<SocketAddr> {
        let at = self.names.iter().position(|known| known == name);
        let address = at.and_then(|at| self.addresses.get(at));
        address
            .copied()
            .ok_or_else(|| io::Error::other("a demo backend is missing"))
    }
}

fn demo(name: &str) -> Result<Backend, BackendError> {
    let listener = backend::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let options = Options {
        // The lesson's own backend says no name.
        name: (name != "demo").then(|| name.to_owned()),
        ..Options::default()
    };
    backend::start(listener, options)
}
