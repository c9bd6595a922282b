//! How an exchange fails, in nginx's words.

use std::io;

use crate::front::log::os_error;
use crate::wire::body::BodyError;

/// How an exchange failed, before or within the answer; `action` is nginx's "while …".
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("connect() failed ({}) while connecting to upstream", os_error(.0))]
    Connect(io::Error),
    #[error("bind({local}) failed ({}) while connecting to upstream", os_error(.error))]
    Bind {
        /// As the file says it.
        local: String,
        error: io::Error,
    },
    #[error("upstream timed out (110: Connection timed out) while {0}")]
    TimedOut(&'static str),
    #[error("upstream prematurely closed connection while {0}")]
    Closed(&'static str),
    #[error("{call}() failed ({}) while {action}", os_error(error))]
    Io {
        call: &'static str,
        error: io::Error,
        action: &'static str,
    },
    #[error("upstream sent too big header while reading response header from upstream")]
    TooBig,
    #[error("{0} while reading response header from upstream")]
    Invalid(String),
    #[error("upstream sent invalid chunked response while {0}")]
    Chunk(&'static str),
    /// The client's body broke off while it was passed on.
    #[error(transparent)]
    Upload(BodyError),
}

impl Failure {
    /// nginx's "while …".
    pub fn action(&self) -> &'static str {
        match self {
            Self::Connect(_) | Self::Bind { .. } => "connecting to upstream",
            Self::TimedOut(action) | Self::Closed(action) | Self::Chunk(action) => action,
            Self::Io { action, .. } => action,
            Self::TooBig | Self::Invalid(_) => "reading response header from upstream",
            Self::Upload(_) => "sending request to upstream",
        }
    }
}
