//! The limit of open descriptors: each proxied connection needs two.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one; gives a warning where that leaves too few.
pub fn raise(connections: usize) -> Option<String> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return too_few(limit.current, connections);
    }
    // macOS refuses more than this in one process.
    let wanted = limit.maximum.map_or(1 << 20, |most| most.min(1 << 20));
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => too_few(Some(wanted), connections),
        Err(error) => Some(format!(
            "the limit of open files cannot be raised above {} ({error}): at most about {} clients at once can be proxied",
            shown(limit.current),
            limit.current.unwrap_or(0) / 2,
        )),
    }
}

fn too_few(current: Option<u64>, connections: usize) -> Option<String> {
    let current = current?;
    (current < connections as u64).then(|| {
        format!("{connections} worker_connections exceed open file resource limit: {current}")
    })
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |n| n.to_string())
}
