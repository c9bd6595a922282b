//! A browser without a window, driven over the DevTools protocol: Chromium, told by JSON on a pipe what to do.
//!
//! The protocol: <https://chromedevtools.github.io/devtools-protocol/>. Messages end with a NUL.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the browser may take for anything. A cold start on a busy machine takes several seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may say nothing after it was told to end.
const PATIENCE_AT_END: Duration = Duration::from_secs(5);

/// What Chromium and its like are called.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const ON_MACOS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// A running browser with one page; ended when dropped.
pub struct Browser {
    child: Child,
    orders: ChildStdin,
    said: Receiver<Value>,
    session: Option<String>,
    last: u64,
    /// What happened on the page since the last [`Browser::open`], in order: `method` and `params` of each event.
    pub events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts the browser and opens an empty page.
    ///
    /// Panics, saying what to do, where there is none.
    pub fn start() -> Self {
        let program = find().unwrap_or_else(|why| panic!("no browser: {why}"));
        let profile = TempDir::new().expect("a folder");
        let log = File::create(profile.path().join("stderr.txt")).expect("a file");
        // The pipe is expected at descriptors 3 and 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>&2"])
            .arg(program)
            .args(["--headless=new", "--remote-debugging-pipe"])
            // It only sees pages of this project; the sandbox works neither for root nor in most containers.
            .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            // Whatever it writes elsewhere goes with the profile.
            .env("TMPDIR", profile.path())
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("sh");
        let orders = child.stdin.take().expect("a pipe");
        let output = child.stdout.take().expect("a pipe");
        let (sender, said) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("JSON of the browser");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            orders,
            said,
            session: None,
            last: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// A window of this many CSS pixels, as a phone's where it is narrow, in the light or the dark scheme.
    pub fn look(&mut self, width: u32, height: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Opens an address and waits until all of it is loaded.
    pub fn open(&mut self, url: &str) {
        self.events.clear();
        let answer = self.call("Page.navigate", json!({"url": url}));
        assert_eq!(answer["errorText"], Value::Null, "{url}");
        self.wait_until_loaded();
    }

    /// Clicks the first link that this CSS selector finds, and waits until the page that it leads to is loaded.
    pub fn follow(&mut self, selector: &str) {
        self.events.clear();
        self.evaluate(&format!(
            "document.querySelector({}).click()",
            json!(selector)
        ));
        self.wait_until_loaded();
    }

    fn wait_until_loaded(&mut self) {
        while !self
            .events
            .iter()
            .any(|e| e["method"] == "Page.loadEventFired")
        {
            self.hear();
        }
    }

    /// The value of a JavaScript expression on the page; of its outcome, where it is a promise.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let order = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", order);
        let thrown = &answer["exceptionDetails"];
        assert_eq!(*thrown, Value::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Waits until a JavaScript condition holds, which is asked again whenever the page changes.
    pub fn wait_for(&mut self, condition: &str) {
        let milliseconds = PATIENCE.as_millis() / 2;
        let held = self.evaluate(&format!(
            "new Promise(resolve => {{
                const look = () => {{ if ({condition}) resolve(true); }};
                new MutationObserver(look).observe(document,
                    {{ subtree: true, childList: true, characterData: true, attributes: true }});
                look();
                setTimeout(() => resolve(false), {milliseconds});
            }})"
        ));
        if held != true {
            let text = self.evaluate("document.body.innerText");
            panic!("not within {milliseconds} ms: {condition}; the page says:\n{text}");
        }
    }

    /// Whatever the page complained of: exceptions, console output, what the browser logged about it.
    pub fn complaints(&self) -> Vec<String> {
        let complaint = |event: &Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded") => {
                Some(event["params"].to_string())
            }
            _ => None,
        };
        self.events.iter().filter_map(complaint).collect()
    }

    /// Status and MIME type of the last answer to this address.
    pub fn answer(&self, url: &str) -> (u64, String) {
        let answers = self
            .events
            .iter()
            .filter(|event| event["method"] == "Network.responseReceived")
            .map(|event| &event["params"]["response"]);
        let answer = answers.rev().find(|answer| answer["url"] == url);
        let answer = answer.unwrap_or_else(|| panic!("nothing asked for {url}"));
        let mime = answer["mimeType"].as_str().unwrap_or_default();
        (answer["status"].as_u64().unwrap_or(0), mime.into())
    }

    /// One order and its outcome; events that come meanwhile are kept.
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.last += 1;
        let mut order = json!({"id": self.last, "method": method, "params": params});
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        let mut message = order.to_string().into_bytes();
        message.push(0);
        self.orders
            .write_all(&message)
            .expect("a browser that listens");
        loop {
            let heard = self.hear();
            if heard["id"] == self.last {
                assert_eq!(heard["error"], Value::Null, "{method}");
                return heard["result"].clone();
            }
        }
    }

    fn hear(&mut self) -> Value {
        let message = self.said.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            let log = self._profile.path().join("stderr.txt");
            let log = std::fs::read_to_string(log).unwrap_or_default();
            panic!("the browser says nothing ({error}): {log}")
        });
        if message["method"].is_string() {
            self.events.push(message.clone());
        }
        message
    }
}

impl Drop for Browser {
    /// Closed rather than killed, so that its helpers are gone and the profile can be removed; killed if it does not obey.
    fn drop(&mut self) {
        let _ = self
            .orders
            .write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        while self.said.recv_timeout(PATIENCE_AT_END).is_ok() {}
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The browser of this machine; where there is none and we are root on Debian, its package is installed.
fn find() -> Result<PathBuf, String> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    let advice =
        "install Chromium (Debian: sudo apt-get install chromium) or Google Chrome and try again";
    if !geteuid().is_root() {
        return Err(format!("{} are not in PATH; {advice}", NAMES.join(", ")));
    }
    // Tests run in parallel; the lock ends with the process.
    let lock = File::create(concat!(env!("CARGO_TARGET_TMPDIR"), "/chromium.lock"));
    let lock = lock.map_err(|error| format!("chromium.lock: {error}"))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| error.to_string())?;
    if let Some(found) = installed() {
        return Ok(found);
    }
    let install = ["install", "-y", "--no-install-recommends", "chromium"];
    apt_get(&install)
        .or_else(|_| apt_get(&["update"]).and_then(|()| apt_get(&install)))
        .map_err(|error| format!("{error}; {advice}"))?;
    installed().ok_or_else(|| format!("the package has no browser in PATH; {advice}"))
}

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/bin".into()]);
    folders
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .chain(ON_MACOS.map(PathBuf::from))
        .find(|program| program.is_file())
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    command.args(arguments).stdin(Stdio::null());
    let output = command.env("DEBIAN_FRONTEND", "noninteractive").output();
    let output = output.map_err(|error| format!("apt-get: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "apt-get {}: {}",
            arguments[0],
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}
