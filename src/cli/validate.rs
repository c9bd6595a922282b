//! `-t`: nginx's answer on the standard error, and what nginx does not tell.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::ExitCode;

use crate::config::diagnostics::Diagnostic;
use crate::config::model::Model;
use crate::config::render::render;
use crate::config::source::Sources;
use crate::config::{LoadOptions, load};
use crate::front::log::{Logs, os_error};

use super::{CliError, output};

/// Tests a configuration as `nginx -t` does: messages on the standard error, exit code 0 or 1.
pub fn run(options: &LoadOptions, colour: bool) -> ExitCode {
    match load(options) {
        Ok(model) => {
            show(&model.warnings, &model.sources, colour);
            let file = model.file.display();
            output::complain(format_args!(
                "nginx: the configuration file {file} syntax is ok"
            ));
            // As nginx, the files are opened too: one that cannot be is a mistake of the configuration.
            if let Err(error) = openable(&model) {
                output::complain(error);
                failed(&model.file);
                return ExitCode::FAILURE;
            }
            output::complain(format_args!(
                "nginx: configuration file {file} test is successful"
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let (early, late): (Vec<_>, Vec<_>) = error
                .diagnostics
                .into_iter()
                .partition(|found| !error.syntax_ok || !found.is_fatal());
            show(&early, &error.sources, colour);
            if error.syntax_ok {
                output::complain(format_args!(
                    "nginx: the configuration file {} syntax is ok",
                    error.file.display()
                ));
            }
            show(&late, &error.sources, colour);
            failed(&error.file);
            ExitCode::FAILURE
        }
    }
}

/// Opens the pid file and the logs, without writing anything.
fn openable(model: &Model) -> Result<(), CliError> {
    let pid = &model.process.pid;
    let mut options = OpenOptions::new();
    let opened = options.write(true).create(true).truncate(false).open(pid);
    opened.map_err(|error| CliError::Pid {
        path: pid.display().to_string(),
        reason: os_error(&error),
    })?;
    Logs::open(model, false)?;
    Ok(())
}

fn show(found: &[Diagnostic], sources: &Sources, colour: bool) {
    for found in found {
        output::show(render(found, sources, colour));
    }
}

fn failed(file: &Path) {
    output::complain(format_args!(
        "nginx: configuration file {} test failed",
        file.display()
    ));
}
