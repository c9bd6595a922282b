//! Finds nginx 1.22.1: the machine's own, or Debian's package unpacked under `target/`.
//!
//! Nothing is installed and no service is started. `ORACLE_NGINX=/path/to/nginx` names a binary; `ORACLE_NGINX=package` takes
//! Debian's package even where the machine has its own.

use crate::oracle::server::Program;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "nginx version: nginx/1.22.1";
/// nginx and the libraries that Debian's build of it needs.
const PACKAGES: [&str; 5] = ["nginx", "libpcre2-8-0", "libssl3", "zlib1g", "libcrypt1"];

/// nginx 1.22.1 is not to be had; the text says what was tried, and what a person can do.
#[derive(Debug, thiserror::Error)]
#[error("no nginx 1.22.1: {0}")]
pub struct NoNginx(String);

/// The oracle, or why there is none.
pub fn find() -> Result<Program, NoNginx> {
    let wanted = std::env::var_os("ORACLE_NGINX");
    let mut tried = Vec::new();
    match wanted {
        Some(path) if path != "package" => {
            let nginx = program(PathBuf::from(&path), None);
            return match version(&nginx) {
                Ok(()) => Ok(nginx),
                Err(why) => Err(NoNginx(format!(
                    "ORACLE_NGINX={}: {why}",
                    path.to_string_lossy()
                ))),
            };
        }
        Some(_) => {}
        // An ordinary user's PATH often lacks the folders where Debian puts servers.
        None => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders =
                std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
            for binary in folders
                .map(|folder| folder.join("nginx"))
                .filter(|binary| binary.is_file())
            {
                let nginx = program(binary, None);
                match version(&nginx) {
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

fn program(path: PathBuf, libraries: Option<PathBuf>) -> Program {
    Program {
        name: "nginx",
        path,
        arguments: Vec::new(),
        libraries,
    }
}

/// Checks that `nginx -v` says 1.22.1.
fn version(nginx: &Program) -> Result<(), String> {
    let output = nginx
        .command()
        .arg("-v")
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
    // Debian's own builds may add their name in brackets.
    match said == VERSION || said.starts_with(&format!("{VERSION} ")) {
        true => Ok(()),
        false => Err(format!("says {said:?}, and the oracle is nginx/1.22.1")),
    }
}

/// Debian's package under `target/`, downloaded if it is not there yet.
fn package() -> Result<Program, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = target.join("nginx-1.22.1");
    let unpacked = |home: &Path| {
        let libraries = library_folder(home);
        program(home.join("usr/sbin/nginx"), libraries)
    };
    let nginx = unpacked(&home);
    if version(&nginx).is_ok() {
        return Ok(nginx);
    }
    let making = target.join(format!("nginx-1.22.1.{}", std::process::id()));
    let made = download(&making).and_then(|()| {
        version(&unpacked(&making)).map_err(|why| format!("Debian's package here {why}"))
    });
    if made.is_ok() {
        let _ = fs::remove_dir_all(&home);
        // Another run may have been quicker: then its copy is as good.
        let _ = fs::rename(&making, &home);
    }
    let _ = fs::remove_dir_all(&making);
    made?;
    let nginx = unpacked(&home);
    version(&nginx).map(|()| nginx)
}

/// `usr/lib/ARCHITECTURE` of the unpacked packages.
fn library_folder(home: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(home.join("usr/lib")).ok()?;
    folders
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("libpcre2-8.so.0").exists())
}

fn download(into: &Path) -> Result<(), String> {
    fs::create_dir_all(into).map_err(|error| format!("{}: {error}", into.display()))?;
    if let Err(first) = run(Command::new("apt-get")
        .args(["download"])
        .args(PACKAGES)
        .current_dir(into))
    {
        if !rustix::process::geteuid().is_root() {
            return Err(format!(
                "Debian's package could not be downloaded ({first}). On Debian 12, run `sudo apt-get update` once and try again, \
                 or `sudo apt-get install nginx`; elsewhere, name an nginx 1.22.1 with ORACLE_NGINX=/path/to/nginx"
            ));
        }
        run(Command::new("apt-get").args(["update"]))?;
        run(Command::new("apt-get")
            .args(["download"])
            .args(PACKAGES)
            .current_dir(into))?;
    }
    let files = fs::read_dir(into).map_err(|error| error.to_string())?;
    for deb in files
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "deb"))
    {
        run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(into))?;
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
