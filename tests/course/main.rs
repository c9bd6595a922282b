//! The course as a learner and a teacher meet it: the program's commands, in a copy of the lab, over real sockets.

mod beside;
mod broken;
mod hostile;
mod lab;
mod many;
#[path = "../support/ports.rs"]
mod ports;
mod prove;
#[cfg(feature = "verify")]
mod real_nginx;
mod said;
mod transcript;
mod watch;
