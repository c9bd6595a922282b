//! Directives that are accepted: adding one to ten cases changes none of nginx's answers.

use std::path::Path;

use proxy_lab::config::table::{self, Arity, Contexts, Row, Status};

use crate::arguments::arguments;
use crate::data::Change;
use crate::lines::{self, Line, key};
use crate::oracle::OracleError;
use crate::oracle::case::Case;
use crate::oracle::server::Program;
use crate::oracle::spec::FileSpec;
use crate::without::{cases, change};

/// Cases without an error log that is compared (`debug_connection` fills it), quick ones, of all kinds; each directive is
/// added to ten of them.
const BASES: [&str; 14] = [
    "02-proxy-uri",
    "04-proxy-set-header",
    "05-response-headers",
    "07-upstream-keepalive",
    "06-proxy-redirect",
    "16-conditional",
    "17-ranges",
    "21-add-header",
    "22-locations",
    "23-server-names",
    "27-client-keepalive",
    "30-variables",
    "31-language",
    "51-sub-filter",
];
const ENOUGH: usize = 10;

/// What is added, where the arguments that fit the kind would change nothing, or would not do.
const ADDED: &[(&str, &str)] = &[
    ("worker_rlimit_nofile", "worker_rlimit_nofile 1000;"),
    ("working_directory", "working_directory /;"),
    ("lock_file", "lock_file logs/lock;"),
    ("aio", "aio threads;"),
    ("directio", "directio 1;"),
    ("send_lowat", "send_lowat 0;"),
    // As few bytes as a head has would show: nginx 1.22.1 then sends a file behind its page for 412.
    ("sendfile_max_chunk", "sendfile_max_chunk 64k;"),
    (
        "variables_hash_bucket_size",
        "variables_hash_bucket_size 128;",
    ),
    ("variables_hash_max_size", "variables_hash_max_size 4096;"),
    (
        "server_names_hash_bucket_size",
        "server_names_hash_bucket_size 256;",
    ),
    (
        "server_names_hash_max_size",
        "server_names_hash_max_size 4096;",
    ),
    ("types_hash_bucket_size", "types_hash_bucket_size 128;"),
    ("types_hash_max_size", "types_hash_max_size 4096;"),
    ("map_hash_bucket_size", "map_hash_bucket_size 128;"),
    ("map_hash_max_size", "map_hash_max_size 4096;"),
    ("referer_hash_bucket_size", "referer_hash_bucket_size 128;"),
    ("referer_hash_max_size", "referer_hash_max_size 4096;"),
    (
        "proxy_headers_hash_bucket_size",
        "proxy_headers_hash_bucket_size 128;",
    ),
    (
        "proxy_headers_hash_max_size",
        "proxy_headers_hash_max_size 4096;",
    ),
    ("connection_pool_size", "connection_pool_size 2k;"),
    ("tcp_nodelay", "tcp_nodelay off;"),
    ("tcp_nopush", "sendfile on; tcp_nopush on;"),
    ("http2_streams_index_size", "http2_streams_index_size 64;"),
    ("open_file_cache", "open_file_cache max=9;"),
    ("ssl_session_cache", "ssl_session_cache shared:tls:1m;"),
    (
        "ssl_certificate",
        "ssl_certificate passwords; ssl_certificate_key passwords;",
    ),
    ("gzip_no_buffer", "gzip on; gzip_no_buffer on;"),
];

/// Those that nginx itself takes only with something that the machine need not have.
const NOT_ADDED: [(&str, &str); 2] = [
    ("load_module", "nginx wants the module's file"),
    ("ssl_engine", "nginx asks OpenSSL for the engine"),
];

pub fn verify(nginx: &Program, names: &[String]) -> Result<Vec<String>, OracleError> {
    let cases = cases()?;
    let bases: Vec<_> = BASES.iter().filter_map(|name| cases.get(*name)).collect();
    let is_accepted = |row: &&Row| matches!(row.status, Status::Accepted | Status::AcceptedBy(_));
    let rows: Vec<_> = table::rows()
        .iter()
        .filter(is_accepted)
        .filter(|row| names.is_empty() || names.contains(&key(row)))
        .filter(|row| NOT_ADDED.iter().all(|(name, _)| *name != row.name))
        .collect();
    let mut questions = Vec::new();
    let mut wrong = Vec::new();
    for row in &rows {
        let changed: Vec<_> = bases
            .iter()
            .filter_map(|case| Some((*row, *case, with(case, row)?)))
            .take(ENOUGH)
            .collect();
        if changed.len() < ENOUGH {
            wrong.push(format!(
                "{}: fits into {} cases only",
                key(row),
                changed.len()
            ));
        }
        questions.extend(changed);
    }
    let found = crate::each(&questions, |(row, case, config)| {
        let role = format!("with-{}", row.name);
        match change(&with_files(case), config.clone(), nginx, &role) {
            Ok(None) => None,
            Ok(Some(Change::Other)) => {
                Some(format!("{}: {} is answered otherwise", key(row), case.name))
            }
            Ok(Some(other)) => Some(format!("{}: {} with it: {other:?}", key(row), case.name)),
            Err(error) => Some(format!("{}: {}: {error}", key(row), case.name)),
        }
    });
    println!(
        "{} directives are accepted, each added to {ENOUGH} cases",
        rows.len()
    );
    wrong.extend(found.into_iter().flatten());
    wrong.sort();
    Ok(wrong)
}

/// The configuration with the directive in every block of the first kind that may have it and that has none yet.
fn with(case: &Case, row: &Row) -> Option<String> {
    let own = ADDED.iter().find(|(name, _)| *name == row.name);
    let added = match own {
        Some((_, text)) => (*text).to_owned(),
        None => format!(
            "{} {};",
            row.name,
            arguments(row, least(row.arity)).join(" ")
        ),
    };
    let (text, lines) = lines::of(case);
    let places = [
        (Contexts::HTTP, "http"),
        (Contexts::SRV, "server"),
        (Contexts::EVENTS, "events"),
        (Contexts::MAIN, ""),
    ];
    let names: Vec<_> = added
        .split(';')
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let free = |context: Contexts| {
        row.contexts.contains(context)
            && !lines
                .iter()
                .any(|line| line.context == context && names.contains(&line.row.name))
    };
    let (_, block) = places.iter().find(|(context, _)| free(*context))?;
    if block.is_empty() {
        return Some(format!("{added}\n{text}"));
    }
    let is_block = |line: &&Line| line.row.name == *block && line.row.block;
    let mut out = text;
    for line in lines.iter().filter(is_block).rev() {
        out.insert_str(line.opened()?, &format!(" {added} "));
    }
    Some(out)
}

fn least(arity: Arity) -> usize {
    (0..8).find(|&n| arity.accepts(n)).unwrap_or(1)
}

/// Files that some of them open.
fn with_files(case: &Case) -> Case {
    let mut case = case.clone();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proofs");
    let text = std::fs::read_to_string(folder.join("certificate.pem")).unwrap_or_default();
    case.spec.file.push(FileSpec {
        path: "passwords".into(),
        text,
        modified: None,
    });
    case
}
