//! Several backends in one lab (`--backend NAME=ADDRESS:PORT`): each says its name; what cannot be is refused before
//! anything starts.

#[path = "support/client.rs"]
mod client;
#[path = "support/lesson.rs"]
mod lesson;

use std::net::{SocketAddr, TcpStream};

use lesson::Lesson;

fn get(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n");
    let answer = client::exchange(address, request.as_bytes(), false).expect("an answer");
    answer.text().to_owned()
}

#[test]
fn each_says_its_name() {
    let (lesson, other) = (Lesson::copy(), Lesson::copy());
    let [one, two] = [other.front(), other.backend()];
    let [first, second] = [format!("one={one}"), format!("two={two}")];
    let lab = lesson.start_lab(&["--no-backend", "--backend", &first, "--backend", &second]);
    for (address, name) in [(one, "one"), (two, "two")] {
        let said = get(address, "/");
        assert!(
            said.starts_with(&format!("{{\"backend\":\"{name}\",")),
            "{said}"
        );
        assert!(get(address, "/inspect").contains(&format!("\"backend\":\"{name}\"")));
    }
    // The first backend's place is free, as the message about it promises.
    assert!(TcpStream::connect(lesson.backend()).is_err());
    let (status, said) = lab.stop();
    assert!(status.success(), "{status}");
    for (address, name) in [(one, "one"), (two, "two")] {
        let line = format!(
            "  backend  http://{:<21} a backend called {name}\n",
            address.to_string()
        );
        assert!(said.contains(&line), "{said}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let lesson = Lesson::copy();
    let address = lesson.backend().to_string();
    let front = lesson.front().to_string();
    let format_of = "expected NAME=ADDRESS:PORT, such as blue=127.0.0.1:5001";
    for (backends, message) in [
        (vec!["x".to_owned()], format_of),
        (
            vec!["x=".to_owned()],
            "\"\" is no address with a port, such as 127.0.0.1:5001",
        ),
        (
            vec!["x=127.0.0.1:99999".to_owned()],
            "is no address with a port",
        ),
        (
            vec![format!("={address}")],
            "\"\" is not a name for a backend: use 1 to 64 letters",
        ),
        (
            vec![format!("a b={address}")],
            "\"a b\" is not a name for a backend",
        ),
        (
            vec![format!("x={front}")],
            "the address is taken, by a server of this lab or by",
        ),
        (
            vec![format!("x={address}"), format!("y={address}")],
            "Every backend needs an address of its own, such as 127.0.0.1:5001.",
        ),
        // An address of the documentation (RFC 5737), which no machine has.
        (
            vec!["x=192.0.2.1:5001".to_owned()],
            "the address is not an address of this machine",
        ),
    ] {
        let mut command = lesson.lab(&["--no-backend"]);
        for backend in &backends {
            command.args(["--backend", backend]);
        }
        let output = command.output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{backends:?}: {said}");
        assert!(said.contains(message), "{backends:?}: {said}");
        assert_eq!(output.stdout, b"", "{backends:?}: something was started");
    }
}
