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

/// A directive with the arguments to pick from, and whether a block may have it twice. In them `{}` is one of
/// [`VALUES`].
pub type Setting = (&'static str, bool, &'static [&'static str]);

const ON_OFF: &[&str] = &["on", "off"];

/// Directives that may stand in `http`, `server` and `location`; those that stand here twice are likelier.
pub const SETTINGS: &[Setting] = &[
    (
        "root",
        false,
        &["html", "other", "html/dir", "missing", "html$arg_r"],
    ),
    (
        "index",
        false,
        &[
            "index.html",
            "index.php index.html",
            "nothing",
            "/a.txt",
            "c.txt d.txt",
            "$arg_x index.html",
        ],
    ),
    (
        "default_type",
        false,
        &["text/plain", "text/html", "application/x-test", "\"\""],
    ),
    ("error_page", true, ERROR_PAGES),
    ("error_page", true, ERROR_PAGES),
    ("add_header", true, ADDED),
    ("add_header", true, ADDED),
    ("proxy_set_header", true, SET_HEADERS),
    ("proxy_set_header", true, SET_HEADERS),
    (
        "proxy_hide_header",
        true,
        &["X-Up", "ETag", "Content-Type", "Location", "Set-Cookie"],
    ),
    (
        "proxy_pass_header",
        true,
        &["Server", "Date", "X-Accel-Expires"],
    ),
    (
        "proxy_redirect",
        true,
        &[
            "off",
            "/ /new/",
            "http://up.example/ /",
            r"~^/(\w+) /re-$1",
            r"~*^http://[^/]+(/.*)$ $scheme://$host$1",
            "http://127.0.0.1:@BACKEND@/base/ /$arg_x/",
        ],
    ),
    (
        "proxy_cookie_domain",
        true,
        &["off", "up.example $host", r"~^(\w+)\.example$ $1.test"],
    ),
    (
        "proxy_cookie_path",
        true,
        &["off", "/base/ /", "/ /new/", r"~^/(.)(.*)$ /$2$1"],
    ),
    (
        "proxy_cookie_flags",
        true,
        &[
            "off",
            "a secure",
            "~ httponly samesite=lax",
            "b nosecure nohttponly nosamesite",
        ],
    ),
    (
        "proxy_ignore_headers",
        true,
        &[
            "X-Accel-Redirect",
            "X-Accel-Charset X-Accel-Buffering",
            "X-Accel-Limit-Rate",
            "Vary Set-Cookie",
        ],
    ),
    ("proxy_http_version", false, &["1.0", "1.1"]),
    ("proxy_method", false, &["POST", "GET", "$arg_x"]),
    ("proxy_set_body", false, &["\"body {}\""]),
    (
        "proxy_next_upstream",
        false,
        &["off", "error http_503", "http_404 http_500 non_idempotent"],
    ),
    ("proxy_intercept_errors", false, ON_OFF),
    ("proxy_buffering", false, ON_OFF),
    ("proxy_request_buffering", false, ON_OFF),
    ("proxy_pass_request_headers", false, ON_OFF),
    ("proxy_pass_request_body", false, ON_OFF),
    ("proxy_force_ranges", false, ON_OFF),
    ("proxy_buffer_size", false, &["1k", "8k"]),
    ("client_max_body_size", false, &["10", "1k", "0"]),
    ("client_body_buffer_size", false, &["1k", "100"]),
    ("max_ranges", false, &["0", "1", "2"]),
    ("if_modified_since", false, &["off", "before", "exact"]),
    ("etag", false, ON_OFF),
    ("keepalive_timeout", false, &["0", "10s", "10s 7s"]),
    ("keepalive_requests", false, &["1", "2"]),
    (
        "keepalive_disable",
        false,
        &["none", "msie6", "safari", "msie6 safari"],
    ),
    ("server_tokens", false, ON_OFF),
    ("absolute_redirect", false, ON_OFF),
    ("port_in_redirect", false, ON_OFF),
    ("recursive_error_pages", false, ON_OFF),
    ("chunked_transfer_encoding", false, ON_OFF),
    ("log_not_found", false, ON_OFF),
    ("sendfile", false, ON_OFF),
    ("msie_padding", false, ON_OFF),
    ("msie_refresh", false, ON_OFF),
    ("gzip", false, &["on", "on", "off"]),
    ("gzip", false, &["on", "on", "off"]),
    (
        "gzip_types",
        false,
        &["*", "text/plain application/json", "text/css"],
    ),
    ("gzip_min_length", false, &["0", "10", "100"]),
    ("gzip_comp_level", false, &["1", "6", "9"]),
    ("gzip_http_version", false, &["1.0", "1.1"]),
    (
        "gzip_proxied",
        false,
        &[
            "any",
            "off",
            "no_etag no_last_modified",
            "auth",
            "no-cache expired",
        ],
    ),
    ("gzip_vary", false, ON_OFF),
    ("gzip_disable", false, &["msie6", "Mozilla", "\"^$\""]),
    ("gzip_static", false, &["on", "off", "always"]),
    ("gunzip", false, ON_OFF),
    ("sub_filter", true, SUBSTITUTIONS),
    ("sub_filter", true, SUBSTITUTIONS),
    ("sub_filter_once", false, ON_OFF),
    (
        "sub_filter_types",
        false,
        &["*", "text/plain", "text/css application/json"],
    ),
    ("sub_filter_last_modified", false, ON_OFF),
    (
        "charset",
        false,
        &["utf-8", "koi8-r", "off", "$arg_charset"],
    ),
    ("source_charset", false, &["utf-8", "koi8-r"]),
    ("override_charset", false, ON_OFF),
    (
        "charset_types",
        false,
        &["*", "text/plain", "text/css application/json"],
    ),
    // What depends on the time of the run is for cases.
    ("expires", false, &["epoch", "max", "off", "$until"]),
    ("add_trailer", true, &["X-T {}", "X-Status $status always"]),
    ("autoindex", false, &["on", "on", "off"]),
    ("autoindex_format", false, &["html", "json", "xml", "jsonp"]),
    ("autoindex_exact_size", false, ON_OFF),
    ("autoindex_localtime", false, ON_OFF),
    (
        "disable_symlinks",
        false,
        &["on", "off", "if_not_owner from=$document_root"],
    ),
    (
        "types",
        false,
        &["{ text/html html txt; text/x-odd json; }", "{ }"],
    ),
    ("allow", true, &["127.0.0.1", "all", "10.0.0.0/8", "::1"]),
    ("deny", true, &["10.0.0.0/8", "127.0.0.2", "unix:"]),
    ("output_buffers", false, &["1 512", "2 4k"]),
    ("gzip_buffers", false, &["2 1k", "32 4k"]),
    ("gzip_window", false, &["1k", "4k"]),
    ("gzip_hash", false, &["4k", "64k"]),
    ("postpone_gzipping", false, &["0", "100", "1460"]),
    ("gunzip_buffers", false, &["2 1k", "32 4k"]),
    ("proxy_buffers", false, &["4 8k", "16 8k"]),
    ("proxy_max_temp_file_size", false, &["0", "16k"]),
    ("proxy_next_upstream_tries", false, &["0", "1", "2"]),
    ("proxy_ignore_client_abort", false, ON_OFF),
    ("limit_rate_after", false, &["0", "1k", "{}"]),
    ("client_body_in_file_only", false, &["clean", "off"]),
    ("client_body_in_single_buffer", false, ON_OFF),
    (
        "include",
        true,
        &["part.inc", "parts/*.inc", "none*.inc", "p?rts/[a-b].inc"],
    ),
    ("reset_timedout_connection", false, ON_OFF),
    ("proxy_limit_rate", false, &["0"]),
    (
        "modern_browser",
        true,
        &["msie 5.5", "gecko 1.0.0", "safari 1", "unlisted"],
    ),
    ("ancient_browser", true, &["msie", "test", "Mozilla/4.0"]),
    ("modern_browser_value", false, &["new", "2"]),
    ("ancient_browser_value", false, &["old"]),
    (
        "secure_link",
        false,
        &["$arg_x", "$arg_x,$arg_y", "$cookie_c"],
    ),
    ("secure_link_md5", false, &["secret", "\"$uri {}\""]),
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

const SUBSTITUTIONS: &[&str] = &[
    "hell {}",
    "hello 'good day, $host'",
    "<b> <i>",
    "'index of' \"\"",
    "ab$arg_x x",
    "'0123' 45",
    "'of three' THREE",
];

const ERROR_PAGES: &[&str] = &[
    "404{=} /404.html",
    "403 404{=} /50x.html?e=1",
    "500 502 503 504{=} /50x.html?e=1",
    "405{=} /404.html",
    "413{=} http://other.example/error",
    "401 402{=} /404.html",
    "404 405 502{=} @named",
    "404{=} @named",
    "403 404{=} /dir/missing.html",
    "404{=} http://other.example/$uri?$args",
    "416{=} /a.txt",
    "404 500{=} $arg_page",
    "301 302 307{=} /b.html",
    "494 400{=} /404.html",
    "412{=} /b.html",
    "412 416{=} @named",
    "404 412{=} /api/page",
];

/// What stands for `{=}` in them.
pub const ERROR_CODES: &[&str] = &["", "", "", "", " =", " =200", " =301", " =444"];

const ADDED: &[&str] = &[
    "X-A {}",
    "X-A {} always",
    "X-B {}",
    "X-B {} always",
    "Cache-Control {}",
    "Cache-Control private always",
    "ETag {}",
    "Last-Modified {}",
    "Link {} always",
    "Content-Type text/x-added",
    "Expires never",
    "Location {}",
];

const SET_HEADERS: &[&str] = &[
    "Host {}",
    "X-Real-IP {}",
    "X-Test {}",
    "Accept-Encoding \"\"",
    "Accept-Encoding {}",
    "X-Forwarded-For {}",
    "Range \"\"",
    "Connection {}",
    "Connection keep-alive",
    "Content-Length {}",
    "X-Body \"$request_body\"",
    "Upgrade $http_upgrade",
    "Connection $upgrade",
    "X-Long \"$request_uri$request_uri$http_x_long\"",
    "If-None-Match $http_if_none_match",
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
