//! The course beside a running lab: what is started is served, and the commands say so; ports are the tests' own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::ports::{FIVE_DIGITS, Ports, loopback};

const PATIENCE: Duration = Duration::from_secs(30);

/// A lab with ports of its own in the lesson's file and the exercises, running.
struct Running {
    lab: Lab,
    child: Child,
    said: Arc<(Mutex<String>, Condvar)>,
    front: u16,
    backend: u16,
    /// In the place of 5001 and 5002.
    further: [u16; 2],
    _reserved: Ports,
}

impl Running {
    fn start(started: Option<&str>) -> Self {
        let lab = Lab::new();
        let reserved = Ports::free(4, FIVE_DIGITS);
        let ports = [0, 1, 2, 3].map(|n| reserved[n]);
        move_ports(&lab.path().join("lab"), ports);
        let [front, backend, further @ ..] = ports;
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
            further,
            _reserved: reserved,
        };
        running.says("Ctrl-C stops the lab.");
        // A lab that answers takes orders, too; one that has only greeted may not yet.
        running.ask("/");
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
        let mut stream = TcpStream::connect(loopback(self.front)).expect("front");
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

/// Other ports in all configurations, for 3000 and 5000 to 5002.
fn move_ports(folder: &Path, ports: [u16; 4]) {
    let [front, backends @ ..] = ports;
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            move_ports(&path, ports);
        } else if path
            .extension()
            .is_some_and(|end| end == "conf" || end == "toml")
        {
            let mut text = fs::read_to_string(&path).expect("a file");
            text = text.replace("listen 3000;", &format!("listen {front};"));
            for (old, new) in (5000..).zip(backends) {
                text = text.replace(&format!("127.0.0.1:{old}"), &format!("127.0.0.1:{new}"));
            }
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

/// Nobody listens there.
fn is_free(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
}

#[test]
fn the_backends_of_an_exercise_come_and_go_with_it() {
    let running = Running::start(Some("14"));
    let [first, second] = running.further;
    let greeting = running.says("of this exercise: new");
    assert!(greeting.contains("of this exercise: old"), "{greeting}");
    assert!(running.ask("/api/users").contains("x-backend: old"));

    // The next has others at the same addresses; what `start` says is true when it says so.
    let said = running.lab.run(&["start", "15"]);
    let told = format!(
        "with the backends of this exercise: 127.0.0.1:{first} shop, 127.0.0.1:{second} blog"
    );
    assert!(said.out.contains(&told), "{said:?}");
    assert!(running.ask("/shop/").contains("x-backend: shop"));
    running.says(&told);

    // One that hangs up; the one that must be down for the check is the lesson's, and runs.
    let said = running.lab.run(&["start", "10"]);
    assert!(said.out.contains("reports (takes requests and hangs up)"));
    assert!(running.ask("/reports/x").starts_with("HTTP/1.1 502 "));
    assert!(running.ask("/api/users").starts_with("HTTP/1.1 200 "));
    assert!(!is_free(first) && is_free(second));

    assert_eq!(running.lab.run(&["start", "lesson"]).code, 0);
    assert!(is_free(first) && is_free(second));
}

#[test]
fn an_address_that_is_taken_is_told_and_ends_nothing() {
    let running = Running::start(None);
    let [first, second] = running.further;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, second)).expect("a port");
    let said = running.lab.run(&["start", "15"]);
    let told = format!("127.0.0.1:{second} is taken: the exercise's backend blog does not run.");
    assert!(said.out.contains(&told), "{said:?}");
    assert!(said.out.contains("proxy-lab start 15-two-backends"));
    running.says(&told);
    assert!(running.ask("/shop/").contains("x-backend: shop"));

    drop(taken);
    // A program that another test is just starting may hold the socket for a moment longer.
    let end = Instant::now() + PATIENCE;
    let both = format!("127.0.0.1:{first} shop, 127.0.0.1:{second} blog");
    loop {
        let said = running.lab.run(&["start", "15"]);
        if said.out.contains(&both) {
            break;
        }
        assert!(Instant::now() < end, "{said:?}");
    }
    assert!(!is_free(second));
}

#[test]
fn backends_of_another_course_are_found_too() {
    let running = Running::start(None);
    let other = running.lab.path().join("other");
    crate::lab::copy(
        &running.lab.exercises().join("15-two-backends"),
        &other.join("01-mine"),
    );
    let said = running.lab.run(&["start", "1", "--course", "other"]);
    assert!(
        said.out.contains("with the backends of this exercise:"),
        "{said:?}"
    );
    assert!(running.ask("/shop/").contains("x-backend: shop"));
}

#[test]
fn what_start_says_is_served_is_served() {
    let running = Running::start(None);
    for _ in 0..5 {
        assert_eq!(running.lab.run(&["start", "3"]).code, 0);
        assert!(running.ask("/users").starts_with("HTTP/1.1 503 "));
        assert_eq!(running.lab.run(&["start", "lesson"]).code, 0);
        assert!(running.ask("/").ends_with("the lesson"));
    }
    // A save, and the same exercise again: the lab has taken it when `start` says so.
    assert_eq!(running.lab.run(&["start", "3"]).code, 0);
    let file = running.file("03-proxy-pass");
    let start = fs::read_to_string(&file).expect("a file");
    for status in [501, 502, 504] {
        let text = start.replace("return 503;", &format!("return {status};"));
        fs::write(&file, text).expect("a file");
        assert_eq!(running.lab.run(&["start", "3"]).code, 0);
        let answer = running.ask("/users");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}
