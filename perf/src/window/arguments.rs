//! The arguments of `adit perf native`, and the checked load they make.

use std::path::PathBuf;

use anyhow::ensure;

use super::{Way, WindowLoad};
use crate::dataset::Dataset;
use crate::load::Limit;
use crate::sizes::Sizes;
use crate::target::Target;
use crate::workload::Mix;

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
    /// End after this many operations
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    requests: Option<u64>,
    /// End after this many seconds
    #[arg(long, value_name = "S", alias = "duration", default_value_t = 10.0)]
    seconds: f64,
    /// Mix of operations: get, set, ycsb-a, ycsb-b or ycsb-c
    #[arg(long, value_enum, default_value_t = Mix::Get)]
    workload: Mix,
    /// Keys in the data set
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Length of keys
    #[arg(long, value_name = "BYTES", default_value_t = 16)]
    key_size: usize,
    /// Length of values
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    value_size: usize,
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

impl NativeArguments {
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
    pub(crate) fn to_load(&self) -> anyhow::Result<WindowLoad> {
        ensure!(self.workload.takes_many_keys(), "--workload is get, set, ycsb-a, ycsb-b or ycsb-c here");
        let bytes = self.key_size.saturating_add(self.value_size);
        ensure!(bytes <= PAIR_BYTES_MAX, "a key and its value must fit a datagram: {PAIR_BYTES_MAX} bytes");
        ensure!(self.seconds > 0.0 && self.seconds <= SECONDS_MAX, "--seconds must be over 0");
        let way = match (self.tcp, self.no_offload) {
            (true, _) => Way::NativeTcp,
            (false, true) => Way::NativeUdp,
            (false, false) => Way::NativeUdpOffload,
        };
        let sizes = Sizes::Fixed { key_bytes: self.key_size, value_bytes: self.value_size };
        Ok(WindowLoad {
            server: self.target.socket_address()?,
            way,
            clients: self.clients,
            in_flight: usize::try_from(self.in_flight)?,
            limit: self.requests.map_or(Limit::Seconds(self.seconds), Limit::Requests),
            mix: self.workload,
            keys: self.keys,
            dataset: Dataset::new(sizes, self.keys, self.seed)?,
            seed: self.seed,
            server_pid: self.server_pid,
        })
    }
}

const CLIENTS_MAX: u64 = 10_000;
/// Half of the window of a session, so that a lost request does not hold up the others at once.
const IN_FLIGHT_MAX: u64 = adit_wire::native::WINDOW_REQUESTS / 2;
/// The default datagram of a server, less headers and the longest words of a request.
const PAIR_BYTES_MAX: usize = 1_300;
const SECONDS_MAX: f64 = 1e6;
