//! The native protocol beside memcached and Redis, each over its wires: CPU per request, and the round trip of a lone
//! client.
//!
//! One load generator for all; those of one wire take turns, so that each figure has its peers' beside it.

mod page;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::compare::contender::Contender;
use crate::compare::measure::take_turn;
use crate::compare::result::{Facts, Sample, Transport};
use crate::compare::server::ScratchDirectory;
use crate::compare::write_report;
use crate::dataset::Dataset;
use crate::load::{Limit, Load, Way};
use crate::machine::{Machine, load_average};
use crate::number::microseconds;
use crate::protocol::Protocol;
use crate::sizes::Sizes;
use crate::spread::Spread;
use crate::tally::{Latency, Tally};
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
    servers: Vec<Facts>,
    terms: NativePlan,
    key_bytes: usize,
    value_bytes: usize,
    cases: Vec<Case>,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
struct Work {
    operation: Mix,
    clients: u64,
    in_flight: usize,
}

/// What clients did, in every way.
#[derive(Clone, Debug, serde::Serialize)]
struct Case {
    work: Work,
    runs: Vec<Run>,
}

/// The turns of one way.
#[derive(Clone, Debug, serde::Serialize)]
struct Run {
    #[serde(serialize_with = "serialize_way")]
    way: Way,
    samples: Vec<Sample>,
    /// Of all turns together.
    latency: Latency,
}

impl Case {
    /// What `figure` says of each turn of `peer` over the same of `run`; nothing if `peer` has not taken part.
    fn times_less(&self, run: &Run, peer: Peer, figure: fn(&Sample) -> f64) -> Option<Spread> {
        let peer = self.runs.iter().find(|other| Peer::of(other.way) == Some(peer))?;
        let pairs = peer.samples.iter().zip(&run.samples).filter(|(_, subject)| figure(subject) > 0.0);
        Some(Spread::of(pairs.map(|(baseline, subject)| figure(baseline) / figure(subject))))
    }
}

/// A server that Adit is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Memcached,
    Redis,
}

impl Peer {
    /// The one that is asked in this way, unless that is Adit.
    fn of(way: Way) -> Option<Self> {
        match way {
            Way::NativeUdp | Way::NativeUdpOffload | Way::NativePort | Way::NativeTcp => None,
            Way::Stream(Protocol::Resp) | Way::Batches(Protocol::Resp) => Some(Self::Redis),
            Way::MemcachedUdp | Way::Stream(_) | Way::Batches(_) => Some(Self::Memcached),
        }
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

/// Runs all of it with `program` as Adit, and writes `native.md` and `native.json`.
pub(crate) fn run_native(
    plan: NativePlan,
    program: &Path,
    directory: &Path,
    interrupted: &AtomicBool,
) -> anyhow::Result<()> {
    let scratch = ScratchDirectory::new()?;
    let sizes = Sizes::Fixed { key_bytes: KEY_BYTES, value_bytes: VALUE_BYTES };
    // The peers first: whether they are installed is known at once.
    let contest = Contest {
        plan,
        memcached: Contender::memcached_udp(&scratch)?,
        redis: Contender::redis(&scratch)?,
        adit: Contender::adit_native(&scratch, program)?,
        dataset: Dataset::new(sizes, plan.keys, SEED)?,
        interrupted,
    };
    let machine = Machine::here();
    for way in [Way::MemcachedUdp, REDIS_TCP, Way::NativeUdp] {
        contest
            .turn(&contest.load(&Work { operation: Mix::Get, clients: 1, in_flight: 1 }, way)?.preload())?;
    }
    let report = Report {
        machine,
        cases: contest.cases()?,
        load_average_after: load_average(),
        servers: [&contest.adit, &contest.memcached, &contest.redis].map(|it| it.facts.clone()).into(),
        terms: plan,
        key_bytes: KEY_BYTES,
        value_bytes: VALUE_BYTES,
    };
    let page = page::markdown(&report);
    write_report(directory, "native", &report, &page)?;
    print!("{page}");
    Ok(())
}

struct Contest<'a> {
    plan: NativePlan,
    adit: Contender,
    memcached: Contender,
    redis: Contender,
    dataset: Dataset,
    interrupted: &'a AtomicBool,
}

impl Contest<'_> {
    fn cases(&self) -> anyhow::Result<Vec<Case>> {
        let mut cases = Vec::new();
        for operation in [Mix::Get, Mix::Set] {
            for (clients, in_flight) in CLIENTS_IN_FLIGHT {
                for ways in [UDP, TCP] {
                    cases.push(self.case(Work { operation, clients, in_flight }, ways)?);
                }
            }
        }
        Ok(cases)
    }

    fn case(&self, work: Work, ways: [Way; 3]) -> anyhow::Result<Case> {
        let mut turns: Vec<_> = ways.iter().map(|way| (*way, Vec::new(), Tally::new())).collect();
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
                wire_name(run.way)
            );
        }
        Ok(case)
    }

    fn turn(&self, load: &Load) -> anyhow::Result<Tally> {
        take_turn(wire_name(load.way), load, self.interrupted)
    }

    fn load(&self, work: &Work, way: Way) -> anyhow::Result<Load> {
        let contender = match Peer::of(way) {
            Some(Peer::Memcached) => &self.memcached,
            Some(Peer::Redis) => &self.redis,
            None => &self.adit,
        };
        // Native clients find TCP on the port of UDP.
        let transport = if let Way::Stream(_) = way { Transport::Tcp } else { Transport::Udp };
        let endpoint = contender.endpoint(transport)?;
        Ok(Load {
            connections: work.clients,
            pipeline: work.in_flight,
            limit: Limit::Seconds(self.plan.seconds),
            mix: work.operation,
            seed: SEED,
            server_pid: Some(endpoint.pid),
            ..Load::new(endpoint.target.clone(), way, self.plan.keys, self.dataset.clone())
        })
    }
}

/// A way by the server and its wire.
fn wire_name(way: Way) -> &'static str {
    match way {
        Way::MemcachedUdp => "memcached UDP",
        Way::NativeUdp => "native UDP",
        Way::NativeUdpOffload => "native UDP, GSO and GRO",
        Way::NativePort => "native UDP over a port",
        Way::NativeTcp => "native TCP",
        Way::Stream(Protocol::Resp) | Way::Batches(Protocol::Resp) => "redis TCP",
        Way::Stream(_) | Way::Batches(_) => "memcached TCP",
    }
}

fn serialize_way<S: serde::Serializer>(way: &Way, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(wire_name(*way))
}

/// The meta commands: memcached sends the replies to several of those together.
const MEMCACHED_TCP: Way = Way::Stream(Protocol::MemcachedMeta);
const REDIS_TCP: Way = Way::Stream(Protocol::Resp);
/// Those that take turns, the peers first.
const UDP: [Way; 3] = [Way::MemcachedUdp, Way::NativeUdp, Way::NativeUdpOffload];
const TCP: [Way; 3] = [MEMCACHED_TCP, REDIS_TCP, Way::NativeTcp];
const CLIENTS_IN_FLIGHT: [(u64, usize); 4] = [(1, 1), (1, 16), (1, 32), (50, 1)];
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 64;
const SEED: u64 = 1;
