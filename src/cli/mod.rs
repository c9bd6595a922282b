//! The command line: what the program was asked to do, and the messages when it cannot.

mod arguments;
mod beside;
mod control;
mod course;
mod early;
mod explain;
mod lab;
mod limits;
mod options;
mod output;
mod paths;
mod pid_file;
mod reload;
mod serve;
mod signal;
mod unopened;
pub mod validate;
mod version;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Subcommand};

use crate::backend::BackendError;

pub use arguments::Arguments;
use arguments::{BackendAction, Command};

/// Runs the program.
pub fn run() -> ExitCode {
    let mut words = std::env::args_os();
    let name = words.next();
    let words = match options::expand(words) {
        Ok(words) => words,
        Err(error) => {
            output::complain(error);
            return ExitCode::from(1);
        }
    };
    // The demo backend's library tells of every request that it cannot read: its answer, a 400, says so already.
    let filter = env_logger::Env::default().default_filter_or("error,actix_http=off");
    env_logger::Builder::from_env(filter).init();
    let arguments = match parsed(name.into_iter().chain(words)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no failures.
            let failed = error.use_stderr();
            let _ = error.print();
            // 1 says "not yet" where an answer is graded.
            let of_course =
                std::env::args().any(|word| course::CourseCommand::has_subcommand(&word));
            return match (failed, of_course) {
                (false, _) => ExitCode::SUCCESS,
                (true, true) => ExitCode::from(2),
                (true, false) => ExitCode::from(1),
            };
        }
    };
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            output::complain(error);
            ExitCode::from(1)
        }
    }
}

/// The arguments; nginx's `-c` and `-p` are not shown where the course has no use for them.
fn parsed(words: impl Iterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    fn without(command: clap::Command) -> clap::Command {
        let hidden = |arg: clap::Arg| match arg.get_id().as_str() {
            "file" | "prefix" => arg.hide(true),
            _ => arg,
        };
        command.mut_args(hidden).mut_subcommands(without)
    }
    let mut command = Arguments::command();
    command.build();
    let command = command.mut_subcommands(|command| {
        match course::CourseCommand::has_subcommand(command.get_name()) {
            true => without(command),
            false => command,
        }
    });
    let arguments = Arguments::from_arg_matches(&command.try_get_matches_from(words)?)?;
    let course = matches!(arguments.command, Some(Command::Course(_)));
    if course && (arguments.file.is_some() || arguments.prefix.is_some()) {
        return Err(Arguments::command().error(
            clap::error::ErrorKind::ArgumentConflict,
            "-c and -p name a file for nginx mode; the course works in lab/work/.\n\
             To grade another file: proxy-lab check 4 --answer FILE",
        ));
    }
    Ok(arguments)
}

fn dispatch(arguments: &Arguments) -> Result<ExitCode, CliError> {
    if arguments.usage || arguments.version || arguments.build {
        if arguments.usage {
            output::complain(version::usage());
        } else if arguments.build {
            output::complain(version::build());
        } else {
            output::complain(version::line());
        }
        // As with nginx, a test that is asked for follows.
        if !arguments.test && !arguments.dump {
            return Ok(ExitCode::SUCCESS);
        }
    }
    match &arguments.command {
        Some(Command::Backend(backend)) => match backend.action {
            Some(BackendAction::Stop) => control::ask(control::Order::BackendStop),
            Some(BackendAction::Start) => control::ask(control::Order::BackendStart),
            None => {
                let options = crate::backend::Options {
                    name: backend.name.clone(),
                    ..crate::backend::Options::default()
                };
                crate::backend::run_alone(backend.listen, options).map_err(lone_backend_taken)?;
                Ok(ExitCode::SUCCESS)
            }
        },
        Some(Command::Explain(wanted)) => {
            let places = paths::Places::find(arguments)?;
            explain::run(arguments, wanted, &places.load_options(arguments))
        }
        Some(Command::Course(command)) => Ok(course::run(command, arguments.tint())),
        front_or_both => {
            let places = paths::Places::find(arguments)?;
            let load = places.load_options(arguments);
            if arguments.test || arguments.dump {
                let front = lab::front_options(arguments, places.mode);
                return Ok(validate::run(arguments, &load, &front));
            }
            if let Some(order) = arguments.signal {
                if places.mode == paths::Mode::Lab {
                    return Err(CliError::SignalInLab);
                }
                let early = early::Early::open(&load, arguments.colours());
                return Ok(signal::send(order, &load, &early));
            }
            let both = front_or_both.is_none();
            match places.mode {
                paths::Mode::Nginx => serve::run(arguments, &load),
                paths::Mode::Lab => lab::run(arguments, &places, &load, both),
            }
        }
    }
}

fn lone_backend_taken(error: BackendError) -> CliError {
    match &error {
        BackendError::Bind { address, source } if source.kind() == ErrorKind::AddrInUse => {
            CliError::Taken(format!(
                "proxy-lab: {address} is taken: another program listens there.\n\
                 A running lab has a backend already. One more needs an address of its own: \
                 proxy-lab backend --listen 127.0.0.1:5001 --name two"
            ))
        }
        _ => CliError::Backend(error),
    }
}

/// Writes to the standard output; a reader that has seen enough is no error.
fn print(text: &str) -> Result<(), CliError> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Why the program could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(
        "proxy-lab: no folder \"lab\" with a file \"nginx.conf\" here ({here}) or above.\n\
         Go to the folder of the project first, or name a file: proxy-lab -c FILE"
    )]
    NoLab { here: String },
    #[error(
        "proxy-lab: {file} cannot be read: permission denied.\n\
         Does the folder belong to another user? This lets you read it: chmod -R u+rX {folder}"
    )]
    NoAccess { file: String, folder: String },
    #[error(
        "proxy-lab: {file} is missing, and lab/work/current names that exercise.\n\
         Begin it again: proxy-lab start {name}\nOr go back to the lesson: proxy-lab start lesson"
    )]
    NoExercise { file: String, name: String },
    #[error("proxy-lab: the current folder cannot be read: {0}")]
    Folder(std::io::Error),
    /// The diagnostics, ready to be shown.
    #[error("{0}")]
    Config(String),
    #[error("{0}")]
    Taken(String),
    #[error("nginx: [emerg] {0}")]
    Front(#[from] crate::front::server::FrontError),
    #[error("nginx: [emerg] {0}")]
    Folders(#[from] crate::front::user::FolderError),
    #[error("nginx: [emerg] {0}")]
    Log(#[from] crate::front::log::LogError),
    #[error("proxy-lab: {0}")]
    Backend(#[from] crate::backend::BackendError),
    #[error("nginx: [emerg] {0}")]
    Unopened(#[from] unopened::Unopened),
    #[error("proxy-lab: {0}")]
    Io(#[from] std::io::Error),
    #[error(
        "proxy-lab: no running lab was found in {folder}.\nStart it first, in another terminal: make lab"
    )]
    NotRunning { folder: String },
    #[error(
        "proxy-lab: -s speaks to a process that serves a file of its own: name that file with -c or -p.\n\
         The lab ends with Ctrl-C, and serves a file that you have saved at once"
    )]
    SignalInLab,
    /// What the running lab says.
    #[error("{0}")]
    Control(String),
    #[error("proxy-lab explain: {0}")]
    Explain(String),
}
