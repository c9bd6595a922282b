//! Upstreams that are not there, that break off, that are late, that answer early; and clients that leave.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, SockRef, Socket, Type};

use crate::support::client;
use crate::support::program::Program;

mod answers;
mod clients;
mod kept;

const CONFIGURATION: &str = r#"
upstream pool { server {upstream}; keepalive 4; }
upstream narrow { server {upstream}; keepalive 1; }
upstream two { server {upstream}; keepalive 2; }
proxy_http_version 1.1;
proxy_set_header Connection "";
client_max_body_size 100m;
log_format completion "$request_uri [$request_completion]";
server {
    listen 127.0.0.1:{port};
    access_log {dir}/access.log;
    access_log {dir}/completion.log completion;
    location /buffered/ { proxy_pass http://{upstream}/; }
    location /unbuffered/ { proxy_pass http://{upstream}/; proxy_buffering off; }
    location /to-old/ { proxy_pass http://{upstream}/; proxy_http_version 1.0; }
    location /pool/ { proxy_pass http://pool/; }
    location /narrow/ { proxy_pass http://narrow/; }
    location /two/ { proxy_pass http://two/; }
    location /early/ { proxy_pass http://{upstream}/; proxy_request_buffering off; }
    location /stays/ { proxy_pass http://{upstream}/; proxy_ignore_client_abort on; }
    location /unread/ { proxy_pass http://{upstream}/; proxy_max_temp_file_size 0; }
    location /impatient/ {
        proxy_pass http://{upstream}/;
        proxy_connect_timeout 300ms;
        proxy_send_timeout 300ms;
        proxy_read_timeout 300ms;
    }
}"#;

fn start(upstream: &str) -> Program {
    Program::start(&CONFIGURATION.replace("{upstream}", upstream), |_| {})
}

/// A connection on which a request with this line was sent.
fn ask(program: &Program, line: &str) -> TcpStream {
    let mut socket = client::connect(program.address()).expect("a connection");
    write!(socket, "{line} HTTP/1.1\r\nHost: h.test\r\n\r\n").expect("a request sent");
    socket
}

/// The end of an error log's line about a request.
fn about(line: &str, upstream: &str, path: &str) -> String {
    format!(
        ", client: 127.0.0.1, server: , request: \"{line} HTTP/1.1\", upstream: \"http://{upstream}{path}\", host: \"h.test\""
    )
}

/// Makes the socket's end a reset rather than an orderly close.
fn reset(socket: TcpStream) {
    SockRef::from(&socket)
        .set_linger(Some(std::time::Duration::ZERO))
        .expect("an option");
}

/// A port that is taken and that nobody listens on.
fn deaf() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("a free port");
    let address = socket.local_addr().expect("its address");
    (socket, address.as_socket().expect("an address of IPv4"))
}
