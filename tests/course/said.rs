//! What the commands say to a learner: one thing first, true, and what to type next.

use std::fs;

use crate::lab::{Lab, Said, copy};

/// Grades a file that is made from an exercise's start.
fn check(lab: &Lab, exercise: &str, change: impl FnOnce(String) -> String) -> Said {
    assert_eq!(lab.run(&["start", exercise]).code, 0);
    let file = lab.work().join(exercise).join("nginx.conf");
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, change(text)).expect("a file");
    lab.run(&["check"])
}

#[test]
fn of_many_messages_the_first_is_shown() {
    let lab = Lab::new();
    let said = check(&lab, "10-backend-down", |text| {
        text.replace("location / {", "locatoin / {")
            .replace("root html;", "rot html;")
            .replace("proxy_pass", "proxy_pas")
    });
    assert_eq!(said.code, 1);
    assert!(said.out.contains("did you mean `root`?"), "{said:?}");
    assert_eq!(said.out.matches("--> ").count(), 1, "{said:?}");
    assert!(said.out.contains("… and 3 more messages"), "{said:?}");
    // Programs get them all.
    let refused = lab.run(&["check", "--json"]).json()["refused"].to_string();
    assert_eq!(refused.matches("--> ").count(), 4, "{refused}");
}

#[test]
fn a_brace_that_is_missing_is_told_with_what_it_breaks() {
    let lab = Lab::new();
    let said = check(&lab, "10-backend-down", |text| {
        text.replacen("        }\n    }\n", "        }\n", 1)
    });
    assert!(
        said.out.contains("\"pid\" directive is not allowed here"),
        "{said:?}"
    );
    assert!(
        said.out.contains("the missing `}` probably belongs"),
        "{said:?}"
    );
    assert!(!said.out.contains("more message"), "{said:?}");
}

#[test]
fn what_the_lab_lacks_is_not_blamed_on_nginx() {
    let lab = Lab::new();
    let said = check(&lab, "07-two-proxies", |text| {
        text.replace("http {", "http {\n    set_real_ip_from 127.0.0.1;")
    });
    assert_eq!(said.code, 1);
    let first = "Not yet: Proxy Lab cannot serve this file, though nginx might.";
    assert!(said.out.contains(first), "{said:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_command_that_is_shown_comes_from_the_address_that_counts() {
    let lab = Lab::new();
    let said = check(&lab, "07-two-proxies", |text| text);
    let after = |name: &str| {
        let line = said.out.lines().find(|line| line.contains(name));
        line.and_then(|line| line.split_whitespace().last())
    };
    let client = after("expected  to the backend, X-Real-IP:").expect("an address");
    let command = format!("curl --interface {client} -i ");
    assert!(said.out.contains(&command), "{said:?}");
    // Where the address does not matter, it is not shown.
    let said = check(&lab, "04-trailing-slash", |text| text);
    assert!(
        said.out.contains("curl -i localhost:3000/api/users"),
        "{said:?}"
    );
}

#[test]
fn what_the_backend_cannot_read_is_told_by_its_answer_alone() {
    let lab = Lab::new();
    let wrong = lab.exercises().join("05-four-headers/wrong/colon.conf");
    let said = check(&lab, "05-four-headers", |_| {
        fs::read_to_string(wrong).expect("a file")
    });
    assert!(said.out.contains("400 Bad Request"), "{said:?}");
    assert_eq!(said.err, "");
}

#[test]
fn a_mistyped_option_is_no_verdict() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["start", "3"]).code, 0);
    for arguments in [
        &["check", "--seed", "abc"][..],
        &["check", "--jsno"],
        &["--color", "never", "check", "3", "4"],
    ] {
        let said = lab.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    }
    assert_eq!(lab.run(&["check", "--help"]).code, 0);
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_anything_is_remembered() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["start", "3"]).code, 0);
    let said = lab.run(&["check", "--junit", "no/such/folder/x.xml"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(
        said.err
            .contains("--junit no/such/folder/x.xml: the file cannot be written"),
        "{said:?}"
    );
    assert_eq!(
        lab.run(&["list", "--json"]).json()["exercises"][2]["tries"],
        0
    );
}

#[test]
fn a_report_of_what_could_not_be_graded_says_so() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["start", "3"]).code, 0);
    let report = lab.path().join("report.xml");
    let read = || fs::read_to_string(&report).expect("a report");
    assert_eq!(lab.run(&["check", "--junit", "report.xml"]).code, 1);
    assert!(read().contains("<failure ") && read().contains("errors=\"0\""));
    // A shorter text takes the place of the longer one, and nothing is left of that.
    fs::write(
        lab.exercises().join("03-proxy-pass/check.toml"),
        "title = 1",
    )
    .expect("a file");
    assert_eq!(lab.run(&["check", "--junit", "report.xml"]).code, 2);
    let text = read();
    assert!(text.contains("errors=\"1\""), "{text}");
    assert!(
        text.contains("<error message=\"") && text.contains("check.toml:1"),
        "{text}"
    );
    assert!(
        text.ends_with("</testsuites>\n") && !text.contains("<failure"),
        "{text}"
    );
    // One that is no file of its own.
    let said = lab.run(&["check", "--junit", "/dev/null"]);
    assert_eq!(said.code, 2, "{said:?}");
}

#[test]
fn commands_for_another_course_name_it() {
    let lab = Lab::new();
    let other = lab.path().join("other");
    copy(
        &lab.exercises().join("04-trailing-slash"),
        &other.join("01-mine"),
    );
    let said = lab.run(&["start", "1", "--course", "other"]);
    assert!(said.out.contains("check --course other"), "{said:?}");
    let said = lab.run(&["check", "--course", "other"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("hint --course other"), "{said:?}");
}

#[test]
fn a_reader_that_has_gone_changes_no_verdict() {
    let lab = Lab::new();
    let solution = lab
        .exercises()
        .join("04-trailing-slash/solution/nginx.conf");
    check(&lab, "04-trailing-slash", |_| {
        fs::read_to_string(solution).expect("a file")
    });
    let (read, write) = std::io::pipe().expect("a pipe");
    drop(read);
    let said = lab.command(&["check"]).stdout(write).output();
    let said = Said::of(said.expect("the program"));
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn what_the_course_has_no_use_for_is_neither_offered_nor_passed_over() {
    let lab = Lab::new();
    for command in [
        "list", "start", "check", "watch", "hint", "reset", "solution",
    ] {
        let said = lab.run(&[command, "--help"]);
        assert!(!said.out.contains("nginx mode"), "{said:?}");
        assert!(said.out.contains("Examples:"), "{said:?}");
    }
    let said = lab.run(&["check", "3", "-c", "other.conf"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("--answer FILE"), "{said:?}");
}
