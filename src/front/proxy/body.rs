//! The client's body on its way to an upstream: in memory, in a file, or passed on as it comes.

use std::task::Poll;

use crate::config::model::{InFileOnly, LogLevel};
use crate::front::log;
use crate::front::reply::Flow;
use crate::front::request::Request;
use crate::front::temporary::{self, BodyFile};
use crate::wire::body::BodyError;
use crate::wire::spool::{Spool, next_number};

/// The location's time and size for the client's body.
pub fn set_body_rules(r: &Request) {
    let core = &r.location.core;
    r.body
        .set_rules(core.client_body_timeout, core.client_max_body_size);
}

/// Takes what is there of a body that goes on as it comes, as much as a buffer takes.
pub async fn begin_body(r: &mut Request) -> Result<(), Flow> {
    let most = r.location.core.client_body_buffer_size as u64;
    let mut spool = r.buffered_body.take().unwrap_or_default();
    let taken = std::future::poll_fn(|cx| {
        while spool.len() < most {
            match r.body.poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => spool.push_memory(bytes),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(()))
    });
    let taken = taken.await;
    if taken.as_ref().is_err_and(is_wrong) {
        spool = Box::default();
    }
    r.buffered_body = Some(spool);
    taken.map_err(|error| body_failed(r, &error))?;
    r.connection.timer.clear();
    r.body.set_live();
    Ok(())
}

/// Takes the whole body: memory up to `client_body_buffer_size`, then a temporary file.
pub async fn read_body(r: &mut Request) -> Result<(), Flow> {
    std::future::poll_fn(|cx| r.body.poll_begin(cx)).await;
    let in_file = r.location.core.client_body_in_file_only != InFileOnly::Off
        && r.head.announces_body()
        && r.buffered_body.is_none();
    if r.body.is_done() && !in_file {
        if r.head.announces_body() {
            // It is there, and empty.
            r.buffered_body.get_or_insert_default();
        }
        return Ok(());
    }
    let configured = body_memory(r, in_file);
    let mut memory = r.worker.effects.body_memory(configured);
    let folder = r.location.core.client_body_temp_path.folder.clone();
    let mut spool = r.buffered_body.take().unwrap_or_default();
    let read = loop {
        match std::future::poll_fn(|cx| r.body.poll_next(cx)).await {
            None => break Ok(()),
            Some(Ok(mut bytes)) => {
                if in_file && spool.len() + bytes.len() as u64 > memory as u64 {
                    if let Err(flow) = begin_file(r, &mut spool) {
                        break Err(flow);
                    }
                    memory = 0;
                }
                let room = usize::try_from(spool.len()).map_or(0, |n| memory.saturating_sub(n));
                let first = bytes.split_to(room.min(bytes.len()));
                let pushed = spool
                    .push(first, memory, &folder)
                    .and_then(|()| spool.push(bytes, memory, &folder));
                if let Err(error) = pushed {
                    break Err(no_file(r, &error));
                }
                if let Some(number) = spool.file_number().filter(|_| r.body_file.is_none()) {
                    note_body_file(r, number);
                }
            }
            Some(Err(error)) => {
                if is_wrong(&error) {
                    spool = Box::default();
                }
                break Err(body_failed(r, &error));
            }
        }
    };
    let read = read.and_then(|()| match in_file && r.body_file.is_none() {
        true if r.worker.effects.happen() => begin_file(r, &mut spool),
        _ => Ok(()),
    });
    if !r.worker.effects.happen() && (in_file || spool.len() > configured as u64) {
        note_body_file(r, next_number(true));
    }
    // What came of a body that is not whole is still what `$request_body` says.
    r.buffered_body = Some(spool);
    read
}

/// nginx keeps nothing of bytes that it found wrong.
fn is_wrong(error: &BodyError) -> bool {
    matches!(error, BodyError::Chunk(_) | BodyError::TooLarge { .. })
}

/// What came of the body goes to a file that has a name.
fn begin_file(r: &mut Request, spool: &mut Spool) -> Result<(), Flow> {
    if spool.file_number().is_some() {
        return Ok(());
    }
    let made = temporary::create(&r.location.core.client_body_temp_path);
    let (file, number, _) = made.map_err(|(error, name)| {
        let message = format!("open() \"{name}\" failed ({})", log::os_error(&error));
        log::error(r, LogLevel::Crit, &message);
        Flow::Status(500)
    })?;
    note_body_file(r, number);
    spool
        .move_to(file, number)
        .map_err(|error| no_file(r, &error))
}

/// The body's file cannot be made or written.
fn no_file(r: &Request, error: &std::io::Error) -> Flow {
    let folder = &r.location.core.client_body_temp_path.folder;
    let message = format!(
        "temporary file in \"{}\" failed ({})",
        folder.display(),
        log::os_error(error)
    );
    log::error(r, LogLevel::Crit, &message);
    Flow::Status(500)
}

/// The body goes to the file of this number.
fn note_body_file(r: &mut Request, number: u64) {
    let core = &r.location.core;
    let name = temporary::name(&core.client_body_temp_path, number);
    let level = match core.client_body_in_file_only {
        InFileOnly::Off => LogLevel::Warn,
        InFileOnly::On | InFileOnly::Clean => LogLevel::Notice,
    };
    let cleaned = core.client_body_in_file_only == InFileOnly::Clean && r.worker.effects.happen();
    let message = format!("a client request body is buffered to a temporary file {name}");
    log::error(r, level, &message);
    r.body_file = Some(BodyFile { name, cleaned });
}

/// How much of the body stays in memory, in bytes. One of known length is in memory as a whole where a buffer takes what
/// did not come along with the head, and else in a file as a whole; one in chunks goes to a file when that buffer is full
/// (nginx's `ngx_http_read_client_request_body`); `waits` is true where it waits for its file in any case.
fn body_memory(r: &Request, waits: bool) -> usize {
    let configured = r.location.core.client_body_buffer_size;
    let arrived = r.connection.input.borrow().len();
    let with_head = r.head.behind.held.min(arrived);
    let Some(length) = r.head.content_length else {
        return configured + with_head;
    };
    let rest = length.saturating_sub(with_head as u64);
    if rest < (configured + configured / 4) as u64 {
        usize::MAX
    } else if waits {
        configured + with_head
    } else {
        0
    }
}

/// The client's body could not be read.
pub fn body_failed(r: &mut Request, error: &BodyError) -> Flow {
    match error {
        BodyError::TooLarge { .. } => {
            r.lingering = true;
            log::error(r, LogLevel::Error, &error.to_string());
            Flow::Status(413)
        }
        BodyError::Chunk(_) => {
            log::error(r, LogLevel::Error, &error.to_string());
            Flow::Status(400)
        }
        BodyError::Closed => {
            log::error(r, LogLevel::Info, &error.to_string());
            Flow::Silent(400)
        }
        // nginx says nothing of it but in the access log.
        BodyError::TimedOut => Flow::Silent(408),
    }
}
