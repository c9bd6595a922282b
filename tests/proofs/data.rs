//! `proofs.toml`: which line of which case proves a directive.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proxy_lab::config::table::{self, Row, Status};
use serde::Deserialize;

use crate::lines::key;
use crate::oracle::OracleError;

/// What becomes of nginx's answers without the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// An answer, a request to a backend or a log is another one.
    #[default]
    Other,
    /// One does not come in time: for lines that end a waiting.
    Late,
    /// nginx refuses the file: for lines that it cannot do without.
    Refused,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    pub case: String,
    /// The directive as written, without `;` or block.
    pub line: String,
    /// Which of several lines with this text.
    #[serde(default = "first")]
    pub nth: usize,
    #[serde(default)]
    pub change: Change,
    /// Why nothing better than a refusal is possible.
    pub why: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proofs {
    #[serde(default)]
    pub done: BTreeMap<String, Proof>,
}

fn first() -> usize {
    1
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proofs/proofs.toml")
}

impl Proofs {
    pub fn read() -> Result<Self, OracleError> {
        let file = file();
        let what = format!("reading {}", file.display());
        let text = fs::read_to_string(&file).map_err(OracleError::io(what))?;
        toml::from_str(&text).map_err(|error| OracleError::case(&file, error.to_string()))
    }

    /// In the order of the table.
    pub fn write(&self) -> Result<(), OracleError> {
        let file = file();
        let mut text = String::from(
            "# Which line of which differential case proves a directive that is done: without it nginx itself does\n\
             # something else than is recorded there. `cargo test --features verify --test proofs -- --search`\n\
             # finds lines for directives that have none; `main.rs` says more.\n\n[done]\n",
        );
        for row in done() {
            let Some(proof) = self.done.get(&key(row)) else {
                continue;
            };
            let name = match key(row) {
                name if name.contains(' ') => format!("{name:?}"),
                name => name,
            };
            text += &format!(
                "{name} = {{ case = {:?}, line = {:?}",
                proof.case, proof.line
            );
            if proof.nth > 1 {
                text += &format!(", nth = {}", proof.nth);
            }
            if proof.change != Change::Other {
                text += &format!(
                    ", change = {:?}",
                    format!("{:?}", proof.change).to_lowercase()
                );
            }
            if let Some(why) = &proof.why {
                text += &format!(", why = {why:?}");
            }
            text += " }\n";
        }
        fs::write(&file, text).map_err(OracleError::io(format!("writing {}", file.display())))
    }
}

/// The rows of the directives that the lab has.
pub fn done() -> impl Iterator<Item = &'static Row> {
    let is_done = |row: &&Row| matches!(row.status, Status::Value | Status::Done(_));
    table::rows().iter().filter(is_done)
}
