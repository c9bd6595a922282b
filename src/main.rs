//! The command line; nothing else.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use proxy_lab::backend;

#[derive(Parser)]
#[command(name = "proxy-lab", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run one demo backend in this terminal, until Ctrl-C.
    Backend {
        /// Where it listens; port 0 takes any free one.
        #[arg(long, default_value = "127.0.0.1:5000", value_name = "ADDRESS:PORT")]
        listen: SocketAddr,
        /// The name that its answers say, to tell several backends apart.
        #[arg(long)]
        name: Option<String>,
    },
}

fn main() -> ExitCode {
    let Arguments {
        command: Command::Backend { listen, name },
    } = Arguments::parse();
    let options = backend::Options {
        name,
        ..backend::Options::default()
    };
    match backend::run_alone(listen, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy-lab: {error}");
            ExitCode::FAILURE
        }
    }
}
