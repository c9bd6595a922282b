//! What `explain` foretells is what the lab then does: for every request of the differential cases.
//!
//! Each request is explained first and then sent, on a connection of its own. Compared are the whole head of the answer
//! and its text, or the request that the backend receives, byte for byte, and the story with the location. `-- NAME…`
//! picks cases.

mod differs;
mod lab;
#[path = "../support/oracle/mod.rs"]
#[allow(dead_code)]
mod oracle;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use differs::differs;
use lab::Lab;
use oracle::OracleError;
use oracle::backend::Backends;
use oracle::bytes;
use oracle::case::Case;
use oracle::client;
use oracle::ports::Ports;
use oracle::spec::{ConnectionSpec, StepSpec};
use oracle::suite::{self, Options};
use proxy_lab::front::explain::Ending;

/// Requests that were compared, and those among them that an upstream answers.
static COMPARED: AtomicUsize = AtomicUsize::new(0);
static PROXIED: AtomicUsize = AtomicUsize::new(0);
/// Requests whose sending the case itself spreads over its steps, or breaks off.
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

fn main() -> ExitCode {
    let options = Options::from_args();
    let code = suite::main(&options, |case| {
        judge(case).map(|found| (!found.is_empty()).then(|| found.join("\n")))
    });
    let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let (compared, proxied, skipped) = (of(&COMPARED), of(&PROXIED), of(&SKIPPED));
    println!("{compared} requests explained and sent ({proxied} to a backend), {skipped} left out");
    if options.is_whole() && (compared < 1000 || skipped * 20 > compared) {
        eprintln!("too few requests were compared: is the suite read as it should be?");
        return ExitCode::FAILURE;
    }
    code
}

/// What disagrees in a case.
fn judge(case: &Case) -> Result<Vec<String>, OracleError> {
    let folder = format!(
        "explain-{}/{}",
        std::process::id(),
        case.name.replace('/', "-")
    );
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let prefix = root.join(folder);
    let mut ports = Ports::for_texts(case.texts(), &case.numbers)?;
    oracle::run::lay_out(case, &prefix, &ports)?;
    let backends = Backends::start(std::mem::take(&mut ports.backends))?;
    let lab = Lab::start(&prefix)?;
    let mut found = Vec::new();
    for connection in &case.spec.connection {
        for spec in requests(connection) {
            let complaint = compare(&lab, &spec, &ports, &backends, &prefix)?;
            found.extend(complaint.map(|text| format!("  {}: {text}", connection.name)));
        }
    }
    lab.stop();
    std::fs::remove_dir_all(&prefix).map_err(OracleError::io("removing the prefix"))?;
    let _ = std::fs::remove_dir(root.join(format!("explain-{}", std::process::id())));
    Ok(found)
}

/// The requests of a connection, each as a connection of its own.
fn requests(connection: &ConnectionSpec) -> Vec<ConnectionSpec> {
    let mut all: Vec<ConnectionSpec> = Vec::new();
    let mut begun = String::new();
    // What goes to and fro in steps (a tunnel, say) cannot be sent at once.
    if connection.steps().iter().any(|step| step.release) {
        SKIPPED.fetch_add(connection.steps().len(), Ordering::Relaxed);
        return all;
    }
    for step in connection.steps() {
        let Some(send) = &step.send else {
            // A backend that is still being asked would be taken for the next request's.
            if let (Some(_), [only]) = (step.received, &mut all[..]) {
                only.step.push(step.clone());
            }
            continue;
        };
        begun.push_str(send);
        if step.methods().is_empty() && !step.eof && !step.close {
            // The rest of the request comes with a later step.
            continue;
        }
        all.push(ConnectionSpec {
            request: Vec::new(),
            send: None,
            step: vec![StepSpec {
                send: Some(std::mem::take(&mut begun)),
                answers: step.answers.clone(),
                ..StepSpec::default()
            }],
            ..connection.clone()
        });
    }
    SKIPPED.fetch_add(usize::from(!begun.is_empty()), Ordering::Relaxed);
    all
}

/// Explains a request, sends it, and says what differs.
fn compare(
    lab: &Lab,
    spec: &ConnectionSpec,
    ports: &Ports,
    backends: &Backends,
    prefix: &Path,
) -> Result<Option<String>, OracleError> {
    let send = spec
        .step
        .first()
        .and_then(|step| step.send.clone())
        .unwrap_or_default();
    let raw = bytes::parse(&send, &ports.names)?;
    let foretold = lab.explain(&raw, ports.of(&spec.to).unwrap_or(ports.first))?;
    if foretold.outcome == Ending::Incomplete {
        SKIPPED.fetch_add(1, Ordering::Relaxed);
        return Ok(None);
    }
    lab.stories.clear();
    let seen = client::converse(spec, ports, backends, prefix)?;
    let received = backends.settle()?;
    let story = lab.stories.of(&foretold.story)?;
    COMPARED.fetch_add(1, Ordering::Relaxed);
    if matches!(foretold.outcome, Ending::Upstream { .. }) {
        PROXIED.fetch_add(1, Ordering::Relaxed);
    }
    Ok(
        differs(lab, &foretold, &story, &seen, &received, spec).map(|what| {
            format!(
                "{what}\n    sent {}\n    explained {} and {:?}",
                bytes::render(&raw),
                foretold.story,
                foretold.outcome
            )
        }),
    )
}
