//! Answers from somebody else that try to read, write or reach what is not theirs, or to go on without end.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::lab::{Lab, Said, server, write};

const SECRET: &str = "root:x:0:0:the secret";

/// An exercise that asks for `/`, for a path, and sends a large body; everything it sees goes into the verdict.
fn lab(path: &str) -> Lab {
    let lab = Lab::empty();
    let checks = format!(
        "title = \"t\"\nidea = \"i\"\n\
         [[check]]\nname = \"n\"\nsay = \"s\"\nlook = \"l\"\n\
         [[check.request]]\nsend = \"GET /\"\nanswer = {{ body = \"never\" }}\n\
         [[check]]\nname = \"m\"\nsay = \"s\"\nlook = \"l\"\n\
         [[check.request]]\nsend = \"GET {path}\"\nanswer = {{ body = \"never\" }}\n\
         [[check]]\nname = \"o\"\nsay = \"s\"\nlook = \"l\"\n\
         [[check.request]]\nsend = \"POST /\"\nbody = \"{{letters:100000}}\"\nanswer = {{ body = \"never\" }}\n"
    );
    lab.exercise("01-x", &checks, &server(""), &server(""));
    lab
}

/// Grades a folder with this nginx.conf; bounded in time whatever it says.
fn grade(lab: &Lab, answer: &Path) -> Said {
    let begun = Instant::now();
    let said = lab.run(&[
        "check",
        "1",
        "--answer",
        answer.to_str().expect("UTF-8"),
        "--json",
    ]);
    assert!(
        begun.elapsed() < Duration::from_secs(40),
        "{:?}",
        begun.elapsed()
    );
    assert!(said.code == 1 || said.code == 2, "{said:?}");
    said
}

#[test]
fn nothing_outside_is_read_or_written() {
    let outside = tempfile::tempdir().expect("a folder");
    let secret = outside.path().join("secret.txt");
    let out = outside.path().display();
    fs::write(&secret, SECRET).expect("a file");
    let http =
        |inside: &str| format!("events {{}}\nhttp {{\n{inside}\nserver {{ listen 3000; }}\n}}\n");
    let pass = "location / { proxy_pass http://127.0.0.1:5000; }";
    let configurations = [
        format!("include {out}/secret.txt;\nevents {{}}\n"),
        "include /etc/passwd;\nevents {}\n".to_owned(),
        format!("include {out}/*;\nevents {{}}\n"),
        "include ../../../../../../../../etc/passwd;\nevents {}\n".to_owned(),
        http("include /etc/p?sswd;"),
        server("root /;"),
        server(&format!("root {out};\nindex secret.txt;")),
        server(&format!("location / {{ alias {out}/; index secret.txt; }}")),
        server(&format!(
            "location / {{ root {out}; try_files /secret.txt =404; }}"
        )),
        server(&format!(
            "error_page 404 /secret.txt;\nlocation = /secret.txt {{ root {out}; }}"
        )),
        server("root ../../../../../../../..;"),
        server(&format!("access_log {out}/new.log;")),
        server(&format!("error_log {out}/new.log debug;\nroot /nowhere;")),
        format!("error_log {out}/new.log debug;\n{}", server("")),
        format!("pid {out}/new.pid;\n{}", server("")),
        server(&format!("client_body_temp_path {out}/new 1 2;\n{pass}")),
        server(&format!("proxy_temp_path {out}/new;\n{pass}")),
    ];
    for text in configurations {
        let lab = lab(secret.to_str().expect("UTF-8"));
        let answer = lab.path().join("answer");
        write(&answer.join("nginx.conf"), &text);
        let said = grade(&lab, &answer);
        let all = format!("{}{}", said.out, said.err);
        assert!(
            !all.contains("the secret") && !all.contains("root:x:0:0"),
            "{text}\n{all}"
        );
        let left: Vec<_> = fs::read_dir(outside.path())
            .expect("a folder")
            .flatten()
            .collect();
        assert_eq!(left.len(), 1, "{text}\nmade {left:?}");
        assert_eq!(
            fs::read_to_string(&secret).expect("a file"),
            SECRET,
            "{text}"
        );
    }
}

#[test]
fn the_same_files_inside_are_read() {
    // What the test above relies on: the exercise would show the file, were it allowed to.
    let lab = lab("/secret.txt");
    let answer = lab.path().join("answer");
    write(&answer.join("nginx.conf"), &server("root html;"));
    write(&answer.join("html/secret.txt"), SECRET);
    let said = grade(&lab, &answer);
    assert!(said.out.contains("the secret"), "{said:?}");
}

#[test]
fn links_out_of_the_answer_are_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("secret.txt"), SECRET).expect("a file");
    let lab = lab("/folder/secret.txt");
    let answer = lab.path().join("answer");
    write(
        &answer.join("nginx.conf"),
        &server("root html;\nindex link.txt;"),
    );
    fs::create_dir_all(answer.join("html")).expect("a folder");
    symlink(outside.path(), answer.join("html/folder")).expect("a link");
    symlink(
        outside.path().join("secret.txt"),
        answer.join("html/link.txt"),
    )
    .expect("a link");
    let said = grade(&lab, &answer);
    assert!(!said.out.contains("the secret"), "{said:?}");

    let linked = lab.path().join("linked");
    fs::create_dir(&linked).expect("a folder");
    symlink(outside.path().join("secret.txt"), linked.join("nginx.conf")).expect("a link");
    let said = grade(&lab, &linked);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("there is no nginx.conf in"), "{said:?}");
}

#[test]
fn connections_go_to_the_backends_of_the_exercise_only() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    let lab = lab("/x");
    let answer = lab.path().join("answer");
    for target in [
        format!("http://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        "http://203.0.113.1:80".to_owned(),
        "http://nowhere.example".to_owned(),
    ] {
        let text = server(&format!("location / {{ proxy_pass {target}; }}"));
        write(&answer.join("nginx.conf"), &text);
        let said = grade(&lab, &answer);
        assert_eq!(said.code, 1, "{target}: {said:?}");
        let told = said.out.contains("Nobody listens at") || said.out.contains("host not found");
        assert!(told, "{target}: {said:?}");
        let arrived = listener.accept();
        assert!(arrived.is_err(), "{target}: {arrived:?}");
    }
}

#[test]
fn what_goes_on_without_end_is_ended() {
    let lab = lab("/x");
    let answer = lab.path().join("answer");
    let big = format!("events {{}}\n# {}\n", "x".repeat(17 << 20));
    let many: String = (0..300)
        .map(|n| format!("listen {};\n", 10_000 + n))
        .collect();
    for (text, told) in [
        (
            server("location / { proxy_pass http://127.0.0.1:3000; }"),
            "asks itself, again and again",
        ),
        (
            server("location / { proxy_pass http://localhost:3000; }"),
            "asks itself, again and again",
        ),
        (
            server("location / { rewrite ^ /again last; }"),
            "goes round in a circle",
        ),
        (
            server("location / { try_files /a /b; }\nroot html;"),
            "goes round in a circle",
        ),
        (server(&many), "(24: Too many open files)"),
        (
            "include nginx.conf;\ninclude nginx.conf;\nevents {}\n".to_owned(),
            "Not yet",
        ),
        (big, "too large to be graded"),
    ] {
        write(&answer.join("nginx.conf"), &text);
        let said = grade(&lab, &answer);
        let start: String = text.chars().take(80).collect();
        assert!(said.out.contains(told), "{start}\n{said:?}");
    }
}

#[test]
fn no_name_server_is_asked() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_nonblocking(true).expect("a socket");
    let port = socket.local_addr().expect("an address").port();
    let lab = lab("/x");
    let answer = lab.path().join("answer");
    let text = server(&format!(
        "resolver 127.0.0.1:{port} ipv6=off;\nlocation / {{ set $to \"secret.example\"; proxy_pass http://$to; }}"
    ));
    write(&answer.join("nginx.conf"), &text);
    let said = grade(&lab, &answer);
    assert!(said.out.contains("502 Bad Gateway"), "{said:?}");
    let arrived = socket.recv(&mut [0; 512]);
    assert!(arrived.is_err(), "{arrived:?}");
}

#[test]
fn a_condition_learns_nothing_of_files_outside() {
    let outside = tempfile::tempdir().expect("a folder");
    let secret = outside.path().join("secret.txt");
    fs::write(&secret, SECRET).expect("a file");
    let lab = lab("/x");
    let answer = lab.path().join("answer");
    write(
        &answer.join("nginx.conf"),
        &server(&format!("if (-f {}) {{ return 418; }}", secret.display())),
    );
    let said = grade(&lab, &answer);
    assert!(!said.out.contains("418"), "{said:?}");
}
