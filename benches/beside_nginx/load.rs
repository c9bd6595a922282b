//! The load: so many connections, each asking again as soon as it is answered.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::BenchError;
use super::plan::Case;
use super::server::Server;
use super::table::Measured;
use super::{files, upstream};

/// How long a server may be silent before the round is void.
const PATIENCE: Duration = Duration::from_secs(10);

/// One server's part of a round.
pub struct Load {
    pub address: SocketAddr,
    pub case: Case,
    pub connections: usize,
    /// Time before the measuring begins.
    pub warm: Duration,
    pub measure: Duration,
}

/// What the connections share; all live in one thread.
struct Shared {
    address: SocketAddr,
    request: Vec<u8>,
    length: usize,
    stop: Cell<bool>,
    measuring: Cell<bool>,
    answered: Cell<u64>,
    /// Microseconds from request to end of answer.
    latencies: RefCell<Vec<u32>>,
    buffer: RefCell<Vec<u8>>,
}

impl Shared {
    fn new(address: SocketAddr, case: &Case) -> Rc<Self> {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n",
            case.path
        );
        Rc::new(Self {
            address,
            request: request.into_bytes(),
            length: case.length,
            stop: Cell::new(false),
            measuring: Cell::new(false),
            answered: Cell::new(0),
            latencies: RefCell::default(),
            buffer: RefCell::new(vec![0; 256 * 1024]),
        })
    }
}

impl Load {
    /// Loads the server for the time given.
    ///
    /// # Errors
    /// What went wrong with any request.
    pub async fn run(&self, server: &Server) -> Result<Measured, String> {
        let shared = Shared::new(self.address, &self.case);
        let mut clients = JoinSet::new();
        for _ in 0..self.connections {
            let shared = shared.clone();
            clients.spawn_local(async move { client(&shared).await });
        }
        tokio::time::sleep(self.warm).await;
        let cpu = server.cpu_time().map_err(|error| error.to_string())?;
        let began = Instant::now();
        shared.measuring.set(true);
        tokio::time::sleep(self.measure).await;
        shared.measuring.set(false);
        let elapsed = began.elapsed();
        let cpu = server.cpu_time().map_err(|error| error.to_string())? - cpu;
        shared.stop.set(true);
        let ends = async {
            while let Some(ended) = clients.join_next().await {
                ended.map_err(|error| error.to_string())??;
            }
            Ok::<(), String>(())
        };
        match tokio::time::timeout(PATIENCE, ends).await {
            Ok(ended) => ended?,
            Err(_) => return Err(format!("no answer for {PATIENCE:?}")),
        }
        let answered = shared.answered.get();
        if answered == 0 {
            return Err("nothing was answered while measuring".into());
        }
        let mut latencies = shared.latencies.take();
        latencies.sort_unstable();
        let percentile = |p: usize| latencies[(latencies.len() - 1) * p / 100];
        Ok(Measured {
            requests_a_second: answered as f64 / elapsed.as_secs_f64(),
            cpu_a_request: cpu.as_secs_f64() * 1e6 / answered as f64,
            p50: percentile(50),
            p99: percentile(99),
        })
    }
}

/// Asks again and again, connecting anew where the server ends the connection properly.
async fn client(shared: &Shared) -> Result<(), String> {
    let failed = |what: &str| format!("{what} {}", shared.address);
    while !shared.stop.get() {
        let mut stream = TcpStream::connect(shared.address)
            .await
            .map_err(|error| failed(&format!("{error}: connecting to")))?;
        let _ = stream.set_nodelay(true);
        let mut goes_on = true;
        while goes_on && !shared.stop.get() {
            let began = Instant::now();
            let sent = stream.write_all(&shared.request).await;
            sent.map_err(|error| failed(&format!("{error}: asking")))?;
            goes_on = answer(&mut stream, shared, |_| {}).await?;
            if shared.measuring.get() {
                shared.answered.set(shared.answered.get() + 1);
                let micros = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
                shared.latencies.borrow_mut().push(micros);
            }
        }
    }
    Ok(())
}

/// Reads one answer; says whether the connection goes on behind it.
async fn answer(
    stream: &mut TcpStream,
    shared: &Shared,
    mut body: impl FnMut(&[u8]),
) -> Result<bool, String> {
    let mut head: Vec<u8> = Vec::new();
    let mut got = 0;
    let mut goes_on = None;
    loop {
        let n = poll_fn(|cx| {
            let mut buffer = shared.buffer.borrow_mut();
            let mut room = ReadBuf::new(&mut buffer);
            let polled = Pin::new(&mut *stream).poll_read(cx, &mut room);
            let n = room.filled().len();
            polled.map_ok(|()| n)
        })
        .await
        .map_err(|error| format!("{error}: reading an answer"))?;
        if n == 0 {
            return Err(format!(
                "the connection ended within an answer, after {got} bytes of its body"
            ));
        }
        let buffer = shared.buffer.borrow();
        let mut part = &buffer[..n];
        if goes_on.is_none() {
            let before = head.len();
            head.extend_from_slice(&part[..n.min(4096)]);
            let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") else {
                continue;
            };
            goes_on = Some(check_head(&head[..end + 2], shared.length)?);
            part = &part[end + 4 - before..];
        }
        got += part.len();
        body(part);
        match (got.cmp(&shared.length), goes_on) {
            (std::cmp::Ordering::Less, _) => {}
            (std::cmp::Ordering::Equal, Some(goes_on)) => return Ok(goes_on),
            _ => return Err(format!("{got} bytes of body instead of {}", shared.length)),
        }
    }
}

/// The answer must be the one asked for; gives whether the connection goes on.
fn check_head(head: &[u8], length: usize) -> Result<bool, String> {
    let text = String::from_utf8_lossy(head);
    let expected = format!("\r\nContent-Length: {length}\r\n");
    if !text.starts_with("HTTP/1.1 200 OK\r\n") || !text.contains(&expected) {
        return Err(format!("not the answer expected: {text:?}"));
    }
    Ok(!text.contains("\r\nConnection: close\r\n"))
}

/// Asks once and compares every byte of the body.
pub async fn check(address: SocketAddr, case: &Case) -> Result<(), BenchError> {
    let expected = match case.length == upstream::JSON.len() {
        true => upstream::JSON.to_vec(),
        false => files::content(case.length),
    };
    let shared = Shared::new(address, case);
    let mut got = Vec::new();
    let once = async {
        let mut stream = TcpStream::connect(address)
            .await
            .map_err(|e| e.to_string())?;
        let sent = stream.write_all(&shared.request).await;
        sent.map_err(|error| error.to_string())?;
        answer(&mut stream, &shared, |part| got.extend_from_slice(part)).await
    };
    let asked = tokio::time::timeout(PATIENCE, once).await;
    let asked = asked.unwrap_or_else(|_| Err("no answer".into()));
    let wrong = |why: String| BenchError::Other(format!("{} from {address}: {why}", case.name));
    asked.map_err(wrong)?;
    match got == expected {
        true => Ok(()),
        false => Err(wrong("the body is not the one expected".into())),
    }
}
