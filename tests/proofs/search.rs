//! Looks for lines that prove a directive: the deepest first, in the cases with the fewest connections.

use crate::data::{Change, Proof, Proofs, done};
use crate::lines::{self, Line, key};
use crate::oracle::OracleError;
use crate::oracle::server::Program;
use crate::process;
use crate::without::{cases, change};
use proxy_lab::config::table::Contexts;
use std::sync::Mutex;

/// So many lines are tried for a directive.
const TRIES: usize = 40;

/// Fills `proofs.toml`; what is left without a proof.
pub fn search(nginx: &Program, names: &[String]) -> Result<Vec<String>, OracleError> {
    let proofs = Proofs::read()?;
    let wanted: Vec<String> = done()
        .map(key)
        .filter(|name| match names.is_empty() {
            true => !proofs.done.contains_key(name) && !process::proves(name),
            false => names.contains(name),
        })
        .collect();
    let cases = cases()?;
    let mut all = Vec::new();
    for case in cases.values() {
        let (text, lines) = lines::of(case);
        all.extend(
            lines
                .into_iter()
                .filter(|line| is_safe(line))
                .map(|line| (case, text.clone(), line)),
        );
    }
    all.sort_by_key(|(case, _, line)| (case.spec.connection.len(), usize::MAX - line.depth));
    let proofs = Mutex::new(proofs);
    let left = crate::each(&wanted, |name| {
        let mut second = None;
        let lines = all.iter().filter(|(.., line)| key(line.row) == *name);
        for (number, (case, text, line)) in lines.take(TRIES).enumerate() {
            let role = format!("search-{}-{number}", name.replace(' ', "-"));
            let found = change(case, lines::without(text, line), nginx, &role);
            let Ok(Some(change)) = found else { continue };
            let proof = Proof {
                case: case.name.clone(),
                line: line.text.clone(),
                nth: line.nth,
                change,
                why: None,
            };
            let better = match change {
                Change::Other => true,
                Change::Late => second
                    .as_ref()
                    .is_none_or(|p: &Proof| p.change == Change::Refused),
                Change::Refused => second.is_none(),
            };
            if better {
                second = Some(proof);
            }
            if change == Change::Other {
                break;
            }
        }
        let found = second?;
        println!(
            "{name}: {}, {:?} ({:?})",
            found.case, found.line, found.change
        );
        let refused = found.change == Change::Refused;
        if let (false, Ok(mut proofs)) = (refused, proofs.lock()) {
            proofs.done.insert(name.clone(), found);
            let _ = proofs.write();
        }
        refused.then(|| format!("{name}: nginx refuses the file without it"))
    });
    let proofs = proofs.into_inner().unwrap_or_default();
    let mut wrong: Vec<_> = left.into_iter().flatten().collect();
    let none = wanted
        .iter()
        .filter(|name| !proofs.done.contains_key(*name));
    wrong.extend(none.map(|name| format!("{name}: no line proves it")));
    wrong.sort();
    Ok(wrong)
}

/// Without these nginx would use folders, ports and logs of the system's own.
fn is_safe(line: &Line) -> bool {
    match line.row.name {
        "daemon" | "pid" | "user" => false,
        "access_log" => line.context != Contexts::HTTP,
        "listen" => line.siblings > 0,
        name => !(name.ends_with("_temp_path") && line.context == Contexts::HTTP),
    }
}
