//! What a comparison found, as written to JSON; medians and spreads of it.

use crate::machine::Machine;
use crate::spread::Spread;
use crate::tally::{Latency, Tally};
use crate::workload::Mix;

/// A comparison in full. The subject is Adit; ratios are subject over baseline.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Comparison {
    pub(crate) peer: &'static str,
    pub(crate) machine: Machine,
    pub(crate) load_average_after: String,
    pub(crate) subject: Facts,
    pub(crate) baseline: Facts,
    pub(crate) terms: ComparisonTerms,
    pub(crate) rows: Vec<Row>,
    pub(crate) curve: Vec<CurvePoint>,
}

/// What a server is and how it was started.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) protocol: crate::protocol::Protocol,
    /// One command per process.
    pub(crate) commands: Vec<String>,
}

/// What both servers were asked to do.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct ComparisonTerms {
    pub(crate) keys: u64,
    pub(crate) key_bytes: usize,
    pub(crate) value_bytes: usize,
    pub(crate) connections: u64,
    pub(crate) pairs: u16,
    pub(crate) seconds_per_turn: f64,
    pub(crate) curve_seconds_per_turn: f64,
    pub(crate) curve_turns: u16,
}

/// How clients reach a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Transport {
    /// Loopback TCP.
    Tcp,
    /// A Unix stream socket.
    Unix,
    /// Loopback UDP.
    Udp,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Unix => "AF_UNIX",
            Self::Udp => "UDP",
        }
    }
}

/// One workload, closed loop, both servers in turns.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Row {
    pub(crate) transport: Transport,
    pub(crate) operation: Mix,
    /// Keys of one operation: 1 is GET or SET, 10 an MGET or MSET of ten.
    pub(crate) keys_per_request: usize,
    pub(crate) pipeline: usize,
    pub(crate) pairs: Vec<Pair>,
}

/// A turn of each server, one after the other.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Pair {
    pub(crate) subject: Sample,
    pub(crate) baseline: Sample,
}

/// One turn of one server.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Sample {
    pub(crate) operations: u64,
    pub(crate) operations_per_s: f64,
    /// Total processor time of the server's process.
    pub(crate) server_cpu_ns_per_operation: f64,
    pub(crate) client_cpu_ns_per_operation: f64,
    /// Share of the time that the load generator's thread was on a core; near 1 it may be the limit.
    pub(crate) client_busy: f64,
    pub(crate) unsent: u64,
    pub(crate) resent: u64,
    pub(crate) latency: Latency,
}

impl Sample {
    pub(crate) fn new(tally: &Tally) -> Self {
        Self {
            operations: tally.operations,
            operations_per_s: tally.operations_per_s(),
            server_cpu_ns_per_operation: tally.server_cpu_ns_per_operation().unwrap_or_default(),
            client_cpu_ns_per_operation: tally.client_cpu_ns_per_operation(),
            client_busy: crate::number::per(tally.client_cpu_ns, tally.elapsed_ns),
            unsent: tally.unsent,
            resent: tally.resent,
            latency: tally.latency(),
        }
    }

    /// As `new`, without the many quantiles of a percentile plot.
    pub(crate) fn without_curve(tally: &Tally) -> Self {
        let mut sample = Self::new(tally);
        sample.latency.curve.clear();
        sample
    }
}

/// Both servers at one rate, open loop.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct CurvePoint {
    pub(crate) rate_per_s: f64,
    pub(crate) subject: Sample,
    pub(crate) baseline: Sample,
}

impl Row {
    /// `GET`, or `MGET-10` of ten keys.
    pub(crate) fn operation_name(&self) -> String {
        let name = format!("{:?}", self.operation).to_uppercase();
        match self.keys_per_request {
            1 => name,
            keys => format!("M{name}-{keys}"),
        }
    }

    /// The spread of what `figure` says of each turn of the subject over the same of the baseline.
    pub(crate) fn ratio(&self, figure: fn(&Sample) -> f64) -> Spread {
        let pairs = self.pairs.iter().filter(|pair| figure(&pair.baseline) > 0.0);
        Spread::of(pairs.map(|pair| figure(&pair.subject) / figure(&pair.baseline)))
    }

    pub(crate) fn subject(&self, figure: fn(&Sample) -> f64) -> Spread {
        Spread::of(self.pairs.iter().map(|pair| figure(&pair.subject)))
    }

    pub(crate) fn baseline(&self, figure: fn(&Sample) -> f64) -> Spread {
        Spread::of(self.pairs.iter().map(|pair| figure(&pair.baseline)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_of_odd_even_and_none() {
        let of = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(of(&[]), Spread { median: 0.0, min: 0.0, max: 0.0 });
    }
}
