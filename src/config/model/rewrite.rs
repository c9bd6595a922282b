//! The directives of the rewrite phase: `return`, `rewrite`, `set`, `if`, `break`.

use std::sync::Arc;

use crate::config::regex::Regex;
use crate::config::source::Span;
use crate::config::template::Template;

use super::Location;

/// One directive of the rewrite phase.
#[derive(Debug)]
pub enum RewriteStep {
    Return(Return),
    /// `set $name value`
    Set {
        target: SetTarget,
        value: Template,
        span: Span,
    },
    Rewrite(Box<Rewrite>),
    If(Box<If>),
    Break(Span),
}

/// What a `set` sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetTarget {
    /// A variable of the file's own.
    Slot(u16),
    /// `$args`
    Args,
    /// `$limit_rate`
    LimitRate,
}

/// `rewrite REGEX REPLACEMENT [FLAG]`.
#[derive(Debug)]
pub struct Rewrite {
    pub regex: Arc<Regex>,
    /// Before the first `?`; for a redirect the whole replacement but a final `?`.
    pub path: Template,
    /// After the first `?`; `None` where there is none, and for a redirect.
    pub args: Option<Template>,
    /// A redirect's replacement has a `?`: the request's arguments are added with `&`.
    pub has_args: bool,
    /// The request's own arguments are added (no final `?`).
    pub add_args: bool,
    pub end: RewriteEnd,
    pub span: Span,
}

/// What follows a `rewrite` that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewriteEnd {
    /// No flag: the next directive.
    Continue,
    Last,
    Break,
    /// 301 or 302.
    Redirect(u16),
}

/// An `if` block: while its condition holds, its own level applies.
#[derive(Debug)]
pub struct If {
    pub condition: Condition,
    /// The block's configuration; its `rewrite` are the directives inside. An `if` of a server's own level has none but these.
    pub level: Arc<Location>,
    pub span: Span,
}

/// What an `if` tests.
#[derive(Debug)]
pub enum Condition {
    /// Neither empty nor `0`.
    True(Template),
    Equal {
        left: Template,
        right: Template,
        negate: bool,
    },
    Matches {
        subject: Template,
        regex: Arc<Regex>,
        negate: bool,
    },
    File {
        test: FileTest,
        path: Template,
        negate: bool,
    },
}

/// `-f`, `-d`, `-e`, `-x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTest {
    File,
    Directory,
    Exists,
    Executable,
}

/// `return CODE [TEXT|URL]`.
#[derive(Debug)]
pub struct Return {
    pub status: u16,
    pub body: ReturnBody,
    pub span: Span,
}

#[derive(Debug)]
pub enum ReturnBody {
    /// `return 404;`: the standard page of the status.
    None,
    Text(Template),
    /// 301, 302, 303, 307, 308 (and `return URL`, which is 302).
    Redirect(Template),
}
