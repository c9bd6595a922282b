//! `-t` and `-T`: nginx's answer on the standard error, and what nginx does not tell.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use crate::config::model::{LogLevel, Model};
use crate::config::source::Sources;
use crate::config::{LoadOptions, load, written};
use crate::front::log::Logs;
use crate::front::server::{self, FrontOptions};
use crate::front::user::check_folders;

use super::early::Early;
use super::unopened::Unopened;
use super::{Arguments, output};

/// Tests a configuration as `nginx -t` does: messages on the standard error, exit code 0 or 1; `-T` prints it, too.
pub fn run(arguments: &Arguments, options: &LoadOptions, front: &FrontOptions) -> ExitCode {
    let early = Early::open(options, arguments.colours());
    let syntax_ok = |file: &Path| {
        if !arguments.quiet {
            let file = written::path(file);
            output::complain(format_args!(
                "nginx: the configuration file {file} syntax is ok"
            ));
        }
    };
    match load(options) {
        Ok(model) => {
            early.show(&model.warnings, &model.sources);
            syntax_ok(&model.file);
            // As nginx, the files are opened too: one that cannot be is a mistake of the configuration.
            if let Err(found) = openable(&model, front) {
                early.complain(LogLevel::Emerg, &found.message);
                if let Some(advice) = found.advice {
                    output::complain(advice);
                }
                failed(&model.file);
                return ExitCode::FAILURE;
            }
            if !arguments.quiet {
                let file = written::path(&model.file);
                output::complain(format_args!(
                    "nginx: configuration file {file} test is successful"
                ));
            }
            if arguments.dump {
                dump(&model.sources);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            let (before, after): (Vec<_>, Vec<_>) = error
                .diagnostics
                .into_iter()
                .partition(|found| !error.syntax_ok || !found.is_fatal());
            early.show(&before, &error.sources);
            if error.syntax_ok {
                syntax_ok(&error.file);
            }
            early.show(&after, &error.sources);
            failed(&error.file);
            ExitCode::FAILURE
        }
    }
}

/// Opens the pid file, the logs and the sockets, and looks for the folders of temporary files, without writing anything. An address that is taken is no mistake.
fn openable(model: &Model, front: &FrontOptions) -> Result<(), Unopened> {
    let process = &model.process;
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(false);
    opened
        .open(&process.pid)
        .map_err(|error| Unopened::new(&process.pid, &process.pid_shown, &error))?;
    check_folders(model)?;
    Logs::open(model, false)?;
    Ok(server::try_to_bind(model, front)?)
}

/// Every file that was read, once, under nginx's heading.
fn dump(sources: &Sources) {
    let mut out = std::io::stdout().lock();
    let mut seen = HashSet::new();
    for file in sources.files() {
        if file.command_line || !seen.insert(&file.path) {
            continue;
        }
        let name = file.path.as_os_str().as_bytes();
        let text = [b"# configuration file ", name, b":\n", &file.text, b"\n"].concat();
        if out.write_all(&text).is_err() {
            return;
        }
    }
    let _ = out.flush();
}

fn failed(file: &Path) {
    output::complain(format_args!(
        "nginx: configuration file {} test failed",
        written::path(file)
    ));
}
