//! Several backends in one lab (`--backend NAME=ADDRESS:PORT`): each says its name; what cannot be is refused before
//! anything starts.

use std::net::SocketAddr;

use crate::support::client;
use crate::support::lab::{Folder, is_free};

fn get(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n");
    let answer = client::exchange(address, request.as_bytes(), false).expect("an answer");
    answer.text().to_owned()
}

#[test]
fn each_says_its_name() {
    let (folder, other) = (Folder::new(), Folder::new());
    let names = [
        ("one", other.front_address()),
        ("two", other.backend_address()),
    ];
    let [one, two] = names.map(|(name, address)| format!("{name}={address}"));
    let lab = folder.start(&["--no-backend", "--backend", &one, "--backend", &two]);
    for (name, address) in names {
        let said = get(address, "/");
        assert!(
            said.starts_with(&format!("{{\"backend\":\"{name}\",")),
            "{said}"
        );
        assert!(get(address, "/inspect").contains(&format!("\"backend\":\"{name}\"")));
        let line = format!(
            "  backend  http://{:<21} a backend called {name}\n",
            address.to_string()
        );
        assert!(lab.message.contains(&line), "{}", lab.message);
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = Folder::new();
    let address = folder.backend_address();
    let front = folder.front_address();
    let own = "Every backend needs an address of its own, such as 127.0.0.1:5001.";
    for (backends, message) in [
        (
            vec!["x".to_owned()],
            "expected NAME=ADDRESS:PORT, such as blue=127.0.0.1:5001",
        ),
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
        (vec![format!("x={front}")], own),
        (vec![format!("x={address}"), format!("y={address}")], own),
        // An address for documentation (RFC 5737), which no machine has.
        (
            vec!["x=192.0.2.1:5001".to_owned()],
            "the address is not an address of this machine",
        ),
    ] {
        let mut command = folder.command(&["--no-backend"]);
        for backend in &backends {
            command.args(["--backend", backend]);
        }
        let output = command.output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{backends:?}: {said}");
        assert!(said.contains(message), "{backends:?}: {said}");
        assert_eq!(output.stdout, b"", "{backends:?}: something was started");
        assert!(is_free(front) && is_free(address));
    }
}
