//! Real nginx 1.22.1, for whatever asks it: the machine's own, or Debian's package unpacked under `target/`.
//!
//! Nothing is installed, no service is started, no root is needed. `ORACLE_NGINX=/path/to/nginx` names a binary;
//! `ORACLE_NGINX=package` takes Debian's package even where the machine has its own.
#![allow(dead_code)]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use proxy_lab::course::nginx::{NotNginx, candidates, check_version};
use rustix::fs::{FlockOperation, flock};

/// nginx and the libraries that Debian's build of it needs.
const PACKAGES: [&str; 5] = ["nginx", "libpcre2-8-0", "libssl3", "zlib1g", "libcrypt1"];

/// A program that is nginx 1.22.1.
#[derive(Debug, Clone)]
pub struct Nginx {
    pub path: PathBuf,
    /// Where its libraries are, if not in the system's folders.
    pub libraries: Option<PathBuf>,
}

/// nginx 1.22.1 is not to be had; the text says what was tried, and what a person can do.
#[derive(Debug, thiserror::Error)]
#[error("no nginx 1.22.1: {0}")]
pub struct NoNginx(String);

impl Nginx {
    /// The one that `ORACLE_NGINX` names, else the first 1.22.1 in `PATH`, else Debian's package.
    pub fn find() -> Result<Self, NoNginx> {
        let mut tried = Vec::new();
        match std::env::var_os("ORACLE_NGINX") {
            Some(path) if path != "package" => {
                let nginx = Self::of_the_system(PathBuf::from(&path));
                return match nginx.check_version() {
                    Ok(()) => Ok(nginx),
                    Err(why) => Err(NoNginx(format!("ORACLE_NGINX={}: {why}", path.display()))),
                };
            }
            Some(_) => {}
            None => {
                for binary in candidates() {
                    let nginx = Self::of_the_system(binary);
                    match nginx.check_version() {
                        Ok(()) => return Ok(nginx),
                        Err(why) => tried.push(format!("{}: {why}", nginx.path.display())),
                    }
                }
            }
        }
        package().map_err(|why| {
            tried.push(why);
            NoNginx(tried.join("\n  "))
        })
    }

    /// `nginx`, to be given arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }

    /// The same program in `folder`, for a user who may not enter the place where it was unpacked. The system's own stays
    /// where it is.
    pub fn copy_to(&self, folder: &Path) -> io::Result<Self> {
        let Some(libraries) = &self.libraries else {
            return Ok(self.clone());
        };
        fs::create_dir_all(folder.join("lib"))?;
        fs::set_permissions(folder.join("lib"), fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
        fs::copy(&self.path, folder.join("nginx"))?;
        for entry in fs::read_dir(libraries)? {
            let entry = entry?;
            // A library is found by its short name, which is a link to its long one.
            if entry.path().is_file() {
                fs::copy(entry.path(), folder.join("lib").join(entry.file_name()))?;
            }
        }
        Ok(Self {
            path: folder.join("nginx"),
            libraries: Some(folder.join("lib")),
        })
    }

    fn of_the_system(path: PathBuf) -> Self {
        Self {
            path,
            libraries: None,
        }
    }

    /// The package unpacked in `home`, whether it is there or not.
    fn unpacked(home: &Path) -> Self {
        Self {
            path: home.join("usr/sbin/nginx"),
            libraries: library_folder(home),
        }
    }

    /// Checks that `nginx -v` says 1.22.1.
    fn check_version(&self) -> Result<(), NotNginx> {
        check_version(&mut self.command())
    }
}

/// Debian's package under `target/`, downloaded if it is not there yet.
fn package() -> Result<Nginx, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = target.join("nginx-1.22.1");
    let nginx = Nginx::unpacked(&home);
    if nginx.check_version().is_ok() {
        return Ok(nginx);
    }
    // One at a time, whatever runs in parallel; the lock ends with the process.
    let name = target.join("nginx-1.22.1.lock");
    let lock = File::create(&name).map_err(|error| format!("{}: {error}", name.display()))?;
    flock(&lock, FlockOperation::LockExclusive)
        .map_err(|error| format!("{}: {error}", name.display()))?;
    let nginx = Nginx::unpacked(&home);
    if nginx.check_version().is_ok() {
        return Ok(nginx);
    }
    let making = target.join("nginx-1.22.1.making");
    let _ = fs::remove_dir_all(&making);
    download(&making)?;
    Nginx::unpacked(&making)
        .check_version()
        .map_err(|why| format!("Debian's package on this system {why}; {ADVICE}"))?;
    let _ = fs::remove_dir_all(&home);
    fs::rename(&making, &home).map_err(|error| format!("{}: {error}", home.display()))?;
    Ok(Nginx::unpacked(&home))
}

const ADVICE: &str = "Debian 12 has nginx 1.22.1; elsewhere, build it from nginx.org's archive and name it: \
                      ORACLE_NGINX=/path/to/nginx";

/// `usr/lib/ARCHITECTURE` of the unpacked packages.
fn library_folder(home: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(home.join("usr/lib")).ok()?;
    folders
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("libpcre2-8.so.0").exists())
}

/// Downloads and unpacks the packages with the system's lists; where those are missing or too old, with fresh ones of
/// this folder's own, so that the system stays as it is.
fn download(into: &Path) -> Result<(), String> {
    let own = into.join("apt");
    fs::create_dir_all(own.join("lists/partial"))
        .map_err(|error| format!("{}: {error}", into.display()))?;
    let apt = |own_lists: bool, arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.current_dir(into).arg("--quiet");
        if own_lists {
            for (option, folder) in [("State::Lists", "lists"), ("Cache", "cache")] {
                let folder = own.join(folder);
                command
                    .arg("-o")
                    .arg(format!("Dir::{option}={}", folder.display()));
            }
        }
        run(command.args(arguments))
    };
    let packages = [&["download"], &PACKAGES[..]].concat();
    if let Err(first) = apt(false, &packages) {
        apt(true, &["update"])
            .and_then(|()| apt(true, &packages))
            .map_err(|second| {
                format!("Debian's package could not be downloaded: {first}; with fresh lists: {second}; {ADVICE}")
            })?;
    }
    let _ = fs::remove_dir_all(&own);
    let files = fs::read_dir(into).map_err(|error| error.to_string())?;
    for deb in files
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
    {
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(into))?;
        let _ = fs::remove_file(&deb);
    }
    Ok(())
}

/// Runs a command to its end; what it said where it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}
