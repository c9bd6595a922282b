//! The arguments, as clap reads them; nginx's own keep nginx's letters and meaning.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// A path that may be empty: `-e ''` is the standard error, `-c ''` the prefix itself, `-p ''` the working folder.
fn any_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Learn to configure a reverse proxy: edit a real nginx.conf and see it served as nginx would.
///
/// Without arguments both servers of the lab start: the front as lab/nginx.conf says (port 3000) and the demo
/// backend on port 5000. With -c or -p the program is nginx: it serves that file and nothing else.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "proxy-lab",
    disable_version_flag = true,
    disable_help_flag = true,
    args_conflicts_with_subcommands = false
)]
#[command(
    after_help = "Examples:\n  proxy-lab                     both servers, as the lesson has them\n  proxy-lab -t                  is lab/nginx.conf right?\n  proxy-lab front               the front alone; `proxy-lab backend` in another terminal\n  proxy-lab explain /api/users  why is that answered as it is?\n  proxy-lab -c /etc/nginx/nginx.conf -t"
)]
pub struct Arguments {
    /// Show nginx's options and exit.
    #[arg(short = 'h', overrides_with = "usage")]
    pub usage: bool,
    /// Show all that the program takes and exit.
    #[arg(long, global = true, action = clap::ArgAction::HelpLong)]
    pub help: Option<bool>,
    /// Test the configuration and exit, as `nginx -t` does.
    #[arg(short = 't', overrides_with = "test")]
    pub test: bool,
    /// The same, and print the configuration with all that it includes.
    #[arg(short = 'T', overrides_with = "dump")]
    pub dump: bool,
    /// Say only what is wrong while testing.
    #[arg(short = 'q', overrides_with = "quiet")]
    pub quiet: bool,
    /// Send a signal to the process that serves this file: stop, quit, reopen or reload.
    #[arg(short = 's', value_name = "SIGNAL", overrides_with = "signal")]
    pub signal: Option<Order>,
    /// The configuration file (nginx mode).
    #[arg(
        short = 'c',
        overrides_with = "file",
        value_name = "FILE",
        value_parser = any_path(),
        global = true,
        allow_hyphen_values = true
    )]
    pub file: Option<PathBuf>,
    /// The prefix: what relative paths are relative to (nginx mode).
    #[arg(
        short = 'p',
        overrides_with = "prefix",
        value_name = "PREFIX",
        value_parser = any_path(),
        global = true,
        allow_hyphen_values = true
    )]
    pub prefix: Option<PathBuf>,
    /// Directives for the main context, before the file's.
    #[arg(
        short = 'g',
        value_name = "DIRECTIVES",
        overrides_with = "globals",
        allow_hyphen_values = true
    )]
    pub globals: Option<String>,
    /// The error log used until the file names one.
    #[arg(
        short = 'e',
        value_name = "FILE",
        value_parser = any_path(),
        overrides_with = "error_log",
        allow_hyphen_values = true
    )]
    pub error_log: Option<PathBuf>,
    /// Show the version and exit.
    #[arg(short = 'v', long = "version", overrides_with = "version")]
    pub version: bool,
    /// Show the version and which modules of nginx there are, and exit.
    #[arg(short = 'V', overrides_with = "build")]
    pub build: bool,
    /// Leave port 5000 to a backend of your own.
    #[arg(long)]
    pub no_backend: bool,
    /// Where the demo backend listens, if port 5000 is wanted for something else.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:5000",
        conflicts_with = "no_backend"
    )]
    pub backend_listen: SocketAddr,
    /// Serve the file as it is now, and take no notice when it is saved.
    #[arg(long)]
    pub no_reload: bool,
    /// Another backend, beside the first: NAME=ADDRESS:PORT. May be given several times.
    #[arg(long = "backend", value_name = "NAME=ADDRESS:PORT", value_parser = named_backend)]
    pub backends: Vec<NamedBackend>,
    /// Bind `listen 3000` on every address, as nginx does, rather than on this machine's own only.
    #[arg(long)]
    pub public: bool,
    /// Where a folder that the file names really is: FROM=TO, such as /etc/nginx=./nginx. May be given several times.
    #[arg(long = "map", value_name = "FROM=TO", value_parser = folders, global = true)]
    pub map: Vec<(PathBuf, PathBuf)>,
    /// Upstreams whose names do not resolve are answered by the demo backend.
    #[arg(long, global = true)]
    pub stub_upstreams: bool,
    /// When to use colours.
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub color: Colour,
    /// The product's name in answers, for comparisons with nginx.
    #[arg(long, value_name = "TEXT", hide = true)]
    pub product: Option<String>,
    /// The process in the background that `daemon on` asks for is this one.
    #[arg(long, hide = true)]
    pub daemonized: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run the front server alone, in this terminal.
    Front,
    /// Run a demo backend alone, or stop and start the one of a running lab.
    Backend(BackendArguments),
    /// Tell how the file answers a request, without sending it.
    Explain(super::explain::ExplainArguments),
    #[command(flatten)]
    Course(super::course::CourseCommand),
}

#[derive(Debug, Clone, Args)]
pub struct BackendArguments {
    #[command(subcommand)]
    pub action: Option<BackendAction>,
    /// Where it listens; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:5000", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// The name that its answers say, to tell several backends apart.
    #[arg(long, value_parser = name_of_backend)]
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum BackendAction {
    /// Take the backend of the running lab down: port 5000 is closed.
    Stop,
    /// Bring it up again.
    Start,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    Auto,
    Always,
    Never,
}

/// What `-s` asks of a running process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    Stop,
    Quit,
    Reopen,
    Reload,
}

/// `--backend NAME=ADDRESS:PORT`.
#[derive(Debug, Clone)]
pub struct NamedBackend {
    pub name: String,
    pub address: SocketAddr,
}

fn named_backend(text: &str) -> Result<NamedBackend, String> {
    let (name, address) = text
        .split_once('=')
        .ok_or("expected NAME=ADDRESS:PORT, such as blue=127.0.0.1:5001")?;
    let address = address
        .parse()
        .map_err(|_| format!("\"{address}\" is no address with a port, such as 127.0.0.1:5001"))?;
    Ok(NamedBackend {
        name: name_of_backend(name)?,
        address,
    })
}

/// `--map FROM=TO`: two folders, the second of which exists.
fn folders(text: &str) -> Result<(PathBuf, PathBuf), String> {
    let (from, to) = text
        .split_once('=')
        .ok_or("expected FROM=TO, such as /etc/nginx=./nginx")?;
    if !from.starts_with('/') {
        return Err(format!(
            "\"{from}\" is not absolute: it is a folder as the file names it, such as /etc/nginx"
        ));
    }
    let to = std::path::absolute(to).map_err(|error| format!("\"{to}\": {error}"))?;
    if !to.is_dir() {
        return Err(format!("there is no folder \"{}\"", to.display()));
    }
    Ok((PathBuf::from(from), to))
}

fn name_of_backend(name: &str) -> Result<String, String> {
    crate::backend::check_name(name).map_err(|error| error.to_string())?;
    Ok(name.to_owned())
}

impl Arguments {
    /// Whether what is printed on the standard output is coloured.
    pub fn tint(&self) -> super::course::Tint {
        super::course::Tint {
            forced: match self.color {
                Colour::Always => Some(true),
                Colour::Never => Some(false),
                Colour::Auto => None,
            },
        }
    }

    /// Whether diagnostics on the standard error are coloured.
    pub fn colours(&self) -> bool {
        use std::io::IsTerminal;
        match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                std::io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                    && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
            }
        }
    }
}
