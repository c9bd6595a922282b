//! Numbers and addresses as text, written by hand: every answer and every log line has some, and formatting costs ten times as much.

use std::net::IpAddr;

use bytes::{BufMut, BytesMut};

/// Appends `n` in decimal.
pub fn put_decimal(out: &mut BytesMut, n: u64) {
    put_padded(out, n, 1);
}

/// Appends `n` in decimal with at least `width` digits (at most 20).
pub fn put_padded(out: &mut BytesMut, mut n: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while n > 0 {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
    }
    out.extend_from_slice(&digits[at.min(digits.len() - width)..]);
}

/// Appends an address without its port.
pub fn put_ip(out: &mut BytesMut, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            for (i, octet) in ip.octets().into_iter().enumerate() {
                if i > 0 {
                    out.put_u8(b'.');
                }
                put_decimal(out, u64::from(octet));
            }
        }
        IpAddr::V6(ip) => out.extend_from_slice(ip.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn numbers() {
        for n in [0, 1, 9, 10, 99, 100, 1_048_576, u64::MAX] {
            assert_eq!(text(|out| put_decimal(out, n)), n.to_string());
            assert_eq!(text(|out| put_padded(out, n, 3)), format!("{n:03}"));
        }
    }

    #[test]
    fn addresses() {
        for ip in ["0.0.0.0", "127.0.0.1", "255.100.99.9", "::1", "2001:db8::7"] {
            assert_eq!(text(|out| put_ip(out, ip.parse().unwrap())), ip);
        }
    }
}
