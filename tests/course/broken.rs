//! Files that people damage: a check.toml with a mistake, a course that is none, a progress that cannot be read.

use crate::lab::{Lab, server, write};

/// A check.toml with something wrong, and what is said about it.
const MISTAKES: [(&str, &str); 17] = [
    ("title = ", "check.toml:1: "),
    ("idea = \"i\"\n", "missing field `title`"),
    (
        "title = \"t\"\nidea = \"\"\ncheck = []\n",
        "check.toml:2: idea is a line of text",
    ),
    (
        "title = \"t\"\nidea = \"i\"\ncheck = []\n",
        "there is no [[check]]",
    ),
    (
        "title = \"t\"\nidea = \"i\"\nslwo = true\n",
        "unknown field `slwo`",
    ),
    (
        "[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET\"\nanswer = { status = 200 }\n",
        "check.toml:8: send is a method and a path",
    ),
    (
        "[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /{wrod}\"\nanswer = { status = 200 }\n",
        "check.toml:8: {wrod} is no placeholder: there are {word}",
    ),
    (
        "[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\nanswer = { status = 2000 }\n",
        "check.toml:9: 2000 is no status",
    ),
    (
        "[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\nanswer = { headers = [\"Server proxy\"] }\n",
        "check.toml:9: \"Server proxy\" is no header: write \"Name: value\"",
    ),
    (
        "[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\n",
        "check.toml:8: nothing is asked of this request",
    ),
    (
        "[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\nreceived = { backend = \"blue\" }\n",
        "check.toml:9: no backend is called \"blue\": there are demo",
    ),
    (
        "[[check]]\nname = \"n\"\nsay = \" \"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\nanswer = { status = 200 }\n",
        "check.toml:5: say is empty",
    ),
    (
        "[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\nreceived = { count = 0, path = \"/\" }\n",
        "where no request is to come, nothing can be asked of it",
    ),
    (
        "[[backend]]\nname = \"a\"\naddress = \"192.0.2.1:80\"\n[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\nanswer = { status = 200 }\n",
        "check.toml:5: a backend's address is on this machine",
    ),
    (
        "[[backend]]\nname = \"a\"\naddress = \"127.0.0.1:5000\"\n[[backend]]\nname = \"b\"\naddress = \"127.0.0.1:5000\"\n[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\nanswer = { status = 200 }\n",
        "check.toml:8: two backends have the address 127.0.0.1:5000",
    ),
    (
        "[[file]]\npath = \"../x\"\ntext = \"t\"\n[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\nanswer = { status = 200 }\n",
        "check.toml:4: path names a file below the exercise's folder",
    ),
    (
        "[[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n[[check.request]]\nsend = \"GET /\"\nanswer = { body = \"{file:none.txt}\" }\n",
        "check.toml:9: {file:none.txt}: there is no such file",
    ),
];

#[test]
fn mistakes_in_check_toml_are_named_with_their_line() {
    for (text, told) in MISTAKES {
        let lab = Lab::empty();
        let whole = if text.starts_with("[[") {
            format!("title = \"t\"\nidea = \"i\"\n{text}")
        } else {
            text.to_owned()
        };
        let folder = lab.exercise("01-x", &whole, &server(""), &server(""));
        let answer = folder.join("nginx.conf");
        let said = lab.run(&["check", "1", "--answer", answer.to_str().expect("UTF-8")]);
        assert_eq!(said.code, 2, "{text}\n{said:?}");
        assert!(said.err.contains(told), "{text}\n{}", said.err);
    }
}

#[test]
fn a_course_that_is_none_is_told() {
    let lab = Lab::empty();
    let said = lab.run(&["list"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("there is no exercise here"), "{said:?}");
    let said = lab.run(&["list", "--course", "nowhere"]);
    assert!(
        said.err.contains("nowhere: the exercises cannot be read"),
        "{said:?}"
    );
    let checks = "title = \"t\"\nidea = \"i\"\ncheck = []\n";
    lab.exercise("01-x", checks, "", "");
    lab.exercise("01-y", checks, "", "");
    let said = lab.run(&["list"]);
    assert!(
        said.err.contains("01-x and 01-y have the same number"),
        "{said:?}"
    );
}

#[test]
fn a_broken_progress_is_kept_and_told() {
    let lab = Lab::new();
    let file = lab.work().join("progress.toml");
    write(
        &file,
        "version = 1\n[exercises.\"01-static-site\"]\ndone = tomorrow\n",
    );
    let said = lab.run(&["list"]);
    assert_eq!(said.code, 0);
    assert!(
        said.err.contains("It was kept as") && said.err.contains("progress.toml.old-1"),
        "{said:?}"
    );
    let kept = std::fs::read_to_string(lab.work().join("progress.toml.old-1")).expect("a file");
    assert!(kept.contains("tomorrow"));
    // A second one does not take the place of the first.
    write(&file, "version = 2\n");
    let said = lab.run(&["hint", "1"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("progress.toml.old-2"), "{said:?}");
    assert!(lab.run(&["list"]).err.is_empty());
}

#[test]
fn what_cannot_be_graded_is_no_verdict() {
    let lab = Lab::new();
    let said = lab.run(&["check"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("no exercise was started yet"), "{said:?}");
    assert_eq!(lab.run(&["check", "3"]).code, 2);
    let said = lab.run(&["check", "trailing-slsh", "--json"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("did you mean 04-trailing-slash?"),
        "{said:?}"
    );
    assert_eq!(said.json()["verdict"], "not graded");
    let said = lab.run(&["reset", "3"]);
    assert!(said.err.contains("was not started yet"), "{said:?}");
}
