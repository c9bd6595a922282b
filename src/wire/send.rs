//! Sends an answer: head and body in as few system calls as there can be, at the client's pace.

use std::rc::Rc;

use bytes::Bytes;

use super::answer::{Answer, Body, Outcome};
use super::connection::Connection;
use super::turn::take_turns;

mod flow;
mod pieces;
mod write;

use flow::send_stream;
use pieces::send_pieces;
use write::write_all;

/// Sends `answer` and says how it went. `answer.done` is left to the caller.
pub async fn send(connection: &Rc<Connection>, answer: &mut Answer) -> Outcome {
    let head = if answer.interim.is_empty() {
        std::mem::take(&mut answer.head)
    } else {
        Bytes::from([&answer.interim[..], &answer.head[..]].concat())
    };
    // Bytes that arrive with time have their turn once all are there.
    if !matches!(answer.body, Body::Stream(_)) {
        take_turns().await;
    }
    let body = match std::mem::replace(&mut answer.body, Body::None) {
        Body::Bytes(bytes) if bytes.is_empty() => Body::None,
        body => body,
    };
    let end = match body {
        Body::None if answer.chunked => {
            let end = last_chunk(false, &trailers(answer));
            write_all(connection, &answer.policy, &mut [head, end]).await
        }
        Body::None => write_all(connection, &answer.policy, &mut [head]).await,
        Body::Bytes(bytes) if answer.chunked => {
            let size = Bytes::from(format!("{:x}\r\n", bytes.len()));
            let end = last_chunk(true, &trailers(answer));
            write_all(connection, &answer.policy, &mut [head, size, bytes, end]).await
        }
        Body::Bytes(bytes) => write_all(connection, &answer.policy, &mut [head, bytes]).await,
        Body::Pieces { file, pieces } => {
            send_pieces(connection, &answer.policy, head, file, pieces).await
        }
        Body::Stream(stream) => send_stream(connection, answer, head, stream).await,
    };
    connection.timer.clear();
    connection.delayed.set(false);
    let sent = connection.sent.get();
    Outcome {
        sent,
        end,
        kept: false,
    }
}

fn trailers(answer: &mut Answer) -> Bytes {
    answer
        .trailers
        .take()
        .map_or_else(Bytes::new, |make| make())
}

/// The end of a body in chunks (RFC 9112, 7.1), behind a chunk or alone, with the lines of its trailers.
fn last_chunk(behind_a_chunk: bool, trailers: &[u8]) -> Bytes {
    let whole = b"\r\n0\r\n\r\n";
    let from = if behind_a_chunk { 0 } else { 2 };
    match trailers {
        [] => Bytes::from_static(&whole[from..]),
        lines => Bytes::from([&whole[from..5], lines, b"\r\n"].concat()),
    }
}
