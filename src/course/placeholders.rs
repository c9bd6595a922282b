//! `{word}`, `{number}` and friends of a check.toml: drawn from a seed each time an answer is graded.
//!
//! A name stands for one value within a run: `{word}` is the same wherever it is written, `{word2}` and `{word-api}`
//! are others. So a file that hard-codes what the last run wanted fails the next.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// What a placeholder stands for; the part before digits, a dash or a colon names it.
const KINDS: [(&str, &str); 8] = [
    ("word", "a made-up word of six letters"),
    ("Word", "the same, with a capital"),
    ("number", "a whole number from 100 to 99999"),
    ("host", "a made-up host name below .example"),
    ("ip", "an address of a documentation network"),
    ("client", "the address that the request comes from"),
    ("letters:N", "N made-up letters"),
    ("file:NAME", "the text of a file of the exercise"),
];

/// A text that cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    #[error("{{{0}}} is no placeholder: there are {known}; write {{{{ for a brace", known = known())]
    Unknown(String),
    #[error("{{file:{name}}}: {reason}")]
    File { name: String, reason: String },
}

fn known() -> String {
    let names: Vec<String> = KINDS
        .iter()
        .map(|(name, _)| format!("{{{name}}}"))
        .collect();
    names.join(", ")
}

/// The values of one run.
#[derive(Debug)]
pub struct Draw {
    seed: u64,
    /// Where `{file:…}` is looked for, first to last.
    folders: Vec<PathBuf>,
    client: Ipv4Addr,
    drawn: RefCell<BTreeMap<String, String>>,
}

impl Draw {
    pub fn new(seed: u64, folders: Vec<PathBuf>) -> Self {
        // Linux answers on all of 127.0.0.0/8; elsewhere there is one address.
        let last = if cfg!(target_os = "linux") {
            u8::try_from(mix(seed ^ 0x636c_6965_6e74) % 200).unwrap_or(0) + 2
        } else {
            1
        };
        Self {
            seed,
            folders,
            client: Ipv4Addr::new(127, 0, 0, last),
            drawn: RefCell::default(),
        }
    }

    /// The address that requests are sent from.
    pub fn client(&self) -> Ipv4Addr {
        self.client
    }

    /// `text` with every placeholder filled in.
    ///
    /// # Errors
    /// A placeholder that does not exist, or a file that cannot be read.
    pub fn fill(&self, text: &str) -> Result<String, PlaceholderError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            out.push_str(&rest[..open]);
            let behind = &rest[open + 1..];
            if let Some(after) = behind.strip_prefix('{') {
                out.push('{');
                rest = after;
            } else if let Some(name) = placeholder(behind) {
                out.push_str(&self.value(name)?);
                rest = &behind[name.len() + 1..];
            } else {
                // JSON and nginx's blocks have braces too.
                out.push('{');
                rest = behind;
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value(&self, name: &str) -> Result<String, PlaceholderError> {
        if let Some(file) = name.strip_prefix("file:") {
            return self.file(file);
        }
        if let Some(length) = name.strip_prefix("letters:") {
            return self.letters(length, name);
        }
        if let Some(value) = self.drawn.borrow().get(name) {
            return Ok(value.clone());
        }
        let value = self.draw(name)?;
        self.drawn
            .borrow_mut()
            .insert(name.to_owned(), value.clone());
        Ok(value)
    }

    fn draw(&self, name: &str) -> Result<String, PlaceholderError> {
        let kind = name.split(|c: char| c == '-' || c.is_ascii_digit()).next();
        // Every name has luck of its own, whatever is asked for first. `Word` follows `word`.
        let lower = name.to_ascii_lowercase();
        let luck = lower
            .bytes()
            .fold(mix(self.seed), |luck, byte| mix(luck ^ u64::from(byte)));
        Ok(match kind.unwrap_or_default() {
            "word" => word(luck),
            "Word" => {
                let word = word(luck);
                word[..1].to_ascii_uppercase() + &word[1..]
            }
            "number" => (100 + luck % 99_900).to_string(),
            "host" => format!("{}.example", word(luck)),
            "ip" => format!("203.0.113.{}", 1 + luck % 254),
            "client" => self.client.to_string(),
            _ => return Err(PlaceholderError::Unknown(name.to_owned())),
        })
    }

    fn letters(&self, length: &str, name: &str) -> Result<String, PlaceholderError> {
        const MOST: usize = 4 << 20;
        let length = length.parse().ok().filter(|&n| n <= MOST);
        let length = length.ok_or_else(|| PlaceholderError::Unknown(name.to_owned()))?;
        let words = (0..).map(|n| word(mix(self.seed ^ n)));
        Ok(words
            .flat_map(String::into_bytes)
            .map(char::from)
            .take(length)
            .collect())
    }

    fn file(&self, name: &str) -> Result<String, PlaceholderError> {
        let failed = |reason: String| PlaceholderError::File {
            name: name.to_owned(),
            reason,
        };
        if !is_inside(Path::new(name)) {
            return Err(failed("only files of the exercise can be used".to_owned()));
        }
        let found = self
            .folders
            .iter()
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| failed("there is no such file".to_owned()))?;
        std::fs::read_to_string(found).map_err(|error| failed(error.to_string()))
    }
}

/// Whether a relative name stays below its folder.
pub fn is_inside(path: &Path) -> bool {
    let normal = |part| matches!(part, std::path::Component::Normal(_));
    path.components().all(normal) && path.components().next().is_some()
}

/// The name before the closing brace, if `text` begins as a placeholder does.
fn placeholder(text: &str) -> Option<&str> {
    let end = text.find('}')?;
    let name = &text[..end];
    let fits = |c: char| c.is_ascii_alphanumeric() || "-:./_".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    (begins && name.chars().all(fits)).then_some(name)
}

/// Three syllables: no word of any language, and easy to read aloud.
fn word(luck: u64) -> String {
    const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
    const VOWELS: &[u8] = b"aeiou";
    let mut luck = luck;
    let mut word = String::new();
    for _ in 0..3 {
        luck = mix(luck);
        let at = |letters: &[u8], n: u64| char::from(letters[n as usize % letters.len()]);
        word.push(at(CONSONANTS, luck >> 8));
        word.push(at(VOWELS, luck >> 24));
    }
    word
}

/// One step of the splitmix64 generator (Steele, Lea and Flood, 2014).
pub fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_value_in_a_run_and_others_in_another() {
        let one = Draw::new(7, Vec::new());
        let text = one.fill("/{word}/{word2}?{word}").unwrap();
        let (path, query) = text.split_once('?').unwrap();
        let parts: Vec<_> = path.split('/').collect();
        assert_eq!(parts[1], query);
        assert_ne!(parts[1], parts[2]);
        assert_eq!(
            Draw::new(7, Vec::new())
                .fill("/{word}/{word2}?{word}")
                .unwrap(),
            text
        );
        assert_ne!(
            Draw::new(8, Vec::new())
                .fill("/{word}/{word2}?{word}")
                .unwrap(),
            text
        );
    }

    #[test]
    fn what_is_asked_first_does_not_matter() {
        let (one, other) = (Draw::new(1, Vec::new()), Draw::new(1, Vec::new()));
        let number = one.fill("{number}").unwrap();
        other.fill("{word}").unwrap();
        assert_eq!(other.fill("{number}").unwrap(), number);
    }

    #[test]
    fn braces_that_are_no_placeholders_stay() {
        let draw = Draw::new(1, Vec::new());
        assert_eq!(
            draw.fill(r#"{"id":1} { } {{word}"#).unwrap(),
            r#"{"id":1} { } {word}"#
        );
        assert_eq!(draw.fill("{").unwrap(), "{");
    }

    #[test]
    fn mistakes_are_named() {
        let draw = Draw::new(1, Vec::new());
        let error = draw.fill("{wrod}").unwrap_err().to_string();
        assert!(
            error.starts_with("{wrod} is no placeholder: there are {word}"),
            "{error}"
        );
        for name in ["/etc/passwd", "../x", "a/../../x", "nothing"] {
            assert!(draw.fill(&format!("{{file:{name}}}")).is_err(), "{name}");
        }
    }
}
