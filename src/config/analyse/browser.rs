//! `modern_browser`, `ancient_browser` and their values.

use bytes::Bytes;

use super::{Analyser, Outcome, emerg, invalid_parameter};
use crate::config::browser::{MASKS, version};
use crate::config::names::nearest;
use crate::config::parser::Directive;

/// What a block says about browsers.
#[derive(Debug, Default)]
pub struct Draft {
    /// Indexes of masks, each with a version.
    pub modern: Vec<(usize, u64)>,
    pub unlisted: bool,
    pub ancient: Vec<Bytes>,
    pub netscape4: bool,
    pub modern_value: Option<Bytes>,
    pub ancient_value: Option<Bytes>,
}

impl Analyser {
    fn browsers(&mut self) -> &mut Draft {
        &mut self.frame().level.modules.browsers
    }
}

/// `modern_browser BROWSER VERSION`, `modern_browser unlisted`
pub fn modern(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let [browser, number] = &*directive.args else {
        if !directive.arg().is("unlisted") {
            // nginx ends here without a word.
            return Err(invalid_parameter(directive, directive.arg())
                .label("expected `unlisted`, or a browser and a version"));
        }
        analyser.browsers().unlisted = true;
        return Ok(());
    };
    let names = MASKS.map(|(name, _)| name);
    let same = |name: &&str| browser.value.eq_ignore_ascii_case(name.as_bytes());
    let Some(mask) = names.iter().position(same) else {
        let found = emerg(
            directive,
            format!("unknown browser name \"{}\"", browser.text()),
        );
        let found = found
            .at(browser.span)
            .label(format!("expected one of: {}", names.join(", ")));
        return Err(found.did_you_mean(nearest(&browser.text(), names)));
    };
    let (version, rest) = version(&number.value);
    if !rest.is_empty() {
        return Err(emerg(
            directive,
            format!("invalid browser version \"{}\"", number.text()),
        )
        .at(number.span)
        .label("expected numbers and dots: `5.5`"));
    }
    analyser.browsers().modern.push((mask, version));
    Ok(())
}

/// `ancient_browser STRING…`
pub fn ancient(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    for word in &directive.args {
        match word.is("netscape4") {
            true => analyser.browsers().netscape4 = true,
            false => analyser.browsers().ancient.push(word.value.clone()),
        }
    }
    Ok(())
}

/// `modern_browser_value STRING`; the last line counts.
pub fn modern_value(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    analyser.browsers().modern_value = Some(directive.arg().value.clone());
    Ok(())
}

/// `ancient_browser_value STRING`
pub fn ancient_value(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    analyser.browsers().ancient_value = Some(directive.arg().value.clone());
    Ok(())
}
