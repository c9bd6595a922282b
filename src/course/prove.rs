//! Proves that an exercise is sound, for those who write one.
//!
//! Its start must fail, its solution pass whatever is drawn, its wrong answers be told their cause, a file that
//! repeats the right answers fail, its texts be there, and real nginx agree.

use std::path::{Path, PathBuf};

use super::exercise::{CourseError, Exercise};
use super::grade::{Engine, GradeError, grade};
use super::nginx::Nginx;
use super::verdict::{Exchange, Verdict};

/// Most lines of a README.
const README_LINES: usize = 60;
/// Fewest hints.
const HINTS: usize = 3;
/// Seconds that grading may take, and that of a slow exercise.
const SECONDS: (f64, f64) = (1.0, 5.0);

/// How to prove.
#[derive(Debug)]
pub struct Proof<'a> {
    pub engine: &'a Engine,
    /// Asked too, if it is there.
    pub nginx: Option<&'a Nginx>,
    /// How often the solution is graded.
    pub seeds: u64,
}

/// What was proved of one exercise.
#[derive(Debug)]
pub struct Proved {
    pub exercise: String,
    /// In order.
    pub properties: Vec<Property>,
    /// What grading the solution took, in seconds: the shortest time, as a busy machine makes every other one longer.
    pub seconds: f64,
}

/// One property.
#[derive(Debug)]
pub struct Property {
    pub name: &'static str,
    /// What is not as it must be; empty if all is well.
    pub faults: Vec<String>,
}

impl Proved {
    pub fn is_sound(&self) -> bool {
        self.properties
            .iter()
            .all(|property| property.faults.is_empty())
    }
}

impl Proof<'_> {
    /// Proves every property of an exercise.
    ///
    /// # Errors
    /// It cannot be loaded or graded at all.
    pub fn of(&self, exercise: &Exercise) -> Result<Proved, GradeError> {
        let mut properties = Vec::new();
        let mut add = |name, faults| properties.push(Property { name, faults });
        let missing = missing(exercise);
        if !missing.is_empty() {
            add("the files are there", missing);
            return Ok(Proved {
                exercise: exercise.name.clone(),
                properties,
                seconds: 0.0,
            });
        }
        let start = self.grade(exercise, &exercise.start(), 1)?;
        add(
            "the start fails",
            start_fails(&start, exercise.checks()?.broken),
        );
        let mut seconds = f64::INFINITY;
        let mut solved = Vec::new();
        let mut failed = Vec::new();
        for seed in 1..=self.seeds.max(1) {
            let verdict = self.grade(exercise, &exercise.solution(), seed)?;
            seconds = seconds.min(verdict.seconds);
            if !verdict.is_right() {
                failed.push((seed, told(&format!("seed {seed}"), &verdict)));
            }
            solved.push(verdict);
        }
        add("the solution passes", solution_fails(failed));
        add("it is quick", quick(exercise, seconds)?);
        add("wrong answers are told why", self.wrong(exercise)?);
        add(
            "repeating the answers fails",
            self.cheat(exercise, &solved)?,
        );
        add("the texts are there", texts(exercise)?);
        add("links hold", links(exercise)?);
        if let Some(nginx) = self.nginx {
            add("real nginx agrees", self.agrees(exercise, nginx)?);
        }
        Ok(Proved {
            exercise: exercise.name.clone(),
            properties,
            seconds,
        })
    }

    fn grade(&self, exercise: &Exercise, answer: &Path, seed: u64) -> Result<Verdict, GradeError> {
        grade(self.engine, exercise, answer, seed)
    }

    fn wrong(&self, exercise: &Exercise) -> Result<Vec<String>, GradeError> {
        let answers = exercise.wrong_answers()?;
        let mut faults = Vec::new();
        if answers.len() < 2 {
            faults.push("wrong/ has fewer than two answers".to_owned());
        }
        for wrong in answers {
            let verdict = self.grade(exercise, &wrong.file, 1)?;
            let says = verdict.headline();
            let told = says.strip_prefix("Not yet: ").unwrap_or(&says);
            // A message of the loader names the file, wherever the course lies.
            if told != wrong.says && !(verdict.refusal.is_some() && told.contains(&wrong.says)) {
                let name = wrong.file.file_name().unwrap_or_default().to_string_lossy();
                faults.push(format!(
                    "wrong/{name} is told: {told}\nand not: {}",
                    wrong.says
                ));
            }
        }
        Ok(faults)
    }

    /// A file that repeats what the solution answered to one drawing must fail the next.
    fn cheat(&self, exercise: &Exercise, solved: &[Verdict]) -> Result<Vec<String>, GradeError> {
        let Some(first) = solved.first() else {
            return Ok(Vec::new());
        };
        let folder = tempfile::tempdir().map_err(GradeError::Backends)?;
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, replay(&first.exchanges)).map_err(GradeError::Backends)?;
        let verdict = self.grade(exercise, &file, first.seed + 1)?;
        Ok(match (verdict.is_right(), &verdict.refusal) {
            (true, _) => {
                vec!["a file of `return` lines with the right bodies passes: draw something, or ask what the backend received".to_owned()]
            }
            (false, Some(refusal)) => vec![format!("the cheat does not load: {}", refusal.text)],
            (false, None) => Vec::new(),
        })
    }

    fn agrees(&self, exercise: &Exercise, nginx: &Nginx) -> Result<Vec<String>, GradeError> {
        let mut answers = vec![exercise.start(), exercise.solution()];
        answers.extend(
            exercise
                .wrong_answers()?
                .into_iter()
                .map(|wrong| wrong.file),
        );
        let engine = Engine::Nginx(nginx.clone());
        let mut faults = Vec::new();
        for answer in answers {
            let here = self.grade(exercise, &answer, 1)?;
            let there = grade(&engine, exercise, &answer, 1)?;
            if let Some(fault) = difference(&here, &there) {
                let name = answer.strip_prefix(&exercise.folder).unwrap_or(&answer);
                faults.push(format!("{}: {fault}", name.display()));
            }
        }
        Ok(faults)
    }
}

/// What an exercise cannot be proved without.
fn missing(exercise: &Exercise) -> Vec<String> {
    let files = [
        ("README.md", "the task, with a curl to try"),
        ("nginx.conf", "the start"),
        (
            "hints.md",
            "three hints or more, with a line --- between two",
        ),
        ("solution/nginx.conf", "a right answer"),
        ("explanation.md", "what is shown after passing"),
    ];
    let gone = files
        .iter()
        .filter(|(name, _)| !exercise.folder.join(name).is_file());
    gone.map(|(name, what)| format!("{name} is missing: {what}"))
        .collect()
}

fn start_fails(start: &Verdict, broken: bool) -> Vec<String> {
    let fault = match &start.refusal {
        _ if start.is_right() => "the start passes: there is nothing to do".to_owned(),
        Some(refusal) if !broken => format!(
            "the start does not load, and check.toml does not say `broken = true`: {}",
            refusal.first
        ),
        None if broken => {
            "the start loads, and check.toml says `broken = true`: it is for a file that does not"
                .to_owned()
        }
        _ => return Vec::new(),
    };
    vec![fault]
}

/// The first failure, and which other drawings fail.
fn solution_fails(failed: Vec<(u64, String)>) -> Vec<String> {
    let mut failed = failed.into_iter();
    let Some((_, first)) = failed.next() else {
        return Vec::new();
    };
    let others: Vec<String> = failed.map(|(seed, _)| seed.to_string()).collect();
    match others.is_empty() {
        true => vec![first],
        false => vec![format!(
            "{first}\nand it fails with seed {}",
            others.join(", ")
        )],
    }
}

fn told(what: &str, verdict: &Verdict) -> String {
    let failure = verdict.first_failure();
    let seen = failure.map(|f| format!(" — expected {}; seen {}", f.expected, f.seen));
    format!("{what}: {}{}", verdict.headline(), seen.unwrap_or_default())
}

fn quick(exercise: &Exercise, seconds: f64) -> Result<Vec<String>, CourseError> {
    let slow = exercise.checks()?.slow;
    let most = if slow { SECONDS.1 } else { SECONDS.0 };
    Ok(match seconds <= most {
        true => Vec::new(),
        false => vec![format!(
            "grading the solution took {seconds:.2} s, and {most} s is the most"
        )],
    })
}

/// What both servers are to agree about: loading, and every check's end.
fn difference(here: &Verdict, there: &Verdict) -> Option<String> {
    if here.refusal.is_some() != there.refusal.is_some() {
        let one = |v: &Verdict| {
            v.refusal
                .as_ref()
                .map_or("loads it".to_owned(), |r| format!("says {}", r.first))
        };
        return Some(format!("nginx {}, the lab {}", one(there), one(here)));
    }
    let (ours, theirs) = (&here.checks, &there.checks);
    let seen = |check: &super::verdict::Outcome| {
        check
            .failure
            .as_ref()
            .map(|f| (f.expected.clone(), f.seen.clone()))
    };
    let differs = ours.iter().zip(theirs).find(|(a, b)| seen(a) != seen(b));
    differs.map(|(a, b)| {
        let said =
            |c: &super::verdict::Outcome| seen(c).map_or("passes".to_owned(), |(_, seen)| seen);
        format!("\"{}\": nginx: {}; the lab: {}", a.name, said(b), said(a))
    })
}

/// A configuration that says again what was seen.
fn replay(exchanges: &[Exchange]) -> String {
    let mut ports: Vec<u16> = exchanges.iter().map(|e| e.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let mut text = String::from("events {}\nhttp {\n");
    for port in ports {
        text.push_str(&format!("    server {{\n        listen {port};\n"));
        let mut known = Vec::new();
        let mut last = None;
        for e in exchanges.iter().filter(|e| e.port == port) {
            let path = e.target.split('?').next().unwrap_or("/");
            let said = answer(e);
            // The last one answers whatever else is asked.
            last = Some(said.clone());
            if !known.contains(&path) {
                known.push(path);
                text.push_str(&format!(
                    "        location = {} {{ {said} }}\n",
                    quoted(path)
                ));
            }
        }
        let last = last.unwrap_or_default();
        text.push_str(&format!("        location / {{ {last} }}\n    }}\n"));
    }
    text.push_str("}\nerror_log stderr;\n");
    text
}

fn answer(e: &Exchange) -> String {
    let body = String::from_utf8_lossy(&e.body);
    format!(
        "default_type {}; return {} {};",
        quoted(if e.content_type.is_empty() {
            "text/plain"
        } else {
            &e.content_type
        }),
        e.status,
        quoted(&body)
    )
}

/// A word of nginx's language. A dollar cannot be written in one, and stands for nothing here.
fn quoted(text: &str) -> String {
    let text = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('$', "");
    format!("\"{text}\"")
}

fn texts(exercise: &Exercise) -> Result<Vec<String>, CourseError> {
    let mut faults = Vec::new();
    let readme = exercise.text("README.md")?;
    let lines = readme.lines().count();
    if lines > README_LINES {
        faults.push(format!(
            "README.md has {lines} lines: {README_LINES} are the most"
        ));
    }
    if !readme.contains("curl") {
        faults.push("README.md has no curl to try".to_owned());
    }
    let hints = exercise.hints()?.len();
    if hints < HINTS {
        faults.push(format!(
            "hints.md has {hints} hints: {HINTS} are the fewest"
        ));
    }
    if exercise.text("explanation.md")?.trim().is_empty() {
        faults.push("explanation.md is empty".to_owned());
    }
    Ok(faults)
}

/// Relative links of the texts lead to files.
fn links(exercise: &Exercise) -> Result<Vec<String>, CourseError> {
    let mut faults = Vec::new();
    for name in ["README.md", "hints.md", "explanation.md"] {
        for target in targets(&exercise.text(name)?) {
            let elsewhere =
                target.contains("://") || target.starts_with('#') || target.starts_with("mailto:");
            let file = target.split('#').next().unwrap_or_default();
            let path: PathBuf = exercise.folder.join(file);
            if !elsewhere && !path.exists() {
                faults.push(format!("{name}: the link to {target} leads nowhere"));
            }
        }
    }
    Ok(faults)
}

/// What stands in `[text](target)`, outside of code.
fn targets(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        }
        let mut rest = if code { "" } else { line };
        while let Some((_, behind)) = rest.split_once("](") {
            let Some((target, after)) = behind.split_once(')') else {
                break;
            };
            found.push(target.to_owned());
            rest = after;
        }
    }
    found
}
