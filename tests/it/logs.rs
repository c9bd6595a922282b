//! Logs beyond plain files: buffers, compressed ones, syslog; when each line is written, and that none is lost.
//!
//! With `PROXY_LAB_TEST_PROGRAM` naming nginx the same is asked of nginx.

use std::fs;
use std::io::Read;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use rustix::process::Signal;

use crate::support::program::Program;
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that answers itself, with this `access_log`; `/now` is logged beside it, unbuffered.
fn logging(to: &str) -> String {
    format!(
        "log_format path '$uri';\n\
         server {{ listen 127.0.0.1:{{port}}; access_log {to}; access_log {{dir}}/now.log path; return 200; }}"
    )
}

/// Asks for paths, and waits until each was logged where nothing waits.
fn ask(program: &Program, paths: &[&str]) {
    for path in paths {
        program.get(path);
        program.wait_for_log("now.log", path);
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// What `zcat` says of a file: any number of whole gzip streams.
fn unpacked(path: &Path) -> String {
    let file = fs::File::open(path).expect("a log");
    let mut text = String::new();
    let read = MultiGzDecoder::new(file).read_to_string(&mut text);
    read.expect("whole gzip streams");
    text
}

#[test]
fn a_buffered_log_is_written_when_its_buffer_is_full_and_at_the_end() {
    let mut program = Program::start(&logging("{dir}/b.log path buffer=1k"), |_| {});
    let log = program.folder().join("b.log");
    ask(&program, &["/one", "/two"]);
    assert_eq!(read(&log), "");
    let long = format!("/{}", "x".repeat(900));
    ask(&program, &[&long, "/three", "/four"]);
    program.get(&format!("/{}", "y".repeat(900)));
    until(PATIENCE, "the buffer is full", || {
        read(&log).starts_with("/one\n/two\n")
    });
    program.signal(Signal::TERM);
    program.ended();
    let lines = read(&log);
    let firsts: Vec<&str> = lines.lines().map(|l| &l[..4.min(l.len())]).collect();
    assert_eq!(firsts, ["/one", "/two", "/xxx", "/thr", "/fou", "/yyy"]);
}

#[test]
fn a_line_that_is_longer_than_the_buffer_does_not_wait() {
    let program = Program::start(&logging("{dir}/b.log path buffer=100"), |_| {});
    let log = program.folder().join("b.log");
    ask(&program, &["/one"]);
    let long = format!("/{}", "x".repeat(300));
    program.get(&long);
    until(PATIENCE, "both are written", || {
        read(&log) == format!("/one\n{long}\n")
    });
}

#[test]
fn flush_bounds_how_long_a_line_waits() {
    let program = Program::start(&logging("{dir}/b.log path buffer=64k flush=200ms"), |_| {});
    let log = program.folder().join("b.log");
    for round in ["/one", "/two"] {
        program.get(round);
        until(PATIENCE, "the line is written", || {
            read(&log).ends_with(&format!("{round}\n"))
        });
    }
}

#[test]
fn a_compressed_log_is_whole_streams_of_whole_lines() {
    for end in [Signal::TERM, Signal::QUIT] {
        let http = logging("{dir}/b.log.gz path gzip=9");
        let mut program = Program::start(&http, |_| {});
        let log = program.folder().join("b.log.gz");
        ask(&program, &["/one", "/two"]);
        assert_eq!(fs::metadata(&log).expect("a log").len(), 0);
        program.signal(Signal::USR1);
        until(PATIENCE, "the first stream is written", || {
            fs::metadata(&log).is_ok_and(|file| file.len() > 0)
        });
        assert_eq!(unpacked(&log), "/one\n/two\n");
        ask(&program, &["/three"]);
        program.signal(end);
        program.ended();
        assert_eq!(unpacked(&log), "/one\n/two\n/three\n");
    }
}

#[test]
fn what_waits_is_written_into_the_file_that_it_was_for() {
    let program = Program::start(&logging("{dir}/b.log path buffer=64k"), |_| {});
    let file = |name: &str| program.folder().join(name);
    ask(&program, &["/one"]);
    fs::rename(file("b.log"), file("b.log.1")).expect("another name");
    program.signal(Signal::USR1);
    until(PATIENCE, "the old file has its line", || {
        read(&file("b.log.1")) == "/one\n"
    });
    until(PATIENCE, "the new file is there", || file("b.log").exists());
    ask(&program, &["/two"]);
    assert_eq!(read(&file("b.log.1")), "/one\n");
}

#[test]
fn a_reload_writes_what_waits() {
    let http = logging("{dir}/b.log path buffer=64k");
    let mut program = Program::start(&http, |_| {});
    let log = program.folder().join("b.log");
    ask(&program, &["/one"]);
    program.rewrite(&http.replace("return 200", "return 204"));
    program.signal(Signal::HUP);
    until(PATIENCE, "the line is written", || read(&log) == "/one\n");
    until(PATIENCE, "the new file is served", || {
        program.get("/two").status() == 204
    });
    program.signal(Signal::QUIT);
    program.ended();
    assert!(read(&log).ends_with("/two\n"), "{}", read(&log));
}

/// Every line is whole, whoever writes at the same time.
#[test]
fn lines_of_many_clients_are_whole() {
    const EACH: usize = 50;
    for to in [
        "{dir}/b.log path buffer=1k",
        "{dir}/b.log path buffer=1k gzip",
        "{dir}/b.log path",
    ] {
        let mut program = Program::start(&logging(to), |_| {});
        let log = program.folder().join("b.log");
        std::thread::scope(|scope| {
            for client in 0..8 {
                let program = &program;
                scope.spawn(move || {
                    for n in 0..EACH {
                        program.get(&format!("/{client}/{n}/{}", "z".repeat(40)));
                    }
                });
            }
        });
        program.signal(Signal::QUIT);
        program.ended();
        let text = match to.ends_with("gzip") {
            true => unpacked(&log),
            false => read(&log),
        };
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), 8 * EACH, "{to}");
        let whole = |line: &&str| line.starts_with('/') && line.ends_with(&"z".repeat(40));
        assert!(lines.iter().all(whole), "{to}: {lines:?}");
    }
}

/// A server of syslog.
struct Listener(UdpSocket);

impl Listener {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a bound");
        Self(socket)
    }

    fn address(&self) -> String {
        self.0.local_addr().expect("an address").to_string()
    }

    /// The next line that holds `text`.
    fn line(&self, text: &str) -> String {
        let mut space = [0; 4096];
        loop {
            let n = self.0.recv(&mut space).expect("a line");
            let line = String::from_utf8_lossy(&space[..n]).into_owned();
            if line.contains(text) {
                return line;
            }
        }
    }
}

/// Takes the time out of a line: `<190>Nov  6 08:49:37 rest`.
fn without_time(line: &str) -> String {
    let (priority, rest) = line.split_once('>').expect("a priority");
    let (time, rest) = rest.split_at_checked(15).expect("a time");
    let bytes = time.as_bytes();
    let colons = bytes.iter().filter(|&&byte| byte == b':').count();
    assert!(
        bytes[3] == b' ' && bytes[6] == b' ' && colons == 2,
        "{line}"
    );
    format!("{priority}>{rest}")
}

fn hostname() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().to_ascii_lowercase()
}

#[test]
fn syslog_over_udp() {
    let listener = Listener::new();
    let to = listener.address();
    let program = Program::start(
        &format!(
            "log_format path '[$uri] $status';\n\
             server {{ listen 127.0.0.1:{{port}};\n\
             location / {{ access_log syslog:server={to} path; return 200; }}\n\
             location /told {{ access_log syslog:server={to},facility=user,severity=debug,tag=a_B9,nohostname path; return 200; }}\n\
             location /some {{ access_log syslog:server={to},nohostname path if=$arg_log; return 200; }}\n\
             location /error {{ error_log syslog:server={to},facility=cron,severity=debug,tag=errors,nohostname; root {{dir}}/missing; }} }}"
        ),
        |_| {},
    );
    program.get("/a");
    let line = without_time(&listener.line("[/a]"));
    assert_eq!(line, format!("<190> {} nginx: [/a] 200", hostname()));
    program.get("/told");
    let line = without_time(&listener.line("[/told]"));
    assert_eq!(line, "<15> a_B9: [/told] 200");
    program.get("/some");
    program.get("/some/b?log=1");
    let line = without_time(&listener.line("[/some"));
    assert_eq!(line, "<190> nginx: [/some/b] 200");
    program.get("/error");
    let line = without_time(&listener.line("open()"));
    assert!(line.starts_with("<123> errors: 2"), "{line}");
    let end = "GET /error HTTP/1.1\", host: \"h.test\"";
    assert!(
        line.contains(" [error] ") && line.ends_with(end),
        "{line:?}"
    );
}

#[test]
fn syslog_over_a_socket_of_the_system() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log.sock");
    let shown = path.display().to_string();
    let program = Program::start(
        &format!(
            "log_format path '$uri';\n\
             server {{ listen 127.0.0.1:{{port}}; access_log syslog:server=unix:{shown},nohostname path; return 200; }}"
        ),
        |_| {},
    );
    // Nobody is there yet: the answer comes, and the error log tells.
    assert_eq!(program.get("/lost").status(), 200);
    program.wait_for_log(
        "error.log",
        "connect() failed (2: No such file or directory)",
    );
    let line = program.wait_for_log("error.log", "send() to syslog failed");
    assert!(
        line.contains("[warn]") && line.contains(" while logging request, client: 127.0.0.1"),
        "{line}"
    );
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a bound");
    program.get("/found");
    let mut space = [0; 4096];
    let n = socket.recv(&mut space).expect("a line");
    let line = without_time(&String::from_utf8_lossy(&space[..n]));
    assert_eq!(line, "<190> nginx: /found");
}
