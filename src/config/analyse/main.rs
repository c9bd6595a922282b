//! Directives of the main context and of `events`.

use super::frame::Frame;
use super::{Analyser, Outcome, bad, duplicate, emerg, warn};
use crate::config::names::nearest;
use crate::config::parser::Directive;
use crate::config::table::Contexts;
use crate::config::values;

/// `events { … }`
pub fn events(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let first = analyser.shared.events.replace(directive.name.span);
    let mut frame = Frame::new(Contexts::EVENTS);
    frame.opened = Some(directive.name.span);
    if first.is_some() {
        analyser.report(duplicate(directive, first), directive.end);
    }
    analyser.block(directive, frame);
    Ok(())
}

/// `worker_processes NUMBER | auto`
pub fn worker_processes(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if analyser.shared.workers.is_some() {
        return Err(duplicate(directive, None));
    }
    let word = directive.arg();
    let workers = if word.is("auto") {
        std::thread::available_parallelism().map_or(1, usize::from)
    } else {
        let number = values::number(&word.value).ok_or_else(|| {
            bad(directive, "invalid value")
                .at(word.span)
                .label("expected a number of processes or `auto`")
        })?;
        usize::try_from(number).unwrap_or(usize::MAX)
    };
    analyser.shared.workers = Some(workers);
    Ok(())
}

/// `worker_connections NUMBER`
pub fn worker_connections(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if analyser.shared.connections.is_some() {
        return Err(duplicate(directive, None));
    }
    let word = directive.arg();
    let number = values::number(&word.value).ok_or_else(|| {
        emerg(directive, format!("invalid number \"{}\"", word.text()))
            .at(word.span)
            .label("expected a whole number")
    })?;
    analyser.shared.connections = Some(usize::try_from(number).unwrap_or(usize::MAX));
    Ok(())
}

/// `use METHOD`: the methods that nginx has on Linux; this program always uses the system's best.
pub fn use_method(_: &mut Analyser, directive: &Directive) -> Outcome {
    const METHODS: [&str; 3] = ["epoll", "poll", "select"];
    let word = directive.arg();
    if METHODS.iter().any(|method| word.is(method)) {
        return Ok(());
    }
    let found = emerg(directive, format!("invalid event type \"{}\"", word.text())).at(word.span);
    Err(match nearest(&word.text(), METHODS) {
        Some(guess) => found.help(format!("did you mean `{guess}`?")),
        None => found.help("leave the directive out: the best method is chosen by itself"),
    })
}

/// `user NAME [GROUP]`: both must exist where the process may change its user.
pub fn user(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some(first) = analyser.shared.user_span {
        return Err(duplicate(directive, Some(first)));
    }
    if !rustix::process::geteuid().is_root() {
        let found = warn(
            directive,
            "the \"user\" directive makes sense only if the master process runs with super-user privileges, ignored",
        );
        analyser.report(found, directive.end);
        return Ok(());
    }
    let word = directive.arg();
    let name = word.text().into_owned();
    if !listed("/etc/passwd", &name) {
        return Err(emerg(directive, format!("getpwnam(\"{name}\") failed"))
            .at(word.span)
            .label("this machine has no such user"));
    }
    let second = directive.args.get(1);
    let group = second.map(|word| word.text().into_owned());
    let group_name = group.as_deref().unwrap_or(&name);
    if !listed("/etc/group", group_name) {
        return Err(
            emerg(directive, format!("getgrnam(\"{group_name}\") failed"))
                .at(second.unwrap_or(word).span)
                .label("this machine has no such group"),
        );
    }
    analyser.shared.user_span = Some(directive.name.span);
    analyser.shared.user = Some((name, group));
    Ok(())
}

/// Whether the first field of some line is the name; where there is no such file, every name is right.
fn listed(file: &str, name: &str) -> bool {
    match std::fs::read_to_string(file) {
        Ok(text) => text
            .lines()
            .any(|line| line.split(':').next() == Some(name)),
        Err(_) => true,
    }
}

/// `load_module FILE`: a warning; the directives of the module are unknown.
pub fn load_module(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let found = warn(
        directive,
        "Proxy Lab loads no modules, \"load_module\" is ignored",
    )
    .at(directive.arg().span);
    analyser.report(found, directive.end);
    Ok(())
}
