//! All cases, in parallel, with a report: the common part of the two test programs.

use super::OracleError;
use super::case::Case;
use super::transcript::Transcript;
use super::{data_dir, run};
use crate::oracle::server::Program;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// The suite has no fewer configurations, none like another but for a literal, and no fewer sends.
const CONFIGURATIONS: usize = 80;
const SENDS: usize = 400;

/// What the command line asks for.
pub struct Options {
    /// Cases whose names hold one of these; all where there are none.
    filters: Vec<String>,
    list: bool,
}

impl Options {
    /// Reads the arguments that cargo hands to a test program; unknown flags are other test programs'.
    pub fn from_args() -> Self {
        let (flags, filters): (Vec<_>, Vec<_>) = std::env::args()
            .skip(1)
            .partition(|argument| argument.starts_with('-'));
        Options {
            filters,
            list: flags.iter().any(|flag| flag == "--list"),
        }
    }

    /// No case is left out.
    #[allow(dead_code, reason = "one of the test programs asks")]
    pub fn is_whole(&self) -> bool {
        self.filters.is_empty() && !self.list
    }

    /// Nothing is left out.
    #[allow(dead_code, reason = "one of the test programs takes all")]
    pub fn all() -> Self {
        Options {
            filters: Vec::new(),
            list: false,
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.filters.is_empty()
            || self
                .filters
                .iter()
                .any(|filter| name.contains(filter.as_str()))
    }
}

/// The configurations without their quoted texts and their digits: what differs in literals alone is one.
fn shapes(cases: &[Case]) -> BTreeSet<String> {
    let shape = |case: &Case| {
        let mut quote = None;
        let mut out = String::new();
        for c in case.config.chars() {
            match quote {
                Some(open) if c == open => quote = None,
                Some(_) => {}
                None if matches!(c, '"' | '\'') => quote = Some(c),
                None if c.is_ascii_digit() || c.is_whitespace() => {}
                None => out.push(c),
            }
        }
        out
    };
    cases.iter().map(shape).collect()
}

/// All cases and tables of heads that the options ask for.
pub fn cases(options: &Options) -> Result<Vec<Case>, OracleError> {
    let list = |folder: &str| -> Result<Vec<PathBuf>, OracleError> {
        let folder = data_dir().join(folder);
        let what = || OracleError::io(format!("reading {}", folder.display()));
        let entries: Result<Vec<_>, _> = fs::read_dir(&folder).map_err(what())?.collect();
        let mut paths: Vec<_> = entries
            .map_err(what())?
            .into_iter()
            .map(|entry| entry.path())
            .collect();
        paths.sort();
        Ok(paths)
    };
    let mut cases = Vec::new();
    for dir in list("cases")? {
        cases.push(Case::load(&dir)?);
    }
    for file in list("heads")?
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
    {
        cases.push(Case::load_heads(file)?);
    }
    cases.retain(|case| options.wants(&case.name));
    Ok(cases)
}

/// Runs `judge` on every case, several at a time, and reports; it returns what is wrong with a case.
pub fn main(
    options: &Options,
    judge: impl Fn(&Case) -> Result<Option<String>, OracleError> + Sync,
) -> ExitCode {
    let cases = match cases(options) {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    if options.list {
        cases
            .iter()
            .for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    // Most of a case is waiting: for a start, a time-out, an end.
    let threads = std::thread::available_parallelism().map_or(2, usize::from) * 2;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    let complaint = match judge(case) {
                        Ok(None) => {
                            let seconds = begun.elapsed().as_secs_f32();
                            println!(
                                "ok      {} ({} connections, {seconds:.1} s)",
                                case.name,
                                case.spec.connection.len()
                            );
                            continue;
                        }
                        Ok(Some(difference)) => difference,
                        Err(error) => format!("  {error}\n"),
                    };
                    println!("FAILED  {}\n{complaint}", case.name);
                    if let Ok(mut failed) = failed.lock() {
                        failed.push(case.name.clone());
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_default();
    let connections: usize = cases.iter().map(|case| case.spec.connection.len()).sum();
    let sends: usize = cases
        .iter()
        .flat_map(|case| &case.spec.connection)
        .map(|c| c.steps().iter().filter(|s| s.send.is_some()).count())
        .sum();
    println!(
        "\n{} cases, {connections} connections, {sends} sends, {:.1} s: {} failed {failed:?}",
        cases.len(),
        start.elapsed().as_secs_f32(),
        failed.len()
    );
    let shapes = shapes(&cases);
    println!("{} configurations", shapes.len());
    let too_few = options.is_whole() && (shapes.len() < CONFIGURATIONS || sends < SENDS);
    if too_few {
        println!(
            "FAILED  there must be {SENDS} sends over {CONFIGURATIONS} configurations at least"
        );
    }
    if failed.is_empty() && !too_few {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a case against a program in a folder of its own under `target/`.
pub fn ask(case: &Case, program: &Program, role: &str) -> Result<Transcript, OracleError> {
    in_folder(case, role, |prefix| run::run(case, program, prefix))
}

/// What a program says against a case's configuration, if it refuses it.
#[allow(dead_code, reason = "cases of the suite are all accepted")]
pub fn refusal(case: &Case, program: &Program, role: &str) -> Result<Option<String>, OracleError> {
    in_folder(case, role, |prefix| run::refusal(case, program, prefix))
}

/// Calls `run` with a folder of the case's own.
pub fn in_folder<T>(case: &Case, role: &str, run: impl FnOnce(&Path) -> T) -> T {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let home = root.join(format!("oracle-{}", std::process::id()));
    let result = run(&home.join(format!("{}-{role}", case.name.replace('/', "-"))));
    // Gone when the last case has removed its own; a failed case's is kept to be looked at.
    let _ = fs::remove_dir(home);
    result
}

/// The recorded answers of a case.
pub fn recorded(case: &Case) -> Result<Transcript, OracleError> {
    let what = format!(
        "reading {} (record it: cargo test --features verify --test differential -- --record)",
        case.expected.display()
    );
    let text = fs::read_to_string(&case.expected).map_err(OracleError::io(what))?;
    Ok(Transcript::from_text(&text))
}
