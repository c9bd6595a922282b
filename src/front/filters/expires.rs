//! `expires`: the `Expires` and `Cache-Control` fields of an answer (nginx's `ngx_http_set_expires`).

use bytes::Bytes;
use jiff::civil::Time;
use jiff::{Timestamp, ToSpan};

use crate::config::filters::Expires;
use crate::front::filter::note_sent_fields;
use crate::front::reply::Reply;
use crate::front::request::Request;
use crate::front::variables;
use crate::wire::date::http_time;

/// Sets both fields; an upstream's are replaced where they stand.
pub(super) fn apply(r: &Request, reply: &mut Reply) {
    let evaluated = match &r.location.filters.expires {
        Expires::Off => return,
        Expires::Variable { value, modified } => {
            note_sent_fields(r, reply, value);
            // A value that is none leaves the answer as it is.
            match Expires::parse(&variables::evaluate(value, r), *modified) {
                Ok(Expires::Off) | Err(_) => return,
                Ok(expires) => expires,
            }
        }
        fixed => fixed.clone(),
    };
    let (expires, cache_control) = fields(&evaluated, variables::now(), reply.last_modified);
    set(reply, "Expires", expires);
    reply.remove_headers(b"cache-control", 1);
    set(reply, "Cache-Control", cache_control);
}

fn set(reply: &mut Reply, name: &'static str, value: Bytes) {
    let is_named = |(known, _): &&mut (Bytes, Bytes)| known.eq_ignore_ascii_case(name.as_bytes());
    match reply.headers.iter_mut().rfind(is_named) {
        Some((_, known)) => *known = value,
        None => reply
            .headers
            .push((Bytes::from_static(name.as_bytes()), value)),
    }
}

/// The values of the two fields at a time.
fn fields(expires: &Expires, now: i64, last_modified: Option<i64>) -> (Bytes, Bytes) {
    let date = |time: i64| Bytes::copy_from_slice(http_time(time).as_bytes());
    let no_cache = Bytes::from_static(b"no-cache");
    let (at, max_age, negative) = match expires {
        Expires::Epoch => {
            let past = Bytes::from_static(b"Thu, 01 Jan 1970 00:00:01 GMT");
            return (past, no_cache);
        }
        Expires::Max => {
            return (
                Bytes::from_static(b"Thu, 31 Dec 2037 23:55:55 GMT"),
                Bytes::from_static(b"max-age=315360000"),
            );
        }
        Expires::Access(0) | Expires::Modified(0) => {
            return (date(now), Bytes::from_static(b"max-age=0"));
        }
        Expires::Daily(seconds) => {
            let at = next_time(*seconds, now);
            (at, at - now, false)
        }
        Expires::Modified(seconds) if last_modified.is_some() => {
            let at = seconds + last_modified.unwrap_or_default();
            (at, at - now, *seconds < 0)
        }
        Expires::Access(seconds) | Expires::Modified(seconds) => {
            (seconds.saturating_add(now), *seconds, *seconds < 0)
        }
        Expires::Off | Expires::Variable { .. } => (now, 0, false),
    };
    if negative || max_age < 0 {
        return (date(at), no_cache);
    }
    (date(at), Bytes::from(format!("max-age={max_age}")))
}

/// The next moment at which the local clock shows so many seconds after midnight.
fn next_time(seconds: i64, now: i64) -> i64 {
    let local = Timestamp::from_second(now)
        .unwrap_or_default()
        .to_zoned(jiff::tz::TimeZone::system());
    let on = |date: jiff::civil::Date| {
        date.to_datetime(Time::midnight())
            .checked_add(seconds.seconds())
            .and_then(|time| time.to_zoned(local.time_zone().clone()))
            .map(|time| time.timestamp().as_second())
    };
    let today = on(local.date()).unwrap_or(now);
    if today > now {
        return today;
    }
    local.date().tomorrow().and_then(on).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tue, 02 Jan 2024 03:04:05 GMT
    const NOW: i64 = 1_704_164_645;

    #[track_caller]
    fn check(expires: Expires, modified: Option<i64>, expected: (&str, &str)) {
        let (at, cache) = fields(&expires, NOW, modified);
        assert_eq!(
            (&at[..], &cache[..]),
            (expected.0.as_bytes(), expected.1.as_bytes())
        );
    }

    #[test]
    fn values() {
        check(
            Expires::Access(3600),
            None,
            ("Tue, 02 Jan 2024 04:04:05 GMT", "max-age=3600"),
        );
        check(
            Expires::Access(-1),
            None,
            ("Tue, 02 Jan 2024 03:04:04 GMT", "no-cache"),
        );
        check(
            Expires::Access(0),
            None,
            ("Tue, 02 Jan 2024 03:04:05 GMT", "max-age=0"),
        );
        check(
            Expires::Modified(60),
            Some(NOW - 30),
            ("Tue, 02 Jan 2024 03:04:35 GMT", "max-age=30"),
        );
        check(
            Expires::Modified(60),
            Some(NOW - 90),
            ("Tue, 02 Jan 2024 03:03:35 GMT", "no-cache"),
        );
        check(
            Expires::Modified(60),
            None,
            ("Tue, 02 Jan 2024 03:05:05 GMT", "max-age=60"),
        );
    }

    #[test]
    fn the_next_time_of_day_is_less_than_a_day_and_an_hour_away() {
        for seconds in [0, 1, 3600, 86_399, 86_400] {
            let ahead = next_time(seconds, NOW) - NOW;
            assert!((1..=90_000).contains(&ahead), "{seconds}: {ahead}");
        }
    }
}
