//! The arguments of the load generators, and the checked load they make.

use std::path::PathBuf;

use anyhow::ensure;

use crate::dataset::{Dataset, key_bytes_min};
use crate::distribution::KeyDistribution;
use crate::load::{Limit, Load, Pace};
use crate::protocol::Protocol;
use crate::schedule::Arrivals;
use crate::sizes::{ETC_KEY_BYTES_MAX, SizeModel, Sizes};
use crate::target::Target;
use crate::workload::Mix;

/// Arguments of `adit perf resp` and, with a protocol of its own, `adit perf memcached`.
#[derive(Clone, Debug, clap::Args)]
pub struct LoadArguments {
    /// Server: HOST:PORT or unix:PATH [default: 127.0.0.1:7379, memcached 127.0.0.1:11211]
    #[arg(long, value_name = "ADDR")]
    target: Option<Target>,
    /// Threads of the client
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=THREADS_MAX))]
    threads: u64,
    /// Connections, of all threads together
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=CONNECTIONS_MAX))]
    connections: u64,
    /// Requests a connection sends before it waits for their replies
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=PIPELINE_MAX))]
    pipeline: u64,
    /// Keys of each request: over 1, MGET and MSET (RESP; get, set, ycsb-a, ycsb-b and ycsb-c)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=KEYS_PER_REQUEST_MAX))]
    keys_per_request: u64,
    /// End after this many operations
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    requests: Option<u64>,
    /// End after this many seconds [default: 10]
    #[arg(long, value_name = "S")]
    seconds: Option<f64>,
    /// Open loop: operations per second on schedule, latency counted from the time they were due
    #[arg(long, value_name = "OPS_PER_S")]
    rate: Option<f64>,
    /// Gaps of the open loop
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson, requires = "rate")]
    arrivals: Arrivals,
    /// Mix of operations
    #[arg(long, value_enum, default_value_t = Mix::Get)]
    workload: Mix,
    /// Keys in the data set
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Which keys are asked for [default: uniform for get and set, else as YCSB has it]
    #[arg(long, value_enum)]
    key_distribution: Option<KeyDistribution>,
    /// Length of keys
    #[arg(long, value_name = "BYTES", default_value_t = 16, conflicts_with = "sizes")]
    key_size: usize,
    /// Length of values
    #[arg(long, value_name = "BYTES", default_value_t = 64, conflicts_with = "sizes")]
    value_size: usize,
    /// Lengths of keys and values as published
    #[arg(long, value_enum)]
    sizes: Option<SizeModel>,
    /// Write every key before the run
    #[arg(long)]
    load: bool,
    /// Seed of all random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the result as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure the CPU time of this process per operation
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
}

/// Arguments of `adit perf memcached`.
#[derive(Clone, Debug, clap::Args)]
pub struct MemcachedArguments {
    #[command(flatten)]
    load: LoadArguments,
    /// Use the meta commands mg and ms instead of get and set
    #[arg(long)]
    meta: bool,
}

impl MemcachedArguments {
    pub(crate) fn protocol(&self) -> Protocol {
        if self.meta { Protocol::MemcachedMeta } else { Protocol::MemcachedText }
    }

    pub(crate) fn load(&self) -> &LoadArguments {
        &self.load
    }
}

impl LoadArguments {
    pub(crate) fn preloads(&self) -> bool {
        self.load
    }

    pub(crate) fn json(&self) -> Option<&PathBuf> {
        self.json.as_ref()
    }

    /// The load that these arguments ask for.
    ///
    /// # Errors
    /// When a value is out of range or two do not go together; says which.
    pub(crate) fn to_load(&self, protocol: Protocol) -> anyhow::Result<Load> {
        ensure!(self.connections >= self.threads, "each of the --threads needs a connection");
        ensure!(self.value_size <= VALUE_BYTES_MAX, "--value-size is over {VALUE_BYTES_MAX}");
        let key_bytes_max = if protocol == Protocol::Resp { KEY_BYTES_MAX } else { ETC_KEY_BYTES_MAX };
        ensure!(self.key_size <= key_bytes_max, "--key-size is over {key_bytes_max}");
        Ok(Load {
            target: self.target(protocol),
            protocol,
            threads: self.threads,
            connections: self.connections,
            pipeline: usize::try_from(self.pipeline)?,
            keys_per_request: self.keys_per_request(protocol)?,
            pace: self.pace()?,
            limit: self.limit()?,
            mix: self.workload,
            distribution: self.key_distribution.unwrap_or_else(|| self.workload.distribution()),
            keys: self.keys,
            dataset: self.dataset()?,
            seed: self.seed,
            server_pid: self.server_pid,
            shows_progress: true,
        })
    }

    fn keys_per_request(&self, protocol: Protocol) -> anyhow::Result<usize> {
        let is_possible = protocol == Protocol::Resp && self.workload.takes_many_keys();
        ensure!(
            self.keys_per_request == 1 || is_possible,
            "--keys-per-request over 1 goes with RESP and the workloads get, set, ycsb-a, ycsb-b and ycsb-c"
        );
        Ok(usize::try_from(self.keys_per_request)?)
    }

    fn target(&self, protocol: Protocol) -> Target {
        let default = if protocol == Protocol::Resp { RESP_TARGET } else { MEMCACHED_TARGET };
        self.target.clone().unwrap_or_else(|| Target::Tcp(default.into()))
    }

    fn pace(&self) -> anyhow::Result<Pace> {
        let Some(rate_per_s) = self.rate else { return Ok(Pace::Closed) };
        ensure!((1e-3..=1e9).contains(&rate_per_s), "--rate must be between 0.001 and 1e9, not {rate_per_s}");
        Ok(Pace::Open { rate_per_s, arrivals: self.arrivals })
    }

    fn limit(&self) -> anyhow::Result<Limit> {
        let seconds = self.seconds.unwrap_or(SECONDS_DEFAULT);
        ensure!(
            seconds > 0.0 && seconds <= SECONDS_MAX,
            "--seconds must be over 0 and at most {SECONDS_MAX}"
        );
        Ok(self.requests.map_or(Limit::Seconds(seconds), Limit::Requests))
    }

    fn dataset(&self) -> anyhow::Result<Dataset> {
        let inserts_max = if self.workload.inserts() { INSERTS_MAX } else { 0 };
        let keys_max = self.keys.saturating_add(inserts_max);
        let sizes = match self.sizes {
            Some(SizeModel::Etc) => Sizes::Etc { seed: self.seed, key_bytes_min: key_bytes_min(keys_max) },
            None => Sizes::Fixed { key_bytes: self.key_size, value_bytes: self.value_size },
        };
        Dataset::new(sizes, keys_max, self.seed)
    }
}

const RESP_TARGET: &str = "127.0.0.1:7379";
const MEMCACHED_TARGET: &str = "127.0.0.1:11211";
const THREADS_MAX: u64 = 256;
const CONNECTIONS_MAX: u64 = 60_000;
const PIPELINE_MAX: u64 = 16_384;
/// Far below what a request may have, and a batch of them still fits in memory.
const KEYS_PER_REQUEST_MAX: u64 = 10_000;
const SECONDS_DEFAULT: f64 = 10.0;
const SECONDS_MAX: f64 = 1e6;
/// Adit's longest key.
const KEY_BYTES_MAX: usize = 64 * 1024;
/// Adit's and Redis's longest value.
const VALUE_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Keys must be long enough for so many inserts.
const INSERTS_MAX: u64 = 1_000_000_000;
