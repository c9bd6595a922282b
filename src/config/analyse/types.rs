//! `types { MIME EXTENSION…; }`: in its block, names are data.

use bytes::Bytes;

use super::{Analyser, Outcome, emerg, include, warn};
use crate::config::parser::Directive;
use crate::config::written;

/// `types { … }`
pub fn block(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    analyser.frame().level.types.get_or_insert_default();
    if let Some(block) = &directive.block {
        lines(analyser, &block.directives);
    }
    Ok(())
}

fn lines(analyser: &mut Analyser, directives: &[Directive]) {
    for directive in directives {
        if let Err(found) = line(analyser, directive) {
            analyser.report(found, directive.end);
        }
    }
}

fn line(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if directive.block.is_some() {
        return Err(emerg(directive, "unexpected \"{\"")
            .at(directive.end)
            .label("`types` has lines of a type and its extensions, and no blocks"));
    }
    if directive.name.is("include") {
        if directive.args.len() != 1 {
            return Err(emerg(
                directive,
                "invalid number of arguments in \"include\" directive",
            ));
        }
        return include::each(analyser, directive, true, lines);
    }
    let mime = &directive.name.value;
    for word in &directive.args {
        let extension = Bytes::from(word.value.to_ascii_lowercase());
        let types = analyser.frame().level.types.get_or_insert_default();
        if let Some(before) = types.insert(extension.clone(), mime.clone()) {
            let message = format!(
                "duplicate extension \"{}\", content type: \"{}\", previous content type: \"{}\"",
                written::shown(&extension),
                directive.name.text(),
                written::shown(&before)
            );
            analyser.report(warn(directive, message).at(word.span), directive.end);
        }
    }
    Ok(())
}
