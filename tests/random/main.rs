//! Random configurations with random requests, to nginx 1.22.1 and to the lab: every byte must be equal.
//!
//! `make verify` asks the same 200 seeds each time; `make soak` (PROXY_LAB_SOAK) fresh ones for an hour, or for
//! `RANDOM_SECONDS`. `-- SEED…` asks these alone and shows their configuration; `-- --keep-going` does not stop at the
//! tenth disagreement. A disagreement that is found is mended and becomes a case of its own.

#[path = "../support/nginx.rs"]
mod nginx;
#[allow(dead_code, reason = "the cases here are made, not read")]
#[path = "../support/oracle/mod.rs"]
mod oracle;
mod requests;
mod rng;
mod site;
mod words;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nginx::Nginx;
use oracle::OracleError;
use oracle::case::{Case, CaseSpec, FileSpec};
use oracle::server::Program;
use oracle::suite;
use oracle::transcript::Transcript;
use rng::Rng;

/// Seeds that `make verify` asks.
const FIXED: u64 = 200;
/// Connections of one case.
const CONNECTIONS: usize = 20;

fn main() -> ExitCode {
    let asked: Vec<u64> = std::env::args()
        .filter_map(|word| word.parse().ok())
        .collect();
    let keep_going = std::env::args().any(|word| word == "--keep-going");
    let nginx = match Nginx::find() {
        Ok(nginx) => Program::nginx(nginx.path, nginx.libraries),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let lab = Program::lab();
    let (first, last, until) = plan(&asked);
    let next = AtomicU64::new(0);
    let (agreed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from) * 2;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let seed = match asked.is_empty() {
                        true => first + number,
                        false => match asked.get(number as usize) {
                            Some(seed) => *seed,
                            None => return,
                        },
                    };
                    let enough =
                        failed.lock().is_ok_and(|failed| failed.len() >= 10) && !keep_going;
                    if asked.is_empty() && (seed >= last || Instant::now() >= until || enough) {
                        return;
                    }
                    let case = case(seed);
                    if !asked.is_empty() {
                        println!("{}", case.config);
                    }
                    let complaint = match judge(&case, &nginx, &lab) {
                        Ok(Verdict::Equal) => {
                            agreed.fetch_add(1, Ordering::Relaxed);
                            continue;
                        }
                        Ok(Verdict::BothRefuse(message)) => {
                            if !asked.is_empty() {
                                println!("both refuse it: {message}");
                            }
                            refused.fetch_add(1, Ordering::Relaxed);
                            continue;
                        }
                        Ok(Verdict::Differ(text)) => text,
                        Err(error) => format!("  {error}\n"),
                    };
                    println!("FAILED  seed {seed}\n{complaint}");
                    if let Ok(mut failed) = failed.lock() {
                        failed.push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    let (agreed, refused) = (agreed.into_inner(), refused.into_inner());
    println!(
        "\nrandom cases: {agreed} equal with {CONNECTIONS} connections each, {refused} refused by both with the same \
         message, {} failed {failed:?}",
        failed.len()
    );
    println!("{} passed, {} failed", agreed + refused, failed.len());
    if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// First seed, the one behind the last, and when to stop.
fn plan(asked: &[u64]) -> (u64, u64, Instant) {
    let now = Instant::now();
    let seconds = std::env::var("RANDOM_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let soak = std::env::var_os("PROXY_LAB_SOAK").is_some();
    if !asked.is_empty() || (seconds.is_none() && !soak) {
        return (1, FIXED + 1, now + Duration::from_secs(3600));
    }
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let first = since_1970.map_or(1_000_000, |time| time.as_secs()) * 1000;
    println!("fresh seeds from {first}");
    (
        first,
        u64::MAX,
        now + Duration::from_secs(seconds.unwrap_or(3600)),
    )
}

/// The case of a seed.
fn case(seed: u64) -> Case {
    let mut rng = Rng::new(seed);
    let site = site::site(&mut rng);
    let file = |&(path, text): &(&str, &str)| FileSpec {
        path: path.into(),
        text: text.into(),
        modified: None,
    };
    let spec = CaseSpec {
        about: format!("seed {seed}"),
        error_log: false,
        file: words::FILES.iter().map(file).collect(),
        link: Vec::new(),
        dns: Default::default(),
        unix_backend: Default::default(),
        folder: vec!["html/hollow".into()],
        connection: (0..CONNECTIONS)
            .map(|n| requests::connection(&mut rng, &site, n))
            .collect(),
    };
    Case::made(format!("random-{seed}"), site.config, spec)
}

/// Whether a close without lingering resets the connection depends on how much of what the client sent too much was read,
/// and so on the moment; pipelined requests behind a refused one are not what these cases are about.
fn without_resets(transcript: &Transcript) -> Transcript {
    let text = transcript.to_text();
    Transcript::from_text(&text.replace("-- connection: reset by", "-- connection: closed by"))
}

enum Verdict {
    Equal,
    BothRefuse(String),
    Differ(String),
}

/// Asks one after the other in the same folder: what is substituted or compressed in an answer may be its path.
fn judge(case: &Case, nginx: &Program, lab: &Program) -> Result<Verdict, OracleError> {
    let refusals = (
        suite::refusal(case, nginx, "asked")?,
        suite::refusal(case, lab, "asked")?,
    );
    match refusals {
        (None, None) => {}
        (Some(truth), Some(answer)) if truth == answer => return Ok(Verdict::BothRefuse(truth)),
        (truth, answer) => {
            let text = format!("  nginx -t: {truth:?}\n  lab -t:   {answer:?}\n");
            return Ok(Verdict::Differ(text));
        }
    }
    let truth = suite::ask(case, nginx, "asked")?;
    if std::env::var_os("RANDOM_SHOW").is_some() {
        println!("{}", truth.to_text());
    }
    let answer = suite::ask(case, lab, "asked")?;
    Ok(
        match without_resets(&truth).difference(&without_resets(&answer)) {
            None => Verdict::Equal,
            Some(text) => Verdict::Differ(format!("  - is nginx, + is the lab\n{text}")),
        },
    )
}
