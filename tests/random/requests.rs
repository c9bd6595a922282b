//! Random requests for a site, and random answers of the backends behind it.

use crate::oracle::spec::{AnswerSpec, Answers, ConnectionSpec, FullAnswer, ReadUntil, Then};
use crate::rng::Rng;
use crate::site::Site;
use crate::words::{HOSTS, SMALL_GZIP};

const ENDINGS: &[&str] = &[
    "",
    "",
    "a.txt",
    "b.html",
    "index.html",
    "dir",
    "dir/",
    "dir/c.txt",
    "dir/sub/",
    "bare/",
    "missing",
    "sp%20ace.txt",
    "noext",
    "long.txt",
    "empty.txt",
    "%61.txt",
    "../a.txt",
    "./a.txt",
    "x//y",
    "%2e%2e/a.txt",
    "v1/users",
    "v2/a%2Fb",
    "A.TXT",
    "a.txt/",
    "caf%C3%A9",
    "?x=a",
    "a.txt?x=b2&y",
    "users?x=1&x=2",
    "#frag",
    "a b",
    "%zz",
    "%00",
    "\\\\",
    "style.css",
    "data.json",
    "404.html",
    "50x.html",
    "e.txt",
    "dir/f.html",
    "?x=b1&ip=10.1.2.3",
    "a.txt?ip=2001:db8::1&charset=koi8-r",
    "b.html?x=epoch",
    "?x=max&page=/a.txt",
    "old/a.txt?x=1h",
    "ru.txt",
    "dir/ru8.txt?charset=koi8-r",
    "ru.txt?charset=utf-8&y=%41",
    "bare/%3Codd%3E%20&%20name.html",
    "dir/c.txt?",
    "dir/./sub/../c.txt",
    "//dir//c.txt",
    "dir/%2e%2E/a.txt",
    "style.css?x=%20a",
    "long.txt",
    "b.html",
    "?",
];

const FIELDS: &[&str] = &[
    "Range: bytes=0-4",
    "Range: bytes=-3",
    "Range: bytes=2-2,5-6",
    "Range: bytes=999999-",
    "Range: bytes=0-,0-",
    "Range: lines=1",
    "If-Modified-Since: Tue, 02 Jan 2024 03:04:05 GMT",
    "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT",
    "If-None-Match: *",
    "If-None-Match: \"65937d25-17\"",
    "If-Match: \"nope\"",
    "If-Match: W/\"65937d25-17\", \"x\"",
    "If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT",
    "If-Range: \"65937d25-17\"",
    "Accept-Encoding: gzip, deflate",
    "Accept-Encoding: gzip;q=0",
    "X-Test: t1",
    "X-Test: other value",
    "X-Forwarded-For: 203.0.113.9",
    "Cookie: c=1; d=2",
    "Cookie: c=second",
    "Connection: close",
    "Connection: keep-alive",
    "User-Agent: Mozilla/5.0 (compatible; MSIE 7.0; Windows NT 5.1)",
    "User-Agent: test/1.0",
    "Upgrade: websocket",
    "TE: trailers",
    "Via: 1.1 proxy",
    "X_Under: score",
    "Bad Name: x",
    "Referer: http://a.example/x",
    "Referer: https://www.example.org",
    "Referer: nothing",
    "Content-Type: text/plain",
    "Authorization: Basic dXNlcjpwYXNz",
    "Accept-Encoding: gzip",
    "Accept-Encoding: gzip",
    "Accept-Encoding: br, *;q=0.5",
    "Accept-Encoding: identity;q=1, gzip;q=0.1",
    "User-Agent: Mozilla/4.0 (compatible; MSIE 5.5; Windows 98)",
    "User-Agent: Mozilla/5.0 (Macintosh) AppleWebKit/1 (KHTML) Safari/1",
    "Expect: 100-continue",
    "Expect: nonsense",
    "X-Forwarded-For: 10.0.0.1, 10.0.0.2",
    "Connection: close, TE",
    "Connection: upgrade",
    "Cache-Control: no-cache",
    "If-None-Match: W/\"65937d25-17\", \"x\"",
    "If-Match: *",
    "If-Range: Tue, 02 Jan 2024 03:04:05 GMT",
    "Range: bytes=1-",
    "Range: bytes = 0-1",
    "Range: bytes=5-2",
    "Range: bytes=-0",
    "Host: second.example",
    "X-Long: \\{y*1100}",
    "X-Empty:",
    "Content-Length: 0",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Date: Mon, 01 Jan 2024 00:00:00 GMT",
];

const UPSTREAM: &[&str] = &[
    "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 5\nX-Up: 1\n\nhello",
    "HTTP/1.1 200 OK\nContent-Type: text/html; charset=utf-8\nSet-Cookie: a=1; Path=/base\nSet-Cookie: b=2\n\nby close",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Type: text/html\n\n5\nhello\n0\n\n",
    "HTTP/1.1 404 Not Found\nContent-Length: 4\n\nnone",
    "HTTP/1.1 500 Oops\nContent-Length: 4\nETag: \"x\"\n\noops",
    "HTTP/1.1 503 Busy\nContent-Length: 0\n\n",
    "HTTP/1.1 302 Found\nLocation: http://127.0.0.1:@BACKEND@/base/next\nContent-Length: 0\n\n",
    "HTTP/1.1 301 Moved\nLocation: /local\nContent-Length: 0\n\n",
    "HTTP/1.1 304 Not Modified\nETag: \"y\"\n\n",
    "HTTP/1.1 204 No Content\n\n",
    "HTTP/1.0 200 OK\nServer: up/1\nDate: Mon, 01 Jan 2024 00:00:00 GMT\nLast-Modified: Tue, 02 Jan 2024 03:04:05 GMT\nContent-Length: 3\n\nold",
    "HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-1/5\nContent-Length: 2\n\nhe",
    "HTTP/1.1 200 OK\nContent-Length: 10\nAccept-Ranges: bytes\n\nshort",
    "HTTP/1.1 200 OK\nContent-Length: 2\n\nlonger than said",
    "HTTP/1.1 200 OK\nBroken\n\n",
    "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=x\nContent-Length: 0\n\n",
    "HTTP/1.1 200 OK\nX-Accel-Expires: 1\nX-Accel-Buffering: no\nCache-Control: no-cache\nContent-Length: 1\n\nx",
    "HTTP/1.1 200 OK\nX-Accel-Redirect: /a.txt\nContent-Type: text/x-up\nSet-Cookie: a=1; Domain=up.example; Path=/base/x; Secure\nContent-Length: 1\n\nx",
    "HTTP/1.1 200 OK\nX-Accel-Redirect: /dir/c.txt?x=a\nExpires: never\nCache-Control: private\nContent-Length: 1\n\nx",
    "HTTP/1.1 200 OK\nX-Accel-Redirect: @named\nX-Accel-Charset: koi8-r\nContent-Length: 1\n\nx",
    "HTTP/1.1 200 OK\nContent-Type: text/plain\nX-Accel-Charset: koi8-r\nX-Accel-Limit-Rate: 100000\nContent-Length: 12\n\nhello, hello",
    "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Encoding: gzip\nETag: \"x\"\nContent-Length: 36\n\n@GZIP@",
    "HTTP/1.1 200 OK\nContent-Type: text/html\nETag: W/\"weak\"\nExpires: Mon, 01 Jan 2001 00:00:00 GMT\nVary: Cookie\nContent-Length: 40\n\n<html><head></head><body>hello</body></h>",
    "HTTP/1.1 201 Created\nLocation: http://up.example/base/made?x=1\nRefresh: 5; url=/base/x\nContent-Length: 0\n\n",
    "HTTP/1.1 303 See Other\nLocation: /base/other\nSet-Cookie: b=2; httponly; samesite=strict; path=/\nContent-Length: 2\n\nno",
    "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nTrailer: X-T\n\n5;ext=1\nhello\n6\n, you.\n0\nX-T: 1\n\n",
    "HTTP/1.1 416 Range\nContent-Range: bytes */5\nContent-Length: 0\n\n",
    "HTTP/1.1 200 OK\nConnection: close\nKeep-Alive: timeout=1\nContent-Length: 3\n\nbye",
    "HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 2\n\nok",
    "HTTP/1.1 200\nContent-Length: 2\n\nok",
    "HTTP/1.1 403 Forbidden\nContent-Type: text/html\nWWW-Authenticate: x\nContent-Length: 3\n\nno!",
    "HTTP/1.1 429 Many\nRetry-After: 5\nContent-Length: 0\n\n",
    "HTTP/1.1 200 OK\nContent-Type: text/plain\nContent-Length: 3000\n\n\\{hello, e*375}",
    "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 9000\n\n\\{hello, abc*900}",
    "HTTP/1.1 200 OK\nContent-Type: text/plain; charset=koi8-r\nContent-Length: 4\n\n\\xf0\\xd2\\xc9!",
    "HTTP/1.1 200 OK\nSet-Cookie: a=up; Path=/base/; SameSite=Lax\nX-Up: \\{z*900}\nLink: <x>\nContent-Length: 1\n\nx",
];

/// One connection with one to three requests.
pub fn connection(rng: &mut Rng, site: &Site, number: usize) -> ConnectionSpec {
    let count = if rng.chance(70) { 1 } else { 2 + rng.below(2) };
    let mut send = String::new();
    let mut methods = Vec::new();
    for _ in 0..count {
        let (text, method) = request(rng, site);
        send.push_str(&text);
        methods.push(method);
    }
    let backend = (0..1 + rng.below(2))
        .map(|_| answer(site, rng.pick(UPSTREAM)))
        .collect();
    ConnectionSpec {
        name: format!("{number}"),
        to: rng.pick(&site.ports).into(),
        request: Vec::new(),
        host: String::new(),
        fields: Vec::new(),
        send: Some(send),
        answers: Some(Answers::Methods(methods)),
        shutdown: false,
        step: Vec::new(),
        backend,
    }
}

/// A backend's answer. Where a site may say of a body what is not so, or promise to keep the connection whatever comes, the
/// backend waits for no more than comes, and closes.
fn answer(site: &Site, text: &str) -> AnswerSpec {
    let text = text.replace("@GZIP@", SMALL_GZIP);
    let doubtful = [
        "proxy_pass_request_body off",
        "proxy_set_header Content-Length",
        "proxy_set_header Connection",
    ];
    if !doubtful.iter().any(|line| site.config.contains(line)) {
        return AnswerSpec::Plain(text);
    }
    AnswerSpec::Full(FullAnswer {
        send: vec![text],
        read: ReadUntil::Quiet,
        then: Then::Close,
    })
}

/// A request's text in the harness's notation, and its method.
fn request(rng: &mut Rng, site: &Site) -> (String, String) {
    let method = rng.pick(&[
        "GET", "GET", "GET", "GET", "GET", "HEAD", "HEAD", "POST", "POST", "PUT", "DELETE",
        "OPTIONS",
    ]);
    let version = rng.pick(&["1.1", "1.1", "1.1", "1.1", "1.1", "1.0"]);
    let base = match site.paths.len() {
        0 => "/".to_string(),
        many => site.paths[rng.below(many)].clone(),
    };
    let ending = rng.pick(ENDINGS);
    let path = match rng.below(4) {
        0 => format!("/{ending}"),
        1 => base,
        _ => format!("{base}{ending}"),
    };
    let host = rng.pick(HOSTS);
    let path = if rng.chance(3) {
        format!("http://{}{path}", rng.pick(HOSTS))
    } else {
        path
    };
    let mut text = format!("{method} {path} HTTP/{version}\nHost: {host}\n");
    for _ in 0..rng.below(4) {
        text.push_str(rng.pick(FIELDS));
        text.push('\n');
    }
    let with_body = match method {
        "POST" | "PUT" => rng.chance(80),
        _ => rng.chance(3),
    };
    if !with_body {
        text.push('\n');
    } else if version == "1.1" && rng.chance(30) {
        text.push_str("Transfer-Encoding: chunked\n\n3\nabc\n6\ndefghi\n0\n\n");
    } else {
        let length = rng.pick(&[0, 4, 12, 2000]);
        text.push_str(&format!("Content-Length: {length}\n\n"));
        if length > 0 {
            text.push_str(&format!("\\{{b*{length}}}"));
        }
    }
    (text, method.to_string())
}
