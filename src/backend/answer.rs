//! Answers in Flask's form: compact JSON with a final newline, non-ASCII characters escaped, and
//! errors as JSON too, so that a learner sees at a glance which of the two servers is speaking.

use std::io;

use actix_web::error::PayloadError;
use actix_web::http::header::{ALLOW, ContentType, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{
    FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, ResponseError, web,
};
use futures::StreamExt;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

/// Compact JSON in which everything outside printable ASCII is escaped, as Python's `json` does.
struct AsciiFormatter;

impl Formatter for AsciiFormatter {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        for piece in fragment.split_inclusive(|c: char| !(' '..='~').contains(&c)) {
            let plain = piece.trim_end_matches(|c: char| !(' '..='~').contains(&c));
            writer.write_all(plain.as_bytes())?;
            for unit in piece.get(plain.len()..).unwrap_or("").encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }

    fn write_char_escape<W>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}

/// An answer with `status` and `value` as Flask's `jsonify` writes it. The fields of a struct must
/// stand in alphabetical order: Flask sorts keys.
pub fn json(status: StatusCode, value: &impl Serialize) -> HttpResponse {
    let mut text = Vec::new();
    match value.serialize(&mut Serializer::with_formatter(&mut text, AsciiFormatter)) {
        Ok(()) => {
            text.push(b'\n');
            HttpResponse::build(status)
                .insert_header(ContentType::json())
                .body(text)
        }
        // Only a map with keys that are not strings fails, and there is none.
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

#[derive(Serialize)]
struct RefusalBody<'a> {
    error: &'a str,
    message: &'a str,
    status: u16,
}

/// Every way in which the backend declines a request, in words for the person at the other end.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A path that cannot be used as it is.
    #[error("{path}: \"{text}\" is not {wanted}")]
    Argument {
        path: String,
        text: String,
        wanted: &'static str,
    },
    /// A query argument that cannot be used.
    #[error("{path}: {name}={text} is not {wanted}")]
    Query {
        path: &'static str,
        name: String,
        text: String,
        wanted: &'static str,
    },
    /// No route has this path. It is repeated as it arrived: that is what a learner has to know
    /// when `proxy_pass` rewrote it.
    #[error("the demo backend has nothing at {0}")]
    NotFound(String),
    /// The route has other methods.
    #[error("{method} is not allowed here, only {allowed}")]
    Method {
        method: Method,
        allowed: &'static str,
    },
    /// The client went away or broke its own framing.
    #[error("the upload broke off: {0}")]
    Upload(#[from] PayloadError),
    /// It was this request's turn to fail.
    #[error("request {count} failed on purpose: of /flaky/{every}, one in {every} does")]
    Flaky { count: u64, every: u64 },
}

impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Argument { .. } | Self::Query { .. } | Self::Upload(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Flaky { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let body = RefusalBody {
            error: status.canonical_reason().unwrap_or("Error"),
            message: &self.to_string(),
            status: status.as_u16(),
        };
        let mut answer = json(status, &body);
        if let Self::Method { allowed, .. } = self {
            let allowed = HeaderValue::from_static(allowed);
            answer.headers_mut().insert(ALLOW, allowed);
        }
        answer
    }
}

/// The default service: any path without a route.
pub async fn not_found(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, Refusal> {
    drain(body).await;
    Err(Refusal::NotFound(request.uri().path().to_owned()))
}

/// Reads and forgets a request's body and returns its length in bytes. An answer sent over an
/// unread body would close the connection, and a proxy in the middle of the upload might not see
/// the answer.
pub async fn drain(mut body: web::Payload) -> u64 {
    let mut length = 0;
    while let Some(Ok(piece)) = body.next().await {
        length += piece.len() as u64;
    }
    length
}

/// A resource with the methods that Flask gives a plain route: GET and HEAD by `handler`, OPTIONS
/// and the refusal of all others by itself.
pub fn page<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    const ALLOWED: &str = "GET, HEAD, OPTIONS";
    with_other_methods(path, ALLOWED)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
}

/// A resource that takes uploads: POST and PUT by `handler`.
pub fn sink<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    const ALLOWED: &str = "OPTIONS, POST, PUT";
    with_other_methods(path, ALLOWED)
        .route(web::post().to(handler.clone()))
        .route(web::put().to(handler))
}

/// OPTIONS answers with `Allow`; so does the 405 to a method that no route takes.
fn with_other_methods(path: &str, allowed: &'static str) -> Resource {
    let options =
        move || async move { HttpResponse::Ok().insert_header((ALLOW, allowed)).finish() };
    let refuse = move |method: Method, body: web::Payload| async move {
        drain(body).await;
        Err::<HttpResponse, _>(Refusal::Method { method, allowed })
    };
    web::resource(path)
        .route(web::method(Method::OPTIONS).to(options))
        .default_service(web::to(refuse))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> String {
        let mut text = Vec::new();
        value
            .serialize(&mut Serializer::with_formatter(&mut text, AsciiFormatter))
            .expect("a string serialises");
        String::from_utf8(text).expect("ASCII")
    }

    #[test]
    fn strings_are_escaped_as_python_does() {
        // Each right-hand side is what json.dumps printed.
        assert_eq!(written("plain </>&' text"), r#""plain </>&' text""#);
        assert_eq!(written("é\u{ff}x"), r#""\u00e9\u00ffx""#);
        assert_eq!(written("\u{7f}\u{1}\t\"\\"), r#""\u007f\u0001\t\"\\""#);
        assert_eq!(written("😀"), r#""\ud83d\ude00""#);
    }
}
