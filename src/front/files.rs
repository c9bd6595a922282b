//! stub
use super::{reply::Flow, request::Request};
use bytes::Bytes;
use std::path::Path;
pub fn as_path(b: &[u8]) -> &Path {
    Path::new(std::os::unix::ffi::OsStrExt::from_bytes(b) as &std::ffi::OsStr)
}
pub fn file_name(_: &Request, _: &[u8]) -> Bytes {
    Bytes::new()
}
pub fn try_files(_: &mut Request) -> Flow {
    Flow::Declined
}
pub fn content(_: &mut Request) -> Flow {
    Flow::Status(404)
}
pub fn content_type(_: &Request, _: &[u8]) -> Bytes {
    Bytes::from_static(b"text/plain")
}
