//! The files that were read, and places in them.

use std::path::{Path, PathBuf};

/// A place in a file: where a word begins and ends. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Index in [`Sources`].
    pub file: u16,
    pub line: u32,
    pub column: u32,
    /// Byte offsets in the file's text, end exclusive.
    pub start: u32,
    pub end: u32,
}

/// The text of every file that was read, in the order of reading; `-g` directives are a file of their own.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// What `include` lines looked for: a pattern, or a name that could not be read, with what was found.
    includes: Vec<Include>,
}

/// What an `include` line looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    pub pattern: PathBuf,
    pub found: Vec<PathBuf>,
}

/// One file.
#[derive(Debug, Clone)]
pub struct Source {
    /// As nginx names it in messages (absolute for files; "command line" for `-g`).
    pub path: PathBuf,
    /// Raw bytes: a configuration need not be UTF-8.
    pub text: Vec<u8>,
    /// These are the directives of `-g`.
    pub command_line: bool,
}

impl Sources {
    /// Adds a file and gives its index (65,535 files at most: the rest share the last index).
    pub fn add(&mut self, path: PathBuf, text: Vec<u8>) -> u16 {
        self.push(Source {
            path,
            text,
            command_line: false,
        })
    }

    /// Adds the directives of `-g`.
    pub fn add_command_line(&mut self, text: Vec<u8>) -> u16 {
        self.push(Source {
            path: PathBuf::from("command line"),
            text,
            command_line: true,
        })
    }

    fn push(&mut self, source: Source) -> u16 {
        self.files.push(source);
        u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX)
    }

    /// Notes what an `include` line looked for.
    pub fn add_include(&mut self, pattern: PathBuf, found: Vec<PathBuf>) {
        self.includes.push(Include { pattern, found });
    }

    pub fn includes(&self) -> &[Include] {
        &self.includes
    }

    pub fn get(&self, file: u16) -> Option<&Source> {
        self.files.get(usize::from(file))
    }

    pub fn files(&self) -> &[Source] {
        &self.files
    }

    /// The path of the file a span lies in.
    pub fn path(&self, span: Span) -> &Path {
        self.get(span.file).map_or(Path::new(""), |s| &s.path)
    }

    /// The directive that a span lies in, as written, without its `;` or block; its first line where it has several.
    pub fn directive(&self, span: Span) -> String {
        let text = self.get(span.file).map_or(&[][..], |source| &source.text);
        let start = (span.start as usize).min(text.len());
        let (before, after) = text.split_at(start);
        let ends = |b: &u8| matches!(b, b';' | b'{' | b'}' | b'\n');
        let before = before.rsplit(ends).next().unwrap_or_default();
        let mut quote = None;
        let end = after.iter().position(|&b| match (quote, b) {
            (_, b'\n') => true,
            (Some(open), _) => {
                if b == open {
                    quote = None;
                }
                false
            }
            (None, b'"' | b'\'') => {
                quote = Some(b);
                false
            }
            (None, _) => matches!(b, b';' | b'{'),
        });
        let after = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
        let line = String::from_utf8_lossy(&[before, after].concat()).into_owned();
        line.trim().to_owned()
    }

    /// `nginx.conf:14`, as stories show a place: the file's name without its folder, and the line.
    pub fn short(&self, span: Span) -> String {
        let name = self.path(span).file_name().unwrap_or_default();
        format!("{}:{}", name.to_string_lossy(), span.line)
    }
}
