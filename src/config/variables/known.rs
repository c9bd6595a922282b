//! Looking names up among nginx's variables.

use bytes::Bytes;

use super::{BUILTINS, Builtin, Means, OF_FAMILIES, OTHERS, Var, Variable};

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    Var(Var),
    /// nginx has it, Proxy Lab has not.
    Refused,
}

impl Known {
    /// Whether a file may make a variable of this name: nginx's families (`$http_…`), and those that its modules let
    /// a file set.
    pub fn can_be_made(&self) -> bool {
        match self {
            Self::Var(Var::Builtin(builtin)) => matches!(
                builtin,
                Builtin::AncientBrowser
                    | Builtin::InvalidReferer
                    | Builtin::ModernBrowser
                    | Builtin::Msie
                    | Builtin::ProxyHost
                    | Builtin::ProxyPort
                    | Builtin::UidReset
            ),
            Self::Refused => false,
            Self::Var(Var::Http(name)) => !is_own("http_", name),
            Self::Var(Var::SentHttp(name)) => !is_own("sent_http_", name),
            Self::Var(Var::Absent(name) | Var::Empty(name)) => name.starts_with(b"ssl_"),
            Self::Var(_) => true,
        }
    }
}

/// Whether a member of the family is nginx's own.
fn is_own(family: &str, name: &[u8]) -> bool {
    let rest = |own: &&str| own.strip_prefix(family).map(str::as_bytes) == Some(name);
    OF_FAMILIES.iter().any(rest)
}

/// Looks a lower-case name up among nginx's variables, those with a prefix (`http_…`) included.
pub fn known(name: &str) -> Option<Known> {
    let exact = |table: &'static [Variable]| {
        let index = table.binary_search_by_key(&name, |variable| variable.name);
        index.ok().and_then(|index| table.get(index))
    };
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    if let Some(variable) = exact(BUILTINS).or_else(|| exact(OTHERS)) {
        // nginx is built with these where the system has them.
        if cfg!(not(target_os = "linux")) && variable.name.starts_with("tcpinfo_") {
            return None;
        }
        match variable.means {
            Means::Value(builtin) => return Some(Known::Var(Var::Builtin(builtin))),
            Means::Absent => return Some(Known::Var(Var::Absent(bytes(name)))),
            Means::Empty => return Some(Known::Var(Var::Empty(bytes(name)))),
            Means::Refused => return Some(Known::Refused),
            Means::Family(_) => {}
        }
    }
    OTHERS.iter().find_map(|variable| {
        let Means::Family(make) = variable.means else {
            return None;
        };
        let rest = name.strip_prefix(variable.name)?;
        Some(Known::Var(make(bytes(rest))))
    })
}

/// Names for suggestions.
pub fn names<'a>() -> impl Iterator<Item = &'a str> {
    const COMMON: [&str; 6] = [
        "http_host",
        "http_user_agent",
        "http_referer",
        "http_cookie",
        "http_upgrade",
        "http_x_forwarded_for",
    ];
    BUILTINS.iter().map(|variable| variable.name).chain(COMMON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookups() {
        assert_eq!(known("host"), Some(Known::Var(Var::Builtin(Builtin::Host))));
        assert_eq!(
            known("http_host"),
            Some(Known::Var(Var::Http(Bytes::from_static(b"host"))))
        );
        assert_eq!(known("fastcgi_path_info"), Some(Known::Refused));
        assert!(matches!(
            known("ssl_protocol"),
            Some(Known::Var(Var::Absent(_)))
        ));
        assert_eq!(known("schem"), None);
    }

    #[test]
    fn what_a_file_may_make() {
        let made = ["http_x", "sent_http_x", "arg_a", "proxy_host", "msie"];
        for name in made {
            assert!(
                known(name).is_some_and(|known| known.can_be_made()),
                "{name}"
            );
        }
        let own = [
            "http_host",
            "http_cookie",
            "sent_http_location",
            "host",
            "tcpinfo_rtt",
        ];
        for name in own {
            assert!(
                known(name).is_none_or(|known| !known.can_be_made()),
                "{name}"
            );
        }
    }
}
