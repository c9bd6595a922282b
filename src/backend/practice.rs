//! Routes to practise a proxy with: slow, failing, large and endless answers, and uploads that are
//! measured but never held in memory.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::header::{self, ContentType};
use actix_web::http::{Method, StatusCode, Version};
use actix_web::rt::time::sleep;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Shared;
use super::answer::{Refusal, drain, json, page, sink};

/// The longest `/delay`, and the longest time between two events of `/stream`, in seconds.
const MAX_SECONDS: f64 = 60.0;
/// The largest `/bytes`: 10 GiB.
const MAX_BYTES: u64 = 10 << 30;
/// The largest N of `/flaky/N`; there is a counter for each.
const MAX_FLAKY: u64 = 1000;
/// The most events of one `/stream`.
const MAX_EVENTS: u64 = 3600;

/// How many requests each `/flaky/N` has had.
#[derive(Default)]
pub struct FlakyCounts(Mutex<HashMap<u64, u64>>);

impl FlakyCounts {
    fn next(&self, n: u64) -> u64 {
        // A count stays a count even if another thread panicked while it held the lock.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(n).or_insert(0);
        *count += 1;
        *count
    }
}

pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/delay/{argument}").to(delay))
        .service(web::resource("/status/{argument}").to(status))
        .service(web::resource("/flaky/{argument}").to(flaky))
        .service(page("/bytes/{argument}", bytes))
        .service(page("/stream", events))
        .service(sink("/upload", upload));
}

/// The part of the path behind the route's name, as it was sent, as a `T` that `accepts` likes.
fn argument<T: FromStr>(
    request: &HttpRequest,
    wanted: &'static str,
    accepts: impl Fn(&T) -> bool,
) -> Result<T, Refusal> {
    let text = request.match_info().get("argument").unwrap_or("");
    parse(text, accepts).ok_or_else(|| Refusal::Argument {
        path: request.uri().path().to_owned(),
        text: text.to_owned(),
        wanted,
    })
}

fn parse<T: FromStr>(text: &str, accepts: impl Fn(&T) -> bool) -> Option<T> {
    text.parse().ok().filter(accepts)
}

fn is_span(seconds: &f64) -> bool {
    (0.0..=MAX_SECONDS).contains(seconds)
}

#[derive(Serialize)]
struct Delayed {
    waited_seconds: f64,
}

/// `/delay/SECONDS`: answers that much later.
async fn delay(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, Refusal> {
    drain(body).await;
    let seconds = argument(&request, "a number of seconds from 0 to 60", is_span)?;
    sleep(Duration::from_secs_f64(seconds)).await;
    let body = Delayed {
        waited_seconds: seconds,
    };
    Ok(json(StatusCode::OK, &body))
}

#[derive(Serialize)]
struct Status<'a> {
    reason: Option<&'a str>,
    status: u16,
}

/// `/status/N`: answers with that status. A redirect leads to `/users` of the host that the
/// request named: with the right `Host` from the proxy, to an address that the client can reach.
async fn status(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, Refusal> {
    drain(body).await;
    let final_status = |status: &StatusCode| (200..=599).contains(&status.as_u16());
    let status = argument(&request, "a status from 200 to 599", final_status)?;
    let body = Status {
        reason: status.canonical_reason(),
        status: status.as_u16(),
    };
    if matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        return Ok(HttpResponse::new(status));
    }
    let mut answer = json(status, &body);
    if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        let host = request.connection_info().host().to_owned();
        if let Ok(location) = format!("http://{host}/users").parse() {
            answer.headers_mut().insert(header::LOCATION, location);
        }
    }
    Ok(answer)
}

#[derive(Serialize)]
struct Flaky {
    every: u64,
    failed: bool,
    request: u64,
}

/// `/flaky/N`: every Nth request to it fails with 503.
async fn flaky(
    request: HttpRequest,
    shared: web::Data<Shared>,
    body: web::Payload,
) -> Result<HttpResponse, Refusal> {
    drain(body).await;
    let wanted = "a whole number from 1 to 1000";
    let every: u64 = argument(&request, wanted, |n| (1..=MAX_FLAKY).contains(n))?;
    let count = shared.flaky.next(every);
    if count.is_multiple_of(every) {
        return Err(Refusal::Flaky { count, every });
    }
    let body = Flaky {
        every,
        failed: false,
        request: count,
    };
    Ok(json(StatusCode::OK, &body))
}

/// What `/bytes` sends over and over: lines of 16 bytes that say their own position. Its length is
/// a prime, so that a lost, doubled or swapped block of any usual size changes the content.
fn pattern() -> Bytes {
    const PERIOD: usize = 65_521;
    let mut text = Vec::with_capacity(PERIOD + 16);
    while text.len() < PERIOD {
        let line = format!("{:015}\n", text.len());
        text.extend_from_slice(line.as_bytes());
    }
    text.truncate(PERIOD);
    Bytes::from(text)
}

/// `/bytes/N`: N bytes, made as they are sent; the same at each request.
async fn bytes(request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let wanted = "a number of bytes from 0 to 10737418240 (10 GiB)";
    let length: u64 = argument(&request, wanted, |n| *n <= MAX_BYTES)?;
    // The body of an answer to HEAD is announced, not made.
    let made = if request.method() == Method::HEAD {
        0
    } else {
        length
    };
    let pieces = stream::unfold((pattern(), made), |(pattern, left)| async move {
        let size = pattern
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let piece = pattern.slice(..size);
        let left = left - size as u64;
        (size > 0).then_some((Ok::<_, std::convert::Infallible>(piece), (pattern, left)))
    });
    Ok(HttpResponse::Ok()
        .insert_header(ContentType::plaintext())
        .body(SizedStream::new(length, Box::pin(pieces))))
}

#[derive(Serialize)]
struct Uploaded {
    bytes: u64,
    sha256: String,
}

/// `/upload`: how much arrived, and its SHA-256. There is no limit: that is the proxy's business
/// (`client_max_body_size`).
async fn upload(mut body: web::Payload) -> Result<HttpResponse, Refusal> {
    let mut bytes = 0;
    let mut digest = Sha256::new();
    while let Some(piece) = body.next().await {
        let piece = piece?;
        bytes += piece.len() as u64;
        digest.update(&piece);
    }
    let body = Uploaded {
        bytes,
        sha256: format!("{:x}", digest.finalize()),
    };
    Ok(json(StatusCode::OK, &body))
}

/// What the query of `/stream` asks for.
struct Schedule {
    events: u64,
    every: Duration,
}

impl Schedule {
    /// Reads `n=5&every=1`; both may be missing.
    fn from_query(query: &str) -> Result<Self, Refusal> {
        let mut schedule = Self {
            events: 5,
            every: Duration::from_secs(1),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
            let refused = |wanted| Refusal::Query {
                path: "/stream",
                name: name.to_owned(),
                text: text.to_owned(),
                wanted,
            };
            match name {
                "n" => {
                    schedule.events = parse(text, |n| (1..=MAX_EVENTS).contains(n))
                        .ok_or_else(|| refused("a whole number from 1 to 3600"))?;
                }
                "every" => {
                    schedule.every = parse(text, is_span)
                        .map(Duration::from_secs_f64)
                        .ok_or_else(|| refused("a number of seconds from 0 to 60"))?;
                }
                _ => return Err(refused("an argument: there are n and every")),
            }
        }
        Ok(schedule)
    }
}

/// `/stream?n=5&every=1`: server-sent events, the first at once, then one every so many seconds.
async fn events(request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let Schedule { events, every } = Schedule::from_query(request.query_string())?;
    let sent = if request.method() == Method::HEAD {
        0
    } else {
        events
    };
    let pieces = stream::iter(1..=sent).then(move |number| async move {
        if number > 1 {
            sleep(every).await;
        }
        let event = format!("id: {number}\ndata: {{\"event\":{number},\"of\":{events}}}\n\n");
        Ok::<_, std::convert::Infallible>(Bytes::from(event))
    });
    let mut answer = HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .streaming(pieces);
    if request.version() < Version::HTTP_11 {
        // HTTP/1.0 has no chunks: the end of the connection is the end of the answer.
        answer.head_mut().no_chunking(true);
        answer
            .head_mut()
            .set_connection_type(actix_web::http::ConnectionType::Close);
    }
    Ok(answer)
}
