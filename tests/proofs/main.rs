//! `make verify`: the differential suite proves of itself that it looks at every directive of the table.
//!
//! For each directive that is done, `proofs.toml` names a case and a line of it: without that line nginx's own answers,
//! or what its backends receive, or its logs, are others than those recorded. For each that is accepted, adding it to
//! ten cases changes nothing of nginx's. `-- NAME…` asks about these alone; `-- --search` looks for lines that prove the
//! done ones that have none yet, and writes them down.

#[path = "../support/arguments.rs"]
mod arguments;
#[path = "../support/nginx.rs"]
mod nginx;
#[path = "../support/oracle/mod.rs"]
#[allow(dead_code)]
mod oracle;

mod accepted;
mod data;
mod lines;
mod process;
mod search;
mod without;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nginx::Nginx;
use oracle::server::Program;

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let (flags, names): (Vec<_>, Vec<_>) =
        asked.into_iter().partition(|word| word.starts_with("--"));
    let nginx = match Nginx::find() {
        Ok(nginx) => Program::nginx(nginx.path, nginx.libraries),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Many lines are time-outs: without them nginx waits for a minute, and nobody else should.
    oracle::framing::set_patience(Duration::from_secs(4));
    let start = Instant::now();
    let wrong = match flags.iter().any(|flag| flag == "--search") {
        true => search::search(&nginx, &names),
        false => verify(&nginx, &names),
    };
    let wrong = wrong.unwrap_or_else(|error| vec![error.to_string()]);
    for line in &wrong {
        println!("FAILED  {line}");
    }
    println!(
        "\n{:.1} s: {} wrong",
        start.elapsed().as_secs_f32(),
        wrong.len()
    );
    match wrong.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// What is not proven.
fn verify(nginx: &Program, names: &[String]) -> Result<Vec<String>, oracle::OracleError> {
    let mut wrong = without::verify(nginx, names)?;
    wrong.extend(process::verify(nginx, names)?);
    wrong.extend(accepted::verify(nginx, names)?);
    Ok(wrong)
}

/// Calls `work` for each item, several at a time, and gathers what it gives.
fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from) * 3;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(item);
                    if let Ok(mut found) = found.lock() {
                        found.push(result);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_default()
}
