//! `nginx -t` beside `proxy-lab -t` (`make verify`): the same files are refused with the same line, and every row of the
//! table of directives is asked of nginx.

#[path = "support/arguments.rs"]
mod arguments;
#[path = "support/broken.rs"]
mod broken;
#[path = "support/differences.rs"]
mod differences;
#[path = "support/layouts.rs"]
mod layouts;
#[path = "support/nginx.rs"]
mod nginx;
mod support {
    #[path = "../support/command_lines.rs"]
    pub mod command_lines;
    #[path = "../support/words.rs"]
    pub mod words;
}

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use differences::{At, DIFFERENCES, Difference};
use nginx::Nginx;
use proxy_lab::config::table::{self, Contexts, Row, Status};
use proxy_lab::config::{LoadOptions, load, variables};

/// nginx's finding: the first that stops it.
fn first_fatal(said: &str) -> Option<&str> {
    said.lines().find(|line| {
        ["nginx: [emerg] ", "nginx: [crit] "]
            .iter()
            .any(|level| line.starts_with(level))
    })
}

/// A file that is meant to differ must differ; every other is refused by both, at the same line.
#[test]
fn nginx_refuses_each_broken_file_with_the_same_line() {
    let nginx = Nginx::find().unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = String::new();
    let mut agreeing = 0;
    let cases = broken::cases();
    for Difference { at, why } in DIFFERENCES {
        if let At::File(name) = at {
            assert!(
                cases.iter().any(|case| case.name == *name),
                "no file {name}: {why}"
            );
        }
    }
    for case in cases {
        let by_nginx = case.ask(&mut nginx.command());
        let expected = fs::read_to_string(case.expected()).expect("an expected message");
        let (theirs, ours) = (first_fatal(&by_nginx.text), first_fatal(&expected));
        let same = theirs == ours && by_nginx.code == Some(1);
        let meant = differences::reason(At::File(&case.name));
        agreeing += usize::from(same && meant.is_none());
        if same == meant.is_some() {
            let why = meant.unwrap_or_default();
            wrong.push_str(&format!(
                "{} {why}\n  nginx: {:?} {theirs:?}\n  lab:   {ours:?}\n",
                case.name, by_nginx.code
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!("{agreeing} files are refused by both, at the same line");
    assert!(agreeing >= 60, "only {agreeing} files");
}

/// Item by item: exit codes and the lines that begin with `nginx:` are nginx's, for a right file and a wrong one.
#[test]
fn closing_lines_and_exit_codes_are_nginxs() {
    let nginx = Nginx::find().unwrap_or_else(|error| panic!("{error}"));
    // A port that is taken does not matter to `-t`.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let right = "events { }\nhttp { TEMP server { listen PORT; } }\n";
    let late = "http { TEMP }\n";
    let wrong = "events { }\nhttp { TEMP server { listn 80; } }\n";
    let warned = "events { }\nhttp { TEMP server { listen PORT; server_name a/b; } }\n";
    let unopenable =
        "events { }\nhttp { TEMP server { listen PORT; access_log no/such/folder; } }\n";
    let hashed = "events { }\nhttp { TEMP types_hash_max_size 1; server_names_hash_max_size 1; map_hash_max_size 1;\n\
                  map $uri $a { /1 1; /2 2; /3 3; /4 4; } types { a/b c d e f; }\n\
                  server { listen PORT; server_name a b c d; } server { listen PORT; } }\n";
    let tables = "events { }\nhttp { TEMP variables_hash_max_size 64; proxy_headers_hash_max_size 2; proxy_set_header a b;\n\
                  server { listen PORT; server_name a a *.b; location /a { proxy_hide_header c; } location /b { proxy_set_header d e; }\n\
                  location /c { location /c/d { } } } server { listen PORT; server_name .b; proxy_pass_header server; } }\n";
    let no_pid_folder = "pid no/such/folder; events { }\n";
    for text in [
        right,
        late,
        wrong,
        warned,
        hashed,
        tables,
        unopenable,
        no_pid_folder,
    ] {
        for globals in [
            None,
            Some("daemon off;"),
            Some("daemon off"),
            Some("no_such on;"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let prefix = folder.path();
            fs::create_dir(prefix.join("logs")).expect("a folder");
            let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|name| format!("{name}_temp_path t_{name};"))
                .concat();
            let pid = if text.contains("pid") {
                ""
            } else {
                "pid logs/pid;"
            };
            let text = format!(
                "{pid} error_log logs/error.log;\n{}",
                text.replace("TEMP", &format!("access_log off; {temp}"))
                    .replace(
                        "PORT",
                        &listener.local_addr().expect("an address").to_string()
                    )
            );
            fs::write(prefix.join("nginx.conf"), &text).expect("a file");
            let theirs = closing(nginx.command(), prefix, globals);
            let lab = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
            let ours = closing(lab, prefix, globals);
            assert_eq!(ours, theirs, "{text} with {globals:?}");
        }
    }
}

/// The exit code of `-t`, and its lines that begin with `nginx:`.
fn closing(
    mut command: Command,
    prefix: &Path,
    globals: Option<&str>,
) -> (Option<i32>, Vec<String>) {
    command.arg("-t").arg("-p").arg(prefix);
    command
        .args(["-c", "nginx.conf", "-e"])
        .arg(prefix.join("logs/e"));
    command.args(globals.iter().flat_map(|text| ["-g", text]));
    let output = command.output().expect("an end");
    assert!(output.stdout.is_empty());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // The lab goes on where nginx stops.
    let mut stopped = false;
    let lines = said.lines().filter(|line| {
        let finding = line.starts_with("nginx: [");
        let shown = line.starts_with("nginx:") && !(finding && stopped);
        stopped |= line.starts_with("nginx: [emerg]");
        shown
    });
    let lines = lines.map(str::to_owned).collect();
    (output.status.code(), lines)
}

/// What `-t` says and what `-T` prints of folders with all kinds of names, included by all kinds of patterns, is the same
/// to the byte.
#[test]
fn includes_read_the_same_files() {
    let nginx = Nginx::find().unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = String::new();
    let mut right = 0;
    for seed in 0..layouts::COUNT {
        let layout = layouts::Layout::new(seed);
        let folder = tempfile::tempdir().expect("a folder");
        layout.write(folder.path());
        for option in ["-t", "-T"] {
            let ask = |mut command: Command| {
                command.args([
                    option,
                    "-p",
                    &layout.prefix,
                    "-c",
                    "nginx.conf",
                    "-e",
                    "logs/e",
                ]);
                let output = command.current_dir(folder.path()).output().expect("an end");
                (output.status.code(), output.stdout, output.stderr)
            };
            let theirs = ask(nginx.command());
            let ours = ask(Command::new(env!("CARGO_BIN_EXE_proxy-lab")));
            right += usize::from(theirs.0 == Some(0));
            if ours.0 != theirs.0 || ours.1 != theirs.1 || !layouts::says(&ours.2, &theirs.2) {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                wrong.push_str(&format!(
                    "{seed} {option} {:?}\n  nginx: {}\n  lab:   {}\n",
                    layout.lines,
                    text(&theirs.2),
                    text(&ours.2)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let least = usize::try_from(layouts::COUNT).expect("a number") / 2;
    assert!(right > least, "only {right} files are right");
}

/// Where a directive is put to be asked about.
const PLACES: [(Contexts, &str); 9] = [
    (Contexts::MAIN, "HERE\nEVENTS HTTP"),
    (Contexts::EVENTS, "events {\nHERE\n}"),
    (Contexts::HTTP, "events { } http {\nHERE\n}"),
    (
        Contexts::SRV,
        "events { } http { server { listen 8099;\nHERE\n} }",
    ),
    (
        Contexts::LOC,
        "events { } http { server { listen 8099; location /l {\nHERE\n} } }",
    ),
    (
        Contexts::UPS,
        "events { } http { upstream u {\nHERE\nserver 127.0.0.1:5000; } }",
    ),
    (
        Contexts::SIF,
        "events { } http { server { listen 8099; if ($host) {\nHERE\n} } }",
    ),
    (
        Contexts::LIF,
        "events { } http { server { listen 8099; location /l { if ($host) {\nHERE\n} } } }",
    ),
    (
        Contexts::LMT,
        "events { } http { server { listen 8099; location /l { limit_except GET {\nHERE\n} } } }",
    ),
];

/// The same question to both: what stops nginx, what stops the lab.
struct Asked {
    row: &'static Row,
    place: &'static str,
    count: usize,
    text: String,
}

impl Asked {
    fn new(row: &'static Row, (context, frame): (Contexts, &str), count: usize) -> Self {
        let words = arguments::arguments(row, count);
        let block = if row.block { "{ }" } else { ";" };
        let here = format!("{} {} {block}", row.name, words.join(" "));
        let mut text = frame.replace("HERE", &here);
        let given = |name: &str| context == Contexts::MAIN && row.name == name;
        let section = |name: &str, what: &str| {
            if given(name) {
                String::new()
            } else {
                what.into()
            }
        };
        text = text.replace("EVENTS", &section("events", "events { }"));
        text = text.replace("HTTP", &section("http", "http { }"));
        Self {
            row,
            place: context.names().next().unwrap_or_default(),
            count,
            text,
        }
    }
}

/// nginx's finding is about the place of a directive or the number of its arguments.
fn structural(finding: &str) -> bool {
    let parts = [
        "directive is not allowed here",
        "invalid number of arguments",
        "has no opening",
        "is not terminated",
    ];
    parts.iter().any(|part| finding.contains(part))
}

/// `None` where it is right.
type Finding = Option<String>;

fn by_nginx(nginx: &Nginx, prefix: &Path, text: &str) -> Finding {
    fs::write(prefix.join("nginx.conf"), text).expect("a file");
    let mut command = nginx.command();
    command.arg("-t").arg("-p").arg(prefix);
    let output = command
        .args(["-c", "nginx.conf", "-e"])
        .arg(prefix.join("logs/e"))
        .output()
        .expect("an end");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains(" syntax is ok") {
        return None;
    }
    let first = first_fatal(&said).unwrap_or("it crashed");
    Some(first.trim_start_matches("nginx: ").to_owned())
}

fn by_lab(prefix: &Path, text: &str) -> Finding {
    fs::write(prefix.join("nginx.conf"), text).expect("a file");
    let options = LoadOptions {
        file: "nginx.conf".into(),
        prefix: prefix.into(),
        ..LoadOptions::default()
    };
    let error = load(&options).err().filter(|error| !error.syntax_ok)?;
    let first = error.diagnostics.iter().find(|found| found.is_fatal())?;
    Some(first.line_text(&error.sources))
}

/// Every row of the table, in every context, with 0 to 4 arguments: nginx takes what the table takes, and refuses what
/// it refuses in the same words. A row that the lab refuses must be right for nginx just where the lab says so.
#[test]
fn every_row_is_as_nginx_has_it() {
    let nginx = Nginx::find().unwrap_or_else(|error| panic!("{error}"));
    let mut questions = Vec::new();
    for row in table::rows() {
        for place in PLACES {
            questions.extend((0..=4).map(|count| Asked::new(row, place, count)));
        }
    }
    let questions = Mutex::new(questions.iter());
    let wrong = Mutex::new(Vec::new());
    let differing = Mutex::new(BTreeSet::new());
    let asker = || {
        let folder = tempfile::tempdir().expect("a folder");
        let prefix = folder.path();
        fs::create_dir(prefix.join("logs")).expect("a folder");
        for name in ["included.conf", "passwords"] {
            fs::write(prefix.join(name), "").expect("a file");
        }
        loop {
            let Some(asked) = questions.lock().expect("the questions").next() else {
                break;
            };
            let theirs = by_nginx(&nginx, prefix, &asked.text);
            let ours = by_lab(prefix, &asked.text);
            let refused = matches!(asked.row.status, Status::Refused)
                && ours
                    .as_ref()
                    .is_some_and(|ours| ours.contains("nginx has "));
            let same = match &theirs {
                // What the lab has not is right for nginx, or wrong by its values, which the lab does not look at.
                _ if refused => !theirs.as_deref().is_some_and(structural),
                theirs => *theirs == ours,
            };
            let at = At::Directive(asked.row.name, asked.count);
            if differences::reason(at).is_some() && !same {
                differing.lock().expect("names").insert(asked.row.name);
                continue;
            }
            if !same {
                let Asked {
                    row, place, count, ..
                } = asked;
                wrong.lock().expect("the findings").push(format!(
                    "{} in {place} with {count}\n  nginx: {theirs:?}\n  lab:   {ours:?}",
                    row.name
                ));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..threads {
            scope.spawn(asker);
        }
    });
    let mut wrong = wrong.into_inner().expect("the findings");
    wrong.sort();
    let differing = differing.into_inner().expect("names");
    for Difference { at, why } in DIFFERENCES {
        if let At::Directive(name, _) = at {
            assert!(differing.contains(name), "{name} differs no more: {why}");
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every command line that `tests/it/nginx_options.rs` asks the lab.
#[test]
fn command_lines_are_nginxs() {
    let nginx = Nginx::find().unwrap_or_else(|error| panic!("{error}"));
    for line in support::command_lines::LINES {
        assert_eq!(line.ask(nginx.command()), line.expected(), "{}", line.words);
    }
}

/// Names that nginx's program holds, and that it takes for a directive or a variable: the tables must have them all. (A
/// name that is the end of a longer one is not found this way.)
#[test]
fn the_tables_have_every_name_that_nginx_knows() {
    let nginx = Nginx::find().unwrap_or_else(|error| panic!("{error}"));
    let program = fs::read(&nginx.path).expect("nginx's program");
    let is_name = |text: &&[u8]| {
        text.len() > 1
            && text.first().is_some_and(u8::is_ascii_lowercase)
            && text
                .iter()
                .all(|&b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let names: BTreeSet<_> = program.split(|&b| b == 0).filter(is_name).collect();
    assert!(names.len() > 1000, "only {} names", names.len());
    let unknown: Vec<_> = names
        .iter()
        .map(|name| String::from_utf8_lossy(name))
        .filter(|name| table::find(name.as_bytes()).is_empty() || variables::known(name).is_none())
        .collect();
    let names = Mutex::new(unknown.iter());
    let missing = Mutex::new(Vec::new());
    let asker = || {
        let folder = tempfile::tempdir().expect("a folder");
        let prefix = folder.path();
        fs::create_dir(prefix.join("logs")).expect("a folder");
        loop {
            let Some(name) = names.lock().expect("the names").next() else {
                break;
            };
            let says = |http: String, what: &str| {
                let found = by_nginx(&nginx, prefix, &format!("events {{ }} http {{ {http} }}"));
                found.is_some_and(|found| found.contains(what))
            };
            let missing = || missing.lock().expect("the missing");
            if table::find(name.as_bytes()).is_empty()
                && !says(format!("{name};"), "unknown directive")
            {
                missing().push(format!("the directive {name}"));
            }
            if variables::known(name).is_none()
                && !says(format!("map ${name} $own {{ }}"), "unknown ")
            {
                missing().push(format!("the variable ${name}"));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..threads {
            scope.spawn(asker);
        }
    });
    let missing = missing.into_inner().expect("the missing");
    assert!(missing.is_empty(), "{missing:?}");
}
