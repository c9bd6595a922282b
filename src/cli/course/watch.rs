//! `watch`: grades whenever a file of the exercise has changed, and takes single keys where there is a terminal.
//!
//! Changes are found by reading the small folder thirty times a second, and not by the system's file events: that
//! works in shared folders and containers, with editors that save by renaming, and costs next to nothing. A change
//! counts once two looks in a row see the same, so half a file is never graded.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io::{ErrorKind, IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::course::exercise::Exercise;
use crate::course::grade;
use crate::course::verdict::Paint;

use super::desk::Room;
use super::{At, CommandError, any_seed, engine, print, remember, show};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(30);
/// Most bytes of a file that are looked at.
const MOST: u64 = 1 << 20;

const KEYS: &str = "h hint   l list   n next   r reset   q quit";

/// Watches until it is ended.
pub fn run(at: &At, paint: &Paint) -> Result<ExitCode, CommandError> {
    let room = Room::find(at)?;
    let mut exercise = room.wanted(None)?;
    room.started(exercise)?;
    let keyboard = Keyboard::take();
    let ended = ended_by_signal();
    let mut seen = None;
    let mut graded = None;
    loop {
        if let Some(current) = room.desk.current()
            && current != exercise.name
        {
            // Another was started, here or in another terminal.
            exercise = room.course.find(&current)?;
            (seen, graded) = (None, None);
        }
        let look = fingerprint(&room.desk.folder_of(exercise));
        if look.is_some() && look == seen && look != graded {
            graded = look;
            match judge(&room, exercise, paint, keyboard.is_some()) {
                // Nobody reads it any more.
                Err(CommandError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => {
                    return Ok(ExitCode::SUCCESS);
                }
                judged => judged?,
            }
        }
        seen = look;
        match wait(keyboard.as_ref())? {
            Event::Look => {}
            Event::Gone | Event::Key(b'q' | 3 | 4) => return Ok(ExitCode::SUCCESS),
            Event::Key(key) => pressed(key, &room, exercise, paint, keyboard.as_ref())?,
        }
        if ended.load(Ordering::Relaxed) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Grades and shows the verdict.
fn judge(room: &Room, exercise: &Exercise, paint: &Paint, keys: bool) -> Result<(), CommandError> {
    let folder = room.started(exercise)?;
    let mut text = format!("{}\n", paint.with(Paint::FAINT, &"─".repeat(60)));
    match grade::grade(&engine()?, exercise, &folder, any_seed()) {
        Ok(verdict) => {
            let first_time = remember(room, exercise, &verdict)?;
            let shown = show::verdict(room, exercise, &verdict, first_time, keys, paint)?;
            text.push_str(&shown);
        }
        // The next save may mend it.
        Err(error) => text.push_str(&format!("It could not be graded: {error}\n")),
    }
    let foot = if keys {
        KEYS
    } else {
        "Waiting for the next save. Ctrl-C ends it."
    };
    text.push_str(&format!("\n{}\n", paint.with(Paint::FAINT, foot)));
    Ok(super::write(&text)?)
}

fn pressed(
    key: u8,
    room: &Room,
    exercise: &Exercise,
    paint: &Paint,
    keyboard: Option<&Keyboard>,
) -> Result<(), CommandError> {
    let text = match key {
        b'h' => show::next_hint(room, exercise, paint)?,
        b'l' => show::listing(room, paint)?,
        b'n' => next(room, exercise, paint)?,
        b'r' => {
            print("Begin anew? Your work is kept. [y/N] ")?;
            let yes = keyboard
                .and_then(Keyboard::key)
                .is_some_and(|key| key.eq_ignore_ascii_case(&b'y'));
            print("\n")?;
            match yes {
                true => show::anew(room, exercise)?,
                false => "Nothing was changed.\n".to_owned(),
            }
        }
        b'\r' | b'\n' => return Ok(()),
        _ => format!("{KEYS}\n"),
    };
    print(&text)
}

/// The next exercise, once this one is done.
fn next(room: &Room, exercise: &Exercise, paint: &Paint) -> Result<String, CommandError> {
    if !room.progress().is_done(&exercise.name) {
        return Ok(format!(
            "{} is not right yet. To go on all the same, in another terminal: {}\n",
            exercise.name,
            room.command("start NUMBER")
        ));
    }
    match room.course.after(exercise) {
        Some(next) => show::begin(room, next, paint),
        None => Ok("That was the last one. l lists them all.\n".to_owned()),
    }
}

/// What ends a wait.
enum Event {
    Look,
    Key(u8),
    /// Nobody reads what is written any more, such as `head` that has seen enough.
    Gone,
}

/// Waits for the next look, a key, or the end of the reader.
fn wait(keyboard: Option<&Keyboard>) -> Result<Event, CommandError> {
    let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
    // Asked for nothing, a descriptor still tells that its other end has gone.
    let mut fds = vec![PollFd::new(&stdout, PollFlags::empty())];
    if keyboard.is_some() {
        fds.push(PollFd::new(&stdin, PollFlags::IN));
    }
    let end = Instant::now() + LOOK;
    let limit = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: LOOK.as_nanos() as _,
    };
    match poll(&mut fds, Some(&limit)) {
        Ok(_) if fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) => Ok(Event::Gone),
        // The end of the terminal is the end of the watching.
        Ok(n) if n > 0 => {
            let key = keyboard.and_then(Keyboard::key);
            Ok(key.map_or(Event::Gone, Event::Key))
        }
        Ok(_) => Ok(Event::Look),
        Err(rustix::io::Errno::INTR) => {
            std::thread::sleep(end.saturating_duration_since(Instant::now()));
            Ok(Event::Look)
        }
        Err(error) => Err(CommandError::Io(error.into())),
    }
}

/// A number that changes with any file of the folder; `None` while there is no nginx.conf.
fn fingerprint(folder: &Path) -> Option<u64> {
    std::fs::metadata(folder.join("nginx.conf")).ok()?;
    let mut hasher = DefaultHasher::new();
    add(folder, true, &mut hasher);
    Some(hasher.finish())
}

fn add(folder: &Path, top: bool, hasher: &mut DefaultHasher) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // What a server or an editor writes beside is no change.
        if name.starts_with('.')
            || name.ends_with('~')
            || (top && (name == "logs" || name == "tmp"))
        {
            continue;
        }
        path.hash(hasher);
        if path.is_dir() && !path.is_symlink() {
            add(&path, false, hasher);
        } else if path.is_file() {
            let mut content = Vec::new();
            let read = std::fs::File::open(&path)
                .and_then(|file| file.take(MOST).read_to_end(&mut content));
            (read.is_ok(), &content).hash(hasher);
        }
    }
}

/// The terminal, with keys that come one by one; given back as it was.
struct Keyboard {
    before: Termios,
}

impl Keyboard {
    /// `None` where the standard input is no terminal, or one that cannot do it.
    fn take() -> Option<Self> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() || !std::io::stdout().is_terminal() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        // Ctrl-C comes as a key too: so the terminal is given back in every case.
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        tcsetattr(&stdin, OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }

    /// Waits for a key; `None` at the end of the terminal.
    fn key(&self) -> Option<u8> {
        let mut byte = [0];
        let read = rustix::io::read(std::io::stdin(), &mut byte);
        read.is_ok_and(|n| n == 1).then_some(byte[0])
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Set when a signal asks for the end, so that the terminal is given back.
fn ended_by_signal() -> Arc<AtomicBool> {
    use tokio::signal::unix::{SignalKind, signal};
    let ended = Arc::new(AtomicBool::new(false));
    let tell = ended.clone();
    std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            let signals = [
                SignalKind::terminate(),
                SignalKind::hangup(),
                SignalKind::interrupt(),
            ];
            let mut signals: Vec<_> = signals.into_iter().flat_map(signal).collect();
            let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
            futures::future::select_all(waits).await;
            tell.store(true, Ordering::Relaxed);
        });
    });
    ended
}
