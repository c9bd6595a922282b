//! The table of odd URIs, `tests/data/request_uris.tsv`, asked of nginx again (`make verify`): what it says is what nginx
//! says today. `tests/wire_oracle.rs` asks the lab's parser the same.

#[path = "support/nginx.rs"]
mod nginx;
#[path = "common/notation.rs"]
mod notation;
#[path = "support/ports.rs"]
mod ports;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nginx::Nginx;
use notation::decode;
use ports::{FIVE_DIGITS, Ports};
use rustix::process::{Pid, Signal, kill_process};

const URIS: &str = include_str!("data/request_uris.tsv");
const PATIENCE: Duration = Duration::from_secs(30);

/// nginx with a server for each rule on slashes; ended when dropped.
struct Running {
    child: Child,
    ports: BTreeMap<&'static str, u16>,
    _reserved: Ports,
}

impl Running {
    fn start(nginx: &Nginx, prefix: &Path) -> Self {
        let reserved = Ports::free(2, FIVE_DIGITS);
        let names = ["default", "keepslashes"];
        let ports: BTreeMap<_, _> = names.into_iter().zip(reserved.iter().copied()).collect();
        fs::write(prefix.join("nginx.conf"), config(&ports)).expect("a file");
        let _ = fs::remove_file(prefix.join("logs/nginx.pid"));
        let mut command = nginx.command();
        command
            .arg("-p")
            .arg(prefix)
            .args(["-c", "nginx.conf", "-e"]);
        command.arg(prefix.join("logs/start.log"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("nginx");
        let mut running = Self {
            child,
            ports,
            _reserved: reserved,
        };
        let end = Instant::now() + PATIENCE;
        // The pid file is there once all sockets are bound.
        while !prefix.join("logs/nginx.pid").exists() {
            let ended = running.child.try_wait().expect("its state").is_some();
            assert!(!ended && Instant::now() < end, "nginx does not start");
            std::thread::park_timeout(Duration::from_millis(3));
        }
        running
    }

    /// One request on a connection of its own, to its end.
    fn ask(&self, server: &str, uri: &[u8]) {
        let port = self.ports.get(server).expect("a server of the table");
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let request = [
            b"GET ",
            uri,
            b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ]
        .concat();
        // nginx may refuse a request before it has all of it.
        let _ = socket.write_all(&request);
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::QUIT);
        }
        let _ = self.child.wait();
    }
}

fn config(ports: &BTreeMap<&str, u16>) -> String {
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path t_{name};"))
        .concat();
    let servers: String = ports
        .iter()
        .map(|(name, port)| {
            let merge = if *name == "keepslashes" { "off" } else { "on" };
            format!(
                "server {{ listen 127.0.0.1:{port}; merge_slashes {merge}; access_log logs/{name} u; \
                 error_log logs/{name}.errors info; location / {{ return 200; }} }}\n"
            )
        })
        .collect();
    let user = match rustix::process::geteuid().is_root() {
        true => "user root;",
        false => "",
    };
    format!(
        "daemon off; {user} pid logs/nginx.pid; error_log logs/error.log; events {{ }}\nhttp {{ {temp}\n\
         log_format u '$status\t$uri\t$args\t$request_uri';\n{servers}}}\n"
    )
}

#[test]
fn nginx_makes_of_each_uri_what_the_table_says() {
    let nginx = Nginx::find().unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().expect("a folder");
    let prefix = folder.path();
    fs::create_dir(prefix.join("logs")).expect("a folder");
    let running = Running::start(&nginx, prefix);
    let mut expected: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    let mut odd = std::collections::BTreeSet::new();
    for row in URIS.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [server, uri, status, path, args, request_uri, message] = columns[..] else {
            panic!("columns of {row}");
        };
        running.ask(server, &decode(uri));
        odd.insert(uri);
        let line = [status, path, args, request_uri].map(decode).concat_tabs();
        expected.entry(server).or_default().push(line);
        *refused.entry(server).or_default() += usize::from(!message.is_empty());
    }
    drop(running);
    for (server, expected) in &expected {
        let log = fs::read_to_string(prefix.join("logs").join(server)).expect("a log");
        let lines: Vec<_> = log
            .lines()
            .map(|line| {
                let fields: Vec<_> = line.split('\t').map(decode).collect();
                fields.concat_tabs()
            })
            .collect();
        for (said, expected) in lines.iter().zip(expected) {
            assert_eq!(said, expected, "{server}: - is nginx, + is the table");
        }
        assert_eq!(lines.len(), expected.len(), "{server}");
        let errors = fs::read_to_string(prefix.join(format!("logs/{server}.errors")));
        let errors = errors.unwrap_or_default();
        let said = errors.matches("client sent invalid request while").count();
        assert_eq!(Some(&said), refused.get(server), "{server}");
    }
    assert!(odd.len() >= 200, "only {} URIs", odd.len());
}

/// Fields with their bytes made visible, one line.
trait ConcatTabs {
    fn concat_tabs(&self) -> String;
}

impl ConcatTabs for [Vec<u8>] {
    fn concat_tabs(&self) -> String {
        let fields = self.iter().map(|field| field.escape_ascii().to_string());
        fields.collect::<Vec<_>>().join("\t")
    }
}
