//! What `proxy-lab -t` says about each broken file of `tests/broken`: the whole message, to the letter.
//!
//! A new case is a new file. `PROXY_LAB_RECORD=1` writes what is said now; read it before you keep it.

use std::fs;
use std::process::Command;

use crate::support::broken::{self, Case, Said};

#[test]
fn each_broken_file_gets_the_message_that_is_written_beside_it() {
    let record = std::env::var_os("PROXY_LAB_RECORD").is_some();
    let mut wrong = String::new();
    for case in broken::cases() {
        let said = ask(&case);
        assert_eq!(said.code, Some(1), "{}: {}", case.name, said.text);
        if record {
            fs::write(case.expected(), &said.text).expect("a file");
            continue;
        }
        let expected = fs::read_to_string(case.expected()).unwrap_or_default();
        if said.text != expected {
            let Case { name, .. } = case;
            wrong.push_str(&format!(
                "--- {name}, expected:\n{expected}--- said:\n{}\n",
                said.text
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The form is nginx's: each finding begins with its line, and the last line tells that the test failed.
#[test]
fn the_messages_have_nginxs_form() {
    for case in broken::cases() {
        let expected = fs::read_to_string(case.expected()).expect("an expected message");
        let mut lines = expected.lines();
        let levels = ["nginx: [emerg] ", "nginx: [crit] ", "nginx: [warn] "];
        let first = lines.next().unwrap_or_default();
        let syntax_ok = "nginx: the configuration file {dir}/nginx.conf syntax is ok";
        assert!(
            first == syntax_ok || levels.iter().any(|level| first.starts_with(level)),
            "{}: {first}",
            case.name
        );
        assert_eq!(
            lines.next_back(),
            Some("nginx: configuration file {dir}/nginx.conf test failed"),
            "{}",
            case.name
        );
    }
}

fn ask(case: &Case) -> Said {
    case.ask(&mut Command::new(env!("CARGO_BIN_EXE_proxy-lab")))
}
