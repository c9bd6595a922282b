//! nginx's regular expressions: PCRE2 over bytes, compiled at load time, with a bound on backtracking.

use std::fmt;

/// Bounds on backtracking, as a prefix of each pattern.
const LIMITS: &str = "(*LIMIT_MATCH=1000000)(*LIMIT_DEPTH=100000)";

/// A compiled pattern with its named captures.
pub struct Regex {
    /// As written in the file.
    pub pattern: String,
    pub caseless: bool,
    /// Named groups as variables: the group's number and the variable's slot.
    pub slots: Vec<(usize, u16)>,
    engine: pcre2::bytes::Regex,
}

/// What can be wrong with a pattern.
#[derive(Debug, thiserror::Error)]
pub enum RegexError {
    #[error("{message}")]
    Syntax {
        message: String,
        offset: Option<usize>,
    },
}

/// Offsets of the groups of a match: `[0]` is the whole, `None` a group that took no part.
pub type Captures = Vec<Option<(u32, u32)>>;

impl Regex {
    /// Compiles a pattern as nginx does (`PCRE2_CASELESS` for `~*`); positions in errors count bytes.
    pub fn new(pattern: &str, caseless: bool) -> Result<Self, RegexError> {
        let engine = pcre2::bytes::RegexBuilder::new()
            .caseless(caseless)
            .jit_if_available(true)
            .build(&format!("{LIMITS}{pattern}"))
            .map_err(|error| {
                let text = error.to_string();
                let message = text.split_once(": ").map_or(&*text, |(_, rest)| rest);
                let message = message.split_once(": ").map_or(message, |(_, rest)| rest);
                RegexError::Syntax {
                    message: message.to_owned(),
                    offset: error.offset().map(|n| n.saturating_sub(LIMITS.len())),
                }
            })?;
        Ok(Self {
            pattern: pattern.to_owned(),
            caseless,
            slots: Vec::new(),
            engine,
        })
    }

    /// The groups of the first match, or `None`. A pattern that runs away counts as an error, as in nginx.
    pub fn captures(&self, subject: &[u8]) -> Result<Option<Captures>, RegexError> {
        let mut locations = self.engine.capture_locations();
        let found = self
            .engine
            .captures_read(&mut locations, subject)
            .map_err(|error| RegexError::Syntax {
                message: error.to_string(),
                offset: None,
            })?;
        if found.is_none() {
            return Ok(None);
        }
        Ok(Some(
            (0..locations.len())
                .map(|i| locations.get(i).map(|(a, b)| (a as u32, b as u32)))
                .collect(),
        ))
    }

    /// How many groups it has, the whole match not counted.
    pub fn groups(&self) -> usize {
        self.engine.captures_len().saturating_sub(1)
    }

    /// Named groups with their numbers.
    pub fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        self.engine
            .capture_names()
            .iter()
            .enumerate()
            .filter_map(|(i, n)| Some((i, n.as_deref()?)))
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            if self.caseless { "~* " } else { "~ " },
            self.pattern
        )
    }
}
