//! Loading a configuration: from a file's name to the model, or to everything that is wrong with it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::analyse::Analyser;
use super::analyse::chain::Chain;
use super::analyse::frame::{Frame, ThreadPool};
use super::analyse::refusal;
use super::analyse::template::Variables;
use super::diagnostics::{Diagnostic, Order};
use super::merge::{self, Merged};
use super::model::{Model, Process, SlotVariable};
use super::parser;
use super::paths::{FolderMap, Paths};
use super::source::Sources;
use super::table::Contexts;
use super::written;

/// `worker_connections` where the file says nothing.
const CONNECTIONS: usize = 512;

/// What to load, with the meaning of nginx's options.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `-c`: absolute, or relative to the prefix.
    pub file: PathBuf,
    /// `-p`
    pub prefix: PathBuf,
    /// `-g`
    pub globals: Option<String>,
    /// `-e`: the error log where the file names none; `stderr` is the standard error.
    pub error_log: Option<PathBuf>,
    /// `--map`
    pub map: FolderMap,
    /// The configuration may come from another machine: where this one lacks `mime.types` or `proxy_params`, built-in
    /// copies serve, with a warning.
    pub foreign: bool,
    /// `--stub-upstreams`: who answers for upstreams whose names do not resolve.
    pub stub: Option<SocketAddr>,
}

impl LoadOptions {
    /// A name below the prefix, as nginx shows it.
    pub fn shown(&self, name: &Path) -> PathBuf {
        let paths = Paths::new(self);
        paths.below_prefix(name.as_os_str().as_bytes())
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}", first_line(.diagnostics, .sources))]
pub struct LoadError {
    /// Everything that was found, warnings included, in the order in which nginx would meet it.
    pub diagnostics: Vec<Diagnostic>,
    pub sources: Sources,
    /// The configuration file, as nginx names it.
    pub file: PathBuf,
    /// nginx would have said "syntax is ok" before the first error.
    pub syntax_ok: bool,
}

fn first_line(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let first = diagnostics.iter().find(|found| found.is_fatal());
    first
        .map(|found| found.line_text(sources))
        .unwrap_or_default()
}

/// Loads a configuration.
///
/// # Errors
/// All mistakes of the files at once, with the text that they point into.
pub fn load(options: &LoadOptions) -> Result<Model, LoadError> {
    let analyser = read(options, HashSet::new())?;
    let late = analyser.variables.made_late();
    let analyser = match late.is_empty() {
        true => analyser,
        false => read(options, late.clone())?,
    };
    finish(analyser)
}

/// Reads the files; `own` are variables that are known to be the file's own from the start.
fn read(options: &LoadOptions, own: HashSet<String>) -> Result<Analyser, LoadError> {
    let paths = Paths::new(options);
    let file = paths.file.clone();
    let mut analyser = Analyser::new(paths);
    analyser.variables = Variables::knowing(own);
    analyser.stub = options.stub;
    if let Some(globals) = &options.globals {
        let source = analyser
            .sources
            .add_command_line(globals.clone().into_bytes());
        let parsed = parser::parse(globals.as_bytes(), source, true);
        analyser.syntax_errors(&parsed.errors);
        analyser.walk(&parsed.directives);
    }
    analyser.order.phase = 1;
    match analyser.open(file.clone()) {
        Ok((_, parsed)) => {
            analyser.syntax_errors(&parsed.errors);
            analyser.walk(&parsed.directives);
        }
        Err(found) => return Err(unreadable(analyser, found, &file)),
    }
    Ok(analyser)
}

/// Without its file, nothing else about a configuration is worth saying.
fn unreadable(analyser: Analyser, found: Diagnostic, file: &Path) -> LoadError {
    let found = match file.symlink_metadata().is_ok() {
        true => found,
        false => found.help(format!(
            "`-c` names it, and one that does not begin with `/` is looked for in the folder of `-p`, {}",
            written::shown(&analyser.paths.prefix)
        )),
    };
    let mut diagnostics = analyser.found;
    diagnostics.push(found);
    LoadError {
        diagnostics,
        sources: analyser.sources,
        file: file.to_path_buf(),
        syntax_ok: false,
    }
}

fn finish(mut analyser: Analyser) -> Result<Model, LoadError> {
    let file = analyser.paths.file.clone();
    let merged = match analyser.http.take() {
        Some(draft) => merge::http(&mut analyser, draft),
        None => Merged {
            listens: Vec::new(),
            servers: Vec::new(),
            upstreams: Vec::new(),
        },
    };
    unknown_thread_pools(&mut analyser);
    check_main(&mut analyser);
    too_few_connections(
        &mut analyser,
        merged.listens.iter().filter(|at| at.bound).count(),
    );
    analyser.found.sort_by(|a, b| a.order.cmp(&b.order));
    if let Some(first) = analyser.found.iter().find(|found| found.is_fatal()) {
        let syntax_ok = first.order.phase == 2;
        return Err(LoadError {
            syntax_ok,
            diagnostics: refusal::once_each(analyser.found, &analyser.sources),
            sources: analyser.sources,
            file,
        });
    }
    let process = process(&mut analyser);
    let prefix = PathBuf::from(OsStr::from_bytes(&analyser.paths.prefix));
    let slots = analyser.variables.finish();
    Ok(Model {
        process,
        listens: merged.listens,
        servers: merged.servers,
        upstreams: merged.upstreams,
        logs: analyser.shared.logs,
        maps_read_sent: slots.iter().any(SlotVariable::reads_sent),
        slots,
        sources: analyser.sources,
        prefix,
        file,
        stub: analyser.stub,
        warnings: analyser.found,
    })
}

/// A finding that nginx has once the whole file was read.
fn at_the_end(found: Diagnostic) -> Diagnostic {
    let order = Order {
        phase: 2,
        ..Order::default()
    };
    Diagnostic { order, ..found }
}

/// Pools that `aio` names and no `thread_pool` gives; `default` is always there.
fn unknown_thread_pools(analyser: &mut Analyser) {
    let unknown = |pool: &&ThreadPool| !pool.given && pool.name != "default";
    for pool in analyser.shared.thread_pools.iter().filter(unknown) {
        let message = format!("unknown thread pool \"{}\"", written::shown(&pool.name));
        let found = Diagnostic::emerg(message)
            .at(pool.span)
            .line(pool.end)
            .help("give it in the main context: `thread_pool NAME threads=NUMBER;`");
        analyser.found.push(at_the_end(found));
    }
}

/// What nginx looks at once the whole file was read: that there are `events`, and as many masks as workers.
fn check_main(analyser: &mut Analyser) {
    if analyser.shared.events.is_none() {
        let found = Diagnostic::emerg("no \"events\" section in configuration")
            .help("add `events { }` to the main context: nginx wants one, even an empty one");
        analyser.found.push(at_the_end(found));
    }
    let workers = analyser.shared.workers.unwrap_or(1);
    if let Some((masks, span)) = analyser.shared.affinity
        && masks != 1
        && masks != workers
    {
        let found = Diagnostic::warn(
            "the number of \"worker_processes\" is not equal to the number of \"worker_cpu_affinity\" masks, \
             using last mask for remaining worker processes",
        );
        analyser.found.push(at_the_end(found.at(span)));
    }
}

/// Each listening socket takes one of `worker_connections`, and one more must be left.
fn too_few_connections(analyser: &mut Analyser, sockets: usize) {
    let connections = analyser.shared.connections.unwrap_or(CONNECTIONS);
    if connections > sockets {
        return;
    }
    let message =
        format!("{connections} worker_connections are not enough for {sockets} listening sockets");
    let found = Diagnostic::emerg(message)
        .help("give `worker_connections` in the block `events` a larger number, such as 1024");
    analyser.found.push(at_the_end(found));
}

fn process(analyser: &mut Analyser) -> Process {
    let frame = analyser
        .frames
        .pop()
        .unwrap_or_else(|| Frame::new(Contexts::MAIN));
    let chain = Chain {
        level: &frame.level,
        outer: None,
    };
    let shared = &analyser.shared;
    Process {
        workers: shared.workers.unwrap_or(1),
        worker_connections: shared.connections.unwrap_or(CONNECTIONS),
        daemon: chain.flag("daemon"),
        master_process: chain.flag("master_process"),
        pid: analyser.paths.below_prefix(&chain.text("pid")),
        shutdown_timeout: chain
            .set("worker_shutdown_timeout")
            .map(|_| chain.time("worker_shutdown_timeout"))
            .filter(|time| !time.is_zero()),
        pid_shown: analyser.paths.below_prefix(&chain.text("pid")),
        user: shared.user.clone(),
        error_log: merge::error_logs(analyser),
    }
}
