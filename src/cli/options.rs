//! nginx's way to read a command line, before clap reads what is left: short options stand together (`-tq`), a value
//! stands behind its letter or in the next word (`-pDIR`, `-tc FILE`), the last of several counts.
//!
//! nginx's options end where a command of the lab's begins (`proxy-lab -c FILE explain /`).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::CommandFactory;

use super::Arguments;
use crate::config::names::nearest;

/// A command line that nginx refuses.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A word or a letter; with what may be meant.
    #[error("nginx: invalid option: \"{given}\"{}", advice(.guess))]
    Invalid {
        given: String,
        guess: Option<String>,
    },
    #[error("nginx: option \"-{letter}\" requires {what}\nFor more information, try '--help'.")]
    Requires { letter: char, what: &'static str },
}

fn advice(guess: &Option<String>) -> String {
    match guess {
        Some(guess) => format!("\nDid you mean '{guess}'? For more information, try '--help'."),
        None => "\nFor more information, try '--help'.".to_owned(),
    }
}

/// The words without the program's name, with nginx's options one by one, as clap takes them.
///
/// # Errors
/// nginx refuses the line.
pub fn expand(words: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, OptionsError> {
    let lab = Arguments::command();
    let mut out = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let bytes = word.as_bytes();
        if bytes.len() > 2 && bytes.starts_with(b"--") {
            let with_value = takes_next(&lab, &word);
            out.push(word);
            out.extend(words.by_ref().take(usize::from(with_value)));
        } else if let Some(letters) = bytes.strip_prefix(b"-") {
            let mut letters = letters;
            while let Some((&letter, rest)) = letters.split_first() {
                letters = rest;
                let letter = if letter == b'?' { b'h' } else { letter };
                out.push(OsString::from_vec(vec![b'-', letter]));
                let Some(what) = value_of(letter)? else {
                    continue;
                };
                let letter = char::from(letter);
                let value = match letters {
                    [] => words
                        .next()
                        .ok_or(OptionsError::Requires { letter, what })?,
                    value => OsStr::from_bytes(value).to_owned(),
                };
                letters = &[];
                if letter == 's' {
                    check_signal(&value)?;
                }
                out.push(value);
            }
        } else if is_command(&lab, &word) {
            out.push(word);
            // `-h` of a command's own is help with that command.
            out.extend(words.by_ref().map(|word| match word == "-h" {
                true => OsString::from("--help"),
                false => word,
            }));
        } else {
            let given = word.to_string_lossy().into_owned();
            let commands = lab.get_subcommands().map(clap::Command::get_name);
            let guess = nearest(&given, commands).map(str::to_owned);
            return Err(OptionsError::Invalid { given, guess });
        }
    }
    Ok(out)
}

/// What nginx says that a letter wants; `None` for one that stands alone.
fn value_of(letter: u8) -> Result<Option<&'static str>, OptionsError> {
    Ok(match letter {
        b'h' | b'v' | b'V' | b't' | b'T' | b'q' => None,
        b'p' => Some("directory name"),
        b'c' | b'e' => Some("file name"),
        b'g' | b's' => Some("parameter"),
        letter => {
            return Err(OptionsError::Invalid {
                given: String::from_utf8_lossy(&[letter]).into_owned(),
                guess: None,
            });
        }
    })
}

fn check_signal(value: &OsStr) -> Result<(), OptionsError> {
    let known = ["stop", "quit", "reopen", "reload"];
    if known.iter().any(|signal| value == *signal) {
        return Ok(());
    }
    let given = value.to_string_lossy();
    let guess = nearest(&given, known).map(|signal| format!("-s {signal}"));
    let given = format!("-s {given}");
    Err(OptionsError::Invalid { given, guess })
}

fn is_command(lab: &clap::Command, word: &OsStr) -> bool {
    let mut commands = lab.get_subcommands();
    word == "help" || commands.any(|command| word == command.get_name())
}

/// Whether a long option of the lab's has its value in the next word.
fn takes_next(lab: &clap::Command, word: &OsStr) -> bool {
    let name = word.to_string_lossy();
    let mut known = lab.get_arguments();
    known.any(|known| {
        known.get_long() == name.strip_prefix("--") && known.get_action().takes_values()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(line: &[&str]) -> Result<String, String> {
        let words = expand(line.iter().map(OsString::from)).map_err(|error| error.to_string());
        let words = words?.into_iter().map(|word| word.into_string());
        let words: Result<Vec<_>, _> = words.collect();
        Ok(words.map_err(|word| format!("{word:?}"))?.join(" "))
    }

    #[test]
    fn letters_stand_together_and_values_behind_them() {
        for (line, read) in [
            (&["-tq"][..], "-t -q"),
            (&["-t?V"], "-t -h -V"),
            (&["-pa", "-cb"], "-p a -c b"),
            (&["-tc", "b", "-p", "-t"], "-t -c b -p -t"),
            (&["-g", "daemon off;"], "-g daemon off;"),
            (&["-sstop", "-"], "-s stop"),
            (
                &["--color", "never", "-tq", "--public"],
                "--color never -t -q --public",
            ),
            (&["--color=never", "-T"], "--color=never -T"),
            (&["-cb", "explain", "/", "-XPUT"], "-c b explain / -XPUT"),
        ] {
            assert_eq!(expanded(line), Ok(read.to_owned()), "{line:?}");
        }
    }

    #[test]
    fn what_nginx_refuses() {
        for (line, said) in [
            (&["-x"][..], "invalid option: \"x\""),
            (&["-tqz"], "invalid option: \"z\""),
            (&["--"], "invalid option: \"-\""),
            (&[""], "invalid option: \"\""),
            (&["-t", "extra"], "invalid option: \"extra\""),
            (&["-c"], "option \"-c\" requires file name"),
            (&["-tp"], "option \"-p\" requires directory name"),
            (&["-s", "strop"], "invalid option: \"-s strop\""),
        ] {
            let found = expanded(line).expect_err("a refusal");
            let first = found.lines().next().unwrap_or_default();
            assert_eq!(first, format!("nginx: {said}"), "{line:?}");
        }
    }
}
