//! The further backends of an exercise: the running lab has them while it serves that exercise.
//!
//! The exercise's check.toml lists them. One that must be down is nobody's work, and the lesson's own backend, `demo`,
//! runs in any case. All listen on loopback only. An address that cannot be had is told, and the lab goes on.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::backend::{self, BackendError};
use crate::course::backends::{Backends, Behaviour, Wanted};
use crate::course::exercise::Exercise;
use crate::course::grade;
use crate::course::placeholders::Draw;

use super::control::BackendSwitch;
use super::paths::Places;

/// The further backends of the exercise that is served.
pub struct Beside {
    switch: BackendSwitch,
    /// The exercise whose backends these are.
    exercise: Option<String>,
    up: Vec<Up>,
    /// Why others are not.
    pub notes: Vec<String>,
}

struct Up {
    address: SocketAddr,
    shown: String,
    /// `None` for one that is stopped and started by `proxy-lab backend`.
    scripted: Option<Backends>,
}

/// Addresses that were taken for backends that are not started yet.
pub type Taken = Vec<(Wanted, TcpListener)>;

impl Beside {
    pub fn new(switch: BackendSwitch) -> Self {
        Self {
            switch,
            exercise: None,
            up: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Whether those that run are of another exercise than the one that is served.
    pub fn is_of_another(&self, places: &Places) -> bool {
        self.exercise.as_deref() != places.exercise()
    }

    /// Takes the addresses of those that do not run yet; `own` are the lab's other backends.
    pub fn take(&mut self, places: &Places, own: &[SocketAddr]) -> Taken {
        self.exercise = places.exercise().map(str::to_owned);
        self.notes.clear();
        let mut taken = Taken::new();
        for wanted in self.wanted(places) {
            let there = own.iter().chain(self.up.iter().map(|up| &up.address));
            if there.into_iter().any(|address| *address == wanted.address) {
                continue;
            }
            if !wanted.address.ip().is_loopback() {
                self.notes.push(format!(
                    "{} is no address of 127.0.0.0/8: the exercise's backend {} does not run.",
                    wanted.address, wanted.name
                ));
                continue;
            }
            match backend::bind(wanted.address) {
                Ok(listener) => taken.push((wanted, listener)),
                Err(error) => {
                    let exercise = self.exercise.as_deref().unwrap_or_default();
                    self.notes.push(not_bound(&wanted, exercise, &error));
                }
            }
        }
        taken
    }

    /// Starts what listens on the addresses that were taken. Call it within an actix runtime.
    pub fn start(&mut self, taken: Taken) {
        for (wanted, listener) in taken {
            let plain = matches!(wanted.behaviour, Behaviour::Demo) && wanted.delay.is_zero();
            let started = if plain {
                let name = Some(wanted.name.clone());
                let started = self.switch.start(name, listener);
                started.map(|()| None).map_err(|error| error.to_string())
            } else {
                let started = Backends::on(listener, &wanted);
                started.map(Some).map_err(|error| error.to_string())
            };
            match started {
                Ok(scripted) => self.up.push(Up {
                    address: wanted.address,
                    shown: format!("{} {}", wanted.address, what(&wanted)),
                    scripted,
                }),
                Err(error) => self.notes.push(missing(&wanted, &error)),
            }
        }
    }

    /// Ends them all: their addresses are free afterwards.
    pub async fn end(&mut self) {
        self.exercise = None;
        self.notes.clear();
        for up in std::mem::take(&mut self.up) {
            match up.scripted {
                Some(scripted) => drop(scripted),
                None => self.switch.end(up.address).await,
            }
        }
    }

    /// Where they are.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.up.iter().map(|up| up.address)
    }

    /// What runs and what does not, a line for each thing.
    pub fn lines(&self) -> Vec<String> {
        let up: Vec<&str> = self.up.iter().map(|up| &*up.shown).collect();
        let up = (!up.is_empty())
            .then(|| format!("with the backends of this exercise: {}", up.join(", ")));
        up.into_iter().chain(self.notes.iter().cloned()).collect()
    }

    fn wanted(&mut self, places: &Places) -> Vec<Wanted> {
        let Some(exercise) = places
            .exercise_folder()
            .and_then(|folder| Exercise::at(&folder))
        else {
            return Vec::new();
        };
        let checks = exercise.checks().map_err(|error| error.to_string());
        let wanted = checks.and_then(|checks| {
            // A text in an answer may be drawn; here any will do.
            let draw = Draw::new(1, vec![places.prefix.clone(), exercise.folder.clone()]);
            grade::wanted(&checks, &draw).map_err(|error| error.to_string())
        });
        match wanted {
            Ok(wanted) => wanted
                .into_iter()
                .filter(|w| w.name != "demo" && !matches!(w.behaviour, Behaviour::Down))
                .collect(),
            Err(error) => {
                self.notes.push(format!(
                    "the backends of the exercise are not known: {error}"
                ));
                Vec::new()
            }
        }
    }
}

/// What it is called, and does.
pub fn what(wanted: &Wanted) -> String {
    let does = match wanted.behaviour {
        Behaviour::HangsUp => " (takes requests and hangs up)".to_owned(),
        _ if wanted.delay > Duration::ZERO => {
            format!(" (answers after {} s)", wanted.delay.as_secs_f64())
        }
        _ => String::new(),
    };
    format!("{}{does}", wanted.name)
}

fn missing(wanted: &Wanted, error: &dyn std::fmt::Display) -> String {
    format!(
        "the exercise's backend {} does not run: {error}",
        wanted.name
    )
}

/// What to do about an address that cannot be had.
fn not_bound(wanted: &Wanted, exercise: &str, error: &BackendError) -> String {
    match error {
        BackendError::Bind { address, source } if source.kind() == ErrorKind::AddrInUse => format!(
            "{address} is taken: the exercise's backend {} does not run. Stop what listens there, then: proxy-lab start {exercise}",
            wanted.name
        ),
        error => missing(wanted, error),
    }
}
