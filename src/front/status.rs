//! The page of `stub_status`: the process's connections and requests.

use bytes::{Bytes, BytesMut};

use crate::config::variables::{Builtin, Var};
use crate::wire::digits::put_decimal;

use super::phases::discard;
use super::reply::{Flow, Reply};
use super::request::Request;
use super::variables::append_variable;

/// The content handler of a location with `stub_status`.
pub fn content(r: &Request) -> Flow {
    if !r.method.is_get_or_head() {
        return Flow::Status(405);
    }
    if let Err(status) = discard(r) {
        return Flow::Status(status);
    }
    let content_type = Bytes::from_static(b"text/plain");
    Reply::text(200, content_type, page(r)).into_flow()
}

fn page(r: &Request) -> Bytes {
    let figures = r.connection.counted.figures();
    let mut out = BytesMut::with_capacity(128);
    count(
        &mut out,
        r,
        "Active connections: ",
        Builtin::ConnectionsActive,
    );
    out.extend_from_slice(b"\nserver accepts handled requests\n ");
    for total in [figures.accepted, figures.handled, figures.requests] {
        put_decimal(&mut out, total);
        out.extend_from_slice(b" ");
    }
    out.extend_from_slice(b"\n");
    count(&mut out, r, "Reading: ", Builtin::ConnectionsReading);
    count(&mut out, r, "Writing: ", Builtin::ConnectionsWriting);
    count(&mut out, r, "Waiting: ", Builtin::ConnectionsWaiting);
    out.extend_from_slice(b"\n");
    out.freeze()
}

/// Read as the variable that has it, so that whoever explains hears that it varies.
fn count(out: &mut BytesMut, r: &Request, label: &str, builtin: Builtin) {
    out.extend_from_slice(label.as_bytes());
    append_variable(&Var::Builtin(builtin), r, out);
    out.extend_from_slice(b" ");
}
