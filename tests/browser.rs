//! The pages of `html/` in a real browser, served by the lab (`make verify`): they render, ask, say who answered, and
//! complain of nothing.

#[path = "support/browser.rs"]
mod browser;
#[path = "support/lesson.rs"]
mod lesson;
#[path = "support/ports.rs"]
mod ports;

use browser::Browser;
use lesson::Lesson;
use serde_json::{Value, json};

/// A desktop's window and a phone's.
const WINDOWS: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// The rows of the start page's table, each as `path | answer | who`.
const ROWS: &str = "[...document.querySelectorAll('#answers tr')]
    .map(row => [...row.cells].map(cell => cell.textContent).join(' | '))";

/// The last of the rows is about `/api/users`, and it is there when all have answered.
fn wait_for_api(browser: &mut Browser, text: &str) {
    let last = "document.querySelector('#answers tr + tr:last-child')?.textContent ?? ''";
    browser.wait_for(&format!("({last}).includes({})", json!(text)));
}

fn none(complaints: Vec<String>) {
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn the_start_page_says_who_served_what() {
    let lesson = Lesson::copy();
    let _servers = (lesson.start_backend(), lesson.start_front());
    let mut browser = Browser::start();
    let at = |path: &str| format!("http://{}{path}", lesson.front());
    browser.open(&at("/"));
    wait_for_api(&mut browser, "/api/users");
    let rows = browser.evaluate(ROWS);
    assert_eq!(
        rows,
        json!([
            "/ | 200 text/html | the front server: html/index.html",
            "/style.css | 200 text/css | the front server: html/style.css",
            "/lab.svg | 200 image/svg+xml | the front server: html/lab.svg",
            "/hello.txt | 200 text/plain | the front server: html/hello.txt",
            "/api/users | 200 application/json | the backend: Alice and Bob",
        ])
    );
    let story = browser.evaluate("document.getElementById('story').innerText");
    assert!(story.as_str().is_some_and(|s| s.contains("/users")));
    for (path, mime) in [
        ("/", "text/html"),
        ("/style.css", "text/css"),
        ("/lab.js", "application/javascript"),
        ("/lab.svg", "image/svg+xml"),
        ("/api/users", "application/json"),
    ] {
        assert_eq!(browser.answer(&at(path)), (200, mime.into()), "{path}");
    }
    none(browser.complaints());
}

#[test]
fn every_page_fits_desktop_and_phone_in_light_and_dark() {
    let lesson = Lesson::copy();
    let _servers = (lesson.start_backend(), lesson.start_front());
    let mut browser = Browser::start();
    for path in ["/", "/docs/"] {
        for (width, height) in WINDOWS {
            let mut papers = Vec::new();
            for scheme in ["light", "dark"] {
                browser.look(width, height, scheme);
                browser.open(&format!("http://{}{path}", lesson.front()));
                let here = format!("{path} at {width}, {scheme}");
                let fits = browser.evaluate("document.documentElement.scrollWidth <= innerWidth");
                let window = browser.evaluate("innerWidth");
                assert_eq!(
                    (fits, window),
                    (json!(true), json!(width)),
                    "{here}: scrolls"
                );
                let images = browser
                    .evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)");
                assert_eq!(images, true, "{here}: an image is not shown");
                papers.push(browser.evaluate("getComputedStyle(document.body).backgroundColor"));
                none(browser.complaints());
            }
            assert!(!papers.contains(&json!("rgba(0, 0, 0, 0)")), "no style");
            assert_ne!(papers[0], papers[1], "{path}: light and dark look the same");
        }
    }
}

#[test]
fn without_a_backend_the_page_says_so_and_asks_again() {
    let lesson = Lesson::copy();
    let _front = lesson.start_front();
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", lesson.front()));
    wait_for_api(&mut browser, "502");
    let story = browser.evaluate("document.getElementById('story').innerText");
    assert!(story.as_str().is_some_and(|s| s.contains("Bad Gateway")));
    // The browser itself notes the 502; the page has nothing to add.
    let complaints = browser.complaints();
    assert!(
        complaints
            .iter()
            .all(|c| c.contains(r#""source":"network""#)),
        "{complaints:?}"
    );
    let _backend = lesson.start_backend();
    browser.events.clear();
    browser.evaluate("document.getElementById('again').click()");
    wait_for_api(&mut browser, "Alice and Bob");
    none(browser.complaints());
}

#[test]
fn without_a_front_server_the_page_says_so() {
    let lesson = Lesson::copy();
    let front = lesson.start_front();
    let mut browser = Browser::start();
    browser.open(&format!("http://{}/", lesson.front()));
    wait_for_api(&mut browser, "/api/users");
    let (status, _) = front.stop();
    assert!(status.success(), "{status}");
    browser.evaluate("document.getElementById('again').click()");
    wait_for_api(&mut browser, "nobody");
    let thrown = |e: &&Value| e["method"] == "Runtime.exceptionThrown";
    assert_eq!(browser.events.iter().find(thrown), None);
}

#[test]
fn a_changed_file_is_explained() {
    let lesson = Lesson::copy();
    let _backend = lesson.start_backend();
    let mut browser = Browser::start();
    for (diff, row) in [
        (
            "-            proxy_pass http://127.0.0.1:5000/;\n+            proxy_pass http://127.0.0.1:5000;",
            "404 application/json",
        ),
        (
            "-        location /api/ {\n+        location /backend/ {",
            "the front server: html/index.html",
        ),
    ] {
        lesson.reset();
        lesson.edit(diff);
        let _front = lesson.start_front();
        browser.open(&format!("http://{}/", lesson.front()));
        wait_for_api(&mut browser, row);
        let shown = browser.evaluate("!document.getElementById('story').hidden");
        assert_eq!(shown, true, "no story");
    }
}

#[test]
fn a_folder_leads_to_its_page() {
    let lesson = Lesson::copy();
    let _front = lesson.start_front();
    let mut browser = Browser::start();
    let at = |path: &str| format!("http://{}{path}", lesson.front());
    browser.open(&at("/docs"));
    assert_eq!(browser.evaluate("location.href"), at("/docs/"));
    assert_eq!(
        browser.evaluate("document.querySelector('h1').innerText"),
        "A folder with an index"
    );
    assert_eq!(browser.answer(&at("/docs/")), (200, "text/html".into()));
    assert_eq!(browser.answer(&at("/style.css")), (200, "text/css".into()));
    none(browser.complaints());
    // Its link leads back.
    browser.follow("main a");
    assert_eq!(browser.evaluate("location.href"), at("/"));
}
