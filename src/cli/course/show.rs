//! What the commands of the course say, but for `watch` and `course check`.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::control::Seen;
use crate::config::{self, LoadOptions};
use crate::course::desk::LESSON;
use crate::course::exercise::Exercise;
use crate::course::progress::Progress;
use crate::course::verdict::{Paint, VERSION, Verdict};

use super::desk::Room;
use super::{
    CommandError, ListArguments, ResetArguments, SolutionArguments, StartArguments, WhichArguments,
    print,
};

/// `list`
pub fn list(arguments: &ListArguments, paint: &Paint) -> Result<ExitCode, CommandError> {
    let room = Room::find(&arguments.at)?;
    let text = if arguments.json {
        let progress = room.progress();
        let exercises: Result<Vec<_>, CommandError> = room
            .course
            .exercises
            .iter()
            .map(|exercise| {
                let checks = exercise.checks()?;
                let done = progress.of(&exercise.name);
                Ok(serde_json::json!({
                    "number": exercise.number,
                    "name": exercise.name,
                    "title": checks.title,
                    "idea": checks.idea,
                    "done": done.done,
                    "tries": done.tries,
                    "hints": done.hints,
                    "current": room.desk.current().as_ref() == Some(&exercise.name),
                }))
            })
            .collect();
        let all = serde_json::json!({ "version": VERSION, "exercises": exercises? });
        format!("{all}\n")
    } else {
        listing(&room, paint)?
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The exercises, a line for each.
pub fn listing(room: &Room, paint: &Paint) -> Result<String, CommandError> {
    let progress = room.progress();
    let current = room.desk.current();
    let exercises = &room.course.exercises;
    let widest = exercises.iter().map(|e| e.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut done = 0;
    for exercise in exercises {
        let is_done = progress.is_done(&exercise.name);
        done += usize::from(is_done);
        let mark = match (is_done, current.as_ref() == Some(&exercise.name)) {
            (true, _) => paint.with(Paint::GOOD, "✓"),
            (false, true) => paint.with(Paint::BOLD, "→"),
            (false, false) => " ".to_owned(),
        };
        let name = format!("{:<widest$}", exercise.name);
        text.push_str(&format!("  {mark} {name}  {}\n", exercise.checks()?.title));
    }
    text.push_str(&format!("\n{done} of {} done. ", exercises.len()));
    text.push_str(&match room.next(&progress) {
        Some(next) if current.as_ref() == Some(&next.name) => {
            format!("You are at {}: {}\n", next.name, room.command("watch"))
        }
        Some(next) => {
            let start = room.command(&format!("start {}", next.number));
            format!("Next: {start}\n")
        }
        None => "That is all of them. Well done!\n".to_owned(),
    });
    Ok(text)
}

/// `start`
pub fn start(arguments: &StartArguments, paint: &Paint) -> Result<ExitCode, CommandError> {
    let room = Room::find(&arguments.at)?;
    if arguments.exercise.as_deref() == Some(LESSON) {
        room.desk.set_current(LESSON)?;
        print(match room.lab_looks() {
            Some(Seen::Served(_)) => {
                "Back to the lesson: the running lab serves lab/nginx.conf again.\n"
            }
            Some(Seen::Refused) => {
                "Back to the lesson. The running lab cannot load lab/nginx.conf: its terminal says why.\n"
            }
            Some(Seen::NotYet) => {
                "Back to the lesson: the running lab will serve lab/nginx.conf in a moment.\n"
            }
            _ => "Back to the lesson: the lab serves lab/nginx.conf again. Run it: make lab\n",
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let exercise = match &arguments.exercise {
        Some(name) => room.course.find(name)?,
        None => {
            let progress = room.progress();
            match room.next(&progress) {
                Some(next) => next,
                None => {
                    print("All exercises are done. Well done!\n")?;
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    };
    print(&begin(&room, exercise, paint)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Starts an exercise; what to do, in words.
pub fn begin(room: &Room, exercise: &Exercise, paint: &Paint) -> Result<String, CommandError> {
    let new = room.desk.start(exercise)?;
    let folder = room.short(&room.desk.folder_of(exercise));
    let mut text = exercise.text("README.md")?.trim_end().to_owned();
    text.push_str(&format!(
        "\n\n{}\n",
        paint.with(Paint::FAINT, &"─".repeat(60))
    ));
    if !new {
        text.push_str("You started this one before: your file is as you left it.\n");
    }
    text.push_str(&format!(
        "Edit    {}\nCheck   {}\n        or on every save: {}\nStuck?  {}\n",
        folder.join("nginx.conf").display(),
        room.command("check"),
        room.command("watch"),
        room.command("hint"),
    ));
    text.push_str(&how_to_try(room, &room.desk.folder_of(exercise)));
    Ok(text)
}

/// How the exercise can be tried by hand: what the running lab does with its file.
fn how_to_try(room: &Room, folder: &Path) -> String {
    let one = match room.lab_looks() {
        Some(Seen::Served(lines)) => {
            let more = lines.iter().map(|line| format!("        {line}\n"));
            return format!(
                "Try     with curl: the running lab serves this file now, until you start another\n{}",
                more.collect::<String>()
            );
        }
        Some(Seen::Refused) => {
            "the running lab cannot load this file yet, and goes on with the one before"
        }
        Some(Seen::NotYet) => "with curl: the running lab will serve this file in a moment",
        Some(Seen::Fixed) => {
            "start the lab again: the one that runs takes nothing new (--no-reload)"
        }
        Some(Seen::NoLab) if loads(folder) => {
            "with curl, while the lab runs in another terminal: make lab"
        }
        Some(Seen::NoLab) => "make lab, once the file can be loaded: now it cannot",
        None => return String::new(),
    };
    format!("Try     {one}\n")
}

/// Whether the file of an exercise can be served.
fn loads(folder: &Path) -> bool {
    let options = LoadOptions {
        file: "nginx.conf".into(),
        prefix: folder.to_owned(),
        ..LoadOptions::default()
    };
    config::load(&options).is_ok()
}

/// A verdict, and what to do next; where there are `keys`, they are told below it.
pub fn verdict(
    room: &Room,
    exercise: &Exercise,
    verdict: &Verdict,
    first_time: bool,
    keys: bool,
    paint: &Paint,
) -> Result<String, CommandError> {
    let mut text = format!(
        "{} {}\n",
        paint.with(Paint::BOLD, &exercise.name),
        paint.with(
            Paint::FAINT,
            &format!("(seed {}, {:.2} s)", verdict.seed, verdict.seconds)
        ),
    );
    text.push_str(&verdict.text(paint));
    if verdict.is_right() {
        if first_time {
            text.push_str(&format!("\n{}\n", exercise.text("explanation.md")?.trim()));
        }
        text.push_str(&match room.course.after(exercise) {
            Some(_) if keys => "\nNext: n\n".to_owned(),
            Some(next) => {
                let start = room.command(&format!("start {}", next.number));
                format!("\nNext: {start}\n")
            }
            None => format!(
                "\nThat was the last exercise. What is left: {}\n",
                room.command("list")
            ),
        });
    } else if !keys {
        text.push_str(&format!("\nStuck? {}\n", room.command("hint")));
    }
    Ok(text)
}

/// `hint`
pub fn hint(arguments: &WhichArguments, paint: &Paint) -> Result<ExitCode, CommandError> {
    let room = Room::find(&arguments.at)?;
    let exercise = room.wanted(arguments.exercise.as_deref())?;
    print(&next_hint(&room, exercise, paint)?)?;
    Ok(ExitCode::SUCCESS)
}

/// One hint more than before; behind the last one all of them again.
pub fn next_hint(room: &Room, exercise: &Exercise, paint: &Paint) -> Result<String, CommandError> {
    let hints = exercise.hints()?;
    let (mut shown, mut done_before) = (0, false);
    let read = Progress::change(&room.desk.progress(), &exercise.name, |done| {
        (shown, done_before) = (done.hints, done.done.is_some());
        done.hints = (done.hints + 1).min(hints.len());
    })?;
    room.note(read);
    let title = |n: usize| paint.with(Paint::BOLD, &format!("Hint {} of {}", n + 1, hints.len()));
    if let Some(hint) = hints.get(shown) {
        return Ok(format!("{}\n\n{hint}\n", title(shown)));
    }
    let all: Vec<String> = hints
        .iter()
        .enumerate()
        .map(|(n, hint)| format!("{}\n\n{hint}\n", title(n)))
        .collect();
    Ok(format!(
        "{}\nThere are no more hints. The solution: {}\n",
        all.join("\n"),
        room.command(if done_before {
            "solution"
        } else {
            "solution --spoil"
        })
    ))
}

/// `reset`
pub fn reset(arguments: &ResetArguments, _paint: &Paint) -> Result<ExitCode, CommandError> {
    let room = Room::find(&arguments.which.at)?;
    let exercise = room.wanted(arguments.which.exercise.as_deref())?;
    let folder = room.started(exercise)?;
    if !arguments.yes {
        if !std::io::stdin().is_terminal() {
            return Err(CommandError::Said(format!(
                "reset asks before it does anything, and here nobody can answer.\nIf you mean it: {}",
                room.command("reset --yes")
            )));
        }
        print(&format!(
            "Begin {} anew? Your work is kept beside it. [y/N] ",
            folder.display()
        ))?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if !answer.ends_with('\n') {
            print("\n")?;
        }
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            print("Nothing was changed.\n")?;
            return Ok(ExitCode::from(1));
        }
    }
    print(&anew(&room, exercise)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Resets an exercise; where the work was put.
pub fn anew(room: &Room, exercise: &Exercise) -> Result<String, CommandError> {
    let backup = room.desk.reset(exercise)?;
    Ok(format!(
        "{} is as it was at the start. Your work is kept in {}.\n",
        exercise.name,
        room.short(&backup).display()
    ))
}

/// `solution`
pub fn solution(arguments: &SolutionArguments, _paint: &Paint) -> Result<ExitCode, CommandError> {
    let room = Room::find(&arguments.which.at)?;
    let exercise = room.wanted(arguments.which.exercise.as_deref())?;
    if !arguments.spoil && !room.progress().is_done(&exercise.name) {
        return Err(CommandError::Said(format!(
            "{} is not done yet. Try a hint first: {}\nTo see the solution all the same: {}",
            exercise.name,
            room.command("hint"),
            room.command("solution --spoil"),
        )));
    }
    print(&format!(
        "{}\n{}",
        exercise.text("solution/nginx.conf")?,
        exercise.text("explanation.md")?
    ))?;
    Ok(ExitCode::SUCCESS)
}
