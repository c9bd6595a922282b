//! `empty_gif`: the smallest picture there is, one transparent pixel, from memory.

use bytes::Bytes;

use super::reply::{Flow, Reply};
use super::request::Request;

/// GIF89a, 1 × 1, two colours, the second of them transparent.
const PICTURE: &[u8; 43] =
    b"GIF89a\x01\x00\x01\x00\x80\x01\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x01\
      \x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x4c\x01\x00\x3b";

/// When nginx says that it was made: Mon, 28 Sep 1970 06:00:00 GMT.
const MODIFIED: i64 = 23_349_600;

/// The picture; it has no tag, and no ranges.
pub fn content(r: &Request) -> Flow {
    if !r.method.is_get_or_head() {
        return Flow::Status(405);
    }
    let content_type = Bytes::from_static(b"image/gif");
    let mut reply = Reply::text(200, content_type, Bytes::from_static(PICTURE));
    reply.last_modified = Some(MODIFIED);
    reply.into_flow()
}
