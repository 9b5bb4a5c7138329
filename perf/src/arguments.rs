//! The arguments of the load generators, and the checked loads they make.

use std::path::PathBuf;

use adit_wire::native::{FRAME_BYTES_DEFAULT, FRAME_BYTES_MAX, WINDOW_REQUESTS};
use anyhow::ensure;

use crate::cpu::pin_to;
use crate::dataset::{Dataset, key_bytes_min};
use crate::distribution::KeyDistribution;
use crate::load::{Limit, Load, Pace, Way};
use crate::port::SharedPort;
use crate::protocol::Protocol;
use crate::schedule::Arrivals;
use crate::sizes::{ETC_KEY_BYTES_MAX, SizeModel, Sizes};
use crate::target::Target;
use crate::window::frame_bytes_max;
use crate::workload::Mix;

/// What all loads are asked to do.
#[derive(Clone, Debug, clap::Args)]
pub struct CommonArguments {
    /// Keys of each request: over 1, MGET and MSET, MULTIGET and MULTIPUT (get, set, ycsb-a, ycsb-b and ycsb-c)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=KEYS_PER_REQUEST_MAX))]
    keys_per_request: u64,
    /// End after this many operations
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    requests: Option<u64>,
    /// End after this many seconds [default: 10]
    #[arg(long, value_name = "S", alias = "duration")]
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
    #[command(flatten)]
    common: CommonArguments,
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

/// Arguments of `adit perf native`.
#[derive(Clone, Debug, clap::Args)]
pub struct NativeArguments {
    /// Server of one shard: HOST:PORT
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7400")]
    target: Target,
    /// Clients, each with a socket and a session of its own, all from one thread
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=CLIENTS_MAX))]
    clients: u64,
    /// Requests that each client has on their way
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=IN_FLIGHT_MAX))]
    in_flight: u64,
    /// One message of the socket for each datagram: neither GSO nor GRO
    #[arg(long)]
    no_offload: bool,
    /// TCP instead of UDP
    #[arg(long, conflicts_with = "no_offload")]
    tcp: bool,
    /// Port of a NIC to send from, polled, as `adit serve` takes it: dpdk:DEVICE,ip=ADDRESS/BITS. One client
    #[arg(long, value_name = "SPEC", conflicts_with_all = ["no_offload", "tcp"])]
    port: Option<String>,
    /// Core that the client stays on
    #[arg(long, value_name = "N")]
    core: Option<u16>,
    /// Ask the server what it has counted, before and after: its busy time per operation
    #[arg(long)]
    server_counters: bool,
    /// ycsb-f: write only if the version is still the one that was read, else read again
    #[arg(long)]
    compare_and_swap: bool,
    #[command(flatten)]
    common: CommonArguments,
}

impl CommonArguments {
    pub(crate) fn preloads(&self) -> bool {
        self.load
    }

    pub(crate) fn json(&self) -> Option<&PathBuf> {
        self.json.as_ref()
    }

    /// A load of one connection and one thread, with nothing in the pipeline.
    fn to_load(&self, target: Target, way: Way) -> anyhow::Result<Load> {
        ensure!(
            self.keys_per_request == 1 || self.workload.takes_many_keys(),
            "--keys-per-request over 1 goes with the workloads get, set, ycsb-a, ycsb-b and ycsb-c"
        );
        Ok(Load {
            keys_per_request: usize::try_from(self.keys_per_request)?,
            pace: self.pace()?,
            limit: self.limit()?,
            mix: self.workload,
            distribution: self.key_distribution.unwrap_or_else(|| self.workload.distribution()),
            seed: self.seed,
            server_pid: self.server_pid,
            shows_progress: true,
            ..Load::new(target, way, self.keys, self.dataset()?)
        })
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
        ensure!(self.value_size <= VALUE_BYTES_MAX, "--value-size is over {VALUE_BYTES_MAX}");
        let inserts_max = if self.workload.inserts() { INSERTS_MAX } else { 0 };
        let keys_max = self.keys.saturating_add(inserts_max);
        let sizes = match self.sizes {
            Some(SizeModel::Etc) => Sizes::Etc { seed: self.seed, key_bytes_min: key_bytes_min(keys_max) },
            None => Sizes::Fixed { key_bytes: self.key_size, value_bytes: self.value_size },
        };
        Dataset::new(sizes, keys_max, self.seed)
    }
}

impl LoadArguments {
    pub(crate) fn common(&self) -> &CommonArguments {
        &self.common
    }

    /// The load that these arguments ask for.
    ///
    /// # Errors
    /// When a value is out of range or two do not go together; says which.
    pub(crate) fn to_load(&self, protocol: Protocol) -> anyhow::Result<Load> {
        let Self { common, threads, connections, pipeline, .. } = self;
        ensure!(connections >= threads, "each of the --threads needs a connection");
        let is_resp = protocol == Protocol::Resp;
        let key_bytes_max = if is_resp { KEY_BYTES_MAX } else { ETC_KEY_BYTES_MAX };
        ensure!(common.key_size <= key_bytes_max, "--key-size is over {key_bytes_max}");
        ensure!(is_resp || common.keys_per_request == 1, "memcached takes 1 --keys-per-request");
        let default = if is_resp { RESP_TARGET } else { MEMCACHED_TARGET };
        let target = self.target.clone().unwrap_or_else(|| Target::Tcp(default.into()));
        let load = common.to_load(target, Way::Batches(protocol))?;
        let (threads, connections, pipeline) = (*threads, *connections, usize::try_from(*pipeline)?);
        Ok(Load { threads, connections, pipeline, ..load })
    }
}

impl MemcachedArguments {
    pub(crate) fn protocol(&self) -> Protocol {
        if self.meta { Protocol::MemcachedMeta } else { Protocol::MemcachedText }
    }

    pub(crate) fn load(&self) -> &LoadArguments {
        &self.load
    }
}

impl NativeArguments {
    pub(crate) fn common(&self) -> &CommonArguments {
        &self.common
    }

    /// As [`LoadArguments::to_load`].
    pub(crate) fn to_load(&self) -> anyhow::Result<Load> {
        self.target.socket_address()?;
        let (way, room) = match (self.port.is_some(), self.tcp, self.no_offload) {
            (true, ..) => (Way::NativePort, FRAME_BYTES_DEFAULT),
            (false, true, _) => (Way::NativeTcp, FRAME_BYTES_MAX),
            (false, false, true) => (Way::NativeUdp, FRAME_BYTES_DEFAULT),
            (false, false, false) => (Way::NativeUdpOffload, FRAME_BYTES_DEFAULT),
        };
        ensure!(self.port.is_none() || self.clients == 1, "--port takes --clients 1");
        let compares_and_swaps = self.compare_and_swap;
        ensure!(
            !compares_and_swaps || self.common.workload == Mix::YcsbF,
            "--compare-and-swap goes with ycsb-f"
        );
        let load = self.common.to_load(self.target.clone(), way)?;
        let needed = frame_bytes_max(&load);
        ensure!(
            needed <= room,
            "a request or its reply would take a frame of {needed} bytes, and this load sends only whole ones, of up to \
             {FRAME_BYTES_DEFAULT} over UDP and {FRAME_BYTES_MAX} with --tcp; for longer values: adit perf resp"
        );
        let pipeline = usize::try_from(self.in_flight)?;
        let asks_counters = self.server_counters;
        Ok(Load { connections: self.clients, pipeline, compares_and_swaps, asks_counters, ..load })
    }

    /// The load with its port, if it has one, open; and on its core.
    ///
    /// # Errors
    /// When there is no such core, or the port cannot be opened.
    pub(crate) fn open_port(&self, load: Load) -> anyhow::Result<Load> {
        if let Some(core) = self.core {
            pin_to(core.into())?;
        }
        let open = |spec: &String| SharedPort::open(spec);
        let port = self.port.as_ref().map(open).transpose()?;
        if let Some(core) = self.core {
            // The environment of DPDK has places of its own in mind.
            pin_to(core.into())?;
        }
        Ok(Load { port, ..load })
    }
}

const RESP_TARGET: &str = "127.0.0.1:7379";
const MEMCACHED_TARGET: &str = "127.0.0.1:11211";
const THREADS_MAX: u64 = 256;
const CONNECTIONS_MAX: u64 = 60_000;
const PIPELINE_MAX: u64 = 16_384;
const CLIENTS_MAX: u64 = 10_000;
/// Half of the window of a session, so that a lost request does not hold up the others at once.
const IN_FLIGHT_MAX: u64 = WINDOW_REQUESTS / 2;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Program {
        #[command(flatten)]
        native: NativeArguments,
    }

    fn native(flags: &str) -> anyhow::Result<Load> {
        let words = ["native"].into_iter().chain(flags.split_ascii_whitespace());
        <Program as clap::Parser>::try_parse_from(words)?.native.to_load()
    }

    #[test]
    fn a_native_load_fits_whole_frames() {
        for (wire, room) in [("", FRAME_BYTES_DEFAULT), (" --tcp", FRAME_BYTES_MAX)] {
            let of = |value_bytes: usize| native(&format!("--value-size {value_bytes}{wire}"));
            // A PUT has a header of 56 bytes, 32 of its own and a key of 16.
            assert!(of(room - 56 - 32 - 16).is_ok());
            let error = of(room - 56 - 32 - 16 + 1).unwrap_err().to_string();
            assert!(error.contains("--tcp") && error.contains("adit perf resp"), "{error}");
            assert!(native(&format!("--sizes etc{wire}")).is_err(), "a value of it may be long");
        }
        // A MULTIPUT has a header of 56 bytes, 16 of its own and 8 for the lengths of each key and its value.
        assert!(native("--keys-per-request 15").is_ok());
        assert!(native("--keys-per-request 16").is_err());
        assert!(native("--keys-per-request 100 --tcp").is_ok());
    }

    #[test]
    fn every_mix_runs_over_the_native_protocol() {
        for mix in ["get", "set", "ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-f"] {
            let load = native(&format!("--workload {mix} --clients 3 --in-flight 7 --rate 5")).unwrap();
            assert_eq!((load.connections, load.pipeline), (3, 7));
            assert!(matches!(load.pace, Pace::Open { .. }));
        }
        assert!(native("--workload ycsb-f --compare-and-swap").unwrap().compares_and_swaps);
        for flags in ["--workload ycsb-a --compare-and-swap", "--workload ycsb-d --keys-per-request 2"] {
            assert!(native(flags).is_err(), "{flags}");
        }
    }
}
