//! stub
use crate::config::{LoadError, LoadOptions, model::Model};
pub fn run(_: &LoadOptions, _: bool) -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
pub fn render_warnings(_: &Model, _: bool) -> String {
    String::new()
}
pub fn render_errors(_: &LoadError, _: bool) -> String {
    String::new()
}
