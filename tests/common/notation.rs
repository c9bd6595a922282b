//! The notation of the tables in `tests/data`: `\r`, `\n`, `\t`, `\xHH`, and `\{text*N}` for text N times.

/// Undoes the notation of the tables (and nginx's own, in log fields).
pub fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&ch, tail)) = rest.split_first() {
        rest = tail;
        if ch != b'\\' {
            out.push(ch);
            continue;
        }
        let (&kind, tail) = rest.split_first().expect("an escape");
        rest = tail;
        match kind {
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("hex");
                out.push(u8::from_str_radix(digits, 16).expect("hex"));
                rest = &rest[2..];
            }
            b'{' => {
                let end = rest.iter().position(|c| *c == b'}').expect("a brace");
                let inner = std::str::from_utf8(&rest[..end]).expect("text");
                let (body, count) = inner.rsplit_once('*').expect("a count");
                out.extend(decode(body).repeat(count.parse().expect("a number")));
                rest = &rest[end + 1..];
            }
            other => out.push(other),
        }
    }
    out
}
