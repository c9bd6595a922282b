//! The upstream that both servers ask: as little as can answer, in the load's own thread and uncounted.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::files::content;
use super::plan::MIB;

/// The small answer's body.
pub const JSON: &[u8] =
    b"{\"message\":\"Hello from the backend!\",\"users\":[\"Alice\",\"Bob\"]}\n";

/// Starts it; gives its port.
pub async fn start() -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let answers = Rc::new(Answers {
        json: answer("application/json", JSON),
        mib: answer("application/octet-stream", &content(MIB)),
        refused: Cell::new(0),
    });
    tokio::task::spawn_local(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::task::spawn_local(serve(stream, answers.clone()));
                }
                Err(_) => answers.refused.set(answers.refused.get() + 1),
            }
        }
    });
    Ok(port)
}

struct Answers {
    json: Vec<u8>,
    mib: Vec<u8>,
    refused: Cell<u64>,
}

fn answer(content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: upstream\r\nDate: Wed, 25 Nov 2026 12:00:00 GMT\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Serves one connection; HTTP/1.0 ends with its answer.
async fn serve(mut stream: TcpStream, answers: Rc<Answers>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(1024);
    loop {
        input.clear();
        while !input.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
        let line = input.split(|&b| b == b'\r').next().unwrap_or_default();
        let answer = match line.windows(4).any(|w| w == b"/mib") {
            true => &answers.mib,
            false => &answers.json,
        };
        stream.write_all(answer).await?;
        if line.ends_with(b"1.0") {
            return stream.shutdown().await;
        }
    }
}
