//! Fields or trailers as they are sent, to be found again by name: `$sent_http_…`, `$sent_trailer_…`.

use bytes::Bytes;

/// Lines of `Name: value`. A value may hold line ends of its own, as `add_header` lets it.
#[derive(Debug, Default)]
pub struct FieldLines {
    lines: Bytes,
    /// Where the line feeds are that belong to values, in order.
    inside: Vec<usize>,
}

/// Notes the line feeds inside of values, while lines are written.
#[derive(Debug, Default)]
pub struct LineFeeds(Vec<usize>);

impl LineFeeds {
    /// The line that was just written from `start` on, its end included.
    pub fn note(&mut self, written: &[u8], start: usize) {
        let line = written.get(start..).unwrap_or_default();
        let line = line.strip_suffix(b"\r\n").unwrap_or(line);
        self.0
            .extend(memchr::memchr_iter(b'\n', line).map(|at| start + at));
    }

    /// The lines from `start` on of what was written.
    pub fn of(&self, written: &Bytes, start: usize) -> FieldLines {
        FieldLines {
            lines: written.slice(start..),
            inside: self.0.iter().map(|at| at.saturating_sub(start)).collect(),
        }
    }
}

impl FieldLines {
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The first line is that of a type.
    pub fn begins_with_type(&self) -> bool {
        self.lines.starts_with(b"Content-Type: ")
    }

    /// Names and values.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        let lines = std::iter::from_fn(move || {
            let rest = self.lines.get(start..)?;
            let mut ends = memchr::memchr_iter(b'\n', rest).map(|at| start + at);
            let end = ends.find(|at| self.inside.binary_search(at).is_err())?;
            let line = self.lines.get(start..end)?;
            start = end + 1;
            Some(line.strip_suffix(b"\r").unwrap_or(line))
        });
        lines.filter_map(|line| {
            let colon = memchr::memmem::find(line, b": ")?;
            Some((line.get(..colon)?, line.get(colon + 2..)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_line_ends() {
        let mut written = b"HTTP/1.1 200 OK\r\n".to_vec();
        let start = written.len();
        let mut feeds = LineFeeds::default();
        let fields: [(&str, &str); 4] = [
            ("A", "1\n2: 3\r\n4"),
            ("B", " \n"),
            ("C", "\r\n\r\n"),
            ("D", ""),
        ];
        for (name, value) in fields {
            let at = written.len();
            written.extend(format!("{name}: {value}\r\n").bytes());
            feeds.note(&written, at);
        }
        written.extend(b"\r\n");
        let lines = feeds.of(&Bytes::from(written), start);
        let found: Vec<_> = lines.fields().collect();
        let expected = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        assert_eq!(found, expected);
    }
}
