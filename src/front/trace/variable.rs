//! Variables as the steps show them: by name, and whether the next reading may give another value.

use crate::config::model::Model;
use crate::config::variables::{Builtin, Means, Var, variables};

use super::text;

/// Without its `$`.
pub(super) fn name(var: &Var, model: &Model) -> String {
    match var {
        Var::Builtin(builtin) => builtin_name(*builtin).to_owned(),
        Var::Absent(name) | Var::Empty(name) => text(name),
        Var::Arg(name) => format!("arg_{}", text(name)),
        Var::Http(name) => format!("http_{}", text(name)),
        Var::Cookie(name) => format!("cookie_{}", text(name)),
        Var::SentHttp(name) => format!("sent_http_{}", text(name)),
        Var::SentTrailer(name) => format!("sent_trailer_{}", text(name)),
        Var::UpstreamHttp(name) => format!("upstream_http_{}", text(name)),
        Var::UpstreamCookie(name) => format!("upstream_cookie_{}", text(name)),
        Var::UpstreamTrailer(name) => format!("upstream_trailer_{}", text(name)),
        Var::Slot(slot) => model
            .slots
            .get(usize::from(*slot))
            .map(|variable| variable.name.clone())
            .unwrap_or_default(),
    }
}

fn builtin_name(builtin: Builtin) -> &'static str {
    let means = |means: &Means| matches!(means, Means::Value(known) if *known == builtin);
    variables()
        .find(|variable| means(&variable.means))
        .map_or("", |variable| variable.name)
}

/// Whether a value is the clock's, chance's, a count's that other requests share, or that of something that did not
/// happen yet.
pub(super) fn varies(var: &Var) -> bool {
    match var {
        Var::UpstreamHttp(_) | Var::UpstreamCookie(_) | Var::SentHttp(_) | Var::SentTrailer(_) => {
            true
        }
        Var::Builtin(builtin) => matches!(
            builtin,
            Builtin::BodyBytesSent
                | Builtin::BytesSent
                | Builtin::Connection
                | Builtin::ConnectionRequests
                | Builtin::ConnectionTime
                | Builtin::ConnectionsActive
                | Builtin::ConnectionsReading
                | Builtin::ConnectionsWaiting
                | Builtin::ConnectionsWriting
                | Builtin::DateGmt
                | Builtin::DateLocal
                | Builtin::Msec
                | Builtin::Pid
                | Builtin::Pipe
                | Builtin::RemotePort
                | Builtin::RequestBodyFile
                | Builtin::RequestCompletion
                | Builtin::RequestId
                | Builtin::RequestTime
                | Builtin::Status
                | Builtin::TcpinfoRcvSpace
                | Builtin::TcpinfoRtt
                | Builtin::TcpinfoRttvar
                | Builtin::TcpinfoSndCwnd
                | Builtin::TimeIso8601
                | Builtin::TimeLocal
                | Builtin::UidSet
                | Builtin::UpstreamAddr
                | Builtin::UpstreamBytesReceived
                | Builtin::UpstreamBytesSent
                | Builtin::UpstreamConnectTime
                | Builtin::UpstreamHeaderTime
                | Builtin::UpstreamResponseLength
                | Builtin::UpstreamResponseTime
                | Builtin::UpstreamStatus
        ),
        _ => false,
    }
}
