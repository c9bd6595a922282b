//! The commands of the course: list, start, check, watch, hint, reset, solution; `course check` for teachers.

mod desk;
mod prove;
mod show;
mod watch;

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::course::desk::DeskError;
use crate::course::exercise::{CourseError, Exercise};
use crate::course::grade::{self, Engine, GradeError};
use crate::course::progress::{Progress, ProgressError};
use crate::course::verdict::{self, Paint, Verdict};
use crate::course::{graded, junit, placeholders};

use desk::Room;

/// What a learner and a teacher can ask for.
#[derive(Debug, Clone, Subcommand)]
pub enum CourseCommand {
    /// List the exercises: what is done, and what is next.
    #[command(after_help = "Examples:\n  proxy-lab list\n  proxy-lab list --json    for programs")]
    List(ListArguments),
    /// Begin an exercise: copies it to lab/work/, and the running lab serves it.
    #[command(
        after_help = "Examples:\n  proxy-lab start           the next one that is not done\n  proxy-lab start 4\n  proxy-lab start trailing-slash\n  proxy-lab start lesson    back to lab/nginx.conf"
    )]
    Start(StartArguments),
    /// Grade an exercise once. The exit code is 0: right, 1: not yet, 2: it could not be graded.
    #[command(
        after_help = "Examples:\n  proxy-lab check                 the exercise that was started last\n  proxy-lab check 4 --json\n  proxy-lab check 4 --answer submissions/anna/nginx.conf --junit anna.xml"
    )]
    Check(CheckArguments),
    /// Grade on every save, until q or Ctrl-C.
    #[command(
        after_help = "Examples:\n  proxy-lab watch    the exercise that was started last; keys: h hint, l list, n next, r reset, q quit"
    )]
    Watch(At),
    /// Show the next hint.
    #[command(
        after_help = "Examples:\n  proxy-lab hint      one more than before, for the exercise that was started last\n  proxy-lab hint 4"
    )]
    Hint(WhichArguments),
    /// Begin an exercise anew; the work so far is kept in lab/work/backups/.
    #[command(
        after_help = "Examples:\n  proxy-lab reset          asks first\n  proxy-lab reset 4 --yes"
    )]
    Reset(ResetArguments),
    /// Show the solution of an exercise that is done, and why it is right.
    #[command(
        after_help = "Examples:\n  proxy-lab solution 4\n  proxy-lab solution 4 --spoil    before it is done"
    )]
    Solution(SolutionArguments),
    /// For teachers: prove that a course is sound.
    Course {
        #[command(subcommand)]
        command: TeacherCommand,
    },
    /// The process that serves a file while it is graded.
    #[command(hide = true)]
    GradeServe,
}

#[derive(Debug, Clone, Subcommand)]
pub enum TeacherCommand {
    /// Prove of every exercise that its start fails, its solution passes, hints and links hold, and cheats fail.
    #[command(
        after_help = "Examples:\n  proxy-lab course check\n  proxy-lab course check lab/exercises/22-my-idea\n  proxy-lab course check courses/mine --nginx /usr/sbin/nginx"
    )]
    Check(ProveArguments),
}

#[derive(Debug, Clone, Args)]
pub struct At {
    /// The folder of the exercises, if it is not lab/exercises.
    #[arg(long = "course", value_name = "DIR")]
    pub course: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct ListArguments {
    #[command(flatten)]
    pub at: At,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct StartArguments {
    #[command(flatten)]
    pub at: At,
    /// Its number or name, or `lesson`; without it the next that is not done.
    pub exercise: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct WhichArguments {
    #[command(flatten)]
    pub at: At,
    /// Its number or name; without it the one that was started last.
    pub exercise: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub struct CheckArguments {
    #[command(flatten)]
    pub which: WhichArguments,
    /// Grade this folder (with an nginx.conf) or this file, instead of lab/work/NN-name.
    #[arg(long, value_name = "PATH")]
    pub answer: Option<PathBuf>,
    /// Draw the same variations as a run before: the number that it printed.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// As JSON, on the standard output.
    #[arg(long)]
    pub json: bool,
    /// Write JUnit's XML to a file too.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct ResetArguments {
    #[command(flatten)]
    pub which: WhichArguments,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Clone, Args)]
pub struct SolutionArguments {
    #[command(flatten)]
    pub which: WhichArguments,
    /// Show it though the exercise is not done.
    #[arg(long)]
    pub spoil: bool,
}

#[derive(Debug, Clone, Args)]
pub struct ProveArguments {
    /// The folder of the exercises, or one exercise; lab/exercises without it.
    pub folder: Option<PathBuf>,
    /// Real nginx 1.22.1, which must then be there. Without it, one that is found in PATH is asked.
    #[arg(long, value_name = "PROGRAM")]
    pub nginx: Option<PathBuf>,
    /// How often each solution is graded, each time with other variations.
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub seeds: u64,
    /// As JSON, on the standard output.
    #[arg(long)]
    pub json: bool,
}

/// Why a command could not be done.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Course(#[from] CourseError),
    #[error(transparent)]
    Grade(#[from] GradeError),
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error(transparent)]
    Progress(#[from] ProgressError),
    #[error("{0}")]
    Said(String),
    #[error("{path}: {source}", path = path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("--junit {path}: the file cannot be written: {source}", path = path.display())]
    Report {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Where colour is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Tint {
    /// `--color always` or `never`.
    pub forced: Option<bool>,
}

impl Tint {
    /// For what is printed on the standard output.
    pub fn paint(self) -> Paint {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colour = self
            .forced
            .unwrap_or_else(|| std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb);
        Paint { colour }
    }
}

/// Runs a command: exit code 2 where it could not be done.
pub fn run(command: &CourseCommand, tint: Tint) -> ExitCode {
    let paint = tint.paint();
    let done = match command {
        CourseCommand::GradeServe => return graded::run(),
        CourseCommand::List(arguments) => show::list(arguments, &paint),
        CourseCommand::Start(arguments) => show::start(arguments, &paint),
        CourseCommand::Check(arguments) => check(arguments, &paint).inspect_err(|error| {
            if arguments.json {
                let _ = print(&format!("{}\n", verdict::not_graded(&error.to_string())));
            }
        }),
        CourseCommand::Watch(at) => watch::run(at, &paint),
        CourseCommand::Hint(arguments) => show::hint(arguments, &paint),
        CourseCommand::Reset(arguments) => show::reset(arguments, &paint),
        CourseCommand::Solution(arguments) => show::solution(arguments, &paint),
        CourseCommand::Course {
            command: TeacherCommand::Check(arguments),
        } => prove::run(arguments, &paint),
    };
    done.unwrap_or_else(|error| {
        eprintln!("proxy-lab: {error}");
        ExitCode::from(2)
    })
}

/// `check`
fn check(arguments: &CheckArguments, paint: &Paint) -> Result<ExitCode, CommandError> {
    let room = Room::find(&arguments.which.at)?;
    let exercise = room.wanted(arguments.which.exercise.as_deref())?;
    let seed = arguments.seed.unwrap_or_else(any_seed);
    let answer = match &arguments.answer {
        Some(answer) => answer.clone(),
        None => room.started(exercise)?,
    };
    // A report that cannot be kept is told before anything is graded and remembered.
    let report = arguments.junit.as_deref().map(Report::begin).transpose()?;
    let verdict = match grade::grade(&engine()?, exercise, &answer, seed) {
        Ok(verdict) => verdict,
        Err(error) => {
            if let Some(report) = report {
                report.write(&junit::not_graded(&exercise.name, &error.to_string()))?;
            }
            return Err(error.into());
        }
    };
    let first_time = match arguments.answer {
        Some(_) => false,
        None => remember(&room, exercise, &verdict)?,
    };
    if let Some(report) = report {
        report.write(&junit::document(std::slice::from_ref(&verdict)))?;
    }
    if arguments.json {
        print(&format!("{}\n", verdict.json()))?;
    } else {
        print(&show::verdict(
            &room, exercise, &verdict, first_time, false, paint,
        )?)?;
    }
    Ok(if verdict.is_right() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// The file of `--junit`.
struct Report {
    path: PathBuf,
    file: File,
}

impl Report {
    fn begin(path: &Path) -> Result<Self, CommandError> {
        // What was there before stays until there is something to put in its place.
        let open = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = open.map_err(|source| CommandError::Report {
            path: path.to_owned(),
            source,
        })?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    fn write(mut self, text: &str) -> Result<(), CommandError> {
        // A pipe or a terminal has no length: only what can be emptied is.
        let is_file = self.file.metadata().is_ok_and(|about| about.is_file());
        let emptied = if is_file {
            self.file.set_len(0)
        } else {
            Ok(())
        };
        emptied
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .map_err(|source| CommandError::Report {
                path: self.path,
                source,
            })
    }
}

/// Notes what came of a check; true if the exercise is done for the first time.
fn remember(room: &Room, exercise: &Exercise, verdict: &Verdict) -> Result<bool, CommandError> {
    let mut first_time = false;
    let right = verdict.is_right();
    let read = Progress::change(&room.desk.progress(), &exercise.name, |done| {
        if done.done.is_none() {
            done.tries += 1;
            first_time = right;
            done.done = right.then(|| jiff::Zoned::now().date().to_string());
        }
    })?;
    room.note(read);
    Ok(first_time)
}

/// The program as it was called, for commands that can be copied: `target/release/proxy-lab`.
fn me() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.contains('/') && !called.contains(' ') {
        return called;
    }
    "proxy-lab".to_owned()
}

/// The program itself, which serves what is graded.
fn engine() -> Result<Engine, CommandError> {
    Ok(Engine::Lab(std::env::current_exe()?))
}

/// A seed of few digits, so that it can be typed.
fn any_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library draws the keys of its hash maps from the system.
    let luck = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    placeholders::mix(luck) % 1_000_000
}

/// Writes to the standard output; a reader that has seen enough is no error.
fn print(text: &str) -> Result<(), CommandError> {
    match write(text) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn write(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
