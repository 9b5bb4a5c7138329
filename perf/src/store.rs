//! `adit perf store`: the key-value store against a hashbrown table, on one pinned thread without any network.
//!
//! Both get the same keys, values, hash, huge pages and batches, in turns of one run: the ratio is what counts, the
//! figures of one machine and hour are not.

mod table;

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;

use crate::cpu::{pin, thread_cpu_ns};
use crate::machine::Machine;
use crate::number::{grouped, nanoseconds};
use crate::random::{Random, mix};
use crate::report::write_json;
use crate::spread::Spread;
pub(crate) use table::store_with_room;
use table::{Adit, BATCH, KEY_BYTES, KeyBytes, Peer, Table, VALUE_BYTES, ValueBytes};

/// Rounds at least; fewer say nothing on a noisy machine.
const ROUNDS_MIN: u64 = 5;
/// Operations of one measurement, in whole batches.
const OPERATIONS: u64 = 1 << 20;
/// Most items: 16 GB of memory.
const ITEMS_MAX: u64 = 100_000_000;
/// An insert slower than this is looked at: did it run all the time?
const SLOW_NS: u64 = 2_000;
/// Seed of the order of keys.
const SEED: u64 = 1;

/// Arguments of `adit perf store`.
#[derive(Clone, Debug, clap::Args)]
pub struct StoreArguments {
    /// Items in the table, one run for each number
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [100_000, 1_000_000, 10_000_000],
        value_parser = clap::value_parser!(u64).range(1..=ITEMS_MAX))]
    items: Vec<u64>,
    /// Rounds; in each both are filled anew and measured in turn
    #[arg(long, value_name = "N", default_value_t = ROUNDS_MIN, value_parser = clap::value_parser!(u64).range(ROUNDS_MIN..))]
    rounds: u64,
    /// Write all rounds to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// All runs and where they were taken.
#[derive(Debug, serde::Serialize)]
struct Report {
    machine: Machine,
    key_bytes: usize,
    value_bytes: usize,
    batch: usize,
    runs: Vec<Run>,
}

/// The rounds at one number of items.
#[derive(Debug, serde::Serialize)]
struct Run {
    items: u64,
    adit: Vec<Round>,
    hashbrown: Vec<Round>,
}

/// Nanoseconds per operation of one table in one round.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Round {
    insert_mean_ns: f64,
    /// The slowest insert while the table grew to all its items, without the time that the thread did not run.
    insert_worst_ns: f64,
    /// Each waits for the one before.
    get_ns: f64,
    get_batch_ns: f64,
    put_ns: f64,
    put_batch_ns: f64,
}

/// A figure of a round, by name.
type Figure = (&'static str, fn(&Round) -> f64);

/// The rows of the table.
const FIGURES: [Figure; 6] = [
    ("GET one at a time", |round| round.get_ns),
    ("GET batch 16", |round| round.get_batch_ns),
    ("PUT one at a time", |round| round.put_ns),
    ("PUT batch 16", |round| round.put_batch_ns),
    ("insert while growing, mean", |round| round.insert_mean_ns),
    ("insert while growing, worst", |round| round.insert_worst_ns),
];

/// Runs the comparison and prints it.
pub(crate) fn run_store(arguments: &StoreArguments, interrupted: &AtomicBool) -> anyhow::Result<()> {
    let machine = Machine::here();
    pin().context("cannot pin the thread to a core")?;
    let mut report =
        Report { machine, key_bytes: KEY_BYTES, value_bytes: VALUE_BYTES, batch: BATCH, runs: Vec::new() };
    for items in arguments.items.iter().copied() {
        let run = compare(items, arguments.rounds, interrupted)?;
        print!("{}", run.text());
        report.runs.push(run);
    }
    println!("{}", report.machine_text());
    match &arguments.json {
        Some(path) => write_json(path, &report).context("--json"),
        None => Ok(()),
    }
}

/// Rounds A B A B ... at one number of items.
fn compare(items: u64, rounds: u64, interrupted: &AtomicBool) -> anyhow::Result<Run> {
    let mut run = Run { items, adit: Vec::new(), hashbrown: Vec::new() };
    for round in 0..rounds {
        if interrupted.load(Ordering::Relaxed) {
            anyhow::bail!("interrupted");
        }
        eprintln!("{} items, round {} of {rounds}", grouped(items), round + 1);
        run.adit.push(measure::<Adit>(items)?);
        run.hashbrown.push(measure::<Peer>(items)?);
    }
    Ok(run)
}

/// One round of one table: fills it and measures each operation.
fn measure<T: Table>(items: u64) -> anyhow::Result<Round> {
    let mut table = T::with_room(items)?;
    let (insert_mean_ns, insert_worst_ns) = fill(&mut table, items);
    let keys = Keys { items };
    Ok(Round {
        insert_mean_ns,
        insert_worst_ns,
        get_ns: reads(&mut table, keys),
        get_batch_ns: read_batches(&mut table, keys),
        put_ns: writes(&mut table, keys),
        put_batch_ns: write_batches(&mut table, keys),
    })
}

/// Inserts all items, each timed on its own. Mean and worst.
fn fill<T: Table>(table: &mut T, items: u64) -> (f64, f64) {
    let begin = Instant::now();
    let cpu_begin_ns = thread_cpu_ns();
    let (mut before, mut worst_ns, mut off_cpu_ns) = (begin, 0, 0);
    for number in 0..items {
        table.write(&key(number), &[7; VALUE_BYTES]);
        let mut now = Instant::now();
        let insert_ns = nanoseconds(now - before);
        if insert_ns > SLOW_NS {
            // What the thread did not run since the last look is the scheduler's doing, not the table's.
            let off_before_ns = off_cpu_ns;
            now = Instant::now();
            off_cpu_ns = nanoseconds(now - begin).saturating_sub(thread_cpu_ns() - cpu_begin_ns);
            let ran_ns = insert_ns.saturating_sub(off_cpu_ns.saturating_sub(off_before_ns));
            worst_ns = worst_ns.max(ran_ns);
        }
        worst_ns = worst_ns.max(insert_ns.min(SLOW_NS));
        before = now;
    }
    (per_operation(begin, items), worst_ns as f64)
}

/// The keys of a run, chosen uniformly.
#[derive(Clone, Copy)]
struct Keys {
    items: u64,
}

impl Keys {
    fn batch(self, random: &mut Random) -> [KeyBytes; BATCH] {
        std::array::from_fn(|_| key(random.below(self.items)))
    }
}

/// Reads of which each names the next: the latency of one.
fn reads<T: Table>(table: &mut T, keys: Keys) -> f64 {
    let mut random = Random::new(SEED, 1);
    let mut value: ValueBytes = [0; VALUE_BYTES];
    let mut found = 0;
    let begin = Instant::now();
    for _ in 0..OPERATIONS {
        // Every value holds equal bytes: adding their difference changes nothing but must wait for it.
        let wait = u64::from(value[0] ^ value[VALUE_BYTES - 1]);
        found += u64::from(table.read(&key(random.below(keys.items) + wait), &mut value));
    }
    let spent = per_operation(begin, OPERATIONS);
    assert_eq!(found, OPERATIONS, "all keys are there");
    spent
}

fn read_batches<T: Table>(table: &mut T, keys: Keys) -> f64 {
    let mut random = Random::new(SEED, 2);
    let mut values = [[0; VALUE_BYTES]; BATCH];
    let mut found = 0;
    let begin = Instant::now();
    for _ in 0..OPERATIONS / BATCH as u64 {
        found += table.read_batch(&keys.batch(&mut random), &mut values);
        black_box(&values);
    }
    let spent = per_operation(begin, OPERATIONS);
    assert_eq!(found as u64, OPERATIONS, "all keys are there");
    spent
}

fn writes<T: Table>(table: &mut T, keys: Keys) -> f64 {
    let mut random = Random::new(SEED, 3);
    // Written once: a value just stored byte by byte would stall the copy, which a received one does not.
    let value = black_box([8; VALUE_BYTES]);
    let begin = Instant::now();
    for _ in 0..OPERATIONS {
        table.write(&key(random.below(keys.items)), &value);
    }
    per_operation(begin, OPERATIONS)
}

fn write_batches<T: Table>(table: &mut T, keys: Keys) -> f64 {
    let mut random = Random::new(SEED, 4);
    let value = black_box([9; VALUE_BYTES]);
    let begin = Instant::now();
    for _ in 0..OPERATIONS / BATCH as u64 {
        table.write_batch(&keys.batch(&mut random), &value);
    }
    per_operation(begin, OPERATIONS)
}

/// Key number `number`: all numbers give different keys of random looks.
fn key(number: u64) -> KeyBytes {
    let mut key = [b'k'; KEY_BYTES];
    key[..8].copy_from_slice(&mix(number).to_le_bytes());
    key[16..].copy_from_slice(&number.to_le_bytes());
    key
}

fn per_operation(begin: Instant, operations: u64) -> f64 {
    nanoseconds(begin.elapsed()) as f64 / operations as f64
}

impl Run {
    /// The run as a Markdown table.
    fn text(&self) -> String {
        let mut text = format!(
            "\n{} items, {} rounds; ns per operation: median (least-most)\n\n| | adit | hashbrown | hashbrown / adit |\n|---|---|---|---|\n",
            grouped(self.items),
            self.adit.len()
        );
        for (name, figure) in FIGURES {
            let adit = Spread::of(self.adit.iter().map(figure));
            let peer = Spread::of(self.hashbrown.iter().map(figure));
            let pairs = self.adit.iter().zip(&self.hashbrown);
            let ratio = Spread::of(pairs.map(|(adit, peer)| figure(peer) / figure(adit)));
            let row = format!("| {name} | {} | {} | {} |", adit.text(), peer.text(), ratio.ratio_text());
            writeln!(text, "{row}").expect("strings take all that is written");
        }
        text
    }
}

impl Report {
    fn machine_text(&self) -> String {
        let Machine { cpu_model, cores, kernel, load_average, .. } = &self.machine;
        let sizes = format!("keys {} B, values {} B, uniform", self.key_bytes, self.value_bytes);
        format!("\n{cpu_model}, {cores} cores, {kernel}, load {load_average}; {sizes}; one pinned thread")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_a_table_with_a_row_for_each_figure() {
        let run = compare(1_000, 1, &AtomicBool::new(false)).unwrap();
        let text = run.text();
        assert_eq!(text.lines().filter(|line| line.starts_with("| ")).count(), FIGURES.len() + 1, "{text}");
    }

    #[test]
    fn an_interrupted_run_ends() {
        assert!(compare(1_000, 1, &AtomicBool::new(true)).is_err());
    }
}
