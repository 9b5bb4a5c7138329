//! The figures as text.

use std::fmt::Write as _;

use super::loops::{Loop, Rounds};
use super::records::Walk;
use super::revoke::Revocations;
use crate::machine::{Machine, load_average};

/// All that was measured.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// The compiler of functions and of the peer in C.
    pub(super) clang: String,
    pub(super) loops: Vec<Loop>,
    pub(super) helpers: Vec<Loop>,
    pub(super) records: Vec<Walk>,
    pub(super) revocations: Revocations,
}

impl Report {
    pub(super) const fn new(machine: Machine, clang: String, revocations: Revocations) -> Self {
        Self { machine, clang, loops: Vec::new(), helpers: Vec::new(), records: Vec::new(), revocations }
    }

    /// Tables in Markdown.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.add_loops(&mut text);
        self.add_helpers(&mut text);
        self.add_walks(&mut text);
        self.add_revocations(&mut text);
        let Machine { cpu_model, cores, kernel, load_average: before, commit, .. } = &self.machine;
        let commit = commit.as_deref().unwrap_or("unknown");
        let _ = writeln!(
            text,
            "\n{cpu_model}, {cores} cores, {kernel}; load average {before} before, {} after; commit {commit}; {}",
            load_average(),
            self.clang
        );
        text
    }

    /// Engines down, functions across.
    fn add_loops(&self, text: &mut String) {
        let Some(first) = self.loops.first() else { return };
        let _ = writeln!(
            text,
            "ns for a call: median (least to most), and times the scalar C of the same round\n"
        );
        let _ = write!(text, "| engine |");
        for one in &self.loops {
            let _ = write!(text, " {} {} B |", one.case.function, one.case.bytes);
        }
        let _ = writeln!(text, "\n|---|{}", "---|".repeat(self.loops.len()));
        for (index, engine) in first.engines.iter().enumerate() {
            let _ = write!(text, "| {} |", engine.engine);
            for one in &self.loops {
                let (own, peer) = (&one.engines[index], &one.engines[0]);
                let _ = write!(text, " {} x{:.2} |", figures(own), own.ratio(peer).median);
            }
            let _ = writeln!(text);
        }
    }

    fn add_helpers(&self, text: &mut String) {
        let _ =
            writeln!(text, "\nhelpers: ns for a call, and GB/s of input\n\n| helper | engine | ns | GB/s |");
        let _ = writeln!(text, "|---|---|---|---|");
        for Loop { case, engines } in &self.helpers {
            for rounds in engines {
                let rate = case.bytes as f64 / rounds.spread().median;
                let (name, bytes) = (case.function, case.bytes);
                let engine = &rounds.engine;
                let _ = writeln!(text, "| {name} {bytes} B | {engine} | {} | {rate:.0} |", figures(rounds));
            }
        }
    }

    fn add_walks(&self, text: &mut String) {
        let _ =
            writeln!(text, "\nrecords: ns for a step, millions of steps a second, times the first engine\n");
        let _ = writeln!(text, "| walk | engine | ns | M/s | times |\n|---|---|---|---|---|");
        for Walk { name, step, engines } in &self.records {
            for rounds in engines {
                let rate = 1e3 / rounds.spread().median;
                let times = rounds.ratio(&engines[0]).ratio_text();
                let engine = &rounds.engine;
                let _ = writeln!(
                    text,
                    "| {name}, a {step} | {engine} | {} | {rate:.0} | {times} |",
                    figures(rounds)
                );
            }
        }
    }

    fn add_revocations(&self, text: &mut String) {
        let Revocations { wall_ns, cpu_ns } = &self.revocations;
        let _ = writeln!(text, "\n{} endless loops stopped, us from the revocation on:\n", wall_ns.len());
        let _ = writeln!(text, "| | median | p99 | most |\n|---|---|---|---|");
        for (name, times) in [("processor time, at most", cpu_ns), ("by the clock", wall_ns)] {
            let at = |permille: usize| {
                let index = (times.len() * permille / 1_000).min(times.len().saturating_sub(1));
                times.get(index).map_or(0.0, |time| *time as f64 / 1e3)
            };
            let _ = writeln!(text, "| {name} | {:.1} | {:.1} | {:.1} |", at(500), at(990), at(1_000));
        }
    }
}

/// The middle and the ends.
fn figures(rounds: &Rounds) -> String {
    let spread = rounds.spread();
    let text = |figure: f64| if figure < 100.0 { format!("{figure:.1}") } else { format!("{figure:.0}") };
    format!("{} ({}-{})", text(spread.median), text(spread.min), text(spread.max))
}
