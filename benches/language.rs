//! How long nginx's language takes: a file of 10,000 lines is to be read and validated in under 100 ms, and among 1,000
//! locations one is to be chosen with at most 5 % more instructions for a request than among 10.
//!
//! `cargo bench --bench language` prints both and fails where one is not kept. The second needs valgrind; without it,
//! the bench says so. `choose N TIMES` is what valgrind runs.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use bytes::Bytes;
use proxy_lab::config::{LoadOptions, load, model::Model};
use proxy_lab::front::choose;

const LINES: usize = 10_000;
const MOST: Duration = Duration::from_millis(100);
/// Instructions of a request (`docs/performance.md`), of which five in a hundred may be added.
const REQUEST: u64 = 50_000;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse().ok());
    let outcome = match (words.first().map(String::as_str), number(1), number(2)) {
        (Some("choose"), Some(locations), Some(times)) => choose_often(locations, times),
        _ => measure(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<bool, Failure> {
    let text = site(LINES / 5);
    let lines = text.lines().count();
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let begin = Instant::now();
        read(&text)?;
        best = best.min(begin.elapsed());
    }
    println!("{lines} lines are read and validated in {best:?}, of {MOST:?}");
    let quick = best < MOST;
    let (Some(few), Some(many)) = (instructions(10)?, instructions(1000)?) else {
        println!("valgrind is not here: instructions are not counted");
        return Ok(quick);
    };
    let more = many.saturating_sub(few);
    println!("choosing among 10 locations: {few} instructions, among 1,000: {many}");
    println!(
        "more: {more}, of {} that are 5 % of a request",
        REQUEST / 20
    );
    Ok(quick && more <= REQUEST / 20)
}

/// A server whose locations have four lines of their own each.
fn site(locations: usize) -> String {
    let mut text =
        String::from("events { }\nhttp {\n    server {\n        listen 127.0.0.1:8080;\n");
    for n in 0..locations {
        text.push_str(&format!(
            "        location /api/section-{}/item-{n}/ {{\n            proxy_pass http://127.0.0.1:5000/{n}/;\n            \
             proxy_set_header X-Item \"$uri-{n}\";\n            add_header X-Seen \"$request_id\";\n        }}\n",
            n % 7
        ));
    }
    text.push_str("    }\n}\n");
    text
}

fn read(text: &str) -> Result<Model, Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, text)?;
    let options = LoadOptions {
        file,
        prefix: folder.path().into(),
        ..LoadOptions::default()
    };
    Ok(load(&options)?)
}

/// Chooses a location, again and again.
fn choose_often(locations: usize, times: usize) -> Result<bool, Failure> {
    let model = read(&site(locations))?;
    let server = model.listens.first().ok_or("no listen")?;
    let scope = &server.default_server.scope;
    let uri = Bytes::from(format!("/api/section-{0}/item-{0}/page.html", 5));
    for _ in 0..times {
        let found = choose::location(scope, &uri, &mut None, &mut ())?;
        let chosen = std::hint::black_box(found);
        if !matches!(chosen, choose::Chosen::Prefix(_)) {
            return Err("no location was chosen".into());
        }
    }
    Ok(true)
}

/// Instructions of one choice among so many locations: what a thousand choices more cost. `None` without valgrind.
fn instructions(locations: usize) -> Result<Option<u64>, Failure> {
    let (Some(short), Some(long)) = (counted(locations, 1)?, counted(locations, 1001)?) else {
        return Ok(None);
    };
    Ok(Some(long.saturating_sub(short) / 1000))
}

/// Callgrind's count of a whole run.
fn counted(locations: usize, times: usize) -> Result<Option<u64>, Failure> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["choose", &locations.to_string(), &times.to_string()])
        .output();
    let output = match run {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let count = text
        .lines()
        .find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match count {
        Some(count) if output.status.success() => Ok(Some(count)),
        _ => Err(format!("callgrind failed: {text}").into()),
    }
}
