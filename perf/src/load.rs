//! A load in full: where it goes, what it asks for, how fast and how long.

use crate::dataset::Dataset;
use crate::distribution::KeyDistribution;
use crate::protocol::Protocol;
use crate::schedule::Arrivals;
use crate::target::Target;
use crate::workload::Mix;

/// Everything a generator needs; checked when it was built from arguments.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) target: Target,
    pub(crate) protocol: Protocol,
    pub(crate) threads: u64,
    /// Of all threads together; at least one each.
    pub(crate) connections: u64,
    /// Requests that a connection sends before it waits for replies.
    pub(crate) pipeline: usize,
    /// Keys that one request reads or writes: over 1 it is an MGET or an MSET.
    pub(crate) keys_per_request: usize,
    pub(crate) pace: Pace,
    pub(crate) limit: Limit,
    pub(crate) mix: Mix,
    pub(crate) distribution: KeyDistribution,
    /// Keys that are there at the start.
    pub(crate) keys: u64,
    pub(crate) dataset: Dataset,
    pub(crate) seed: u64,
    pub(crate) server_pid: Option<u32>,
    /// Whether to print a line a second.
    pub(crate) shows_progress: bool,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "loop")]
pub(crate) enum Pace {
    /// As soon as the replies before are in: for peak rates.
    Closed,
    /// On schedule, whatever the server does: for latencies.
    Open { rate_per_s: f64, arrivals: Arrivals },
}

/// When a load ends.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Limit {
    Requests(u64),
    Seconds(f64),
}

impl Load {
    /// The load that writes every key once, as fast as it goes.
    pub(crate) fn preload(&self) -> Self {
        Self {
            pipeline: PRELOAD_PIPELINE,
            keys_per_request: 1,
            pace: Pace::Closed,
            limit: Limit::Requests(self.keys),
            mix: Mix::Preload,
            distribution: KeyDistribution::Uniform,
            ..self.clone()
        }
    }
}

const PRELOAD_PIPELINE: usize = 32;
