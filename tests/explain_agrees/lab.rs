//! The front server in this process: asked to explain, and asked indeed.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use proxy_lab::config::model::{ListenAddress, Model};
use proxy_lab::config::{self, LoadOptions};
use proxy_lab::front::explain::{Explanation, Question, explain};
use proxy_lab::front::log::Logs;
use proxy_lab::front::server::{self, FrontOptions, Stop};
use proxy_lab::front::worker::Product;

use crate::oracle::OracleError;
use crate::oracle::bytes;
use crate::oracle::framing::PATIENCE;

/// The server, with what it tells of each request.
pub struct Lab {
    model: Arc<Model>,
    pub stories: Arc<Stories>,
    stop: tokio::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

#[derive(Default)]
pub struct Stories {
    told: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Stories {
    pub fn clear(&self) {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn tell(&self, line: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(line.to_owned());
        self.changed.notify_all();
    }

    /// The story, of those since the last `clear`, that begins as the one foretold (a proxy may ask the lab itself), else
    /// the first of the same request. Waits for it: a connection that lingers has its story told late, so that one of a
    /// request before may come first.
    pub fn of(&self, foretold: &str) -> Result<String, OracleError> {
        let request = foretold.split_inclusive(" → ").next().unwrap_or_default();
        let end = Instant::now() + PATIENCE;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut of_request = told.iter().filter(|story| story.starts_with(request));
            let same = of_request.clone().find(|story| story.starts_with(foretold));
            if let Some(story) = same.or_else(|| of_request.next()) {
                return Ok(story.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Err(OracleError::Timeout("the story of a request".into()));
            }
            let waited = self.changed.wait_timeout(told, left);
            told = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Lab {
    pub fn start(prefix: &Path) -> Result<Self, OracleError> {
        let failed = |what: String| OracleError::Server {
            program: "lab".into(),
            what,
        };
        let load = LoadOptions {
            file: prefix.join("nginx.conf"),
            prefix: prefix.into(),
            ..LoadOptions::default()
        };
        let model = Arc::new(config::load(&load).map_err(|error| failed(error.to_string()))?);
        let stories = Arc::new(Stories::default());
        let told = stories.clone();
        let options = FrontOptions {
            product: Product::new("nginx/1.22.1"),
            story: Some(Arc::new(move |line: &str| told.tell(line))),
            ..FrontOptions::default()
        };
        let logs = Arc::new(Logs::open(&model, false).map_err(|error| failed(error.to_string()))?);
        let bound = server::bind(&model, &options, &|_, _| {})
            .map_err(|error| failed(error.to_string()))?;
        let (sender, receiver) = std::sync::mpsc::channel();
        let served = model.clone();
        let (stop, mut stopped) = tokio::sync::mpsc::channel::<()>(1);
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                match server::start(served, logs, bound, options) {
                    Ok(control) => {
                        let _ = sender.send(Ok(()));
                        let _ = stopped.recv().await;
                        control.stop(Stop::Now).await;
                    }
                    Err(error) => {
                        let _ = sender.send(Err(error.to_string()));
                    }
                }
            });
        });
        let started = receiver.recv();
        started
            .map_err(|error| failed(error.to_string()))?
            .map_err(failed)?;
        Ok(Lab {
            model,
            stories,
            stop,
            thread,
        })
    }

    pub fn explain(&self, raw: &[u8], port: u16) -> Result<Explanation, OracleError> {
        let failed = |what: String| OracleError::Server {
            program: "explain".into(),
            what,
        };
        let at = self.model.reached([127, 0, 0, 1].into(), port);
        let at = at.ok_or_else(|| failed(format!("nothing listens on {port}")))?;
        let question = Question {
            listen: at.listen,
            raw: raw.to_vec(),
            peer: SocketAddr::new(at.peer.ip(), 50000),
            local: at.local,
            product: Product::new("nginx/1.22.1"),
        };
        actix_rt::System::new()
            .block_on(explain(&self.model, question))
            .map_err(|error| failed(format!("{error}, for {}", bytes::render(raw))))
    }

    pub fn listens_on(&self, address: &str) -> bool {
        let mut listens = self.model.listens.iter();
        listens.any(
            |listen| matches!(listen.address, ListenAddress::Inet(a) if a.to_string() == address),
        )
    }

    pub fn stop(self) {
        let _ = self.stop.try_send(());
        let _ = self.thread.join();
    }
}
