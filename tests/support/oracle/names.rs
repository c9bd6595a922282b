//! A name server on the loopback: answers A and AAAA queries as a case says, and notes what it was asked.

use super::OracleError;
use serde::Deserialize;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One name, and what is answered about it; of a name that is not listed the answer is that there is none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameSpec {
    pub name: String,
    #[serde(default)]
    pub a: Vec<Ipv4Addr>,
    #[serde(default)]
    pub aaaa: Vec<Ipv6Addr>,
    /// The name that this one stands for.
    pub alias: Option<String>,
    /// `RCODE`.
    #[serde(default)]
    pub code: u8,
    /// Nothing is answered at all.
    #[serde(default)]
    pub silent: bool,
    /// Seconds.
    #[serde(default = "default_ttl")]
    pub ttl: u32,
}

fn default_ttl() -> u32 {
    60
}

/// The running server; it ends when dropped.
pub struct NameServer {
    asked: Arc<Mutex<Vec<String>>>,
    stopping: Arc<AtomicBool>,
    address: std::net::SocketAddr,
}

impl NameServer {
    pub fn start(socket: UdpSocket, names: Vec<NameSpec>) -> Result<Self, OracleError> {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let stopping = Arc::<AtomicBool>::default();
        let address = socket.local_addr().map_err(OracleError::io("local_addr"))?;
        let (notes, stop) = (Arc::clone(&asked), Arc::clone(&stopping));
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((n, from)) = socket.recv_from(&mut buffer) {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Some(query) = Query::read(buffer.get(..n).unwrap_or_default()) else {
                    continue;
                };
                notes
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(format!("{} {}", query.kind_name(), query.name));
                if let Some(answer) = query.answer(&names) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Ok(NameServer {
            asked,
            stopping,
            address,
        })
    }

    /// What was asked since the last call; a question that was asked again stands there again.
    pub fn take(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = std::mem::take(&mut *asked);
        taken.sort();
        taken
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread, which then ends.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            let _ = socket.set_write_timeout(Some(Duration::from_secs(1)));
            let _ = socket.send_to(b"end", self.address);
        }
    }
}

struct Query {
    name: String,
    kind: u16,
    /// Id and flags as they came.
    start: [u8; 4],
    /// As it came, to be sent back.
    question: Vec<u8>,
}

impl Query {
    fn read(bytes: &[u8]) -> Option<Self> {
        let start = bytes.get(..4)?.try_into().ok()?;
        let mut labels = Vec::new();
        let mut at = 12;
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            labels.push(String::from_utf8_lossy(bytes.get(at..at + length)?).into_owned());
            at += length;
        }
        let kind = u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?);
        Some(Query {
            name: labels.join("."),
            kind,
            start,
            question: bytes.get(12..at + 4)?.to_vec(),
        })
    }

    fn kind_name(&self) -> String {
        match self.kind {
            1 => "A".into(),
            28 => "AAAA".into(),
            other => format!("type {other}"),
        }
    }

    fn answer(&self, names: &[NameSpec]) -> Option<Vec<u8>> {
        let found = names
            .iter()
            .find(|spec| spec.name.eq_ignore_ascii_case(&self.name));
        if found.is_some_and(|spec| spec.silent) {
            return None;
        }
        let mut records: Vec<(u16, u32, Vec<u8>)> = Vec::new();
        if let Some(spec) = found {
            if let Some(alias) = &spec.alias {
                records.push((5, spec.ttl, encode(alias)));
            }
            match self.kind {
                1 => records.extend(spec.a.iter().map(|a| (1, spec.ttl, a.octets().to_vec()))),
                28 => records.extend(
                    spec.aaaa
                        .iter()
                        .map(|a| (28, spec.ttl, a.octets().to_vec())),
                ),
                _ => {}
            }
        }
        let code = found.map_or(3, |spec| spec.code);
        let mut out = self.start.get(..2)?.to_vec();
        out.extend([0x81, 0x80 | code, 0, 1]);
        out.extend(u16::try_from(records.len()).ok()?.to_be_bytes());
        out.extend([0, 0, 0, 0]);
        out.extend(&self.question);
        for (kind, ttl, data) in records {
            // The name of the question, by a pointer.
            out.extend([0xc0, 12]);
            out.extend(kind.to_be_bytes());
            out.extend([0, 1]);
            out.extend(ttl.to_be_bytes());
            out.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
            out.extend(data);
        }
        Some(out)
    }
}

fn encode(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap_or(0));
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}
