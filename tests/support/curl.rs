//! As much of curl as the README uses, so that its exercises run where there is no curl: the same
//! request bytes, and the answer as curl prints it.
#![allow(dead_code)]

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};

use crate::client::{Answer, connect, read_answer, read_head};

/// The version that the README's answers show.
const USER_AGENT: &str = "curl/8.5.0";

/// From this many bytes on, curl asks before it sends a body.
const ASKS_ABOVE: usize = 1024 * 1024;

/// What a command line asks for.
#[derive(Debug, Default)]
struct Request {
    method: Option<String>,
    url: String,
    headers: Vec<String>,
    body: Option<Vec<u8>>,
    form: bool,
    show_head: bool,
    head_only: bool,
}

/// Runs `curl` with `arguments` (without the word curl) and `stdin`, and returns what it prints.
/// Panics on an argument that it does not know: the README must not use it.
pub fn curl(arguments: &[String], stdin: &[u8]) -> io::Result<String> {
    let request = parse(arguments, stdin);
    let answer = send(&request)?;
    let mut printed = String::new();
    if request.show_head || request.head_only {
        printed.push_str(&answer.status_line);
        printed.push('\n');
        for (name, value) in &answer.headers {
            printed.push_str(&format!("{name}: {value}\n"));
        }
        printed.push('\n');
    }
    printed.push_str(&answer.text());
    Ok(printed)
}

fn parse(arguments: &[String], stdin: &[u8]) -> Request {
    let mut request = Request::default();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let mut value = || rest.next().expect("a value behind the option").clone();
        match word.as_str() {
            "-H" => request.headers.push(value()),
            "-X" => request.method = Some(value()),
            "-d" => {
                request.body = Some(value().into_bytes());
                request.form = true;
            }
            "--data-binary" => {
                assert_eq!(value(), "@-", "only standard input");
                request.body = Some(stdin.to_vec());
                request.form = true;
            }
            flags if flags.starts_with('-') => {
                for flag in flags.chars().skip(1) {
                    match flag {
                        's' => {}
                        'i' => request.show_head = true,
                        'I' => request.head_only = true,
                        other => panic!("curl -{other} is not known here"),
                    }
                }
            }
            url => request.url = url.trim_start_matches("http://").to_owned(),
        }
    }
    request
}

fn send(request: &Request) -> io::Result<Answer> {
    let (authority, path) = match request.url.find('/') {
        Some(slash) => request.url.split_at(slash),
        None => (request.url.as_str(), "/"),
    };
    let (host, port) = authority.split_once(':').expect("a port in the address");
    assert!(
        matches!(host, "localhost" | "127.0.0.1"),
        "loopback only: {host}"
    );
    let port: u16 = port.parse().map_err(io::Error::other)?;
    let default_method = match (&request.body, request.head_only) {
        (Some(_), _) => "POST",
        (None, true) => "HEAD",
        (None, false) => "GET",
    };
    let method = request.method.as_deref().unwrap_or(default_method);
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {USER_AGENT}\r\nAccept: */*\r\n"
    );
    for header in &request.headers {
        head.push_str(&format!("{header}\r\n"));
    }
    let body = request.body.as_deref().unwrap_or_default();
    if request.form {
        head.push_str(&format!(
            "Content-Length: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            body.len()
        ));
    }
    let asks = body.len() > ASKS_ABOVE;
    if asks {
        head.push_str("Expect: 100-continue\r\n");
    }
    head.push_str("\r\n");
    let mut socket = connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.write_all(head.as_bytes())?;
    if asks {
        // Looked at without being taken: a refusal is the answer itself.
        let mut first = [0; 12];
        while socket.peek(&mut first)? < first.len() {}
        if first.ends_with(b" 100") {
            read_head(&mut socket)?;
            socket.write_all(body)?;
        }
    } else {
        socket.write_all(body)?;
    }
    read_answer(&mut socket, method == "HEAD")
}
