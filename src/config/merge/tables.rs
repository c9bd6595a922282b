//! nginx's tables of variables and of headers, where a file can be too much for one: see [`crate::config::hash`].

use std::cell::Cell;
use std::collections::HashSet;

use super::Merge;
use crate::config::analyse::chain::Chain;
use crate::config::analyse::http::{RANK_PROXY, RANK_VARIABLES};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::variables;

/// Which tables of a level are built: a level below takes them over where it says nothing of its own.
#[derive(Debug, Default)]
pub struct Built {
    pub hidden: Cell<bool>,
    pub set: Cell<bool>,
}

/// The headers of a table.
pub struct Names<'a> {
    pub names: Vec<&'a [u8]>,
    /// Names that take no room, but count.
    pub taken_out: usize,
    /// Where the file sets them, if it does.
    pub words: Vec<&'a Word>,
}

impl Names<'_> {
    /// Shows what of the file is too much: a name that is set twice, or the first.
    fn show(&self, found: Diagnostic) -> Diagnostic {
        let is_twice = |word: &&&Word| {
            let same = |other: &&&Word| other.value.eq_ignore_ascii_case(&word.value);
            self.words.iter().filter(same).count() > 1
        };
        match (self.words.iter().find(is_twice), self.words.first()) {
            (Some(twice), _) => found.at(twice.span).help(format!(
                "`{}` is set more than once: the backend gets each of them",
                twice.text()
            )),
            (None, Some(first)) => found.at(first.span),
            (None, None) => found,
        }
    }
}

impl Merge<'_> {
    /// `variables_hash`: nginx's own variables that may be asked for by name, and the file's.
    pub fn variables_hash(&mut self, chain: &Chain<'_>) {
        let mut names: HashSet<&str> = variables::hashed().collect();
        let made = self.analyser.variables.made();
        names.extend(made.iter().map(String::as_str));
        let names = names.into_iter().map(str::as_bytes);
        let found = chain
            .hash("variables_hash")
            .check_with(names, variables::NOT_HASHED.len());
        if let Some(found) = found {
            self.report_each(RANK_VARIABLES, found);
        }
    }

    /// `proxy_headers_hash`: the headers that an answer loses, or those that a request gets.
    pub fn proxy_headers_hash(&mut self, chain: &Chain<'_>, names: &Names<'_>) {
        let keys = names.names.iter().map(|name| name.to_ascii_lowercase());
        let keys: Vec<Vec<u8>> = keys.collect();
        let found = chain
            .hash("proxy_headers_hash")
            .check_with(keys.iter().map(Vec::as_slice), names.taken_out);
        if let Some(found) = found {
            self.report_each(RANK_PROXY, names.show(found));
        }
    }
}
