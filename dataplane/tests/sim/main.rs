//! Shards and clients on one thread under a seed: partial reads, slow readers, resets, clock jumps, stalled shards.
//!
//! Every client knows what each of its replies must be, byte for byte: it owns its keys, and a connection's requests
//! are executed in order. What clients share are counters, whose sums must come out. At the end nothing may be held.
//! `ADIT_SIM_SEED=n` runs one seed, `ADIT_SIM_SEEDS=n` that many from 0.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it must be")]

mod client;
mod model;
mod strict;
mod uploads;
mod visitor;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::World;

fn environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn run(seeds: impl Iterator<Item = u64>) {
    let mut requests = 0;
    let mut count = 0;
    for seed in seeds {
        let run = catch_unwind(AssertUnwindSafe(|| World::new(seed).run()));
        requests += run.unwrap_or_else(|_| panic!("replay with ADIT_SIM_SEED={seed}"));
        count += 1;
    }
    println!("{count} seeds, {requests} requests");
    assert!(requests > 0);
}

#[test]
fn clients_see_what_they_wrote_and_nothing_is_leaked() {
    match environment("ADIT_SIM_SEED") {
        Some(seed) => run(seed..=seed),
        None => run(0..environment("ADIT_SIM_SEEDS").unwrap_or(SEEDS)),
    }
}

#[test]
fn a_seed_runs_the_same_every_time() {
    let trace = |seed| {
        let mut world = World::new(seed);
        world.run();
        world.trace
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
}

/// Seeds of a run of the tests.
const SEEDS: u64 = 400;
