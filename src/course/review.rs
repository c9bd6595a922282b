//! What TOML cannot tell of a check.toml: whether its texts mean something.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;

use super::checks::{
    BackendSpec, Check, Checks, Expected, FileSpec, Received, Request, split_header, split_send,
};
use super::placeholders::{Draw, is_inside};

/// What is wrong, and the offset in the text.
pub struct Finding {
    pub at: usize,
    pub message: String,
}

/// What TOML cannot tell: whether the texts mean something.
pub struct Review<'a> {
    text: &'a str,
    draw: Draw,
    /// Paths of `[[file]]`, as written.
    made: Vec<String>,
}

impl<'a> Review<'a> {
    pub fn new(text: &'a str, folder: &Path) -> Self {
        Self {
            text,
            draw: Draw::new(1, vec![folder.to_owned()]),
            made: Vec::new(),
        }
    }

    /// Looks at everything, in the order of the file.
    pub fn whole(mut self, checks: &Checks) -> Result<(), Finding> {
        let start = &(0..self.text.len());
        for (name, text) in [("title", &checks.title), ("idea", &checks.idea)] {
            if text.trim().is_empty() || text.contains('\n') {
                return self.wrong(start, name, &format!("{name} is a line of text"));
            }
        }
        self.backends(&checks.backends)?;
        for file in &checks.files {
            self.file(file)?;
        }
        if checks.checks.is_empty() {
            return self.wrong(
                start,
                "",
                "there is no [[check]]: an exercise has one at least",
            );
        }
        for check in &checks.checks {
            self.check(check, checks)?;
        }
        Ok(())
    }

    fn backends(&self, all: &[Spanned<BackendSpec>]) -> Result<(), Finding> {
        for (n, backend) in all.iter().enumerate() {
            let (span, backend) = (backend.span(), backend.as_ref());
            let before = || all.iter().take(n).map(AsRef::as_ref);
            if before().any(|other| other.name == backend.name) {
                let message = format!("two backends are called \"{}\"", backend.name);
                return self.wrong(&span, &backend.name, &message);
            }
            if before().any(|other| other.address == backend.address) {
                let message = format!("two backends have the address {}", backend.address);
                return self.wrong(&span, &backend.address.to_string(), &message);
            }
            if !backend.address.ip().is_loopback() {
                let message = "a backend's address is on this machine: 127.0.0.1:PORT";
                return self.wrong(&span, "address", message);
            }
            if !(0.0..=5.0).contains(&backend.delay) {
                return self.wrong(&span, "delay", "delay is a number of seconds from 0 to 5");
            }
            if let Some(answer) = &backend.answer {
                self.status(&span, answer.status)?;
                self.headers(&span, &answer.headers)?;
                self.filled(&span, &answer.body)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, file: &Spanned<FileSpec>) -> Result<(), Finding> {
        let (span, file) = (file.span(), file.as_ref());
        let path = self.filled(&span, &file.path)?;
        if !is_inside(Path::new(&path)) {
            let message = "path names a file below the exercise's folder, such as html/{word}.txt";
            return self.wrong(&span, &file.path, message);
        }
        self.filled(&span, &file.text)?;
        self.made.push(file.path.clone());
        Ok(())
    }

    fn check(&self, check: &Spanned<Check>, checks: &Checks) -> Result<(), Finding> {
        let (span, check) = (check.span(), check.as_ref());
        let texts = [
            ("name", &check.name),
            ("say", &check.say),
            ("look", &check.look),
        ];
        for (name, text) in texts {
            if self.filled(&span, text)?.trim().is_empty() {
                return self.wrong(&span, name, &format!("{name} is empty"));
            }
        }
        if check.requests.is_empty() {
            return self.wrong(&span, "", "a [[check]] has one [[check.request]] at least");
        }
        for request in &check.requests {
            self.request(&span, request, checks)?;
        }
        for because in &check.because {
            self.filled(&span, &because.say)?;
            self.expected(&span, &because.answer)?;
            self.received(&span, &because.received, checks)?;
            let log = because.log.as_deref().unwrap_or_default();
            let without_log = self.filled(&span, log)?.trim().is_empty();
            if without_log && because.answer.is_empty() && because.received.is_empty() {
                let message =
                    "a [[check.because]] says by answer, received or log when it is meant";
                return self.wrong(&span, &because.say, message);
            }
        }
        Ok(())
    }

    fn request(
        &self,
        span: &Range<usize>,
        request: &Request,
        checks: &Checks,
    ) -> Result<(), Finding> {
        match (&request.send, &request.raw) {
            (Some(send), None) => {
                let filled = self.filled(span, send)?;
                if split_send(&filled).is_none() {
                    let message = "send is a method and a path, such as \"GET /api/users\"";
                    return self.wrong(span, send, message);
                }
            }
            (None, Some(raw)) => {
                self.filled(span, raw)?;
                let more = request.host.is_some() || request.body.is_some();
                if more || !request.headers.is_empty() {
                    let message = "raw is the whole request: host, headers and body stand in it";
                    return self.wrong(span, raw, message);
                }
            }
            _ => {
                let message = "a [[check.request]] has either send = \"GET /path\" or raw = \"…\"";
                return self.wrong(span, "[check.request]", message);
            }
        }
        self.headers(span, &request.headers)?;
        for text in [&request.host, &request.body].into_iter().flatten() {
            self.filled(span, text)?;
        }
        if !(1..=50).contains(&request.times) {
            return self.wrong(span, "times", "times is a number from 1 to 50");
        }
        if request.answer.is_empty() && request.received.is_empty() {
            let what = request.send.as_deref().unwrap_or("raw");
            return self.wrong(
                span,
                what,
                "nothing is asked of this request: add answer or received",
            );
        }
        self.expected(span, &request.answer)?;
        self.received(span, &request.received, checks)
    }

    fn expected(&self, span: &Range<usize>, expected: &Expected) -> Result<(), Finding> {
        for &status in expected.status.as_slice() {
            self.status(span, status)?;
        }
        for one in &expected.headers {
            self.headers(span, one.as_slice())?;
        }
        self.headers(span, &expected.headers_contain)?;
        let texts = expected.contains.as_slice().iter();
        for text in texts.chain(expected.lacks.as_slice()).chain(&expected.body) {
            self.filled(span, text)?;
        }
        Ok(())
    }

    fn received(
        &self,
        span: &Range<usize>,
        received: &Received,
        checks: &Checks,
    ) -> Result<(), Finding> {
        if let Some(name) = &received.backend {
            let known: Vec<&str> = backend_names(checks).collect();
            if !known.contains(&name.as_str()) {
                let message = format!(
                    "no backend is called \"{name}\": there are {}",
                    known.join(", ")
                );
                return self.wrong(span, name, &message);
            }
        }
        if received.count == Some(0) && received.asks_more_than_count() {
            return self.wrong(
                span,
                "count",
                "where no request is to come, nothing can be asked of it",
            );
        }
        for one in &received.headers {
            self.headers(span, one.as_slice())?;
        }
        self.headers(span, &received.headers_contain)?;
        let texts = [
            &received.target,
            &received.path,
            &received.query,
            &received.body,
        ];
        for text in texts.into_iter().flatten() {
            self.filled(span, text)?;
        }
        Ok(())
    }

    fn status(&self, span: &Range<usize>, status: u16) -> Result<(), Finding> {
        if (100..=599).contains(&status) {
            return Ok(());
        }
        self.wrong(
            span,
            &status.to_string(),
            &format!("{status} is no status: 100 to 599"),
        )
    }

    fn headers(&self, span: &Range<usize>, headers: &[String]) -> Result<(), Finding> {
        for header in headers {
            let filled = self.filled(span, header)?;
            if split_header(&filled).is_none() {
                let message = format!("\"{header}\" is no header: write \"Name: value\"");
                return self.wrong(span, header, &message);
            }
        }
        Ok(())
    }

    /// The text with placeholders filled in; files made for the check are taken as being there.
    fn filled(&self, span: &Range<usize>, text: &str) -> Result<String, Finding> {
        let mut tried = text.to_owned();
        for made in &self.made {
            tried = tried.replace(&format!("{{file:{made}}}"), "x");
        }
        self.draw
            .fill(&tried)
            .map_err(|error| self.finding(span, text, &error.to_string()))
    }

    /// A finding at `needle`, looked for from the beginning of the part it belongs to.
    fn wrong(&self, span: &Range<usize>, needle: &str, message: &str) -> Result<(), Finding> {
        Err(self.finding(span, needle, message))
    }

    fn finding(&self, span: &Range<usize>, needle: &str, message: &str) -> Finding {
        let part = self.text.get(span.start..).unwrap_or("");
        let needle = needle.lines().next().unwrap_or("");
        let at = span.start + part.find(needle).unwrap_or(0);
        Finding {
            at,
            message: message.to_owned(),
        }
    }
}

/// The names that `received.backend` can have.
fn backend_names(checks: &Checks) -> impl Iterator<Item = &str> {
    let none = checks.backends.is_empty().then_some("demo");
    let names = checks.backends.iter().map(|b| b.as_ref().name.as_str());
    names.chain(none)
}
