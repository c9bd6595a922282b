//! Directives that no answer shows: what they do to nginx's processes.

use crate::oracle::OracleError;
use crate::oracle::server::Program;

const NAMES: [&str; 5] = [
    "daemon",
    "master_process",
    "pid",
    "worker_processes",
    "user",
];

pub fn proves(name: &str) -> bool {
    NAMES.contains(&name)
}

pub fn verify(_nginx: &Program, _names: &[String]) -> Result<Vec<String>, OracleError> {
    Ok(Vec::new())
}
