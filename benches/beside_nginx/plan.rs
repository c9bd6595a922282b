//! What is measured: three configurations made of the lesson's file, the cases of each, and the lines they must meet.

/// Connections at once, one case after the other.
pub const CONNECTIONS: [usize; 3] = [1, 64, 512];
/// One connection may not be slower than this part of nginx's requests a second.
pub const SLOWEST_ALONE: f64 = 0.8;
/// Most megabytes resident (`VmHWM`) with 512 connections.
pub const MOST_MEMORY: f64 = 40.0;

/// A configuration both servers serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// The lesson's file: HTTP/1.0 to the upstream, a connection for each request.
    Lesson,
    /// The same with `upstream`, `keepalive` and `proxy_http_version 1.1`.
    Keepalive,
    /// The lesson's file with `sendfile on`.
    Static,
}

/// One request, measured with different numbers of connections.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub path: &'static str,
    /// Bytes of the answer's body.
    pub length: usize,
    /// Most CPU time a request, relative to nginx's.
    pub most_cpu: f64,
}

/// Bytes of the small file and of the large file and answer.
pub const KIB: usize = 1 << 10;
pub const MIB: usize = 1 << 20;

impl Setup {
    pub const ALL: [Self; 3] = [Self::Lesson, Self::Keepalive, Self::Static];

    pub fn cases(self) -> Vec<Case> {
        let case = |name, path, length, most_cpu| Case {
            name,
            path,
            length,
            most_cpu,
        };
        let json = super::upstream::JSON.len();
        match self {
            Self::Lesson => vec![
                case("proxied JSON, lesson's file", "/api/", json, 1.1),
                case("proxied 1 MiB, lesson's file", "/api/mib", MIB, 0.7),
            ],
            Self::Keepalive => vec![
                case("proxied JSON, keepalive", "/api/", json, 1.2),
                case("proxied 1 MiB, keepalive", "/api/mib", MIB, 0.7),
            ],
            Self::Static => vec![
                case("static 1 KiB", "/kib.html", KIB, 1.05),
                case("static 1 MiB", "/mib.html", MIB, 1.05),
            ],
        }
    }

    /// The lesson's file with these ports, and what the setup adds to it.
    pub fn file(self, port: u16, upstream: u16) -> String {
        let mut text = include_str!("../../lab/nginx.conf").to_owned();
        let mut change = |from: &str, to: &str| {
            assert_eq!(
                text.matches(from).count(),
                1,
                "lab/nginx.conf has once: {from}"
            );
            text = text.replace(from, to);
        };
        change("listen 3000;", &format!("listen 127.0.0.1:{port};"));
        change("worker_connections 1024;", "worker_connections 4096;");
        if rustix::process::geteuid().is_root() {
            // nginx would otherwise hand its worker to a user who may not enter this folder.
            change("worker_processes 1;", "user root; worker_processes 1;");
        }
        let pass = "proxy_pass http://127.0.0.1:5000/;";
        let http = "include mime.types;";
        match self {
            Self::Lesson => change(pass, &format!("proxy_pass http://127.0.0.1:{upstream}/;")),
            Self::Static => {
                change(pass, &format!("proxy_pass http://127.0.0.1:{upstream}/;"));
                change(http, "include mime.types; sendfile on;");
            }
            Self::Keepalive => {
                change(
                    pass,
                    "proxy_pass http://backend/; proxy_http_version 1.1; proxy_set_header Connection \"\";",
                );
                let group = format!(
                    "include mime.types; upstream backend {{ server 127.0.0.1:{upstream}; keepalive 512; }}"
                );
                change(http, &group);
            }
        }
        text
    }
}
