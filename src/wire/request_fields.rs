//! What the fields of a request mean to the server, decided as each line comes and once more when the head is whole
//! (`ngx_http_process_host` and its kin, `ngx_http_process_request_header`).

use super::chars::{contains_ignoring_case, decimal, find};
use super::head::{Browser, Field, Known, Method, Piece};
use super::host::validate_host;
use super::known::known;

/// What makes the head unacceptable: the status and nginx's message.
pub(crate) struct Refusal {
    pub status: u16,
    pub message: Vec<u8>,
}

impl Refusal {
    pub fn new(status: u16, message: &str) -> Self {
        Refusal {
            status,
            message: message.as_bytes().to_vec(),
        }
    }
}

/// The fields so far and what follows from them.
#[derive(Debug, Default, Clone)]
pub(crate) struct RequestFields {
    pub list: Vec<Field>,
    pub ignored: Vec<Piece>,
    /// One bit for each [`Known`] that was met.
    met: u64,
    /// The host's name in the raw head.
    pub host: Option<Piece>,
    /// From `Connection`: close (`Some(false)`) or keep-alive; the last one that says either counts.
    pub keep_alive: Option<bool>,
    pub browser: Browser,
    pub content_length: Option<u64>,
    pub chunked: bool,
}

impl RequestFields {
    fn meet(&mut self, field: Known) -> bool {
        let bit = 1u64 << (field as u32);
        let again = self.met & bit != 0;
        self.met |= bit;
        again
    }

    fn has(&self, field: Known) -> bool {
        self.met & (1u64 << (field as u32)) != 0
    }

    fn value<'a>(&self, raw: &'a [u8], field: Known) -> Option<&'a [u8]> {
        if !self.has(field) {
            return None;
        }
        let first = self.list.iter().find(|f| f.known == field)?;
        Some(first.value.of(raw))
    }

    /// Takes the line that was just read.
    pub fn take(&mut self, raw: &[u8], name: Piece, value: Piece) -> Result<(), Refusal> {
        let field = Field {
            name,
            value,
            known: known(name.of(raw)),
        };
        if self.list.capacity() == 0 {
            self.list.reserve(16);
        }
        self.list.push(field);
        match field.known {
            Known::Host => self.take_host(raw, field),
            Known::IfModifiedSince
            | Known::IfUnmodifiedSince
            | Known::IfMatch
            | Known::IfNoneMatch
            | Known::ContentLength
            | Known::ContentRange
            | Known::IfRange
            | Known::TransferEncoding
            | Known::Expect
            | Known::Authorization => self.take_unique(raw, field),
            Known::Connection => {
                let value = value.of(raw);
                if contains_ignoring_case(value, b"close") {
                    self.keep_alive = Some(false);
                } else if contains_ignoring_case(value, b"keep-alive") {
                    self.keep_alive = Some(true);
                }
                Ok(())
            }
            Known::UserAgent => {
                if !self.meet(Known::UserAgent) {
                    self.browser = browser(value.of(raw));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_host(&mut self, raw: &[u8], field: Field) -> Result<(), Refusal> {
        if self.meet(Known::Host) {
            return Err(self.duplicate(raw, field, "client sent duplicate host header"));
        }
        let Some(name) = validate_host(field.value.of(raw)) else {
            return Err(Refusal::new(400, "client sent invalid host header"));
        };
        if self.host.is_none() {
            self.host = Some(Piece {
                start: field.value.start,
                end: field.value.start + name.len() as u32,
            });
        }
        Ok(())
    }

    fn take_unique(&mut self, raw: &[u8], field: Field) -> Result<(), Refusal> {
        if self.meet(field.known) {
            return Err(self.duplicate(raw, field, "client sent duplicate header line"));
        }
        Ok(())
    }

    fn duplicate(&self, raw: &[u8], field: Field, what: &str) -> Refusal {
        let previous = self.list.iter().find(|f| f.known == field.known);
        let previous = *previous.unwrap_or(&field);
        let mut message = what.as_bytes().to_vec();
        for (before, piece) in [
            (": \"", field.name),
            (": ", field.value),
            ("\", previous value: \"", previous.name),
            (": ", previous.value),
        ] {
            message.extend_from_slice(before.as_bytes());
            message.extend_from_slice(piece.of(raw));
        }
        message.push(b'"');
        Refusal {
            status: 400,
            message,
        }
    }

    /// The head is whole: framing (RFC 9112 section 6) and methods, in nginx's order.
    pub fn finish(&mut self, raw: &[u8], version: u16, method: Method) -> Result<(), Refusal> {
        if version > 1000 && !self.has(Known::Host) {
            return Err(Refusal::new(
                400,
                "client sent HTTP/1.1 request without \"Host\" header",
            ));
        }
        if let Some(value) = self.value(raw, Known::ContentLength) {
            self.content_length = decimal(value);
            if self.content_length.is_none() {
                return Err(Refusal::new(
                    400,
                    "client sent invalid \"Content-Length\" header",
                ));
            }
        }
        if let Some(value) = self.value(raw, Known::TransferEncoding) {
            self.take_coding(value, version)?;
        }
        match method {
            Method::Connect => return Err(Refusal::new(405, "client sent CONNECT method")),
            Method::Trace => return Err(Refusal::new(405, "client sent TRACE method")),
            _ => {}
        }
        Ok(())
    }

    /// `Expect: 100-continue`, be it in a head that is refused for something else.
    pub fn expects_continue(&self, raw: &[u8], version: u16) -> bool {
        version >= 1001
            && self
                .value(raw, Known::Expect)
                .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"))
    }

    fn take_coding(&mut self, value: &[u8], version: u16) -> Result<(), Refusal> {
        if version < 1001 {
            return Err(Refusal::new(
                400,
                "client sent HTTP/1.0 request with \"Transfer-Encoding\" header",
            ));
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            let mut refusal = Refusal::new(501, "client sent unknown \"Transfer-Encoding\": \"");
            refusal.message.extend_from_slice(value);
            refusal.message.push(b'"');
            return Err(refusal);
        }
        if self.has(Known::ContentLength) {
            return Err(Refusal::new(
                400,
                "client sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time",
            ));
        }
        self.chunked = true;
        Ok(())
    }
}

/// nginx's reading of `User-Agent`.
fn browser(agent: &[u8]) -> Browser {
    let mut found = Browser::default();
    let has = |word: &[u8]| find(agent, word).is_some();
    if let Some(at) = find(agent, b"MSIE ") {
        let rest = agent.get(at..).unwrap_or_default();
        if rest.len() > 7 {
            found.msie = true;
            found.msie6 = match rest.get(5..7) {
                Some(b"4." | b"5.") => true,
                Some(b"6.") => rest.get(8..).and_then(|r| find(r, b"SV1")).is_none(),
                _ => false,
            };
        }
    }
    let opera = has(b"Opera");
    if opera {
        found = Browser::default();
    }
    if !found.msie && !opera && !has(b"Gecko/") {
        if has(b"Chrome/") {
            found.chrome = true;
        } else {
            found.safari = has(b"Safari/") && has(b"Mac OS X");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers() {
        let none = Browser::default();
        let msie = Browser { msie: true, ..none };
        let msie6 = Browser {
            msie6: true,
            ..msie
        };
        let chrome = Browser {
            chrome: true,
            ..none
        };
        let safari = Browser {
            safari: true,
            ..none
        };
        for (agent, expected) in [
            ("curl/8.0", none),
            ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", msie6),
            (
                "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)",
                msie,
            ),
            ("Mozilla/4.0 (compatible; MSIE 5.5; Windows NT 5.0)", msie6),
            ("Mozilla/4.0 (compatible; MSIE 8.0)", msie),
            ("Mozilla/4.0 (compatible; MSIE 6.0) Opera 8", none),
            ("MSIE 6.", none),
            ("MSIE 6.0", msie6),
            (
                "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
                chrome,
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/17 Safari/605",
                safari,
            ),
            (
                "Mozilla/5.0 (X11; rv:109.0) Gecko/20100101 Firefox/115.0",
                none,
            ),
            ("", none),
        ] {
            assert_eq!(browser(agent.as_bytes()), expected, "{agent}");
        }
    }
}
