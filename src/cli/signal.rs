//! `-s stop|quit|reopen|reload`: a signal to the process that serves the same file, found by its pid file.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use rustix::process::{Pid, Signal, kill_process};

use crate::config::LoadOptions;
use crate::config::load;
use crate::config::model::LogLevel;
use crate::front::log::os_error;

use super::arguments::Order;
use super::early::Early;
use super::output;

/// As much of a pid file is looked at (`NGX_INT64_LEN` and two).
const MOST: u64 = 22;

impl Order {
    fn signal(self) -> Signal {
        match self {
            Self::Stop => Signal::TERM,
            Self::Quit => Signal::QUIT,
            Self::Reopen => Signal::USR1,
            Self::Reload => Signal::HUP,
        }
    }
}

/// Sends the signal: exit code 0 where there is such a process, else 1 and nginx's words.
pub fn send(order: Order, options: &LoadOptions, early: &Early) -> ExitCode {
    let model = match load(options) {
        Ok(model) => model,
        Err(error) => {
            early.show(&error.diagnostics, &error.sources);
            return ExitCode::FAILURE;
        }
    };
    early.show(&model.warnings, &model.sources);
    early.log(LogLevel::Notice, "signal process started");
    match pid(&model.process.pid, &model.process.pid_shown) {
        Ok(pid) => match kill_process(pid, order.signal()) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => early.complain(
                LogLevel::Alert,
                &format!(
                    "kill({}, {}) failed ({})",
                    pid.as_raw_nonzero(),
                    order.signal().as_raw(),
                    os_error(&error.into())
                ),
            ),
        },
        Err((level, message)) => early.complain(level, &message),
    }
    output::complain(format_args!(
        "  = help: {}",
        advice(&model.process.pid_shown)
    ));
    ExitCode::FAILURE
}

/// The pid file tells who serves the configuration, and here it tells of nobody.
fn advice(pid_file: &Path) -> String {
    let pid_file = pid_file.display();
    format!(
        "nobody who serves this configuration is known by {pid_file}: start it, or name the file and prefix that it was started with"
    )
}

/// The process that a pid file names; else nginx's words and their level.
fn pid(path: &Path, shown: &Path) -> Result<Pid, (LogLevel, String)> {
    let shown = shown.display();
    let file = std::fs::File::open(path).map_err(|error| {
        let reason = os_error(&error);
        let message = format!("open() \"{shown}\" failed ({reason})");
        (LogLevel::Error, message)
    })?;
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).map_err(|error| {
        let reason = os_error(&error);
        let message = format!("pread() \"{shown}\" failed ({reason})");
        (LogLevel::Crit, message)
    })?;
    while text.last().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
        text.pop();
    }
    let text = String::from_utf8_lossy(&text);
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    // nginx would signal its own process group for 0.
    let pid = text.parse().ok().filter(|_| digits).and_then(Pid::from_raw);
    pid.ok_or_else(|| {
        let message = format!("invalid PID number \"{text}\" in \"{shown}\"");
        (LogLevel::Error, message)
    })
}
