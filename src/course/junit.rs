//! Verdicts in the form that continuous-integration servers read: JUnit's XML, a test suite for each exercise.

use super::verdict::Verdict;

/// The verdicts as one document.
pub fn document(verdicts: &[Verdict]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"proxy-lab\">\n",
    );
    for verdict in verdicts {
        suite(&mut text, verdict);
    }
    text.push_str("</testsuites>\n");
    text
}

/// What is said where grading itself failed: a suite with an error, so that nobody takes it for a pass.
pub fn not_graded(exercise: &str, why: &str) -> String {
    let (name, why) = (escaped(exercise), escaped(why));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"proxy-lab\">\n  \
         <testsuite name=\"{name}\" tests=\"1\" failures=\"0\" errors=\"1\" time=\"0.000\">\n    \
         <testcase classname=\"{name}\" name=\"it can be graded\">\n      \
         <error message=\"{why}\"/>\n    </testcase>\n  </testsuite>\n</testsuites>\n"
    )
}

fn suite(text: &mut String, verdict: &Verdict) {
    let name = escaped(&verdict.exercise);
    let refused = usize::from(verdict.refusal.is_some());
    let failed = verdict.checks.len() - verdict.passed() + refused;
    text.push_str(&format!(
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" time=\"{:.3}\">\n    <properties><property name=\"seed\" value=\"{}\"/></properties>\n",
        verdict.checks.len() + refused,
        verdict.seconds,
        verdict.seed,
    ));
    if let Some(refusal) = &verdict.refusal {
        case(
            text,
            &name,
            "the file loads",
            Some((&refusal.first, &refusal.text)),
        );
    }
    for check in &verdict.checks {
        let failure = check.failure.as_ref().map(|failure| {
            let detail = format!(
                "sent: {}\nexpected: {}\nseen: {}\nlook at: {}\n",
                failure.sent, failure.expected, failure.seen, failure.look
            );
            (failure.message.clone(), detail)
        });
        let failure = failure
            .as_ref()
            .map(|(message, detail)| (message.as_str(), detail.as_str()));
        case(text, &name, &check.name, failure);
    }
    text.push_str("  </testsuite>\n");
}

fn case(text: &mut String, class: &str, name: &str, failure: Option<(&str, &str)>) {
    text.push_str(&format!(
        "    <testcase classname=\"{class}\" name=\"{}\"",
        escaped(name)
    ));
    match failure {
        None => text.push_str("/>\n"),
        Some((message, detail)) => text.push_str(&format!(
            ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
            escaped(message),
            escaped(detail)
        )),
    }
}

/// Text of an attribute or element; what XML cannot hold at all becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(
            super::escaped("a<b>&\"\u{1}\u{1b}[0m"),
            "a&lt;b&gt;&amp;&quot;\u{fffd}\u{fffd}[0m"
        );
    }
}
