//! Hot reload of the lab: a file that is saved is served at once, and a broken one is shown and not served.
//!
//! Watching means looking: every few files are read twenty times a second and compared with what is served. File events
//! would save a millisecond of work a second and cost a dependency, and they fail where learners are: shared folders,
//! containers, editors that save by renaming. A change counts when two looks in a row see the same, so that a file that is
//! still being written is left alone.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::config;
use crate::config::changes::changes;
use crate::config::model::Model;
use crate::config::watched::Watched;
use crate::front::log::Logs;
use crate::front::server::{Control, Rebound};

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
    ) -> Self {
        Self {
            seen: Watched::of(&model.file, &model.sources),
            arguments,
            control,
            places,
            model,
            backends,
            pending: None,
            missing: 0,
            broken: false,
        }
    }

    /// Watches for ever.
    pub async fn run(mut self) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let wanted = current(&self.places.root);
            if wanted != self.places.current {
                self.switch(wanted).await;
            } else if self.has_changed() {
                self.load().await;
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
                match self.apply(model) {
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

    fn apply(&mut self, model: Model) -> Result<(Rebound, Arc<Model>), CliError> {
        let model = Arc::new(model);
        let logs = Arc::new(Logs::open(&model, true)?);
        let rebound = self
            .control
            .reload(model.clone(), logs)
            .map_err(|error| front_taken(error, &self.places.shown(), &self.backends))?;
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
