//! The part of the model that concerns answers on their way out, and files beyond `root` and `index`: values of the filter
//! modules (headers, gunzip, sub, charset, gzip, write) and of autoindex, gzip_static and `disable_symlinks`.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::charset::Charsets;
use super::model::AddHeader;
use super::regex::Regex;
use super::template::Template;
use super::values;
use super::variables::Var;

/// Directives of the filter modules, merged.
#[derive(Debug, Clone)]
pub struct Filters {
    /// One of the filters may have something to do here; where false, an answer passes them all untouched.
    pub active: bool,
    pub expires: Expires,
    /// `add_trailer`
    pub trailers: Arc<[AddHeader]>,
    pub gunzip: Gunzip,
    pub sub: Substitute,
    pub charset: CharsetRules,
    pub gzip: Gzip,
    pub rate: Rate,
    pub browsers: Browsers,
    /// `output_buffers`: number and size of the portions in which a file goes through the body filters.
    pub output_buffers: (usize, usize),
}

/// `expires`: what the `Expires` and `Cache-Control` fields say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expires {
    Off,
    Epoch,
    Max,
    /// Seconds from the request's time; may be negative.
    Access(i64),
    /// Seconds from the file's modification.
    Modified(i64),
    /// `@15h30m`: the next time that the local clock shows so many seconds after midnight.
    Daily(i64),
    /// Evaluated, then read like the others.
    Variable {
        value: Template,
        modified: bool,
    },
}

impl Expires {
    /// Reads a value as nginx's `ngx_http_parse_expires` does.
    ///
    /// # Errors
    /// What nginx says of a value that is none.
    pub fn parse(text: &[u8], modified: bool) -> Result<Self, &'static str> {
        match text {
            b"epoch" if !modified => return Ok(Self::Epoch),
            b"max" if !modified => return Ok(Self::Max),
            b"off" if !modified => return Ok(Self::Off),
            _ => {}
        }
        let (sign, digits) = match text {
            [sign @ (b'@' | b'+' | b'-'), rest @ ..] => (*sign, rest),
            _ => (b'+', text),
        };
        if sign == b'@' && modified {
            return Err("daily time cannot be used with \"modified\" parameter");
        }
        let time = values::sec(digits).ok_or("invalid value")?;
        let seconds = i64::try_from(time.as_secs()).map_err(|_| "invalid value")?;
        Ok(match sign {
            b'@' if seconds > 24 * 60 * 60 => {
                return Err("daily time value must be less than 24 hours");
            }
            b'@' => Self::Daily(seconds),
            b'-' if modified => Self::Modified(-seconds),
            b'-' => Self::Access(-seconds),
            _ if modified => Self::Modified(seconds),
            _ => Self::Access(seconds),
        })
    }
}

/// A set of MIME types (`gzip_types`, `sub_filter_types`, `charset_types`), lower-case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Types {
    /// `*`
    Any,
    Of(HashSet<Bytes>),
}

impl Types {
    pub fn of(names: &[&'static str]) -> Self {
        let names = names.iter().map(|name| Bytes::from_static(name.as_bytes()));
        Self::Of(names.collect())
    }

    /// Whether a type belongs to it; an answer without a type belongs to `*` alone.
    pub fn contains(&self, content_type: &[u8]) -> bool {
        match self {
            Self::Any => true,
            _ if content_type.is_empty() => false,
            Self::Of(names) if content_type.iter().any(u8::is_ascii_uppercase) => {
                names.contains(&content_type.to_ascii_lowercase()[..])
            }
            Self::Of(names) => names.contains(content_type),
        }
    }
}

/// `gunzip`, with its buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gunzip {
    pub on: bool,
    /// `gunzip_buffers`: number and size.
    pub buffers: (usize, usize),
}

/// `sub_filter` and what belongs to it.
#[derive(Debug, Clone)]
pub struct Substitute {
    pub pairs: Arc<[SubPair]>,
    pub types: Arc<Types>,
    pub once: bool,
    pub last_modified: bool,
}

/// `sub_filter STRING REPLACEMENT`.
#[derive(Debug, Clone)]
pub struct SubPair {
    /// Constant parts are lower-case: patterns match without case.
    pub pattern: Template,
    pub replacement: Template,
}

/// `charset`, `source_charset`, `override_charset`, `charset_types`.
#[derive(Debug, Clone)]
pub struct CharsetRules {
    pub charset: Charset,
    pub source: Charset,
    pub override_charset: bool,
    pub types: Arc<Types>,
    /// Every charset that the file names.
    pub known: Arc<Charsets>,
}

/// A charset as a line gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charset {
    Off,
    Name(Bytes),
    Variable(Var),
}

/// The gzip filter, with the rules about clients that its neighbours share.
#[derive(Debug, Clone)]
pub struct Gzip {
    pub on: bool,
    pub types: Arc<Types>,
    /// 1 to 9.
    pub level: u8,
    /// `gzip_min_length` in bytes, 20.
    pub min_length: u64,
    /// `gzip_window` as bits, 15.
    pub window_bits: u8,
    /// `gzip_hash` as zlib's memory level, 8.
    pub memory_level: u8,
    /// `gzip_buffers`: number and size.
    pub buffers: (usize, usize),
    /// `postpone_gzipping` in bytes.
    pub postpone: usize,
    /// `gzip_vary`
    pub vary: bool,
    /// `gzip_http_version` as 1000 × major + minor.
    pub http_version: u16,
    /// `gzip_proxied`: the words given.
    pub proxied: Arc<[&'static str]>,
    /// `gzip_disable msie6`
    pub disable_msie6: bool,
    /// `gzip_disable` patterns.
    pub disable: Arc<[Regex]>,
}

/// `limit_rate` and `limit_rate_after`; `None` is no limit.
#[derive(Debug, Clone)]
pub struct Rate {
    pub limit: Option<Template>,
    pub after: Option<Template>,
}

/// What is done for particular browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Browsers {
    /// `keepalive_disable msie6`: no keep-alive after a POST.
    pub no_keepalive_msie6: bool,
    /// `keepalive_disable safari`
    pub no_keepalive_safari: bool,
    /// `msie_refresh`
    pub msie_refresh: bool,
}

/// Directives about files beyond the core's, merged.
#[derive(Debug, Clone)]
pub struct Files {
    /// `autoindex on`, with its format.
    pub autoindex: Option<Autoindex>,
    pub gzip_static: GzipStatic,
    pub symlinks: Symlinks,
    /// `random_index on`
    pub random_index: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Autoindex {
    pub format: AutoindexFormat,
    /// `autoindex_localtime`
    pub local_time: bool,
    /// `autoindex_exact_size`
    pub exact_size: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoindexFormat {
    Html,
    Json,
    Jsonp,
    Xml,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GzipStatic {
    Off,
    On,
    Always,
}

/// `disable_symlinks`
#[derive(Debug, Clone, Default)]
pub struct Symlinks {
    pub disabled: SymlinksDisabled,
    /// `from=`: the part of the path that is not looked at.
    pub from: Option<Template>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SymlinksDisabled {
    #[default]
    Off,
    On,
    NotOwner,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expires_values() {
        let parse = |text: &str| Expires::parse(text.as_bytes(), false);
        assert_eq!(parse("epoch"), Ok(Expires::Epoch));
        assert_eq!(parse("30d"), Ok(Expires::Access(2_592_000)));
        assert_eq!(parse("-1"), Ok(Expires::Access(-1)));
        assert_eq!(parse("+1h"), Ok(Expires::Access(3600)));
        assert_eq!(parse("@15h30m"), Ok(Expires::Daily(55_800)));
        assert!(parse("@25h").is_err());
        assert!(parse("").is_err());
        assert!(Expires::parse(b"max", true).is_err());
        assert!(Expires::parse(b"@1h", true).is_err());
        assert_eq!(Expires::parse(b"24h", true), Ok(Expires::Modified(86_400)));
    }

    #[test]
    fn types_are_found_in_any_case() {
        let types = Types::of(&["text/html"]);
        assert!(types.contains(b"Text/HTML"));
        assert!(!types.contains(b"text/html2"));
        assert!(!types.contains(b""));
        assert!(Types::Any.contains(b""));
        assert!(Types::Any.contains(b"x"));
    }
}
