//! The measurement: a client and a shard with all their items, and how long operations take them.

use std::hint::black_box;
use std::time::Instant;

use adit_store::kv::Store;

use super::pair::{Pair, Time};
use super::stages::{Depth, Stages};
use super::work::{KEY_BYTES, Kind, Work};
use crate::cpu::thread_cpu_ns;
use crate::number::{index, nanoseconds};
use crate::store::store_with_room;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Case {
    pub(super) operation: Kind,
    /// Operations that are on their way together.
    pub(super) in_flight: usize,
    pub(super) value_bytes: usize,
    pub(super) items: u64,
}

/// What an operation costs: nanoseconds of processor time, or instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Cost {
    /// The client, from the operation to the frame and from the frame to the completion.
    pub(super) client: f64,
    /// The turn of the shard.
    pub(super) shard: f64,
    /// The stages of a request on a shard, by themselves, where they are known: the rest of the turn is the session's and the
    /// loop's.
    pub(super) stages: Option<StageCost>,
}

/// What the stages of a request cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct StageCost {
    pub(super) decode: f64,
    pub(super) execute: f64,
    pub(super) encode: f64,
}

/// A client and a shard that have all items of some length, and the stages of a shard with the same items.
pub(super) struct Bench {
    pair: Pair,
    work: Work,
    stages: Stages,
}

impl Cost {
    /// All of it.
    pub(super) fn sum(&self) -> f64 {
        self.client + self.shard
    }
}

impl Bench {
    /// With so many items, all written by the client.
    pub(super) fn new(items: u64, value_bytes: usize, time: Time) -> anyhow::Result<Self> {
        let mut pair = Pair::new(store(items, value_bytes)?, time)?;
        let mut work = Work::fill(items, value_bytes);
        for begin in (0..items).step_by(FILL_BATCH) {
            pair.exchange(&mut work, index(items - begin).min(FILL_BATCH), Pair::serve)?;
        }
        let stages = Stages::new(store(items, value_bytes)?, items, value_bytes)?;
        Ok(Self { pair, work, stages })
    }

    /// Nanoseconds of each of `operations` operations.
    pub(super) fn time(&mut self, case: Case, operations: u64) -> anyhow::Result<Cost> {
        let turns = operations / case.in_flight as u64;
        let per_operation = |spent_ns: f64| spent_ns / (turns * case.in_flight as u64) as f64;
        self.work.turn_to(case.operation);
        self.exchanges(case, turns / WARM_UP_PARTS)?;
        let begin_ns = thread_cpu_ns();
        self.exchanges(case, turns)?;
        let sum = per_operation((thread_cpu_ns() - begin_ns) as f64);
        let shard = sum * self.shard_share(case, turns)?;
        Ok(Cost {
            client: sum - shard,
            shard,
            stages: self.time_stages(case, turns).map(|cost| cost.of(per_operation)),
        })
    }

    /// Turns of both that callgrind counts: see `instructions.rs`.
    #[inline(never)]
    pub(super) fn counted_exchanges(&mut self, case: Case, turns: u64) -> anyhow::Result<()> {
        self.exchanges(case, turns)
    }

    /// Stages that callgrind counts.
    #[inline(never)]
    pub(super) fn counted_stages(&mut self, case: Case, turns: u64) {
        self.run_stages(case, turns, Depth::Encoded);
    }

    pub(super) fn turn_to(&mut self, case: Case) {
        self.work.turn_to(case.operation);
        self.stages.turn_to(case.operation);
    }

    fn exchanges(&mut self, case: Case, turns: u64) -> anyhow::Result<()> {
        (0..turns).try_for_each(|_| self.pair.exchange(&mut self.work, case.in_flight, Pair::serve))
    }

    /// The shard's share of the time, without what looking at the clock costs. A share, since whoever else runs on this core
    /// takes from both sides alike.
    fn shard_share(&mut self, case: Case, turns: u64) -> anyhow::Result<f64> {
        let (mut shard_ns, mut looks) = (0, 0);
        let all = Instant::now();
        for _ in 0..turns {
            self.pair.exchange(&mut self.work, case.in_flight, |pair| {
                let begin = Instant::now();
                pair.serve();
                shard_ns += nanoseconds(begin.elapsed());
                looks += 1;
            })?;
        }
        let (all_ns, looks_ns) = (nanoseconds(all.elapsed()) as f64, look_ns() * f64::from(looks));
        // Each turn has a look before it and one behind it, of which one counts as the shard's.
        Ok((shard_ns as f64 - looks_ns) / (all_ns - 2.0 * looks_ns))
    }

    /// The stages of operations that have them, as differences: each run goes one stage further.
    fn time_stages(&mut self, case: Case, turns: u64) -> Option<StageCost> {
        if !Stages::has(case.operation) {
            return None;
        }
        self.stages.turn_to(case.operation);
        let [built, decoded, executed, encoded] =
            [Depth::Built, Depth::Decoded, Depth::Executed, Depth::Encoded].map(|depth| {
                let begin_ns = thread_cpu_ns();
                self.run_stages(case, turns, depth);
                (thread_cpu_ns() - begin_ns) as f64
            });
        Some(StageCost { decode: decoded - built, execute: executed - decoded, encode: encoded - executed })
    }

    fn run_stages(&mut self, case: Case, turns: u64, depth: Depth) {
        for _ in 0..turns {
            black_box(self.stages.run(case.in_flight, depth));
        }
    }
}

impl StageCost {
    fn of(self, each: impl Fn(f64) -> f64) -> Self {
        Self { decode: each(self.decode), execute: each(self.execute), encode: each(self.encode) }
    }
}

/// What the clock costs between two looks.
fn look_ns() -> f64 {
    let spent_ns: u64 = (0..LOOKS).map(|_| nanoseconds(Instant::now().elapsed())).sum();
    spent_ns as f64 / f64::from(LOOKS)
}

/// A store with memory for so many items.
fn store(items: u64, value_bytes: usize) -> anyhow::Result<Store> {
    let item_bytes = (ITEM_HEAD_BYTES + KEY_BYTES + value_bytes) as u64;
    // The classes of lengths are up to a quarter apart.
    store_with_room(items, item_bytes.div_ceil(4) * 5, SPARE_PAGES)
}

/// Operations together while items are written.
const FILL_BATCH: usize = 16;
/// Such a part of the operations is done before the clock runs.
const WARM_UP_PARTS: u64 = 8;
const LOOKS: u32 = 10_000;
const ITEM_HEAD_BYTES: usize = 48;
/// For the pages that each class of lengths begins.
const SPARE_PAGES: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_answered_and_costs_something() {
        let mut bench = Bench::new(1_000, 64, Time::Real).unwrap();
        for operation in Kind::ALL {
            for in_flight in [1, 16] {
                let case = Case { operation, in_flight, value_bytes: 64, items: 1_000 };
                let cost = bench.time(case, 1_000).unwrap();
                assert!(cost.client > 0.0 && cost.shard > 0.0, "{case:?}: {cost:?}");
                assert_eq!(cost.stages.is_some(), Stages::has(operation));
                bench.turn_to(case);
                bench.counted_exchanges(case, 10).unwrap();
            }
        }
    }

    #[test]
    fn stages_do_what_they_are_named_for() {
        for (operation, depth) in [(Kind::Get, Depth::Encoded), (Kind::Put, Depth::Executed)] {
            let mut stages = Stages::new(store(100, 64).unwrap(), 100, 64).unwrap();
            stages.turn_to(operation);
            assert!(stages.run(16, Depth::Built) > 64);
            assert_eq!(stages.run(16, Depth::Decoded), 16);
            // Of a GET the bytes of all replies, of a PUT one for each.
            let expected = if operation == Kind::Get { 16 * (64 + 16) } else { 16 };
            assert_eq!(stages.run(16, depth), expected);
        }
    }
}
