//! The whole course is sound, and real nginx 1.22.1 says so too.

use std::process::Command;

use crate::lab::{Lab, Said, project};

#[path = "../support/nginx.rs"]
mod nginx;

/// Runs `course check` with nginx behind it.
fn prove(nginx: &nginx::Nginx, folder: &std::path::Path, seeds: &str) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
    command
        .args([
            "course",
            "check",
            folder.to_str().expect("UTF-8"),
            "--seeds",
            seeds,
            "--nginx",
        ])
        .arg(&nginx.path)
        .current_dir(project());
    if let Some(libraries) = &nginx.libraries {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    Said::of(command.output().expect("the program"))
}

#[test]
fn every_exercise_is_sound_and_behaves_under_nginx_as_here() {
    let nginx = nginx::Nginx::find().expect("nginx 1.22.1");
    let said = prove(&nginx, &project().join("lab/exercises"), "20");
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    println!("{}", said.out);
}

#[test]
fn an_answer_that_nginx_gives_otherwise_is_red() {
    let nginx = nginx::Nginx::find().expect("nginx 1.22.1");
    let lab = Lab::empty();
    let folder = lab.take("04-trailing-slash");
    let checks = folder.join("check.toml");
    let text = std::fs::read_to_string(&checks).expect("a file");
    // The one deliberate difference: the product's name.
    let only_here = "answer = { status = 200, headers_contain = [\"Server: proxy-lab\"], ";
    std::fs::write(
        &checks,
        text.replacen("answer = { status = 200, ", only_here, 1),
    )
    .expect("a file");
    let said = prove(&nginx, &folder, "1");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.out.contains("not so: real nginx agrees"), "{said:?}");
}
