//! The turns of a comparison: which workloads, how long, in which order.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail, ensure};

use crate::compare::contender::{Contender, Endpoint};
use crate::compare::result::{ComparisonTerms, CurvePoint, Pair, Row, Sample, Transport};
use crate::dataset::Dataset;
use crate::generator::run_load;
use crate::load::{Limit, Load, Pace, Way};
use crate::number::{grouped, microseconds, whole};
use crate::protocol::Protocol;
use crate::schedule::Arrivals;
use crate::sizes::Sizes;
use crate::tally::Tally;
use crate::workload::Mix;

/// How much time a comparison takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pairs: u16,
    seconds: f64,
    curve_seconds: f64,
    curve_turns: u16,
    /// Offered rates as shares of the baseline's peak.
    curve_shares: &'static [f64],
}

impl Effort {
    pub(crate) fn full(pairs: u16, seconds: f64) -> Self {
        Self { pairs, seconds, curve_seconds: seconds, curve_turns: 5, curve_shares: &CURVE_SHARES }
    }

    pub(crate) fn quick(pairs: u16, seconds: f64) -> Self {
        let curve_seconds = 2.0 * seconds;
        Self { pairs, seconds, curve_seconds, curve_turns: 1, curve_shares: &CURVE_SHARES_QUICK }
    }
}

/// Two servers that take turns under the same load.
#[derive(Debug)]
pub(crate) struct Match<'a> {
    pub(crate) subject: Contender,
    pub(crate) baseline: Contender,
    effort: Effort,
    keys: u64,
    dataset: Dataset,
    interrupted: &'a AtomicBool,
}

impl<'a> Match<'a> {
    pub(crate) fn new(
        subject: Contender,
        baseline: Contender,
        effort: Effort,
        keys: u64,
        interrupted: &'a AtomicBool,
    ) -> anyhow::Result<Self> {
        let sizes = Sizes::Fixed { key_bytes: KEY_BYTES, value_bytes: VALUE_BYTES };
        let dataset = Dataset::new(sizes, keys, SEED)?;
        Ok(Self { subject, baseline, effort, keys, dataset, interrupted })
    }

    pub(crate) fn terms(&self) -> ComparisonTerms {
        ComparisonTerms {
            keys: self.keys,
            key_bytes: KEY_BYTES,
            value_bytes: VALUE_BYTES,
            connections: CONNECTIONS,
            pairs: self.effort.pairs,
            seconds_per_turn: self.effort.seconds,
            curve_seconds_per_turn: self.effort.curve_seconds,
            curve_turns: self.effort.curve_turns,
        }
    }

    /// Writes every key to every process.
    pub(crate) fn preload(&self, transports: &[Transport]) -> anyhow::Result<()> {
        for contender in [&self.subject, &self.baseline] {
            let mut done = Vec::new();
            for transport in transports {
                let endpoint = contender.endpoint(*transport)?;
                if !done.contains(&endpoint.pid) {
                    let load = self.load(contender, endpoint, Mix::Set, 1).preload();
                    self.turn(contender, &load)?;
                    done.push(endpoint.pid);
                }
            }
        }
        Ok(())
    }

    /// All rows of the table, closed loop.
    pub(crate) fn rows(&self, transports: &[Transport]) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for &transport in transports {
            for (operation, keys_per_request) in self.operations() {
                for pipeline in PIPELINES {
                    rows.push(self.row(transport, operation, keys_per_request, pipeline)?);
                }
            }
        }
        Ok(rows)
    }

    /// What rows show and the keys of each request; memcached's meta commands take one key.
    fn operations(&self) -> Vec<(Mix, usize)> {
        let mut operations = vec![(Mix::Get, 1), (Mix::Set, 1)];
        if [&self.subject, &self.baseline].iter().all(|contender| contender.facts.protocol == Protocol::Resp)
        {
            operations.extend([(Mix::Get, KEYS_OF_MANY), (Mix::Set, KEYS_OF_MANY)]);
        }
        operations
    }

    fn row(
        &self,
        transport: Transport,
        operation: Mix,
        keys_per_request: usize,
        pipeline: usize,
    ) -> anyhow::Result<Row> {
        let run = |contender: &Contender| -> anyhow::Result<Sample> {
            let endpoint = contender.endpoint(transport)?;
            let load = Load { keys_per_request, ..self.load(contender, endpoint, operation, pipeline) };
            Ok(Sample::without_curve(&self.turn(contender, &load)?))
        };
        let pairs = (0..self.effort.pairs)
            .map(|_| Ok(Pair { subject: run(&self.subject)?, baseline: run(&self.baseline)? }))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let row = Row { transport, operation, keys_per_request, pipeline, pairs };
        self.show(&row);
        Ok(row)
    }

    fn show(&self, row: &Row) {
        let cpu = |sample: &Sample| sample.server_cpu_ns_per_operation;
        eprintln!(
            "{:<8} {} {:>2} deep: CPU {} us {}, {} us {}; ratio {:.2}",
            row.transport.name(),
            row.operation_name(),
            row.pipeline,
            microseconds(row.subject(cpu).median),
            self.subject.facts.name,
            microseconds(row.baseline(cpu).median),
            self.baseline.facts.name,
            row.ratio(cpu).median,
        );
    }

    /// Latencies at rates up to near the baseline's peak, which the rows hold; open loop, one request deep.
    pub(crate) fn curve(&self, rows: &[Row]) -> anyhow::Result<Vec<CurvePoint>> {
        let is_peak = |row: &&Row| {
            (row.transport, row.operation, row.keys_per_request, row.pipeline)
                == (Transport::Tcp, Mix::Get, 1, 1)
        };
        let peak = rows.iter().find(is_peak).context("no row gives the peak rate")?;
        let peak_per_s = peak.baseline(|sample| sample.operations_per_s).median;
        self.effort.curve_shares.iter().map(|share| self.curve_point(peak_per_s * share)).collect()
    }

    fn curve_point(&self, rate_per_s: f64) -> anyhow::Result<CurvePoint> {
        let (mut subject, mut baseline) = (Tally::new(), Tally::new());
        for _ in 0..self.effort.curve_turns {
            for (contender, tally) in [(&self.subject, &mut subject), (&self.baseline, &mut baseline)] {
                let endpoint = contender.endpoint(Transport::Tcp)?;
                let load = Load {
                    pace: Pace::Open { rate_per_s, arrivals: Arrivals::Poisson },
                    limit: Limit::Seconds(self.effort.curve_seconds),
                    ..self.load(contender, endpoint, Mix::Get, 1)
                };
                tally.append(self.turn(contender, &load)?);
            }
        }
        eprintln!("{} operations/s offered: done", grouped(whole(rate_per_s)));
        Ok(CurvePoint { rate_per_s, subject: Sample::new(&subject), baseline: Sample::new(&baseline) })
    }

    fn turn(&self, contender: &Contender, load: &Load) -> anyhow::Result<Tally> {
        take_turn(&contender.facts.name, load, self.interrupted)
    }

    fn load(&self, contender: &Contender, endpoint: &Endpoint, mix: Mix, pipeline: usize) -> Load {
        let way = Way::Batches(contender.facts.protocol);
        Load {
            connections: CONNECTIONS,
            pipeline,
            limit: Limit::Seconds(self.effort.seconds),
            mix,
            server_pid: Some(endpoint.pid),
            ..Load::new(endpoint.target.clone(), way, self.keys, self.dataset.clone())
        }
    }
}

/// One turn of the server with this name; anything but success is an error.
pub(crate) fn take_turn(name: &str, load: &Load, interrupted: &AtomicBool) -> anyhow::Result<Tally> {
    let tally = run_load(load, interrupted).with_context(|| name.to_owned())?;
    ensure!(!interrupted.load(Ordering::Relaxed), "interrupted; nothing was written");
    if let Some(error) = &tally.first_error {
        bail!("{name}: {} requests were refused: {error}", tally.errors);
    }
    ensure!(tally.misses == 0, "{name}: {} keys are lost: more memory is needed", tally.misses);
    ensure!(tally.operations > 0, "{name}: nothing was answered");
    Ok(tally)
}

const PIPELINES: [usize; 3] = [1, 16, 64];
/// Keys of the requests of many keys.
const KEYS_OF_MANY: usize = 10;
const CONNECTIONS: u64 = 50;
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 64;
const SEED: u64 = 1;
const CURVE_SHARES: [f64; 8] = [0.05, 0.15, 0.3, 0.45, 0.6, 0.7, 0.8, 0.9];
const CURVE_SHARES_QUICK: [f64; 4] = [0.1, 0.3, 0.6, 0.9];
