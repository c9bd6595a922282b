//! Where the lab means to differ from nginx, all of it, each with its reason. Fewer than ten, and each must still differ.
//!
//! What the lab refuses for lack of the thing is no difference in this sense: `docs/directives.md` has the status of each
//! directive. These lines nginx and the lab both know, and judge differently.
#![allow(dead_code)]

/// A difference that is meant.
pub struct Difference {
    pub at: At<'static>,
    pub why: &'static str,
}

/// What is judged differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At<'a> {
    /// A directive with so many arguments.
    Directive(&'a str, usize),
    /// A broken file of `tests/broken`, by its name.
    File(&'a str),
}

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        at: At::Directive("load_module", 1),
        why: "the lab warns that it loads no modules, and goes on",
    },
    Difference {
        at: At::Directive("proxy_bind", 2),
        why: "`transparent` needs the system's routing as well; the lab refuses it by name",
    },
    Difference {
        at: At::Directive("ssl_engine", 1),
        why: "nginx asks OpenSSL for the engine; the lab has no OpenSSL",
    },
    Difference {
        at: At::Directive("ssl_certificate", 1),
        why: "nginx wants its key beside it; the lab takes ssl_* as they are where no one listens with ssl",
    },
    Difference {
        at: At::File("15-proxy-pass-https"),
        why: "nginx speaks TLS to a backend, the lab does not yet",
    },
    Difference {
        at: At::File("20-include-loop"),
        why: "nginx 1.22.1 includes until its stack is full, and crashes without a word",
    },
    Difference {
        at: At::File("35-not-implemented"),
        why: "nginx has FastCGI, the lab has not",
    },
];

/// More of them would be a habit.
pub const MOST: usize = 9;

const _: () = assert!(DIFFERENCES.len() <= MOST);

/// Why this is judged differently, if it is.
pub fn reason(at: At<'_>) -> Option<&'static str> {
    let found = DIFFERENCES.iter().find(|difference| difference.at == at);
    found.map(|difference| difference.why)
}
