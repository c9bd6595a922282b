//! Proxy Lab: one program that serves a real `nginx.conf` exactly as nginx would.
//!
//! The map, in the direction the data runs:
//! * [`config`]: nginx's language; text to tokens to directives to the typed model, with diagnostics.
//! * [`wire`]: HTTP/1 on the socket as nginx reads and writes it; knows nothing of configuration files.
//! * [`front`]: the server on 3000; takes a finished model and answers requests, proxying by awc.
//! * [`deflate`]: gzip as zlib makes it, which answers compressed on the fly need.
//! * [`backend`]: the demo backend on 5000, an ordinary actix-web application.
//! * [`course`]: the exercises; starts the servers as a user would and grades an answer over sockets.
//! * [`cli`]: the command line, nginx's options among it; starts the servers, explains, runs the course's commands.
//! * [`wall`]: what a process that serves somebody else's file may touch; off everywhere else.
#![forbid(unsafe_code)]

pub mod backend;
pub mod cli;
pub mod config;
pub mod course;
pub mod deflate;
pub mod front;
pub mod wall;
pub mod wire;
