//! The README's exercises, done against the program: every command, every answer whole.

#[path = "support/client.rs"]
mod client;
#[path = "support/curl.rs"]
mod curl;
#[path = "support/lesson.rs"]
mod lesson;
#[path = "support/ports.rs"]
mod ports;
#[path = "support/readme.rs"]
mod readme;
#[path = "support/words.rs"]
mod words;

use readme::Servers;

const README: &str = include_str!("../README.md");

#[test]
fn every_exercise_gives_the_answer_that_the_readme_shows() {
    let commands = readme::run(README, Servers::Lab, str::to_owned);
    assert!(commands >= 20, "the README had only {commands} commands");
}
