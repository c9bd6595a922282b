//! What `explain` foretells is what the lab then does: for every request of the differential cases.
//!
//! Each request is explained first and then sent, on a connection of its own. Compared are the whole head of the answer
//! and its text, or the request that the backend receives, byte for byte, and the story with the location. `-- NAME…`
//! picks cases.

#[path = "support/oracle/mod.rs"]
#[allow(dead_code)]
mod oracle;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use oracle::OracleError;
use oracle::backend::{Backends, Received};
use oracle::bytes;
use oracle::case::{Case, ConnectionSpec, ReadUntil, StepSpec};
use oracle::client::{self, Seen};
use oracle::framing::{PATIENCE, find};
use oracle::ports::Ports;
use oracle::suite::{self, Options};
use proxy_lab::config::model::{ListenAddress, Model};
use proxy_lab::config::{self, LoadOptions};
use proxy_lab::front::explain::{BodyShown, Ending, Explanation, Question, explain};
use proxy_lab::front::log::Logs;
use proxy_lab::front::server::{self, FrontOptions, Stop};
use proxy_lab::front::trace::{Step, text};
use proxy_lab::front::worker::Product;

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

fn differs(
    lab: &Lab,
    foretold: &Explanation,
    story: &str,
    seen: &[Seen],
    received: &[Received],
    spec: &ConnectionSpec,
) -> Option<String> {
    // What follows in the same write is another request's.
    let alone = spec
        .step
        .first()
        .is_some_and(|step| step.methods().len() == 1);
    let answer = answer_of(seen);
    match &foretold.outcome {
        Ending::Answer { status, head, body } => {
            if alone && !received.is_empty() {
                return Some("a backend was asked, which explain did not foretell".into());
            }
            if !story.starts_with(&format!("{} → {status},", foretold.story)) {
                return Some(format!("the lab's story is {story}"));
            }
            answer_differs(head, body, &answer, varies(foretold))
        }
        Ending::Upstream { address, .. } => {
            PROXIED.fetch_add(1, Ordering::Relaxed);
            let line = foretold.story.rsplit(" → ").next().unwrap_or_default();
            let request = line.split_once(' ').map_or("", |(_, request)| request);
            // Whose turn it is, and who failed lately, is the running server's to know.
            let told = std::iter::once(address.clone()).chain(fellows(foretold));
            let told: Vec<String> = told.map(|peer| format!(" → {peer} {request}")).collect();
            // Where an answer leads on, and which address a name has, is not to be foretold.
            let leads_on = spec.backend.iter().any(|answer| {
                let sent = answer.full().send.concat();
                sent.contains("X-Accel-Redirect")
            });
            let is_name = address.starts_with(|c: char| c.is_ascii_alphabetic())
                && !address.starts_with("unix:");
            let other = leads_on || is_name || story.contains(" → 502");
            if !other && !told.iter().any(|told| story.contains(told)) {
                return Some(format!("the lab's story is {story}"));
            }
            // Asking itself, the lab alone sees that request.
            // Where no peer is live, another location may have asked its own.
            let asked = |got: &&Received| got.bytes.starts_with(request.as_bytes());
            let first = match received.iter().find(asked) {
                None if other => return None,
                found => found.or(received.first()),
            };
            let first = first.filter(|_| !lab.listens_on(address))?;
            upstream_differs(foretold, &first.bytes, spec)
        }
        Ending::Closed { status } => {
            if !answer.is_empty() {
                return Some(format!("an answer came: {}", bytes::render(&answer)));
            }
            (!story.contains(&format!(" → {status},")))
                .then(|| format!("the lab's story is {story}"))
        }
        Ending::Incomplete => None,
    }
}

/// The peers that might be asked instead.
fn fellows(foretold: &Explanation) -> Vec<String> {
    let mut steps = foretold.steps.iter().rev();
    let others = steps.find_map(|step| match step {
        Step::Peer { others, .. } => Some(others),
        _ => None,
    });
    let live = others
        .into_iter()
        .flatten()
        .filter(|other| other.reason != "marked `down`");
    live.map(|other| other.name.clone()).collect()
}

/// The bytes of the answer, without interim ones.
fn answer_of(seen: &[Seen]) -> Vec<u8> {
    let received = seen.iter().find_map(|seen| match seen {
        Seen::Received(bytes) => Some(bytes.clone()),
        _ => None,
    });
    let mut bytes = received.unwrap_or_default();
    while bytes.starts_with(b"HTTP/1.1 100 ") {
        let end = find(&bytes, b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
        bytes.drain(..end);
    }
    bytes
}

/// Where a value `varies`, the numbers may be others.
fn answer_differs(
    head: &[String],
    body: &BodyShown,
    answer: &[u8],
    varies: bool,
) -> Option<String> {
    let alike = |a: &str, b: &str| a == b || varies && without_numbers(a) == without_numbers(b);
    let end = match head {
        [] => 0,
        _ => find(answer, b"\r\n\r\n").map_or(answer.len(), |at| at + 4),
    };
    let (answer_head, rest) = answer.split_at(end);
    let lines: Vec<String> = answer_head
        .split(|&b| b == b'\n')
        .map(|line| text(line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|line| !line.is_empty())
        .collect();
    // The clock, and a count that other requests share.
    let moves = |line: &str| {
        let moving = ["Date: ", "Content-Type: multipart/byteranges; boundary="];
        moving.into_iter().find(|start| line.starts_with(start))
    };
    let same = |(a, b): (&String, &String)| {
        alike(a, b) || moves(a).is_some_and(|start| b.starts_with(start))
    };
    if lines.len() != head.len() || !lines.iter().zip(head).all(same) {
        return Some(format!("the head of the answer is {lines:#?}"));
    }
    match body {
        BodyShown::None | BodyShown::Binary { .. } | BodyShown::File { .. } => None,
        BodyShown::Text {
            text: shown,
            length,
        } => {
            let unframed;
            let rest = match lines.iter().any(|l| l == "Transfer-Encoding: chunked") {
                true => {
                    unframed = without_chunks(rest);
                    &unframed[..]
                }
                false => rest,
            };
            // A number of more digits makes a longer text; without a head it ends with the connection.
            let told = lines
                .iter()
                .find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
            let length = match varies {
                true => told.unwrap_or(rest.len()),
                false => usize::try_from(*length).ok()?,
            };
            let sent = rest.get(..length)?;
            let whole = length <= proxy_lab::front::explain::SHOWN;
            let lines = sent.split(|&b| b == b'\n');
            let lines = lines.map(|line| text(line.strip_suffix(b"\r").unwrap_or(line)));
            let sent = lines.collect::<Vec<_>>().join("\n");
            (whole && !alike(&sent, shown)).then(|| format!("the text of the answer is {sent}"))
        }
    }
}

/// A text with a sign in the place of each number.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}

/// The text of a chunked body.
fn without_chunks(mut framed: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = find(framed, b"\r\n") {
        let size = std::str::from_utf8(&framed[..end]).unwrap_or_default();
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        let Some(data) = framed
            .get(end + 2..end + 2 + size)
            .filter(|d| !d.is_empty())
        else {
            break;
        };
        whole.extend_from_slice(data);
        framed = framed.get(end + 2 + size + 2..).unwrap_or_default();
    }
    whole
}

fn upstream_differs(
    foretold: &Explanation,
    received: &[u8],
    spec: &ConnectionSpec,
) -> Option<String> {
    let told = foretold.steps.iter().rev().find_map(|step| match step {
        Step::Upstream { lines, body, .. } => Some((lines, body)),
        _ => None,
    });
    let Some((lines, body)) = told else {
        return Some("nothing was told of the request to the upstream".into());
    };
    let end = find(received, b"\r\n\r\n").unwrap_or(received.len());
    let (head, rest) = received.split_at(end);
    let told: Vec<&String> = lines.iter().map(|line| &line.text).collect();
    let told = told
        .iter()
        .map(|line| line.as_str())
        .collect::<Vec<_>>()
        .join("\r\n");
    let head = String::from_utf8_lossy(head);
    let shown: Vec<String> = head
        .split("\r\n")
        .map(|line| text(line.as_bytes()))
        .collect();
    if told != shown.join("\r\n") && !varies(foretold) {
        return Some(format!("the backend received {shown:#?}"));
    }
    // Some backends answer before they have the body.
    let reads = spec
        .backend
        .iter()
        .all(|answer| answer.full().read == ReadUntil::Body);
    match body {
        Some(length) if reads && rest.len() as u64 != length + 4 => Some(format!(
            "the backend received {} bytes of a body",
            rest.len().saturating_sub(4)
        )),
        _ => None,
    }
}

/// A value of the clock, of chance or of a counter was used.
fn varies(foretold: &Explanation) -> bool {
    let varying = |step: &Step| matches!(step, Step::Variable { varies: true, .. });
    foretold.steps.iter().any(varying)
}

/// The front server in this process, with what it tells of each request.
struct Lab {
    model: Arc<Model>,
    stories: Arc<Stories>,
    stop: tokio::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

#[derive(Default)]
struct Stories {
    told: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Stories {
    fn clear(&self) {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn tell(&self, line: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(line.to_owned());
        self.changed.notify_all();
    }

    /// The story, of those since the last `clear`, that begins as the one foretold (a proxy may ask the lab itself), else
    /// the first of the same request. Waits for it: a connection that lingers has its story told late, so that one of a
    /// request before may come first.
    fn of(&self, foretold: &str) -> Result<String, OracleError> {
        let request = foretold.split_inclusive(" → ").next().unwrap_or_default();
        let end = Instant::now() + PATIENCE;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut of_request = told.iter().filter(|story| story.starts_with(request));
            let same = of_request.clone().find(|story| story.starts_with(foretold));
            if let Some(story) = same.or_else(|| of_request.next()) {
                return Ok(story.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Err(OracleError::Timeout("the story of a request".into()));
            }
            let waited = self.changed.wait_timeout(told, left);
            told = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Lab {
    fn start(prefix: &Path) -> Result<Self, OracleError> {
        let failed = |what: String| OracleError::Server {
            program: "lab".into(),
            what,
        };
        let load = LoadOptions {
            file: prefix.join("nginx.conf"),
            prefix: prefix.into(),
            ..LoadOptions::default()
        };
        let model = Arc::new(config::load(&load).map_err(|error| failed(error.to_string()))?);
        let stories = Arc::new(Stories::default());
        let told = stories.clone();
        let options = FrontOptions {
            product: Product::new("nginx/1.22.1"),
            story: Some(Arc::new(move |line: &str| told.tell(line))),
            ..FrontOptions::default()
        };
        let logs = Arc::new(Logs::open(&model, false).map_err(|error| failed(error.to_string()))?);
        let bound = server::bind(&model, &options, &|_, _| {})
            .map_err(|error| failed(error.to_string()))?;
        let (sender, receiver) = std::sync::mpsc::channel();
        let served = model.clone();
        let (stop, mut stopped) = tokio::sync::mpsc::channel::<()>(1);
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                match server::start(served, logs, bound, options) {
                    Ok(control) => {
                        let _ = sender.send(Ok(()));
                        let _ = stopped.recv().await;
                        control.stop(Stop::Now).await;
                    }
                    Err(error) => {
                        let _ = sender.send(Err(error.to_string()));
                    }
                }
            });
        });
        let started = receiver.recv();
        started
            .map_err(|error| failed(error.to_string()))?
            .map_err(failed)?;
        Ok(Lab {
            model,
            stories,
            stop,
            thread,
        })
    }

    fn explain(&self, raw: &[u8], port: u16) -> Result<Explanation, OracleError> {
        let failed = |what: String| OracleError::Server {
            program: "explain".into(),
            what,
        };
        let at = self.model.reached([127, 0, 0, 1].into(), port);
        let at = at.ok_or_else(|| failed(format!("nothing listens on {port}")))?;
        let question = Question {
            listen: at.listen,
            raw: raw.to_vec(),
            peer: SocketAddr::new(at.peer.ip(), 50000),
            local: at.local,
            product: Product::new("nginx/1.22.1"),
        };
        actix_rt::System::new()
            .block_on(explain(&self.model, question))
            .map_err(|error| failed(format!("{error}, for {}", bytes::render(raw))))
    }

    fn listens_on(&self, address: &str) -> bool {
        let mut listens = self.model.listens.iter();
        listens.any(
            |listen| matches!(listen.address, ListenAddress::Inet(a) if a.to_string() == address),
        )
    }

    fn stop(self) {
        let _ = self.stop.try_send(());
        let _ = self.thread.join();
    }
}
