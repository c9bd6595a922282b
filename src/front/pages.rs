//! The small standard pages of statuses, and status lines.

use bytes::{Bytes, BytesMut};

/// Code and reason as nginx's status line has them; `None` where nginx sends the bare number.
pub fn status_line(status: u16) -> Option<&'static str> {
    Some(match status {
        200 => "200 OK",
        201 => "201 Created",
        202 => "202 Accepted",
        204 => "204 No Content",
        206 => "206 Partial Content",
        301 => "301 Moved Permanently",
        302 => "302 Moved Temporarily",
        303 => "303 See Other",
        304 => "304 Not Modified",
        307 => "307 Temporary Redirect",
        308 => "308 Permanent Redirect",
        400 => "400 Bad Request",
        401 => "401 Unauthorized",
        402 => "402 Payment Required",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        405 => "405 Not Allowed",
        406 => "406 Not Acceptable",
        408 => "408 Request Time-out",
        409 => "409 Conflict",
        410 => "410 Gone",
        411 => "411 Length Required",
        412 => "412 Precondition Failed",
        413 => "413 Request Entity Too Large",
        414 => "414 Request-URI Too Large",
        415 => "415 Unsupported Media Type",
        416 => "416 Requested Range Not Satisfiable",
        421 => "421 Misdirected Request",
        429 => "429 Too Many Requests",
        500 => "500 Internal Server Error",
        501 => "501 Not Implemented",
        502 => "502 Bad Gateway",
        503 => "503 Service Temporarily Unavailable",
        504 => "504 Gateway Time-out",
        505 => "505 HTTP Version Not Supported",
        507 => "507 Insufficient Storage",
        _ => return None,
    })
}

/// Title and text of a standard page; `None` where nginx has none and sends an empty body.
fn page(status: u16) -> Option<(&'static str, &'static str)> {
    Some(match status {
        301 => ("301 Moved Permanently", ""),
        302 => ("302 Found", ""),
        303 => ("303 See Other", ""),
        307 => ("307 Temporary Redirect", ""),
        308 => ("308 Permanent Redirect", ""),
        401 => ("401 Authorization Required", ""),
        494 => (
            "400 Request Header Or Cookie Too Large",
            "Request Header Or Cookie Too Large",
        ),
        495 => ("400 The SSL certificate error", "The SSL certificate error"),
        496 => (
            "400 No required SSL certificate was sent",
            "No required SSL certificate was sent",
        ),
        497 => (
            "400 The plain HTTP request was sent to HTTPS port",
            "The plain HTTP request was sent to HTTPS port",
        ),
        498 => ("404 Not Found", ""),
        400..=599 => (status_line(status)?, ""),
        _ => return None,
    })
}

/// The standard page with the product's name at its foot; empty where there is none.
///
/// `padded` is nginx's answer to browsers that would hide a short error page (`msie_padding`).
pub fn standard(status: u16, product: &str, padded: bool) -> Bytes {
    let Some((title, text)) = page(status) else {
        return Bytes::new();
    };
    let heading = if text.is_empty() {
        title
    } else {
        "400 Bad Request"
    };
    let mut out = BytesMut::with_capacity(300);
    for piece in [
        "<html>\r\n<head><title>",
        title,
        "</title></head>\r\n<body>\r\n<center><h1>",
        heading,
        "</h1></center>\r\n",
    ] {
        out.extend_from_slice(piece.as_bytes());
    }
    if !text.is_empty() {
        for piece in ["<center>", text, "</center>\r\n"] {
            out.extend_from_slice(piece.as_bytes());
        }
    }
    for piece in [
        "<hr><center>",
        product,
        "</center>\r\n</body>\r\n</html>\r\n",
    ] {
        out.extend_from_slice(piece.as_bytes());
    }
    if padded && status >= 400 {
        for _ in 0..6 {
            out.extend_from_slice(
                b"<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n",
            );
        }
    }
    out.freeze()
}
