//! Adit over ports of NICs beside what is known to be fast: testpmd over memif, memcached and Redis over sockets, and all of
//! them over one wire of the kernel.
//!
//! In each round everybody has one turn of each kind, so that each figure has its peers' beside it. The cores are looked at
//! before and after each turn: see `placement`.

mod netns;
mod page;
mod placement;
mod process;
mod round;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{bail, ensure};

use self::placement::{Distance, Placement};
use self::process::Processes;
use self::round::Round;
use crate::compare::contender::installed;
use crate::compare::server::ScratchDirectory;
use crate::compare::write_report;
use crate::machine::{Machine, first_line, load_average};
use crate::number::microseconds;
use crate::plot::{Axis, Chart, Curve, draw};
use crate::spread::Spread;
use crate::tally::Latency;

/// How large the comparison is.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct DpdkPlan {
    pub(crate) keys: u64,
    /// Turns of each row.
    pub(crate) pairs: u16,
    /// Of a turn.
    pub(crate) seconds: f64,
}

/// The result, as written to JSON.
#[derive(Clone, Debug, serde::Serialize)]
struct Report {
    machine: Machine,
    load_average_after: String,
    /// The servers, and the commands of one of each.
    servers: Vec<Program>,
    terms: DpdkPlan,
    key_bytes: usize,
    value_bytes: usize,
    /// What a GET costs a shard without a wire, of each round.
    path_get_ns: Vec<f64>,
    rows: Vec<Row>,
    curve: Vec<CurvePoint>,
    /// What could not be measured here, and why.
    missing: Vec<String>,
}

/// A server that took part.
#[derive(Clone, Debug, serde::Serialize)]
struct Program {
    name: String,
    version: String,
    command: String,
}

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
struct Key {
    wire: &'static str,
    server: &'static str,
    work: &'static str,
    clients: u64,
    in_flight: u64,
}

/// The turns of a row, one of each round.
#[derive(Clone, Debug, serde::Serialize)]
struct Row {
    key: Key,
    samples: Vec<Sample>,
}

/// A turn.
#[derive(Clone, Debug, serde::Serialize)]
struct Sample {
    round: u16,
    placement: Placement,
    operations_per_s: f64,
    /// Wall-clock time per packet of an echo, of the middle of many stretches.
    ns_per_packet: Option<f64>,
    /// Of turns of the server that found work, where it says so.
    busy_ns: Option<f64>,
    /// Operations of such a turn.
    batch: Option<f64>,
    /// All processor time of the server's process.
    server_cpu_ns: Option<f64>,
    client_cpu_ns: Option<f64>,
    unsent: u64,
    resent: u64,
    latency: Latency,
}

/// A turn at an offered rate.
#[derive(Clone, Debug, serde::Serialize)]
struct CurvePoint {
    /// Of the peak.
    share: f64,
    rate_per_s: f64,
    sample: Sample,
}

impl Report {
    fn row(&self, key: Key) -> Option<&Row> {
        self.rows.iter().find(|row| row.key == key)
    }
}

impl Row {
    /// What `figure` says of the turns at a distance; nothing if there are none.
    fn at(&self, distance: Distance, figure: impl Fn(&Sample) -> Option<f64>) -> Option<Spread> {
        let samples = self.samples.iter().filter(|sample| sample.placement.distance() == distance);
        let values: Vec<f64> = samples.filter_map(figure).collect();
        (!values.is_empty()).then(|| Spread::of(values.into_iter()))
    }

    /// What `figure` says of all turns in which the distance did not change; of all turns if it always did.
    fn settled(&self, figure: impl Fn(&Sample) -> Option<f64>) -> Option<Spread> {
        let is_settled = |sample: &&Sample| sample.placement.distance() != Distance::Mixed;
        let mut values: Vec<f64> = self.samples.iter().filter(is_settled).filter_map(&figure).collect();
        if values.is_empty() {
            values = self.samples.iter().filter_map(&figure).collect();
        }
        (!values.is_empty()).then(|| Spread::of(values.into_iter()))
    }

    /// `combine` of the figures of two rows, round by round, where both turns had the same distance. If none had,
    /// of the medians at each distance.
    fn beside(
        &self,
        other: &Self,
        figure: impl Fn(&Sample) -> Option<f64>,
        others: impl Fn(&Sample) -> Option<f64>,
        combine: impl Fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        let pairs = || {
            self.samples.iter().filter_map(|sample| {
                let beside = other.samples.iter().find(|other| other.round == sample.round)?;
                Some((sample, beside))
            })
        };
        let value = |(a, b): (&Sample, &Sample)| Some(combine(figure(a)?, others(b)?));
        let is_alike = |(a, b): &(&Sample, &Sample)| {
            let distance = a.placement.distance();
            distance != Distance::Mixed && distance == b.placement.distance()
        };
        let mut values: Vec<f64> = pairs().filter(is_alike).filter_map(value).collect();
        if values.is_empty() {
            // Of other rounds then, but never of other distances.
            let settled = Distance::ALL.into_iter().filter(|distance| *distance != Distance::Mixed);
            let median = |distance| {
                Some(combine(self.at(distance, &figure)?.median, other.at(distance, &others)?.median))
            };
            values = settled.filter_map(median).collect();
        }
        (!values.is_empty()).then(|| Spread::of(values.into_iter()))
    }
}

/// Runs all of it with `program` as Adit, and writes `dpdk.md`, `dpdk.json` and `dpdk-latency.svg`.
pub(crate) fn run_dpdk(
    plan: DpdkPlan,
    program: &Path,
    directory: &Path,
    interrupted: &AtomicBool,
) -> anyhow::Result<()> {
    check_machine()?;
    let scratch = ScratchDirectory::new()?;
    crate::compare::contender::share_with_everybody(&scratch)?;
    let processes = Processes::new(program, &scratch)?;
    // Whether the peers are installed is known at once.
    installed("memcached", "memcached")?;
    installed("redis-server", "redis-server")?;
    let machine = Machine::here();
    let mut round = Round::new(plan, &processes, interrupted)?;
    for number in 0..plan.pairs {
        eprintln!("round {} of {}", number + 1, plan.pairs);
        round.run(number)?;
    }
    round.curve()?;
    ensure!(!interrupted.load(Ordering::Relaxed), "interrupted; nothing was written");
    let report = Report {
        machine,
        load_average_after: load_average(),
        servers: round.programs(program),
        terms: plan,
        key_bytes: KEY_BYTES,
        value_bytes: VALUE_BYTES,
        path_get_ns: round.path_get_ns,
        rows: round.rows,
        curve: round.curve,
        missing: round.missing,
    };
    let page = page::markdown(&report);
    write_report(directory, "dpdk", &report, &page)?;
    draw(&directory.join("dpdk-latency.svg"), &latency_chart(&report))?;
    print!("{page}");
    Ok(())
}

/// Says what is missing before anything starts.
fn check_machine() -> anyhow::Result<()> {
    ensure!(
        cfg!(feature = "dpdk"),
        "this adit was built without DPDK; build one with `cargo build --release --features dpdk` \
         (apt-get install libdpdk-dev libclang-dev pkg-config)"
    );
    if !rustix::process::geteuid().is_root() {
        bail!("this comparison makes network namespaces and takes hugepages: run it as root");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(cores >= 2, "this comparison needs two cores, one for servers and one for clients");
    let free_bytes = free_hugepage_bytes();
    ensure!(
        free_bytes >= HUGEPAGE_BYTES_MIN,
        "{} MiB of free hugepages, of {} that this comparison takes; run `adit setup --hugepages 1GiB`",
        free_bytes >> 20,
        HUGEPAGE_BYTES_MIN >> 20
    );
    Ok(())
}

/// Bytes of hugepages that nobody has, of all sizes.
fn free_hugepage_bytes() -> u64 {
    let Ok(sizes) = std::fs::read_dir("/sys/kernel/mm/hugepages") else { return 0 };
    let free = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let kib: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        let count = std::fs::read_to_string(entry.path().join("free_hugepages")).ok()?;
        Some((count.trim().parse::<u64>().ok()? * kib) << 10)
    };
    sizes.flatten().filter_map(free).sum()
}

/// The first line that a program says with its arguments: a version.
fn version(program: &str, arguments: &[&str]) -> String {
    let path = crate::compare::server::find_program(program);
    path.and_then(|path| first_line(&path, arguments)).unwrap_or_else(|| "unknown".into())
}

/// Latency against offered rate.
fn latency_chart(report: &Report) -> Chart {
    let series = |name: &str, of: fn(&Latency) -> u64| {
        let mut rates: Vec<f64> = report.curve.iter().map(|point| point.rate_per_s).collect();
        rates.dedup();
        let median = |rate: &f64| {
            let at = report.curve.iter().filter(|point| point.rate_per_s == *rate);
            (*rate / 1e6, Spread::of(at.map(|point| of(&point.sample.latency) as f64)).median / 1e3)
        };
        Curve { label: name.into(), points: rates.iter().map(median).collect() }
    };
    Chart {
        title: "GET latency at offered rates: Adit over memif".into(),
        x: Axis { label: "million operations per second".into(), tick: |x| format!("{x:.1}"), is_log: false },
        y: Axis { label: "latency, us".into(), tick: |us| microseconds(us * 1e3), is_log: true },
        curves: vec![
            series("p50", |latency| latency.p50_ns),
            series("p99", |latency| latency.p99_ns),
            series("p99.9", |latency| latency.p999_ns),
        ],
    }
}

const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 64;
const SEED: u64 = 1;
/// Two environments of DPDK, with the buffers of one port each, and a store.
const HUGEPAGE_BYTES_MIN: u64 = 768 << 20;
