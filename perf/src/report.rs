//! The report of one run: words for a terminal, JSON for machines.

use std::path::Path;

use anyhow::Context;

use crate::load::{Limit, Load, Pace};
use crate::machine::Machine;
use crate::number::{grouped, microseconds, per, whole};
use crate::sizes::Sizes;
use crate::tally::{Latency, ServerWork, Tally};

/// A run and its terms, as written to JSON.
#[derive(Debug, serde::Serialize)]
pub(crate) struct RunReport {
    pub(crate) machine: Machine,
    pub(crate) terms: Terms,
    pub(crate) operations: u64,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) errors: u64,
    pub(crate) first_error: Option<String>,
    pub(crate) unsent: u64,
    pub(crate) resent: u64,
    pub(crate) conflicts: u64,
    pub(crate) elapsed_ns: u64,
    pub(crate) operations_per_s: f64,
    pub(crate) latency: Latency,
    pub(crate) server_cpu_ns_per_operation: Option<f64>,
    pub(crate) server_work: Option<ServerWork>,
    pub(crate) client_cpu_ns_per_operation: f64,
}

/// What was asked for.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Terms {
    pub(crate) target: String,
    pub(crate) port: Option<String>,
    pub(crate) protocol: &'static str,
    pub(crate) workload: crate::workload::Mix,
    pub(crate) threads: u64,
    pub(crate) connections: u64,
    pub(crate) pipeline: usize,
    pub(crate) keys_per_request: usize,
    pub(crate) pace: Pace,
    pub(crate) limit: Limit,
    pub(crate) keys: u64,
    pub(crate) key_distribution: crate::distribution::KeyDistribution,
    pub(crate) sizes: Sizes,
    pub(crate) seed: u64,
}

impl Terms {
    pub(crate) fn of(load: &Load) -> Self {
        Self {
            target: load.target.to_string(),
            port: load.port.as_ref().map(|port| port.name().to_owned()),
            protocol: load.way.name(),
            workload: load.mix,
            threads: load.threads,
            connections: load.connections,
            pipeline: load.pipeline,
            keys_per_request: load.keys_per_request,
            pace: load.pace,
            limit: load.limit,
            keys: load.keys,
            key_distribution: load.distribution,
            sizes: load.dataset.sizes,
            seed: load.seed,
        }
    }
}

impl RunReport {
    pub(crate) fn new(machine: Machine, terms: Terms, tally: &Tally) -> Self {
        Self {
            machine,
            terms,
            operations: tally.operations,
            hits: tally.hits,
            misses: tally.misses,
            errors: tally.errors,
            first_error: tally.first_error.clone(),
            unsent: tally.unsent,
            resent: tally.resent,
            conflicts: tally.conflicts,
            elapsed_ns: tally.elapsed_ns,
            operations_per_s: tally.operations_per_s(),
            latency: tally.latency(),
            server_cpu_ns_per_operation: tally.server_cpu_ns_per_operation(),
            server_work: tally.server_work,
            client_cpu_ns_per_operation: tally.client_cpu_ns_per_operation(),
        }
    }

    /// The report as lines for a person.
    pub(crate) fn text(&self) -> String {
        let mut lines =
            vec![self.operations_line(), self.outcome_line(), self.latency_line(), self.cpu_line()];
        lines.extend(self.work_line());
        lines.extend(self.warnings());
        lines.join("\n") + "\n"
    }

    fn operations_line(&self) -> String {
        let seconds = self.elapsed_ns as f64 / 1e9;
        let rate = grouped(whole(self.operations_per_s.round()));
        format!("operations   {} in {seconds:.2} s, {rate} per second", grouped(self.operations))
    }

    fn outcome_line(&self) -> String {
        let [hits, misses, errors] = [self.hits, self.misses, self.errors].map(grouped);
        format!("outcomes     {hits} hits, {misses} misses, {errors} errors")
    }

    fn latency_line(&self) -> String {
        let latency = &self.latency;
        let [p50, p90, p99, p999, max] =
            [latency.p50_ns, latency.p90_ns, latency.p99_ns, latency.p999_ns, latency.max_ns]
                .map(|value_ns| microseconds(value_ns as f64));
        let note = match self.terms.pace {
            Pace::Closed => "closed loop: waits of clients that hold back are not in it",
            Pace::Open { .. } => "from the time a request was due",
        };
        format!("latency us   p50 {p50}  p90 {p90}  p99 {p99}  p99.9 {p999}  max {max}  ({note})")
    }

    fn cpu_line(&self) -> String {
        let client = microseconds(self.client_cpu_ns_per_operation);
        match self.server_cpu_ns_per_operation {
            Some(server_ns) => {
                format!("CPU us       server {} per operation, client {client}", microseconds(server_ns))
            }
            None => format!("CPU us       client {client} per operation (--server-pid PID for the server's)"),
        }
    }

    fn work_line(&self) -> Option<String> {
        let work = self.server_work?;
        let busy_ns = per(work.busy_ns, self.operations);
        let batch = per(work.frames, work.busy_turns);
        let share = 100.0 * per(work.busy_ns, self.elapsed_ns);
        Some(format!(
            "server       {busy_ns:.1} ns of work per operation, {batch:.1} frames in a turn that finds some; busy {share:.0} % of the time"
        ))
    }

    fn warnings(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(error) = &self.first_error {
            lines.push(format!("first error  {error}"));
        }
        if self.misses > self.hits {
            lines.push("note         most reads missed; --load writes the keys first".into());
        }
        if self.unsent > 0 {
            lines.push(format!(
                "note         {} requests were due and never sent: the rate is above what the server does",
                grouped(self.unsent)
            ));
        }
        if self.conflicts > 0 {
            let conflicts = grouped(self.conflicts);
            lines.push(format!("note         {conflicts} swaps found another version and were done again"));
        }
        if self.resent > 0 {
            lines.push(format!("note         {} datagrams were lost and sent again", grouped(self.resent)));
            lines.extend(self.server_work.map(|work| {
                let [replayed, refused, dropped] = [work.replayed, work.refused, work.dropped].map(grouped);
                format!("             the server got {replayed} again, refused {refused}, could not send {dropped}")
            }));
        }
        lines
    }
}

/// Writes `value` as indented JSON to `path`.
pub(crate) fn write_json(path: &Path, value: &impl serde::Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
