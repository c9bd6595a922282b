//! Where lines of logs go: files, with a buffer that is written as a whole or without, the standard error, syslog.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rustix::process::Uid;

use crate::config::model::{ListenAddress, LogBuffer, LogLevel, LogTarget};
use crate::config::syslog::{Syslog, severity_of};
use crate::config::written;
use crate::deflate::{Flush, Gzip};
use crate::wire::date;

use super::log::os_error;
use super::variables;

/// Anybody may read a log, unless the process's mask says otherwise.
const LOG_MODE: u32 = 0o644;

/// A log file that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("open() \"{}\" failed ({})", written::path(path), os_error(source))]
pub struct LogError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// A line that syslog did not take.
#[derive(Debug, thiserror::Error)]
pub enum Unsent {
    #[error("connect() failed ({})", os_error(.0))]
    Connect(io::Error),
    #[error("send() failed ({})", os_error(.0))]
    Send(io::Error),
}

impl Unsent {
    /// How bad nginx finds it.
    pub fn level(&self) -> LogLevel {
        match self {
            Self::Connect(_) => LogLevel::Alert,
            Self::Send(_) => LogLevel::Error,
        }
    }
}

/// One open log.
#[derive(Debug)]
pub enum Sink {
    File(LogFile),
    Stderr,
    Syslog(Remote),
    Nowhere,
}

/// A file, and the lines that wait to be written into it.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: RwLock<File>,
    buffer: Option<Mutex<Buffer>>,
}

#[derive(Debug)]
struct Buffer {
    rules: LogBuffer,
    lines: Vec<u8>,
    /// When what waits is written at the latest; somebody waits for it.
    due: Option<Instant>,
}

impl Sink {
    /// Opens a log.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(target: &LogTarget, buffer: Option<LogBuffer>) -> Result<Self, LogError> {
        Ok(match target {
            LogTarget::Stderr => Self::Stderr,
            LogTarget::Memory => Self::Nowhere,
            LogTarget::Syslog(syslog) => Self::Syslog(Remote {
                syslog: syslog.clone(),
                socket: Mutex::new(None),
            }),
            LogTarget::File(path) => Self::File(LogFile {
                path: path.clone(),
                file: RwLock::new(open(path)?),
                buffer: buffer.map(|rules| {
                    Mutex::new(Buffer {
                        rules,
                        lines: Vec::new(),
                        due: None,
                    })
                }),
            }),
        })
    }

    /// Writes a line of an access log, or lets it wait for others.
    ///
    /// # Errors
    /// Syslog did not take it. A file that cannot be written must not stop the answer.
    pub fn write(sink: &Arc<Self>, line: &[u8]) -> Result<(), Unsent> {
        let Self::File(file) = &**sink else {
            return sink.write_now(line, None);
        };
        match &file.buffer {
            Some(buffer) => {
                if let Some(after) = file.push(buffer, line) {
                    actix_rt::spawn(flush_later(sink.clone(), after));
                }
            }
            None => file.write(line),
        }
        Ok(())
    }

    /// Writes a line at once; `level` is that of an error log's.
    ///
    /// # Errors
    /// Syslog did not take it.
    pub fn write_now(&self, line: &[u8], level: Option<LogLevel>) -> Result<(), Unsent> {
        match self {
            Self::File(file) => file.write(line),
            Self::Stderr => drop(io::stderr().write_all(line)),
            Self::Syslog(remote) => return remote.send(line, level),
            Self::Nowhere => {}
        }
        Ok(())
    }

    /// Writes what waits.
    pub fn flush(&self) {
        if let Self::File(file) = self {
            file.flush();
        }
    }

    /// Opens a file anew under its path, which is not written before it [takes its place](Reopened::all_take_their_place);
    /// what waits is the old one's. It is `owner`'s then, as with nginx, whose workers open it by themselves.
    ///
    /// # Errors
    /// It cannot be opened, and goes on as it is.
    pub fn reopen(&self, owner: Option<Uid>) -> Result<Option<Reopened<'_>>, LogError> {
        let Self::File(log) = self else {
            return Ok(None);
        };
        log.flush();
        let file = open(&log.path)?;
        if let Some(owner) = owner {
            // A log that stays root's is written all the same.
            let _ = rustix::fs::fchown(&file, Some(owner), None);
        }
        Ok(Some(Reopened { log, file }))
    }
}

/// A log's file, opened anew.
pub struct Reopened<'a> {
    log: &'a LogFile,
    file: File,
}

impl Reopened<'_> {
    /// All at once, as in nginx's worker: no line goes to one log's new file and a later one to another's old.
    pub fn all_take_their_place(all: Vec<Self>) {
        let (logs, files): (Vec<_>, Vec<_>) = all.into_iter().map(|r| (r.log, r.file)).unzip();
        let locks = logs.iter().map(|log| log.file.write());
        let held: Vec<_> = locks
            .map(|lock| lock.unwrap_or_else(PoisonError::into_inner))
            .collect();
        for (mut held, file) in held.into_iter().zip(files) {
            *held = file;
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.flush();
    }
}

impl LogFile {
    fn write(&self, bytes: &[u8]) {
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written must not stop the answer.
        let _ = (&*file).write_all(bytes);
    }

    /// Adds a line; if somebody has to be found who writes it in time, says in how much.
    fn push(&self, buffer: &Mutex<Buffer>, line: &[u8]) -> Option<Duration> {
        let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.lines.len() + line.len() > buffer.rules.size {
            self.write_out(&mut buffer);
        }
        if line.len() > buffer.rules.size {
            let bytes = packed(line, buffer.rules.gzip);
            self.write(&bytes);
            return None;
        }
        let begins = buffer.lines.is_empty();
        buffer.lines.extend_from_slice(line);
        let after = buffer.rules.flush.filter(|_| begins)?;
        let was_waited_for = buffer.due.replace(Instant::now() + after).is_some();
        (!was_waited_for).then_some(after)
    }

    fn write_out(&self, buffer: &mut Buffer) {
        if !buffer.lines.is_empty() {
            let bytes = packed(&buffer.lines, buffer.rules.gzip);
            self.write(&bytes);
            buffer.lines.clear();
        }
    }

    fn flush(&self) {
        if let Some(buffer) = &self.buffer {
            let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
            self.write_out(&mut buffer);
        }
    }

    /// Writes what waits if its time has come; else says in how much it does.
    fn flush_if_due(&self) -> Option<Duration> {
        let mut buffer = self.buffer.as_ref()?.lock().ok()?;
        let left = buffer.due?.saturating_duration_since(Instant::now());
        if left.is_zero() {
            buffer.due = None;
            self.write_out(&mut buffer);
            return None;
        }
        Some(left)
    }
}

/// Lines as the file gets them: as they are, or as a whole gzip stream.
fn packed(lines: &[u8], gzip: Option<u8>) -> Vec<u8> {
    let Some(level) = gzip else {
        return lines.to_vec();
    };
    // zlib gets no more memory than it needs, as for answers.
    let (mut window, mut memory) = (15u8, 8u8);
    while window > 9 && lines.len() + 262 < 1 << (window - 1) {
        window -= 1;
        memory -= 1;
    }
    let mut out = Vec::new();
    Gzip::new(level, window, memory).write(lines, Flush::Finish, &mut out);
    out
}

/// `flush=`: what waits longest is written in time.
async fn flush_later(sink: Arc<Sink>, mut after: Duration) {
    let Sink::File(file) = &*sink else { return };
    loop {
        actix_rt::time::sleep(after).await;
        match file.flush_if_due() {
            Some(left) => after = left,
            None => return,
        }
    }
}

/// Opens a log's file, or makes it.
///
/// # Errors
/// It cannot be opened.
pub fn open(path: &Path) -> Result<File, LogError> {
    crate::wall::may_write(path)
        .and_then(|()| {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(LOG_MODE).open(path)
        })
        .map_err(|source| LogError {
            path: path.to_owned(),
            source,
        })
}

/// A server of syslog; connected when the first line comes, and anew after a line that it did not take.
#[derive(Debug)]
pub struct Remote {
    syslog: Syslog,
    socket: Mutex<Option<Datagrams>>,
}

#[derive(Debug)]
enum Datagrams {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl Remote {
    fn send(&self, line: &[u8], level: Option<LogLevel>) -> Result<(), Unsent> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let severity = level.map_or(self.syslog.severity, severity_of);
        let mut text = head(&self.syslog, severity).into_bytes();
        text.extend_from_slice(line);
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = match socket.take() {
            Some(connected) => connected,
            None => reach(&self.syslog.server).map_err(Unsent::Connect)?,
        };
        let sent = match &connected {
            Datagrams::Udp(socket) => socket.send(&text),
            Datagrams::Unix(socket) => socket.send(&text),
        };
        sent.map_err(Unsent::Send)?;
        *socket = Some(connected);
        Ok(())
    }
}

/// What stands before a line (RFC 3164, 4.1).
fn head(syslog: &Syslog, severity: u8) -> String {
    let priority = u16::from(syslog.facility) * 8 + u16::from(severity);
    let time = date::syslog_time(variables::now());
    let tag = String::from_utf8_lossy(&syslog.tag);
    match syslog.names_host {
        true => format!("<{priority}>{time} {} {tag}: ", variables::hostname()),
        false => format!("<{priority}>{time} {tag}: "),
    }
}

/// Nobody waits for syslog: a line that cannot be sent at once is lost.
fn reach(server: &ListenAddress) -> io::Result<Datagrams> {
    if crate::wall::stands() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    match server {
        ListenAddress::Inet(address) => {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any)?;
            socket.connect(address)?;
            socket.set_nonblocking(true)?;
            Ok(Datagrams::Udp(socket))
        }
        ListenAddress::Unix(path) => {
            let socket = UnixDatagram::unbound()?;
            socket.connect(path)?;
            socket.set_nonblocking(true)?;
            Ok(Datagrams::Unix(socket))
        }
    }
}
