//! What differs between an explanation and what happened.

use proxy_lab::front::explain::{BodyShown, Ending, Explanation, SHOWN};
use proxy_lab::front::trace::{Step, text};

use crate::lab::Lab;
use crate::oracle::backend::Received;
use crate::oracle::bytes;
use crate::oracle::client::Seen;
use crate::oracle::framing::find;
use crate::oracle::spec::{ConnectionSpec, ReadUntil};

/// What the lab did, or a backend received, that is not as foretold.
pub fn differs(
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

/// A value of the clock, of chance or of a counter was used.
fn varies(foretold: &Explanation) -> bool {
    let varying = |step: &Step| matches!(step, Step::Variable { varies: true, .. });
    foretold.steps.iter().any(varying)
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
            let whole = length <= SHOWN;
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
