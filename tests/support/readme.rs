//! Reads the README's exercises and does them: `console` blocks are commands with their whole
//! answers, `diff` blocks are changes of `lab/nginx.conf`, which the lab serves as soon as they are saved;
//! another front server starts anew.
#![allow(dead_code)]

use crate::curl::curl;
use crate::lesson::{Lesson, Server};
use crate::words::words;

/// One thing that the README tells to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A command and its expected answer, with the line of the README where it stands.
    Command {
        line: usize,
        command: String,
        answer: String,
    },
    /// A change of the lesson's file.
    Edit { line: usize, diff: String },
}

/// All exercises, in order.
pub fn steps(readme: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = readme.lines().enumerate();
    while let Some((_, opening)) = lines.next() {
        let kind = match opening.strip_prefix("```") {
            Some(kind) => kind,
            None => continue,
        };
        let block: Vec<_> = lines
            .by_ref()
            .take_while(|(_, line)| *line != "```")
            .collect();
        match kind {
            "console" => steps.extend(commands(&block)),
            "diff" => steps.push(Step::Edit {
                line: block[0].0 + 1,
                diff: joined(&block),
            }),
            _ => {}
        }
    }
    steps
}

fn commands(block: &[(usize, &str)]) -> Vec<Step> {
    block
        .chunk_by(|_, next| !next.1.starts_with("$ "))
        .map(|lines| Step::Command {
            line: lines[0].0 + 1,
            command: lines[0]
                .1
                .strip_prefix("$ ")
                .expect("a command first")
                .to_owned(),
            answer: joined(&lines[1..]),
        })
        .collect()
}

fn joined(lines: &[(usize, &str)]) -> String {
    lines.iter().map(|(_, line)| format!("{line}\n")).collect()
}

/// What does the exercises.
pub enum Servers<'a> {
    /// The lab, both servers in one program.
    Lab,
    /// Another front server, with a backend as a program of its own.
    Other(&'a dyn Fn(&Lesson) -> Server),
}

/// Does all exercises, and compares every answer with the README's, as `expect` changes it. Returns
/// how many commands there were.
pub fn run(readme: &str, servers: Servers, expect: impl Fn(&str) -> String) -> usize {
    let lesson = Lesson::copy();
    let (start_front, mut backend): (&dyn Fn(&Lesson) -> Server, _) = match servers {
        Servers::Lab => (&Lesson::start_lab, None),
        Servers::Other(start) => (start, Some(lesson.start_backend())),
    };
    let is_lab = backend.is_none();
    let mut front = start_front(&lesson);
    let mut count = 0;
    for step in steps(readme) {
        let (line, command, answer) = match step {
            Step::Edit { diff, .. } => {
                lesson.edit(&diff);
                front = saved(front, &lesson, start_front, is_lab);
                continue;
            }
            Step::Command {
                line,
                command,
                answer,
            } => (line, command, answer),
        };
        count += 1;
        let said = match command.as_str() {
            "git checkout lab/nginx.conf" => {
                lesson.reset();
                front = saved(front, &lesson, start_front, is_lab);
                String::new()
            }
            "target/release/proxy-lab backend stop" if !is_lab => {
                backend.take().expect("a backend that runs").stop();
                continue;
            }
            "target/release/proxy-lab backend start" if !is_lab => {
                assert!(backend.is_none(), "line {line}: the backend runs");
                backend = Some(lesson.start_backend());
                continue;
            }
            "target/release/proxy-lab backend stop" => {
                lesson.as_written(&lesson.switch_backend("stop"))
            }
            "target/release/proxy-lab backend start" => {
                lesson.as_written(&lesson.switch_backend("start"))
            }
            explain if explain.starts_with("target/release/proxy-lab explain ") => {
                // Of the lab's own; it says the same whatever serves the file.
                lesson.as_written(&lesson.explain(&words(explain)[2..]))
            }
            _ => lesson.as_written(&pipeline(&lesson.here(&command))),
        };
        let (said, wanted) = (comparable(&said), comparable(&expect(&answer)));
        assert_eq!(said, wanted, "README.md:{line}: $ {command}");
    }
    count
}

/// The file was saved: the lab serves it, another front server must be told.
fn saved(
    front: Server,
    lesson: &Lesson,
    start: &dyn Fn(&Lesson) -> Server,
    is_lab: bool,
) -> Server {
    if is_lab {
        front.wait_for("was saved and is served now:");
        return front;
    }
    front.stop();
    start(lesson)
}

/// `curl …`, or `head -c N /dev/zero | curl …`.
fn pipeline(command: &str) -> String {
    let (stdin, command) = match command.split_once(" | ") {
        Some((first, rest)) => {
            let count = first.strip_prefix("head -c ");
            let count = count.and_then(|count| count.strip_suffix(" /dev/zero"));
            let count = count.and_then(|count| count.parse().ok());
            (vec![0; count.expect("head -c N /dev/zero")], rest)
        }
        None => (Vec::new(), command),
    };
    let words = words(command);
    assert_eq!(words[0], "curl", "not a command that is known here");
    curl(&words[1..], &stdin).unwrap_or_else(|error| panic!("{command}: {error}"))
}

/// An answer as a page can show it: dates and the time in an ETag blanked, where they have the
/// right form; lines ended as on a terminal, where CR shows nothing; no empty lines at its end.
fn comparable(answer: &str) -> String {
    let answer = answer.replace("\r\n", "\n");
    let lines: Vec<_> = answer
        .trim_end_matches('\n')
        .split('\n')
        .map(blanked)
        .collect();
    lines.join("\n")
}

fn blanked(line: &str) -> String {
    match line.split_once(": ") {
        Some((name @ ("Date" | "Last-Modified"), value)) if is_date(value) => {
            format!("{name}: (a date)")
        }
        Some(("ETag", value)) => match value.strip_prefix('"').and_then(|v| v.split_once('-')) {
            Some((time, size)) if is_hex(time) => format!("ETag: \"(a time)-{size}"),
            _ => line.to_owned(),
        },
        _ => line.to_owned(),
    }
}

/// `Tue, 24 Nov 2026 09:00:00 GMT`, RFC 9110 section 5.6.7: digits and letters where they belong.
fn is_date(value: &str) -> bool {
    let form = "Aaa, 00 Aaa 0000 00:00:00 GMT";
    value.len() == form.len()
        && value
            .chars()
            .zip(form.chars())
            .all(|(c, wanted)| match wanted {
                '0' => c.is_ascii_digit(),
                'A' => c.is_ascii_uppercase(),
                'a' => c.is_ascii_lowercase(),
                wanted => c == wanted,
            })
}

fn is_hex(time: &str) -> bool {
    !time.is_empty() && time.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}
