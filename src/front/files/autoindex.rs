//! `autoindex`: a folder's entries as a page, or as data (nginx's autoindex module).

use std::fmt::Write as _;

use bytes::{BufMut, Bytes, BytesMut};

use crate::config::filters::{Autoindex, AutoindexFormat};
use crate::config::model::LogLevel;
use crate::front::filters::charset;
use crate::wire::date;
use crate::wire::escape::{Escape, escape_uri};

use super::super::log;
use super::super::reply::{Flow, Reply, ReplyBody};
use super::super::request::Request;
use super::super::variables;
use super::folder::{self, Entry};

/// Characters of a name that the page shows.
const NAME_LEN: usize = 50;

/// Lists the folder of the URI; [`Flow::Declined`] where the location does not want that.
pub(super) fn serve(r: &Request) -> Flow {
    let Some(rules) = r.location.files.autoindex else {
        return Flow::Declined;
    };
    if !r.method.is_get_or_head() {
        return Flow::Declined;
    }
    if let Err(status) = super::super::phases::discard(r) {
        return Flow::Status(status);
    }
    let mut format = rules.format;
    let mut callback = None;
    if format == AutoindexFormat::Jsonp {
        match callback_name(r) {
            Ok(None) => format = AutoindexFormat::Json,
            Ok(name) => callback = name,
            Err(end) => return end,
        }
    }
    let mut entries = match folder::list(r) {
        Ok(entries) => entries,
        Err(end) => return end,
    };
    // Folders first, then by name.
    entries.sort_by(|a, b| (!a.is_dir, &a.name).cmp(&(!b.is_dir, &b.name)));
    let mut reply = Reply::new(200);
    let content_type = match format {
        AutoindexFormat::Html => "text/html",
        AutoindexFormat::Json => "application/json",
        AutoindexFormat::Jsonp => "application/javascript",
        AutoindexFormat::Xml => "text/xml",
    };
    reply.content_type = Bytes::from_static(content_type.as_bytes());
    if format == AutoindexFormat::Xml {
        reply.charset = Bytes::from_static(b"utf-8");
    }
    let body = match format {
        AutoindexFormat::Html => {
            let utf8 = charset::of_answer(r, &reply).eq_ignore_ascii_case(b"utf-8");
            page(&r.uri, &entries, rules, utf8)
        }
        AutoindexFormat::Json | AutoindexFormat::Jsonp => json(&entries, callback),
        AutoindexFormat::Xml => xml(&entries),
    };
    reply.body = ReplyBody::Bytes(body.freeze());
    reply.into_flow()
}

/// `?callback=NAME` for JSONP.
fn callback_name(r: &Request) -> Result<Option<&[u8]>, Flow> {
    let Some(name) = variables::argument(&r.args, b"callback").filter(|n| !n.is_empty()) else {
        return Ok(None);
    };
    let what = if name.len() > 128 {
        "too long"
    } else if !name
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
    {
        "invalid"
    } else {
        return Ok(Some(name));
    };
    let message = format!("client sent {what} callback name: \"");
    log::error_bytes(
        r,
        LogLevel::Info,
        &[message.as_bytes(), name, b"\""].concat(),
    );
    Err(Flow::Status(400))
}

fn page(uri: &[u8], entries: &[Entry], rules: Autoindex, utf8: bool) -> BytesMut {
    let mut out = BytesMut::with_capacity(256 + 160 * entries.len());
    out.put_slice(b"<html>\r\n<head><title>Index of ");
    escape_html(uri, &mut out);
    out.put_slice(b"</title></head>\r\n<body>\r\n<h1>Index of ");
    escape_html(uri, &mut out);
    out.put_slice(b"</h1><hr><pre><a href=\"../\">../</a>\r\n");
    // nginx adds what the clock is ahead now, whatever it was then.
    let offset = match rules.local_time {
        true => date::local_seconds(variables::now()),
        false => 0,
    };
    for entry in entries {
        line(entry, rules, offset, utf8, &mut out);
    }
    out.put_slice(b"</pre><hr></body>\r\n</html>\r\n");
    out
}

fn line(entry: &Entry, rules: Autoindex, offset: i64, utf8: bool, out: &mut BytesMut) {
    out.put_slice(b"<a href=\"");
    escape_uri(&entry.name, out, Escape::UriComponent);
    if entry.is_dir {
        out.put_u8(b'/');
    }
    out.put_slice(b"\">");
    let mut width = link_text(&entry.name, utf8, out);
    if width <= NAME_LEN {
        if entry.is_dir && width < NAME_LEN {
            out.put_u8(b'/');
            width += 1;
        }
        out.put_slice(b"</a>");
        out.put_bytes(b' ', NAME_LEN - width);
    }
    let time = date::index_time(entry.modified + offset);
    let size = match (entry.is_dir, rules.exact_size) {
        (true, true) => format!("{:>19}", "-"),
        (true, false) => format!("{:>7}", "-"),
        (false, true) => format!("{:>19}", entry.size),
        (false, false) => short_size(entry.size),
    };
    let _ = write!(out, " {time} {size}\r\n");
}

/// The name, shortened if need be; how wide it is (more than there is room for where it was shortened).
fn link_text(name: &[u8], utf8: bool, out: &mut BytesMut) -> usize {
    let chars = match std::str::from_utf8(name) {
        Ok(text) if utf8 => text.chars().count(),
        _ => name.len(),
    };
    if chars <= NAME_LEN {
        escape_html(name, out);
        return chars;
    }
    let cut = match std::str::from_utf8(name) {
        Ok(text) if utf8 => text
            .char_indices()
            .nth(NAME_LEN - 3)
            .map_or(name.len(), |(at, _)| at),
        _ => NAME_LEN - 3,
    };
    escape_html(&name[..cut], out);
    out.put_slice(b"..&gt;</a>");
    chars
}

/// A size that people read: from 10000 bytes in `K`, `M` or `G`, rounded.
fn short_size(size: u64) -> String {
    let (unit, letter) = match size {
        0..=9999 => return format!(" {size:>6}"),
        10_000..=0xf_ffff => (1 << 10, 'K'),
        0x10_0000..=0x3fff_ffff => (1 << 20, 'M'),
        _ => (1u64 << 30, 'G'),
    };
    let rounded = size / unit + u64::from(size % unit > unit / 2 - 1);
    format!("{rounded:>6}{letter}")
}

fn json(entries: &[Entry], callback: Option<&[u8]>) -> BytesMut {
    let mut out = BytesMut::with_capacity(64 + 128 * entries.len());
    if let Some(name) = callback {
        out.put_slice(b"/* callback */\r\n");
        out.put_slice(name);
        out.put_u8(b'(');
    }
    out.put_u8(b'[');
    for (i, entry) in entries.iter().enumerate() {
        out.put_slice(if i > 0 {
            b",\r\n{ \"name\":\""
        } else {
            b"\r\n{ \"name\":\""
        });
        escape_json(&entry.name, &mut out);
        let time = date::http_time(entry.modified);
        let kind = kind(entry);
        let _ = write!(out, "\", \"type\":\"{kind}\", \"mtime\":\"{time}\"");
        if entry.is_file {
            let _ = write!(out, ", \"size\":{}", entry.size);
        }
        out.put_slice(b" }");
    }
    out.put_slice(b"\r\n]");
    if callback.is_some() {
        out.put_slice(b");");
    }
    out
}

fn xml(entries: &[Entry]) -> BytesMut {
    let mut out = BytesMut::with_capacity(64 + 128 * entries.len());
    out.put_slice(b"<?xml version=\"1.0\"?>\r\n<list>\r\n");
    for entry in entries {
        let time = date::utc_time(entry.modified);
        let kind = kind(entry);
        let _ = write!(out, "<{kind} mtime=\"{time}\"");
        if entry.is_file {
            let _ = write!(out, " size=\"{}\"", entry.size);
        }
        out.put_u8(b'>');
        escape_html(&entry.name, &mut out);
        let _ = write!(out, "</{kind}>\r\n");
    }
    out.put_slice(b"</list>\r\n");
    out
}

fn kind(entry: &Entry) -> &'static str {
    match (entry.is_dir, entry.is_file) {
        (true, _) => "directory",
        (false, true) => "file",
        (false, false) => "other",
    }
}

fn escape_html(text: &[u8], out: &mut BytesMut) {
    for &byte in text {
        match byte {
            b'<' => out.put_slice(b"&lt;"),
            b'>' => out.put_slice(b"&gt;"),
            b'&' => out.put_slice(b"&amp;"),
            b'"' => out.put_slice(b"&quot;"),
            _ => out.put_u8(byte),
        }
    }
}

fn escape_json(text: &[u8], out: &mut BytesMut) {
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.put_slice(&[b'\\', byte]),
            b'\n' => out.put_slice(b"\\n"),
            b'\r' => out.put_slice(b"\\r"),
            b'\t' => out.put_slice(b"\\t"),
            0x08 => out.put_slice(b"\\b"),
            0x0c => out.put_slice(b"\\f"),
            0..=0x1f => {
                let _ = write!(out, "\\u{byte:04X}");
            }
            _ => out.put_u8(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_for_people() {
        for (size, expected) in [
            (0, "      0"),
            (9999, "   9999"),
            (10_000, "    10K"),
            (10_240 + 511, "    10K"),
            (10_240 + 512, "    11K"),
            ((1 << 20) - 1, "  1024K"),
            (1 << 20, "     1M"),
            (3 << 29, "     2G"),
        ] {
            assert_eq!(short_size(size), expected, "{size}");
        }
    }

    #[test]
    fn long_names_are_cut_by_characters_where_they_are_text() {
        let shown = |name: &str, utf8| {
            let mut out = BytesMut::new();
            let width = link_text(name.as_bytes(), utf8, &mut out);
            (width, String::from_utf8_lossy(&out).into_owned())
        };
        let name = "é".repeat(51);
        assert_eq!(shown(&name, true), (51, "é".repeat(47) + "..&gt;</a>"));
        assert_eq!(shown("a&b", true), (3, "a&amp;b".into()));
        assert_eq!(shown(&"x".repeat(50), false), (50, "x".repeat(50)));
        let (width, text) = shown(&"x".repeat(51), false);
        assert_eq!((width, text.len()), (51, 47 + 10));
    }

    #[test]
    fn control_characters_in_json() {
        let mut out = BytesMut::new();
        escape_json(b"a\"\\\n\x01\x1f", &mut out);
        assert_eq!(&out[..], b"a\\\"\\\\\\n\\u0001\\u001F");
    }
}
