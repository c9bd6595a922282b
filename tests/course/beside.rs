//! The course beside a running lab: what is started is served, and the commands say so; ports are the tests' own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::lab::Lab;

const PATIENCE: Duration = Duration::from_secs(30);

/// A lab with ports of its own in the lesson's file and the exercises, running.
struct Running {
    lab: Lab,
    child: Child,
    said: Arc<(Mutex<String>, Condvar)>,
    front: u16,
    backend: u16,
}

impl Running {
    fn start(started: Option<&str>) -> Self {
        let lab = Lab::new();
        // Both are held until both are known: they differ.
        let held = [0, 1].map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
        let [front, backend] = held.map(|l| l.local_addr().expect("an address").port());
        move_ports(&lab.path().join("lab"), front, backend);
        for folder in ["html", "logs", "tmp"] {
            fs::create_dir(lab.path().join(folder)).expect("a folder");
        }
        fs::write(lab.path().join("html/index.html"), "the lesson").expect("a file");
        if let Some(exercise) = started {
            assert_eq!(lab.run(&["start", exercise]).code, 0);
        }
        let backend_listen = format!("127.0.0.1:{backend}");
        let (read, write) = std::io::pipe().expect("a pipe");
        let child = lab
            .command(&["--backend-listen", &backend_listen])
            .stdout(write.try_clone().expect("a pipe"))
            .stderr(write)
            .spawn()
            .expect("the program");
        let running = Self {
            said: collect(read),
            lab,
            child,
            front,
            backend,
        };
        running.says("Ctrl-C stops the lab.");
        running
    }

    /// Waits until the lab has said a text; all of what it said.
    fn says(&self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut said = self.said.0.lock().expect("a lock");
        while !said.contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no \"{text}\" in\n{said}");
            said = self.said.1.wait_timeout(said, left).expect("a lock").0;
        }
        said.clone()
    }

    fn file(&self, exercise: &str) -> std::path::PathBuf {
        self.lab.work().join(exercise).join("nginx.conf")
    }

    fn ask(&self, target: &str) -> String {
        let mut stream =
            TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.front))).expect("front");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything that is said, as it comes.
fn collect(from: impl Read + Send + 'static) -> Arc<(Mutex<String>, Condvar)> {
    let said = Arc::new((Mutex::new(String::new()), Condvar::new()));
    let tell = said.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            tell.0.lock().expect("a lock").push_str(&(line + "\n"));
            tell.1.notify_all();
        }
    });
    said
}

/// Other ports in all configurations.
fn move_ports(folder: &Path, front: u16, backend: u16) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            move_ports(&path, front, backend);
        } else if path.extension().is_some_and(|end| end == "conf") {
            let text = fs::read_to_string(&path).expect("a file");
            let text = text
                .replace("listen 3000;", &format!("listen {front};"))
                .replace("127.0.0.1:5000", &format!("127.0.0.1:{backend}"));
            fs::write(&path, text).expect("a file");
        }
    }
}

#[test]
fn the_running_lab_serves_what_is_started() {
    let running = Running::start(None);
    assert!(running.ask("/").ends_with("the lesson"));

    let said = running.lab.run(&["start", "3"]);
    assert!(
        said.out.contains("the running lab serves this file now"),
        "{said:?}"
    );
    running.says("lab/work/03-proxy-pass/nginx.conf is served now.");
    assert!(running.ask("/users").starts_with("HTTP/1.1 503 "));

    let file = running.file("03-proxy-pass");
    let start = fs::read_to_string(&file).expect("a file");
    let backend = format!("proxy_pass http://127.0.0.1:{};", running.backend);
    fs::write(&file, start.replace("return 503;", &backend)).expect("a file");
    running.says("lab/work/03-proxy-pass/nginx.conf was saved and is served now:");
    assert!(running.ask("/users").contains("\"name\":\"Bob\""));

    let said = running.lab.run(&["start", "lesson"]);
    assert!(
        said.out.contains("the running lab serves lab/nginx.conf"),
        "{said:?}"
    );
    running.says("\nlab/nginx.conf is served now.");
    assert!(running.ask("/").ends_with("the lesson"));
}

#[test]
fn an_exercise_that_does_not_load_is_not_said_to_be_served() {
    let running = Running::start(Some("3"));
    let greeting = running.says("lab/work/03-proxy-pass/README.md");
    assert!(!greeting.contains("/api/users"), "{greeting}");
    let said = running.lab.run(&["start", "9"]);
    assert!(
        said.out
            .contains("the running lab cannot load this file yet"),
        "{said:?}"
    );
    running.says("lab/work/09-broken-file/nginx.conf cannot be served like this");
    // What was served before still is.
    assert!(running.ask("/users").starts_with("HTTP/1.1 503 "));
}

#[test]
fn a_lab_that_cannot_begin_with_the_exercise_says_the_way_back() {
    let lab = Lab::new();
    let said = lab.run(&["start", "9"]);
    assert!(said.out.contains("now it cannot"), "{said:?}");
    let said = lab.run(&[]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("directive \"root\" is not terminated")
            && said.err.contains("proxy-lab start lesson"),
        "{said:?}"
    );
}

#[test]
fn the_port_of_the_labs_own_backend_is_told_to_be_that() {
    let running = Running::start(Some("3"));
    let file = running.file("03-proxy-pass");
    let start = fs::read_to_string(&file).expect("a file");
    let (front, backend) = (running.front, running.backend);
    let text = start.replace(&format!("listen {front};"), &format!("listen {backend};"));
    fs::write(&file, text).expect("a file");
    running.says(&format!(
        "127.0.0.1:{backend} is taken: a backend of this lab listens there.\n\
         Write another port behind `listen` in lab/work/03-proxy-pass/nginx.conf"
    ));
}

#[test]
fn an_exercise_that_has_gone_is_told() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["start", "3"]).code, 0);
    let file = lab.work().join("03-proxy-pass/nginx.conf");
    let other = lab.work().join("03-proxy-pass/html/index.html");
    fs::write(&other, "my own page").expect("a file");
    fs::remove_file(&file).expect("a file removed");
    let said = lab.run(&["check"]);
    assert_eq!(said.code, 2);
    assert!(
        said.err
            .contains("lab/work/03-proxy-pass/nginx.conf is missing.")
            && said.err.contains("start 3"),
        "{said:?}"
    );
    let said = lab
        .command(&[])
        .stdin(Stdio::null())
        .output()
        .map(crate::lab::Said::of)
        .expect("the program");
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("proxy-lab start 03-proxy-pass")
            && said.err.contains("proxy-lab start lesson"),
        "{said:?}"
    );
    // Begun again, it has its file, and what the learner made of the others is kept.
    assert_eq!(lab.run(&["start", "3"]).code, 0);
    assert!(file.is_file());
    assert_eq!(fs::read_to_string(&other).expect("a file"), "my own page");
}
