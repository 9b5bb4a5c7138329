//! Caches that evict: which share of requests Adit and Redis find when a part of the keys fits.
//!
//! Both get the same requests, GET and on a miss SET. The memory of each is set so that the same number of keys stays, as
//! a key does not take the same room in both; then Adit once more with Redis's memory.

mod cache;
mod page;
mod reference;
mod stream;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::ensure;

use crate::compare::eviction::cache::{Cache, Kind};
use crate::compare::eviction::reference::Reference;
pub(crate) use crate::compare::eviction::stream::KEYS_MAX;
use crate::compare::eviction::stream::{Counts, Draw, Stream};
use crate::compare::write_report;
use crate::dataset::{Dataset, key_bytes_min};
use crate::machine::{Machine, load_average};
use crate::number::{grouped, index, per, whole};
use crate::sizes::Sizes;

/// How large the comparison is, and what is started.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Keys that are asked for; half of them are to stay.
    pub(crate) keys: u64,
    pub(crate) requests: u64,
    /// The program started as Adit.
    pub(crate) program: PathBuf,
    pub(crate) adit_shards: u16,
    /// Redis takes Adit's place: what two equal servers differ by.
    pub(crate) is_same: bool,
}

impl Plan {
    pub(crate) fn requests_of(keys: u64, is_quick: bool) -> u64 {
        keys.saturating_mul(if is_quick { REQUESTS_PER_KEY_QUICK } else { REQUESTS_PER_KEY })
    }
}

/// The result, as written to JSON.
#[derive(Clone, Debug, serde::Serialize)]
struct Report {
    machine: Machine,
    load_average_after: String,
    keys: u64,
    requests: u64,
    key_distribution: &'static str,
    reference: Reference,
    rows: Vec<Row>,
}

/// One server in one run.
#[derive(Clone, Debug, serde::Serialize)]
struct Row {
    values: &'static str,
    /// What was made equal: keys or bytes.
    equal: &'static str,
    server: String,
    version: String,
    command: String,
    outcome: Outcome,
}

/// What a run showed. Counts are of its second half.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Outcome {
    maxmemory_bytes: u64,
    used_memory_bytes: u64,
    rss_bytes: u64,
    /// Mean of the samples taken.
    resident_keys: u64,
    requests: u64,
    hits: u64,
    /// SETs that were refused, of the whole run.
    refused: u64,
    evicted_keys: Option<u64>,
    elapsed_s: f64,
    server_cpu_ns_per_request: f64,
}

/// Runs all of it and writes `eviction.md` and `eviction.json`.
pub(crate) fn run_eviction(plan: &Plan, directory: &Path, interrupted: &AtomicBool) -> anyhow::Result<()> {
    let machine = Machine::here();
    let mut rows = Vec::new();
    for (values, sizes) in sizes(plan.keys) {
        let contest = Contest { plan, dataset: Dataset::new(sizes, plan.keys, SEED)?, values, interrupted };
        rows.extend(contest.rows()?);
    }
    let report = Report {
        machine,
        load_average_after: load_average(),
        keys: plan.keys,
        requests: plan.requests,
        key_distribution: "zipf 0.99, scattered",
        reference: Reference::of(Draw::new(plan.keys, SEED), plan.keys, plan.requests),
        rows,
    };
    let page = page::markdown(&report);
    write_report(directory, "eviction", &report, &page)?;
    print!("{page}");
    Ok(())
}

fn sizes(keys: u64) -> [(&'static str, Sizes); 2] {
    let etc = Sizes::Etc { seed: SEED, key_bytes_min: key_bytes_min(keys) };
    [("100 B", Sizes::Fixed { key_bytes: KEY_BYTES, value_bytes: VALUE_BYTES }), ("ETC", etc)]
}

/// Both servers under the requests of one data set.
struct Contest<'a> {
    plan: &'a Plan,
    dataset: Dataset,
    values: &'static str,
    interrupted: &'a AtomicBool,
}

impl Contest<'_> {
    fn rows(&self) -> anyhow::Result<Vec<Row>> {
        let adit = Kind::Adit { shards: self.plan.adit_shards };
        let subject = if self.plan.is_same { Kind::Redis } else { adit };
        let redis_bytes = self.calibrate(Kind::Redis)?;
        let subject_bytes = self.calibrate(subject)?;
        Ok(vec![
            self.row(subject, subject_bytes, "keys")?,
            self.row(Kind::Redis, redis_bytes, "keys")?,
            self.row(subject, redis_bytes, "bytes")?,
        ])
    }

    /// The maxmemory at which half of the keys stay.
    fn calibrate(&self, kind: Kind) -> anyhow::Result<u64> {
        let mut cache = self.start(kind)?;
        let target = self.plan.keys / 2;
        let empty_bytes = cache.used_memory()?;
        let mut memory_bytes = empty_bytes + target * (self.mean_bytes() + KEY_OVERHEAD_BYTES);
        let mut best = (u64::MAX, memory_bytes);
        let mut stream = self.stream();
        cache.limit(memory_bytes)?;
        stream.fill(&mut cache.client)?;
        for _ in 0..CALIBRATIONS_MAX {
            self.requests(&mut stream, &mut cache, self.plan.keys / 2)?;
            let keys = cache.keys()?;
            best = best.min((keys.abs_diff(target), memory_bytes));
            if best.0 * TOLERANCE_PARTS <= target {
                break;
            }
            let per_key = per(memory_bytes.saturating_sub(empty_bytes), keys.max(1));
            memory_bytes = empty_bytes + whole(per_key * target as f64);
            cache.limit(memory_bytes)?;
        }
        let (missed, memory_bytes) = best;
        let name = &cache.contender.facts.name;
        eprintln!(
            "{}: {name} keeps {} keys but for {missed} in {} B",
            self.values,
            target,
            grouped(memory_bytes)
        );
        Ok(memory_bytes)
    }

    fn row(&self, kind: Kind, memory_bytes: u64, equal: &'static str) -> anyhow::Result<Row> {
        let mut cache = self.start(kind)?;
        let outcome = self.measure(&mut cache, memory_bytes)?;
        let facts = &cache.contender.facts;
        eprintln!(
            "{}, equal {equal}: {} finds {:.2} % with {} keys",
            self.values,
            facts.name,
            100.0 * per(outcome.hits, outcome.requests),
            grouped(outcome.resident_keys)
        );
        let command = facts.commands.join(" ");
        let (server, version) = (facts.name.clone(), facts.version.clone());
        Ok(Row { values: self.values, equal, server, version, command, outcome })
    }

    /// A full run on a fresh server: every key once, then the requests, of which the second half counts.
    fn measure(&self, cache: &mut Cache, memory_bytes: u64) -> anyhow::Result<Outcome> {
        let mut stream = self.stream();
        cache.limit(memory_bytes)?;
        let mut refused = stream.fill(&mut cache.client)?.refused;
        refused += self.requests(&mut stream, cache, self.plan.requests / 2)?.refused;
        let (cpu_before_ns, started) = (cache.cpu_ns()?, std::time::Instant::now());
        let (mut counts, mut keys) = (Counts::default(), 0);
        for _ in 0..SAMPLES {
            counts.add(self.requests(&mut stream, cache, self.plan.requests / 2 / SAMPLES)?);
            keys += cache.keys()?;
        }
        Ok(Outcome {
            maxmemory_bytes: memory_bytes,
            used_memory_bytes: cache.used_memory()?,
            rss_bytes: cache.resident_bytes()?,
            resident_keys: keys / SAMPLES,
            requests: counts.requests,
            hits: counts.hits,
            refused: refused + counts.refused,
            evicted_keys: cache.client.info("evicted_keys")?,
            elapsed_s: started.elapsed().as_secs_f64(),
            server_cpu_ns_per_request: per(cache.cpu_ns()? - cpu_before_ns, counts.requests),
        })
    }

    /// `count` requests, in parts that Ctrl-C ends.
    fn requests(&self, stream: &mut Stream<'_>, cache: &mut Cache, count: u64) -> anyhow::Result<Counts> {
        let (mut counts, mut rest) = (Counts::default(), count);
        while rest > 0 {
            ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted; nothing was written");
            let part = rest.min(REQUESTS_AT_ONCE);
            counts.add(stream.run(&mut cache.client, part)?);
            rest -= part;
        }
        Ok(counts)
    }

    fn start(&self, kind: Kind) -> anyhow::Result<Cache> {
        Cache::start(kind, &self.plan.program, self.plan.keys * (self.mean_bytes() + KEY_OVERHEAD_BYTES))
    }

    fn stream(&self) -> Stream<'_> {
        Stream::new(&self.dataset, self.plan.keys, SEED)
    }

    /// Mean bytes of a key and its value.
    fn mean_bytes(&self) -> u64 {
        let sizes = &self.dataset.sizes;
        let looked_at = self.plan.keys.min(KEYS_LOOKED_AT);
        let bytes = (0..looked_at).map(|key| sizes.key_bytes(key) + sizes.value_bytes(key)).sum::<usize>();
        (bytes / index(looked_at).max(1)) as u64
    }
}

const SEED: u64 = 1;
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 100;
const REQUESTS_PER_KEY: u64 = 16;
const REQUESTS_PER_KEY_QUICK: u64 = 4;
const KEYS_LOOKED_AT: u64 = 100_000;
/// A first guess of what a key takes beside its bytes.
const KEY_OVERHEAD_BYTES: u64 = 72;
const CALIBRATIONS_MAX: u32 = 10;
/// A calibration ends when it is as near as 1 / this.
const TOLERANCE_PARTS: u64 = 500;
const SAMPLES: u64 = 20;
const REQUESTS_AT_ONCE: u64 = 65_536;
