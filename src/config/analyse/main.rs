//! Directives of the main context and of `events`.

use super::frame::Frame;
use super::{Analyser, Outcome, bad, duplicate, emerg, warn};
use crate::config::accounts;
use crate::config::model::User;
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
    let name = word.c_text().into_owned();
    let Some((uid, _)) = accounts::user(&name) else {
        return Err(emerg(directive, format!("getpwnam(\"{name}\") failed"))
            .at(word.span)
            .label("this machine has no such user"));
    };
    let second = directive.args.get(1).unwrap_or(word);
    let group = second.c_text().into_owned();
    let Some(gid) = accounts::group(&group) else {
        return Err(emerg(directive, format!("getgrnam(\"{group}\") failed"))
            .at(second.span)
            .label("this machine has no such group"));
    };
    analyser.shared.user_span = Some(directive.name.span);
    analyser.shared.user = Some(User {
        groups: accounts::groups_of(&name, gid),
        name,
        uid,
        gid,
    });
    Ok(())
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

/// `worker_cpu_affinity auto [MASK] | MASK…`: checked; the system places threads by itself.
pub fn worker_cpu_affinity(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some(first) = analyser.shared.affinity {
        return Err(duplicate(directive, Some(first.1)));
    }
    let auto = directive.arg().is("auto");
    if auto && directive.args.len() > 2 {
        return Err(emerg(
            directive,
            "invalid number of arguments in \"worker_cpu_affinity\" directive",
        )
        .label("`auto` takes one mask at most"));
    }
    let masks = directive.args.get(usize::from(auto)..).unwrap_or_default();
    for word in masks {
        let text = word.text();
        let wrong = text.chars().find(|c| !matches!(c, '0' | '1' | ' '));
        if let Some(wrong) = wrong {
            let message = format!("invalid character \"{wrong}\" in \"worker_cpu_affinity\"");
            return Err(emerg(directive, message)
                .at(word.span)
                .label("a mask has a `1` for each processor that may be used, and else `0`"));
        }
    }
    let count = if auto { 1 } else { masks.len() };
    analyser.shared.affinity = Some((count, directive.name.span));
    Ok(())
}

/// `worker_priority [-]NUMBER`
pub fn worker_priority(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let span = directive.name.span;
    if let Some(first) = analyser.shared.priority.replace(span) {
        return Err(duplicate(directive, Some(first)));
    }
    let word = directive.arg();
    let digits = word.value.strip_prefix(b"-").unwrap_or(&word.value);
    if values::number(digits).is_none() {
        return Err(bad(directive, "invalid number")
            .at(word.span)
            .label("expected a whole number, -20 to 20"));
    }
    Ok(())
}

/// `thread_pool NAME threads=NUMBER [max_queue=NUMBER]`
pub fn thread_pool(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let name = directive.arg();
    let pool = analyser
        .shared
        .thread_pool(&name.value, name.span, directive.end);
    if pool.given {
        return Err(emerg(
            directive,
            format!("duplicate thread pool \"{}\"", name.text()),
        )
        .at(name.span)
        .note(pool.span, "first given here"));
    }
    for word in directive.args.iter().skip(1) {
        let (what, least) = if word.value.starts_with(b"threads=") {
            pool.given = true;
            ("threads", 1)
        } else if word.value.starts_with(b"max_queue=") {
            ("max_queue", 0)
        } else {
            continue;
        };
        let number = word.value.get(what.len() + 1..).and_then(values::number);
        if number.is_none_or(|number| number < least) {
            let message = format!("invalid {what} value \"{}\"", word.text());
            return Err(emerg(directive, message).at(word.span));
        }
    }
    if !pool.given {
        // Nothing more is to be said of it.
        pool.given = true;
        return Err(
            emerg(directive, "\"thread_pool\" must have \"threads\" parameter").at(name.span),
        );
    }
    Ok(())
}
