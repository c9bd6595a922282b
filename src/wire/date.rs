//! Dates as nginx writes them: in headers, access log and error log. [`parse_http_time`] reads them.
//!
//! Local time comes from `jiff`, which reads the system's time zone (`TZ`, `/etc/localtime`) in safe code, and
//! is in the tree anyway; calendar arithmetic is a few lines, and nginx's limits are kept in them.

use std::sync::OnceLock;

use jiff::tz::TimeZone;

mod read;

pub use read::parse_http_time;

const WEEK: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
#[rustfmt::skip]
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The last day that four digits of year can say (9999-12-31), counted from 1970-01-01.
const LAST_DAY: u64 = 2_932_896;

/// A moment in parts of a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Civil {
    year: u64,
    /// From 0.
    month: usize,
    day: u64,
    weekday: usize,
    hour: u64,
    minute: u64,
    second: u64,
}

/// Seconds since 1970 in the Gregorian calendar; before 1970 is 1970, after 9999 is its last second.
fn civil(seconds: i64) -> Civil {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    let (mut days, mut rest) = (seconds / 86400, seconds % 86400);
    if days > LAST_DAY {
        (days, rest) = (LAST_DAY, 86399);
    }
    // Years that begin on the first of March, in eras of 400 (the first began in the year 0).
    let since = days + 719_468;
    let (era, day_of_era) = (since / 146_097, since % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = (month_from_march + 2) % 12;
    Civil {
        year: era * 400 + year_of_era + u64::from(month < 2),
        month: month as usize,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        weekday: ((days + 4) % 7) as usize,
        hour: rest / 3600,
        minute: rest / 60 % 60,
        second: rest % 60,
    }
}

fn month_name(civil: &Civil) -> &'static str {
    MONTHS.get(civil.month).copied().unwrap_or("Jan")
}

/// Seconds since 1970 as HTTP writes them: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
///
/// Put together by hand: every file served has one, and `format!` took a fifteenth of such a request's user time.
pub fn http_time(seconds: i64) -> String {
    let at = civil(seconds);
    let mut out = String::with_capacity(29);
    out.push_str(WEEK.get(at.weekday).copied().unwrap_or("Sun"));
    out.push_str(", ");
    push_two(&mut out, at.day);
    out.push(' ');
    out.push_str(month_name(&at));
    out.push(' ');
    push_two(&mut out, at.year / 100);
    push_two(&mut out, at.year % 100);
    for (before, part) in [(' ', at.hour), (':', at.minute), (':', at.second)] {
        out.push(before);
        push_two(&mut out, part);
    }
    out.push_str(" GMT");
    out
}

/// The same as a cookie's time: `Sun, 06-Nov-94 08:49:37 GMT`, with the whole year from 2038 on (`ngx_http_cookie_time`).
pub fn cookie_time(seconds: i64) -> String {
    let at = civil(seconds);
    let (week, month) = (WEEK.get(at.weekday).copied(), month_name(&at));
    let year = match at.year {
        year @ 2038.. => year,
        year => year % 100,
    };
    format!(
        "{}, {:02}-{month}-{year:02} {:02}:{:02}:{:02} GMT",
        week.unwrap_or("Sun"),
        at.day,
        at.hour,
        at.minute,
        at.second
    )
}

/// A number below 100 in two digits.
fn push_two(out: &mut String, n: u64) {
    for digit in [n / 10 % 10, n % 10] {
        out.push(char::from(b'0' + digit as u8));
    }
}

/// The local offset from UTC at a moment, in whole minutes.
fn local_offset(seconds: i64) -> i64 {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let zone = ZONE.get_or_init(TimeZone::system);
    jiff::Timestamp::from_second(seconds)
        .map_or(0, |at| i64::from(zone.to_offset(at).seconds()) / 60)
}

/// `$time_local`: `06/Nov/1994:08:49:37 +0000`.
pub fn log_time(seconds: i64) -> String {
    log_time_at(seconds, local_offset(seconds))
}

/// An offset of minutes as it is written: sign, hours, minutes.
fn zone(offset: i64) -> (char, i64, i64) {
    let sign = if offset < 0 { '-' } else { '+' };
    (sign, (offset / 60).abs(), (offset % 60).abs())
}

fn log_time_at(seconds: i64, offset: i64) -> String {
    let at = civil(seconds + offset * 60);
    let (sign, hours, minutes) = zone(offset);
    format!(
        "{:02}/{}/{}:{:02}:{:02}:{:02} {}{:02}{:02}",
        at.day,
        month_name(&at),
        at.year,
        at.hour,
        at.minute,
        at.second,
        sign,
        hours,
        minutes
    )
}

/// `$time_iso8601`: `1994-11-06T08:49:37+00:00`.
pub fn iso8601(seconds: i64) -> String {
    iso8601_at(seconds, local_offset(seconds))
}

fn iso8601_at(seconds: i64, offset: i64) -> String {
    let at = civil(seconds + offset * 60);
    let (sign, hours, minutes) = zone(offset);
    format!(
        "{:4}-{:02}-{:02}T{:02}:{:02}:{:02}{}{:02}:{:02}",
        at.year,
        at.month + 1,
        at.day,
        at.hour,
        at.minute,
        at.second,
        sign,
        hours,
        minutes
    )
}

/// The time in a list of files: `06-Nov-1994 08:49`.
pub fn index_time(seconds: i64) -> String {
    let at = civil(seconds);
    format!(
        "{:02}-{}-{} {:02}:{:02}",
        at.day,
        month_name(&at),
        at.year,
        at.hour,
        at.minute
    )
}

/// UTC in RFC 3339's form: `1994-11-06T08:49:37Z`.
pub fn utc_time(seconds: i64) -> String {
    let at = civil(seconds);
    format!(
        "{:4}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year,
        at.month + 1,
        at.day,
        at.hour,
        at.minute,
        at.second
    )
}

/// Seconds that the local clock is ahead of UTC at a moment.
pub fn local_seconds(seconds: i64) -> i64 {
    local_offset(seconds) * 60
}

/// The time in the error log: `1994/11/06 08:49:37`, local.
pub fn error_log_time(seconds: i64) -> String {
    let at = civil(seconds + local_offset(seconds) * 60);
    format!(
        "{:4}/{:02}/{:02} {:02}:{:02}:{:02}",
        at.year,
        at.month + 1,
        at.day,
        at.hour,
        at.minute,
        at.second
    )
}

/// The time in a line to syslog: `Nov  6 08:49:37`, local (RFC 3164, 4.1.2).
pub fn syslog_time(seconds: i64) -> String {
    let at = civil(seconds + local_offset(seconds) * 60);
    format!(
        "{} {:2} {:02}:{:02}:{:02}",
        month_name(&at),
        at.day,
        at.hour,
        at.minute,
        at.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written() {
        for (seconds, text) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (253_402_300_800, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(http_time(seconds), text);
        }
    }

    #[test]
    fn logged() {
        assert_eq!(log_time_at(784_111_777, 0), "06/Nov/1994:08:49:37 +0000");
        assert_eq!(log_time_at(784_111_777, 330), "06/Nov/1994:14:19:37 +0530");
        assert_eq!(log_time_at(784_111_777, -570), "05/Nov/1994:23:19:37 -0930");
        assert_eq!(iso8601_at(784_111_777, 0), "1994-11-06T08:49:37+00:00");
        assert_eq!(iso8601_at(784_111_777, -60), "1994-11-06T07:49:37-01:00");
        assert_eq!(error_log_time(784_111_777).len(), 19);
    }
}
