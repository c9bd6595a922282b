//! What the tests over real sockets share: [`program`] starts the program in nginx mode on ports of its own,
//! [`lesson`] starts the lesson's two servers, [`upstream`] is what stands behind a proxy, [`client`] speaks to them.
#![allow(dead_code)]

pub mod broken;
pub mod client;
pub mod command_lines;
pub mod lab;
pub mod lesson;
pub mod program;
pub mod upstream;
pub mod words;
