//! dev
use std::process::ExitCode;
fn main() -> ExitCode {
    let a: Vec<String> = std::env::args().collect();
    let o = proxy_lab::config::LoadOptions {
        file: a[1].clone().into(),
        prefix: a.get(2).cloned().unwrap_or("/tmp/cfgwork/p".into()).into(),
        globals: a.get(3).cloned(),
        error_log: None,
    };
    if std::env::var("DUMP").is_ok() {
        println!("{:#?}", proxy_lab::config::load(&o));
    }
    proxy_lab::cli::validate::run(&o, std::env::var("COLOUR").is_ok())
}
