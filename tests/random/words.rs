//! What random sites are made of, as data.

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
    ("html/dir/c.txt.gz", SMALL_GZIP),
    ("html/dir/sub/index.php", "sub\n"),
    ("html/bare/d.txt", "d\n"),
    ("html/bare/<odd> & name.html", "odd\n"),
    ("html/bare/caf\u{e9}.txt", "accent\n"),
    ("other/index.html", "other index\n"),
    ("other/e.txt", "e\n"),
    ("other/dir/f.html", "f\n"),
    // Cyrillic in koi8-r and in utf-8.
    ("html/ru.txt", "\\xf0\\xd2\\xc9 koi\n"),
    ("html/dir/ru8.txt", "\\xd0\\xbf\\xd1\\x80 utf\n"),
    ("part.inc", "add_header X-Part $uri;\n"),
    ("parts/a.inc", "expires epoch;\n"),
    ("parts/b.inc", "charset koi8-r;\n"),
];

/// "some words, some words, some words\n", compressed.
pub const SMALL_GZIP: &str = "\\x1f\\x8b\\x08\\x00\\x00\\x00\\x00\\x00\\x02\\x03\\x2b\\xce\\xcf\\x4d\\x55\\x28\\xcf\\x2f\\x4a\\x29\\xd6\\x51\
                              \\x28\\xc6\\xca\\xe6\\x02\\x00\\xcb\\x80\\x1e\\x9a\\x23\\x00\\x00\\x00";

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

pub const NAMES: &[&str] = &[
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
pub const PREFIXES: &[&str] = &[
    "/", "/dir/", "/dir", "/api/", "/api", "/img/", "/a", "/a.txt", "/old/", "/x/y/", "/bare/",
];

pub const REGEXES: &[&str] = &[
    r"\.txt$",
    r"\.(html|css)$",
    r"^/api/v(\d+)/(.*)$",
    r"^/(?<first>[^/]+)/",
    r"/d",
    r"^/old/(.*)",
    r"INDEX",
];

/// Texts with variables.
pub const VALUES: &[&str] = &[
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
    "$mapped",
    "\"$part/$placed\"",
    "$sent_http_etag",
    "$upstream_status",
    "$http_cookie",
    "$remote_user",
    "$proxy_host",
    "$request_completion$request_body",
    "$limit_rate$nothing",
    "$1-$2",
    "$document_uri?$query_string",
    "$content_type",
    "$server_port$https$http2",
    "$pipe$connection_requests",
    "$realpath_root",
    "$proxy_port",
    "$upstream_addr",
    "$upstream_http_x_up",
    "$upstream_http_etag$upstream_cookie_a",
    "$upstream_cache_status$upstream_trailer_x_t",
    "$sent_http_x_a",
    "$sent_trailer_x_t",
    "$arg_y$cookie_d",
    "$http_x_forwarded_for",
    "$request_length",
    "$nginx_version",
    "$http_range",
    "$sent_http_location",
    "$sent_http_connection",
    "$sent_http_last_modified",
    "$http_referer$http_via",
    "$upgrade",
    "$uri$uri",
    "$invalid_referer",
    "\"$secure_link $secure_link_expires\"",
    "\"$modern_browser|$ancient_browser|$msie\"",
];

/// What `$limit_rate` is set to: a few bytes a second would be hours for a long answer.
pub const RATES: &[&str] = &["100k", "1m", "0", "\"\"", "plain", "$mapped", "-1", "$uri"];

/// Blocks of `http` that make variables.
pub const BLOCKS: &[&str] = &[
    "map $arg_x $until { default off; a epoch; ~^b max; none modified; }",
    "map $arg_x $mapped { default none; a one; ~^b(.*)$ two-$1; \"\" empty; }",
    "map $host $nothing { hostnames; .example.org org; ~^(?<letter>.).*\\.re\\. \"re $letter\"; mail.* \"\"; }",
    "geo $arg_ip $placed { default far; 10.0.0.0/8 near; 10.1.0.0/16 nearer; 2001:db8::/32 six; }",
    "split_clients \"$arg_x$uri\" $part { 0.5% tiny; 30% third; 20% fifth; * rest; }",
    "map $http_upgrade $upgrade { default upgrade; \"\" close; }",
    "map $uri $tail { volatile; ~/(?<last>[^/]*)$ $last; }",
    "charset_map koi8-r utf-8 { F0 D09F; D0 D0BF; D2 D180; C9 D0B8; }",
];

/// Tests of an `if`.
pub const TESTS: &[&str] = &[
    "$request_method = POST",
    "$arg_x",
    "$arg_x != a",
    "$http_x_test ~ ^(t)",
    "$uri !~* \\.TXT$",
    "-f $request_filename",
    "!-e $document_root$uri",
    "-d $request_filename",
    "!-f html$uri",
    "-x $request_filename",
    "$args ~ x=(.)",
    "$mapped = one",
    "$part !~ ^t",
    "$http_user_agent ~* (msie|mozilla)",
    "$invalid_referer",
    "$secure_link = 1",
    "$ancient_browser",
];

/// What a server or a location may hold, but not `http`.
pub const BELOW_HTTP: &[&str] = &[
    "valid_referers none blocked server_names;",
    "valid_referers a.example *.example.org;",
    "valid_referers ~a\\.ex www.*;",
    "valid_referers server_names;",
];

/// What may stand behind the address of an upstream's server.
pub const PEERS: &[&str] = &[
    "",
    "",
    " weight=3",
    " max_fails=0",
    " backup",
    " down",
    " max_fails=1 fail_timeout=1h",
];

/// Texts of `return`.
pub const RETURNS: &[&str] = &[
    "404",
    "301 {}",
    "302 /dir/",
    "403 {}",
    "204",
    "http://other.example/x",
    "200 {}",
    "200 {}",
    "307 \"?$args\"",
    "444",
    "500 {}",
    "308 $scheme://$mapped/$part",
    "200 \"$placed $mapped $part $nothing\\n\"",
];

/// Files of `try_files`.
pub const TRIED: &[&str] = &[
    "$uri",
    "$uri/",
    "$uri.html",
    "/a.txt",
    "/dir/",
    "$uri/index.php",
    "/missing",
    "/dir$uri",
    "/$mapped",
    "$tail",
    "/dir/$1",
];

/// The last word of `try_files`.
pub const FALLBACKS: &[&str] = &[
    "=404",
    "=503",
    "@named",
    "/index.html?q=$args",
    "/api/fallback",
    "/index.html",
    "/v$arg_x",
    "http://other.example/",
    "$uri",
    "$arg_x",
    "$uri?$args",
];

/// Where `proxy_pass` leads, where it may have a URI.
pub const URIS: &[&str] = &[
    "",
    "",
    "/",
    "/base/",
    "/base",
    "/b?x=1",
    "/sp%20ace/",
    "$uri",
    "$request_uri",
    "/v$is_args$args",
    "/$mapped",
];

/// `rewrite`: patterns, …
pub const FROM: &[&str] = &[
    r"^/old/(.*)$",
    r"^/api/v(\d+)/(.*)$",
    r"^(.*)\.html$",
    r"^/dir",
    r"(?i)TXT",
    r"^/(a)",
    r"^/(?<word>\w+)/(.*)$",
    "^",
];

/// … replacements, …
pub const TO: &[&str] = &[
    "/dir/$1",
    "/$1",
    "/a.txt",
    "/api/$1?n=$1",
    "/index.html?",
    "http://other.example/$1",
    "/new$uri",
    "/$2?w=$1",
    "$scheme://$http_host/moved?",
    "/sp%20ace.txt",
    "/b.html?$mapped",
];

/// … and flags.
pub const FLAGS: &[&str] = &["", " last", " break", " redirect", " permanent"];

/// What an `if` of a location may hold besides.
pub const INSIDE: &[&str] = &[
    "add_header X-If yes;",
    "add_header X-If {} always;",
    "proxy_pass http://127.0.0.1:@BACKEND@;",
    "expires max;",
    "root other;",
    "error_page 404 /a.txt;",
    "gzip on;",
    "charset koi8-r;",
    "limit_rate 100k;",
    "sendfile on;",
    "set $own {};",
    "add_trailer X-T if;",
    "",
];

/// `limit_except`.
pub const EXCEPT: &[&str] = &[
    "limit_except GET { deny all; }",
    "limit_except GET POST { deny all; }",
    "limit_except PUT DELETE { allow 127.0.0.1; deny all; }",
    "limit_except POST { proxy_pass http://127.0.0.1:@BACKEND@; }",
    "limit_except OPTIONS { deny 127.0.0.0/8; }",
];
