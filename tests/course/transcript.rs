//! A whole course from start to finish, with two mistakes on the way: every command, and all that it said.
//!
//! The expected text is `tests/data/course.txt`; `PROXY_LAB_RECORD=1` writes it anew, to be read before it is
//! committed. Seeds are given, times are masked, and of the exercises' own texts only the first line is kept.

use std::fs;
use std::path::Path;

use crate::lab::{Lab, Said, project};

#[test]
fn a_course_from_start_to_finish() {
    let lab = Lab::new();
    let mut transcript = Transcript {
        lab: &lab,
        text: String::new(),
    };
    transcript.run(&["list"]);
    let course: Vec<String> = names(&lab.exercises());
    for (n, name) in course.iter().enumerate() {
        transcript.run(&["start"]);
        match n {
            // The file as it was: not yet. A hint, and then a mistake that many make.
            3 => {
                transcript.check();
                transcript.run(&["hint"]);
                transcript.save(name, "wrong/slash-on-one-side.conf");
                transcript.check();
            }
            // A file that does not load.
            8 => {
                transcript.save(name, "wrong/one-left.conf");
                transcript.check();
                transcript.run(&["solution"]);
                transcript.run(&["reset", "--yes"]);
            }
            _ => {}
        }
        transcript.save(name, "solution/nginx.conf");
        let said = transcript.check();
        assert_eq!(said.code, 0, "{name}: {said:?}");
    }
    transcript.run(&["start"]);
    transcript.run(&["list"]);
    transcript.run(&["start", "lesson"]);
    transcript.compare(&project().join("tests/data/course.txt"));
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> = entries
        .map(|e| e.file_name().into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

struct Transcript<'a> {
    lab: &'a Lab,
    text: String,
}

impl Transcript<'_> {
    fn run(&mut self, arguments: &[&str]) -> Said {
        let said = self.lab.run(arguments);
        let program = env!("CARGO_BIN_EXE_proxy-lab");
        let whole = format!("{}{}", said.out, said.err).replace(program, "proxy-lab");
        let whole = match arguments {
            ["start", ..] => without_readme(&whole),
            _ => whole,
        };
        self.text.push_str(&format!(
            "$ proxy-lab {}\n{}\n",
            arguments.join(" "),
            masked(&whole)
        ));
        said
    }

    fn check(&mut self) -> Said {
        self.run(&["check", "--seed", "1"])
    }

    fn save(&mut self, exercise: &str, file: &str) {
        let from = self.lab.exercises().join(exercise).join(file);
        fs::copy(&from, self.lab.work().join(exercise).join("nginx.conf")).expect("a copy");
        self.text
            .push_str(&format!("(nginx.conf is now {file})\n\n"));
    }

    fn compare(&self, path: &Path) {
        if std::env::var_os("PROXY_LAB_RECORD").is_some() {
            fs::write(path, &self.text).expect("a file");
        }
        let expected = fs::read_to_string(path).expect("a transcript");
        let differs = expected
            .lines()
            .zip(self.text.lines())
            .find(|(a, b)| a != b);
        assert_eq!(differs, None, "the first line that differs");
        assert_eq!(expected.lines().count(), self.text.lines().count());
    }
}

/// The first line, and what follows the rule.
fn without_readme(text: &str) -> String {
    match text.split_once("\n────") {
        Some((readme, rest)) => {
            let first = readme.lines().next().unwrap_or_default();
            format!("{first}\n[…]\n────{rest}")
        }
        None => text.to_owned(),
    }
}

/// Times and the day, which are others each time.
fn masked(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut line = line.to_owned();
        if let (Some(at), true) = (
            line.rfind(", "),
            line.ends_with(" ms") || line.ends_with(" s)"),
        ) {
            let unit = if line.ends_with(" ms") {
                "N ms"
            } else {
                "N s)"
            };
            line.replace_range(at + 2.., unit);
        }
        line + "\n"
    });
    lines.collect()
}
