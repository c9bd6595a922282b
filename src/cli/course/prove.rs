//! `course check`: what is proved of each exercise, a line for each, and the faults in words.

use std::path::Path;
use std::process::ExitCode;

use crate::course::exercise::{Course, Exercise};
use crate::course::nginx::Nginx;
use crate::course::prove::{Proof, Proved};
use crate::course::verdict::{Paint, VERSION};

use super::desk::Room;
use super::{At, CommandError, ProveArguments, engine, print};

/// Proves and prints; exit code 1 where an exercise is not sound.
pub fn run(arguments: &ProveArguments, paint: &Paint) -> Result<ExitCode, CommandError> {
    let exercises = exercises(arguments.folder.as_deref())?;
    let nginx = match &arguments.nginx {
        Some(path) => Some(Nginx::at(path).map_err(CommandError::Said)?),
        None => Nginx::find(),
    };
    let engine = engine()?;
    let proof = Proof {
        engine: &engine,
        nginx: nginx.as_ref(),
        seeds: arguments.seeds,
    };
    let mut proved = Vec::new();
    for exercise in &exercises {
        let one = proof.of(exercise)?;
        if !arguments.json {
            print(&line(&one, paint))?;
        }
        proved.push(one);
    }
    let sound = proved.iter().filter(|one| one.is_sound()).count();
    if arguments.json {
        print(&format!("{}\n", json(&proved, nginx.is_some())))?;
    } else {
        let asked = match nginx {
            Some(_) => " Real nginx 1.22.1 was asked, too.",
            None => " Real nginx 1.22.1 was not found, and not asked.",
        };
        print(&format!("\nSound: {sound} of {}.{asked}\n", proved.len()))?;
    }
    Ok(if sound == proved.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Of a folder: the exercise that it is, or those that it holds.
fn exercises(folder: Option<&Path>) -> Result<Vec<Exercise>, CommandError> {
    let Some(folder) = folder else {
        let room = Room::find(&At { course: None })?;
        return Ok(room.course.exercises);
    };
    let folder = folder.canonicalize().map_err(|source| CommandError::File {
        path: folder.to_owned(),
        source,
    })?;
    if let Some(exercise) = Exercise::at(&folder) {
        return Ok(vec![exercise]);
    }
    Ok(Course::open(&folder)?.exercises)
}

fn line(one: &Proved, paint: &Paint) -> String {
    let mark = match one.is_sound() {
        true => paint.with(Paint::GOOD, "✓"),
        false => paint.with(Paint::BAD, "✗"),
    };
    let mut text = format!("{mark} {:<28} {:.2} s\n", one.exercise, one.seconds);
    for property in &one.properties {
        for fault in &property.faults {
            let fault = fault.replace('\n', "\n      ");
            text.push_str(&format!("    not so: {}\n      {fault}\n", property.name));
        }
    }
    text
}

fn json(proved: &[Proved], nginx: bool) -> serde_json::Value {
    let exercises: Vec<_> = proved
        .iter()
        .map(|one| {
            let properties: Vec<_> = one
                .properties
                .iter()
                .map(|p| serde_json::json!({ "name": p.name, "holds": p.faults.is_empty(), "faults": p.faults }))
                .collect();
            serde_json::json!({
                "name": one.exercise,
                "sound": one.is_sound(),
                "seconds": one.seconds,
                "properties": properties,
            })
        })
        .collect();
    serde_json::json!({ "version": VERSION, "nginx": nginx, "exercises": exercises })
}
