//! A random site: an nginx.conf of one to three servers with locations of every kind, in which the groups of the
//! language meet each other as no author of cases would let them meet.

use std::fmt::Write;

use crate::rng::Rng;

/// A configuration, and what requests for it should be made of.
pub struct Site {
    pub config: String,
    /// Paths that its locations are about.
    pub paths: Vec<String>,
}

/// Files that every site has: path under the prefix, and text.
pub const FILES: &[(&str, &str)] = &[
    (
        "html/index.html",
        "<html><head><title>index</title></head><body>Index of all</body></html>\n",
    ),
    ("html/a.txt", "a text\nof three\nlines\n"),
    ("html/b.html", "<p>b</p>\n"),
    ("html/style.css", "body { color: red }\n"),
    ("html/data.json", "{\"a\":1}\n"),
    ("html/empty.txt", ""),
    ("html/long.txt", "\\{0123456789abcdef *3000}\n"),
    ("html/404.html", "not here\n"),
    ("html/50x.html", "broken\n"),
    ("html/sp ace.txt", "space\n"),
    ("html/noext", "no extension\n"),
    ("html/dir/index.html", "<b>dir</b>\n"),
    ("html/dir/c.txt", "c\n"),
    ("html/dir/sub/index.php", "sub\n"),
    ("html/bare/d.txt", "d\n"),
    ("other/index.html", "other index\n"),
    ("other/e.txt", "e\n"),
    ("other/dir/f.html", "f\n"),
];

/// Hosts that requests name.
pub const HOSTS: &[&str] = &[
    "localhost",
    "a.example",
    "A.EXAMPLE:80",
    "b.example",
    "x.wild.example",
    "www.re.example",
    "mail.example.org",
    "unknown",
    "a.example.",
    "127.0.0.1",
];

const NAMES: &[&str] = &[
    "a.example",
    "b.example a.example",
    "*.wild.example",
    ".example.org",
    "mail.*",
    r"~^(?<sub>[a-z]+)\.re\.example$",
    "\"\"",
    "_",
];

/// Paths of locations.
const PREFIXES: &[&str] = &[
    "/", "/dir/", "/dir", "/api/", "/api", "/img/", "/a", "/a.txt", "/old/", "/x/y/", "/bare/",
];
const REGEXES: &[&str] = &[
    r"\.txt$",
    r"\.(html|css)$",
    r"^/api/v(\d+)/(.*)$",
    r"^/(?<first>[^/]+)/",
    r"/d",
    r"^/old/(.*)",
    r"INDEX",
];

/// Texts with variables.
const VALUES: &[&str] = &[
    "plain",
    "$uri",
    "$request_uri",
    "$args",
    "$host",
    "$http_host",
    "\"$scheme://$host$request_uri\"",
    "$arg_x",
    "$http_x_test",
    "\"two words\"",
    "$remote_addr-$request_method",
    "$status",
    "\"\"",
    "$is_args$args",
    "$document_root$uri",
    "$cookie_c",
    "$content_length",
    "$proxy_add_x_forwarded_for",
    "$server_name:$server_protocol",
    "$request_filename",
    "${uri}x",
    "$sent_http_content_type",
];

struct Maker<'a> {
    rng: &'a mut Rng,
    out: String,
    depth: usize,
    paths: Vec<String>,
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
        named: false,
        pool: false,
    };
    maker.http();
    Site {
        config: maker.out,
        paths: maker.paths,
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

    fn value(&mut self) -> &'static str {
        self.rng.pick(VALUES)
    }

    fn http(&mut self) {
        self.line("@MAIN@");
        self.open("http");
        self.line("@HTTP@");
        self.line(
            "log_format all '$request|$status|$body_bytes_sent|$uri|$host|$server_name|$request_length|\
             $sent_http_content_type|$sent_http_location|$upstream_status|$upstream_response_length|$http_x_test';",
        );
        self.line("access_log logs/access.log all;");
        self.open("map $arg_x $mapped");
        self.line("default none;");
        self.line("a one;");
        self.line("~^b(.*)$ two-$1;");
        self.close();
        if self.rng.chance(40) {
            self.pool = true;
            self.open("upstream pool");
            self.line("server 127.0.0.1:@BACKEND@;");
            if self.rng.chance(50) {
                self.line("server 127.0.0.1:@BACKEND2@;");
            }
            self.close();
        }
        if self.rng.chance(50) {
            self.line(
                "types { text/html html; text/plain txt; text/css css; application/json json; }",
            );
        }
        self.settings(2);
        for _ in 0..1 + self.rng.below(3) {
            self.server();
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
        if self.rng.chance(80) {
            let names = self.rng.pick(NAMES);
            self.line(&format!("server_name {names};"));
        }
        self.server_settings();
        self.settings(3);
        if self.rng.chance(12) {
            self.rewriting(1, true);
        }
        self.named = self.rng.chance(40);
        for _ in 0..2 + self.rng.below(5) {
            self.location("", 0);
        }
        if self.named {
            self.open("location @named");
            self.body(0, true);
            self.close();
        }
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
            let name = self.rng.pick(SETTINGS);
            if used.contains(&name) && !REPEATED.contains(&name) {
                continue;
            }
            used.push(name);
            self.setting(name);
        }
    }

    fn setting(&mut self, name: &str) {
        let arguments = match name {
            "root" => self
                .rng
                .pick(&["html", "other", "html/dir", "missing"])
                .to_string(),
            "index" => self
                .rng
                .pick(&[
                    "index.html",
                    "index.php index.html",
                    "nothing",
                    "/a.txt",
                    "c.txt d.txt",
                ])
                .to_string(),
            "default_type" => self
                .rng
                .pick(&["text/plain", "application/x-test", "\"\""])
                .to_string(),
            "error_page" => self.error_page(),
            "add_header" => {
                let header = self.rng.pick(&[
                    "X-A",
                    "X-B",
                    "Cache-Control",
                    "ETag",
                    "Last-Modified",
                    "Link",
                ]);
                let always = self.rng.pick(&["", " always"]);
                format!("{header} {}{always}", self.value())
            }
            "proxy_set_header" => {
                let header = self.rng.pick(&[
                    "Host",
                    "X-Real-IP",
                    "X-Test",
                    "Accept-Encoding",
                    "X-Forwarded-For",
                ]);
                format!("{header} {}", self.value())
            }
            "proxy_hide_header" => self
                .rng
                .pick(&["X-Up", "ETag", "Content-Type", "Location"])
                .to_string(),
            "proxy_pass_header" => self
                .rng
                .pick(&["Server", "Date", "X-Accel-Expires"])
                .to_string(),
            "proxy_redirect" => self
                .rng
                .pick(&[
                    "off",
                    "default",
                    "/ /new/",
                    "http://up.example/ /",
                    r"~^/(\w+) /re-$1",
                ])
                .to_string(),
            "client_max_body_size" => self.rng.pick(&["10", "1k", "0"]).to_string(),
            "max_ranges" => self.rng.pick(&["0", "1", "2"]).to_string(),
            "if_modified_since" => self.rng.pick(&["off", "before", "exact"]).to_string(),
            "proxy_http_version" => self.rng.pick(&["1.0", "1.1"]).to_string(),
            "keepalive_timeout" => self.rng.pick(&["0", "10s", "10s 7s"]).to_string(),
            "keepalive_requests" => self.rng.pick(&["1", "2"]).to_string(),
            "proxy_method" => self.rng.pick(&["POST", "GET", "$arg_x"]).to_string(),
            "proxy_set_body" => format!("\"body {}\"", self.value().trim_matches('"')),
            "proxy_next_upstream" => self
                .rng
                .pick(&["off", "error http_503", "http_404 http_500 non_idempotent"])
                .to_string(),
            "server_tokens" => self.rng.pick(&["on", "off"]).to_string(),
            _ => self.rng.pick(&["on", "off"]).to_string(),
        };
        self.line(&format!("{name} {arguments};"));
    }

    fn error_page(&mut self) -> String {
        let codes = self.rng.pick(&[
            "404",
            "403 404",
            "500 502 503 504",
            "405",
            "413",
            "401 402",
            "404 405 502",
        ]);
        let change = self.rng.pick(&["", "", "", " =", " =200", " =301"]);
        let named = self.named;
        let target = match self.rng.below(6) {
            0 | 1 => "/404.html",
            2 => "/50x.html?e=1",
            3 => "http://other.example/error",
            4 if named => "@named",
            _ => "/dir/missing.html",
        };
        format!("{codes}{change} {target}")
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
        self.settings(3);
        let prefix = if regex {
            String::new()
        } else {
            head.rsplit(' ').next().unwrap_or("").to_string()
        };
        if depth < 1 && (head.starts_with('/') || head.starts_with('^')) && self.rng.chance(15) {
            self.location(&prefix, depth + 1);
        }
        self.body(depth, regex);
        self.close();
    }

    /// What a location does: one content, and perhaps rewriting before it.
    fn body(&mut self, depth: usize, no_uri: bool) {
        if self.rng.chance(20) {
            self.rewriting(depth, false);
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
            }
            5..=7 => self.proxy(no_uri),
            8 if self.rng.chance(30) => self.line("internal;"),
            _ => {}
        }
    }

    fn returns(&mut self) {
        let value = self.value();
        let text = match self.rng.below(7) {
            0 => "return 404;".to_string(),
            1 => format!("return 301 {value};"),
            2 => "return 302 /dir/;".to_string(),
            3 => format!("return 403 {value};"),
            4 => "return 204;".to_string(),
            5 => "return http://other.example/x;".to_string(),
            _ => format!("return 200 {value};"),
        };
        self.line(&text);
    }

    fn try_files(&mut self) -> String {
        let mut files = Vec::new();
        for _ in 0..1 + self.rng.below(3) {
            files.push(self.rng.pick(&[
                "$uri",
                "$uri/",
                "$uri.html",
                "/a.txt",
                "/dir/",
                "$uri/index.php",
                "/missing",
                "/dir$uri",
            ]));
        }
        let named = self.named;
        files.push(match self.rng.below(6) {
            0 => "=404",
            1 => "=503",
            2 if named => "@named",
            3 => "/index.html?q=$args",
            4 => "/api/fallback",
            _ => "/index.html",
        });
        files.join(" ")
    }

    fn proxy(&mut self, no_uri: bool) {
        let host = match self.pool && self.rng.chance(50) {
            true => "pool",
            false => "127.0.0.1:@BACKEND@",
        };
        let uri = match no_uri {
            true => "",
            false => self
                .rng
                .pick(&["", "", "/", "/base/", "/base", "/b?x=1", "/sp%20ace/"]),
        };
        self.line(&format!("proxy_pass http://{host}{uri};"));
    }

    fn rewriting(&mut self, _depth: usize, server: bool) {
        for _ in 0..1 + self.rng.below(2) {
            match self.rng.below(5) {
                0 => {
                    let value = self.value();
                    self.line(&format!("set $own {value};"));
                    self.line("add_header X-Own $own;");
                    // `add_header` is not for servers' `if`s only; at both levels it is fine.
                }
                1 | 2 => {
                    let text = self.rewrite();
                    self.line(&text);
                }
                3 => self.condition(server),
                _ => self.line("break;"),
            }
        }
    }

    fn rewrite(&mut self) -> String {
        let from = self.rng.pick(&[
            r"^/old/(.*)$",
            r"^/api/v(\d+)/(.*)$",
            r"^(.*)\.html$",
            r"^/dir",
            r"(?i)TXT",
            r"^/(a)",
        ]);
        let to = self.rng.pick(&[
            "/dir/$1",
            "/$1",
            "/a.txt",
            "/api/$1?n=$1",
            "/index.html?",
            "http://other.example/$1",
            "/new$uri",
        ]);
        let flag = self
            .rng
            .pick(&["", " last", " break", " redirect", " permanent"]);
        format!("rewrite {from} {to}{flag};")
    }

    fn condition(&mut self, server: bool) {
        let test = self.rng.pick(&[
            "$request_method = POST",
            "$arg_x",
            "$arg_x != a",
            "$http_x_test ~ ^(t)",
            "$uri !~* \\.TXT$",
            "-f $request_filename",
            "!-e $document_root$uri",
            "-d $request_filename",
            "$args ~ x=(.)",
        ]);
        self.open(&format!("if ({test})"));
        match self.rng.below(5) {
            0 => self.returns(),
            1 => {
                let text = self.rewrite();
                self.line(&text);
            }
            2 => self.line("set $own inside;"),
            3 if !server => self.line("add_header X-If yes;"),
            4 if !server => self.line("proxy_pass http://127.0.0.1:@BACKEND@;"),
            _ => self.line("break;"),
        }
        self.close();
    }
}

const SETTINGS: &[&str] = &[
    "root",
    "index",
    "default_type",
    "error_page",
    "error_page",
    "add_header",
    "add_header",
    "proxy_set_header",
    "proxy_set_header",
    "proxy_hide_header",
    "proxy_pass_header",
    "proxy_redirect",
    "client_max_body_size",
    "max_ranges",
    "if_modified_since",
    "etag",
    "proxy_http_version",
    "keepalive_timeout",
    "keepalive_requests",
    "proxy_method",
    "proxy_set_body",
    "proxy_next_upstream",
    "proxy_intercept_errors",
    "proxy_buffering",
    "proxy_request_buffering",
    "proxy_pass_request_headers",
    "server_tokens",
    "absolute_redirect",
    "port_in_redirect",
    "recursive_error_pages",
    "chunked_transfer_encoding",
    "log_not_found",
    "sendfile",
    "msie_padding",
];

const REPEATED: &[&str] = &[
    "add_header",
    "proxy_set_header",
    "error_page",
    "proxy_hide_header",
    "proxy_pass_header",
    "proxy_redirect",
];
