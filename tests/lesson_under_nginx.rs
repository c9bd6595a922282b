//! The lesson under real nginx (`make verify`): the README's command works for an ordinary user
//! from a clean clone, and the README's answers are nginx's own, but for the product's name.
#![cfg(feature = "verify")]

#[path = "support/client.rs"]
mod client;
#[path = "support/curl.rs"]
mod curl;
#[path = "support/lesson.rs"]
mod lesson;
#[path = "support/nginx.rs"]
mod nginx;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/readme.rs"]
mod readme;
#[path = "support/words.rs"]
mod words;

use std::fs;

use lesson::{Lesson, Server};
use nginx::Nginx;
use readme::Servers;

const README: &str = include_str!("../README.md");

#[test]
fn the_readmes_command_runs_real_nginx_as_an_ordinary_user() {
    let command = "\nnginx -p \"$PWD\" -c lab/nginx.conf -g 'daemon off;'\n";
    assert!(README.contains(command), "the README's command is another");
    let lesson = Lesson::copy();
    let _backend = lesson.start_backend();
    let nginx = start(&lesson, &oracle());
    // Larger than any buffer: the body passes through tmp/.
    let upload = post(&lesson, &vec![0; 1 << 20]);
    assert_eq!(
        upload.text(),
        "{\"bytes\":1048576,\"sha256\":\"30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58\"}\n"
    );
    let too_large = post(&lesson, &vec![0; (1 << 20) + 1]);
    assert_eq!(too_large.status(), 413);
    let download = ask(&lesson, "GET /api/bytes/5000000", b"");
    assert_eq!(download.body.len(), 5_000_000);
    let (status, said) = nginx.stop();
    assert!(status.success(), "{status}: {said}");
    assert_eq!(said, "", "nginx complained");
    let log = |name| fs::read_to_string(lesson.root().join("logs").join(name)).expect("a log");
    assert!(log("access.log").contains("\"POST /api/upload HTTP/1.1\" 200 "));
    assert!(log("error.log").contains("client intended to send too large body"));
    assert!(lesson.root().join("tmp/client_body").is_dir());
}

fn oracle() -> Nginx {
    Nginx::find().unwrap_or_else(|error| panic!("{error}"))
}

/// Started from a copy in the lesson's folder: the ordinary user may not be allowed into `target/`.
fn start(lesson: &Lesson, nginx: &Nginx) -> Server {
    let folder = lesson.root().join("nginx");
    let copy = nginx.copy_to(&folder).expect("a copy of nginx");
    lesson.start_nginx(copy.command())
}

fn post(lesson: &Lesson, body: &[u8]) -> client::Answer {
    ask(lesson, "POST /api/upload", body)
}

fn ask(lesson: &Lesson, line: &str, body: &[u8]) -> client::Answer {
    let head = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), body].concat();
    client::exchange(lesson.front(), &request, false).expect("an answer")
}

#[test]
fn the_readmes_answers_are_nginxs() {
    let nginx = oracle();
    let servers = Servers::Other(&|lesson| start(lesson, &nginx));
    let commands = readme::run(README, servers, as_nginx_says);
    assert!(commands >= 20, "the README had only {commands} commands");
}

/// The README's answer with nginx's name; an error page becomes shorter by it.
fn as_nginx_says(answer: &str) -> String {
    const LAB: &str = concat!("proxy-lab/", env!("CARGO_PKG_VERSION"));
    const NGINX: &str = "nginx/1.22.1";
    let in_page = answer.contains(&format!("<center>{LAB}</center>"));
    let lines = answer.lines().map(|line| {
        let length = line.strip_prefix("Content-Length: ");
        match length.and_then(|length| length.parse::<usize>().ok()) {
            Some(length) if in_page => {
                format!("Content-Length: {}", length + NGINX.len() - LAB.len())
            }
            _ => line.replace(LAB, NGINX),
        }
    });
    lines.map(|line| line + "\n").collect()
}
