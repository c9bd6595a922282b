//! `course check` is green for the project's course, and red when an exercise is broken: once for each property.

use std::fs;
use std::path::Path;

use crate::lab::{Lab, write};

fn change(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("a file");
    assert!(text.contains(from), "{from} in {}", path.display());
    write(path, &text.replacen(from, to, 1));
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).expect("a copy");
}

/// Proves one exercise after it was broken, without nginx; the property that does not hold.
fn broken(exercise: &str, break_it: impl FnOnce(&Path)) -> (String, String) {
    let lab = Lab::empty();
    let folder = lab.take(exercise);
    break_it(&folder);
    let said = lab
        .command(&[
            "course",
            "check",
            folder.to_str().expect("UTF-8"),
            "--seeds",
            "2",
            "--json",
        ])
        // No nginx is found.
        .env("PATH", "")
        .output()
        .expect("the program");
    let said = crate::lab::Said::of(said);
    assert_eq!(said.code, 1, "{said:?}");
    let proved = said.json();
    let properties = proved["exercises"][0]["properties"]
        .as_array()
        .expect("properties")
        .clone();
    let red: Vec<_> = properties.iter().filter(|p| p["holds"] == false).collect();
    let first = red.first().expect("a fault");
    (
        first["name"].as_str().expect("a name").to_owned(),
        first["faults"].to_string(),
    )
}

const EXERCISE: &str = "04-trailing-slash";

#[test]
fn a_start_that_passes_is_red() {
    let (name, fault) = broken(EXERCISE, |folder| {
        copy(
            &folder.join("solution/nginx.conf"),
            &folder.join("nginx.conf"),
        );
    });
    assert_eq!(name, "the start fails");
    assert!(fault.contains("there is nothing to do"), "{fault}");
}

#[test]
fn a_start_that_does_not_load_is_red_unless_it_is_said() {
    let (name, fault) = broken(EXERCISE, |folder| {
        change(&folder.join("nginx.conf"), "proxy_pass", "proxy_pas");
    });
    assert_eq!(name, "the start fails");
    assert!(
        fault.contains("broken = true") && fault.contains("proxy_pas"),
        "{fault}"
    );
    let (name, fault) = broken(EXERCISE, |folder| {
        change(&folder.join("check.toml"), "title", "broken = true\ntitle");
    });
    assert_eq!(name, "the start fails");
    assert!(fault.contains("the start loads"), "{fault}");
}

#[test]
fn a_file_that_is_missing_is_red() {
    for file in [
        "README.md",
        "hints.md",
        "solution/nginx.conf",
        "explanation.md",
    ] {
        let (name, fault) = broken(EXERCISE, |folder| {
            fs::remove_file(folder.join(file)).expect("a file");
        });
        assert_eq!(name, "the files are there");
        assert!(fault.contains(&format!("{file} is missing")), "{fault}");
    }
}

#[test]
fn a_solution_that_fails_is_red() {
    let (name, fault) = broken(EXERCISE, |folder| {
        copy(
            &folder.join("nginx.conf"),
            &folder.join("solution/nginx.conf"),
        );
    });
    assert_eq!(name, "the solution passes");
    assert!(fault.contains("seed 2"), "{fault}");
}

#[test]
fn a_wrong_answer_with_another_message_is_red() {
    let (name, fault) = broken(EXERCISE, |folder| {
        change(
            &folder.join("wrong/same-prefix.conf"),
            "# says: The",
            "# says: A",
        );
    });
    assert_eq!(name, "wrong answers are told why");
    assert!(
        fault.contains("wrong/same-prefix.conf is told: The backend"),
        "{fault}"
    );
}

#[test]
fn fewer_than_two_wrong_answers_are_red() {
    let (name, _) = broken(EXERCISE, |folder| {
        fs::remove_dir_all(folder.join("wrong")).expect("a folder");
    });
    assert_eq!(name, "wrong answers are told why");
}

#[test]
fn checks_that_a_replay_passes_are_red() {
    let (name, fault) = broken(EXERCISE, |folder| {
        let checks = "title = \"t\"\nidea = \"i\"\n[[check]]\nname = \"n\"\nsay = \"The backend is asked for /api/users, as it came: the /api/ is still there.\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /api/users\"\nanswer = { status = 200 }\n";
        write(&folder.join("check.toml"), checks);
        for entry in fs::read_dir(folder.join("wrong"))
            .expect("a folder")
            .flatten()
        {
            if entry.file_name() != "same-prefix.conf" {
                fs::remove_file(entry.path()).expect("a file removed");
            }
        }
        copy(
            &folder.join("wrong/same-prefix.conf"),
            &folder.join("wrong/again.conf"),
        );
    });
    assert_eq!(name, "repeating the answers fails");
    assert!(fault.contains("draw something"), "{fault}");
}

#[test]
fn too_few_hints_and_too_long_a_readme_are_red() {
    let (name, fault) = broken(EXERCISE, |folder| {
        write(&folder.join("hints.md"), "one\n---\ntwo\n---\n");
        let readme = folder.join("README.md");
        let long = fs::read_to_string(&readme)
            .expect("a file")
            .replace("curl", "wget")
            + &"\n".repeat(60);
        write(&readme, &long);
        write(&folder.join("explanation.md"), "\n");
    });
    assert_eq!(name, "the texts are there");
    for told in [
        "hints.md has 2 hints",
        "60 are the most",
        "no curl to try",
        "explanation.md is empty",
    ] {
        assert!(fault.contains(told), "{told}: {fault}");
    }
}

#[test]
fn a_link_that_leads_nowhere_is_red() {
    let (name, fault) = broken(EXERCISE, |folder| {
        let text =
            "See [there](../../nowhere.md), [here](README.md) and [nginx](https://nginx.org/).\n";
        write(&folder.join("explanation.md"), text);
    });
    assert_eq!(name, "links hold");
    assert!(
        fault.contains("../../nowhere.md") && !fault.contains("README.md leads"),
        "{fault}"
    );
}

#[test]
fn a_slow_one_is_red() {
    let (name, fault) = broken(EXERCISE, |folder| {
        let checks = fs::read_to_string(folder.join("check.toml")).expect("a file");
        let slow =
            "[[backend]]\nname = \"demo\"\naddress = \"127.0.0.1:5000\"\ndelay = 0.6\n\n[[check]]";
        write(
            &folder.join("check.toml"),
            &checks.replacen("[[check]]", slow, 1),
        );
    });
    assert_eq!(name, "it is quick");
    assert!(fault.contains("1 s is the most"), "{fault}");
}
