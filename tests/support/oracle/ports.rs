//! Ports for one run of one case.
//!
//! They are reserved for as long as the case runs, and have five digits, so that lengths never vary. None is a number that a case sends or gets for another reason: a length of 20042 bytes is never taken for a port.

use super::OracleError;
use super::reserved::{FIVE_DIGITS, loopback, reserve};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// The ports that a case's texts name.
pub struct Ports {
    /// `(name, port)`, as `("BACKEND2", "12345")`.
    pub names: Vec<(String, String)>,
    /// The sockets behind `@BACKEND…@`, in their order.
    pub backends: Vec<TcpListener>,
    /// The first `@PORT@`: where clients connect unless a connection says otherwise.
    pub first: u16,
    /// The socket behind `@DNS@`.
    pub dns: Option<UdpSocket>,
    /// `@DEAF…@`, which takes connections and nothing that comes on them; `@FULL…@`, with what fills its queue, so that a
    /// connection to it is neither made nor refused.
    _deaf: Vec<(Socket, Vec<TcpStream>)>,
    /// Bound, never listening: `@DEAD…@` refuses every connection as long as these live.
    _dead: Vec<Socket>,
    _reserved: Vec<UdpSocket>,
}

impl Ports {
    /// Finds a port for each `@PORT…@`, `@BACKEND…@`, `@DEAD…@`, `@DEAF…@` and `@FULL…@` of the texts, none of them among
    /// `numbers`.
    pub fn for_texts<'a>(
        texts: impl Iterator<Item = &'a str>,
        numbers: &BTreeSet<u16>,
    ) -> Result<Self, OracleError> {
        let mut wanted = BTreeSet::from(["PORT".to_string()]);
        for text in texts {
            wanted.extend(
                text.split('@')
                    .filter(|word| is_port_name(word))
                    .map(str::to_string),
            );
        }
        let mut ports = Ports {
            names: Vec::new(),
            backends: Vec::new(),
            first: 0,
            dns: None,
            _deaf: Vec::new(),
            _dead: Vec::new(),
            _reserved: Vec::new(),
        };
        for name in wanted {
            let (reserved, socket, port) = free_port(numbers)?;
            let mut reserved = Some(reserved);
            if name.starts_with("BACKEND") {
                socket.listen(64).map_err(OracleError::io("listen"))?;
                ports.backends.push(socket.into());
            } else if name.starts_with("FULL") {
                socket.listen(0).map_err(OracleError::io("listen"))?;
                ports._deaf.push((socket, fill(port)));
            } else if name.starts_with("DEAF") {
                socket.listen(64).map_err(OracleError::io("listen"))?;
                ports._deaf.push((socket, Vec::new()));
            } else if name.starts_with("DEAD") {
                ports._dead.push(socket);
            } else if name == "DNS" {
                ports._dead.push(socket);
                ports.dns = reserved.take();
            } else if name == "PORT" {
                ports.first = port;
            }
            ports.names.push((name, port.to_string()));
            ports._reserved.extend(reserved);
        }
        Ok(ports)
    }

    pub fn of(&self, name: &str) -> Option<u16> {
        self.names
            .iter()
            .find(|(n, _)| n == name)
            .and_then(|(_, port)| port.parse().ok())
    }
}

fn is_port_name(word: &str) -> bool {
    let kind = word.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(kind, "PORT" | "BACKEND" | "DEAD" | "DEAF" | "FULL" | "DNS")
}

/// Connections that nobody will accept, as many as the system makes all the same.
fn fill(port: u16) -> Vec<TcpStream> {
    let connect = || TcpStream::connect_timeout(&loopback(port), Duration::from_millis(100)).ok();
    std::iter::from_fn(connect).take(16).collect()
}

/// The numbers of a text that could be ports.
pub fn numbers(text: &str) -> impl Iterator<Item = u16> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 5)
        .filter_map(|digits| digits.parse().ok())
}

/// A port that nobody has, none of `numbers`: what reserves it, a socket bound to it, and the number.
fn free_port(numbers: &BTreeSet<u16>) -> Result<(UdpSocket, Socket, u16), OracleError> {
    for _ in 0..100 {
        let allowed = |port| !numbers.contains(&port);
        let (port, reserved) =
            reserve(FIVE_DIGITS, allowed).map_err(OracleError::io("a free port"))?;
        let socket =
            Socket::new(Domain::IPV4, Type::STREAM, None).map_err(OracleError::io("socket"))?;
        if socket.bind(&loopback(port).into()).is_ok() {
            return Ok((reserved, socket, port));
        }
    }
    Err(OracleError::Timeout("no free port in 100 tries".into()))
}
