//! A status without content (nginx's `ngx_http_special_response`): the `error_page` for it, or the standard page.

use bytes::{Bytes, BytesMut};

use crate::config::model::{ErrorPage, Overwrite};
use crate::front::reply::{Flow, Reply, ReplyBody};
use crate::front::request::Request;
use crate::front::trace::{self, Step};
use crate::front::{filter, pages, variables};
use crate::wire::escape::{Escape, escape_uri};
use crate::wire::head::Method;

/// A status without content: the `error_page` for it, or the standard page.
pub(super) fn special(r: &mut Request, status: u16) -> Flow {
    // Another error on the way to a page counts instead of the first.
    r.err_status = status;
    r.carried_type = None;
    if matches!(status, 400 | 413 | 414 | 497 | 495 | 496 | 500 | 501) {
        r.keep_alive = false;
    }
    if matches!(status, 400 | 495 | 496 | 497) {
        r.lingering = false;
    }
    let pages = r.location.core.error_pages.clone();
    if !r.error_page
        && r.uri_changes != 0
        && let Some(page) = pages.iter().find(|page| page.status == status)
    {
        r.error_page = !r.location.core.recursive_error_pages;
        return error_page(r, page);
    }
    r.body.forget_expect();
    standard_page(r, status)
}

/// Follows an `error_page`: inside, to a named location, or by a redirect.
fn error_page(r: &mut Request, page: &ErrorPage) -> Flow {
    match page.overwrite {
        Overwrite::Keep => {}
        Overwrite::FromTarget => r.err_status = 0,
        Overwrite::Status(other) => r.err_status = other,
    }
    if !matches!(
        page.overwrite,
        Overwrite::FromTarget | Overwrite::Status(200)
    ) {
        r.body.forget_expect();
    }
    let target = variables::evaluate(&page.target, r);
    r.note(|| Step::ErrorPage {
        status: page.status,
        directive: trace::place(&r.model, page.span),
        target: trace::text(&target),
    });
    if target.starts_with(b"/") {
        // A page without arguments has none to tell of.
        if page.target.as_literal().is_some() {
            r.args_given = target.contains(&b'?');
        }
        if r.method != Method::Head {
            r.method = Method::Get;
            r.method_name = Bytes::from_static(b"GET");
        }
        return Flow::Internal(target);
    }
    if target.starts_with(b"@") {
        return Flow::Named(target);
    }
    r.body.forget_expect();
    if !matches!(
        page.overwrite,
        Overwrite::Status(301 | 302 | 303 | 307 | 308)
    ) {
        r.err_status = 302;
    }
    r.redirect_to = Some(target);
    standard_page(r, r.err_status)
}

/// A redirect as a page that sends the browser on (nginx's `ngx_http_send_refresh`, for `msie_refresh`).
fn refresh_page(r: &mut Request) -> Flow {
    let location = r.redirect_to.take().unwrap_or_default();
    let mut body = BytesMut::with_capacity(location.len() + 96);
    body.extend_from_slice(b"<html><head><meta http-equiv=\"Refresh\" content=\"0; URL=");
    escape_uri(&location, &mut body, Escape::Refresh);
    body.extend_from_slice(b"\"></head><body></body></html>\r\n");
    r.err_status = 200;
    let content_type = Bytes::from_static(b"text/html");
    Reply::text(200, content_type, body.freeze()).into_flow()
}

/// The small page of a status (nginx's `ngx_http_send_special_response`).
fn standard_page(r: &mut Request, status: u16) -> Flow {
    if r.location.filters.browsers.msie_refresh
        && r.head.browser.msie
        && r.redirect_to.is_some()
        && (matches!(status, 301 | 302) || r.error_page)
    {
        return refresh_page(r);
    }
    let shown = match status {
        494..=497 => 400,
        other => other,
    };
    r.err_status = shown;
    let padded = r.location.core.msie_padding
        && r.head.version >= 1000
        && (r.head.browser.msie || r.head.browser.chrome);
    let body = pages::standard(status, filter::product(r), padded);
    let content_type = if body.is_empty() {
        Bytes::new()
    } else {
        Bytes::from_static(b"text/html")
    };
    // The page is not the file whose tag and time were noted before a 416.
    for of_file in [&b"etag"[..], b"last-modified", b"accept-ranges"] {
        let same = |(name, _): &(Bytes, Bytes)| name.eq_ignore_ascii_case(of_file);
        if let Some(at) = r.carried.iter().rposition(same) {
            r.carried.remove(at);
        }
    }
    let mut reply = Reply::text(shown, content_type, body);
    reply.standard = true;
    if reply.content_length == Some(0) {
        reply.body = ReplyBody::None;
    }
    reply.into_flow()
}
