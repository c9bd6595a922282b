//! A case without one of its lines: what nginx then does.

use std::collections::BTreeMap;

use crate::data::{Change, Proof, Proofs, done};
use crate::lines::{self, Line, key};
use crate::oracle::OracleError;
use crate::oracle::case::Case;
use crate::oracle::run;
use crate::oracle::server::Program;
use crate::oracle::suite::{self, Options};
use crate::process;

/// All cases by name.
pub fn cases() -> Result<BTreeMap<String, Case>, OracleError> {
    let cases = suite::cases(&Options::all())?;
    Ok(cases
        .into_iter()
        .map(|case| (case.name.clone(), case))
        .collect())
}

/// Runs `case` under another configuration: what changes of nginx's answers; `None` where nothing does.
pub fn change(
    case: &Case,
    config: String,
    nginx: &Program,
    role: &str,
) -> Result<Option<Change>, OracleError> {
    let recorded = suite::recorded(case)?;
    let changed = case.with_config(config);
    let seen = suite::in_folder(case, role, |prefix| {
        let seen = run::run_until(&changed, nginx, prefix, &mut |seen| {
            !seen.is_part_of(&recorded)
        });
        if seen.is_err() {
            // That is the result: its folder is of no more use.
            let _ = std::fs::remove_dir_all(prefix);
        }
        seen
    });
    Ok(match seen {
        Ok(seen) => {
            let other = !seen.is_part_of(&recorded) || recorded.difference(&seen).is_some();
            other.then_some(Change::Other)
        }
        Err(OracleError::Server { what, .. }) if what.contains("[emerg]") => Some(Change::Refused),
        // The conversation could not be held as it was, or nobody listens any more.
        Err(OracleError::Case { .. } | OracleError::Server { .. }) => Some(Change::Late),
        Err(other) => return Err(other),
    })
}

/// What is wrong with the proofs that are written down.
pub fn verify(nginx: &Program, names: &[String]) -> Result<Vec<String>, OracleError> {
    let proofs = Proofs::read()?;
    let cases = cases()?;
    let mut wrong = Vec::new();
    let mut rows = Vec::new();
    for row in done().filter(|row| names.is_empty() || names.contains(&key(row))) {
        let name = key(row);
        match proofs.done.get(&name) {
            Some(proof) => rows.push((name, proof)),
            None if process::proves(&name) => {}
            None => wrong.push(format!("{name}: no case proves it")),
        }
    }
    let known: Vec<_> = done().map(key).collect();
    let strangers = proofs.done.keys().filter(|name| !known.contains(name));
    wrong.extend(strangers.map(|name| format!("{name}: proven, and not in the table as done")));
    let found = crate::each(&rows, |(name, proof)| {
        let complaint = match judge(name, proof, &cases, nginx) {
            Ok(complaint) => complaint,
            Err(error) => Some(error.to_string()),
        };
        if complaint.is_none() {
            println!("ok      {name}: {}, {:?}", proof.case, proof.line);
        }
        complaint.map(|what| format!("{name}: {}, {:?}: {what}", proof.case, proof.line))
    });
    println!("{} directives are done", rows.len());
    wrong.extend(found.into_iter().flatten());
    Ok(wrong)
}

fn judge(
    name: &str,
    proof: &Proof,
    cases: &BTreeMap<String, Case>,
    nginx: &Program,
) -> Result<Option<String>, OracleError> {
    let Some(case) = cases.get(&proof.case) else {
        return Ok(Some("there is no such case".into()));
    };
    if (proof.change == Change::Refused) != proof.why.is_some() {
        return Ok(Some("a refusal, and nothing else, has a `why`".into()));
    }
    let (text, lines) = lines::of(case);
    let is_meant = |line: &&Line| line.text == proof.line && line.nth == proof.nth;
    let Some(line) = lines.iter().find(is_meant) else {
        return Ok(Some("there is no such line".into()));
    };
    if key(line.row) != name {
        return Ok(Some("the line is of another directive".into()));
    }
    let role = format!("without-{}", name.replace(' ', "-"));
    let change = change(case, lines::without(&text, line), nginx, &role)?;
    Ok(match change {
        Some(change) if change == proof.change => None,
        Some(change) => Some(format!(
            "without it: {change:?}, and {:?} is written down",
            proof.change
        )),
        None => Some("nginx does the same without it".into()),
    })
}
