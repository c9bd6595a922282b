//! No path leads out of `root`, however it is written; what may be served is served, as nginx serves it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::program::Program;

const CONFIGURATION: &str = "
server {
    listen 127.0.0.1:{port};
    location / { root html; }
    location /files/ { alias html/; }
    location /loose { alias {dir}/html/; }
    location /tried/ { root html; try_files $uri $uri/ =404; }
}";

const SECRET: &str = "the secret outside\n";

fn prepare(prefix: &Path) {
    let html = prefix.join("html");
    fs::create_dir_all(html.join("sub/deep")).unwrap();
    fs::create_dir_all(html.join("tried")).unwrap();
    fs::write(prefix.join("secret.txt"), SECRET).unwrap();
    fs::write(html.join("index.html"), "start\n").unwrap();
    fs::write(html.join("public.txt"), "public\n").unwrap();
    fs::write(html.join("sub/index.html"), "sub\n").unwrap();
    fs::write(html.join("..."), "three dots\n").unwrap();
    fs::write(html.join("..\\secret.txt"), "a name with a backslash\n").unwrap();
    fs::write(html.join("%2e%2e"), "a name with percent signs\n").unwrap();
    symlink("public.txt", html.join("inside.txt")).unwrap();
    symlink("../secret.txt", html.join("outside.txt")).unwrap();
    symlink("..", html.join("up")).unwrap();
    symlink("loop.txt", html.join("loop.txt")).unwrap();
    symlink("nowhere.txt", html.join("broken.txt")).unwrap();
}

/// Targets as they are sent, the status, and the body where there is one to compare.
const PATHS: &[(&str, u16, &str)] = &[
    // Dots as they are.
    ("/../secret.txt", 400, ""),
    ("/..", 400, ""),
    ("/../", 400, ""),
    ("/../html/public.txt", 400, ""),
    ("/sub/../../secret.txt", 400, ""),
    ("/sub/deep/../../../secret.txt", 400, ""),
    ("/nowhere/../../secret.txt", 400, ""),
    ("/./../secret.txt", 400, ""),
    ("//../secret.txt", 400, ""),
    ("/sub/../..", 400, ""),
    ("/..?x", 400, ""),
    ("/..#x", 400, ""),
    ("../secret.txt", 400, ""),
    ("http://h.test/../secret.txt", 400, ""),
    ("http://h.test/%2e%2e/secret.txt", 400, ""),
    // Encoded once.
    ("/%2e%2e/secret.txt", 400, ""),
    ("/%2E%2E/secret.txt", 400, ""),
    ("/.%2e/secret.txt", 400, ""),
    ("/%2e./secret.txt", 400, ""),
    ("/..%2fsecret.txt", 400, ""),
    ("/%2e%2e%2fsecret.txt", 400, ""),
    ("/%2f%2e%2e%2fsecret.txt", 400, ""),
    ("/sub%2f..%2f..%2fsecret.txt", 400, ""),
    // Encoded twice: the name has percent signs.
    ("/%252e%252e/secret.txt", 404, ""),
    ("/..%252fsecret.txt", 404, ""),
    ("/%252e%252e%252fsecret.txt", 404, ""),
    ("/%252e%252e", 200, "a name with percent signs\n"),
    // Backslashes are bytes of a name.
    ("/..\\secret.txt", 200, "a name with a backslash\n"),
    ("/..%5csecret.txt", 200, "a name with a backslash\n"),
    ("/%2e%2e%5csecret.txt", 200, "a name with a backslash\n"),
    ("/sub\\..\\..\\secret.txt", 404, ""),
    ("/sub/..\\../secret.txt", 404, ""),
    // NUL.
    ("/public.txt%00", 400, ""),
    ("/public.txt%00.html", 400, ""),
    ("/..%00/secret.txt", 400, ""),
    ("/%00", 400, ""),
    // What looks like dots or slashes elsewhere.
    ("/%c0%ae%c0%ae/secret.txt", 404, ""),
    ("/..%c0%afsecret.txt", 404, ""),
    ("/..%ef%bc%8fsecret.txt", 404, ""),
    ("/%u002e%u002e/secret.txt", 400, ""),
    ("/..;/secret.txt", 404, ""),
    ("/..%20/secret.txt", 404, ""),
    ("/....//secret.txt", 404, ""),
    ("/...", 200, "three dots\n"),
    ("/file:///etc/passwd", 404, ""),
    // Percent signs without two digits.
    ("/%", 400, ""),
    ("/%2", 400, ""),
    ("/%2g%2e/secret.txt", 400, ""),
    // Dots that stay inside.
    ("/.", 200, "start\n"),
    ("/./", 200, "start\n"),
    ("/sub/..", 200, "start\n"),
    ("/sub/../public.txt", 200, "public\n"),
    ("/sub/%2e%2e/public.txt", 200, "public\n"),
    ("/sub%2f..%2fpublic.txt", 200, "public\n"),
    ("/sub/./../public.txt", 200, "public\n"),
    ("/nowhere/../public.txt", 200, "public\n"),
    ("//public.txt", 200, "public\n"),
    ("/sub//..//public.txt", 200, "public\n"),
    // Other ways to a file name.
    ("/files/../secret.txt", 404, ""),
    ("/files/../../secret.txt", 400, ""),
    ("/files/%2e%2e/secret.txt", 404, ""),
    ("/files/public.txt", 200, "public\n"),
    ("/tried/../../secret.txt", 400, ""),
    ("/tried/..%2f..%2fsecret.txt", 400, ""),
    ("/tried/%252e%252e/secret.txt", 404, ""),
    // Symbolic links are followed, wherever they lead.
    ("/inside.txt", 200, "public\n"),
    ("/outside.txt", 200, SECRET),
    ("/up/secret.txt", 200, SECRET),
    ("/loop.txt", 403, ""),
    ("/broken.txt", 404, ""),
];

#[test]
fn no_path_leads_out_of_the_root() {
    let program = Program::start(CONFIGURATION, prepare);
    for &(target, status, body) in PATHS {
        let raw = format!("GET {target} HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n");
        let answer = program.send(raw.as_bytes());
        assert_eq!(answer.status(), status, "{target}");
        if body == SECRET {
            assert_eq!(answer.text(), SECRET, "{target}");
        } else {
            assert!(!answer.text().contains(SECRET.trim()), "{target}");
        }
        if status == 200 {
            assert_eq!(answer.text(), body, "{target}");
        }
    }
}

/// A location without its slash over an `alias` with one lets `..` through: a trap of nginx's that a learner's file
/// springs here as there.
#[test]
fn an_alias_under_a_name_without_slash_is_as_loose_as_in_nginx() {
    let program = Program::start(CONFIGURATION, prepare);
    assert_eq!(program.get("/loose../secret.txt").text(), SECRET);
    assert_eq!(program.get("/loose/../secret.txt").status(), 404);
    assert_eq!(program.get("/loose../../secret.txt").status(), 404);
}

/// A folder that is a link redirects under the name that was asked for.
#[test]
fn a_link_to_a_folder_is_a_folder() {
    let program = Program::start(CONFIGURATION, prepare);
    let answer = program.get("/up");
    assert_eq!(answer.status(), 301);
    let expected = format!("http://h.test:{}/up/", program.address().port());
    assert_eq!(answer.header("Location"), Some(&*expected));
}
