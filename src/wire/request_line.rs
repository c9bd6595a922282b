//! The request line, read byte by byte as it comes: method, URI (path or absolute) and version.
//!
//! The accepted language is nginx's (`ngx_http_parse_request_line`), wider than RFC 9112 section 3: more than one
//! space between the parts, bytes above 0x7f, a bare LF, HTTP/0.9. A wrong byte is refused when it comes, not at the end of the line.

use super::chars::{CR, LF, is_usual};
use super::head::{Method, Piece};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LineError {
    #[error("client sent invalid method")]
    Method,
    #[error("client sent invalid request")]
    Request,
    #[error("client sent invalid version")]
    Version,
    #[error("client sent invalid method in HTTP/0.9 request")]
    Method09,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Method,
    SpacesBeforeUri,
    Schema,
    SchemaSlash,
    SchemaSlashSlash,
    HostStart,
    Host,
    HostEnd,
    HostLiteral,
    Port,
    AfterSlash,
    CheckUri,
    Uri,
    AfterUri,
    /// So many bytes of `HTTP/` were seen.
    Protocol(u8),
    FirstMajor,
    Major,
    FirstMinor,
    Minor,
    SpacesAfterVersion,
    AlmostDone,
}

/// How nearly every line ends.
const COMMON_END: &[u8] = b"HTTP/1.1\r\n";

/// What one byte leads to.
enum Flow {
    To(State),
    Done,
    Bad(LineError),
}

/// The line so far; offsets count from its first byte.
#[derive(Debug, Clone)]
pub(crate) struct RequestLine {
    state: State,
    pub method: Method,
    pub method_end: u32,
    schema_end: u32,
    /// The authority's host, where the URI is absolute.
    pub host: Option<Piece>,
    pub uri: Piece,
    /// Where the query begins; 0: none was met by the quick scan.
    pub args_start: u32,
    pub protocol_start: u32,
    /// Without CR and LF.
    pub end: u32,
    major: u16,
    minor: u16,
    /// `//`, `/.` or `#`: the path must be walked.
    pub complex: bool,
    /// `%` in the path.
    pub quoted: bool,
    /// An absolute URI whose query follows the authority.
    pub empty_path: bool,
}

impl RequestLine {
    pub fn new() -> Self {
        RequestLine {
            state: State::Start,
            method: Method::Unknown,
            method_end: 0,
            schema_end: 0,
            host: None,
            uri: Piece::default(),
            args_start: 0,
            protocol_start: 0,
            end: 0,
            major: 0,
            minor: 0,
            complex: false,
            quoted: false,
            empty_path: false,
        }
    }

    /// A line that fails is answered as one of HTTP/1.0, whatever it said of a version.
    pub fn forget_version(&mut self) {
        (self.major, self.minor) = (1, 0);
    }

    /// 9, 1000 to 1999; only after the line is done.
    pub fn version(&self) -> u16 {
        self.major * 1000 + self.minor
    }

    /// Reads on in `data` (the line from its first byte) at `pos`. `None`: more is needed.
    pub fn advance(&mut self, data: &[u8], pos: &mut usize) -> Option<Result<(), LineError>> {
        let mut i = *pos;
        if i == 0 && data.starts_with(b"GET ") {
            (self.method, self.method_end) = (Method::Get, 3);
            self.state = State::SpacesBeforeUri;
            i = 4;
        }
        while let Some(&ch) = data.get(i) {
            let flow = match self.state {
                State::AfterUri if data.get(i..i + COMMON_END.len()) == Some(COMMON_END) => {
                    self.protocol_start = i as u32;
                    self.end = (i + COMMON_END.len() - 2) as u32;
                    (self.major, self.minor) = (1, 1);
                    *pos = i + COMMON_END.len();
                    return Some(Ok(()));
                }
                State::CheckUri | State::Uri if is_usual(ch) => {
                    i += 1;
                    while data.get(i).is_some_and(|c| is_usual(*c)) {
                        i += 1;
                    }
                    continue;
                }
                State::AfterSlash | State::CheckUri | State::Uri => self.in_uri(ch, i as u32),
                State::Start | State::Method => self.in_method(data, ch, i as u32),
                State::SpacesBeforeUri
                | State::Schema
                | State::SchemaSlash
                | State::SchemaSlashSlash => self.in_schema(ch, i as u32),
                State::HostStart
                | State::Host
                | State::HostEnd
                | State::HostLiteral
                | State::Port => self.in_authority(ch, i as u32),
                _ => self.in_version(ch, i as u32),
            };
            match flow {
                Flow::To(state) => self.state = state,
                Flow::Done => {
                    *pos = i + 1;
                    if self.end == 0 {
                        self.end = i as u32;
                    }
                    if self.version() == 9 && self.method != Method::Get {
                        return Some(Err(LineError::Method09));
                    }
                    return Some(Ok(()));
                }
                Flow::Bad(error) => {
                    *pos = i + 1;
                    return Some(Err(error));
                }
            }
            i += 1;
        }
        *pos = i;
        None
    }

    fn in_method(&mut self, data: &[u8], ch: u8, at: u32) -> Flow {
        match ch {
            b'A'..=b'Z' | b'_' | b'-' => Flow::To(State::Method),
            b' ' if self.state == State::Method => {
                self.method_end = at;
                self.method = method(data.get(..at as usize).unwrap_or_default());
                Flow::To(State::SpacesBeforeUri)
            }
            _ => Flow::Bad(LineError::Method),
        }
    }

    fn in_schema(&mut self, ch: u8, at: u32) -> Flow {
        Flow::To(match (self.state, ch) {
            (State::SpacesBeforeUri, b'/') => self.path_starts(at),
            (State::SpacesBeforeUri, b' ') => State::SpacesBeforeUri,
            (State::SpacesBeforeUri, b'a'..=b'z' | b'A'..=b'Z') => State::Schema,
            (State::Schema, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.') => {
                State::Schema
            }
            (State::Schema, b':') => {
                self.schema_end = at;
                State::SchemaSlash
            }
            (State::SchemaSlash, b'/') => State::SchemaSlashSlash,
            (State::SchemaSlashSlash, b'/') => State::HostStart,
            _ => return Flow::Bad(LineError::Request),
        })
    }

    fn path_starts(&mut self, at: u32) -> State {
        self.uri.start = at;
        State::AfterSlash
    }

    fn in_authority(&mut self, ch: u8, at: u32) -> Flow {
        if self.state == State::HostStart {
            self.host = Some(Piece { start: at, end: at });
            if ch == b'[' {
                return Flow::To(State::HostLiteral);
            }
            self.state = State::Host;
        }
        match (self.state, ch) {
            (State::Host, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-') => {
                return Flow::To(State::Host);
            }
            (State::HostLiteral, b']') => return Flow::To(State::HostEnd),
            // unreserved, sub-delims and ":" of RFC 3986 section 3.2.2
            (
                State::HostLiteral,
                b'a'..=b'z'
                | b'A'..=b'Z'
                | b'0'..=b'9'
                | b':'
                | b'-'
                | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'=',
            ) => return Flow::To(State::HostLiteral),
            (State::HostLiteral, _) => return Flow::Bad(LineError::Request),
            (State::Port, b'0'..=b'9') => return Flow::To(State::Port),
            (State::Port, _) => {}
            _ => {
                if let Some(host) = &mut self.host {
                    host.end = at;
                }
                if ch == b':' {
                    return Flow::To(State::Port);
                }
            }
        }
        self.authority_ends(ch, at)
    }

    fn authority_ends(&mut self, ch: u8, at: u32) -> Flow {
        Flow::To(match ch {
            b'/' => self.path_starts(at),
            b'?' => {
                self.uri.start = at;
                self.args_start = at + 1;
                self.empty_path = true;
                State::Uri
            }
            b' ' => {
                // The URI is "/"; one lies at hand behind the scheme.
                self.uri = Piece {
                    start: self.schema_end + 1,
                    end: self.schema_end + 2,
                };
                State::AfterUri
            }
            _ => return Flow::Bad(LineError::Request),
        })
    }

    fn in_uri(&mut self, ch: u8, at: u32) -> Flow {
        Flow::To(match (self.state, ch) {
            (_, b' ') => {
                self.uri.end = at;
                State::AfterUri
            }
            (_, CR | LF) => {
                self.uri.end = at;
                return self.ends_as_09(ch);
            }
            (_, 0..0x20 | 0x7f) => return Flow::Bad(LineError::Request),
            (_, b'#') => {
                self.complex = true;
                State::Uri
            }
            (State::Uri, _) => State::Uri,
            (_, b'?') => {
                self.args_start = at + 1;
                State::Uri
            }
            (_, b'%') => {
                self.quoted = true;
                State::Uri
            }
            (State::AfterSlash, b'/' | b'.') => {
                self.complex = true;
                State::Uri
            }
            (State::AfterSlash, b'+') => State::AfterSlash,
            (State::CheckUri, b'/') => State::AfterSlash,
            _ => State::CheckUri,
        })
    }

    /// A line without a version.
    fn ends_as_09(&mut self, ch: u8) -> Flow {
        self.minor = 9;
        if ch == LF {
            Flow::Done
        } else {
            Flow::To(State::AlmostDone)
        }
    }

    fn in_version(&mut self, ch: u8, at: u32) -> Flow {
        let digit = ch.wrapping_sub(b'0');
        Flow::To(match (self.state, ch) {
            (State::AfterUri, b' ') => State::AfterUri,
            (State::AfterUri, CR | LF) => return self.ends_as_09(ch),
            (State::AfterUri, b'H') => {
                self.protocol_start = at;
                State::Protocol(1)
            }
            (State::Protocol(seen), _) if b"HTTP/".get(usize::from(seen)) == Some(&ch) => {
                if seen == 4 {
                    State::FirstMajor
                } else {
                    State::Protocol(seen + 1)
                }
            }
            (State::FirstMajor, b'1'..=b'9') | (State::Major, b'0'..=b'9') => {
                self.major = self.major * 10 + u16::from(digit);
                if self.major > 1 {
                    return Flow::Bad(LineError::Version);
                }
                State::Major
            }
            (State::Major, b'.') => State::FirstMinor,
            (State::FirstMinor, b'0'..=b'9') => {
                self.minor = u16::from(digit);
                State::Minor
            }
            (State::Minor, b'0'..=b'9') if self.minor <= 99 => {
                self.minor = self.minor * 10 + u16::from(digit);
                State::Minor
            }
            (State::Minor | State::SpacesAfterVersion, b' ') => State::SpacesAfterVersion,
            (State::Minor | State::SpacesAfterVersion, CR) => State::AlmostDone,
            (State::Minor | State::SpacesAfterVersion, LF) => return Flow::Done,
            (State::AlmostDone, LF) => {
                self.end = at.saturating_sub(1);
                return Flow::Done;
            }
            _ => return Flow::Bad(LineError::Request),
        })
    }
}

fn method(name: &[u8]) -> Method {
    match name {
        b"GET" => Method::Get,
        b"HEAD" => Method::Head,
        b"POST" => Method::Post,
        b"PUT" => Method::Put,
        b"DELETE" => Method::Delete,
        b"MKCOL" => Method::Mkcol,
        b"COPY" => Method::Copy,
        b"MOVE" => Method::Move,
        b"OPTIONS" => Method::Options,
        b"PROPFIND" => Method::Propfind,
        b"PROPPATCH" => Method::Proppatch,
        b"LOCK" => Method::Lock,
        b"UNLOCK" => Method::Unlock,
        b"PATCH" => Method::Patch,
        b"TRACE" => Method::Trace,
        b"CONNECT" => Method::Connect,
        _ => Method::Unknown,
    }
}
