//! The table: medians of the rounds, ratios of the lab to nginx, and which lines they meet.

use std::fmt::Write;
use std::path::Path;

use super::Options;
use super::plan::{Case, MOST_MEMORY, SLOWEST_ALONE};
use super::server::Cores;

/// One server's part of a round.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    pub requests_a_second: f64,
    /// Microseconds.
    pub cpu_a_request: f64,
    /// Microseconds.
    pub p50: u32,
    pub p99: u32,
}

pub struct Round {
    pub nginx: Measured,
    pub lab: Measured,
}

/// All rounds of a case with one number of connections.
pub struct Cell {
    case: Case,
    connections: usize,
    pub rounds: Vec<Round>,
    voids: usize,
    /// Most megabytes resident: nginx, lab.
    pub peaks: [f64; 2],
}

pub const HEADER: &str = "\
| case | connections | requests/s: nginx | lab | ratio | CPU µs a request: nginx | lab | ratio (min–max) | line | p50 µs: nginx | lab | p99 µs: nginx | lab | peak MB: nginx | lab |
|---|--:|--:|--:|--:|--:|--:|--:|---|--:|--:|--:|--:|--:|--:|
";

/// What stands above the table.
pub fn preamble(nginx: &Path, cores: &Cores, options: &Options) -> String {
    let pinned = match (cores.server, cores.load) {
        (Some(server), Some(load)) => {
            format!("servers on core {server}, load and upstream on core {load}")
        }
        _ => "one core for everything: requests a second mean little".into(),
    };
    format!(
        "{} rounds of {:?} each beside {}; {pinned}.",
        options.rounds,
        options.measure,
        nginx.display()
    )
}

impl Cell {
    pub fn new(case: Case, connections: usize) -> Self {
        Self {
            case,
            connections,
            rounds: Vec::new(),
            voids: 0,
            peaks: [0.0; 2],
        }
    }

    /// A request of the round failed: it does not count.
    pub fn void(&mut self, server: &str, why: &str) {
        self.voids += 1;
        eprintln!(
            "void round, {} with {} connections, {server}: {why}",
            self.case.name, self.connections
        );
    }

    fn nginx(&self, of: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().map(|round| of(&round.nginx)).collect())
    }

    fn lab(&self, of: impl Fn(&Measured) -> f64) -> f64 {
        median(self.rounds.iter().map(|round| of(&round.lab)).collect())
    }

    fn ratios(&self, of: impl Fn(&Measured) -> f64) -> Vec<f64> {
        self.rounds
            .iter()
            .map(|round| of(&round.lab) / of(&round.nginx))
            .collect()
    }

    /// What this cell must meet, each with whether it does.
    fn lines(&self) -> Vec<(String, bool)> {
        let cpu = median(self.ratios(|m| m.cpu_a_request));
        let most = self.case.most_cpu;
        let mut lines = vec![(format!("CPU ≤ {most}"), cpu <= most)];
        if self.connections == 1 {
            let speed = median(self.ratios(|m| m.requests_a_second));
            lines.push((
                format!("requests/s ≥ {SLOWEST_ALONE}"),
                speed >= SLOWEST_ALONE,
            ));
        }
        if self.connections == 512 {
            lines.push((
                format!("peak < {MOST_MEMORY} MB"),
                self.peaks[1] < MOST_MEMORY,
            ));
        }
        lines
    }

    pub fn row(&self) -> String {
        let mut row = format!("| {} | {} ", self.case.name, self.connections);
        if self.rounds.is_empty() {
            row.push_str("| all rounds void |\n");
            return row;
        }
        let speeds = self.ratios(|m| m.requests_a_second);
        let cpus = self.ratios(|m| m.cpu_a_request);
        let lowest = cpus.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = cpus.iter().copied().fold(0.0, f64::max);
        let missed: Vec<String> = (self.lines().into_iter())
            .filter(|(_, met)| !met)
            .map(|(line, _)| format!("**missed: {line}**"))
            .collect();
        let line = if missed.is_empty() {
            "met".to_owned()
        } else {
            missed.join(", ")
        };
        // Writing to memory does not fail.
        let _ = writeln!(
            row,
            "| {:.0} | {:.0} | {:.2} | {:.1} | {:.1} | {:.2} ({lowest:.2}–{highest:.2}) | {line} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} | {:.1} |",
            self.nginx(|m| m.requests_a_second),
            self.lab(|m| m.requests_a_second),
            median(speeds),
            self.nginx(|m| m.cpu_a_request),
            self.lab(|m| m.cpu_a_request),
            median(cpus),
            self.nginx(|m| f64::from(m.p50)),
            self.lab(|m| f64::from(m.p50)),
            self.nginx(|m| f64::from(m.p99)),
            self.lab(|m| f64::from(m.p99)),
            self.peaks[0],
            self.peaks[1],
        );
        row
    }
}

/// What stands below the table.
pub fn verdict(cells: &[Cell]) -> String {
    let lines: Vec<bool> = cells
        .iter()
        .flat_map(Cell::lines)
        .map(|(_, met)| met)
        .collect();
    let met = lines.iter().filter(|met| **met).count();
    let voids: usize = cells.iter().map(|cell| cell.voids).sum();
    format!(
        "{met} of {} lines are met; {voids} rounds were void.",
        lines.len()
    )
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => f64::NAN,
        (n, half) if n % 2 == 1 => values[half],
        (_, half) => (values[half - 1] + values[half]) / 2.0,
    }
}
