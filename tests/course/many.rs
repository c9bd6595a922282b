//! Many checks at once, and checks beside a running lab: private ports never meet.

use std::net::TcpListener;

use crate::lab::{Lab, Said};

#[test]
fn thirty_checks_at_once_do_not_collide() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["start", "7"]).code, 0);
    // Somebody else's ports: whoever wants one of them fails. Where a lab runs, they are taken already.
    let _taken: Vec<_> = [3000, 3001, 5000]
        .into_iter()
        .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
        .collect();
    let solution = lab.exercises().join("07-two-proxies/solution/nginx.conf");
    let solution = solution.to_str().expect("UTF-8");
    let started: Vec<_> = (0..30)
        .map(|n| {
            // A third with the wrong answer of the start, which is noted in the progress.
            let right = ["check", "7", "--answer", solution];
            let arguments = if n % 3 == 0 { &right[..2] } else { &right[..] };
            let mut command = lab.command(arguments);
            command.stdout(std::process::Stdio::piped());
            command.stderr(std::process::Stdio::piped());
            (n, command.spawn().expect("the program"))
        })
        .collect();
    for (n, child) in started {
        let said = Said::of(child.wait_with_output().expect("an end"));
        let expected = i32::from(n % 3 == 0);
        assert_eq!(said.code, expected, "{n}: {said:?}");
    }
    let progress = std::fs::read_to_string(lab.work().join("progress.toml")).expect("progress");
    assert!(progress.contains("tries = 10\n"), "{progress}");
}

#[test]
fn the_seed_repeats_a_run() {
    let lab = Lab::new();
    let check = |seed: &str| {
        let start = lab.exercises().join("04-trailing-slash/nginx.conf");
        let said = lab.run(&[
            "check",
            "4",
            "--answer",
            start.to_str().expect("UTF-8"),
            "--seed",
            seed,
            "--json",
        ]);
        assert_eq!(said.code, 1, "{said:?}");
        let verdict = said.json();
        let sent = verdict["checks"][1]["sent"]
            .as_str()
            .expect("a request")
            .to_owned();
        assert_eq!(verdict["seed"].to_string(), seed);
        sent
    };
    assert_eq!(check("5"), check("5"));
    assert_ne!(check("5"), check("6"));
}

#[test]
fn under_load_a_mistake_is_told_by_its_error_line() {
    // Error lines and answers come by different pipes: the verdict waits for both.
    let lab = Lab::new();
    let wrong = lab.exercises().join("03-proxy-pass/wrong/wrong-port.conf");
    let wrong = wrong.to_str().expect("UTF-8");
    let started: Vec<_> = (0..30)
        .map(|_| {
            let mut command = lab.command(&["check", "3", "--answer", wrong]);
            command.stdout(std::process::Stdio::piped());
            command.spawn().expect("the program")
        })
        .collect();
    for child in started {
        let said = Said::of(child.wait_with_output().expect("an end"));
        let told = said.out.contains("Nobody listens at 127.0.0.1:5001");
        assert!(
            told && said.out.contains("error log connect() failed"),
            "{said:?}"
        );
    }
}
