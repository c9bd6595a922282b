//! What the tests over real sockets share: [`program`] starts the program in nginx mode on ports of its own,
//! [`client`] speaks to it.
#![allow(dead_code)]

pub mod client;
pub mod program;
