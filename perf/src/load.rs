//! A load in full: where it goes, what it asks for, how fast and how long.

use crate::dataset::Dataset;
use crate::distribution::KeyDistribution;
use crate::port::SharedPort;
use crate::protocol::Protocol;
use crate::schedule::Arrivals;
use crate::target::Target;
use crate::workload::Mix;

/// Everything a generator needs; checked when it was built from arguments.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) target: Target,
    pub(crate) way: Way,
    /// The port of a NIC that it takes instead of a socket of the kernel.
    pub(crate) port: Option<SharedPort>,
    pub(crate) threads: u64,
    /// Of all threads together; at least one each.
    pub(crate) connections: u64,
    /// Requests that a connection sends before it waits for replies.
    pub(crate) pipeline: usize,
    /// Keys that one request reads or writes: over 1 it is an MGET or an MSET.
    pub(crate) keys_per_request: usize,
    /// Whether a read-modify-write fails when the key was written in between, and is done again.
    pub(crate) compares_and_swaps: bool,
    pub(crate) pace: Pace,
    pub(crate) limit: Limit,
    pub(crate) mix: Mix,
    pub(crate) distribution: KeyDistribution,
    /// Keys that are there at the start.
    pub(crate) keys: u64,
    pub(crate) dataset: Dataset,
    pub(crate) seed: u64,
    pub(crate) server_pid: Option<u32>,
    /// Whether to ask the server for its counters: native protocol only.
    pub(crate) asks_counters: bool,
    /// Whether to print a line a second.
    pub(crate) shows_progress: bool,
}

/// What is spoken, over what, and in which loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over a stream, from any number of threads: `pipeline` requests together, then all of their replies.
    Batches(Protocol),
    /// Over a stream, from one thread: `pipeline` requests on their way at all times. So are all that follow.
    Stream(Protocol),
    /// memcached's text commands, one to a datagram.
    MemcachedUdp,
    /// The native protocol, one message of the socket for each datagram.
    NativeUdp,
    /// The same with trains of datagrams in one message, both ways (GSO and GRO).
    NativeUdpOffload,
    /// The native protocol over a port of a NIC, polled.
    NativePort,
    /// The native protocol over a stream.
    NativeTcp,
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

impl Way {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Batches(protocol) | Self::Stream(protocol) => protocol.name(),
            Self::MemcachedUdp => "memcached-udp",
            Self::NativeUdp => "native-udp",
            Self::NativeUdpOffload => "native-udp-offload",
            Self::NativePort => "native-port",
            Self::NativeTcp => "native-tcp",
        }
    }
}

impl Load {
    /// GETs of uniform keys for a second, one after the other, on one connection.
    pub(crate) fn new(target: Target, way: Way, keys: u64, dataset: Dataset) -> Self {
        Self {
            target,
            way,
            port: None,
            threads: 1,
            connections: 1,
            pipeline: 1,
            keys_per_request: 1,
            compares_and_swaps: false,
            pace: Pace::Closed,
            limit: Limit::Seconds(1.0),
            mix: Mix::Get,
            distribution: KeyDistribution::Uniform,
            keys,
            dataset,
            seed: 1,
            server_pid: None,
            asks_counters: false,
            shows_progress: false,
        }
    }

    /// The load that writes every key once, as fast as it goes.
    pub(crate) fn preload(&self) -> Self {
        let connections = if let Way::Batches(_) = self.way { self.connections } else { 1 };
        Self {
            connections,
            pipeline: PRELOAD_PIPELINE,
            keys_per_request: 1,
            pace: Pace::Closed,
            limit: Limit::Requests(self.keys),
            mix: Mix::Preload,
            distribution: KeyDistribution::Uniform,
            asks_counters: false,
            ..self.clone()
        }
    }
}

const PRELOAD_PIPELINE: usize = 32;
