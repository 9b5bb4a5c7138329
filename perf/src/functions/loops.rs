//! Loops over the input of a call, in all engines; and the helpers that do the same with vectors.

use std::path::Path;

use adit_function::records::Records;
use anyhow::Context;

use super::build::Build;
use super::engine::{Compiled, MODES, Timed, interpret};
use super::peer::Peer;
use crate::number::per;
use crate::spread::Spread;

/// A function and how much it is given.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(super) struct Case {
    pub(super) function: &'static str,
    pub(super) bytes: usize,
}

/// What a case costs each engine.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Loop {
    pub(super) case: Case,
    pub(super) engines: Vec<Rounds>,
}

/// Nanoseconds for a call in each round.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Rounds {
    pub(super) engine: String,
    pub(super) call_ns: Vec<f64>,
}

/// The cases that all engines run.
const LOOPS: [Case; 6] = [
    case("empty", 64),
    case("projection", 64),
    case("sum", 4 << 10),
    case("sum", 64 << 10),
    case("filter", 4 << 10),
    case("dense", 64 + 16 * 64),
];

/// The cases of helpers.
const HELPERS: [Case; 7] = [
    case("sum_helper", 4 << 10),
    case("sum_helper", 64 << 10),
    case("filter_helper", 4 << 10),
    case("max_helper", 4 << 10),
    case("count_helper", 4 << 10),
    case("crc_helper", 4 << 10),
    case("dense_helper", 64 + 16 * 64),
];

/// Runs all loops in all engines. The first one of each case is the peer in C.
///
/// # Errors
/// If an engine fails, or results differ.
pub(super) fn compare(
    build: &Build,
    engines: Option<&Path>,
    rounds: u32,
    going: impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Loop>> {
    let longest = LOOPS.iter().map(|case| case.bytes).max().unwrap_or_default();
    std::fs::write(build.path("input"), input(longest)).context("cannot write the input of the peers")?;
    let mut peers = vec![Peer::start("C, scalar", &build.path("peer"), &[&build.path("input")])?];
    if let Some(engines) = engines {
        build.for_engines()?;
        for name in ["rbpf", "rbpf-jit", "wasmtime"] {
            peers.push(Peer::start(name, engines, &[Path::new(name), &build.path("")])?);
        }
    }
    LOOPS.into_iter().map(|case| run(build, case, &mut peers, rounds, &going)).collect()
}

/// Runs the helpers, in all modes of compiled functions.
///
/// # Errors
/// As [`compare`].
pub(super) fn helpers(
    build: &Build,
    rounds: u32,
    going: impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Loop>> {
    HELPERS.into_iter().map(|case| run(build, case, &mut [], rounds, &going)).collect()
}

/// One case in all engines, in turns.
fn run(
    build: &Build,
    case: Case,
    peers: &mut [Peer],
    rounds: u32,
    going: &impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<Loop> {
    let verified = build.verified("programs.o", case.function)?;
    let mut compiled = Vec::new();
    for mode in MODES {
        compiled.push((mode.name, Compiled::new(&verified, mode)?));
    }
    let (input, records) = (input(case.bytes), Records::new(1));
    let interprets = !peers.is_empty();
    let calls = (CALL_BYTES / (case.bytes as u64 + 64)).max(50);
    let mut engines: Vec<Rounds> = Vec::new();
    for round in 0..=rounds {
        going()?;
        let mut measured: Vec<(String, Timed)> = Vec::new();
        for peer in peers.iter_mut() {
            measured.push((peer.name().to_owned(), peer.time(case.function, case.bytes, calls)?));
        }
        for (name, compiled) in &mut compiled {
            measured.push(((*name).to_owned(), compiled.time(&records, &input, calls)?));
        }
        if interprets {
            let calls = (calls / 50).max(2);
            measured.push(("interpreter".to_owned(), interpret(&verified, &input, calls)?));
        }
        let result = measured[0].1.result;
        for (index, (engine, timed)) in measured.into_iter().enumerate() {
            anyhow::ensure!(timed.result == result, "{engine} gives another result for {}", case.function);
            if round == 0 {
                // The first round warms caches and is not kept.
                engines.push(Rounds { engine, call_ns: Vec::new() });
            } else {
                engines[index].call_ns.push(per(timed.time_ns, timed.calls));
            }
        }
    }
    Ok(Loop { case, engines })
}

impl Rounds {
    /// Nanoseconds for a call.
    pub(super) fn spread(&self) -> Spread {
        Spread::of(self.call_ns.iter().copied())
    }

    /// How many times as long as the other one, round by round.
    pub(super) fn ratio(&self, other: &Self) -> Spread {
        Spread::of(self.call_ns.iter().zip(&other.call_ns).map(|(own, other)| own / other))
    }
}

/// The bytes that all engines are given, shorter ones as the beginning of longer ones: xorshift64.
pub(super) fn input(bytes: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..bytes / 8).flat_map(|_| next().to_le_bytes()).collect()
}

const fn case(function: &'static str, bytes: usize) -> Case {
    Case { function, bytes }
}

/// Bytes that the calls of a measurement go through: some milliseconds.
const CALL_BYTES: u64 = 64 << 20;
