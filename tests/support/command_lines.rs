//! Command lines with nginx's answers: the lab is asked in every run of the tests, nginx itself by `make verify`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a program did.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    /// nginx's lines on the standard error, in the form that they have where a log is a file.
    pub lines: Vec<String>,
}

/// A command line, run in a folder with the folder `p` of [`prepare`].
pub struct Line {
    /// Split at spaces; single quotes hold a word together.
    pub words: &'static str,
    pub code: i32,
    /// The standard output begins so, and is empty where this is.
    pub out: &'static str,
    pub lines: &'static [&'static str],
}

const fn line(words: &'static str, code: i32, lines: &'static [&'static str]) -> Line {
    Line {
        words,
        code,
        out: "",
        lines,
    }
}

const fn dump(words: &'static str, lines: &'static [&'static str]) -> Line {
    Line {
        words,
        code: 0,
        out: DUMP,
        lines,
    }
}

const OK: &str = "nginx: the configuration file p/nginx.conf syntax is ok";
const SUCCESS: &str = "nginx: configuration file p/nginx.conf test is successful";
const FAILED: &str = "nginx: configuration file p/nginx.conf test failed";

pub const MAIN: &str = "include main.inc;\nevents { }\nhttp {\n    include types.inc;\n    include site*.inc;\n    include no/such/*.inc;\n}\n";
const TYPES: &str = "client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\nuwsgi_temp_path t4; scgi_temp_path t5; access_log off;";
const FIRST: &str = "server { listen 127.0.0.1:18471; include deep.inc; }\n";
const SECOND: &str =
    "server { listen 127.0.0.1:18472; include deep.inc; include ../p/deep.inc; }\n";
const DUMP: &str = "# configuration file p/nginx.conf:
include main.inc;
events { }
http {
    include types.inc;
    include site*.inc;
    include no/such/*.inc;
}

# configuration file p/main.inc:
pid logs/pid;
error_log logs/error.log;
user root;

# configuration file p/types.inc:
client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
uwsgi_temp_path t4; scgi_temp_path t5; access_log off;
# configuration file p/site-a.inc:
server { listen 127.0.0.1:18471; include deep.inc; }

# configuration file p/deep.inc:

# configuration file p/site-b.inc:
server { listen 127.0.0.1:18472; include deep.inc; include ../p/deep.inc; }

# configuration file p/../p/deep.inc:

";

/// What both programs say.
pub const LINES: &[Line] = &[
    // Testing.
    line("-t -p p -c nginx.conf", 0, &[OK, SUCCESS]),
    line("-tq -p p -c nginx.conf", 0, &[]),
    line("-q -t -pp -cnginx.conf", 0, &[]),
    line("-tqc nginx.conf -p p/", 0, &[]),
    line("-qpp -t -c nginx.conf -", 0, &[]),
    dump("-T -p p -c nginx.conf", &[OK, SUCCESS]),
    dump("-Tq -p p -c nginx.conf", &[]),
    dump("-tT -p p -c nginx.conf -g 'daemon off;'", &[OK, SUCCESS]),
    line("-t -s stop -p p -c nginx.conf", 0, &[OK, SUCCESS]),
    // The last of several counts.
    line("-t -t -c x -p y -p p -c nginx.conf", 0, &[OK, SUCCESS]),
    line("-g 'x y;' -tqp p -c nginx.conf -g 'daemon off;'", 0, &[]),
    // Files.
    line(
        "-t -p p -c none.conf",
        1,
        &[
            "nginx: [emerg] open() \"p/none.conf\" failed (2: No such file or directory)",
            "nginx: configuration file p/none.conf test failed",
        ],
    ),
    line(
        "-tq -p p -c ''",
        1,
        &[
            "nginx: [crit] pread() \"p/\" failed (21: Is a directory)",
            "nginx: configuration file p/ test failed",
        ],
    ),
    line(
        "-tq -p '' -c p/none.conf",
        1,
        &[
            "nginx: [emerg] open() \"p/none.conf\" failed (2: No such file or directory)",
            "nginx: configuration file p/none.conf test failed",
        ],
    ),
    line(
        "-tq -p p -c logs",
        1,
        &[
            "nginx: [crit] pread() \"p/logs\" failed (21: Is a directory)",
            "nginx: configuration file p/logs test failed",
        ],
    ),
    // An empty name is the folder itself; an empty prefix is the working folder.
    line(
        "-tq -p p -c ''",
        1,
        &[
            "nginx: [crit] pread() \"p/\" failed (21: Is a directory)",
            "nginx: configuration file p/ test failed",
        ],
    ),
    line(
        "-t -p '' -c p/none.conf",
        1,
        &[
            "nginx: [emerg] open() \"p/none.conf\" failed (2: No such file or directory)",
            "nginx: configuration file p/none.conf test failed",
        ],
    ),
    line(
        "-p none -c x",
        1,
        &["nginx: [emerg] open() \"none/x\" failed (2: No such file or directory)"],
    ),
    line(
        "-s stop -p p -c none.conf",
        1,
        &["nginx: [emerg] open() \"p/none.conf\" failed (2: No such file or directory)"],
    ),
    // -g
    line(
        "-t -p p -c nginx.conf -g 'user root;'",
        1,
        &[
            "nginx: [emerg] \"user\" directive is duplicate in p/main.inc:3",
            FAILED,
        ],
    ),
    line(
        "-t -p p -c nginx.conf -g 'worker_processes 2'",
        1,
        &[
            "nginx: [emerg] unexpected end of parameter, expecting \";\" in command line",
            FAILED,
        ],
    ),
    line(
        "-tq -p p -c nginx.conf -g 'no such;'",
        1,
        &[
            "nginx: [emerg] unknown directive \"no\" in command line",
            FAILED,
        ],
    ),
    line("-t -p p -c nginx.conf -g ''", 0, &[OK, SUCCESS]),
    line("-tq -p p -c nginx.conf -g '# nothing'", 0, &[]),
    line("-tq -p p -c nginx.conf -g 'include no/*.inc;'", 0, &[]),
    line(
        "-t -p p -c nginx.conf -g 'pid x;'",
        1,
        &[
            "nginx: [emerg] \"pid\" directive is duplicate in p/main.inc:1",
            FAILED,
        ],
    ),
    line(
        "-t -p p -c nginx.conf -g 'worker_processes 2; worker_processes 3;'",
        1,
        &[
            "nginx: [emerg] \"worker_processes\" directive is duplicate in command line",
            FAILED,
        ],
    ),
    line(
        "-t -p p -c nginx.conf -g 'include none.inc;'",
        1,
        &[
            "nginx: [emerg] open() \"p/none.inc\" failed (2: No such file or directory) in command line",
            FAILED,
        ],
    ),
    line(
        "-t -p p -c nginx.conf -g '}'",
        1,
        &["nginx: [emerg] unexpected \"}\" in command line", FAILED],
    ),
    line(
        "-t -p p -c nginx.conf -g 'listen 80;'",
        1,
        &[
            "nginx: [emerg] \"listen\" directive is not allowed here in command line",
            FAILED,
        ],
    ),
    line(
        "-s stop -p p -c nginx.conf -g 'pid x;'",
        1,
        &["nginx: [emerg] \"pid\" directive is duplicate in p/main.inc:1"],
    ),
    // -e
    line("-tq -p p -c nginx.conf -e logs/early.log", 0, &[]),
    line("-tq -p p -c nginx.conf -e stderr", 0, &[]),
    line("-t -p p -c nginx.conf -e ''", 0, &[OK, SUCCESS]),
    line(
        "-t -p p -c nginx.conf -e no/such.log",
        0,
        &[
            "nginx: [alert] could not open error log file: open() \"p/no/such.log\" failed (2: No such file or directory)",
            OK,
            SUCCESS,
        ],
    ),
    // A server that cannot be: what is taken does not matter, what is not this machine's does.
    line(
        "-t -p p -c away.conf",
        1,
        &[
            "nginx: the configuration file p/away.conf syntax is ok",
            "nginx: [emerg] bind() to 203.0.113.9:18473 failed (99: Cannot assign requested address)",
            "nginx: configuration file p/away.conf test failed",
        ],
    ),
    line(
        "-t -p p -c nowhere.conf",
        1,
        &[
            "nginx: the configuration file p/nowhere.conf syntax is ok",
            "nginx: [emerg] bind() to unix:no/such/folder/socket failed (2: No such file or directory)",
            "nginx: configuration file p/nowhere.conf test failed",
        ],
    ),
    // What is no option.
    line("-x", 1, &["nginx: invalid option: \"x\""]),
    line(
        "-tx -p p -c nginx.conf",
        1,
        &["nginx: invalid option: \"x\""],
    ),
    line("words", 1, &["nginx: invalid option: \"words\""]),
    line(
        "-t -p p -c nginx.conf more",
        1,
        &["nginx: invalid option: \"more\""],
    ),
    line("''", 1, &["nginx: invalid option: \"\""]),
    line("--", 1, &["nginx: invalid option: \"-\""]),
    line("-c", 1, &["nginx: option \"-c\" requires file name"]),
    line("-tp", 1, &["nginx: option \"-p\" requires directory name"]),
    line("-te", 1, &["nginx: option \"-e\" requires file name"]),
    line("-g", 1, &["nginx: option \"-g\" requires parameter"]),
    line("-s", 1, &["nginx: option \"-s\" requires parameter"]),
    line("-s sleep", 1, &["nginx: invalid option: \"-s sleep\""]),
    line("-sSTOP", 1, &["nginx: invalid option: \"-s STOP\""]),
    // -s where nothing runs.
    line(
        "-s stop -p p -c nginx.conf -g 'worker_processes 2;'",
        1,
        &["nginx: [error] open() \"p/logs/pid\" failed (2: No such file or directory)"],
    ),
    line(
        "-sreload -qp p -c nginx.conf",
        1,
        &["nginx: [error] open() \"p/logs/pid\" failed (2: No such file or directory)"],
    ),
    line(
        "-s quit -p p -c words.conf",
        1,
        &["nginx: [error] invalid PID number \"no number\" in \"p/words.pid\""],
    ),
    line(
        "-s stop -p p -c spaces.conf",
        1,
        &["nginx: [error] invalid PID number \" 12 \" in \"p/spaces.pid\""],
    ),
    line(
        "-s reopen -p p -c empty.conf",
        1,
        &["nginx: [error] invalid PID number \"\" in \"p/empty.pid\""],
    ),
    line(
        "-s reopen -p p -c long.conf",
        1,
        &["nginx: [error] invalid PID number \"1234567890123456789012\" in \"p/long.pid\""],
    ),
    line(
        "-s reload -p p -c folder.conf",
        1,
        &["nginx: [crit] pread() \"p/folder.pid\" failed (21: Is a directory)"],
    ),
    line(
        "-s stop -p p -c dead.conf",
        1,
        &["nginx: [alert] kill(999999999, 15) failed (3: No such process)"],
    ),
    line(
        "-s quit -p p -c dead.conf",
        1,
        &["nginx: [alert] kill(999999999, 3) failed (3: No such process)"],
    ),
    line(
        "-s reload -p p -c dead.conf",
        1,
        &["nginx: [alert] kill(999999999, 1) failed (3: No such process)"],
    ),
    line(
        "-s reopen -p p -c dead.conf",
        1,
        &["nginx: [alert] kill(999999999, 10) failed (3: No such process)"],
    ),
];

/// The folder `p` with a configuration in several files, and pid files of every kind.
pub fn prepare(folder: &Path) {
    let put = |name: &str, text: &str| {
        fs::write(folder.join("p").join(name), text).expect("a file");
    };
    fs::create_dir_all(folder.join("p/logs")).expect("a folder");
    put("nginx.conf", MAIN);
    // As an ordinary user, `user` is warned about.
    let user = match rustix::process::geteuid().is_root() {
        true => "user root;\n",
        false => "\n",
    };
    put(
        "main.inc",
        &format!("pid logs/pid;\nerror_log logs/error.log;\n{user}"),
    );
    put("types.inc", TYPES);
    put("site-a.inc", FIRST);
    put("site-b.inc", SECOND);
    put("deep.inc", "");
    for (name, text) in [
        ("words", "no number\n"),
        ("spaces", " 12 \r\n"),
        ("empty", "\n\n"),
        ("long", "12345678901234567890123\n"),
        ("dead", "999999999\n"),
    ] {
        put(&format!("{name}.pid"), text);
        put(
            &format!("{name}.conf"),
            &format!("pid {name}.pid; error_log logs/error.log; events {{ }}\n"),
        );
    }
    fs::create_dir(folder.join("p/folder.pid")).expect("a folder");
    put(
        "folder.conf",
        "pid folder.pid; error_log logs/error.log; events { }\n",
    );
    for (name, listen) in [
        ("away", "203.0.113.9:18473"),
        ("nowhere", "unix:no/such/folder/socket"),
    ] {
        let text = format!(
            "pid {name}.pid; error_log logs/error.log; events {{ }}\nhttp {{ {TYPES} server {{ listen {listen}; }} }}\n"
        );
        put(&format!("{name}.conf"), &text);
    }
}

impl Line {
    /// Runs it in a folder of its own.
    pub fn ask(&self, mut command: Command) -> Said {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path());
        command.args(super::words::words(self.words));
        command.current_dir(folder.path()).stdin(Stdio::null());
        let output = command.output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr);
        Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            lines: said.lines().filter_map(of_nginx).collect(),
        }
    }

    pub fn expected(&self) -> Said {
        Said {
            code: Some(self.code),
            out: self.out.to_owned(),
            lines: self.lines.iter().map(|&line| line.to_owned()).collect(),
        }
    }
}

/// A line of nginx's; Debian's build logs to the standard error, with a time and a process.
fn of_nginx(line: &str) -> Option<String> {
    if line.starts_with("nginx: ") {
        return Some(line.to_owned());
    }
    let (time, rest) = line.split_once(" [")?;
    let (level, rest) = rest.split_once("] ")?;
    let (process, message) = rest.split_once(": ")?;
    let is_log = time.len() == 19 && process.contains('#') && level != "notice";
    is_log.then(|| format!("nginx: [{level}] {message}"))
}
