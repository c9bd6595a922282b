//! Hot reload of the lab: a file that is saved is served at once, and a broken one is shown and not served.
//!
//! Watching means looking: every few files are read twenty times a second and compared with what is served. File events
//! would save a millisecond of work a second and cost a dependency, and they fail where learners are: shared folders,
//! containers, editors that save by renaming. A change counts when two looks in a row see the same, so that a file that is
//! still being written is left alone.

use std::io::Write;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::config;
use crate::config::changes::changes;
use crate::config::model::Model;
use crate::config::watched::Watched;
use crate::front::log::Logs;
use crate::front::server::{Control, Rebound};

use super::beside::Beside;
use super::control::{Look, Refused};
use super::lab::{front_taken, shown};
use super::paths::{Current, Places, current};
use super::serve::{rendered, unusable};
use super::{Arguments, CliError};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// A file that is gone for so many looks was not being saved: it is gone.
const GONE: u32 = 20;
/// More changes than these are counted.
const TOLD: usize = 6;

/// Watches what is served, and serves what it becomes.
pub struct Reloader {
    arguments: Arc<Arguments>,
    control: Control,
    places: Places,
    /// What is served.
    model: Arc<Model>,
    /// What was read last, be it served or broken.
    seen: Watched,
    /// Where the lab's own backends are.
    backends: Vec<SocketAddr>,
    /// Those of the exercise; `None` where there shall be none.
    beside: Option<Beside>,
    /// The last look, where it was another.
    pending: Option<Watched>,
    missing: u32,
    /// What was read last could not be served.
    broken: bool,
}

impl Reloader {
    pub fn new(
        arguments: Arc<Arguments>,
        control: Control,
        places: Places,
        model: Arc<Model>,
        backends: Vec<SocketAddr>,
        beside: Option<Beside>,
    ) -> Self {
        Self {
            seen: Watched::of(&model.file, &model.sources),
            arguments,
            control,
            places,
            model,
            backends,
            beside,
            pending: None,
            missing: 0,
            broken: false,
        }
    }

    /// Watches for ever, and looks at once when somebody asks for it.
    pub async fn run(mut self, mut looks: mpsc::Receiver<Look>) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = {
                let (tick, look) = (pin!(ticks.tick()), pin!(looks.recv()));
                match select(look, tick).await {
                    Either::Left((asked, _)) => asked,
                    Either::Right(_) => None,
                }
            };
            let wanted = current(&self.places.root);
            if wanted != self.places.current {
                self.switch(wanted).await;
            } else if self.has_changed() || (asked.is_some() && self.seen.look() != self.seen) {
                self.load().await;
            } else if asked.is_some() && !self.broken {
                self.serve_beside();
            }
            if let Some(asked) = asked {
                let lines = self.beside.as_ref().map(Beside::lines).unwrap_or_default();
                let _ = asked.send(if self.broken { Err(Refused) } else { Ok(lines) });
            }
        }
    }

    /// Whether the files are others than those read last, and at rest.
    fn has_changed(&mut self) -> bool {
        let now = self.seen.look();
        if now == self.seen {
            self.pending = None;
            self.missing = 0;
            return false;
        }
        if now.lacks_any_of(&self.seen) && self.missing < GONE {
            self.missing += 1;
            self.pending = None;
            return false;
        }
        let rests = self.pending.as_ref() == Some(&now);
        self.pending = Some(now);
        rests
    }

    /// An exercise was started, or the lesson is wanted again.
    async fn switch(&mut self, wanted: Current) {
        self.places = Places::of_lab(&self.places.root, &wanted);
        self.load().await;
    }

    /// Reads the files again and serves them, if they can be.
    async fn load(&mut self) {
        self.pending = None;
        self.missing = 0;
        let options = self.places.load_options(&self.arguments);
        // Names of upstreams are looked up, which may take its time.
        let loading = actix_rt::task::spawn_blocking(move || config::load(&options));
        let loaded = match loading.await {
            Ok(loaded) => loaded,
            Err(error) => {
                log::error!("the file could not be read again: {error}");
                return;
            }
        };
        let colour = self.arguments.colours();
        match loaded {
            Ok(model) => {
                self.seen = Watched::of(&model.file, &model.sources);
                eprint!("{}", rendered(&model.warnings, &model.sources, colour));
                let model = Arc::new(model);
                let mut applied = self.apply(model.clone());
                if self
                    .beside
                    .as_ref()
                    .is_some_and(|b| b.is_of_another(&self.places))
                {
                    // They go; the new file may listen where one of them did.
                    self.end_beside().await;
                    if applied.is_err() {
                        applied = self.apply(model);
                    }
                }
                if applied.is_ok() {
                    self.serve_beside();
                }
                match applied {
                    Ok((rebound, before)) => {
                        let mended = std::mem::take(&mut self.broken);
                        self.tell(&before, &rebound, mended);
                    }
                    Err(error) => self.refuse(&error),
                }
            }
            Err(error) => {
                self.seen = Watched::of(&error.file, &error.sources);
                self.refuse(&unusable(&error, colour));
            }
        }
    }

    /// Ends the backends of the exercise that is left.
    async fn end_beside(&mut self) {
        if let Some(beside) = &mut self.beside {
            beside.end().await;
        }
    }

    /// Starts the backends of the exercise that is served, where they do not run yet.
    fn serve_beside(&mut self) {
        if let Some(beside) = &mut self.beside {
            let taken = beside.take(&self.places, &self.backends);
            beside.start(taken);
        }
    }

    fn apply(&mut self, model: Arc<Model>) -> Result<(Rebound, Arc<Model>), CliError> {
        let logs = Arc::new(Logs::open(&model, true)?);
        let rebound = self.control.reload(model.clone(), logs).map_err(|error| {
            let beside = self.beside.iter().flat_map(Beside::addresses);
            let ours: Vec<_> = self.backends.iter().copied().chain(beside).collect();
            front_taken(error, &self.places.shown(), &ours)
        })?;
        Ok((rebound, std::mem::replace(&mut self.model, model)))
    }

    fn refuse(&mut self, error: &CliError) {
        self.broken = true;
        let file = self.places.shown();
        eprintln!("{error}\n{file} cannot be served like this: what was served before still is.\n");
    }

    /// Says what is served now; `mended`: what was saved before could not be.
    fn tell(&self, before: &Model, rebound: &Rebound, mended: bool) {
        let file = self.places.shown();
        let mut text = if before.file != self.model.file {
            format!("\n{file} is served now.\n")
        } else {
            let found = changes(&before.sources, &self.model.sources);
            let what = if main_text(before) == main_text(&self.model) {
                format!("A file that {file} includes")
            } else {
                file
            };
            match found.is_empty() {
                true if mended => {
                    let file = self.places.shown();
                    format!(
                        "\n{file} can be served again: no directive differs from what still was.\n"
                    )
                }
                true => format!("\n{what} was saved; no directive changed.\n"),
                false => format!("\n{what} was saved and is served now:\n{}", list(&found)),
            }
        };
        for address in &rebound.opened {
            text.push_str(&format!("  listening on {} now\n", shown(address)));
        }
        for address in &rebound.closed {
            text.push_str(&format!("  no longer listening on {}\n", shown(address)));
        }
        // What was told when the exercise was started need not be told at each save.
        let anew = before.file != self.model.file;
        let beside = self.beside.iter().flat_map(|beside| match anew {
            true => beside.lines(),
            false => beside.notes.clone(),
        });
        for line in beside {
            text.push_str(&format!("  {line}\n"));
        }
        text.push('\n');
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// The configuration file itself, without what it includes.
fn main_text(model: &Model) -> Option<&[u8]> {
    let mut files = model.sources.files().iter();
    let main = files.find(|source| source.path == model.file);
    main.map(|source| &source.text[..])
}

fn list(found: &[String]) -> String {
    let told = found.iter().take(TOLD).map(|line| format!("  {line}\n"));
    let mut text: String = told.collect();
    if found.len() > TOLD {
        text.push_str(&format!("  and {} more\n", found.len() - TOLD));
    }
    text
}
