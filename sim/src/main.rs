//! `adit-sim`: runs seeds, and says which fail.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use adit_sim::frames::attack;
use adit_sim::loss::{Additions, add};
use adit_sim::plan::Plan;
use adit_sim::run::{run, shrink, text_of};
use adit_sim::world::Tally;
use clap::Parser;

/// Runs the appliance, its clients and their network on one thread under a seed, and judges what comes of it.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them; without it, any
    #[arg(long)]
    from: Option<u64>,
    /// Run this seed alone, and shrink its plan if it fails
    #[arg(long)]
    seed: Option<u64>,
    /// Threads
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// Print all failing seeds and end well, whatever fails
    #[arg(long)]
    count: bool,
    /// Give a shard so many hostile frames instead
    #[arg(long)]
    frames: Option<u64>,
    /// Measure what loss costs instead
    #[arg(long)]
    loss: bool,
    /// Say every so many seconds how far it is
    #[arg(long, default_value_t = 30)]
    every: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // What fails is told below.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(count) = arguments.frames {
        return hostile_frames(count, &arguments);
    }
    if arguments.loss {
        loss(arguments.seed.unwrap_or_else(any_seed));
        return Ok(());
    }
    if let Some(seed) = arguments.seed {
        return one(seed);
    }
    let from = arguments.from.unwrap_or_else(any_seed);
    let (next, end) = (AtomicU64::new(from), from.saturating_add(arguments.seeds));
    let start = Instant::now();
    let (sender, results) = channel();
    let (mut tally, mut failed, mut done) = (Tally::default(), Vec::new(), 0);
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || sender.send((seed, run(&Plan::of(seed)))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut told = start;
        for (seed, result) in results {
            done += 1;
            match result {
                Ok(more) => tally.add(&more),
                Err(error) => {
                    println!("seed {seed} fails: {}", first_line(&error));
                    failed.push(seed);
                    if !arguments.count && failed.len() >= FAILURES_MAX {
                        next.store(end, Ordering::Relaxed);
                    }
                }
            }
            if told.elapsed() >= Duration::from_secs(arguments.every) {
                told = Instant::now();
                let rate = done as f64 / start.elapsed().as_secs_f64();
                println!("{done} seeds, {} failed, {rate:.0} seeds/s", failed.len());
            }
        }
    });
    let rate = done as f64 / start.elapsed().as_secs_f64();
    println!("{done} seeds from {from}: {} failed, {rate:.0} seeds/s", failed.len());
    println!("{tally:?}");
    if arguments.count || failed.is_empty() {
        return Ok(());
    }
    println!("look at one: scripts/sim --seed {}", failed[0]);
    std::process::exit(1);
}

/// Gives shards, one on each thread, hostile frames under seeds that follow each other.
fn hostile_frames(count: u64, arguments: &Arguments) -> anyhow::Result<()> {
    let from = arguments.from.unwrap_or_else(any_seed);
    let (next, start) = (AtomicU64::new(0), Instant::now());
    let runs = count.div_ceil(FRAMES_PER_SEED);
    let failed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= runs {
                        return;
                    }
                    match std::panic::catch_unwind(|| attack(FRAMES_PER_SEED, from + index)) {
                        Ok(report) if index == 0 => println!("seed {from}: {report:?}"),
                        Ok(_) => {}
                        Err(panic) => {
                            println!("seed {} fails: {}", from + index, text_of(&*panic));
                            failed.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (frames, took) = (runs * FRAMES_PER_SEED, start.elapsed().as_secs_f64());
    println!("{frames} frames from seed {from}: {:.0} frames/s", frames as f64 / took);
    anyhow::ensure!(failed.into_inner() == 0, "some seeds fail");
    Ok(())
}

/// Additions without loss and with 1 %, over round trips of a rack and of a city.
fn loss(seed: u64) {
    for round_trip_ns in [50_000, 100_000, 1_000_000] {
        let [without, with] = [0, 100].map(|one_in| add(ADDITIONS, 32, round_trip_ns, one_in, seed));
        let rate = |additions: Additions| ADDITIONS as f64 / (additions.took_ns as f64 / 1e9);
        println!(
            "round trip {} us, 32 in flight: {:.0}/s without loss, {:.0}/s with 1 % ({:.1} %); sums {} and {}, {} lost, \
             {} sent again",
            round_trip_ns / 1_000,
            rate(without),
            rate(with),
            100.0 * rate(with) / rate(without),
            without.sum,
            with.sum,
            with.lost,
            with.retransmissions
        );
        assert!(
            without.sum == with.sum && with.sum.unsigned_abs() == ADDITIONS,
            "additions are lost or doubled"
        );
    }
}

/// Runs one seed; if it fails, says the least that fails.
fn one(seed: u64) -> anyhow::Result<()> {
    let plan = Plan::of(seed);
    match run(&plan) {
        Ok(tally) => {
            println!("seed {seed} passes: {tally:?}");
            Ok(())
        }
        Err(error) => {
            println!("seed {seed} fails: {error}");
            let least = shrink(&plan, SHRINKING_RUNS);
            println!(
                "the least of its plan that fails, {} of {} actions:",
                least.actions.len(),
                plan.actions.len()
            );
            println!("{least:#?}");
            println!("{}", run(&least).err().unwrap_or_default());
            std::process::exit(1);
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(160).collect()
}

fn any_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // Short, to be typed.
    RandomState::new().build_hasher().finish() >> 24
}

/// Failures after which it ends.
const FAILURES_MAX: usize = 10;
const SHRINKING_RUNS: u32 = 3_000;
/// Hostile frames of one seed.
const FRAMES_PER_SEED: u64 = 1_000_000;
/// Additions of one measurement of loss.
const ADDITIONS: u64 = 100_000;
