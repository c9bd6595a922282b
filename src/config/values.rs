//! Numbers, sizes and times as nginx reads them.

use std::time::Duration;

/// A decimal number without a sign; nothing else may stand in the word.
pub fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for byte in text {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    i64::try_from(value).ok().map(|_| value)
}

/// A size in bytes, with `k` or `m`.
pub fn size(text: &[u8]) -> Option<u64> {
    scaled(text, false)
}

/// An offset in bytes, with `k`, `m` or `g`.
pub fn offset(text: &[u8]) -> Option<u64> {
    scaled(text, true)
}

fn scaled(text: &[u8], giga: bool) -> Option<u64> {
    let (last, rest) = text.split_last()?;
    let (digits, scale) = match last {
        b'k' | b'K' => (rest, 1 << 10),
        b'm' | b'M' => (rest, 1 << 20),
        b'g' | b'G' if giga => (rest, 1 << 30),
        _ => (text, 1u64),
    };
    let value = number(digits)?.checked_mul(scale)?;
    i64::try_from(value).ok().map(|_| value)
}

/// A time with a resolution of milliseconds; a bare number is seconds.
pub fn msec(text: &[u8]) -> Option<Duration> {
    time(text, false).map(Duration::from_millis)
}

/// A time in whole seconds.
pub fn sec(text: &[u8]) -> Option<Duration> {
    time(text, true).map(Duration::from_secs)
}

/// `1y 2M 3w 4d 5h 6m 7s 8ms`: units in this order, each at most once, a last bare number is seconds.
/// `y` and `M` only where the result is in seconds, `ms` only where it is in milliseconds.
fn time(text: &[u8], seconds: bool) -> Option<u64> {
    const MAX: u64 = i64::MAX as u64;
    let mut total: u64 = 0;
    let mut value: u64 = 0;
    let mut valid = false;
    // Steps grow: 1 year, 2 month, 3 week, 4 day, 5 hour, 6 minute, 7 second, 8 millisecond, 9 after a space.
    let mut step = if seconds { 0 } else { 2 };
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte.is_ascii_digit() {
            value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            if value > MAX {
                return None;
            }
            valid = true;
            continue;
        }
        let (next, allowed, mut scale) = match byte {
            b'y' => (1, step < 1, 60 * 60 * 24 * 365),
            b'M' => (2, step < 2, 60 * 60 * 24 * 30),
            b'w' => (3, step < 3, 60 * 60 * 24 * 7),
            b'd' => (4, step < 4, 60 * 60 * 24),
            b'h' => (5, step < 5, 60 * 60),
            b'm' if rest.peek() == Some(&b's') => {
                rest.next();
                (8, !seconds && step < 8, 1)
            }
            b'm' => (6, step < 6, 60),
            b's' => (7, step < 7, 1),
            b' ' => (9, step < 7, 1),
            _ => return None,
        };
        if !allowed {
            return None;
        }
        step = next;
        if step != 8 && !seconds {
            scale *= 1000;
        }
        total = total.checked_add(value.checked_mul(scale)?)?;
        if total > MAX {
            return None;
        }
        value = 0;
        while rest.peek() == Some(&b' ') {
            rest.next();
        }
    }
    if !valid {
        return None;
    }
    if !seconds {
        value = value.checked_mul(1000)?;
    }
    total.checked_add(value).filter(|&total| total <= MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size(b"0"), Some(0));
        assert_eq!(size(b"8k"), Some(8192));
        assert_eq!(size(b"1M"), Some(1 << 20));
        assert_eq!(size(b"1g"), None);
        assert_eq!(offset(b"2G"), Some(2 << 30));
        for bad in [
            &b""[..],
            b"k",
            b"-1",
            b"1kk",
            b"1.5m",
            b"99999999999999999999",
            b"9007199254740993k",
        ] {
            assert_eq!(size(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn times() {
        let ms = |text: &str| msec(text.as_bytes()).map(|d| d.as_millis());
        assert_eq!(ms("30"), Some(30_000));
        assert_eq!(ms("30s"), Some(30_000));
        assert_eq!(ms("500ms"), Some(500));
        assert_eq!(ms("1h 30m"), Some(5_400_000));
        assert_eq!(ms("1h30m15"), Some(5_415_000));
        assert_eq!(ms("1d"), Some(86_400_000));
        assert_eq!(ms("0"), Some(0));
        for bad in ["", "1m1h", "1s1s", "1y", "1x", "-1", "1.5s"] {
            assert_eq!(ms(bad), None, "{bad}");
        }
        assert_eq!(sec(b"1y").map(|d| d.as_secs()), Some(31_536_000));
        assert_eq!(sec(b"1ms"), None);
    }
}
