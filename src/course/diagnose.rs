//! Mistakes that can be told by their signs, whatever the exercise: circles, and addresses where nobody listens.

use super::backends::Wanted;
use super::message::{Message, MessageError};

/// What is known of a request that went wrong.
pub struct Scene<'a> {
    pub answer: &'a Result<Message, MessageError>,
    /// The error lines that it left.
    pub errors: &'a str,
    /// The server asked itself without end.
    pub looped: bool,
    /// The server's process has ended.
    pub over: bool,
    pub wanted: &'a [Wanted],
}

/// What the signs say.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// Message and where to look, better than the check's own.
    pub message: Option<(String, String)>,
    /// The error line that belongs to it.
    pub log: Option<String>,
}

/// Reads the signs.
pub fn diagnose(scene: &Scene<'_>) -> Diagnosis {
    let lines: Vec<&str> = scene.errors.lines().filter_map(message_of).collect();
    let message = circle(scene, &lines).or_else(|| wrong_address(scene, &lines));
    Diagnosis {
        message,
        log: lines.last().map(|line| without_context(line).to_owned()),
    }
}

fn circle(scene: &Scene<'_>, lines: &[&str]) -> Option<(String, String)> {
    let told = |message: &str, look: &str| Some((message.to_owned(), look.to_owned()));
    if scene.looped {
        return told(
            "The server asks itself, again and again: its proxy_pass leads back to a port on which this very file listens.",
            "the address in proxy_pass: the backend is on another port",
        );
    }
    if lines
        .iter()
        .any(|line| line.contains("internal redirection cycle"))
    {
        return told(
            "The request goes round in a circle inside the file: one place sends it to another, and that one back, until nginx gives up with a 500.",
            "rewrite, try_files, index and error_page: which of them leads back to where it came from?",
        );
    }
    if scene.over {
        return told(
            "The server ended while it was asked: it used more memory or processor time than an exercise may.",
            "what could go on without end",
        );
    }
    if matches!(scene.answer, Err(MessageError::TimedOut)) {
        return told(
            "No answer came in time.",
            "where the request is sent to, and what it waits for there",
        );
    }
    None
}

/// A refused connection to an address that is none of the exercise's.
fn wrong_address(scene: &Scene<'_>, lines: &[&str]) -> Option<(String, String)> {
    let line = lines
        .iter()
        .find(|line| line.contains("connect() failed"))?;
    let (_, url) = line.split_once("upstream: \"http://")?;
    let asked = url.split(['/', '"']).next()?;
    let known = scene
        .wanted
        .iter()
        .any(|wanted| wanted.address.to_string() == asked);
    if known {
        return None;
    }
    let all: Vec<String> = scene
        .wanted
        .iter()
        .map(|wanted| wanted.address.to_string())
        .collect();
    let there = match &all[..] {
        [one] => format!("the backend is at {one}"),
        all => format!("the backends are at {}", all.join(" and ")),
    };
    Some((
        format!("Nobody listens at {asked}, where the request is sent to: {there}."),
        "the address in proxy_pass".to_owned(),
    ))
}

/// The message of an error line, behind its time, level and numbers.
fn message_of(line: &str) -> Option<&str> {
    const LEVELS: [&str; 3] = ["[error]", "[crit]", "[alert]"];
    let level = LEVELS.iter().find_map(|level| line.find(level))?;
    let behind = line.get(level..)?;
    let numbers = behind.find(": ")?;
    let message = behind.get(numbers + 2..)?;
    // `*17 ` is the connection.
    let connection = message
        .strip_prefix('*')
        .and_then(|rest| rest.split_once(' '));
    Some(connection.map_or(message, |(_, rest)| rest))
}

fn without_context(message: &str) -> &str {
    message.split(", client: ").next().unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_where_nobody_listens_is_named() {
        let errors = "2026/11/25 10:00:00 [error] 7#7: *3 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.9, server: localhost, request: \"GET /api/ HTTP/1.1\", upstream: \"http://127.0.0.1:5050/\", host: \"localhost:3000\"\n";
        let scene = Scene {
            answer: &Err(MessageError::Nothing),
            errors,
            looped: false,
            over: false,
            wanted: &[],
        };
        let found = diagnose(&scene);
        let message = found.message.unwrap().0;
        assert!(
            message.starts_with("Nobody listens at 127.0.0.1:5050,"),
            "{message}"
        );
        let log = "connect() failed (111: Connection refused) while connecting to upstream";
        assert_eq!(found.log.as_deref(), Some(log));
    }
}
