//! `proxy-lab explain`: its texts, whole, as files of tests/data/explain; its JSON; what it says of a wrong question.
//!
//! `PROXY_LAB_BLESS=1` writes the texts anew: look at the difference before you keep it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::words::words;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/explain")
}

/// Runs `proxy-lab explain` on the file of the texts.
fn explain(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
    command
        .arg("-p")
        .arg(data())
        .args(["-c", "nginx.conf", "explain"]);
    command
        .args(arguments)
        .output()
        .expect("a program that runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The same whenever it runs, and whenever and wherever the files were checked out.
fn timeless(output: &str) -> String {
    let folder = format!("{}/", data().display());
    let output = output.replace(&folder, "…/");
    let blank = |line: &str| {
        ["Date: ", "Last-Modified: ", "ETag: "]
            .iter()
            .find_map(|name| {
                line.find(name)
                    .map(|at| format!("{}…", &line[..at + name.len()]))
            })
            .unwrap_or_else(|| line.to_owned())
    };
    output.lines().map(|line| blank(line) + "\n").collect()
}

#[test]
fn texts() {
    let bless = std::env::var_os("PROXY_LAB_BLESS").is_some();
    let mut count = 0;
    for entry in fs::read_dir(data()).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let wanted = fs::read_to_string(&path).expect("a text");
        let line = wanted.lines().next().expect("a command");
        let command = line
            .strip_prefix("$ proxy-lab explain ")
            .expect("a command");
        let words = words(command);
        let output = explain(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(
            (text(&output.stderr), output.status.code()),
            (String::new(), Some(0))
        );
        let told = format!("{line}\n{}", timeless(&text(&output.stdout)));
        if bless {
            fs::write(&path, told).expect("a text written");
        } else {
            assert_eq!(told, wanted, "{}", path.display());
        }
        count += 1;
    }
    assert!(count >= 10, "only {count} texts");
}

#[test]
fn json_has_the_documented_fields() {
    let output = explain(&["/api/users", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["version"], 1);
    assert_eq!(
        json["story"],
        "GET /api/users → location /api/ (nginx.conf:24) → 127.0.0.1:5000 GET /users"
    );
    assert_eq!(json["outcome"]["kind"], "upstream");
    assert_eq!(json["outcome"]["address"], "127.0.0.1:5000");
    let steps = json["steps"].as_array().expect("steps");
    let of = |name: &str| {
        steps
            .iter()
            .find(|step| step["step"] == name)
            .expect("a step")
    };
    assert_eq!(of("location")["candidates"][1]["chosen"], true);
    assert_eq!(of("upstream")["lines"][0]["text"], "GET /users HTTP/1.0");
    assert_eq!(of("upstream")["lines"][1]["origin"]["line"], 26);
    assert_eq!(of("upstream")["lines"][3]["origin"]["from"], "default");
    let lost = &of("end")["lost"][0];
    assert_eq!(
        (&lost["directive"]["line"], &lost["by"]["line"]),
        (&7.into(), &26.into())
    );
    // docs/explain.md names every step that there is.
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/explain.md"));
    let page = page.expect("docs/explain.md");
    for name in [
        "server",
        "uri",
        "location",
        "rewrite",
        "variable",
        "file",
        "internal",
        "refused",
        "named",
        "error_page",
        "upstream",
        "peer",
        "message",
        "end",
    ] {
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/explain.md says nothing of {name}"
        );
    }
}

#[test]
fn wrong_questions_are_told_apart() {
    for (arguments, wanted) in [
        (
            &["http://localhost:3001/"][..],
            "no server listens for localhost:3001: the file listens on 0.0.0.0:3000",
        ),
        (
            &["http://localhost/"],
            "no server listens for localhost (an address without a port means 80): the file listens on",
        ),
        (
            &["https://localhost:3000/"],
            "write http:// instead of https://",
        ),
        (&["/a b"], "write %20 for ' '"),
        (&["ftp://x/"], "\"ftp\" is not what a web server speaks"),
        (&["http://h:port/"], "\"port\" in \"h:port\" is no port"),
        (&["/", "-H", "X-A"], "has no colon: expected NAME: VALUE"),
        (
            &["/", "-H", "X A: b"],
            "a name of a header field is one word",
        ),
        (
            &["/", "-H", "X-A: b\r\nX-B: c"],
            "a header field is one line",
        ),
        (&["/", "-X", "GET IT"], "a method is one word"),
        (
            &["/", "-d", "@/no/such/file"],
            "/no/such/file cannot be read",
        ),
        (&["--raw", "/no/such/file"], "/no/such/file cannot be read"),
        (
            &["hello.txt"],
            "Is it a path? It begins with a slash: /hello.txt",
        ),
        (
            &["http://localhost:0/"],
            "\"0\" in \"localhost:0\" is no port",
        ),
        (&[], "<URL>"),
    ] {
        let output = explain(arguments);
        let said = text(&output.stderr);
        assert!(said.contains(wanted), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty());
    }
}

/// What the upstream would get of a request: the request line, and the bytes of the body.
fn passed_on(arguments: &[&str]) -> (String, u64) {
    let output = explain(&[arguments, &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let steps = json["steps"].as_array().expect("steps");
    let upstream = steps.iter().find(|step| step["step"] == "upstream");
    let upstream = upstream.unwrap_or_else(|| panic!("{json}"));
    let line = upstream["lines"][0]["text"].as_str().expect("a line");
    (
        line.to_owned(),
        upstream["body"].as_u64().expect("a length"),
    )
}

#[test]
fn options_mean_what_they_mean_to_curl() {
    let passed = |line: &str, body| (line.to_owned(), body);
    let get = passed("GET /x HTTP/1.0", 0);
    assert_eq!(passed_on(&["-s", "-i", "/api/x"]), get);
    assert_eq!(passed_on(&["-sI", "/api/x"]), passed("HEAD /x HTTP/1.0", 0));
    let post = |body| passed("POST /x HTTP/1.0", body);
    assert_eq!(passed_on(&["/api/x", "-d", "a=1", "-d", "b=2"]), post(7));
    let chunked = ["/api/x", "-H", "Transfer-Encoding: chunked", "-d", "abc"];
    assert_eq!(passed_on(&chunked), post(3));
    let file = data().join("html/hello.txt");
    let length = fs::read(&file).expect("a file").len() as u64;
    let of_file = format!("@{}", file.display());
    assert_eq!(
        passed_on(&["/api/x", "--data-binary", &of_file]),
        post(length)
    );
    assert_eq!(passed_on(&["/api/x", "-d", &of_file]), post(length - 1));
}

#[test]
fn nothing_is_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("nginx.conf");
    let upstream = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    upstream
        .set_nonblocking(true)
        .expect("a socket that does not wait");
    let port = upstream.local_addr().expect("an address").port();
    let http = format!(
        "events {{ }} http {{ client_body_buffer_size 1k; server {{ listen 3000; location / {{ proxy_pass http://127.0.0.1:{port}; }} }} }}"
    );
    fs::write(&file, http).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
    command
        .arg("-p")
        .arg(folder.path())
        .args(["-c", "nginx.conf", "explain", "/", "-d"]);
    let output = command
        .arg("x".repeat(100_000))
        .output()
        .expect("a program that runs");
    let said = text(&output.stdout);
    assert!(
        said.contains("… and a body of 100000 bytes"),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(upstream.accept().is_err(), "the upstream was asked");
    let left: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name())
        .collect();
    assert_eq!(left, ["nginx.conf"], "files were made");
}
