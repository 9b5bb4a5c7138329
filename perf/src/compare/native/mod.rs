//! The native protocol beside memcached over UDP: CPU per request, and the round trip of a lone client.
//!
//! One load generator and one kind of socket for both; they take turns, so that each figure has its peer's beside it.

mod page;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail, ensure};

use crate::compare::contender::Contender;
use crate::compare::result::{Facts, Sample, Spread, Transport};
use crate::dataset::Dataset;
use crate::load::Limit;
use crate::machine::{Machine, load_average};
use crate::number::microseconds;
use crate::report::write_json;
use crate::sizes::Sizes;
use crate::tally::{Latency, Tally};
use crate::window::{Way, WindowLoad, run_window};
use crate::workload::Mix;

/// How large the comparison is.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct NativePlan {
    pub(crate) keys: u64,
    /// Turns of each way.
    pub(crate) pairs: u16,
    /// Of a turn.
    pub(crate) seconds: f64,
}

/// The result, as written to JSON.
#[derive(Clone, Debug, serde::Serialize)]
struct Report {
    machine: Machine,
    load_average_after: String,
    adit: Facts,
    memcached: Facts,
    terms: NativePlan,
    key_bytes: usize,
    value_bytes: usize,
    cases: Vec<Case>,
}

/// What clients do.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Work {
    operation: Mix,
    clients: u64,
    in_flight: usize,
    ways: &'static [Way],
}

/// What clients did, in every way; memcached is the first.
#[derive(Clone, Debug, serde::Serialize)]
struct Case {
    work: Work,
    runs: Vec<Run>,
}

/// The turns of one way.
#[derive(Clone, Debug, serde::Serialize)]
struct Run {
    way: Way,
    samples: Vec<Sample>,
    /// Of all turns together.
    latency: Latency,
}

impl Case {
    /// What `figure` says of each turn of memcached over the same of `run`.
    fn times_less(&self, run: &Run, figure: fn(&Sample) -> f64) -> Spread {
        let memcached = self.runs.first().into_iter().flat_map(|first| &first.samples);
        let pairs = memcached.zip(&run.samples).filter(|(_, subject)| figure(subject) > 0.0);
        Spread::of(pairs.map(|(baseline, subject)| figure(baseline) / figure(subject)))
    }
}

impl Run {
    fn spread(&self, figure: fn(&Sample) -> f64) -> Spread {
        Spread::of(self.samples.iter().map(figure))
    }
}

fn cpu_ns(sample: &Sample) -> f64 {
    sample.server_cpu_ns_per_operation
}

/// Runs all of it and writes `native.md` and `native.json`.
pub(crate) fn run_native(
    plan: NativePlan,
    adit: &Contender,
    memcached: &Contender,
    directory: &Path,
    interrupted: &AtomicBool,
) -> anyhow::Result<()> {
    let machine = Machine::here();
    let sizes = Sizes::Fixed { key_bytes: KEY_BYTES, value_bytes: VALUE_BYTES };
    let contest =
        Contest { plan, adit, memcached, dataset: Dataset::new(sizes, plan.keys, SEED)?, interrupted };
    contest.preload()?;
    let report = Report {
        machine,
        cases: WORK.iter().map(|work| contest.case(*work)).collect::<anyhow::Result<_>>()?,
        load_average_after: load_average(),
        adit: adit.facts.clone(),
        memcached: memcached.facts.clone(),
        terms: plan,
        key_bytes: KEY_BYTES,
        value_bytes: VALUE_BYTES,
    };
    write_json(&directory.join("native.json"), &report)?;
    let (page, path) = (page::markdown(&report), directory.join("native.md"));
    std::fs::write(&path, &page).with_context(|| format!("cannot write {}", path.display()))?;
    print!("{page}");
    Ok(())
}

struct Contest<'a> {
    plan: NativePlan,
    adit: &'a Contender,
    memcached: &'a Contender,
    dataset: Dataset,
    interrupted: &'a AtomicBool,
}

impl Contest<'_> {
    fn preload(&self) -> anyhow::Result<()> {
        for way in [Way::MemcachedUdp, Way::NativeUdp] {
            self.turn(&self.load(&WORK[0], way)?.preload())?;
        }
        Ok(())
    }

    fn case(&self, work: Work) -> anyhow::Result<Case> {
        let mut turns: Vec<_> = work.ways.iter().map(|way| (*way, Vec::new(), Tally::new())).collect();
        for _ in 0..self.plan.pairs {
            for (way, samples, total) in &mut turns {
                let tally = self.turn(&self.load(&work, *way)?)?;
                samples.push(Sample::without_curve(&tally));
                total.append(tally);
            }
        }
        let run =
            |(way, samples, total): (Way, Vec<Sample>, Tally)| Run { way, samples, latency: total.latency() };
        let case = Case { work, runs: turns.into_iter().map(run).collect() };
        for run in &case.runs {
            let cpu_us = microseconds(run.spread(cpu_ns).median);
            eprintln!(
                "{:?} {} x {}: {} CPU {cpu_us} us",
                work.operation,
                work.clients,
                work.in_flight,
                run.way.name()
            );
        }
        Ok(case)
    }

    /// One turn; anything but success is an error.
    fn turn(&self, load: &WindowLoad) -> anyhow::Result<Tally> {
        let name = load.way.name();
        let tally = run_window(load, self.interrupted).context(name)?;
        ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted; nothing was written");
        if let Some(error) = &tally.first_error {
            bail!("{name}: {} requests were refused: {error}", tally.errors);
        }
        ensure!(tally.misses == 0, "{name}: {} keys are lost: more memory is needed", tally.misses);
        ensure!(tally.operations > 0, "{name}: nothing was answered");
        Ok(tally)
    }

    fn load(&self, work: &Work, way: Way) -> anyhow::Result<WindowLoad> {
        let contender = if way == Way::MemcachedUdp { self.memcached } else { self.adit };
        // Native clients find TCP on the port of UDP.
        let endpoint = contender.endpoint(Transport::Udp)?;
        Ok(WindowLoad {
            server: endpoint.target.socket_address()?,
            way,
            clients: work.clients,
            in_flight: work.in_flight,
            limit: Limit::Seconds(self.plan.seconds),
            mix: work.operation,
            keys: self.plan.keys,
            dataset: self.dataset.clone(),
            seed: SEED,
            server_pid: Some(endpoint.pid),
        })
    }
}

const ALL_UDP: &[Way] = &[Way::MemcachedUdp, Way::NativeUdp, Way::NativeUdpOffload];
const WITHOUT_OFFLOAD: &[Way] = &[Way::MemcachedUdp, Way::NativeUdp];
const LONE: &[Way] = &[Way::MemcachedUdp, Way::NativeUdp, Way::NativeTcp];
const WORK: [Work; 5] = [
    Work { operation: Mix::Get, clients: 1, in_flight: 32, ways: ALL_UDP },
    Work { operation: Mix::Get, clients: 1, in_flight: 1, ways: LONE },
    Work { operation: Mix::Get, clients: 50, in_flight: 1, ways: WITHOUT_OFFLOAD },
    Work { operation: Mix::Set, clients: 1, in_flight: 32, ways: ALL_UDP },
    Work { operation: Mix::Set, clients: 1, in_flight: 1, ways: LONE },
];
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 64;
const SEED: u64 = 1;
