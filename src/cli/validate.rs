//! `-t`: nginx's answer on the standard error, and what nginx does not tell.

use std::path::Path;
use std::process::ExitCode;

use crate::config::diagnostics::Diagnostic;
use crate::config::render::render;
use crate::config::source::Sources;
use crate::config::{LoadOptions, load};

/// Tests a configuration as `nginx -t` does: messages on the standard error, exit code 0 or 1.
pub fn run(options: &LoadOptions, colour: bool) -> ExitCode {
    match load(options) {
        Ok(model) => {
            show(&model.warnings, &model.sources, colour);
            let file = model.file.display();
            eprintln!("nginx: the configuration file {file} syntax is ok");
            eprintln!("nginx: configuration file {file} test is successful");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let (early, late): (Vec<_>, Vec<_>) = error
                .diagnostics
                .into_iter()
                .partition(|found| !error.syntax_ok || !found.is_fatal());
            show(&early, &error.sources, colour);
            if error.syntax_ok {
                eprintln!(
                    "nginx: the configuration file {} syntax is ok",
                    error.file.display()
                );
            }
            show(&late, &error.sources, colour);
            failed(&error.file);
            ExitCode::FAILURE
        }
    }
}

fn show(found: &[Diagnostic], sources: &Sources, colour: bool) {
    for found in found {
        eprint!("{}", render(found, sources, colour));
    }
}

fn failed(file: &Path) {
    eprintln!("nginx: configuration file {} test failed", file.display());
}
