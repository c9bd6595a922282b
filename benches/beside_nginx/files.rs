//! The folder that a server serves: the lesson's, with two files of known size.

use std::fs;
use std::path::Path;

use super::BenchError;
use super::plan::{KIB, MIB, Setup};

/// Writes the files and the configuration into `prefix`.
pub fn write(prefix: &Path, setup: Setup, port: u16, upstream: u16) -> Result<(), BenchError> {
    let failed = |error| BenchError::Io(format!("files in {}", prefix.display()), error);
    for folder in ["html", "lab", "logs", "tmp"] {
        fs::create_dir(prefix.join(folder)).map_err(failed)?;
    }
    let put = |name: &str, bytes: &[u8]| fs::write(prefix.join(name), bytes).map_err(failed);
    put("lab/nginx.conf", setup.file(port, upstream).as_bytes())?;
    put("lab/mime.types", include_bytes!("../../lab/mime.types"))?;
    put("html/index.html", b"<!doctype html>\n")?;
    put("html/kib.html", &content(KIB))?;
    put("html/mib.html", &content(MIB))
}

/// `length` bytes that no other place of the content repeats nearby.
pub fn content(length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length + 16);
    let mut line = 0u32;
    while out.len() < length {
        out.extend_from_slice(format!("{line:015}\n").as_bytes());
        line += 1;
    }
    out.truncate(length);
    out
}
