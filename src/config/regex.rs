//! nginx's regular expressions: PCRE2 over bytes, compiled at load time, with a bound on backtracking.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use super::written;

/// What machine code may spend on a match, as a prefix of each pattern. It counts its steps otherwise than PCRE2's
/// interpreter, which nginx uses: whoever needs more is asked of that one, so that the same patterns run away.
const LIMITS: &str = "(*LIMIT_MATCH=100000)";
/// The interpreter's bound on memory; that on backtracking is PCRE2's own, as in nginx.
const INTERPRETED: &str = "(*LIMIT_DEPTH=1000000)";
/// PCRE2's codes where machine code spent that, or has used up its little stack.
const JIT_GAVE_UP: [i32; 2] = [-47, -46];

/// A compiled pattern with its named captures.
pub struct Regex {
    /// As written in the file.
    pub pattern: String,
    pub caseless: bool,
    /// Named groups as variables: the group's number and the variable's slot.
    pub slots: Vec<(usize, u16)>,
    engine: pcre2::bytes::Regex,
    /// The same, interpreted as nginx does by default, for what needs more stack than machine code has.
    interpreted: OnceLock<Option<pcre2::bytes::Regex>>,
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

/// A match that was given up, as nginx tells it: PCRE2's code (-47: too much backtracking), subject and pattern.
#[derive(Debug, thiserror::Error)]
#[error("{code} on \"{subject}\" using \"{pattern}\"")]
pub struct MatchError {
    pub code: i32,
    pub subject: String,
    pub pattern: String,
}

/// Offsets of the groups of a match: `[0]` is the whole, `None` a group that took no part.
pub type Captures = Vec<Option<(u32, u32)>>;

impl Regex {
    /// Compiles a pattern as nginx does (`PCRE2_CASELESS` for `~*`); positions in errors count bytes.
    /// A byte of `pattern` that is no UTF-8 (see [`written::shown`]) is matched as it is.
    pub fn new(pattern: &str, caseless: bool) -> Result<Self, RegexError> {
        let shown = pattern;
        let pattern = &*with_bytes(shown);
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
                    offset: error
                        .offset()
                        .filter(|_| shown == pattern)
                        .map(|n| n.saturating_sub(LIMITS.len())),
                }
            })?;
        Ok(Self {
            pattern: pattern.to_owned(),
            caseless,
            slots: Vec::new(),
            engine,
            interpreted: OnceLock::new(),
        })
    }

    /// The groups of the first match, or `None`. A pattern that runs away counts as an error, as in nginx.
    pub fn captures(&self, subject: &[u8]) -> Result<Option<Captures>, MatchError> {
        let mut locations = self.engine.capture_locations();
        let mut found = self.engine.captures_read(&mut locations, subject);
        if let Err(error) = &found
            && JIT_GAVE_UP.contains(&error.code())
            && let Some(engine) = self.interpreted()
        {
            locations = engine.capture_locations();
            found = engine.captures_read(&mut locations, subject);
        }
        let found = found.map_err(|error| MatchError {
            code: error.code(),
            subject: String::from_utf8_lossy(subject).into_owned(),
            pattern: self.pattern.clone(),
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

    fn interpreted(&self) -> Option<&pcre2::bytes::Regex> {
        let compile = || {
            pcre2::bytes::RegexBuilder::new()
                .caseless(self.caseless)
                .build(&format!("{INTERPRETED}{}", self.pattern))
                .ok()
        };
        self.interpreted.get_or_init(compile).as_ref()
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

/// The pattern with `\xff` for each byte that is no UTF-8.
fn with_bytes(shown: &str) -> Cow<'_, str> {
    let bytes = written::bytes(shown);
    if bytes == shown.as_bytes() {
        return Cow::Borrowed(shown);
    }
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    Cow::Owned(out)
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
