//! Compares Adit with a peer in one run: starts both, takes turns between them, writes the result.

mod contender;
mod dpdk;
mod eviction;
mod measure;
mod native;
mod result;
mod server;
mod table;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, ensure};

use crate::compare::contender::Contender;
use crate::compare::dpdk::{DpdkPlan, run_dpdk};
use crate::compare::eviction::{KEYS_MAX, Plan, run_eviction};
use crate::compare::measure::{Effort, Match};
use crate::compare::native::{NativePlan, run_native};
use crate::compare::result::{Comparison, CurvePoint, Transport};
use crate::compare::server::ScratchDirectory;
use crate::machine::{Machine, load_average};
use crate::number::{grouped, microseconds, whole};
use crate::plot::{Axis, Chart, Curve, draw};
use crate::report::write_json;
use crate::tally::Latency;

/// Arguments of `adit perf compare`.
#[derive(Clone, Debug, clap::Args)]
pub struct CompareArguments {
    /// What Adit is compared with
    #[arg(value_enum)]
    peer: Peer,
    /// Turns of each server per row; 5 or more for figures to quote
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pairs: u16,
    /// Short turns and fewer rates: to see that it works, not to quote
    #[arg(long)]
    quick: bool,
    /// Length of a turn, but for eviction [default: 1, native 2, with --quick 0.2]
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    seconds: Option<f64>,
    /// Directory for the results, made if missing [default: perf-PEER]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Shards of Adit against redis and memcached
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    adit_shards: u16,
    /// Keys in the data set [default: 100000, all asked for alike; eviction 1000000 by zipf]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    keys: Option<u64>,
    /// eviction: Redis in Adit's place, for what two equal servers differ by
    #[arg(long)]
    same: bool,
    /// Program to start as Adit [default: this program]
    #[arg(long, value_name = "PATH")]
    bin: Option<PathBuf>,
}

/// The other side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Peer {
    /// redis-server without persistence
    Redis,
    /// memcached with one thread, over its meta commands
    Memcached,
    /// Adit with 2 shards against Adit with 1
    Shards,
    /// Adit over its native protocol, memcached over UDP and TCP, redis-server over TCP: CPU per request, round trips
    Native,
    /// Adit over ports of NICs that DPDK drives; testpmd, memcached, redis-server: see the notes of its page
    Dpdk,
    /// redis-server again, both as caches half as large as what is asked for: hit ratios
    Eviction,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Memcached => "memcached",
            Self::Shards => "shards",
            Self::Native => "native",
            Self::Dpdk => "dpdk",
            Self::Eviction => "eviction",
        }
    }

    fn transports(self) -> &'static [Transport] {
        match self {
            Self::Redis | Self::Memcached => &[Transport::Tcp, Transport::Unix],
            Self::Shards | Self::Native | Self::Dpdk | Self::Eviction => &[Transport::Tcp],
        }
    }
}

/// Runs a comparison and writes its files.
pub(crate) fn run_comparison(arguments: &CompareArguments, interrupted: &AtomicBool) -> anyhow::Result<()> {
    let directory = arguments.out.clone().unwrap_or_else(|| format!("perf-{}", arguments.peer.name()).into());
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {} (--out)", directory.display()))?;
    if arguments.peer == Peer::Eviction {
        ensure!(arguments.seconds.is_none(), "--seconds does not go with eviction, which counts requests");
        return run_eviction(&eviction_plan(arguments)?, &directory, interrupted);
    }
    ensure!(!arguments.same, "--same goes with eviction");
    let (keys, pairs, seconds) = (arguments.keys.unwrap_or(KEYS), arguments.pairs, seconds(arguments));
    if arguments.peer == Peer::Native {
        let plan = NativePlan { keys, pairs, seconds };
        return run_native(plan, &adit_program(arguments)?, &directory, interrupted);
    }
    if arguments.peer == Peer::Dpdk {
        let plan = DpdkPlan { keys, pairs, seconds };
        return run_dpdk(plan, &adit_program(arguments)?, &directory, interrupted);
    }
    let scratch = ScratchDirectory::new()?;
    let (subject, baseline) = start(arguments, &scratch)?;
    let effort = if arguments.quick { Effort::quick(pairs, seconds) } else { Effort::full(pairs, seconds) };
    let contest = Match::new(subject, baseline, effort, keys, interrupted)?;
    let machine = Machine::here();
    contest.preload(arguments.peer.transports())?;
    let rows = contest.rows(arguments.peer.transports())?;
    let curve = contest.curve(&rows)?;
    let comparison = Comparison {
        peer: arguments.peer.name(),
        machine,
        load_average_after: load_average(),
        subject: contest.subject.facts.clone(),
        baseline: contest.baseline.facts.clone(),
        terms: contest.terms(),
        rows,
        curve,
    };
    write_files(&directory, &comparison)
}

/// Of a turn.
fn seconds(arguments: &CompareArguments) -> f64 {
    let default = match (arguments.quick, arguments.peer) {
        (true, _) => SECONDS_QUICK,
        (false, Peer::Native) => SECONDS_NATIVE,
        (false, _) => SECONDS,
    };
    arguments.seconds.unwrap_or(default)
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (SECONDS_MIN..=SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| format!("give {SECONDS_MIN} to {SECONDS_MAX} seconds"))
}

fn start(arguments: &CompareArguments, scratch: &ScratchDirectory) -> anyhow::Result<(Contender, Contender)> {
    let program = adit_program(arguments)?;
    let adit = |name, shards| Contender::adit(scratch, &program, name, shards);
    // The peer first: whether it is installed is known at once.
    let baseline = match arguments.peer {
        Peer::Redis | Peer::Eviction | Peer::Native | Peer::Dpdk => Contender::redis(scratch)?,
        Peer::Memcached => Contender::memcached(scratch)?,
        Peer::Shards => adit("Adit, 1 shard", 1)?,
    };
    let subject = match arguments.peer {
        Peer::Redis | Peer::Memcached | Peer::Eviction | Peer::Native | Peer::Dpdk => {
            adit("Adit", arguments.adit_shards)?
        }
        Peer::Shards => adit("Adit, 2 shards", 2)?,
    };
    Ok((subject, baseline))
}

fn eviction_plan(arguments: &CompareArguments) -> anyhow::Result<Plan> {
    let keys = arguments.keys.unwrap_or(if arguments.quick { KEYS } else { KEYS_EVICTION });
    let range = KEYS_EVICTION_MIN..KEYS_MAX;
    ensure!(range.contains(&keys), "--keys must be {} to {} for eviction", range.start, range.end);
    Ok(Plan {
        keys,
        requests: Plan::requests_of(keys, arguments.quick),
        program: adit_program(arguments)?,
        adit_shards: arguments.adit_shards,
        is_same: arguments.same,
    })
}

fn adit_program(arguments: &CompareArguments) -> anyhow::Result<PathBuf> {
    match &arguments.bin {
        Some(program) => Ok(program.clone()),
        None => std::env::current_exe().context("cannot find this program; pass --bin PATH"),
    }
}

fn write_files(directory: &Path, comparison: &Comparison) -> anyhow::Result<()> {
    let path = |suffix: &str| directory.join(format!("{}{suffix}", comparison.peer));
    let table = table::markdown(comparison);
    write_report(directory, comparison.peer, comparison, &table)?;
    draw(&path("-latency.svg"), &latency_chart(comparison))?;
    if let Some(point) = middle_point(comparison) {
        draw(&path("-percentiles.svg"), &percentile_chart(comparison, point))?;
    }
    print!("{table}");
    eprintln!("written to {}", directory.display());
    Ok(())
}

/// Writes a report as `NAME.json`, and its page as `NAME.md`.
fn write_report(
    directory: &Path,
    name: &str,
    report: &impl serde::Serialize,
    page: &str,
) -> anyhow::Result<()> {
    write_json(&directory.join(format!("{name}.json")), report)?;
    let path = directory.join(format!("{name}.md"));
    std::fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// Latency against offered rate, for both servers.
fn latency_chart(comparison: &Comparison) -> Chart {
    let series = |name: &str, quantile: &str, of: &dyn Fn(&CurvePoint) -> u64| Curve {
        label: format!("{name} {quantile}"),
        points: comparison.curve.iter().map(|p| (p.rate_per_s / 1e3, of(p) as f64 / 1e3)).collect(),
    };
    let (subject, baseline) = (&comparison.subject.name, &comparison.baseline.name);
    Chart {
        title: format!("GET latency at offered rates: {subject} and {baseline}"),
        x: Axis {
            label: "thousand operations per second".into(),
            tick: |x| format!("{x:.0}"),
            is_log: false,
        },
        y: latency_axis(),
        curves: vec![
            series(subject, "p50", &|p| p.subject.latency.p50_ns),
            series(subject, "p99", &|p| p.subject.latency.p99_ns),
            series(baseline, "p50", &|p| p.baseline.latency.p50_ns),
            series(baseline, "p99", &|p| p.baseline.latency.p99_ns),
        ],
    }
}

/// Latency against the share of operations, at one rate.
fn percentile_chart(comparison: &Comparison, point: &CurvePoint) -> Chart {
    let series = |name: &str, latency: &Latency| Curve {
        label: name.to_owned(),
        points: latency.curve.iter().map(|(share, ns)| (1.0 / (1.0 - share), *ns as f64 / 1e3)).collect(),
    };
    Chart {
        title: format!(
            "GET latency by percentile at {} operations per second",
            grouped(whole(point.rate_per_s))
        ),
        x: Axis { label: "percentile".into(), tick: percentile_tick, is_log: true },
        y: latency_axis(),
        curves: vec![
            series(&comparison.subject.name, &point.subject.latency),
            series(&comparison.baseline.name, &point.baseline.latency),
        ],
    }
}

fn latency_axis() -> Axis {
    Axis { label: "latency, us".into(), tick: |us| microseconds(us * 1e3), is_log: true }
}

/// 1 / (1 - share) as the percentile it stands for.
fn percentile_tick(odds: f64) -> String {
    let percentile = 100.0 * (1.0 - 1.0 / odds);
    let digits = if odds < 999.0 {
        0
    } else if odds < 9_999.0 {
        1
    } else {
        2
    };
    if odds < 1e5 { format!("{percentile:.digits$}") } else { format!("{percentile:.3}") }
}

/// The point of the curve whose percentiles are drawn: about half the peak.
fn middle_point(comparison: &Comparison) -> Option<&CurvePoint> {
    comparison.curve.get(comparison.curve.len() / 2)
}

const KEYS: u64 = 100_000;
const SECONDS: f64 = 1.0;
const SECONDS_NATIVE: f64 = 2.0;
const SECONDS_QUICK: f64 = 0.2;
const SECONDS_MIN: f64 = 0.01;
const SECONDS_MAX: f64 = 3600.0;
const KEYS_EVICTION: u64 = 1_000_000;
/// Fewer take less memory than a server needs for itself.
const KEYS_EVICTION_MIN: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        compare: CompareArguments,
    }

    fn parse(words: &str) -> Result<CompareArguments, clap::Error> {
        let words = ["compare"].into_iter().chain(words.split(' '));
        Ok(<Program as clap::Parser>::try_parse_from(words)?.compare)
    }

    #[test]
    fn turns_are_as_long_as_asked_for() {
        let cases = [
            ("redis", SECONDS),
            ("native", SECONDS_NATIVE),
            ("native --quick", SECONDS_QUICK),
            ("native --quick --seconds 0.5", 0.5),
        ];
        for (words, expected) in cases {
            assert_eq!(seconds(&parse(words).unwrap()), expected, "{words}");
        }
        for words in ["native --seconds 0", "native --seconds NaN", "native --seconds x"] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
