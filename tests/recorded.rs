//! Every differential case against nginx's recorded answers: what `make verify` asks, on a machine without nginx.
//!
//! `-- NAME…` picks cases. How they are written and recorded: tests/differential/README.md.

#[path = "support/oracle/mod.rs"]
mod oracle;

use oracle::server::Program;
use oracle::suite::{self, Options};
use std::process::ExitCode;

fn main() -> ExitCode {
    let lab = Program::lab();
    suite::main(&Options::from_args(), |case| {
        let difference = suite::recorded(case)?.difference(&suite::ask(case, &lab, "recorded")?);
        Ok(difference.map(|text| format!("  - is nginx, as recorded, + is the lab\n{text}")))
    })
}
