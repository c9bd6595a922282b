//! The lab serves what is saved: whole files, included ones, exercises; a broken one is shown and not served.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::support::client;
use crate::support::lesson::Server;
use crate::support::ports::{FIVE_DIGITS, Ports, loopback};

/// A lab in a folder of its own, running.
struct Lab {
    folder: TempDir,
    port: u16,
    /// For a server that comes later.
    other: u16,
    server: Server,
    _ports: Ports,
}

impl Lab {
    fn start() -> Self {
        Self::with(&[], &[])
    }

    /// With more files, and more arguments.
    fn with(files: &[(&str, &str)], arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = Ports::free(2, FIVE_DIGITS);
        let port = ports[0];
        for name in ["lab/more", "lab/work", "logs"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        fs::write(folder.path().join("lab/nginx.conf"), file(port, "one", "")).expect("a file");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text.replace("{port}", &port.to_string())).expect("a file");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        command.args(arguments).arg("front");
        let server = Server::start(command, folder.path(), loopback(port));
        Lab {
            folder,
            port,
            other: ports[1],
            server,
            _ports: ports,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn save(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    /// As most editors save: a new file takes the place of the old.
    fn save_by_renaming(&self, name: &str, text: &str) {
        let fresh = self.path("lab/.nginx.conf.swp");
        fs::write(&fresh, text).expect("a file");
        fs::rename(&fresh, self.path(name)).expect("a file renamed");
    }

    fn get(&self, port: u16) -> String {
        let request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        let address = loopback(port);
        client::exchange(address, request, false)
            .expect("an answer")
            .text()
    }

    fn says(&self, text: &str) -> String {
        self.server.wait_for(text)
    }

    fn answers(&self) -> String {
        self.get(self.port)
    }
}

/// A file that answers with a text.
fn file(port: u16, text: &str, more: &str) -> String {
    format!(
        "events {{ }}\nhttp {{\n access_log off;\n include more/*.conf;\n server {{\n  listen {port};\n  {more}\n  \
         location / {{\n   return 200 {text};\n  }}\n }}\n}}\n"
    )
}

#[test]
fn a_saved_file_is_served_and_told() {
    let lab = Lab::start();
    assert_eq!(lab.answers(), "one");
    lab.save("lab/nginx.conf", &file(lab.port, "two", ""));
    lab.says("lab/nginx.conf was saved and is served now:");
    lab.says("  location / (line 8): return 200 changed");
    assert_eq!(lab.answers(), "two");
    lab.save_by_renaming("lab/nginx.conf", &file(lab.port, "three", ""));
    lab.says("is served now:");
    assert_eq!(lab.answers(), "three");
    lab.save("lab/nginx.conf", &file(lab.port, "three", "# a comment"));
    lab.says("lab/nginx.conf was saved; no directive changed.");
}

#[test]
fn a_broken_file_is_shown_and_the_old_one_served() {
    let lab = Lab::start();
    lab.save("lab/nginx.conf", &file(lab.port, "two", "locaton /x { }"));
    let said = lab.says("cannot be served like this: what was served before still is.");
    assert!(
        said.contains("unknown directive \"locaton\"") && said.contains("location"),
        "{said}"
    );
    assert_eq!(lab.answers(), "one");
    lab.save("lab/nginx.conf", &file(lab.port, "one", ""));
    lab.says("lab/nginx.conf can be served again: no directive differs from what still was.");
    lab.save("lab/nginx.conf", &file(lab.port, "two", "locaton /x { }"));
    lab.says("cannot be served like this: what was served before still is.");
    // While the file is broken, nothing more is said; it is served again when it is right.
    lab.save("lab/nginx.conf", &file(lab.port, "two", ""));
    let said = lab.says("is served now:");
    assert!(!said.contains("cannot be served"), "{said}");
    assert_eq!(lab.answers(), "two");
}

#[test]
fn a_file_that_is_gone_is_told_and_waited_for() {
    let lab = Lab::start();
    fs::remove_file(lab.path("lab/nginx.conf")).expect("a file removed");
    lab.says("cannot be served like this");
    assert_eq!(lab.answers(), "one");
    lab.save("lab/nginx.conf", &file(lab.port, "two", ""));
    lab.says("is served now:");
    assert_eq!(lab.answers(), "two");
}

#[test]
fn included_files_count() {
    let lab = Lab::start();
    let other = lab.other;
    lab.save(
        "lab/more/a.conf",
        &format!("server {{ listen {other}; return 200 more; }}"),
    );
    let said = lab.says(&format!("listening on http://127.0.0.1:{other} now"));
    assert!(said.contains("a.conf is included now"), "{said}");
    assert_eq!(lab.get(other), "more");
    assert_eq!(lab.answers(), "one");
    lab.save(
        "lab/more/a.conf",
        &format!("server {{ listen {other}; return 200 less; }}"),
    );
    lab.says("a.conf: server (line 1): return 200 changed");
    assert_eq!(lab.get(other), "less");
    fs::remove_file(lab.path("lab/more/a.conf")).expect("a file removed");
    lab.says(&format!("no longer listening on http://127.0.0.1:{other}"));
    assert_eq!(lab.answers(), "one");
}

#[test]
fn an_exercise_takes_the_place_of_the_lesson() {
    let exercise =
        "events { }\nhttp { access_log off; server { listen {port}; return 200 exercise; } }\n";
    let lab = Lab::with(
        &[
            ("lab/work/03-x/nginx.conf", exercise),
            ("lab/work/03-x/logs/error.log", ""),
        ],
        &[],
    );
    assert_eq!(lab.answers(), "one");
    lab.save("lab/work/current", "03-x\n");
    lab.says("lab/work/03-x/nginx.conf is served now.");
    assert_eq!(lab.answers(), "exercise");
    let text = exercise.replace("{port}", &lab.port.to_string());
    lab.save(
        "lab/work/03-x/nginx.conf",
        &text.replace("200 exercise", "200 solved"),
    );
    lab.says("server (line 2): return 200 changed");
    assert_eq!(lab.answers(), "solved");
    lab.save("lab/work/current", "lesson\n");
    lab.says("lab/nginx.conf is served now.");
    assert_eq!(lab.answers(), "one");
    // A name that leads elsewhere is none.
    lab.save("lab/work/current", "../../etc\n");
    lab.save("lab/nginx.conf", &file(lab.port, "two", ""));
    lab.says("is served now:");
    assert_eq!(lab.answers(), "two");
}

#[test]
fn a_lab_begins_with_the_exercise_that_was_started() {
    let exercise =
        "events { }\nhttp { access_log off; server { listen {port}; return 200 exercise; } }\n";
    let files = [
        ("lab/work/03-x/nginx.conf", exercise),
        ("lab/work/03-x/logs/error.log", ""),
        ("lab/work/current", "03-x\n"),
    ];
    let lab = Lab::with(&files, &[]);
    assert_eq!(lab.answers(), "exercise");
}

#[test]
fn no_reload_takes_no_notice() {
    let lab = Lab::with(&[], &["--no-reload"]);
    lab.save("lab/nginx.conf", &file(lab.port, "two", ""));
    // Some requests later, which take longer than a save does to be noticed, nothing has changed.
    for _ in 0..200 {
        assert_eq!(lab.answers(), "one");
    }
    let (_, said) = lab.server.stop();
    assert!(!said.contains("was saved"), "{said}");
}

#[test]
fn each_request_tells_its_story() {
    let more = "location /api/ { proxy_pass http://127.0.0.1:{port}/inner/; } location ~ ^/inner { return 404; }\n\
                location = /file { } location /old { rewrite ^ /file; } location ^~ /gone { return 444; } \
                location /down { proxy_pass http://127.0.0.1:1/; error_page 502 =200 /; } \
                location /lost { proxy_pass http://127.0.0.1:{port}/inner/; proxy_intercept_errors on; error_page 404 =200 /; }";
    let text = file(0, "one", more).replace("listen 0", "listen {port}");
    let lab = Lab::with(&[("lab/nginx.conf", &text)], &[]);
    let ask = |line: &str| {
        let request = format!("{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        let address = loopback(lab.port);
        let _ = client::exchange(address, request.as_bytes(), false);
    };
    let peer = format!("127.0.0.1:{}", lab.port);
    for (line, story) in [
        (
            "GET /",
            "GET / → location / (nginx.conf:9) → 200, ".to_owned(),
        ),
        (
            "POST /api/users?a=b",
            format!(
                "POST /api/users?a=b → location /api/ (nginx.conf:7) → {peer} POST /inner/users?a=b → 404, "
            ),
        ),
        (
            "GET /file",
            "GET /file → location = /file (nginx.conf:8) → 404, ".to_owned(),
        ),
        (
            "GET /old",
            "GET /old → location = /file (nginx.conf:8) → 404, ".to_owned(),
        ),
        (
            "GET /gone",
            "GET /gone → location ^~ /gone (nginx.conf:8) → 444, ".to_owned(),
        ),
        (
            "GET /down",
            "GET /down → location / (nginx.conf:9) → 127.0.0.1:1 GET / failed: 502 → 200, "
                .to_owned(),
        ),
        (
            "GET /lost",
            format!("GET /lost → location / (nginx.conf:9) → {peer} GET /inner/ said 404 → 200, "),
        ),
        ("GET /a\x01", "GET /a\u{fffd} HTTP/1.1 → 400, ".to_owned()),
    ] {
        ask(line);
        let heard = lab.says(&story);
        assert!(heard.trim_end().ends_with(" ms"), "{heard}");
    }
}
