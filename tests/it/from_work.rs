//! A configuration of another machine: folders that lie elsewhere, files and names that this machine lacks.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::client::{self, Answer};
use crate::support::ports::Ports;
use crate::support::program::free_ports;

const PATIENCE: Duration = Duration::from_secs(20);

/// A folder `conf` that is `/etc/nginx` at work, and `www` that is `/srv/www`.
struct Work {
    folder: tempfile::TempDir,
    ports: Ports,
}

impl Work {
    fn new(files: &[(&str, &str)]) -> Self {
        let work = Self {
            folder: tempfile::tempdir().expect("a folder"),
            ports: free_ports(),
        };
        for (name, text) in files {
            let path = work.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            let text = text
                .replace("{port}", &work.ports[0].to_string())
                .replace("{port2}", &work.ports[1].to_string());
            fs::write(path, text).expect("a file");
        }
        work
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        command.args(words).current_dir(self.path());
        command.stdin(Stdio::null()).env_remove("RUST_LOG");
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("an end")
    }

    fn get(&self, path: &str) -> Answer {
        let address = ([127, 0, 0, 1], self.ports[0]).into();
        let request = format!("GET {path} HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n");
        client::exchange(address, request.as_bytes(), false).expect("an answer")
    }

    /// Starts it and waits until it accepts.
    fn serve(&self, words: &[&str]) -> Ended {
        let mut command = self.command(words);
        let mut child = Ended(command.stdout(Stdio::piped()).spawn().expect("a process"));
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.ports[0])).is_err() {
            let status = child.0.try_wait().expect("a status");
            assert!(
                status.is_none() && Instant::now() < end,
                "it does not serve: {status:?}"
            );
            std::thread::yield_now();
        }
        child
    }
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const MAIN: &str = "daemon off; pid /run/nginx.pid; error_log /var/log/nginx/error.log;
events { }
http {
    include /etc/nginx/mime.types;
    access_log /var/log/nginx/access.log;
    ssl_certificate /etc/ssl/none.pem; ssl_certificate_key /etc/ssl/none.key; ssl_protocols TLSv1.2 TLSv1.3;
    include /etc/nginx/sites-enabled/*;
}
";
const SITE: &str = "server {
    listen 127.0.0.1:{port};
    root /srv/www/$host;
    location /api/ { proxy_pass http://127.0.0.1:{port2}/; include proxy_params; }
}
";
const MAPS: [&str; 10] = [
    "-c",
    "/etc/nginx/nginx.conf",
    "--map",
    "/etc/nginx=conf",
    "--map",
    "/srv/www/=www",
    "--map=/var/log/nginx=logs",
    "--map",
    "/run=.",
    "-q",
];

fn site() -> Work {
    Work::new(&[
        ("conf/nginx.conf", MAIN),
        ("conf/sites-enabled/default", SITE),
        ("www/h.test/a.woff2", "a font"),
        ("logs/none", ""),
    ])
}

#[test]
fn folders_are_mapped_and_missing_files_have_copies() {
    let work = site();
    let output = work.run(&[&MAPS[..], &["-t"]].concat());
    let said = err(&output);
    assert!(output.status.success(), "{said}");
    // The copies are told, with the lines that wanted them.
    let conf = work.path().join("conf");
    for (line, name, place) in [
        (conf.join("mime.types"), "mime.types", "nginx.conf:4"),
        (
            conf.join("proxy_params"),
            "proxy_params",
            "sites-enabled/default:4",
        ),
    ] {
        let warning = format!(
            "nginx: [warn] open() \"{}\" failed (2: No such file or directory), the built-in copy of \"{name}\" is used in {}\n",
            line.display(),
            conf.join(place).display()
        );
        assert!(said.contains(&warning), "{warning}{said}");
    }
    let _serving = work.serve(&MAPS);
    let font = work.get("/a.woff2");
    assert_eq!((font.status(), font.text()), (200, "a font".to_owned()));
    assert_eq!(font.header("Content-Type"), Some("font/woff2"));
    for name in ["nginx.pid", "logs/access.log", "logs/error.log"] {
        assert!(work.path().join(name).exists(), "{name}");
    }
    // Files that are there are taken as they are.
    fs::write(conf.join("mime.types"), "types { text/own woff2; }").expect("a file");
    fs::write(conf.join("proxy_params"), "proxy_http_version 1.1;").expect("a file");
    let said = err(&work.run(&[&MAPS[..], &["-t"]].concat()));
    assert_eq!(said, "");
}

#[test]
fn a_wrong_map_is_named() {
    let work = site();
    for (map, part) in [
        ("conf", "expected FROM=TO"),
        ("etc=conf", "is not absolute"),
        ("/etc/nginx=nowhere", "there is no folder"),
    ] {
        let output = work.run(&["-t", "-c", "x", "--map", map]);
        let said = err(&output);
        assert!(said.contains(part) && said.contains("--map"), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
    // Without the map, the file is looked for where it says.
    let output = work.run(&["-t", "-c", "/no/such/nginx.conf"]);
    assert!(err(&output).starts_with("nginx: [emerg] open() \"/no/such/nginx.conf\" failed"));
}

/// Another missing file is an error, and one that is there but cannot be read is.
#[test]
fn only_the_two_files_have_copies() {
    for (line, said_part) in [
        ("include fastcgi_params;", "fastcgi_params\" failed"),
        ("include conf.d/mime.types;", "conf.d/mime.types\" failed"),
        ("include mime.types;", "pread()"),
    ] {
        let text = format!("events {{ }}\nhttp {{ {line} }}\n");
        let work = Work::new(&[("nginx.conf", &text), ("mime.types/x", "")]);
        let output = work.run(&["-t", "-c", "nginx.conf"]);
        let said = err(&output);
        assert!(
            said.contains(said_part) && said.contains("nginx.conf:2"),
            "{said}"
        );
        assert!(!output.status.success());
    }
}

#[test]
fn upstreams_that_do_not_resolve_are_answered_by_the_demo_backend() {
    let text = "daemon off; pid pid; error_log error.log;
events { }
http {
    access_log off;
    resolver 127.0.0.1:1; resolver_timeout 1s;
    upstream app { server app.invalid:8080; }
    server {
        listen 127.0.0.1:{port};
        location /app/ { proxy_pass http://app/; }
        location /direct/ { proxy_pass http://direct.invalid:81/; }
        location /later/ { set $who later.invalid; proxy_pass http://$who/users; }
        location /here/ { proxy_pass http://127.0.0.1:{port}/told; }
        location /told { return 200 here; }
        location /addr/ { proxy_pass http://app/; add_header X-Addr $upstream_addr; }
    }
}
";
    let work = Work::new(&[("nginx.conf", text)]);
    // Without it, nginx's words.
    let output = work.run(&["-t", "-c", "nginx.conf"]);
    let said = err(&output);
    assert!(
        said.contains("[emerg] host not found in upstream \"app.invalid:8080\" in "),
        "{said}"
    );
    let backend = {
        let free = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        free.local_addr().expect("an address").to_string()
    };
    let words = [
        "-c",
        "nginx.conf",
        "--stub-upstreams",
        "--backend-listen",
        &backend,
    ];
    let output = work.run(&[&words[..], &["-t"]].concat());
    let said = err(&output);
    assert!(output.status.success(), "{said}");
    for (name, line) in [("app.invalid:8080", 6), ("direct.invalid", 10)] {
        let warning = format!("[warn] host not found in upstream \"{name}\" in ");
        let found = said.lines().find(|line| line.contains(&warning));
        assert!(
            found.is_some_and(|found| found.ends_with(&format!("nginx.conf:{line}"))),
            "{said}"
        );
    }
    let mut serving = work.serve(&words);
    let mut story = BufReader::new(serving.0.stdout.take().expect("its output")).lines();
    let mut told = move || story.next().expect("a line").expect("a line");
    let users = "[{\"id\":1,\"name\":\"Alice\"},{\"id\":2,\"name\":\"Bob\"}]\n";
    for (path, name) in [
        ("/app/users", "app.invalid:8080"),
        ("/direct/users", "direct.invalid:81"),
        ("/later/users", "later.invalid:80"),
    ] {
        let answer = work.get(path);
        assert_eq!(
            (answer.status(), answer.text().trim_end()),
            (200, users.trim_end()),
            "{path}"
        );
        let line = told();
        let part = format!(" → {name}, in whose place {backend} GET /users → 200, ");
        assert!(line.contains(&part), "{line}");
    }
    // Variables say whom was really asked, and what resolves goes where it leads.
    assert_eq!(work.get("/addr/users").header("X-Addr"), Some(&*backend));
    let _ = told();
    assert_eq!(work.get("/here/x").text(), "here");
    let _ = told();
    assert!(!told().contains("in whose place"));
}

/// What is missing of another machine's is told with the option that helps.
#[test]
fn what_is_missing_here_comes_with_the_option_that_helps() {
    let text = "daemon off; pid pid; error_log stderr;
events { }
http {
    access_log /no/such/folder/access.log;
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://app.invalid:81; }
        location /a { include /etc/nginx/sub/nowhere.conf; }
        location /b { include /srv/nowhere/b.conf; }
    }
}
";
    let work = Work::new(&[("nginx.conf", text), ("conf/none", ""), ("log/none", "")]);
    let said = err(&work.run(&["-t", "-c", "nginx.conf"]));
    for part in [
        "`--map /etc/nginx=FOLDER` reads what lies there from another folder",
        "`--map /srv/nowhere=FOLDER` reads what lies there from another folder",
        "with `--stub-upstreams`, the demo backend answers in its place",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    // Who has mapped a folder already knows the option.
    let said = err(&work.run(&["-t", "-c", "nginx.conf", "--map", "/etc/nginx=conf"]));
    assert!(said.contains("conf/sub/nowhere.conf\" failed"), "{said}");
    assert!(!said.contains("--map /etc/nginx"), "{said}");
}

/// A log's folder that is missing stops a test and a start, and both tell what to do.
#[test]
fn a_log_of_another_machine_is_told_with_what_to_do() {
    let text = "daemon off; pid pid; error_log stderr;
events { }
http {
    access_log /no/such/folder/access.log;
    server { listen 127.0.0.1:{port}; }
}
";
    let work = Work::new(&[("nginx.conf", text)]);
    for words in [&["-c", "nginx.conf", "-t"][..], &["-c", "nginx.conf"]] {
        let said = err(&work.run(words));
        let line =
            "[emerg] open() \"/no/such/folder/access.log\" failed (2: No such file or directory)\n";
        assert!(said.contains(line), "{said}");
        let advice =
            "`mkdir -p /no/such/folder` makes it, or `--map /no/such/folder=FOLDER` takes another";
        assert!(said.contains(advice), "{said}");
    }
}

/// So does an address that is not this machine's.
#[test]
fn an_address_of_another_machine_is_told_with_what_to_do() {
    let text = "daemon off; pid pid; error_log stderr;
events { }
http { access_log off; server { listen 203.0.113.9:{port}; } }
";
    let work = Work::new(&[("nginx.conf", text)]);
    for words in [&["-c", "nginx.conf", "-t"][..], &["-c", "nginx.conf"]] {
        let said = err(&work.run(words));
        assert!(said.contains("[emerg] bind() to 203.0.113.9:"), "{said}");
        assert!(said.contains("help: no address of this machine"), "{said}");
    }
}

/// Each thing that the lab does not implement is told once, with what to do and where else it stands.
#[test]
fn what_is_not_implemented_is_told_once() {
    let text = "events { }
http {
    include more.conf;
    server {
        listen 127.0.0.1:{port} ssl http2;
        location / {
            fastcgi_pass 127.0.0.1:9000;
            include params;
        }
        location /b { fastcgi_pass 127.0.0.1:9000; fastcgi_param A b; }
    }
}
";
    let params = "fastcgi_param A a;\n".repeat(9);
    let more = "server { listen 127.0.0.1:{port2} ssl; }";
    let work = Work::new(&[
        ("nginx.conf", text),
        ("params", &params),
        ("more.conf", more),
    ]);
    let said = err(&work.run(&["-t", "-c", "nginx.conf"]));
    for (what, times) in [
        ("[emerg] nginx has the directive \"fastcgi_param\"", 1),
        ("[emerg] nginx has the directive \"fastcgi_pass\"", 1),
        ("[emerg] nginx has the parameter \"ssl\" of \"listen\"", 1),
        ("[emerg] nginx has the parameter \"http2\" of \"listen\"", 1),
        ("without the word, the server answers in plain HTTP", 1),
        ("`return 501;` in its place", 1),
        ("it is written in line 10, too", 1),
        ("line 6, line 7 and 3 more, too", 1),
        ("with a `#` before the line, the rest is served", 1),
    ] {
        assert_eq!(said.matches(what).count(), times, "{what}\n{said}");
    }
    let other = format!(
        "it is written in {}/nginx.conf:5, too",
        work.path().display()
    );
    assert!(said.contains(&other), "{said}");
}

/// Unix sockets lie in folders, too: those that are listened on, and backends'.
#[test]
fn folders_of_sockets_are_mapped() {
    let text = "daemon off; pid pid; error_log error.log;
events { }
http {
    access_log off;
    upstream app { server unix:/run/lab-test/app.sock; }
    server {
        listen 127.0.0.1:{port};
        listen unix:/run/lab-test/front.sock;
        add_header X-Addr $upstream_addr always;
        location /named { proxy_pass http://app; }
        location /direct { proxy_pass http://unix:/run/lab-test/app.sock; }
        location /missing { proxy_pass http://unix:/run/lab-test/none.sock; }
    }
}
";
    let work = Work::new(&[("nginx.conf", text), ("run/none", "")]);
    let words = ["-c", "nginx.conf", "--map", "/run/lab-test=run"];
    let output = work.run(&[&words[..], &["-t"]].concat());
    assert!(output.status.success(), "{}", err(&output));
    let socket = work.path().join("run/app.sock");
    let backend = UnixListener::bind(&socket).expect("a socket");
    let answering = std::thread::spawn(move || {
        for _ in 0..2 {
            let (stream, _) = backend.accept().expect("a connection");
            let mut lines = BufReader::new(&stream).lines();
            while !lines.next().expect("a line").expect("a line").is_empty() {}
            let answer = b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nhere";
            (&stream).write_all(answer).expect("an answer sent");
        }
    });
    let _serving = work.serve(&words);
    for path in ["/named", "/direct"] {
        let answer = work.get(path);
        assert_eq!((answer.status(), answer.text()), (200, "here".to_owned()));
        // What is told says what the file says.
        let told = "unix:/run/lab-test/app.sock";
        assert_eq!(answer.header("X-Addr"), Some(told));
    }
    answering.join().expect("two answers");
    assert!(work.path().join("run/front.sock").exists());
    assert_eq!(work.get("/missing").status(), 502);
    let log = fs::read_to_string(work.path().join("error.log")).expect("a log");
    let words = "connect() to unix:/run/lab-test/none.sock failed (2: No such file or directory)";
    assert!(log.contains(words), "{log}");
}
