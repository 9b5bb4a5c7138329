//! The figures as text.

use std::fmt::Write as _;

use super::loops::{Loop, Rounds};
use super::programs::{Many, Program};
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
    pub(super) programs: Vec<Program>,
    pub(super) many: Many,
}

impl Report {
    pub(super) fn new(
        machine: Machine,
        clang: String,
        revocations: Revocations,
        (programs, many): (Vec<Program>, Many),
    ) -> Self {
        let (loops, helpers, records) = Default::default();
        Self { machine, clang, loops, helpers, records, revocations, programs, many }
    }

    /// Tables in Markdown.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        self.add_loops(&mut text);
        self.add_helpers(&mut text);
        self.add_walks(&mut text);
        self.add_revocations(&mut text);
        self.add_programs(&mut text);
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
        let Revocations { cpu_ns, wall_ns, disturbed } = &self.revocations;
        let _ = writeln!(
            text,
            "\n{} endless loops stopped, us from the revocation on; {disturbed} more left out, as the thread that revoked lost its \
             core\n",
            cpu_ns.len()
        );
        let _ = writeln!(text, "| | median | p99 | most |\n|---|---|---|---|");
        for (name, times) in [("processor time of the loop", cpu_ns), ("by the clock", wall_ns)] {
            let at = |permille: usize| {
                let index = (times.len() * permille / 1_000).min(times.len().saturating_sub(1));
                times.get(index).map_or(0.0, |time| *time as f64 / 1e3)
            };
            let _ = writeln!(text, "| {name} | {:.1} | {:.1} | {:.1} |", at(500), at(990), at(1_000));
        }
    }

    fn add_programs(&self, text: &mut String) {
        let _ = writeln!(text, "\nprograms: us of processor time\n");
        let _ = writeln!(text, "| function | instructions | code, bytes | load and verify | compile |");
        let _ = writeln!(text, "|---|---|---|---|---|");
        for Program { function, instructions, code_bytes, verify_ns, compile_ns } in &self.programs {
            let (verify, compile) = (*verify_ns as f64 / 1e3, *compile_ns as f64 / 1e3);
            let _ =
                writeln!(text, "| {function} | {instructions} | {code_bytes} | {verify:.0} | {compile:.0} |");
        }
        let Many { programs, code_bytes, resident_bytes, install_ns, left } = self.many;
        let _ = writeln!(
            text,
            "\n{programs} of them in one arena: {:.1} MB of code, {:.1} MB more resident, {:.1} us to install one; \
             freed, {} programs and {} bytes are left",
            code_bytes as f64 / 1e6,
            resident_bytes as f64 / 1e6,
            install_ns as f64 / 1e3,
            left.0,
            left.1
        );
    }
}

/// The middle and the ends.
fn figures(rounds: &Rounds) -> String {
    let spread = rounds.spread();
    let text = |figure: f64| if figure < 100.0 { format!("{figure:.1}") } else { format!("{figure:.0}") };
    format!("{} ({}-{})", text(spread.median), text(spread.min), text(spread.max))
}
