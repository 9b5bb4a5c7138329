//! What a run counted: operations, outcomes, latencies, processor time.

use hdrhistogram::Histogram;

use crate::number::per;
use crate::protocol::ReplyKind;
use crate::protocol::resp::count_values;

/// The counts of a run, or of one thread of it.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(crate) operations: u64,
    /// Keys that reads found, each key of a request on its own.
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) errors: u64,
    /// The first error reply.
    pub(crate) first_error: Option<String>,
    /// Requests of an open loop that were due but never sent, because the server was too far behind.
    pub(crate) unsent: u64,
    /// Datagrams that were sent again, because no reply came in time.
    pub(crate) resent: u64,
    /// Compare-and-swaps that found another version, and were done again.
    pub(crate) conflicts: u64,
    pub(crate) latency_ns: Histogram<u64>,
    /// From the first request to the last reply.
    pub(crate) elapsed_ns: u64,
    /// Processor time of the client's threads.
    pub(crate) client_cpu_ns: u64,
    /// Processor time of the server's process, where its id is known.
    pub(crate) server_cpu_ns: Option<u64>,
    /// What a server of the native protocol says of its work, where it is asked.
    pub(crate) server_work: Option<ServerWork>,
}

/// How much a shard has counted in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub(crate) struct ServerWork {
    /// Of turns that found work.
    pub(crate) busy_ns: u64,
    pub(crate) busy_turns: u64,
    pub(crate) turns: u64,
    pub(crate) frames: u64,
    /// Requests that came again, frames that were none or of no session, and replies that found no room.
    pub(crate) replayed: u64,
    pub(crate) refused: u64,
    pub(crate) dropped: u64,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let latency_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, SIGNIFICANT_DIGITS);
        Self {
            operations: 0,
            hits: 0,
            misses: 0,
            errors: 0,
            first_error: None,
            unsent: 0,
            resent: 0,
            conflicts: 0,
            latency_ns: latency_ns.expect("the bounds are valid"),
            elapsed_ns: 0,
            client_cpu_ns: 0,
            server_cpu_ns: None,
            server_work: None,
        }
    }

    /// Counts one finished operation.
    #[inline]
    pub(crate) fn count(&mut self, kind: ReplyKind, reply: &[u8], latency_ns: u64) {
        self.operations += 1;
        self.latency_ns.saturating_record(latency_ns);
        match kind {
            ReplyKind::Hit => self.count_values(reply),
            ReplyKind::Miss => self.misses += 1,
            ReplyKind::Ok | ReplyKind::Push => {}
            ReplyKind::Error => self.count_error(reply),
        }
    }

    #[inline]
    fn count_values(&mut self, reply: &[u8]) {
        let (values, nulls) = count_values(reply);
        self.hits += values;
        self.misses += nulls;
    }

    fn count_error(&mut self, reply: &[u8]) {
        self.errors += 1;
        if self.first_error.is_none() {
            self.first_error = Some(String::from_utf8_lossy(reply).trim().to_owned());
        }
    }

    /// Adds the counts of `other`, which ran at the same time.
    pub(crate) fn merge(&mut self, other: Self) {
        self.operations += other.operations;
        self.hits += other.hits;
        self.misses += other.misses;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.unsent += other.unsent;
        self.resent += other.resent;
        self.conflicts += other.conflicts;
        self.latency_ns.add(other.latency_ns).expect("all histograms have the same bounds");
        self.elapsed_ns = self.elapsed_ns.max(other.elapsed_ns);
        self.client_cpu_ns += other.client_cpu_ns;
    }

    /// Adds the counts of `other`, which ran after.
    pub(crate) fn append(&mut self, other: Self) {
        let elapsed_ns = self.elapsed_ns + other.elapsed_ns;
        let cpu_ns = [self.server_cpu_ns, other.server_cpu_ns].into_iter().flatten().reduce(|a, b| a + b);
        self.merge(other);
        (self.elapsed_ns, self.server_cpu_ns) = (elapsed_ns, cpu_ns);
    }

    pub(crate) fn operations_per_s(&self) -> f64 {
        per(self.operations, self.elapsed_ns) * 1e9
    }

    pub(crate) fn server_cpu_ns_per_operation(&self) -> Option<f64> {
        self.server_cpu_ns.map(|cpu_ns| per(cpu_ns, self.operations))
    }

    pub(crate) fn client_cpu_ns_per_operation(&self) -> f64 {
        per(self.client_cpu_ns, self.operations)
    }

    pub(crate) fn latency(&self) -> Latency {
        let at = |share| self.latency_ns.value_at_quantile(share);
        Latency {
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: self.latency_ns.max(),
            curve: QUANTILES.iter().map(|share| (*share, at(*share))).collect(),
        }
    }
}

/// Quantiles of latencies.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(crate) struct Latency {
    pub(crate) p50_ns: u64,
    pub(crate) p90_ns: u64,
    pub(crate) p99_ns: u64,
    pub(crate) p999_ns: u64,
    pub(crate) max_ns: u64,
    /// Pairs of a share of the operations and the nanoseconds they took at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) curve: Vec<(f64, u64)>,
}

/// Longer latencies count as this one.
const LATENCY_NS_MAX: u64 = 60_000_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;
/// The shares of a percentile plot.
const QUANTILES: [f64; 16] =
    [0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.9999, 0.99999];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_merge() {
        let mut first = Tally::new();
        first.count(ReplyKind::Hit, b"$1\r\na\r\n", 1_000);
        first.elapsed_ns = 5;
        let mut second = Tally::new();
        second.count(ReplyKind::Error, b"-ERR full\r\n", 3_000);
        second.count(ReplyKind::Miss, b"", u64::MAX);
        second.elapsed_ns = 9;
        first.merge(second);
        assert_eq!((first.operations, first.hits, first.misses, first.errors), (3, 1, 1, 1));
        assert_eq!(first.first_error.as_deref(), Some("-ERR full"));
        assert_eq!(first.elapsed_ns, 9);
        assert!(first.latency().max_ns >= LATENCY_NS_MAX);
        assert!(first.latency().p50_ns.abs_diff(3_000) < 10);
    }
}
