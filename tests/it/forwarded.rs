//! What the upstream is told of the client: the lesson's four headers, and the URI that `proxy_pass` makes.

use crate::support::client;
use crate::support::lesson::Lesson;
use crate::support::program::Program;
use crate::support::upstream::Recorder;

const CONFIGURATION: &str = r#"
proxy_set_header Host $http_host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
server {
    listen 127.0.0.1:{port};
    location /api/ { proxy_pass http://{upstream}/; }
    location /keep/ { proxy_pass http://{upstream}; }
    location /part { proxy_pass http://{upstream}/other; }
    location /twice/ { proxy_pass http://127.0.0.1:{port2}/api/; }
    location /plain/ {
        proxy_set_header X-Real-IP "";
        proxy_pass http://{upstream}/;
    }
}
server {
    listen 127.0.0.1:{port2};
    location /api/ { proxy_pass http://{upstream}/; }
}"#;

fn start() -> (Program, Recorder) {
    let upstream = Recorder::start();
    let http = CONFIGURATION.replace("{upstream}", &upstream.name());
    (Program::start(&http, |_| {}), upstream)
}

#[test]
fn the_upstream_sees_the_four_headers_first_and_then_the_clients() {
    let (program, upstream) = start();
    let raw = b"GET /api/users?a=1 HTTP/1.1\r\nUser-Agent: curl/8.5.0\r\nhOST: localhost:3000\r\nAccept: */*\r\n\r\n";
    assert_eq!(program.send(raw).text(), "ok");
    assert_eq!(
        upstream.next().head,
        [
            "GET /users?a=1 HTTP/1.0",
            "Host: localhost:3000",
            "X-Real-IP: 127.0.0.1",
            "X-Forwarded-For: 127.0.0.1",
            "X-Forwarded-Proto: http",
            "Connection: close",
            "User-Agent: curl/8.5.0",
            "Accept: */*",
        ]
    );
}

#[test]
fn what_a_client_claims_of_itself_is_replaced() {
    let (program, upstream) = start();
    let forged = [
        "X-Real-IP: 203.0.113.9",
        "x-real-ip: 203.0.113.10",
        "X-Forwarded-Proto: https",
        "X-FORWARDED-PROTO: https",
    ];
    program.ask("GET", "/api/", &forged);
    let head = upstream.next().head;
    let told: Vec<_> = head
        .iter()
        .filter(|line| line.to_lowercase().starts_with("x-"))
        .collect();
    assert_eq!(
        told,
        [
            "X-Real-IP: 127.0.0.1",
            "X-Forwarded-For: 127.0.0.1",
            "X-Forwarded-Proto: http",
        ]
    );
}

#[test]
fn a_location_that_sets_one_header_inherits_none() {
    let (program, upstream) = start();
    program.ask("GET", "/plain/", &["X-Real-IP: 203.0.113.9"]);
    let head = upstream.next().head;
    let host = format!("Host: {}", upstream.name());
    assert_eq!(head, ["GET / HTTP/1.0", &host, "Connection: close"]);
}

#[test]
fn addresses_are_chained() {
    let (program, upstream) = start();
    let seen = |target: &str, fields: &[&str]| {
        program.ask("GET", target, fields);
        let received = upstream.next();
        let values = received.all("X-Forwarded-For");
        assert_eq!(values.len(), 1, "{:?}", received.head);
        values[0].to_owned()
    };
    assert_eq!(
        seen("/api/", &["X-Forwarded-For: 203.0.113.9"]),
        "203.0.113.9, 127.0.0.1"
    );
    // Sent twice by the client: joined into one, in the client's order.
    assert_eq!(
        seen(
            "/api/",
            &[
                "X-Forwarded-For: 203.0.113.9",
                "Accept: */*",
                "x-forwarded-for: 198.51.100.7, 198.51.100.8",
            ]
        ),
        "203.0.113.9, 198.51.100.7, 198.51.100.8, 127.0.0.1"
    );
    // An empty one is one all the same.
    assert_eq!(seen("/api/", &["X-Forwarded-For:"]), ", 127.0.0.1");
    // Not an address: not the proxy's to judge.
    assert_eq!(
        seen("/api/", &["X-Forwarded-For: unknown,_x"]),
        "unknown,_x, 127.0.0.1"
    );
    // Through two proxies each adds the address that it sees.
    assert_eq!(seen("/twice/", &[]), "127.0.0.1, 127.0.0.1");
    assert_eq!(
        seen("/twice/", &["X-Forwarded-For: 203.0.113.9"]),
        "203.0.113.9, 127.0.0.1, 127.0.0.1"
    );
}

#[test]
fn a_uri_in_proxy_pass_takes_the_place_of_what_the_location_matched() {
    let (program, upstream) = start();
    for (asked, passed) in [
        ("/api/", "/"),
        ("/api/users", "/users"),
        ("/api/users?q=%20&r", "/users?q=%20&r"),
        ("/api/%41/b%20c", "/A/b%20c"),
        ("/api//x/../y", "/y"),
        // Without a URI the request's own is passed as it came.
        ("/keep/users", "/keep/users"),
        ("/keep/%41/b%20c?q", "/keep/%41/b%20c?q"),
        ("/keep//x/../y", "/keep//x/../y"),
        ("/part", "/other"),
        ("/partial/x", "/otherial/x"),
        ("/twice/users", "/users"),
    ] {
        program.get(asked);
        let line = format!("GET {passed} HTTP/1.0");
        assert_eq!(upstream.next().head[0], line, "for {asked}");
    }
}

#[test]
fn the_prefix_and_the_port_are_the_files() {
    let mut lesson = Lesson::copy();
    let _backend = lesson.start_backend();
    let get = |lesson: &Lesson, path: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost:3000\r\nConnection: close\r\n\r\n");
        let answer = client::exchange(lesson.front(), request.as_bytes(), false);
        answer.expect("an answer").text()
    };
    const USERS: &str = "[{\"id\":1,\"name\":\"Alice\"},{\"id\":2,\"name\":\"Bob\"}]\n";

    let front = lesson.start();
    assert_eq!(get(&lesson, "/api/users"), USERS);
    front.stop();

    lesson.edit("-        location /api/ {\n+        location /backend/ {");
    let front = lesson.start();
    assert_eq!(get(&lesson, "/backend/users"), USERS);
    let start_page = get(&lesson, "/");
    assert!(start_page.starts_with("<!doctype html>"), "{start_page}");
    assert_eq!(get(&lesson, "/api/users"), start_page);
    front.stop();

    lesson.reset();
    lesson.edit(
        "-            proxy_pass http://127.0.0.1:5000/;\n+            proxy_pass http://127.0.0.1:5000;",
    );
    let front = lesson.start();
    let refused = get(&lesson, "/api/users");
    assert!(refused.contains("\"status\":404"), "{refused}");
    assert!(refused.contains("has nothing at /api/users"), "{refused}");
    front.stop();

    let before = lesson.front();
    lesson.reset();
    lesson.move_front();
    assert_ne!(lesson.front(), before);
    let _front = lesson.start();
    assert_eq!(get(&lesson, "/api/users"), USERS);
    assert!(
        client::connect(before).is_err(),
        "the old port still answers"
    );
}
