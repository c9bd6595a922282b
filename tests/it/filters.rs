//! Output filters where the answer holds the time of the run, takes time, or is too long to compare byte by byte.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use proxy_lab::wire::date::{local_seconds, parse_http_time};
use socket2::{Domain, Socket, Type};

use crate::support::client::{self, Answer};
use crate::support::program::Program;
use crate::support::upstream::bounded;

const CONFIGURATION: &str = r#"
types { text/html html; text/plain txt; }
server {
    listen 127.0.0.1:{port};
    root html;
    location /hour/ { alias html/; expires 1h; }
    location /plus/ { alias html/; expires +30d; }
    location /zero/ { alias html/; expires 0; }
    location /minus/ { alias html/; expires -1; }
    location /daily/ { alias html/; expires @15h30m; }
    location /midnight/ { alias html/; expires @24h; }
    location /modified/ { alias html/; expires modified 100000d; }
    location /variable/ { alias html/; expires $arg_e; }
    location /slow/ { alias html/; limit_rate 10k; }
    location /slow-later/ { alias html/; limit_rate 10k; limit_rate_after 1m; }
    location /slow-set/ { alias html/; set $limit_rate 10k; }
    location /slow-sendfile/ { alias html/; limit_rate 10k; sendfile on; }
    location /gzip/ { alias html/; gzip on; gzip_min_length 0; }
    location /gzip9/ { alias html/; gzip on; gzip_comp_level 9; }
    location /both/ { alias html/; gzip on; sub_filter_once off; sub_filter "needle" "thread"; }
    location /long/ { alias html/; sub_filter_once off; sub_filter "needle" "thread"; }
    location /gunzip/ { alias html/; gunzip on; gzip_static always; }
}"#;

/// Tue, 02 Jan 2024 03:04:05 GMT
const MODIFIED: u64 = 1_704_164_645;
const LONG: u64 = 200 * 1024 * 1024;
/// Far more than small sockets take.
const NOISE: usize = 1024 * 1024;
/// In kB: far less than a long file.
const MEMORY: u64 = 96 * 1024;
const SIZES: [usize; 9] = [0, 1, 19, 4095, 4096, 32_768, 32_769, 131_072, 300_000];

fn start() -> Program {
    Program::start(CONFIGURATION, prepare)
}

fn prepare(folder: &Path) {
    let html = folder.join("html");
    fs::create_dir(&html).expect("a folder");
    let small = html.join("a.html");
    fs::write(&small, "<p>a page</p>\n").expect("a file");
    let modified = std::time::UNIX_EPOCH + Duration::from_secs(MODIFIED);
    let opened = File::options().append(true).open(&small);
    opened
        .and_then(|file| file.set_modified(modified))
        .expect("its time");
    fs::write(html.join("40k.txt"), vec![b'x'; 40_000]).expect("a file");
    for size in SIZES {
        fs::write(html.join(format!("{size}.html")), text(size)).expect("a file");
    }
    let mut long = File::create(html.join("long.html")).expect("a file");
    long.set_len(LONG).expect("its length");
    long.write_all(b"a needle in the hay").expect("its start");
}

/// Words that repeat themselves near and far.
fn text(size: usize) -> Vec<u8> {
    let mut state = 7u32;
    let words = std::iter::from_fn(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(format!("word{} ", state >> 22))
    });
    words.flat_map(String::into_bytes).take(size).collect()
}

/// Bytes without a pattern.
fn noisy(size: usize) -> Vec<u8> {
    let mut state = 7u64;
    let bytes = std::iter::from_fn(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state.to_le_bytes())
    });
    bytes.flatten().take(size).collect()
}

fn time(answer: &Answer, name: &str) -> i64 {
    let value = answer.header(name).expect("the field");
    parse_http_time(value.as_bytes()).expect("a date")
}

#[test]
fn expires_counts_from_the_answers_time() {
    let program = start();
    for (target, seconds, cache) in [
        ("/hour/a.html", 3600, "max-age=3600"),
        ("/plus/a.html", 2_592_000, "max-age=2592000"),
        ("/zero/a.html", 0, "max-age=0"),
        ("/minus/a.html", -1, "no-cache"),
        ("/variable/a.html?e=2m", 120, "max-age=120"),
        ("/variable/a.html?e=-2m", -120, "no-cache"),
    ] {
        let answer = program.get(target);
        // Both are of one moment: `Date` is made after `Expires`, in the same second or the next.
        let ahead = time(&answer, "Expires") - time(&answer, "Date");
        assert!(
            (seconds - 1..=seconds).contains(&ahead),
            "{target}: {ahead}"
        );
        assert_eq!(answer.header("Cache-Control"), Some(cache), "{target}");
    }
}

#[test]
fn expires_counts_from_the_files_time() {
    let program = start();
    let answer = program.get("/modified/a.html");
    let at = MODIFIED as i64 + 100_000 * 86_400;
    assert_eq!(time(&answer, "Expires"), at);
    let left = at - time(&answer, "Date");
    let expected = [left, left + 1].map(|left| format!("max-age={left}"));
    let cache = answer.header("Cache-Control").expect("the field");
    assert!(expected.iter().any(|known| known == cache), "{cache}");
}

#[test]
fn expires_at_a_time_of_day() {
    let program = start();
    for (target, of_day) in [("/daily/a.html", 55_800), ("/midnight/a.html", 0)] {
        let answer = program.get(target);
        let at = time(&answer, "Expires");
        assert_eq!(
            (at + local_seconds(at)).rem_euclid(86_400),
            of_day,
            "{target}"
        );
        let left = at - time(&answer, "Date");
        // A day in which clocks go back has 25 hours.
        assert!((0..=25 * 3600).contains(&left), "{target}: {left}");
    }
}

/// How long an answer takes, and whether it is whole.
fn takes(program: &Program, target: &str) -> Duration {
    let begun = Instant::now();
    assert_eq!(program.get(target).body.len(), 40_000, "{target}");
    begun.elapsed()
}

#[test]
fn limit_rate_slows_down() {
    let program = start();
    let free = takes(&program, "/slow-later/40k.txt");
    let program = &program;
    std::thread::scope(|scope| {
        for folder in ["slow", "slow-set", "slow-sendfile"] {
            scope.spawn(move || {
                let slow = takes(program, &format!("/{folder}/40k.txt"));
                // 40000 bytes at 10240 a second: at most two seconds' go at once, should a second begin just then.
                assert!(slow >= Duration::from_millis(1500), "{folder}: {slow:?}");
                assert!(slow > free, "{folder}: {slow:?}, and {free:?} without");
            });
        }
    });
}

#[test]
fn what_is_compressed_comes_back() {
    let program = start();
    for size in SIZES {
        for folder in ["gzip", "gzip9"] {
            let target = format!("/{folder}/{size}.html");
            let answer = program.ask("GET", &target, &["Accept-Encoding: gzip"]);
            let encoded = answer.header("Content-Encoding") == Some("gzip");
            assert_eq!(encoded, folder == "gzip" || size >= 20, "{target}");
            let mut body = Vec::new();
            if encoded {
                GzDecoder::new(&answer.body[..])
                    .read_to_end(&mut body)
                    .expect("a gzip stream");
            } else {
                body = answer.body;
            }
            assert!(body == text(size), "{target}: other bytes");
        }
    }
}

#[test]
fn a_long_answer_goes_through_filters_in_portions() {
    let program = start();
    let mut socket = client::connect(program.address()).expect("a connection");
    socket
        .write_all(b"GET /long/long.html HTTP/1.0\r\n\r\n")
        .expect("sent");
    let head = client::read_head(&mut socket).expect("a head");
    assert_eq!(head.status(), 200);
    let mut start = [0; 19];
    socket.read_exact(&mut start).expect("its start");
    assert_eq!(&start, b"a thread in the hay");
    let rest = std::io::copy(&mut socket, &mut std::io::sink()).expect("the rest");
    assert_eq!(rest + 19, LONG);
    let peak = program.peak_memory();
    assert!(peak < MEMORY, "{peak} kB");
}

/// A connection that takes little before its client reads.
fn narrow(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(16 * 1024).expect("an option");
    socket.connect(&address.into()).expect("a connection");
    bounded(socket.into())
}

#[test]
fn a_client_that_stops_reading_stops_the_filters() {
    // What a socket takes is filtered at once, as in nginx: little is, with small buffers and bytes that gzip cannot shorten.
    let configuration = CONFIGURATION.replace("{port};", "{port} sndbuf=32k;");
    let program = Program::start(&configuration, |folder| {
        prepare(folder);
        let mut noise = File::create(folder.join("html/noise.html")).expect("a file");
        noise.write_all(&noisy(NOISE)).expect("its start");
        noise.set_len(LONG).expect("its length");
    });
    let sockets = ["/both/noise.html", "/long/long.html"].map(|target| {
        let mut socket = narrow(program.address());
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("sent");
        client::read_head(&mut socket).expect("a head");
        socket
    });
    // Others are served meanwhile, and nothing is gathered for those that do not read.
    assert_eq!(program.get("/hour/a.html").status(), 200);
    let peak = program.peak_memory();
    assert!(peak < MEMORY, "{peak} kB");
    drop(sockets);
    assert_eq!(program.get("/hour/a.html").status(), 200);
}

#[test]
fn broken_compressed_data_ends_the_connection_and_is_logged() {
    let program = Program::start(CONFIGURATION, |folder| {
        prepare(folder);
        fs::write(
            folder.join("html/broken.html.gz"),
            "not gzip at all, not at all",
        )
        .expect("a file");
    });
    let mut socket = client::connect(program.address()).expect("a connection");
    socket
        .write_all(b"GET /gunzip/broken.html HTTP/1.1\r\nHost: h\r\n\r\n")
        .expect("sent");
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).expect("the end");
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    program.wait_for_log("error.log", "inflate() failed: ");
}
