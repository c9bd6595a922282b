//! `/`, `/users` and `/inspect`: what the lesson's Flask program answers, and a closer look at the
//! request, so that a learner sees what the proxy really sent.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use super::Shared;
use super::answer::{drain, json, page};

pub fn routes(app: &mut web::ServiceConfig) {
    app.service(page("/", index))
        .service(page("/users", users))
        .service(web::resource("/inspect").to(inspect));
}

#[derive(Serialize)]
struct Index<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'a str>,
    headers: BTreeMap<String, String>,
    message: &'static str,
}

async fn index(request: HttpRequest, shared: web::Data<Shared>) -> HttpResponse {
    let body = Index {
        backend: shared.name.as_deref(),
        headers: as_flask_shows(request.headers()),
        message: "Hello from the backend!",
    };
    json(StatusCode::OK, &body)
}

#[derive(Serialize)]
struct User {
    id: u32,
    name: &'static str,
}

const USERS: [User; 2] = [
    User {
        id: 1,
        name: "Alice",
    },
    User { id: 2, name: "Bob" },
];

async fn users() -> HttpResponse {
    json(StatusCode::OK, &USERS)
}

#[derive(Serialize)]
struct Inspection<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'a str>,
    body_bytes: u64,
    headers: Vec<String>,
    method: &'a str,
    path: &'a str,
    peer: Option<String>,
    query: &'a str,
    version: String,
}

/// Any method: says what arrived. `path` and `query` are as received, not decoded; `headers` has
/// one `Name: value` for each line (repeated ones too), sorted by name, since actix-web keeps no
/// order between names.
async fn inspect(
    request: HttpRequest,
    shared: web::Data<Shared>,
    body: web::Payload,
) -> HttpResponse {
    let mut headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (title_case(name.as_str()), latin1(value.as_bytes())))
        .collect();
    // A stable sort: the values of a repeated header stay in their order.
    headers.sort_by(|one, other| one.0.cmp(&other.0));
    let inspection = Inspection {
        backend: shared.name.as_deref(),
        body_bytes: drain(body).await,
        headers: headers
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect(),
        method: request.method().as_str(),
        path: request.uri().path(),
        peer: request.peer_addr().map(|peer| peer.ip().to_string()),
        query: request.query_string(),
        version: format!("{:?}", request.version()),
    };
    json(StatusCode::OK, &inspection)
}

/// The headers as Flask's `dict(request.headers)` has them: WSGI joins repeated ones by a bare
/// comma, drops names with an underscore, and keeps of `Content-Type` and `Content-Length` the
/// last, if it says anything.
fn as_flask_shows(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        if name.as_str().contains('_') {
            continue;
        }
        let value = latin1(value.as_bytes());
        let last_counts = [CONTENT_TYPE, CONTENT_LENGTH].contains(name);
        if last_counts && value.is_empty() {
            continue;
        }
        shown
            .entry(title_case(name.as_str()))
            .and_modify(|known| {
                if last_counts {
                    known.clone_from(&value);
                } else {
                    known.push(',');
                    known.push_str(&value);
                }
            })
            .or_insert(value);
    }
    shown
}

/// `x-real-ip` → `X-Real-Ip`: a letter is a capital where none stands before it, as in Python's
/// `str.title`.
fn title_case(name: &str) -> String {
    let mut inside_word = false;
    name.chars()
        .map(|c| {
            let shown = if inside_word {
                c.to_ascii_lowercase()
            } else {
                c.to_ascii_uppercase()
            };
            inside_word = c.is_ascii_alphabetic();
            shown
        })
        .collect()
}

/// Header values are bytes; WSGI reads each byte as one character.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn shown(pairs: &[(&'static str, &[u8])]) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_bytes(value).expect("a value"),
            );
        }
        as_flask_shows(&headers).into_iter().collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn headers_are_shown_as_flask_shows_them() {
        assert_eq!(
            shown(&[
                ("x-real-ip", b"127.0.0.1"),
                ("x-a", b"1"),
                ("x-a", b"2"),
                ("foo_bar", b"dropped"),
                ("x1ab-2cd", b"v"),
                ("x.y", b""),
                ("x-odd", b"\xc3\xa9\xff"),
            ]),
            [
                pair("X-A", "1,2"),
                pair("X-Odd", "\u{c3}\u{a9}\u{ff}"),
                pair("X-Real-Ip", "127.0.0.1"),
                pair("X.Y", ""),
                pair("X1Ab-2Cd", "v"),
            ]
        );
    }

    #[test]
    fn of_content_type_the_last_counts_and_an_empty_one_is_dropped() {
        assert_eq!(shown(&[("content-type", b"")]), []);
        assert_eq!(
            shown(&[("content-type", b"a/b"), ("content-type", b"c/d")]),
            [pair("Content-Type", "c/d")]
        );
    }
}
