//! Answers that are there as a whole: memory and parts of a file, by `sendfile` or read.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};

use crate::wire::answer::{End, OpenFile, PieceOf, SendPolicy};
use crate::wire::connection::Connection;
use crate::wire::pace;

use super::write::{count, failed_by, poll_send_timer, write_all};

/// Files up to this size are read and sent together with the head: one call instead of two.
const SMALL_FILE: u64 = 32 * 1024;
/// Most bytes of a file that one call sends, so that one client does not hold the worker.
const SENDFILE_CHUNK: u64 = 2 * 1024 * 1024;
/// Bytes read at a time where `sendfile` is off.
const READ_CHUNK: u64 = 64 * 1024;

/// Memory and parts of a file, in order.
pub(super) async fn send_pieces(
    connection: &Connection,
    policy: &SendPolicy,
    head: Bytes,
    file: Option<OpenFile>,
    pieces: Vec<PieceOf>,
) -> End {
    let mut memory = Vec::with_capacity(1 + pieces.len());
    memory.push(head);
    let total: u64 = pieces
        .iter()
        .map(|p| if let PieceOf::File(_, n) = p { *n } else { 0 })
        .sum();
    let mut corked = false;
    for piece in pieces {
        match (piece, &file) {
            (PieceOf::Memory(bytes), _) => memory.push(bytes),
            (PieceOf::File(offset, len), Some(file)) if total <= SMALL_FILE => {
                match read_part(file, offset, len) {
                    Some(bytes) => memory.push(bytes),
                    None => return cut(connection, policy, memory).await,
                }
            }
            (PieceOf::File(offset, len), Some(file)) => {
                if policy.sendfile && policy.tcp_nopush && !corked {
                    connection.stream.set_cork(true);
                    corked = true;
                }
                let end = write_all(connection, policy, &mut memory).await;
                memory.clear();
                if end != End::Complete {
                    return end;
                }
                let end = send_file(connection, policy, file, offset, len).await;
                if end != End::Complete {
                    return end;
                }
            }
            (PieceOf::File(..), None) => return cut(connection, policy, memory).await,
        }
    }
    let end = write_all(connection, policy, &mut memory).await;
    if corked {
        connection.stream.set_cork(false);
    }
    end
}

/// The file lost bytes since it was measured: send what there is, then break off.
async fn cut(connection: &Connection, policy: &SendPolicy, mut memory: Vec<Bytes>) -> End {
    match write_all(connection, policy, &mut memory).await {
        End::Complete => End::Cut,
        end => end,
    }
}

fn read_part(file: &File, offset: u64, len: u64) -> Option<Bytes> {
    let mut part = BytesMut::zeroed(usize::try_from(len).ok()?);
    file.read_exact_at(&mut part, offset).ok()?;
    Some(part.freeze())
}

async fn send_file(
    connection: &Connection,
    policy: &SendPolicy,
    file: &File,
    mut offset: u64,
    mut len: u64,
) -> End {
    let mut sendfile = policy.sendfile;
    while len > 0 {
        if !sendfile {
            let Some(bytes) = read_part(file, offset, len.min(READ_CHUNK)) else {
                return End::Cut;
            };
            let n = bytes.len() as u64;
            match write_all(connection, policy, &mut [bytes]).await {
                End::Complete => {}
                end => return end,
            }
            offset += n;
            len -= n;
            continue;
        }
        let sent =
            std::future::poll_fn(|cx| poll_sendfile(connection, policy, cx, file, offset, len))
                .await;
        match sent {
            Ok(0) => return End::Cut,
            Ok(n) => {
                count(connection, policy, n);
                offset += n;
                len -= n;
                if n >= SENDFILE_CHUNK {
                    tokio::task::yield_now().await;
                }
            }
            Err(None) => sendfile = false,
            Err(Some(end)) => return end,
        }
    }
    End::Complete
}

/// One `sendfile`, of up to `len` bytes. `Err(None)`: the file's system has none.
fn poll_sendfile(
    connection: &Connection,
    policy: &SendPolicy,
    cx: &mut Context<'_>,
    file: &File,
    offset: u64,
    len: u64,
) -> Poll<Result<u64, Option<End>>> {
    let most = match &policy.rate {
        None => SENDFILE_CHUNK,
        Some(rate) => ready!(pace::poll_allowance(connection, rate, cx)).min(SENDFILE_CHUNK),
    };
    let chunk = len.min(most);
    let call = |socket: BorrowedFd<'_>| sendfile_call(socket, file, offset, chunk);
    match connection.stream.poll_write_with(cx, call) {
        Poll::Pending => poll_send_timer(connection, policy, cx).map(|end| Err(Some(end))),
        Poll::Ready(Ok(n)) => Poll::Ready(Ok(n)),
        Poll::Ready(Err(error)) if is_unsupported(&error) => Poll::Ready(Err(None)),
        Poll::Ready(Err(error)) => {
            Poll::Ready(Err(Some(failed_by(connection, "sendfile()", error))))
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn sendfile_call(socket: BorrowedFd<'_>, file: &File, offset: u64, len: u64) -> io::Result<u64> {
    let mut at = offset;
    let n = rustix::fs::sendfile(socket, file.as_fd(), Some(&mut at), len as usize)?;
    Ok(n as u64)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn sendfile_call(_: BorrowedFd<'_>, _: &File, _: u64, _: u64) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
    )
}
