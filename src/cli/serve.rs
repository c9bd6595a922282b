//! Nginx mode: serves the file as the process that nginx would be: daemon, pid file, signals.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::diagnostics::Diagnostic;
use crate::config::model::{LogLevel, LogTarget, Model};
use crate::config::render::render;
use crate::config::source::Sources;
use crate::config::{self, LoadError, LoadOptions};
use crate::front::log::{Logs, level_name};
use crate::front::server::{self, Control, Stop};
use crate::front::user::make_folders;

use super::control::BackendSwitch;
use super::early::{Early, lines};
use super::paths::Mode;
use super::pid_file::PidFile;
use super::unopened::Unopened;
use super::{Arguments, CliError, output};

/// The first line that a process in the background prints once it serves.
const READY: &str = "ready";

/// Serves until a signal ends it.
pub fn run(arguments: &Arguments, load: &LoadOptions) -> Result<ExitCode, CliError> {
    let early = Early::open(load, arguments.colours());
    let model = match config::load(load) {
        Ok(model) => Arc::new(model),
        Err(error) => {
            early.show(&error.diagnostics, &error.sources);
            return Ok(ExitCode::FAILURE);
        }
    };
    if model.process.daemon && !arguments.daemonized {
        return into_background();
    }
    early.show(&model.warnings, &model.sources);
    if let Some(warning) = super::limits::raise(model.process.worker_connections) {
        early.complain(LogLevel::Warn, &warning);
    }
    let mut options = super::lab::front_options(arguments, Mode::Nginx);
    let mut stubs = Vec::new();
    if arguments.stub_upstreams {
        // Whose place the demo backend took is told.
        options.story = Some(Arc::new(|line: &str| output::answer(line)));
        if !arguments.no_backend {
            stubs.push((None, arguments.backend_listen));
        }
    }
    let stubs = super::lab::bind_backends(stubs, &[], "the file")?;
    let logs = Arc::new(Logs::open(&model, false).map_err(Unopened::from)?);
    make_folders(&model).map_err(Unopened::from)?;
    let told = |level: LogLevel, message: &str| {
        logs.process(&model, level, message);
        if level <= LogLevel::Warn {
            let level = level_name(level);
            output::complain(format_args!("nginx: [{level}] {message}"));
        }
    };
    let bound = server::bind(&model, &options, &told).inspect_err(|error| {
        logs.process(&model, LogLevel::Emerg, &error.to_string());
    });
    let bound = bound.map_err(Unopened::from)?;
    let again = (load.clone(), arguments.colours());
    let daemonized = arguments.daemonized;
    let patience = model.process.shutdown_timeout;
    let addresses: Vec<_> = bound.iter().map(|at| at.address.clone()).collect();
    let served = actix_rt::System::new().block_on(async move {
        // Whoever reads the pid may send signals at once.
        let mut signals = Signals::install()?;
        let mut pid = PidFile::write(&model.process)
            .inspect_err(|error| logs.process(&model, LogLevel::Emerg, &words(error)))?;
        if daemonized {
            let _ = rustix::process::setsid();
            // What nginx makes in the background has the modes that it names, whoever started it.
            rustix::process::umask(rustix::fs::Mode::empty());
            output::answer(READY);
            leave_terminal(&model)?;
        }
        let switch = BackendSwitch::default();
        for (name, listener) in stubs {
            switch.start(name, listener)?;
        }
        let control = server::start(model, logs, bound, options)?;
        let (load, colour) = &again;
        let mut serving = Serving {
            control,
            pid: &mut pid,
            load,
            colour: *colour,
        };
        serving.obey(&mut signals, patience).await;
        Ok(ExitCode::SUCCESS)
    });
    if served.is_err() {
        addresses.iter().for_each(server::forget);
    }
    served
}

/// Loads the configuration, with its warnings shown.
///
/// # Errors
/// All that is wrong with it, ready to be shown.
pub fn load_model(load: &LoadOptions, colour: bool) -> Result<Model, CliError> {
    match config::load(load) {
        Ok(model) => {
            output::show(rendered(&model.warnings, &model.sources, colour));
            Ok(model)
        }
        Err(error) => Err(unusable(&error, colour)),
    }
}

/// What is wrong with a file, ready to be shown.
pub fn unusable(error: &LoadError, colour: bool) -> CliError {
    let text = rendered(&error.diagnostics, &error.sources, colour);
    CliError::Config(text.trim_end().to_owned())
}

/// Findings as they are shown.
pub fn rendered(found: &[Diagnostic], sources: &Sources, colour: bool) -> String {
    let each = found.iter();
    each.map(|found| render(found, sources, colour)).collect()
}

/// The signals that nginx knows.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    reopen: Signal,
}

impl Signals {
    fn install() -> std::io::Result<Self> {
        // nginx lives on with these; without a handler they would end the process.
        for kind in [
            SignalKind::alarm(),
            SignalKind::io(),
            SignalKind::user_defined2(),
        ] {
            drop(signal(kind)?);
        }
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
        })
    }
}

/// What is served, and how it is read anew.
struct Serving<'a> {
    control: Control,
    pid: &'a mut PidFile,
    load: &'a LoadOptions,
    colour: bool,
}

impl Serving<'_> {
    /// TERM and INT end at once, QUIT after what is under way, HUP reloads, USR1 reopens the logs.
    async fn obey(&mut self, signals: &mut Signals, bound: Option<Duration>) {
        loop {
            match next_of([
                &mut signals.terminate,
                &mut signals.interrupt,
                &mut signals.quit,
                &mut signals.hangup,
                &mut signals.reopen,
            ])
            .await
            {
                0 | 1 => return self.control.stop(Stop::Now).await,
                2 => return farewell(signals, &self.control, bound).await,
                3 => self.reload(),
                _ => self.control.reopen_logs(),
            }
        }
    }

    /// A broken file keeps the old configuration; the error log says why, as nginx's does.
    fn reload(&mut self) {
        match config::load(self.load) {
            Ok(model) => {
                for (level, line) in lines(&model.warnings, &model.sources) {
                    self.control.log(level, &line);
                }
                output::show(rendered(&model.warnings, &model.sources, self.colour));
                if let Err(error) = self.apply(model) {
                    self.control.log(LogLevel::Emerg, &words(&error));
                    output::complain(error);
                }
            }
            Err(error) => {
                // nginx goes no further than the first.
                let fatal = error.diagnostics.iter().position(|found| found.is_fatal());
                let told = error.diagnostics.get(..=fatal.unwrap_or_default());
                for (level, line) in lines(told.unwrap_or_default(), &error.sources) {
                    self.control.log(level, &line);
                }
                output::complain(unusable(&error, self.colour));
            }
        }
    }

    fn apply(&mut self, model: Model) -> Result<(), CliError> {
        let moved = self.pid.moved(&model.process)?;
        let logs = Arc::new(Logs::open(&model, false)?);
        make_folders(&model)?;
        let model = Arc::new(model);
        self.control.reload(model, logs)?;
        if let Some(moved) = moved {
            *self.pid = moved;
        }
        Ok(())
    }
}

/// What the error log says of an error.
fn words(error: &CliError) -> String {
    match error {
        CliError::Unopened(unopened) => unopened.message.clone(),
        CliError::Front(error) => error.to_string(),
        CliError::Folders(error) => error.to_string(),
        CliError::Log(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Ends after what is under way, unless TERM or INT comes meanwhile.
async fn farewell(signals: &mut Signals, control: &Control, bound: Option<Duration>) {
    let gentle = Box::pin(control.stop(Stop::After { bound }));
    let at_once = Box::pin(next_of([&mut signals.terminate, &mut signals.interrupt]));
    futures::future::select(gentle, at_once).await;
}

/// The index of the signal that came.
async fn next_of<const N: usize>(signals: [&mut Signal; N]) -> usize {
    let waits = signals.map(|signal| Box::pin(signal.recv()));
    futures::future::select_all(waits).await.1
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

/// From now on nobody reads what is printed: what goes to the standard error goes to the error log, as with nginx.
fn leave_terminal(model: &Model) -> std::io::Result<()> {
    let nowhere = OpenOptions::new().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    let log = model.process.error_log.first().map(|log| &log.target);
    let log = match log {
        Some(LogTarget::File(path)) => OpenOptions::new().append(true).open(path).ok(),
        // The file asks for the standard error itself.
        Some(LogTarget::Stderr) => return Ok(()),
        Some(LogTarget::Syslog(_) | LogTarget::Memory) | None => None,
    };
    rustix::stdio::dup2_stderr(log.unwrap_or(nowhere))?;
    Ok(())
}
