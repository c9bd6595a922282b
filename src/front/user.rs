//! `user`: the threads that answer requests are another user's where the process is root's, as nginx's workers are.
//!
//! Linux keeps users by thread. The one that binds sockets and opens logs stays root's, as nginx's master does.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::config::model::{Location, Model, User};
use crate::config::written;

thread_local! {
    static DONE: Cell<bool> = const { Cell::new(false) };
}

/// Makes this thread the user's, for good; threads that it starts are, too.
///
/// # Errors
/// The system refuses it: nothing may be answered by this thread then.
pub fn become_user(user: Option<&User>) -> io::Result<()> {
    let Some(user) = user.filter(|_| !DONE.get()) else {
        return Ok(());
    };
    assume(user)?;
    DONE.set(true);
    Ok(())
}

#[cfg(target_os = "linux")]
fn assume(user: &User) -> io::Result<()> {
    use rustix::process::{Gid, Uid};
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let groups: Vec<Gid> = user.groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    set_thread_groups(&groups)?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn assume(_: &User) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "`user` works on Linux only: start the program as that user",
    ))
}

/// The folders of temporary files of all locations.
fn folders(model: &Model) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for server in model.listens.iter().flat_map(|listen| &listen.servers) {
        let named = server.named.values();
        let mut open: Vec<&Location> = named.map(|named| &**named).collect();
        open.push(&server.scope);
        while let Some(location) = open.pop() {
            found.insert(location.core.client_body_temp_path.folder.to_path_buf());
            found.insert(location.proxy.temp_path.folder.to_path_buf());
            let children = &location.children;
            let inner = children.statics.all().iter().chain(&children.regexes);
            open.extend(inner.map(|inner| &**inner));
        }
    }
    found
}

/// Whether the folders of temporary files can be made, which nginx does before all else.
///
/// # Errors
/// The first that cannot be.
pub fn check_folders(model: &Model) -> Result<(), FolderError> {
    for folder in folders(model) {
        if folder.is_dir() {
            continue;
        }
        let parent = match folder.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => continue,
        };
        let error = match parent.is_dir() {
            true => rustix::fs::access(parent, Access::WRITE_OK | Access::EXEC_OK).err(),
            false => Some(rustix::io::Errno::NOENT),
        };
        if let Some(error) = error {
            return Err(FolderError::new(&folder, "mkdir", error.into()));
        }
    }
    Ok(())
}

/// A folder of temporary files that cannot be made or given to its user, in nginx's words.
#[derive(Debug, thiserror::Error)]
#[error("{call}() \"{}\" failed ({})", written::path(.folder), super::log::os_error(.source))]
pub struct FolderError {
    pub folder: PathBuf,
    call: &'static str,
    pub source: io::Error,
}

impl FolderError {
    fn new(folder: &Path, call: &'static str, source: io::Error) -> Self {
        Self {
            folder: folder.to_path_buf(),
            call,
            source,
        }
    }
}

/// The folders of temporary files, made for the user, as nginx makes them before its workers start.
///
/// # Errors
/// The first that cannot be made.
pub fn make_folders(model: &Model) -> Result<(), FolderError> {
    check_folders(model)?;
    let Some(user) = &model.process.user else {
        return Ok(());
    };
    for folder in folders(model) {
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(FolderError::new(&folder, "mkdir", error));
            }
            _ => {}
        }
        let owner = Some(rustix::process::Uid::from_raw(user.uid));
        rustix::fs::chown(&folder, owner, None)
            .map_err(|error| FolderError::new(&folder, "chown", error.into()))?;
    }
    Ok(())
}
