//! `watch`, in a terminal and without one.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::tcgetattr;

use crate::lab::Lab;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running `watch`, and everything that it has printed.
struct Watch {
    child: Child,
    shown: Arc<(Mutex<String>, Condvar)>,
    /// What was looked at already.
    read: usize,
}

impl Watch {
    fn of(mut command: Command, from: impl Read + Send + 'static) -> Self {
        let child = command.spawn().expect("the program");
        let shown = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let tell = shown.clone();
        let mut from = from;
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..n]).into_owned();
                tell.0.lock().expect("a lock").push_str(&text);
                tell.1.notify_all();
            }
        });
        Self {
            child,
            shown,
            read: 0,
        }
    }

    /// Waits until it shows a text that it had not shown before.
    fn wait(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        let mut shown = self.shown.0.lock().expect("a lock");
        loop {
            if let Some(at) = shown[self.read..].find(text) {
                self.read += at + text.len();
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "no \"{text}\" behind\n{}",
                &shown[self.read..]
            );
            shown = self.shown.1.wait_timeout(shown, left).expect("a lock").0;
        }
    }

    fn all(&self) -> String {
        self.shown.0.lock().expect("a lock").clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Saves as many editors do: a new file takes the old one's name.
fn save(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).expect("a file");
    fs::rename(&new, path).expect("a file");
}

#[test]
fn in_a_terminal_it_grades_on_every_save_and_takes_keys() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["start", "4"]).code, 0);
    let file = lab.work().join("04-trailing-slash/nginx.conf");
    let start = fs::read_to_string(&file).expect("a file");

    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&controller).expect("a terminal");
    unlockpt(&controller).expect("a terminal");
    let name = ptsname(&controller, Vec::new())
        .expect("a name")
        .into_string()
        .expect("UTF-8");
    let open = || -> OwnedFd {
        File::options()
            .read(true)
            .write(true)
            .open(&name)
            .expect("a terminal")
            .into()
    };
    let terminal = open();
    let before = tcgetattr(&terminal).expect("modes").local_modes;
    let mut command = lab.command(&["watch"]);
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    command.stdin(open()).stdout(open()).stderr(open());
    let mut keys = File::from(controller.try_clone().expect("a terminal"));
    let mut watch = Watch::of(command, File::from(controller));
    watch.wait("Not yet: The backend is asked for /api/users, as it came");
    watch.wait("h hint");
    assert_ne!(tcgetattr(&terminal).expect("modes").local_modes, before);

    let mut key = |key: &str| keys.write_all(key.as_bytes()).expect("a key");
    key("h");
    watch.wait("Hint 1 of 3");
    key("n");
    watch.wait("04-trailing-slash is not right yet");
    key("l");
    watch.wait("04-trailing-slash");
    watch.wait("0 of 21 done");

    // A file that does not load, and then the right one.
    save(&file, &start.replace("5000;", "5000/"));
    watch.wait("Not yet: nginx would not start with this file.");
    watch.wait("h hint");
    let saved = Instant::now();
    save(&file, &start.replace("5000;", "5000/;"));
    watch.wait("Right: all");
    let latency = saved.elapsed();
    println!("from save to verdict: {} ms", latency.as_millis());
    watch.wait("Next: ");
    assert!(
        watch.all().contains('\u{1b}'),
        "colours where a terminal wants them"
    );

    key("r");
    watch.wait("[y/N]");
    key("n");
    watch.wait("Nothing was changed.");
    key("n");
    watch.wait("# 5. Who is asking?");
    watch.wait("Not yet: The backend does not learn which host");
    key("q");
    assert!(watch.child.wait().expect("an end").success());
    assert_eq!(tcgetattr(&terminal).expect("modes").local_modes, before);
}

#[test]
fn without_a_terminal_it_prints_and_needs_no_keys() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["start", "3"]).code, 0);
    let file = lab.work().join("03-proxy-pass/nginx.conf");
    let mut command = lab.command(&["watch"]);
    let (out, into) = std::io::pipe().expect("a pipe");
    command.stdout(into).stderr(Stdio::null());
    let mut watch = Watch::of(command, out);
    watch.wait("Not yet: nginx still answers by itself, with 503");
    watch.wait("Waiting for the next save");
    // An editor that empties the file before it writes: what is in between is not judged for long.
    fs::write(&file, "").expect("a file");
    let solution = lab.exercises().join("03-proxy-pass/solution/nginx.conf");
    fs::copy(solution, &file).expect("a copy");
    watch.wait("Right: all 4 checks pass.");
    assert!(!watch.all().contains('\u{1b}'), "{}", watch.all());
    // Another exercise, started elsewhere: it follows.
    assert_eq!(lab.run(&["start", "4"]).code, 0);
    watch.wait("Not yet: The backend is asked for /api/users");
}

#[test]
fn it_ends_when_nobody_reads_it_any_more() {
    let lab = Lab::new();
    assert_eq!(lab.run(&["start", "3"]).code, 0);
    let (mut out, into) = std::io::pipe().expect("a pipe");
    let mut command = lab.command(&["watch"]);
    let mut child = command
        .stdout(into)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program");
    // The command holds the writing end, too.
    drop(command);
    // As `head` does: it has read some, and goes. Nothing is saved after that.
    let mut shown = String::new();
    while !shown.contains("Waiting for the next save") {
        let mut piece = [0; 512];
        let n = out.read(&mut piece).expect("a text");
        assert_ne!(n, 0, "{shown}");
        shown.push_str(&String::from_utf8_lossy(&piece[..n]));
    }
    drop(out);
    let end = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a status") {
            break status;
        }
        if Instant::now() > end {
            let _ = child.kill();
            panic!("it goes on, though nobody reads");
        }
        std::thread::yield_now();
    };
    assert!(status.success(), "{status}");
}
