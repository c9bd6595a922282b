//! `docs/directives.md` is what the tables say: `make docs` writes it, and a stale page fails here.
//!
//! The page has no other source than `config::table` and `config::variables`.

#[path = "support/differences.rs"]
mod differences;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use differences::{At, DIFFERENCES, Difference};
use proxy_lab::config::table::{self, Arity, Kind, Row, Status};
use proxy_lab::config::variables::{self, Means, Variable};

const INTRODUCTION: &str = "\
# Directives and variables

Every directive and variable of the modules that Debian's nginx 1.22.1 has built in, and what Proxy Lab does with it.
`make docs` writes this page from the tables in `src/config/table/` and `src/config/variables.rs`; do not edit it.

| status | meaning |
|---|---|
| done | does what nginx's does; where it does not, the last column says so |
| accepted | checked as nginx checks it; it changes no answer of nginx's either |
| refused | nginx has it and Proxy Lab has not: an error that names the line, unless the line only says the default |

What *done* and *accepted* rest on is asked of nginx by `make verify` (`tests/proofs/`): without a line that is done,
nginx's own answers are others; adding one that is accepted changes none of them.

";

#[test]
fn the_page_is_what_the_tables_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/directives.md");
    let page = page();
    if std::env::var_os("PROXY_LAB_RECORD").is_some() {
        fs::write(&file, page).expect("a file");
        return;
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    let stale = written
        .lines()
        .zip(page.lines())
        .find(|(written, said)| written != said);
    assert_eq!(
        stale, None,
        "docs/directives.md is stale: `make docs` writes it anew"
    );
    assert_eq!(
        written.len(),
        page.len(),
        "docs/directives.md is stale: `make docs` writes it anew"
    );
}

/// The directives that the work on nginx's language is about: none of them may be missing.
#[test]
fn none_that_a_reverse_proxy_or_a_static_site_needs_is_refused() {
    const NEEDED: &str = "
        listen server_name location include merge_slashes
        return rewrite if set break error_page recursive_error_pages internal try_files absolute_redirect
        port_in_redirect server_name_in_redirect rewrite_log
        root alias index autoindex types default_type charset expires add_header add_trailer etag if_modified_since
        max_ranges limit_except disable_symlinks gzip gzip_types gzip_min_length gzip_comp_level gzip_proxied gzip_vary
        gzip_disable gzip_http_version gunzip gzip_static sub_filter sub_filter_once sub_filter_types log_not_found
        proxy_pass resolver proxy_set_header proxy_set_body proxy_method proxy_pass_request_headers
        proxy_pass_request_body proxy_http_version proxy_redirect proxy_cookie_domain proxy_cookie_path
        proxy_cookie_flags proxy_hide_header proxy_pass_header proxy_ignore_headers proxy_intercept_errors
        proxy_buffering proxy_buffer_size proxy_buffers proxy_busy_buffers_size proxy_request_buffering
        proxy_max_temp_file_size proxy_connect_timeout proxy_send_timeout proxy_read_timeout proxy_limit_rate
        proxy_force_ranges proxy_ignore_client_abort proxy_bind
        map geo split_clients log_format access_log error_log";
    for name in NEEDED.split_whitespace() {
        let rows = table::find(name.as_bytes());
        let done = |row: &&&Row| matches!(row.status, Status::Value | Status::Done(_));
        assert_eq!(rows.iter().filter(done).count(), rows.len(), "{name}");
        assert!(!rows.is_empty(), "{name}");
    }
}

fn page() -> String {
    let mut out = INTRODUCTION.to_owned();
    counts(&mut out);
    out += "\n## Where the lab means to differ\n\n";
    for Difference { at, why } in DIFFERENCES {
        let at = match at {
            At::Directive(name, 1) => format!("`{name}`"),
            At::Directive(name, count) => format!("`{name}` with {count} arguments"),
            At::File(name) => format!("`tests/broken/{name}`"),
        };
        let _ = writeln!(out, "- {at}: {why}.");
    }
    out += "\n## Directives\n";
    let mut module = "";
    for row in table::rows() {
        if row.module != module {
            module = row.module;
            let _ = write!(
                out,
                "\n### {module}\n\n| directive | contexts | arguments | default | status | differs |\n|---|---|---|---|---|---|\n"
            );
        }
        directive(&mut out, row);
    }
    out += "\n## Variables\n\nA name that ends in `…` is the beginning of a family's names.\n";
    let mut modules: BTreeMap<&str, Vec<&Variable>> = BTreeMap::new();
    for variable in variables::variables() {
        modules.entry(variable.module).or_default().push(variable);
    }
    for (module, mut all) in modules {
        all.sort_by_key(|variable| variable.name);
        let _ = write!(
            out,
            "\n### {module}\n\n| variable | status | differs |\n|---|---|---|\n"
        );
        for variable in all {
            let name = variable.name;
            let more = if matches!(variable.means, Means::Family(_)) {
                "…"
            } else {
                ""
            };
            let (status, note) = standing(variable);
            let _ = writeln!(out, "| `${name}{more}` | {status} | {note} |");
        }
    }
    out
}

fn counts(out: &mut String) {
    let count = |status: &str| {
        table::rows()
            .iter()
            .filter(|row| word(row) == status)
            .count()
    };
    let variables = |status: &str| {
        variables::variables()
            .filter(|v| standing(v).0 == status)
            .count()
    };
    let _ = writeln!(out, "| | done | accepted | refused |\n|---|---|---|---|");
    let _ = writeln!(
        out,
        "| directives | {} | {} | {} |",
        count("done"),
        count("accepted"),
        count("refused")
    );
    let _ = writeln!(
        out,
        "| variables | {} | | {} |",
        variables("done"),
        variables("refused")
    );
}

fn word(row: &Row) -> &'static str {
    match row.status {
        Status::Value | Status::Done(_) => "done",
        Status::Accepted | Status::AcceptedBy(_) => "accepted",
        Status::Refused => "refused",
    }
}

fn directive(out: &mut String, row: &Row) {
    let contexts = row.contexts.names().collect::<Vec<_>>().join(", ");
    let block = if row.block { " `{ … }`" } else { "" };
    let default = row.default.map(|text| format!("`{}`", cell(text)));
    let _ = writeln!(
        out,
        "| `{}` | {contexts} | {}{block} | {} | {} | {} |",
        row.name,
        arguments(row),
        default.unwrap_or_default(),
        word(row),
        row.differs.unwrap_or_default()
    );
}

/// How many, and of what kind where the table knows it.
fn arguments(row: &Row) -> String {
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let kind = match row.kind {
        Kind::Flag => "`on`, `off`".into(),
        Kind::Enum(all) => words(all),
        Kind::Mask(all) => format!("any of {}", words(all)),
        Kind::Number => "a number".into(),
        Kind::Bounded(low, high) => format!("a number from {low} to {high}"),
        Kind::Size | Kind::Offset => "a size".into(),
        Kind::TemplateSize => "a size, or variables".into(),
        Kind::Msec | Kind::Sec => "a time".into(),
        Kind::Buffers => "a number and a size".into(),
        Kind::Path => "a folder, and up to three levels".into(),
        Kind::Pairs => "a name and a value".into(),
        Kind::Template => "a text with variables".into(),
        Kind::Text | Kind::Texts | Kind::Templates | Kind::Custom => String::new(),
    };
    match (row.arity, kind.is_empty()) {
        (Arity::OneOf(1), _) => "none".into(),
        (arity, true) => arity
            .describe()
            .replace(" arguments", "")
            .replace(" argument", ""),
        (_, false) => kind,
    }
}

/// A variable's status, and what differs.
fn standing(variable: &Variable) -> (&'static str, &'static str) {
    let note = variable.differs.unwrap_or_default();
    match variable.means {
        Means::Refused => ("refused", note),
        Means::Absent if note.is_empty() => (
            "done",
            "has no value, as in nginx where the module is not in use",
        ),
        Means::Empty if note.is_empty() => (
            "done",
            "is empty, as in nginx where the module is not in use",
        ),
        _ => ("done", note),
    }
}

/// A `|` would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
