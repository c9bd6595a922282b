//! Nginx mode: serves the file as the process that nginx would be: daemon, pid file, signals.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::diagnostics::Diagnostic;
use crate::config::model::Model;
use crate::config::render::render;
use crate::config::source::Sources;
use crate::config::{self, LoadOptions};
use crate::front::log::{Logs, os_error};
use crate::front::server::{self, Control, FrontOptions};
use crate::front::worker::Product;

use super::{Arguments, CliError, output};

/// The first line that a process in the background prints once it serves.
const READY: &str = "ready";

/// Serves until a signal ends it.
pub fn run(arguments: &Arguments, load: &LoadOptions) -> Result<ExitCode, CliError> {
    let model = Arc::new(load_model(load, arguments.colours())?);
    if model.process.daemon && !arguments.daemonized {
        return into_background();
    }
    if let Some(warning) = super::limits::raise(model.process.worker_connections) {
        output::complain(format_args!("nginx: [warn] {warning}"));
    }
    let options = FrontOptions {
        product: arguments
            .product
            .as_deref()
            .map(Product::new)
            .unwrap_or_default(),
        ..FrontOptions::default()
    };
    let logs = Arc::new(Logs::open(&model, false)?);
    let bound = server::bind(&model, &options)?;
    let pid = PidFile::write(&model.process.pid)?;
    if arguments.daemonized {
        let _ = rustix::process::setsid();
        output::answer(READY);
    }
    let again = (load.clone(), arguments.colours());
    let served = actix_rt::System::new().block_on(async move {
        let control = server::start(model, logs, bound, options)?;
        signals(&control, &again.0, again.1).await
    });
    drop(pid);
    served.map(|()| ExitCode::SUCCESS)
}

/// Loads the configuration, with its warnings shown.
///
/// # Errors
/// All that is wrong with it, ready to be shown.
pub fn load_model(load: &LoadOptions, colour: bool) -> Result<Model, CliError> {
    let rendered = |found: &[Diagnostic], sources: &Sources| -> String {
        found
            .iter()
            .map(|found| render(found, sources, colour))
            .collect()
    };
    match config::load(load) {
        Ok(model) => {
            output::show(rendered(&model.warnings, &model.sources));
            Ok(model)
        }
        Err(error) => {
            let text = rendered(&error.diagnostics, &error.sources);
            Err(CliError::Config(text.trim_end().to_owned()))
        }
    }
}

/// TERM and INT end at once, QUIT after what is under way, HUP reloads, USR1 reopens the logs.
async fn signals(control: &Control, load: &LoadOptions, colour: bool) -> Result<(), CliError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut reopen = signal(SignalKind::user_defined1())?;
    loop {
        match next_of([
            &mut terminate,
            &mut interrupt,
            &mut quit,
            &mut hangup,
            &mut reopen,
        ])
        .await
        {
            0 | 1 => {
                control.stop(false).await;
                return Ok(());
            }
            2 => {
                control.stop(true).await;
                return Ok(());
            }
            3 => reload(control, load, colour),
            _ => {
                if let Err(error) = control.reopen_logs() {
                    output::complain(format_args!("nginx: [emerg] {error}"));
                }
            }
        }
    }
}

/// The index of the signal that came.
async fn next_of<const N: usize>(signals: [&mut Signal; N]) -> usize {
    let waits = signals.map(|signal| Box::pin(signal.recv()));
    futures::future::select_all(waits).await.1
}

/// A broken file keeps the old configuration.
fn reload(control: &Control, load: &LoadOptions, colour: bool) {
    let applied = load_model(load, colour).and_then(|model| {
        let logs = Logs::open(&model, false)?;
        Ok(control.reload(Arc::new(model), Arc::new(logs))?)
    });
    if let Err(error) = applied {
        output::complain(error);
    }
}

/// `daemon on`: the same program again in the background; this one ends when that one serves.
fn into_background() -> Result<ExitCode, CliError> {
    let program = std::env::current_exe()?;
    let mut child = Command::new(program)
        .arg("--daemonized")
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    if line.trim_end() == READY {
        return Ok(ExitCode::SUCCESS);
    }
    // It said on the standard error what is wrong.
    let _ = child.wait();
    Ok(ExitCode::from(1))
}

/// The file with the process's number, as long as the process serves.
struct PidFile {
    path: PathBuf,
}

impl PidFile {
    fn write(path: &Path) -> Result<Self, CliError> {
        std::fs::write(path, format!("{}\n", std::process::id())).map_err(|error| {
            CliError::Pid {
                path: path.display().to_string(),
                reason: os_error(&error),
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
