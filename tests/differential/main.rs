//! `make verify`: the same files and the same raw bytes to nginx 1.22.1 and to the lab, compared to the byte.
//!
//! Each case is asked of nginx first: what is recorded beside it must be what nginx answers today. Then the lab is asked.
//! `-- NAME…` picks cases; `-- --record` writes nginx's answers down and leaves the lab out; `-- --self` asks nginx twice instead of
//! the lab, which shows that the cases themselves are deterministic.

#[path = "../support/nginx.rs"]
mod nginx;
#[path = "../support/oracle/mod.rs"]
mod oracle;

use nginx::Nginx;
use oracle::OracleError;
use oracle::case::Case;
use oracle::server::Program;
use oracle::suite::{self, Options};
use std::fs;
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::from_args();
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let nginx = match Nginx::find() {
        Ok(nginx) => Program::nginx(nginx.path, nginx.libraries),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("the oracle is {}", nginx.path.display());
    if has("--record") {
        return suite::main(&options, |case| record(case, &nginx));
    }
    let other = if has("--self") {
        nginx.clone()
    } else {
        Program::lab()
    };
    suite::main(&options, |case| compare(case, &nginx, &other))
}

/// Asks both; what differs.
fn compare(case: &Case, nginx: &Program, other: &Program) -> Result<Option<String>, OracleError> {
    let truth = suite::ask(case, nginx, "oracle")?;
    let recorded = suite::recorded(case)?;
    if let Some(stale) = recorded.difference(&truth) {
        let what = "the recording is stale: - is recorded, + is nginx's answer now";
        return Ok(Some(format!("  {what}\n{stale}")));
    }
    let answer = suite::ask(case, other, "other")?;
    let difference = truth.difference(&answer);
    Ok(difference.map(|text| format!("  - is nginx, + is the {}\n{text}", other.name)))
}

/// Writes nginx's answers down, where they are not what is written already.
fn record(case: &Case, nginx: &Program) -> Result<Option<String>, OracleError> {
    let truth = suite::ask(case, nginx, "record")?;
    if suite::recorded(case).is_ok_and(|recorded| recorded.difference(&truth).is_none()) {
        return Ok(None);
    }
    println!("recorded {}", case.name);
    let what = format!("writing {}", case.expected.display());
    fs::write(&case.expected, truth.to_text()).map_err(OracleError::io(what))?;
    Ok(None)
}
