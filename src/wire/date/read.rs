//! Dates as nginx reads them (`ngx_parse_http_time`).
//!
//! By hand, because crates that read dates refuse what nginx takes, and take what it refuses.

/// Reads the three forms of RFC 9110 section 5.6.7 as leniently as nginx: the day's name is not looked at, a month is recognised by
/// its telling letters, and what follows the seconds does not matter. `None`: no date.
pub fn parse_http_time(value: &[u8]) -> Option<i64> {
    let stop = value.iter().position(|ch| matches!(ch, b',' | b' '));
    let at = stop.unwrap_or(value.len());
    let asctime = value.get(at) == Some(&b' ');
    let mut rest = value.get(at + 1..).unwrap_or_default();
    while let Some((b' ', tail)) = rest.split_first() {
        rest = tail;
    }
    if rest.len() < 18 {
        return None;
    }
    let parts = if asctime {
        read_asctime(rest)?
    } else {
        read_rfc(rest)?
    };
    seconds_of(parts)
}

/// year, month (from 0), day, hour, minute, second
type Parts = [u64; 6];

/// `06 Nov 1994 08:49:37` or `06-Nov-94 08:49:37`
fn read_rfc(text: &[u8]) -> Option<Parts> {
    let mut scan = Scan(text);
    let day = scan.number(2)?;
    let separator = scan.byte()?;
    let long = match separator {
        b' ' if text.len() >= 20 => true,
        b'-' => false,
        _ => return None,
    };
    let month = scan.month()?;
    if scan.byte()? != separator {
        return None;
    }
    let year = if long {
        scan.number(4)?
    } else {
        let year = scan.number(2)?;
        year + if year < 70 { 2000 } else { 1900 }
    };
    let [hour, minute, second] = scan.time()?;
    Some([year, month, day, hour, minute, second])
}

/// `Nov  6 08:49:37 1994`
fn read_asctime(text: &[u8]) -> Option<Parts> {
    let mut scan = Scan(text);
    let month = scan.month()?;
    scan.byte()?;
    if scan.0.first() == Some(&b' ') {
        scan.byte()?;
    }
    let mut day = scan.number(1)?;
    if scan.0.first() != Some(&b' ') {
        day = day * 10 + scan.number(1)?;
    }
    if scan.0.len() < 14 {
        return None;
    }
    let [hour, minute, second] = scan.time()?;
    if scan.byte()? != b' ' {
        return None;
    }
    Some([scan.number(4)?, month, day, hour, minute, second])
}

struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self, digits: usize) -> Option<u64> {
        let mut value = 0;
        for _ in 0..digits {
            value = value * 10 + u64::from(char::from(self.byte()?).to_digit(10)?);
        }
        Some(value)
    }

    /// nginx looks at as few letters as tell the months apart.
    fn month(&mut self) -> Option<u64> {
        let letters = [self.byte()?, self.byte()?, self.byte()?];
        Some(match letters {
            [b'J', b'a', _] => 0,
            [b'J', _, b'n'] => 5,
            [b'J', _, _] => 6,
            [b'F', _, _] => 1,
            [b'M', _, b'r'] => 2,
            [b'M', _, _] => 4,
            [b'A', b'p', _] => 3,
            [b'A', _, _] => 7,
            [b'S', _, _] => 8,
            [b'O', _, _] => 9,
            [b'N', _, _] => 10,
            [b'D', _, _] => 11,
            _ => return None,
        })
    }

    /// ` 08:49:37`
    fn time(&mut self) -> Option<[u64; 3]> {
        let mut parts = [0; 3];
        for (part, before) in parts.iter_mut().zip([b' ', b':', b':']) {
            if self.byte()? != before {
                return None;
            }
            *part = self.number(2)?;
        }
        Some(parts)
    }
}

fn seconds_of([year, month, day, hour, minute, second]: Parts) -> Option<i64> {
    const DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = DAYS.get(usize::try_from(month).ok()?)? + u64::from(month == 1 && leap);
    if day > longest {
        return None;
    }
    // Years that begin on the first of March.
    let (year, month) = if month < 2 {
        (year as i64 - 1, month + 10)
    } else {
        (year as i64, month - 2)
    };
    let before = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = before + (153 * month as i64 + 2) / 5 + day as i64 - 1 - 719_468;
    Some(days * 86400 + (hour * 3600 + minute * 60 + second) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_back() {
        // Every day and, within it, another second, over the years that matter.
        for day in 0..60_000 {
            let seconds = day * 86_400 + day * 7 % 86_400;
            assert_eq!(
                parse_http_time(super::super::http_time(seconds).as_bytes()),
                Some(seconds)
            );
        }
    }

    #[test]
    fn forms() {
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Sun Nov 16 08:49:37 1994", Some(784_975_777)),
            ("x,06 Nov 1994 08:49:37", Some(784_111_777)),
            ("Sunday, 06-Nov-69 08:49:37 GMT", Some(3_150_953_377)),
            ("Sun, 29 Feb 2000 08:49:37 GMT", Some(951_814_177)),
            ("Sun, 29 Feb 2001 08:49:37 GMT", None),
            ("Sun, 31 Apr 2001 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:60:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49", None),
            ("Sun, 6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Xov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov-1994 08:49:37 GMT", None),
            ("1994-11-06T08:49:37", None),
            ("", None),
            ("0", None),
        ] {
            assert_eq!(parse_http_time(text.as_bytes()), seconds, "{text}");
        }
    }
}
