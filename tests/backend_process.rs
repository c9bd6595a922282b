//! `proxy-lab backend` as a process: its first line, its signals, its one message when it cannot start.

#[path = "support/client.rs"]
mod client;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proxy_lab::backend;
use rustix::process::{Pid, Signal, kill_process};

/// The program, killed when dropped.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    fn start() -> Self {
        let mut child = program(&["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("its first line");
        let address = line.strip_prefix("backend listening on http://");
        let address = address.and_then(|rest| rest.trim_end().parse().ok());
        Self {
            child,
            address: address.unwrap_or_else(|| panic!("an address in {line:?}")),
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("a signal sent");
    }

    /// Opens a stream whose second event is a minute away, so that an answer is under way.
    fn long_answer(&self) -> TcpStream {
        let mut socket = client::connect(self.address).expect("a connection");
        socket
            .write_all(b"GET /stream?n=9&every=60 HTTP/1.1\r\nHost: lab\r\n\r\n")
            .expect("a request sent");
        assert_eq!(
            client::read_head(&mut socket).expect("a head").status(),
            200
        );
        socket
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
    command.arg("backend").args(arguments);
    command
}

#[test]
fn the_program_runs_one_backend_until_a_signal_and_finishes_what_is_under_way() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut program = Program::start();
        let mut socket = client::connect(program.address).expect("a connection");
        socket
            .write_all(
                b"GET /stream?n=2&every=0.3 HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n",
            )
            .expect("a request sent");
        client::read_head(&mut socket).expect("a head");
        program.signal(signal);
        let mut rest = String::new();
        socket.read_to_string(&mut rest).expect("the rest");
        assert!(
            rest.ends_with("\r\n0\r\n\r\n") && rest.contains("id: 2"),
            "{rest}"
        );
        assert_eq!(program.child.wait().expect("an end").code(), Some(0));
    }
}

#[test]
fn a_graceful_stop_is_bounded() {
    let mut program = Program::start();
    let _under_way = program.long_answer();
    program.signal(Signal::TERM);
    let start = Instant::now();
    assert_eq!(program.child.wait().expect("an end").code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let mut program = Program::start();
    let _under_way = program.long_answer();
    program.signal(Signal::INT);
    // The first signal has been seen when the port is closed.
    while TcpStream::connect(program.address).is_ok() {}
    let start = Instant::now();
    program.signal(Signal::INT);
    assert_eq!(program.child.wait().expect("an end").code(), Some(0));
    // Before the bound of three seconds.
    let took = start.elapsed();
    assert!(took < Duration::from_millis(2500), "{took:?}");
}

#[test]
fn a_taken_port_is_one_clear_message() {
    let taken = backend::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = taken.local_addr().expect("its address").to_string();
    let output = program(&["--listen", &address])
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!(
            "proxy-lab: {address} is taken: another program listens there.\n\
             A running lab has a backend already. One more needs an address of its own: \
             proxy-lab backend --listen 127.0.0.1:5001 --name two\n"
        )
    );
}

#[test]
fn a_name_that_no_header_can_carry_is_refused() {
    for name in ["", "a b", "a\nb", "é", &"x".repeat(65)] {
        let output = program(&["--listen", "127.0.0.1:0", "--name", name])
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(1), "{name:?}");
        assert_eq!(output.stdout, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("use 1 to 64 letters, digits"), "{said}");
    }
}
