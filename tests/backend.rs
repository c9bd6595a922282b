//! The demo backend over real sockets: what each route answers.

#[path = "support/client.rs"]
mod client;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::dev::ServerHandle;
use client::Answer;
use proxy_lab::backend::{self, BackendError, Options};
use sha2::{Digest, Sha256};

/// A backend in a thread of its own, on a free port, stopped when dropped.
struct TestBackend {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl TestBackend {
    fn start(name: Option<&str>) -> Self {
        let listener = backend::bind(any_port()).expect("a free port");
        let options = Options {
            name: name.map(str::to_owned),
            ..Options::default()
        };
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let backend = backend::start(listener, options).expect("a backend");
                sender
                    .send((backend.address, backend.handle))
                    .expect("the test");
                backend.server.await.expect("a clean end");
            });
        });
        let (address, handle) = receiver.recv().expect("a backend that starts");
        Self {
            address,
            handle,
            thread: Some(thread),
        }
    }

    /// Sends a head made of `line` and `headers`, and `body` behind it.
    fn ask(&self, line: &str, headers: &[u8], body: &[u8]) -> Answer {
        let mut request = format!("{line} HTTP/1.1\r\nHost: lab\r\n").into_bytes();
        request.extend_from_slice(headers);
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
        let head = line.starts_with("HEAD ");
        client::exchange(self.address, &request, head).expect("an answer")
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), b"", b"")
    }
}

impl Drop for TestBackend {
    fn drop(&mut self) {
        // Not awaited: the command is sent when the future is made.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the backend panicked"
            );
        }
    }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[test]
fn the_root_shows_the_headers_as_flask_does() {
    let lab = TestBackend::start(None);
    let headers = b"x-real-IP: 127.0.0.1\r\nX-A: 1\r\nfoo_bar: dropped\r\nx-a: 2\r\n\
        X-Odd: \xc3\xa9\xff \"q\\\tt\"\r\nX-Empty:\r\n";
    let answer = lab.ask("GET /?q=1", headers, b"");
    assert_eq!(answer.status_line, "HTTP/1.1 200 OK");
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    // What Flask 3.1 printed for the same bytes, but for the message.
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"headers":{"Host":"lab","X-A":"1,2","X-Empty":"","X-Odd":"#,
            r#""\u00c3\u00a9\u00ff \"q\\\tt\"","X-Real-Ip":"127.0.0.1"},"#,
            r#""message":"Hello from the backend!"}"#,
            "\n"
        )
    );
}

#[test]
fn the_users_are_the_lessons() {
    let lab = TestBackend::start(None);
    let body = "[{\"id\":1,\"name\":\"Alice\"},{\"id\":2,\"name\":\"Bob\"}]\n";
    for path in ["/users", "/us%65rs?page=2"] {
        let answer = lab.get(path);
        assert_eq!((answer.status(), answer.text().as_str()), (200, body));
    }
    let head = lab.ask("HEAD /users", b"", b"");
    assert_eq!(head.header("Content-Length"), Some("48"));
}

#[test]
fn other_paths_are_404_and_name_what_arrived() {
    let lab = TestBackend::start(None);
    for path in ["/api/users", "/users/", "/nope%2F", "/delay", "/inspect/x"] {
        let answer = lab.get(path);
        assert_eq!(answer.status(), 404, "{path}");
        let body = format!(
            "{{\"error\":\"Not Found\",\"message\":\"the demo backend has nothing at {path}\",\"status\":404}}\n"
        );
        assert_eq!(answer.text(), body);
    }
}

#[test]
fn wrong_methods_are_405_with_allow() {
    let lab = TestBackend::start(None);
    let allowed = [
        ("POST /", "GET, HEAD, OPTIONS"),
        ("BREW /users", "GET, HEAD, OPTIONS"),
        ("DELETE /bytes/1", "GET, HEAD, OPTIONS"),
        ("PUT /stream", "GET, HEAD, OPTIONS"),
        ("GET /upload", "OPTIONS, POST, PUT"),
    ];
    for (line, allow) in allowed {
        let answer = lab.ask(line, b"Content-Length: 3\r\n", b"abc");
        assert_eq!(
            (answer.status(), answer.header("Allow")),
            (405, Some(allow)),
            "{line}"
        );
        assert!(answer.text().contains("\"error\":\"Method Not Allowed\""));
        let path = line.split(' ').nth(1).unwrap_or_default();
        let options = lab.ask(&format!("OPTIONS {path}"), b"", b"");
        assert_eq!(
            (options.status(), options.header("Allow")),
            (200, Some(allow)),
            "{line}"
        );
        assert_eq!(options.body, b"");
    }
}

#[test]
fn a_refused_upload_gets_its_answer_and_the_connection_lives_on() {
    let lab = TestBackend::start(None);
    let mut socket = client::connect(lab.address).expect("a connection");
    let body = vec![b'x'; 1 << 20];
    for (path, status) in [
        ("/", 405),
        ("/nope", 404),
        ("/status/500", 500),
        ("/upload", 200),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: lab\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).expect("a head sent");
        socket.write_all(&body).expect("a body sent");
        let answer = client::read_answer(&mut socket, false).expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
    }
}

#[test]
fn inspect_tells_the_request_as_it_came() {
    let lab = TestBackend::start(None);
    let answer = lab.ask(
        "PATCH /inspect?a=%20b&&c",
        b"X_y: 1\r\nB: 2\r\nB: 1\r\nContent-Length: 4\r\n",
        b"body",
    );
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"body_bytes":4,"headers":["B: 2","B: 1","Content-Length: 4","Host: lab","X_Y: 1"],"#,
            r#""method":"PATCH","path":"/inspect","peer":"127.0.0.1","query":"a=%20b&&c","version":"HTTP/1.1"}"#,
            "\n"
        )
    );
}

#[test]
fn a_backend_with_a_name_says_it() {
    let lab = TestBackend::start(Some("blue-1"));
    for path in ["/users", "/nope", "/status/500", "/bytes/1"] {
        assert_eq!(lab.get(path).header("X-Backend"), Some("blue-1"), "{path}");
    }
    for path in ["/", "/inspect"] {
        let text = lab.get(path).text();
        assert!(text.starts_with("{\"backend\":\"blue-1\","), "{text}");
    }
    let nameless = TestBackend::start(None);
    assert_eq!(nameless.get("/users").header("X-Backend"), None);
}

#[test]
fn bytes_are_the_same_each_time_and_as_many_as_asked() {
    let lab = TestBackend::start(None);
    let whole = lab.get("/bytes/200000");
    assert_eq!(whole.header("Content-Length"), Some("200000"));
    assert!(
        whole
            .text()
            .starts_with("000000000000000\n000000000000016\n")
    );
    // The pattern repeats after 65521 bytes, a prime: blocks of the usual sizes all differ.
    assert_eq!(whole.body[..65521], whole.body[65521..2 * 65521]);
    assert_ne!(whole.body[..4096], whole.body[65536..65536 + 4096]);
    assert_eq!(lab.get("/bytes/131043").body, whole.body[..131043]);
    assert_eq!(lab.get("/bytes/0").body, b"");
}

#[test]
fn ten_gibibytes_are_announced_and_made_only_as_they_are_read() {
    let lab = TestBackend::start(None);
    let head = lab.ask("HEAD /bytes/10737418240", b"", b"");
    assert_eq!(head.header("Content-Length"), Some("10737418240"));
    let mut socket = client::connect(lab.address).expect("a connection");
    socket
        .write_all(b"GET /bytes/10737418240 HTTP/1.1\r\nHost: lab\r\n\r\n")
        .expect("a request sent");
    let answer = client::read_head(&mut socket).expect("a head");
    assert_eq!(answer.header("Content-Length"), Some("10737418240"));
    let mut first = [0; 16];
    socket.read_exact(&mut first).expect("the first bytes");
    assert_eq!(&first, b"000000000000000\n");
    // The one worker is free for others while this client reads no further.
    assert_eq!(lab.get("/users").status(), 200);
}

#[test]
fn uploads_are_counted_and_hashed_with_a_length_and_in_chunks() {
    let lab = TestBackend::start(None);
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let expected = format!(
        "{{\"bytes\":3000000,\"sha256\":\"{:x}\"}}\n",
        Sha256::digest(&body)
    );
    let length = format!("Content-Length: {}\r\n", body.len());
    assert_eq!(
        lab.ask("POST /upload", length.as_bytes(), &body).text(),
        expected
    );
    let mut chunked = Vec::new();
    for chunk in body.chunks(70_000) {
        chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let answer = lab.ask("PUT /upload", b"Transfer-Encoding: chunked\r\n", &chunked);
    assert_eq!(answer.text(), expected);
}

#[test]
fn delay_waits_and_status_answers_as_asked() {
    let lab = TestBackend::start(None);
    let start = Instant::now();
    assert_eq!(lab.get("/delay/0.25").text(), "{\"waited_seconds\":0.25}\n");
    assert!(start.elapsed() >= Duration::from_millis(250));
    let teapot = lab.get("/status/418");
    assert_eq!(teapot.status_line, "HTTP/1.1 418 I'm a teapot");
    assert_eq!(
        teapot.text(),
        "{\"reason\":\"I'm a teapot\",\"status\":418}\n"
    );
    assert_eq!(lab.get("/status/599").status(), 599);
    assert_eq!(lab.get("/status/204").header("Content-Length"), None);
    assert_eq!(
        lab.get("/status/302").header("Location"),
        Some("http://lab/users")
    );
}

#[test]
fn flaky_fails_each_nth_time_with_a_counter_for_each_n() {
    let lab = TestBackend::start(None);
    let statuses = |path| [0; 6].map(|_| lab.get(path).status());
    assert_eq!(statuses("/flaky/3"), [200, 200, 503, 200, 200, 503]);
    assert_eq!(statuses("/flaky/2"), [200, 503, 200, 503, 200, 503]);
    assert_eq!(statuses("/flaky/1"), [503; 6]);
}

#[test]
fn a_stream_sends_its_events_one_by_one() {
    let lab = TestBackend::start(None);
    let answer = lab.get("/stream?n=3&every=0.01");
    assert_eq!(answer.header("Content-Type"), Some("text/event-stream"));
    let event = |n| format!("id: {n}\ndata: {{\"event\":{n},\"of\":3}}\n\n");
    assert_eq!(answer.text(), [1, 2, 3].map(event).concat());
    let old = client::exchange(lab.address, b"GET /stream?n=1 HTTP/1.0\r\n\r\n", false);
    let old = old.expect("an answer");
    assert_eq!(old.header("Transfer-Encoding"), None);
    assert_eq!(old.text(), "id: 1\ndata: {\"event\":1,\"of\":1}\n\n");
}

#[test]
fn bad_arguments_are_400_and_say_what_is_wrong() {
    let lab = TestBackend::start(None);
    let wrong = [
        (
            "/delay/60.1",
            r#"\"60.1\" is not a number of seconds from 0 to 60"#,
        ),
        ("/delay/-1", r#"\"-1\" is not a number"#),
        ("/delay/NaN", r#"\"NaN\" is not a number"#),
        ("/delay/%31%00x", r#"is not a number of seconds"#),
        ("/status/199", r#"\"199\" is not a status from 200 to 599"#),
        ("/status/ok", r#"\"ok\" is not a status"#),
        (
            "/bytes/10737418241",
            "is not a number of bytes from 0 to 10737418240 (10 GiB)",
        ),
        ("/flaky/0", r#"\"0\" is not a whole number from 1 to 1000"#),
        ("/stream?n=0", "n=0 is not a whole number from 1 to 3600"),
        (
            "/stream?every=61",
            "every=61 is not a number of seconds from 0 to 60",
        ),
        (
            "/stream?m=1",
            "m=1 is not an argument: there are n and every",
        ),
    ];
    for (path, words) in wrong {
        let answer = lab.get(path);
        assert_eq!(answer.status(), 400, "{path}");
        assert!(answer.text().contains(words), "{path}: {}", answer.text());
        assert!(
            answer
                .text()
                .starts_with("{\"error\":\"Bad Request\",\"message\":\"")
        );
    }
}

#[test]
fn a_name_that_no_header_should_carry_is_refused() {
    for name in ["", "two words", "x\r\ny", &"x".repeat(65)] {
        let listener = backend::bind(any_port()).expect("a free port");
        let options = Options {
            name: Some(name.to_owned()),
            ..Options::default()
        };
        let refused = actix_web::rt::System::new()
            .block_on(async { backend::start(listener, options).err() });
        assert!(matches!(refused, Some(BackendError::Name(said)) if said == name));
    }
}
