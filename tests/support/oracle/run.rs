//! Runs one case against one program: lays out the prefix, holds the conversations, collects what was seen.

use super::OracleError;
use super::backend::Backends;
use super::bytes;
use super::case::{Case, is_include};
use super::client;
use super::names::NameServer;
use super::ports::Ports;
use super::server::{self, Program, Server};
use super::transcript::{Masks, Transcript};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// When every served file was last changed: Tue, 02 Jan 2024 03:04:05 GMT.
const MODIFIED: u64 = 1_704_164_645;

/// Runs `case` against `program` in the folder `prefix`, which is made and, unless something fails, removed.
pub fn run(case: &Case, program: &Program, prefix: &Path) -> Result<Transcript, OracleError> {
    run_until(case, program, prefix, &mut |_| false)
}

/// The same, but `enough` may end it after each connection; what was seen so far then lacks the logs.
pub fn run_until(
    case: &Case,
    program: &Program,
    prefix: &Path,
    enough: &mut dyn FnMut(&Transcript) -> bool,
) -> Result<Transcript, OracleError> {
    let mut attempt = 1;
    loop {
        match run_once(case, program, prefix, enough) {
            // Somebody else took a port between its choice and the bind.
            Err(OracleError::Server { what, .. }) if attempt < 4 && what.contains("in use") => {
                attempt += 1
            }
            other => return other,
        }
    }
}

/// What `program` says against the case's configuration; `None` where it accepts it.
#[allow(dead_code, reason = "cases of the suite are all accepted")]
pub fn refusal(
    case: &Case,
    program: &Program,
    prefix: &Path,
) -> Result<Option<String>, OracleError> {
    let ports = Ports::for_texts(case.texts(), &case.numbers)?;
    lay_out(case, prefix, &ports)?;
    let masks = Masks::new(&ports, prefix);
    let complaint = server::refusal(program, prefix)?;
    remove(prefix)?;
    Ok(complaint.map(|text| masks.text(&text)))
}

fn run_once(
    case: &Case,
    program: &Program,
    prefix: &Path,
    enough: &mut dyn FnMut(&Transcript) -> bool,
) -> Result<Transcript, OracleError> {
    let mut ports = Ports::for_texts(case.texts(), &case.numbers)?;
    lay_out(case, prefix, &ports)?;
    let mut backends = Backends::start(std::mem::take(&mut ports.backends))?;
    for path in &case.spec.unix_backend {
        let what = OracleError::io(format!("listening on {path}"));
        backends.listen_unix(UnixListener::bind(prefix.join(path)).map_err(what)?);
    }
    let names = match ports.dns.take() {
        Some(socket) => Some(NameServer::start(socket, case.spec.dns.clone())?),
        None => None,
    };
    let server = Server::start(program, prefix, ports.first)?;
    let masks = Masks::new(&ports, prefix);
    let mut transcript = Transcript::default();
    for connection in &case.spec.connection {
        let named = |error| OracleError::Case {
            file: case.file.clone(),
            what: format!(
                "connection {:?}, {}: {error}",
                connection.name, program.name
            ),
        };
        let seen = client::converse(connection, &ports, &backends, prefix).map_err(named)?;
        let received = backends.settle().map_err(named)?;
        transcript.connection(&connection.name, &seen, &received, &masks);
        transcript.asked(&names.as_ref().map(NameServer::take).unwrap_or_default());
        if enough(&transcript) {
            drop(server);
            remove(prefix)?;
            return Ok(transcript);
        }
    }
    server.stop()?;
    logs(case, prefix, &masks, &mut transcript)?;
    remove(prefix)?;
    Ok(transcript)
}

fn remove(prefix: &Path) -> Result<(), OracleError> {
    fs::remove_dir_all(prefix).map_err(OracleError::io("removing the prefix"))
}

/// Writes the configuration and the files.
pub fn lay_out(case: &Case, prefix: &Path, ports: &Ports) -> Result<(), OracleError> {
    if prefix.exists() {
        fs::remove_dir_all(prefix).map_err(OracleError::io("clearing the prefix"))?;
    }
    for folder in ["logs", "temp", "html"]
        .into_iter()
        .chain(case.spec.folder.iter().map(String::as_str))
    {
        make_dir(&prefix.join(folder))?;
    }
    if let Some(files) = &case.files {
        copy(files, prefix, ports)?;
    }
    for file in &case.spec.file {
        // A line of a served file ends in LF, as in files that people write.
        let bytes = bytes::parse(&file.text.replace('\n', "\\n\\\n"), &ports.names)?;
        let path = prefix.join(&file.path);
        make_dir(path.parent().unwrap_or(prefix))?;
        write(&path, &bytes, file.modified.unwrap_or(MODIFIED))?;
    }
    for link in &case.spec.link {
        let path = prefix.join(&link.path);
        symlink(&link.target, &path)
            .map_err(OracleError::io(format!("linking {}", path.display())))?;
    }
    write(
        &prefix.join("nginx.conf"),
        config(case, ports).as_bytes(),
        MODIFIED,
    )?;
    age(&prefix.join("html"))
}

/// Gives folders and links the time of the files: a list of them shows it.
fn age(folder: &Path) -> Result<(), OracleError> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
    let what = || OracleError::io(format!("setting times in {}", folder.display()));
    let time = Timespec {
        tv_sec: i64::try_from(MODIFIED).unwrap_or_default(),
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    let set = |path: &Path| {
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(std::io::Error::from)
    };
    for entry in fs::read_dir(folder).map_err(what())? {
        let entry = entry.map_err(what())?;
        let kind = entry.file_type().map_err(what())?;
        if kind.is_dir() {
            age(&entry.path())?;
        } else if kind.is_symlink() {
            set(&entry.path()).map_err(what())?;
        }
    }
    set(folder).map_err(what())
}

/// The configuration with its names replaced; both programs see texts that differ in ports alone.
fn config(case: &Case, ports: &Ports) -> String {
    bytes::expand(&frame(case), &ports.names)
}

/// The configuration with `@MAIN@`, `@HTTP@` and `@USER@` replaced.
pub fn frame(case: &Case) -> String {
    // Only root can, and must, name the user whose workers can read the prefix.
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let main = format!(
        "daemon off; {user} pid logs/nginx.pid; error_log logs/error.log; worker_processes 1; events {{ worker_connections 128; }}"
    );
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path temp/{name};"))
        .join(" ");
    let log = if case.config.contains("access_log") {
        ""
    } else {
        " access_log logs/access.log;"
    };
    let names = [
        ("MAIN".to_string(), main),
        ("HTTP".to_string(), temp + log),
        ("USER".to_string(), user.to_string()),
        (
            "MIME".to_string(),
            concat!(env!("CARGO_MANIFEST_DIR"), "/lab/mime.types").to_string(),
        ),
    ];
    bytes::expand(&case.config, &names)
}

fn make_dir(path: &Path) -> Result<(), OracleError> {
    let mut made = fs::create_dir_all(path);
    // The last case of another thread may just have removed the folder that all of them lie in.
    for _ in 0..3 {
        if made.as_ref().is_ok_and(|()| path.is_dir()) {
            break;
        }
        made = fs::create_dir_all(path);
    }
    made.map_err(OracleError::io(format!("making {}", path.display())))
}

fn write(path: &Path, bytes: &[u8], modified: u64) -> Result<(), OracleError> {
    let what = || OracleError::io(format!("writing {}", path.display()));
    fs::write(path, bytes).map_err(what())?;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(modified);
    File::options()
        .append(true)
        .open(path)
        .and_then(|file| file.set_modified(time))
        .map_err(what())
}

fn copy(from: &Path, to: &Path, ports: &Ports) -> Result<(), OracleError> {
    let what = || OracleError::io(format!("copying {}", from.display()));
    make_dir(to)?;
    for entry in fs::read_dir(from).map_err(what())? {
        let entry = entry.map_err(what())?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target, ports)?;
        } else {
            let mut bytes = fs::read(entry.path()).map_err(what())?;
            if is_include(&target) {
                bytes = bytes::expand(&String::from_utf8_lossy(&bytes), &ports.names).into_bytes();
            }
            write(&target, &bytes, MODIFIED)?;
        }
    }
    Ok(())
}

/// Takes the log files into the transcript.
fn logs(
    case: &Case,
    prefix: &Path,
    masks: &Masks,
    transcript: &mut Transcript,
) -> Result<(), OracleError> {
    let what = || OracleError::io("reading the logs");
    let mut paths = Vec::new();
    for entry in fs::read_dir(prefix.join("logs")).map_err(what())? {
        paths.push(entry.map_err(what())?.path());
    }
    paths.sort();
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_error_log = name.starts_with("error");
        if !name.ends_with(".log") || (is_error_log && !case.spec.error_log) {
            continue;
        }
        let bytes = fs::read(&path).map_err(what())?;
        transcript.log(&name, &bytes, is_error_log, masks);
    }
    Ok(())
}
