//! `proxy-lab explain URL`: how the file answers a request, told without sending it.

mod request;
mod rounds;
mod text;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use crate::config::LoadOptions;
use crate::front::explain::{Question, explain};
use crate::front::worker::Product;

use super::{Arguments, CliError};
use request::Wanted;

/// What is asked for.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  proxy-lab explain /api/users\n  proxy-lab explain http://localhost:3000/api/users?page=2\n  proxy-lab explain /api/ -H 'Host: example.org' -H 'X-Forwarded-For: 203.0.113.9'\n  proxy-lab explain /api/upload -X PUT -d 'some text'\n  proxy-lab -c /etc/nginx/nginx.conf explain http://example.org/\n\nNothing is sent, logged or written. What only an upstream's answer can tell is left open.\nThe fields of --json are described in docs/explain.md."
)]
pub struct ExplainArguments {
    /// A path, such as /api/users, or a whole URL, whose host and port choose the address that is asked.
    #[arg(value_name = "URL", required_unless_present = "raw")]
    pub url: Option<String>,
    /// A header field, as curl takes it; may be given several times. `Name:` sends none of that name.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// The method: GET, or POST where there is data.
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub method: Option<String>,
    /// The body of the request; `@FILE` takes it from a file. Given several times, with `&` between.
    #[arg(short = 'd', long = "data", value_name = "DATA")]
    pub data: Vec<String>,
    /// The same, and a file keeps its line ends.
    #[arg(long, value_name = "DATA", conflicts_with = "data")]
    pub data_binary: Option<String>,
    /// Only the head is asked for: the method HEAD.
    #[arg(short = 'I', long, conflicts_with_all = ["data", "data_binary"])]
    pub head: bool,
    /// The `User-Agent`.
    #[arg(short = 'A', long, value_name = "NAME")]
    pub user_agent: Option<String>,
    /// What curl shows makes no difference to the request: a command of curl's can be taken as it is.
    #[arg(short = 'i', short_alias = 's', short_aliases = ['S'], hide = true, action = clap::ArgAction::Count)]
    pub shown: u8,
    /// The bytes of a whole request instead, from a file (`-` is the standard input).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["headers", "method", "data", "data_binary", "head", "user_agent"])]
    pub raw: Option<std::path::PathBuf>,
    /// For programs: one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Explains one request on the standard output.
///
/// # Errors
/// The file cannot be used, nothing listens there, or what was asked is no request.
pub fn run(
    arguments: &Arguments,
    wanted: &ExplainArguments,
    load: &LoadOptions,
) -> Result<ExitCode, CliError> {
    let model = Arc::new(super::serve::load_model(load, arguments.colours())?);
    let Wanted { reached, raw } = request::make(wanted, &model).map_err(CliError::Explain)?;
    let question = Question {
        listen: reached.listen,
        raw,
        peer: SocketAddr::new(reached.peer.ip(), CLIENT_PORT),
        local: reached.local,
        product: arguments
            .product
            .as_deref()
            .map(Product::new)
            .unwrap_or_default(),
    };
    let shown = String::from_utf8_lossy(&question.raw).into_owned();
    let explained = actix_rt::System::new()
        .block_on(explain(&model, question))
        .map_err(|error| CliError::Explain(error.to_string()))?;
    let output = if wanted.json {
        let json = serde_json::to_string_pretty(&explained);
        json.map_err(|error| CliError::Explain(error.to_string()))? + "\n"
    } else {
        text::render(&explained, &model, &shown)
    };
    super::print(&output)?;
    Ok(ExitCode::SUCCESS)
}

/// `$remote_port` of a client that there is not.
const CLIENT_PORT: u16 = 50000;
