//! The wall around a process that serves a file from somebody else: which folders it may touch, which names look up.
//!
//! Grading starts such a process for every answer (see `course::graded`). It calls [`build`] before it reads a byte of
//! the file; from then on whatever a configuration can name — `include`, `root`, `alias`, logs, temporary files — is
//! asked for here first. Everywhere else there is no wall, and asking costs one load.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::io::Errno;

static WALL: OnceLock<Wall> = OnceLock::new();

/// Folders, with all links in their names followed.
#[derive(Debug)]
struct Wall {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
}

/// Builds the wall, for the rest of the process's life. What may be written may be read.
///
/// # Errors
/// A folder of `write` does not exist, or there is a wall already. Folders of `read` may be missing.
pub fn build(read: &[PathBuf], write: &[PathBuf]) -> io::Result<()> {
    let write: Vec<PathBuf> = write
        .iter()
        .map(|folder| folder.canonicalize())
        .collect::<io::Result<_>>()?;
    let mut readable: Vec<PathBuf> = read.iter().flat_map(|f| f.canonicalize()).collect();
    readable.extend(write.iter().cloned());
    let wall = Wall {
        read: readable,
        write,
    };
    WALL.set(wall)
        .map_err(|_| io::Error::other("there is a wall already"))
}

/// Whether a file or folder may be looked at.
///
/// # Errors
/// `EACCES`, as the system says where permissions are missing.
pub fn may_read(path: &Path) -> io::Result<()> {
    inside(path, |wall| &wall.read)
}

/// Whether a file may be made or changed.
///
/// # Errors
/// `EACCES`.
pub fn may_write(path: &Path) -> io::Result<()> {
    inside(path, |wall| &wall.write)
}

/// Whether there is a wall: then no name server is asked.
pub fn stands() -> bool {
    WALL.get().is_some()
}

/// Whether a host's name may be looked up: inside the wall none but this machine's own.
pub fn may_look_up(name: &str) -> bool {
    WALL.get().is_none() || name.eq_ignore_ascii_case("localhost")
}

fn inside(path: &Path, folders: impl Fn(&Wall) -> &Vec<PathBuf>) -> io::Result<()> {
    let Some(wall) = WALL.get() else {
        return Ok(());
    };
    let denied = || io::Error::from(Errno::ACCESS);
    let real = real_path(path).ok_or_else(denied)?;
    let allowed = folders(wall).iter().any(|folder| real.starts_with(folder));
    if allowed { Ok(()) } else { Err(denied()) }
}

/// The path with its links followed, as far as it exists; `None` where what does not exist goes upward.
fn real_path(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let existing = path
        .ancestors()
        .find(|part| part.symlink_metadata().is_ok())?;
    let rest = path.strip_prefix(existing).ok()?;
    let upward = rest
        .components()
        .any(|part| !matches!(part, std::path::Component::Normal(_)));
    // A link that leads nowhere exists, and cannot be followed.
    (!upward).then(|| Some(existing.canonicalize().ok()?.join(rest)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_and_nothing_goes_upward_from_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder");
        std::os::unix::fs::symlink("/etc", inner.join("link")).expect("a link");
        std::os::unix::fs::symlink("/nowhere/at/all", inner.join("dangling")).expect("a link");
        let etc = Path::new("/etc").canonicalize().expect("/etc");
        assert_eq!(
            real_path(&inner.join("link/passwd")),
            Some(etc.join("passwd"))
        );
        assert_eq!(real_path(&inner.join("dangling")), None);
        assert_eq!(real_path(&inner.join("no/../../../x")), None);
        let real = inner.canonicalize().expect("a folder");
        assert_eq!(
            real_path(&inner.join("new.log")),
            Some(real.join("new.log"))
        );
    }
}
