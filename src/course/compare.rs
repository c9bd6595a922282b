//! What must be seen beside what was seen: the first difference, in words.

use serde_json::Value;

use super::backends::Arrived;
use super::checks::{Expected, OneOrMore, Received, split_header};
use super::client::shortened;
use super::message::{Message, MessageError};
use super::placeholders::{Draw, PlaceholderError};

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub expected: String,
    pub seen: String,
}

type Compared = Result<Option<Mismatch>, PlaceholderError>;

fn differs(expected: impl Into<String>, seen: impl Into<String>) -> Compared {
    Ok(Some(Mismatch {
        expected: expected.into(),
        seen: seen.into(),
    }))
}

/// Compares what the client saw.
///
/// # Errors
/// A placeholder cannot be filled in.
pub fn answer(
    expected: &Expected,
    draw: &Draw,
    answer: &Result<Message, MessageError>,
) -> Compared {
    if expected.none {
        return match answer {
            Err(MessageError::Nothing | MessageError::Cut(_)) => Ok(None),
            Err(error) => differs(
                "the connection is closed without an answer",
                error.to_string(),
            ),
            Ok(answer) => differs(
                "the connection is closed without an answer",
                format!("the answer {}", status_line(answer)),
            ),
        };
    }
    if expected.is_empty() {
        return Ok(None);
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return differs("an answer", format!("no answer: {error}")),
    };
    let wanted = expected.status.as_slice();
    if !wanted.is_empty() && !wanted.contains(&answer.status()) {
        let wanted: Vec<String> = wanted.iter().map(u16::to_string).collect();
        return differs(
            format!("status {}", wanted.join(" or ")),
            format!("status {}", status_line(answer)),
        );
    }
    let fields = Fields {
        headers: &expected.headers,
        contain: &expected.headers_contain,
        has: &expected.has,
        absent: &expected.absent,
    };
    if let Some(found) = headers(&fields, draw, answer, "")? {
        return Ok(Some(found));
    }
    body(expected, draw, answer)
}

fn body(expected: &Expected, draw: &Draw, answer: &Message) -> Compared {
    let text = String::from_utf8_lossy(&answer.body);
    let seen = || format!("the body {}", quoted(&text));
    if let Some(wanted) = &expected.body {
        let wanted = draw.fill(wanted)?;
        if wanted != text {
            return differs(format!("the body {}", quoted(&wanted)), seen());
        }
    }
    for wanted in expected.contains.as_slice() {
        let wanted = draw.fill(wanted)?;
        if !text.contains(&wanted) {
            return differs(format!("{} in the body", quoted(&wanted)), seen());
        }
    }
    for unwanted in expected.lacks.as_slice() {
        let unwanted = draw.fill(unwanted)?;
        if text.contains(&unwanted) {
            return differs(format!("no {} in the body", quoted(&unwanted)), seen());
        }
    }
    let Some(wanted) = &expected.json else {
        return Ok(None);
    };
    let wanted = json(wanted, draw)?;
    match serde_json::from_str::<Value>(&text) {
        Ok(value) if has(&value, &wanted) => Ok(None),
        _ => differs(format!("JSON with {wanted}"), seen()),
    }
}

/// Compares what the backends received for one request.
///
/// # Errors
/// A placeholder cannot be filled in.
pub fn received(expected: &Received, draw: &Draw, arrived: &[Arrived]) -> Compared {
    if expected.is_empty() {
        return Ok(None);
    }
    let count = expected.count.unwrap_or(1);
    if arrived.len() != count {
        let wanted = match count {
            0 => "no backend is asked".to_owned(),
            1 => "the backend is asked".to_owned(),
            n => format!("the backends are asked {n} times"),
        };
        let seen = match arrived {
            [] => "no backend was asked".to_owned(),
            [one] => format!(
                "{} was asked for {}",
                named(one),
                one.request.request_line().1
            ),
            all => format!("the backends were asked {} times", all.len()),
        };
        return differs(wanted, seen);
    }
    let Some(last) = arrived.last() else {
        return Ok(None);
    };
    one_received(expected, draw, last)
}

fn one_received(expected: &Received, draw: &Draw, arrived: &Arrived) -> Compared {
    if let Some(backend) = &expected.backend
        && *backend != arrived.backend
    {
        return differs(
            format!("the backend \"{backend}\" is asked"),
            format!("the backend \"{}\" was asked", arrived.backend),
        );
    }
    let (method, target) = arrived.request.request_line();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let line = [
        (&expected.method, method, "the method"),
        (&expected.target, target, "a request for"),
        (&expected.path, path, "a request for the path"),
        (&expected.query, query, "the query"),
    ];
    for (wanted, seen, what) in line {
        let Some(wanted) = wanted else { continue };
        let wanted = draw.fill(wanted)?;
        if wanted != seen {
            return differs(
                format!("the backend gets {what} {}", or_nothing(&wanted)),
                format!("the backend got {what} {}", or_nothing(seen)),
            );
        }
    }
    let fields = Fields {
        headers: &expected.headers,
        contain: &expected.headers_contain,
        has: &expected.has,
        absent: &expected.absent,
    };
    if let Some(found) = headers(&fields, draw, &arrived.request, "to the backend, ")? {
        return Ok(Some(found));
    }
    let Some(wanted) = &expected.body else {
        return Ok(None);
    };
    let (wanted, seen) = (
        draw.fill(wanted)?,
        String::from_utf8_lossy(&arrived.request.body),
    );
    if wanted == seen {
        return Ok(None);
    }
    differs(
        format!("the backend gets the body {}", quoted(&wanted)),
        format!("the backend got the body {}", quoted(&seen)),
    )
}

/// What is asked of headers, of both directions.
struct Fields<'a> {
    headers: &'a [OneOrMore<String>],
    contain: &'a [String],
    has: &'a [String],
    absent: &'a [String],
}

fn headers(fields: &Fields<'_>, draw: &Draw, message: &Message, to: &str) -> Compared {
    let seen = |name: &str| match message.header(name) {
        Some(value) => format!("{to}{name}: {value}"),
        None => format!("{to}no header {name}"),
    };
    for one in fields.headers {
        let lines: Result<Vec<String>, _> = one.as_slice().iter().map(|l| draw.fill(l)).collect();
        let lines = lines?;
        let wanted: Vec<(&str, &str)> = lines.iter().filter_map(|l| split_header(l)).collect();
        let there = |&(name, value): &(&str, &str)| message.header(name).as_deref() == Some(value);
        if let Some((name, _)) = wanted.first()
            && !wanted.iter().any(there)
        {
            let all = wanted
                .iter()
                .map(|(name, value)| format!("{name}: {value}"));
            let all = all.collect::<Vec<_>>().join(" or ");
            return differs(format!("{to}{all}"), seen(name));
        }
    }
    for line in fields.contain {
        let line = draw.fill(line)?;
        let Some((name, wanted)) = split_header(&line) else {
            continue;
        };
        if !message
            .header(name)
            .is_some_and(|value| value.contains(wanted))
        {
            return differs(format!("{to}{name} with {wanted} in it"), seen(name));
        }
    }
    for name in fields.has {
        if message.header(name).is_none() {
            return differs(format!("{to}a header {name}"), seen(name));
        }
    }
    for name in fields.absent {
        if message.header(name).is_some() {
            return differs(format!("{to}no header {name}"), seen(name));
        }
    }
    Ok(None)
}

/// `200 OK`
pub fn status_line(answer: &Message) -> &str {
    answer
        .start
        .split_once(' ')
        .map_or(&answer.start, |(_, rest)| rest)
}

fn named(arrived: &Arrived) -> String {
    format!("the backend \"{}\"", arrived.backend)
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "(nothing)" } else { text }
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "(nothing)".to_owned();
    }
    let line = text.trim_end().replace('\n', "⏎").replace('\r', "");
    let line: String = line
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    format!("“{}”", shortened(&line))
}

/// A TOML value as JSON, its texts filled in.
fn json(value: &toml::Value, draw: &Draw) -> Result<Value, PlaceholderError> {
    Ok(match value {
        toml::Value::String(text) => Value::String(draw.fill(text)?),
        toml::Value::Integer(n) => Value::from(*n),
        toml::Value::Float(n) => Value::from(*n),
        toml::Value::Boolean(b) => Value::from(*b),
        toml::Value::Datetime(d) => Value::from(d.to_string()),
        toml::Value::Array(all) => {
            let all: Result<_, _> = all.iter().map(|v| json(v, draw)).collect();
            Value::Array(all?)
        }
        toml::Value::Table(all) => {
            let pair = |(k, v): (&String, _)| Ok((draw.fill(k)?, json(v, draw)?));
            let all: Result<_, _> = all.iter().map(pair).collect();
            Value::Object(all?)
        }
    })
}

/// Whether `value` has all of `wanted`: objects may have more.
fn has(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(value), Value::Object(wanted)) => wanted
            .iter()
            .all(|(k, wanted)| value.get(k).is_some_and(|value| has(value, wanted))),
        (Value::Array(value), Value::Array(wanted)) => {
            value.len() == wanted.len() && value.iter().zip(wanted).all(|(v, w)| has(v, w))
        }
        _ => value == wanted,
    }
}
