//! Folders of files to be included, and patterns that include them, made by a number: the same each time.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How many there are.
pub const COUNT: u64 = 240;

const NAMES: [&str; 22] = [
    "a.conf",
    "b.conf",
    "c.conf",
    "A.conf",
    "Z.conf",
    "_x.conf",
    ".h.conf",
    "ab",
    "a b.conf",
    "a[1].conf",
    "x]y.conf",
    "a*b.conf",
    "a?b.conf",
    "a\\b.conf",
    "{a,b}.conf",
    "10.conf",
    "9.conf",
    "-a.conf",
    "!a.conf",
    "\u{e4}.conf",
    "a.conf.bak",
    "a.conf~",
];
const FOLDERS: [&str; 8] = ["", "", "d/", "e/", ".hd/", "d/s/", "d[1]/", "D/"];
const PATTERNS: [&str; 62] = [
    "*.conf",
    "?.conf",
    "[a-c].conf",
    "[!a].conf",
    "[^a].conf",
    "'{a,b}.conf'",
    "[a-c]*.conf",
    "d/*",
    "d/*.conf",
    "*/*.conf",
    "d*/*.conf",
    "d*/",
    "*/s/*",
    ".*.conf",
    ".h*",
    "[.]h.conf",
    "\\.h.conf",
    "\\*.conf",
    "a\\*b.conf",
    "a\\?b.conf",
    "a[[]1].conf",
    "a[1].conf",
    "a[1]*",
    "[",
    "a[",
    "[]",
    "[!]]*.conf",
    "x[]]y.conf",
    "*[",
    "[a-]*.conf",
    "[-a]*.conf",
    "[c-a].conf",
    "[[:alpha:]].conf",
    "[[:digit:]]*.conf",
    "[[:nosuch:]].conf",
    "./*.conf",
    ".//*.conf",
    "d//*.conf",
    "d/./*.conf",
    "d/../*.conf",
    "nosuch/*",
    "nosuch*",
    "**.conf",
    "**/*.conf",
    "???.conf",
    "a.con?",
    "a.conf?",
    "?*.conf",
    "[A-Z].conf",
    "*~",
    "*.c[o]nf",
    "d[[]1]/*",
    "d[1]/*",
    "d\\[1\\]/*",
    "*/a.conf",
    "*/nosuch.conf",
    "\\a.conf*",
    "*.conf\\",
    "[a\\-c].conf",
    "*/.",
    ".hd/*",
    "'a b.con?'",
];
/// Names of prefixes: a pattern is the whole name, with the prefix in it.
const PREFIXES: [&str; 8] = ["w", "w", "w/", "./w", "w[1]", "w*", "w?", "w\\x"];

/// Where the lines stand: a line of an included file, and the file around `INCLUDE`.
const PLACES: [(&str, &str); 9] = [
    ("# N", "INCLUDE events { } http { TEMP }"),
    ("# N", "events { INCLUDE } http { TEMP }"),
    ("log_format lN a;", "events { } http { TEMP INCLUDE }"),
    (
        "set $vN 1;",
        "events { } http { TEMP server { listen 127.0.0.1:18471; INCLUDE } }",
    ),
    (
        "add_header X-N b;",
        "events { } http { TEMP server { listen 127.0.0.1:18471; location / { INCLUDE } } }",
    ),
    (
        "server 127.0.0.1:N;",
        "events { } http { TEMP upstream u { INCLUDE server 127.0.0.1:9; } }",
    ),
    ("t/N xN;", "events { } http { TEMP types { INCLUDE } }"),
    ("kN v;", "events { } http { TEMP map $uri $a { INCLUDE } }"),
    ("10.0.0.N v;", "events { } http { TEMP geo $a { INCLUDE } }"),
];
const MAIN: &str = "pid logs/pid; error_log logs/error.log; user root;";
const TEMP: &str = "access_log off; client_body_temp_path temp1; proxy_temp_path temp2; fastcgi_temp_path temp3; \
                    uwsgi_temp_path temp4; scgi_temp_path temp5;";

/// Files in a folder.
pub struct Layout {
    /// As `-p` gets it, relative to the folder.
    pub prefix: String,
    /// The lines that include.
    pub lines: String,
    files: BTreeMap<String, String>,
    folders: Vec<String>,
}

impl Layout {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (line, around) = *dice.of(&PLACES);
        let mut files = BTreeMap::new();
        for number in 0..4 + dice.below(14) {
            let name = format!("{}{}", dice.of(&FOLDERS), dice.of(&NAMES));
            let line = line.replace('N', &(number + 1).to_string());
            let text = match dice.below(24) {
                0 => "oops;\n".to_owned(),
                1 => String::new(),
                2 => line,
                3 => format!("{line}\n}}"),
                _ => format!("{line}\n"),
            };
            files.insert(name, text);
        }
        let mut lines = String::new();
        for _ in 0..1 + dice.below(2) {
            lines.push_str(&format!("include {};\n", dice.of(&PATTERNS)));
        }
        let text = around.replace("INCLUDE", &format!("\n{lines}"));
        let text = format!("{MAIN}\n{}\n", text.replace("TEMP", TEMP));
        files.insert("nginx.conf".to_owned(), text);
        let folders = match dice.below(8) {
            0 => vec!["dd.conf".to_owned()],
            _ => Vec::new(),
        };
        Self {
            prefix: (*dice.of(&PREFIXES)).to_owned(),
            lines,
            files,
            folders,
        }
    }

    /// Makes the files, and the folders that a run of nginx makes.
    pub fn write(&self, folder: &Path) {
        let prefix = folder.join(&self.prefix);
        let made = ["logs", "temp1", "temp2", "temp3", "temp4", "temp5"].map(str::to_owned);
        for name in made.iter().chain(&self.folders) {
            fs::create_dir_all(prefix.join(name)).expect("a folder");
        }
        for (name, text) in &self.files {
            let path = prefix.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
    }
}

/// xorshift64
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % end as u64).expect("a small number")
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Whether all that nginx says is said, in its order and to the byte, and no other line of its form up to what stops it:
/// the lab shows the place below each, and goes on where nginx stops.
pub fn says(ours: &[u8], theirs: &[u8]) -> bool {
    fn lines(said: &[u8]) -> Vec<&[u8]> {
        let mut stopped = false;
        let lines = said.split(|&b| b == b'\n');
        let nginxs = lines.filter(|line| {
            let finding = line.starts_with(b"nginx: [");
            let kept = line.starts_with(b"nginx: ") && !(finding && stopped);
            stopped |= finding && !line.starts_with(b"nginx: [warn]");
            kept
        });
        nginxs.collect()
    }
    lines(ours) == lines(theirs)
}
