//! A circle of rewrites or redirections is told by its first rounds: the others are counted.

use crate::front::trace::Step;

/// No circle of more rounds than this is looked for.
const LONGEST: usize = 3;
/// Fewer rounds than this are told one by one.
const FEW: usize = 3;

/// A piece of what is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a, T> {
    Step(&'a T),
    /// So many rounds more, each like those before.
    More(usize),
}

/// The steps, with the rounds of a circle counted behind the first ones.
pub fn fold(steps: &[Step]) -> Vec<Part<'_, Step>> {
    fold_by(steps, sign)
}

/// What a step does in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Sign {
    /// A round begins: the location that was chosen.
    Begin(String),
    /// The same in each round.
    Same(String),
    /// Says nothing about rounds.
    Silent,
    /// Happens in no circle.
    Other,
}

/// The texts of the URIs are left out: a circle may make them longer each time.
fn sign(step: &Step) -> Sign {
    let at = |file: &str, line: u32| format!("{file}:{line}");
    match step {
        Step::Location { candidates, .. } => {
            let chosen = candidates.iter().find(|candidate| candidate.chosen);
            Sign::Begin(chosen.map_or_else(String::new, |c| at(&c.place.file, c.place.line)))
        }
        Step::Rewrite { directive, .. } | Step::ErrorPage { directive, .. } => {
            Sign::Same(at(&directive.file, directive.line))
        }
        Step::Internal { .. } => Sign::Same("again".to_owned()),
        Step::File { wanted, result, .. } => Sign::Same(format!("{wanted:?} {result}")),
        Step::Variable { .. } => Sign::Silent,
        _ => Sign::Other,
    }
}

fn fold_by<T>(steps: &[T], sign: impl Fn(&T) -> Sign) -> Vec<Part<'_, T>> {
    let signs: Vec<Sign> = steps.iter().map(sign).collect();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < steps.len() {
        match circle(&signs, at) {
            Some((told, hidden, end)) => {
                parts.extend(steps[at..told].iter().map(Part::Step));
                parts.push(Part::More(hidden));
                at = end;
            }
            None => {
                parts.push(Part::Step(&steps[at]));
                at += 1;
            }
        }
    }
    parts
}

/// A circle that begins at a step: where what is told of it ends, how many rounds are not told, and where they end.
fn circle(signs: &[Sign], at: usize) -> Option<(usize, usize, usize)> {
    let ends = rounds(signs, at);
    let round = |n: usize| {
        let begin = if n == 0 { at } else { ends[n - 1] };
        signs[begin..ends[n]].iter().filter(|s| **s != Sign::Silent)
    };
    (1..=LONGEST).find_map(|length| {
        let alike = |n: &usize| round(*n).eq(round(*n - length));
        let same = length + (length..ends.len()).take_while(alike).count();
        let told = length.max(2);
        let hidden = same.saturating_sub(told);
        (hidden >= FEW).then(|| (ends[told - 1], hidden, ends[same - 1]))
    })
}

/// The ends of the rounds that follow each other from a step on.
fn rounds(signs: &[Sign], at: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    if !matches!(signs.get(at), Some(Sign::Begin(_))) {
        return ends;
    }
    for (n, sign) in signs.iter().enumerate().skip(at + 1) {
        match sign {
            Sign::Begin(_) => ends.push(n),
            Sign::Same(_) | Sign::Silent => {}
            Sign::Other => {
                ends.push(n);
                return ends;
            }
        }
    }
    ends.push(signs.len());
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A letter begins a round, a digit happens in it, a dot says nothing, a dash is something else.
    fn folded(text: &str) -> String {
        let steps: Vec<char> = text.chars().collect();
        let sign = |c: &char| match c {
            '-' => Sign::Other,
            '.' => Sign::Silent,
            c if c.is_ascii_digit() => Sign::Same(c.to_string()),
            c => Sign::Begin(c.to_string()),
        };
        let parts = fold_by(&steps, sign);
        let shown = parts.iter().map(|part| match part {
            Part::Step(c) => c.to_string(),
            Part::More(n) => format!("({n})"),
        });
        shown.collect()
    }

    #[test]
    fn a_circle_is_counted_and_nothing_else() {
        assert_eq!(folded("-a1-"), "-a1-");
        assert_eq!(folded("-a1a1a1a1-"), "-a1a1a1a1-", "few are told");
        assert_eq!(folded("-a1a1a1a1a1-"), "-a1a1(3)-");
        assert_eq!(folded("-a1.a1a1.a1a1a1--"), "-a1.a1(4)--");
        assert_eq!(folded("-z1a1b2a1b2a1b2a1-b2"), "-z1a1b2(5)-b2");
        assert_eq!(folded("-a1a2a3a4a5a6-"), "-a1a2a3a4a5a6-", "others differ");
    }
}
