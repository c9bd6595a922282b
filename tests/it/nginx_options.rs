//! The command line is nginx's: every form, its words and its exit code.

use std::process::{Command, Output};

use crate::support::command_lines::{LINES, prepare};

fn lab() -> Command {
    Command::new(env!("CARGO_BIN_EXE_proxy-lab"))
}

fn run(words: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path());
    let mut command = lab();
    command.args(words).current_dir(folder.path());
    command.output().expect("an end")
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `config_under_nginx` asks nginx the same.
#[test]
fn each_form_has_nginxs_words_and_code() {
    // What `user root` does is nothing where one is not root: the dump shows the file as it is.
    let root = rustix::process::geteuid().is_root();
    for line in LINES {
        if !root && (line.words.contains("user root") || !line.out.is_empty()) {
            continue;
        }
        assert_eq!(line.ask(lab()), line.expected(), "{}", line.words);
    }
}

#[test]
fn versions_and_help_go_to_the_standard_error() {
    let version = format!(
        "nginx version: nginx/1.22.1 (Proxy Lab {})\n",
        env!("CARGO_PKG_VERSION")
    );
    let output = run(&["-v"]);
    assert_eq!(
        (err(&output), output.status.code()),
        (version.clone(), Some(0))
    );
    for words in ["-V", "-vV", "-Vv"] {
        let output = run(&[words]);
        let said = err(&output);
        let rest = said.strip_prefix(&version).expect("the version first");
        assert!(rest.starts_with("configure arguments: --"), "{said}");
        assert_eq!(rest.lines().count(), 1, "{said}");
        assert_eq!(output.status.code(), Some(0));
    }
    for words in ["-h", "-?", "-hv", "-?V"] {
        let output = run(&[words]);
        let said = err(&output);
        let start = format!("{version}Usage: proxy-lab [-?hvVtTq] [-s signal] [-p prefix]\n");
        assert!(said.starts_with(&start), "{said}");
        for option in [
            "-t ",
            "-T ",
            "-q ",
            "-s signal",
            "-p prefix",
            "-e filename",
            "-c filename",
            "-g directives",
        ] {
            assert!(
                said.contains(&format!("\n  {option}")),
                "{option} in {said}"
            );
        }
        assert!(said.contains("proxy-lab --help"), "{said}");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    }
    // A test that is asked for as well follows.
    let output = run(&["-vt", "-p", "p", "-c", "nginx.conf"]);
    let said = err(&output);
    let rest = said.strip_prefix(&version).expect("the version first");
    assert_eq!(
        rest.lines().last(),
        Some("nginx: configuration file p/nginx.conf test is successful")
    );
    // The long form is the lab's own, and an answer.
    let output = run(&["--help"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("explain") && said.contains("-T"), "{said}");
    assert_eq!(output.status.code(), Some(0));
}

/// The words of `-V` are true: of each module, a directive is taken or refused accordingly.
#[test]
fn the_words_of_the_build_are_true() {
    let said = err(&run(&["-V"]));
    let has = |word: &str| said.split_whitespace().any(|other| other == word);
    for (word, directive, with) in [
        ("http_gunzip_module", "gunzip on;", true),
        ("http_gzip_static_module", "gzip_static on;", true),
        ("http_sub_module", "sub_filter a b;", true),
        ("http_random_index_module", "random_index on;", true),
        ("http_dav_module", "dav_methods PUT;", true),
        ("http_flv_module", "flv;", true),
        ("http_mp4_module", "mp4;", true),
        ("http_slice_module", "slice 1m;", true),
        ("http_addition_module", "add_before_body /a;", true),
        ("http_ssi_module", "ssi on;", false),
        ("http_fastcgi_module", "fastcgi_pass 127.0.0.1:9000;", false),
        ("http_uwsgi_module", "uwsgi_pass 127.0.0.1:9000;", false),
        ("http_grpc_module", "grpc_pass 127.0.0.1:9000;", false),
        (
            "http_memcached_module",
            "memcached_pass 127.0.0.1:9000;",
            false,
        ),
        ("http_userid_module", "userid on;", false),
        ("http_gzip_module", "gzip on;", false),
        ("http_rewrite_module", "return 204;", false),
        (
            "http_proxy_module",
            "proxy_pass http://127.0.0.1:9000;",
            false,
        ),
        ("http_autoindex_module", "autoindex on;", false),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            "pid pid; error_log e;\nevents {{ }}\nhttp {{ access_log off; server {{ listen 127.0.0.1:18474; location /l {{ {directive} }} }} }}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), text).expect("a file");
        let mut command = lab();
        command.args(["-tq", "-p", ".", "-c", "nginx.conf"]);
        let output = command.current_dir(folder.path()).output().expect("an end");
        let taken = output.status.success();
        let told = match with {
            true => has(&format!("--with-{word}")),
            false => !has(&format!("--without-{word}")),
        };
        assert_eq!(taken, told, "{directive} {word}: {}\n{said}", err(&output));
    }
    assert!(
        !has("--with-http_ssl_module") && !has("--with-http_v2_module"),
        "{said}"
    );
}

/// What is wrong stands in the log that `-e` names, too, from the first moment on.
#[test]
fn the_early_log_is_opened_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path());
    let broken = "pid logs/pid;\nerror_log logs/error.log nolevel;\nevents { }\n";
    std::fs::write(folder.path().join("p/broken.conf"), broken).expect("a file");
    for words in [&["-t"][..], &["-s", "stop"], &[]] {
        let mut command = lab();
        command
            .args(words)
            .args(["-p", "p", "-c", "broken.conf", "-e", "logs/early.log"]);
        let output = command.current_dir(folder.path()).output().expect("an end");
        let message = "invalid log level \"nolevel\" in p/broken.conf:2";
        let said = err(&output);
        assert!(
            said.starts_with(&format!("nginx: [emerg] {message}\n")),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(1));
        let log = std::fs::read_to_string(folder.path().join("p/logs/early.log")).expect("a log");
        let last = log.lines().last().unwrap_or_default();
        assert!(
            last.contains(" [emerg] ") && last.ends_with(message),
            "{log}"
        );
        std::fs::remove_file(folder.path().join("p/logs/early.log")).expect("a log");
    }
}

/// A signal's sender says in the log of `-e` that it was there; the standard error is no file of that name.
#[test]
fn the_early_log_tells_of_signals() {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path());
    for log in ["logs/early.log", "stderr", ""] {
        let mut command = lab();
        command.args(["-s", "stop", "-p", "p", "-c", "dead.conf", "-e", log]);
        let output = command.current_dir(folder.path()).output().expect("an end");
        assert_eq!(output.status.code(), Some(1), "{log}");
    }
    let log = std::fs::read_to_string(folder.path().join("p/logs/early.log")).expect("a log");
    let ends = ["[notice] ", "[alert] "].into_iter().zip([
        ": signal process started",
        ": kill(999999999, 15) failed (3: No such process)",
    ]);
    assert_eq!(log.lines().count(), 2, "{log}");
    for (line, (level, end)) in log.lines().zip(ends) {
        assert!(line.contains(level) && line.ends_with(end), "{line}");
    }
    assert!(!folder.path().join("p/stderr").exists());
}

/// Commands of the lab's stand beside nginx's options.
#[test]
fn commands_of_the_lab_go_on() {
    let output = run(&[
        "-p",
        "p",
        "-cnginx.conf",
        "explain",
        "http://127.0.0.1:18471/x",
        "-X",
        "PUT",
    ]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        told.starts_with("PUT /x HTTP/1.1"),
        "{told}{}",
        err(&output)
    );
    let said = err(&run(&["strat"]));
    assert!(said.contains("Did you mean 'start'?"), "{said}");
    let said = err(&run(&["-s", "stop"]));
    assert!(
        said.contains("with -c or -p") || said.contains("no folder \"lab\""),
        "{said}"
    );
}
