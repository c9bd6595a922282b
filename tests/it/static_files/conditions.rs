//! `If-Modified-Since` and its kin.

use super::{DATE, TAG, head, start};

#[test]
fn conditions() {
    let program = start();
    // The words stand for the file's date, moments around it, and its tag.
    let filled = |fields: &str| {
        let fields = fields.replace("DATE", DATE).replace("TAG", TAG);
        let fields = fields.replace("EARLIER", "Sun, 06 Nov 1994 08:49:36 GMT");
        fields.replace("LATER", "Sun, 06 Nov 1994 08:49:38 GMT")
    };
    for (target, fields, status) in [
        ("/a.txt", "If-Modified-Since: DATE", 304),
        (
            "/a.txt",
            "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT",
            304,
        ),
        ("/a.txt", "If-Modified-Since: Sun Nov  6 08:49:37 1994", 304),
        ("/a.txt", "If-Modified-Since: LATER", 200),
        ("/a.txt", "If-Modified-Since: EARLIER", 200),
        ("/a.txt", "If-Modified-Since: yesterday", 200),
        ("/since-before/a.txt", "If-Modified-Since: LATER", 304),
        ("/since-off/a.txt", "If-Modified-Since: DATE", 200),
        ("/a.txt", "If-None-Match: TAG", 304),
        ("/a.txt", "If-None-Match: W/TAG", 304),
        ("/a.txt", "If-None-Match: \"x\", TAG", 304),
        ("/a.txt", "If-None-Match: *", 304),
        ("/a.txt", "If-None-Match: \"x\"", 200),
        ("/tag-less/a.txt", "If-None-Match: TAG", 200),
        // Both must hold.
        (
            "/a.txt",
            "If-None-Match: TAG\nIf-Modified-Since: EARLIER",
            200,
        ),
        (
            "/a.txt",
            "If-None-Match: \"x\"\nIf-Modified-Since: DATE",
            200,
        ),
        ("/a.txt", "If-Match: TAG", 200),
        ("/a.txt", "If-Match: W/TAG", 412),
        ("/a.txt", "If-Match: \"x\"", 412),
        ("/a.txt", "If-Unmodified-Since: DATE", 200),
        ("/a.txt", "If-Unmodified-Since: LATER", 200),
        ("/a.txt", "If-Unmodified-Since: EARLIER", 412),
        ("/a.txt", "If-Unmodified-Since: x", 412),
        // A text has neither date nor tag.
        ("/echo", "If-Unmodified-Since: DATE", 412),
        ("/echo", "If-None-Match: \"x\"", 200),
        // Not for what is no 200.
        ("/docs", "If-Match: \"x\"", 301),
        ("/nope", "If-None-Match: *", 404),
    ] {
        let fields = filled(fields);
        let fields: Vec<&str> = fields.lines().collect();
        let answer = program.ask("GET", target, &fields);
        assert_eq!(answer.status(), status, "{target} {fields:?}");
    }
}

#[test]
fn a_304_and_a_412_have_nginxs_head() {
    let program = start();
    let answer = program.ask("GET", "/a.txt", &["If-None-Match: *"]);
    let expected = [
        "HTTP/1.1 304 Not Modified",
        &format!("Last-Modified: {DATE}"),
        "Connection: close",
        &format!("ETag: {TAG}"),
    ];
    assert_eq!(head(&answer), expected);
    let answer = program.ask("GET", "/plain/a.txt", &["If-Match: \"x\""]);
    let expected = [
        "HTTP/1.1 412 Precondition Failed",
        "Content-Type: text/html",
        &format!("Content-Length: {}", answer.body.len()),
        "Connection: close",
        "X-Always: yes",
    ];
    assert_eq!(head(&answer), expected);
}
