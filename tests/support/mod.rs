//! What the tests over real sockets share: [`program`] starts the program in nginx mode on ports of its own,
//! [`lesson`] starts the lesson's two servers, [`upstream`] is what stands behind a proxy, [`client`] speaks to them.
#![allow(dead_code)]

pub mod broken;
pub mod client;
pub mod command_lines;
pub mod lab;
pub mod lesson;
pub mod ports;
pub mod program;
pub mod upstream;
pub mod words;

use std::time::{Duration, Instant};

/// Waits until something is so; a failure names what never came.
pub fn until(bound: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + bound;
    while !done() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::yield_now();
    }
}
