//! `syslog:server=ADDRESS[,facility=…][,severity=…][,tag=…][,nohostname]` in place of a log's file.

use std::fmt::Display;

use bytes::Bytes;

use super::model::{ListenAddress, LogLevel};
use super::net::{self, Want};
use super::written::{self, before_nul};

/// Where lines go, and what they say of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Syslog {
    /// The first address, where there are several.
    pub server: ListenAddress,
    /// 0 to 23 (RFC 3164, 4.1.1).
    pub facility: u8,
    /// Of an access log's lines; those of an error log have their own.
    pub severity: u8,
    pub tag: Bytes,
    /// Lines name this machine.
    pub names_host: bool,
}

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv",
    "ftp", "ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

const SEVERITIES: [&str; 8] = [
    "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug",
];

const LONGEST_TAG: usize = 32;

impl Syslog {
    /// Reads what stands behind `syslog:`.
    ///
    /// # Errors
    /// What nginx says of it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut server = None;
        let (mut facility, mut severity, mut tag) = (None, None, None);
        let mut names_host = true;
        for part in parts(text) {
            let shown = written::shown(before_nul(part));
            let value = |name: &str| part.strip_prefix(name.as_bytes());
            if let Some(address) = value("server=") {
                set(&mut server, "server", || address_of(address))?;
            } else if let Some(name) = value("facility=") {
                set(&mut facility, "facility", || {
                    number(&FACILITIES, "facility", name)
                })?;
            } else if let Some(name) = value("severity=") {
                set(&mut severity, "severity", || {
                    number(&SEVERITIES, "severity", name)
                })?;
            } else if let Some(text) = value("tag=") {
                set(&mut tag, "tag", || checked_tag(text))?;
            } else if part == b"nohostname" {
                names_host = false;
            } else {
                return Err(format!("unknown syslog parameter \"{shown}\""));
            }
        }
        Ok(Self {
            server: server.ok_or("no syslog server specified")?,
            facility: facility.unwrap_or(23),
            severity: severity.unwrap_or(severity_of(LogLevel::Info)),
            tag: tag.unwrap_or(Bytes::from_static(b"nginx")),
            names_host,
        })
    }
}

/// The severity of an error log's line.
pub fn severity_of(level: LogLevel) -> u8 {
    match level {
        LogLevel::Emerg => 0,
        LogLevel::Alert => 1,
        LogLevel::Crit => 2,
        LogLevel::Error => 3,
        LogLevel::Warn => 4,
        LogLevel::Notice => 5,
        LogLevel::Info => 6,
        LogLevel::Debug => 7,
    }
}

/// The parameters between commas; behind a zero byte nginx sees no comma.
fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let comma = before_nul(text).iter().position(|&byte| byte == b',');
        let (part, behind) = text.split_at(comma.unwrap_or(text.len()));
        rest = behind.get(1..);
        Some(part)
    })
}

/// Keeps a value that is given once.
fn set<T>(
    slot: &mut Option<T>,
    name: &str,
    value: impl FnOnce() -> Result<T, String>,
) -> Result<(), String> {
    if slot.is_some() {
        return Err(format!("duplicate syslog \"{name}\""));
    }
    *slot = Some(value()?);
    Ok(())
}

fn address_of(text: &[u8]) -> Result<ListenAddress, String> {
    let want = Want {
        default_port: 514,
        ..Want::default()
    };
    let failed = |reason: &dyn Display| {
        let shown = written::shown(text);
        format!("{reason} in syslog server \"{shown}\"")
    };
    let name = before_nul(text);
    if name.is_empty() && !text.is_empty() {
        return Err(failed(&"host not found"));
    }
    let url = net::parse(&Bytes::copy_from_slice(name), want).map_err(|error| failed(&error))?;
    let first = url.addresses.into_iter().next();
    let found = first.map(|(address, _)| address);
    found.ok_or_else(|| failed(&"host not found"))
}

fn number(names: &[&str], what: &str, name: &[u8]) -> Result<u8, String> {
    let name = before_nul(name);
    let at = names.iter().position(|known| known.as_bytes() == name);
    let shown = written::shown(name);
    at.and_then(|at| u8::try_from(at).ok())
        .ok_or_else(|| format!("unknown syslog {what} \"{shown}\""))
}

fn checked_tag(text: &[u8]) -> Result<Bytes, String> {
    if text.len() > LONGEST_TAG {
        return Err(format!("syslog tag length exceeds {LONGEST_TAG}"));
    }
    let right = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match text.iter().all(right) {
        true => Ok(Bytes::copy_from_slice(text)),
        false => {
            Err("syslog \"tag\" only allows alphanumeric characters and underscore".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_byte_ends_what_is_compared() {
        let parse = |text: &[u8]| Syslog::parse(text).map(|syslog| syslog.facility);
        assert_eq!(parse(b"server=127.0.0.1,facility=kern\0x"), Ok(0));
        assert_eq!(parse(b"facility=kern,server=127.0.0.1\0,x"), Ok(0));
        let unknown = |text: &[u8]| parse(text).expect_err("a refusal");
        assert_eq!(
            unknown(b"server=127.0.0.1,facility=lo\0cal"),
            "unknown syslog facility \"lo\""
        );
        assert_eq!(
            unknown(b"server=127.0.0.1,nohostname\0"),
            "unknown syslog parameter \"nohostname\""
        );
        assert_eq!(unknown(b"\0"), "unknown syslog parameter \"\"");
    }
}
