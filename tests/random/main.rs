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
mod settings;
mod site;
mod words;

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nginx::Nginx;
use oracle::OracleError;
use oracle::case::Case;
use oracle::server::Program;
use oracle::spec::{CaseSpec, FileSpec};
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
    let run = Run {
        nginx: &nginx,
        lab: &lab,
        keep_going,
        seeds: Seeds::plan(asked),
        agreed: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
        failed: Mutex::new(Vec::new()),
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from) * 2;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| run.all());
        }
    });
    let failed = run.failed.into_inner().unwrap_or_default();
    let (agreed, refused) = (run.agreed.into_inner(), run.refused.into_inner());
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

/// What the threads share.
struct Run<'a> {
    nginx: &'a Program,
    lab: &'a Program,
    keep_going: bool,
    seeds: Seeds,
    agreed: AtomicUsize,
    refused: AtomicUsize,
    failed: Mutex<Vec<u64>>,
}

impl Run<'_> {
    /// Asks seed after seed until there is none, or enough have failed.
    fn all(&self) {
        while let Some(seed) = self.seeds.next() {
            let enough = self.failed.lock().is_ok_and(|failed| failed.len() >= 10);
            if enough && !self.keep_going && !self.seeds.are_asked() {
                return;
            }
            self.one(seed);
        }
    }

    fn one(&self, seed: u64) {
        let shows = self.seeds.are_asked();
        let case = case(seed);
        if shows {
            println!("{}", case.config);
        }
        let complaint = match judge(&case, self.nginx, self.lab) {
            Ok(Verdict::Equal) => {
                self.agreed.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Ok(Verdict::BothRefuse(message)) => {
                if shows {
                    println!("both refuse it: {message}");
                }
                self.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Ok(Verdict::Differ(text)) => text,
            Err(error) => format!("  {error}\n"),
        };
        println!("FAILED  seed {seed}\n{complaint}");
        if let Ok(mut failed) = self.failed.lock() {
            failed.push(seed);
        }
    }
}

/// The seeds to ask, one after the other, whoever asks.
struct Seeds {
    /// Those of the command line; where there are none, the others count.
    asked: Vec<u64>,
    first: u64,
    /// The one behind the last.
    end: u64,
    until: Instant,
    taken: AtomicU64,
}

impl Seeds {
    fn are_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    fn next(&self) -> Option<u64> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        if self.are_asked() {
            return self.asked.get(usize::try_from(number).ok()?).copied();
        }
        let seed = self.first.checked_add(number)?;
        (seed < self.end && Instant::now() < self.until).then_some(seed)
    }

    /// The fixed ones, or fresh ones for as long as the environment says.
    fn plan(asked: Vec<u64>) -> Self {
        let now = Instant::now();
        let seconds = std::env::var("RANDOM_SECONDS")
            .ok()
            .and_then(|text| text.parse().ok());
        let soak = std::env::var_os("PROXY_LAB_SOAK").is_some();
        let is_fixed = seconds.is_none() && !soak;
        let (first, end) = if !asked.is_empty() || is_fixed {
            (1, FIXED + 1)
        } else {
            let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let first = since_1970.map_or(1_000_000, |time| time.as_secs()) * 1000;
            println!("fresh seeds from {first}");
            (first, u64::MAX)
        };
        Self {
            asked,
            first,
            end,
            until: now + Duration::from_secs(seconds.unwrap_or(3600)),
            taken: AtomicU64::new(0),
        }
    }
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
