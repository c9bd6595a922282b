//! `nginx -t` beside `proxy-lab -t` (`make verify`): the same files are refused with the same line, and every row of the
//! table of directives is asked of nginx.

#[path = "support/broken.rs"]
mod broken;
#[path = "differential/nginx.rs"]
mod nginx;
#[path = "support/oracle/mod.rs"]
#[allow(dead_code)]
mod oracle;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

/// nginx's finding: the first that stops it.
fn first_fatal(said: &str) -> Option<&str> {
    said.lines().find(|line| {
        ["nginx: [emerg] ", "nginx: [crit] "]
            .iter()
            .any(|level| line.starts_with(level))
    })
}

#[test]
fn nginx_refuses_each_broken_file_with_the_same_line() {
    let nginx = nginx::find().unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = String::new();
    for case in broken::cases() {
        let by_nginx = case.ask(&mut nginx.command());
        let expected = fs::read_to_string(case.expected()).expect("an expected message");
        let (theirs, ours) = (first_fatal(&by_nginx.text), first_fatal(&expected));
        let same = theirs == ours && by_nginx.code == Some(1);
        if same == case.differs().is_some() {
            let why = case.differs().unwrap_or_default();
            wrong.push_str(&format!(
                "{} {why}\n  nginx: {:?} {theirs:?}\n  lab:   {ours:?}\n",
                case.name, by_nginx.code
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Item by item: exit codes and the lines that begin with `nginx:` are nginx's, for a right file and a wrong one.
#[test]
fn closing_lines_and_exit_codes_are_nginxs() {
    let nginx = nginx::find().unwrap_or_else(|error| panic!("{error}"));
    // A port that is taken does not matter to `-t`.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let right = "events { }\nhttp { TEMP server { listen PORT; } }\n";
    let late = "http { TEMP }\n";
    let wrong = "events { }\nhttp { TEMP server { listn 80; } }\n";
    let warned = "events { }\nhttp { TEMP server { listen PORT; server_name a/b; } }\n";
    let unopenable =
        "events { }\nhttp { TEMP server { listen PORT; access_log no/such/folder; } }\n";
    let no_pid_folder = "pid no/such/folder; events { }\n";
    for text in [right, late, wrong, warned, unopenable, no_pid_folder] {
        for globals in [
            None,
            Some("daemon off;"),
            Some("daemon off"),
            Some("no_such on;"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let prefix = folder.path();
            fs::create_dir(prefix.join("logs")).expect("a folder");
            let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path t_{name};"))
                .concat();
            let pid = if text.contains("pid") {
                ""
            } else {
                "pid logs/pid;"
            };
            let text = format!(
                "{pid} error_log logs/error.log;\n{}",
                text.replace("TEMP", &format!("access_log off; {temp}"))
                    .replace(
                        "PORT",
                        &listener.local_addr().expect("an address").to_string()
                    )
            );
            fs::write(prefix.join("nginx.conf"), &text).expect("a file");
            let ask = |mut command: Command| {
                command.arg("-t").arg("-p").arg(prefix);
                command
                    .args(["-c", "nginx.conf", "-e"])
                    .arg(prefix.join("logs/e"));
                command.args(globals.iter().flat_map(|text| ["-g", text]));
                let output = command.output().expect("an end");
                assert!(output.stdout.is_empty());
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                // The lab goes on where nginx stops.
                let mut stopped = false;
                let lines = said.lines().filter(|line| {
                    let finding = line.starts_with("nginx: [");
                    let shown = line.starts_with("nginx:") && !(finding && stopped);
                    stopped |= line.starts_with("nginx: [emerg]");
                    shown
                });
                (
                    output.status.code(),
                    lines.map(str::to_owned).collect::<Vec<_>>(),
                )
            };
            let theirs = ask(nginx.command());
            let ours = ask(Command::new(env!("CARGO_BIN_EXE_proxy-lab")));
            assert_eq!(ours, theirs, "{text} with {globals:?}");
        }
    }
}
