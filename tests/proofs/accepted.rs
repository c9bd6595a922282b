//! Directives that are accepted.

use crate::oracle::OracleError;
use crate::oracle::server::Program;

pub fn verify(_nginx: &Program, _names: &[String]) -> Result<Vec<String>, OracleError> {
    Ok(Vec::new())
}
