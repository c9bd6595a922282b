//! `userid_expires`, `userid_flags` and `userid_mark`.

use super::generic::{bad_time, one_of};
use super::{Analyser, Outcome, bad, duplicate, warn};
use crate::config::modules::CookieExpires;
use crate::config::parser::Directive;
use crate::config::source::Span;
use crate::config::values;

/// What a block says beyond plain values.
#[derive(Debug, Default)]
pub struct Draft {
    pub expires: Option<(CookieExpires, Span)>,
    /// The inner `None` is `off`.
    pub mark: Option<(Option<u8>, Span)>,
    pub flags: Vec<&'static str>,
}

/// nginx's number for `max`: the last second that a cookie can say.
const MAX: i64 = 2_145_916_555;

/// Words of `userid_flags`, in the order in which a cookie has them.
pub const FLAGS: [&str; 6] = [
    "off",
    "secure",
    "httponly",
    "samesite=strict",
    "samesite=lax",
    "samesite=none",
];

/// `userid_expires TIME | max | off`
pub fn expires(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some((_, first)) = analyser.frame().level.modules.user_id.expires {
        return Err(duplicate(directive, Some(first)));
    }
    let word = directive.arg();
    let expires = match &*word.value {
        b"max" => CookieExpires::Max,
        b"off" => CookieExpires::Session,
        text => {
            let time = values::sec(text).ok_or_else(|| bad_time(directive))?;
            match i64::try_from(time.as_secs()) {
                Ok(0) => CookieExpires::Session,
                Ok(MAX) => CookieExpires::Max,
                Ok(seconds) => CookieExpires::After(seconds),
                Err(_) => return Err(bad_time(directive)),
            }
        }
    };
    analyser.frame().level.modules.user_id.expires = Some((expires, directive.name.span));
    Ok(())
}

/// `userid_mark LETTER | DIGIT | = | off`
pub fn mark(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some((_, first)) = analyser.frame().level.modules.user_id.mark {
        return Err(duplicate(directive, Some(first)));
    }
    let word = directive.arg();
    let mark = match &*word.value {
        b"off" => None,
        &[mark] if mark.is_ascii_alphanumeric() || mark == b'=' => Some(mark),
        _ => {
            let what = "value must be \"off\" or a single letter, digit or \"=\"";
            return Err(bad(directive, what).at(word.span));
        }
    };
    analyser.frame().level.modules.user_id.mark = Some((mark, directive.name.span));
    Ok(())
}

/// `userid_flags off | FLAG…`: lines add up; of `samesite` the first counts.
pub fn flags(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    for word in &directive.args {
        let flag = one_of(directive, word, &FLAGS)?;
        let kind = |flag: &str| flag.split('=').next().unwrap_or_default().to_owned();
        let known = &mut analyser.frame().level.modules.user_id.flags;
        if !known.iter().any(|known| kind(known) == kind(flag)) {
            known.push(flag);
            continue;
        }
        let message = format!("duplicate value \"{}\"", word.text());
        analyser.report(warn(directive, message).at(word.span), directive.end);
    }
    Ok(())
}
