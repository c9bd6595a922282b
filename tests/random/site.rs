//! A random site: an nginx.conf of one to three servers with locations of every kind, in which the groups of the
//! language meet each other as no author of cases would let them meet.

use std::fmt::Write;

use crate::rng::Rng;
use crate::settings::{ERROR_CODES, SETTINGS};
use crate::words::{
    BELOW_HTTP, BLOCKS, EXCEPT, FALLBACKS, FLAGS, FROM, INSIDE, NAMES, PEERS, PREFIXES, RATES,
    REGEXES, RETURNS, TESTS, TO, TRIED, URIS, VALUES,
};

/// A configuration, and what requests for it should be made of.
pub struct Site {
    pub config: String,
    /// Paths that its locations are about.
    pub paths: Vec<String>,
    /// The ports that its servers listen on, by their names.
    pub ports: Vec<&'static str>,
}

struct Maker<'a> {
    rng: &'a mut Rng,
    out: String,
    depth: usize,
    paths: Vec<String>,
    ports: Vec<&'static str>,
    named: bool,
    pool: bool,
}

/// Makes one.
pub fn site(rng: &mut Rng) -> Site {
    let mut maker = Maker {
        rng,
        out: String::new(),
        depth: 0,
        paths: Vec::new(),
        ports: vec!["PORT"],
        named: false,
        pool: false,
    };
    maker.http();
    Site {
        config: maker.out,
        paths: maker.paths,
        ports: maker.ports,
    }
}

impl Maker<'_> {
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{:indent$}{text}", "", indent = self.depth * 4);
    }

    fn open(&mut self, text: &str) {
        self.line(&format!("{text} {{"));
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.line("}");
    }

    /// A line of the tables, with a value for its `{}`.
    fn filled(&mut self, line: &str) -> String {
        let codes = self.rng.pick(ERROR_CODES);
        let value = self.rng.pick(VALUES);
        // Quotes do not nest.
        let bare = line.contains('"') || line.contains('\'');
        let value = if bare { value.trim_matches('"') } else { value };
        line.replace("{=}", codes).replace("{}", value)
    }

    /// One that may be used here: there is not always a named location.
    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        loop {
            let line = self.rng.pick(from);
            if self.named || !line.contains("@named") {
                return line;
            }
        }
    }

    fn http(&mut self) {
        self.line("@MAIN@");
        self.open("http");
        self.line("@HTTP@");
        self.line(
            "log_format all '$request|$status|$body_bytes_sent|$uri|$host|$server_name|$request_length|\
             $sent_http_content_type|$sent_http_location|$upstream_status|$upstream_response_length|$http_x_test|\
             $gzip_ratio|$mapped|$sent_http_set_cookie|$upstream_http_etag|$request_filename';",
        );
        self.line("access_log logs/access.log all;");
        for block in BLOCKS {
            self.line(block);
        }
        if self.rng.chance(40) {
            self.pool = true;
            self.upstream();
        }
        if self.rng.chance(50) {
            self.line(
                "types { text/html html; text/plain txt; text/css css; application/json json; }",
            );
        }
        self.settings(3);
        for _ in 0..1 + self.rng.below(3) {
            self.server();
        }
        self.close();
    }

    fn upstream(&mut self) {
        self.open("upstream pool");
        let mut peers = vec!["BACKEND"];
        if self.rng.chance(50) {
            peers.push("BACKEND2");
        }
        if self.rng.chance(20) {
            peers.insert(self.rng.below(2), "DEAD");
        }
        for peer in peers {
            let options = self.rng.pick(PEERS);
            self.line(&format!("server 127.0.0.1:@{peer}@{options};"));
        }
        self.close();
    }

    fn server(&mut self) {
        self.open("server");
        let default = if self.rng.chance(10) {
            " default_server"
        } else {
            ""
        };
        self.line(&format!("listen 127.0.0.1:@PORT@{default};"));
        if self.rng.chance(15) {
            self.line("listen 127.0.0.1:@PORT2@;");
            self.ports.push("PORT2");
        }
        if self.rng.chance(80) {
            let names = self.rng.pick(NAMES);
            self.line(&format!("server_name {names};"));
        }
        self.server_settings();
        // Known then, whatever a location does with it.
        if self.rng.chance(95) {
            let value = self.rng.pick(VALUES);
            self.line(&format!("set $own {value};"));
        }
        self.settings(4);
        self.below_http();
        if self.rng.chance(12) {
            self.rewriting(true);
        }
        self.named = self.rng.chance(40);
        for _ in 0..2 + self.rng.below(5) {
            self.location("", 0);
        }
        if self.named {
            self.open("location @named");
            self.settings(2);
            self.body(true);
            self.close();
        }
        self.named = false;
        self.close();
    }

    fn server_settings(&mut self) {
        let options = [
            "merge_slashes off;",
            "underscores_in_headers on;",
            "ignore_invalid_headers off;",
            "large_client_header_buffers 2 1k;",
            "server_name_in_redirect on;",
        ];
        for option in options {
            if self.rng.chance(6) {
                self.line(option);
            }
        }
    }

    /// Directives that may stand at any level, about `most` of them.
    fn settings(&mut self, most: usize) {
        let mut used: Vec<&str> = Vec::new();
        for _ in 0..self.rng.below(most + 1) {
            let (name, repeats, arguments) = self.rng.pick(SETTINGS);
            if used.contains(&name) && !repeats {
                continue;
            }
            used.push(name);
            let arguments = self.pick(arguments);
            let arguments = self.filled(arguments);
            let end = if arguments.ends_with('}') { "" } else { ";" };
            self.line(&format!("{name} {arguments}{end}"));
        }
    }

    fn below_http(&mut self) {
        if self.rng.chance(8) {
            let line = self.rng.pick(BELOW_HTTP);
            self.line(line);
        }
    }

    fn location(&mut self, outer: &str, depth: usize) {
        let regex = self.rng.chance(30);
        let head = if regex {
            let pattern = self.rng.pick(REGEXES);
            let modifier = self.rng.pick(&["~", "~*"]);
            format!("{modifier} {pattern}")
        } else {
            let path = self.rng.pick(PREFIXES);
            let path = if outer.is_empty() || path.starts_with(outer) {
                path.to_string()
            } else {
                format!("{outer}{}", path.trim_start_matches('/'))
            };
            let modifier = self.rng.pick(&["", "", "", "= ", "^~ "]);
            // Two of a kind are an error, which one case in many should be.
            let count = self.paths.iter().filter(|known| **known == path).count();
            let path = if count > 0 && !self.rng.chance(3) {
                format!("{path}{count}")
            } else {
                path
            };
            self.paths.push(path.clone());
            format!("{modifier}{path}")
        };
        self.open(&format!("location {head}"));
        self.settings(5);
        self.below_http();
        let prefix = if regex {
            String::new()
        } else {
            head.rsplit(' ').next().unwrap_or("").to_string()
        };
        if depth < 1 && (head.starts_with('/') || head.starts_with('^')) && self.rng.chance(15) {
            self.location(&prefix, depth + 1);
        }
        self.body(regex);
        self.close();
    }

    /// What a location does: one content, and perhaps rewriting and access rules before it.
    fn body(&mut self, no_uri: bool) {
        if self.rng.chance(20) {
            self.rewriting(false);
        }
        if self.rng.chance(8) {
            let line = self.rng.pick(EXCEPT);
            self.line(line);
        }
        if self.rng.chance(5) {
            self.line("deny all;");
        }
        match self.rng.below(10) {
            0 | 1 => self.returns(),
            2 | 3 => {
                let files = self.try_files();
                self.line(&format!("try_files {files};"));
            }
            4 if !no_uri => {
                let folder = self.rng.pick(&["other/", "other", "html/dir/", "html"]);
                self.line(&format!("alias {folder};"));
                if self.rng.chance(30) {
                    let files = self.try_files();
                    self.line(&format!("try_files {files};"));
                }
            }
            5..=7 => self.proxy(no_uri),
            8 if self.rng.chance(30) => self.line("internal;"),
            8 if self.rng.chance(15) => self.line("empty_gif;"),
            _ => {}
        }
    }

    fn returns(&mut self) {
        let text = self.rng.pick(RETURNS);
        let text = self.filled(text);
        self.line(&format!("return {text};"));
    }

    fn try_files(&mut self) -> String {
        let mut files = Vec::new();
        for _ in 0..1 + self.rng.below(3) {
            files.push(self.rng.pick(TRIED));
        }
        files.push(self.pick(FALLBACKS));
        files.join(" ")
    }

    fn proxy(&mut self, no_uri: bool) {
        let host = match self.pool && self.rng.chance(50) {
            true => "pool",
            false => "127.0.0.1:@BACKEND@",
        };
        if self.rng.chance(8) {
            self.line(&format!("set $up {host};"));
            let uri = self.rng.pick(URIS);
            self.line(&format!("proxy_pass http://$up{uri};"));
            return;
        }
        let uri = match no_uri {
            true => "",
            false => self.rng.pick(URIS),
        };
        self.line(&format!("proxy_pass http://{host}{uri};"));
    }

    fn rewriting(&mut self, server: bool) {
        for _ in 0..1 + self.rng.below(2) {
            match self.rng.below(6) {
                0 => {
                    let name = self.rng.pick(&["own", "own", "args", "limit_rate"]);
                    let value = match name {
                        "limit_rate" => self.rng.pick(RATES),
                        _ => self.rng.pick(VALUES),
                    };
                    self.line(&format!("set ${name} {value};"));
                    self.line("add_header X-Own $own;");
                }
                1 | 2 => {
                    let text = self.rewrite();
                    self.line(&text);
                }
                3 | 4 => self.condition(server),
                _ => self.line("break;"),
            }
        }
    }

    fn rewrite(&mut self) -> String {
        let (from, to, flag) = (self.rng.pick(FROM), self.rng.pick(TO), self.rng.pick(FLAGS));
        format!("rewrite {from} {to}{flag};")
    }

    fn condition(&mut self, server: bool) {
        let test = self.rng.pick(TESTS);
        self.open(&format!("if ({test})"));
        for _ in 0..1 + self.rng.below(2) {
            match self.rng.below(6) {
                0 => self.returns(),
                1 => {
                    let text = self.rewrite();
                    self.line(&text);
                }
                2 => self.line("set $own inside;"),
                3 | 4 if !server => {
                    let text = self.rng.pick(INSIDE);
                    let text = self.filled(text);
                    self.line(&text);
                }
                _ => self.line("break;"),
            }
        }
        self.close();
    }
}
