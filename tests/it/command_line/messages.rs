//! What is said of files, folders and arguments that are not as they should be; and of a file that is tested.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::support::lab::{Folder, is_free};

use super::{failed, text};

#[test]
fn a_broken_file_is_shown_and_nothing_starts() {
    let folder = Folder::new();
    let right = fs::read_to_string(folder.path().join("lab/nginx.conf")).expect("a file");
    folder.put("lab/nginx.conf", &right.replace("proxy_pass", "proxy_pas"));
    for arguments in [&["front"][..], &["--no-backend"]] {
        let said = failed(&folder.run(arguments));
        let line = format!(
            "nginx: [emerg] unknown directive \"proxy_pas\" in {}:7\n",
            folder.path().join("lab/nginx.conf").display()
        );
        assert!(said.starts_with(&line), "{said}");
        assert!(said.contains("did you mean `proxy_pass`?"), "{said}");
        assert!(is_free(folder.front_address()));
    }
}

#[test]
fn advice_names_folders_as_a_shell_reads_them() {
    let folder = Folder::new();
    let spaced = folder.path().join("two words");
    fs::create_dir_all(spaced.join("lab")).expect("a folder");
    let conf = fs::read(folder.path().join("lab/nginx.conf")).expect("a file");
    fs::write(spaced.join("lab/nginx.conf"), conf).expect("a file");
    let mut command = folder.command(&["--no-backend"]);
    let said = failed(&command.current_dir(&spaced).output().expect("an end"));
    let advice = format!("mkdir -p '{}'", spaced.join("logs").display());
    assert!(said.contains(&advice), "{said}");
}

#[test]
fn wrong_arguments_are_named_with_what_may_be_meant() {
    let folder = Folder::new();
    for (arguments, part) in [
        (&["--no-bakend"][..], "'--no-backend'"),
        (&["frnt"], "'front'"),
        (&["-c"], "nginx: option \"-c\" requires file name"),
        (&["-x"], "nginx: invalid option: \"x\""),
        (&["--backend", "blue"], "such as blue=127.0.0.1:5001"),
        (&["backend", "--listen", "5000"], "'5000'"),
    ] {
        let said = failed(&folder.run(arguments));
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(said.contains("--help"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_missing_file_and_a_missing_lab_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        command.args(arguments).current_dir(folder.path());
        failed(&command.output().expect("an end"))
    };
    let said = run(&["-c", "/no/such/nginx.conf"]);
    let open =
        "nginx: [emerg] open() \"/no/such/nginx.conf\" failed (2: No such file or directory)\n";
    let help = "  = help: `-c` names it, and one that does not begin with `/` is looked for in the folder of `-p`";
    let next = |said: &str| said.strip_prefix(open).map(|rest| rest.starts_with(help));
    assert_eq!(next(&said), Some(true), "{said}");
    let said = run(&["-t", "-c", "/no/such/nginx.conf"]);
    let last = "nginx: configuration file /no/such/nginx.conf test failed\n";
    assert_eq!(next(&said), Some(true), "{said}");
    assert!(said.ends_with(last), "{said}");
    for arguments in [&[][..], &["-t"], &["front"], &["backend", "stop"]] {
        let said = run(arguments);
        assert!(
            said.starts_with("proxy-lab: no folder \"lab\" with a file \"nginx.conf\" here"),
            "{said}"
        );
        assert!(said.contains("proxy-lab -c FILE"), "{said}");
    }
}

/// As an ordinary user: root may read everything.
#[test]
fn what_may_not_be_read_or_written_is_named() {
    let folder = Folder::new();
    let program = folder.path().join("proxy-lab");
    fs::copy(env!("CARGO_BIN_EXE_proxy-lab"), &program).expect("a copy");
    let mode = |name: &str, mode| {
        let path = folder.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    mode(".", 0o755);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(folder.path());
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
        failed(&command.output().expect("an end"))
    };
    mode("logs", 0o555);
    let said = run(&["--no-backend"]);
    assert!(
        said.contains("logs/error.log\" failed (13: Permission denied)")
            || said.contains("logs/access.log\" failed (13: Permission denied)"),
        "{said}"
    );
    assert!(said.contains("sudo chown -R \"$USER\""), "{said}");
    mode("lab/nginx.conf", 0o000);
    let said = run(&["-t"]);
    assert!(
        said.contains("lab/nginx.conf\" failed (13: Permission denied)"),
        "{said}"
    );
    assert!(said.contains("chmod u+r"), "{said}");
    mode("lab", 0o000);
    for arguments in [&[][..], &["-t"], &["front"]] {
        let said = run(arguments);
        assert!(
            said.contains("lab/nginx.conf cannot be read: permission denied"),
            "{said}"
        );
        assert!(said.contains("chmod -R u+rX "), "{said}");
    }
    mode("lab", 0o755);
    mode("logs", 0o755);
    assert!(is_free(folder.front_address()));
}

#[test]
fn a_folder_for_logs_that_is_missing_is_named() {
    let folder = Folder::new();
    fs::remove_dir(folder.path().join("logs")).expect("a folder less");
    let said = failed(&folder.run(&["--no-backend"]));
    assert!(
        said.contains("failed (2: No such file or directory)"),
        "{said}"
    );
    let advice = format!("mkdir -p {}", folder.path().join("logs").display());
    assert!(said.contains(&advice), "{said}");
    assert!(is_free(folder.front_address()));
}

#[test]
fn testing_a_file_takes_nginxs_options() {
    let folder = Folder::new();
    let prefix = folder.path().to_str().expect("a path in UTF-8");
    let file = format!("{prefix}/lab/nginx.conf");
    let right = format!(
        "nginx: the configuration file {file} syntax is ok\nnginx: configuration file {file} test is successful\n"
    );
    for arguments in [
        &["-t"][..],
        &["-t", "-p", prefix],
        &["-t", "-p", prefix, "-c", "lab/nginx.conf"],
        &["-t", "-c", &file, "-p", prefix],
        &["-t", "-p", prefix, "-g", "daemon off;"],
        &["-t", "-p", prefix, "-e", "stderr"],
        &["-t", "-p", prefix, "--product", "nginx/1.22.1"],
        &["-tp", prefix],
    ] {
        let output = folder.run(arguments);
        assert_eq!(text(&output.stderr), right, "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
    let said = failed(&folder.run(&["-t", "-p", prefix, "-g", "daemon of;"]));
    assert!(
        said.starts_with("nginx: [emerg] invalid value \"of\" in \"daemon\" directive"),
        "{said}"
    );
    assert!(said.contains(" in command line\n"), "{said}");
    // A port that is taken is no mistake of the file.
    let _taken = TcpListener::bind(folder.front_address()).expect("the port");
    assert!(folder.run(&["-t"]).status.success());
}

/// `make lab` with a compiler that has nothing to do: its output is the program's, to the byte.
#[test]
fn make_adds_no_noise() {
    let folder = Folder::new();
    let right = fs::read_to_string(folder.path().join("lab/nginx.conf")).expect("a file");
    folder.put("lab/nginx.conf", &right.replace("root html", "rot html"));
    folder.put("cargo", "#!/bin/sh\necho cargo 9.9.9\n");
    let program = env!("CARGO_BIN_EXE_proxy-lab");
    folder.put(
        "program",
        &format!(
            "#!/bin/sh\ncd '{}' && exec '{program}' --no-backend\n",
            folder.path().display()
        ),
    );
    for name in ["cargo", "program"] {
        let path = folder.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let output = Command::new("make")
        .arg("lab")
        .arg(format!("CARGO={}", folder.path().join("cargo").display()))
        .arg(format!(
            "PROGRAM={}",
            folder.path().join("program").display()
        ))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        // Of the make that runs the tests, if one does.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .output()
        .expect("make");
    let alone = folder.run(&["--no-backend"]);
    assert_eq!(text(&output.stderr), text(&alone.stderr));
    let out = text(&output.stdout);
    // The stand-in for cargo says its one line, make says nothing.
    assert_eq!(out.replace("cargo 9.9.9\n", ""), "", "{out}");
}
