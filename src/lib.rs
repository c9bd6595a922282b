//! Proxy Lab: one program that serves a real `nginx.conf` exactly as nginx would.
//!
//! The map, in the direction the data runs:
//! * [`config`]: nginx's language; text to tokens to directives to the typed model, with diagnostics.
//! * [`cli`]: what the command line does besides serving, such as `-t`.
//! * [`wire`]: HTTP/1 on the socket as nginx reads and writes it; knows nothing of configuration files.
//! * [`front`]: the server on 3000; takes a finished model and answers requests, proxying by awc.
//! * [`backend`]: the demo backend on 5000, an ordinary actix-web application.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod wire;
