//! A load of datagrams: clients that each keep a number of requests on their way, from one thread.
//!
//! One loop and one kind of socket drive the native protocol and memcached's over UDP, so that servers differ and
//! nothing else does. The native protocol also over TCP.

mod arguments;
mod client;
mod driver;
mod memcached;
mod native;
mod wire;

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;

use adit_drivers::kernel::Offload;

pub use self::arguments::NativeArguments;
use self::driver::run;
use self::memcached::Memcached;
use self::native::Native;
use self::wire::Wire;
use crate::dataset::Dataset;
use crate::distribution::KeyDistribution;
use crate::load::{Limit, Pace};
use crate::report::Terms;
use crate::tally::Tally;
use crate::workload::{Mix, Operation};

/// Everything this load needs; checked when it was built from arguments.
#[derive(Clone, Debug)]
pub(crate) struct WindowLoad {
    pub(crate) server: SocketAddr,
    pub(crate) way: Way,
    /// Each has a socket and a session of its own.
    pub(crate) clients: u64,
    /// Requests of each client.
    pub(crate) in_flight: usize,
    pub(crate) limit: Limit,
    pub(crate) mix: Mix,
    pub(crate) keys: u64,
    pub(crate) dataset: Dataset,
    pub(crate) seed: u64,
    pub(crate) server_pid: Option<u32>,
}

/// What is spoken, and over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// memcached's text commands, one to a datagram.
    MemcachedUdp,
    /// The native protocol, one message of the socket for each datagram.
    NativeUdp,
    /// The same with trains of datagrams in one message, both ways (GSO and GRO).
    NativeUdpOffload,
    /// The native protocol over a stream.
    NativeTcp,
}

/// A protocol whose messages carry numbers that their replies repeat.
pub(crate) trait WindowProtocol: Sized {
    /// The number of the first request.
    const FIRST_NUMBER: u64;

    /// Begins what requests need, a session for example. Waits for the server.
    fn open(wire: &mut Wire) -> anyhow::Result<Self>;

    /// Appends the message of a request.
    fn encode(&mut self, out: &mut Vec<u8>, ticket: Ticket, operation: Operation, dataset: &Dataset);

    /// The number and outcome that `message` tells; nothing if it is no reply to this client. `oldest` is the oldest
    /// request on its way.
    ///
    /// # Errors
    /// When the peer does not speak this protocol.
    fn decode<'a>(&self, message: &'a [u8], oldest: u64) -> anyhow::Result<Option<(u64, Outcome<'a>)>>;
}

/// What a request is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) number: u64,
    /// All requests below are answered.
    pub(crate) oldest: u64,
}

/// What a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    Value(&'a [u8]),
    Stored,
    Absent,
    Refused(String),
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::MemcachedUdp => "memcached-udp",
            Self::NativeUdp => "native-udp",
            Self::NativeUdpOffload => "native-udp-offload",
            Self::NativeTcp => "native-tcp",
        }
    }

    fn offload(self) -> Offload {
        if self == Self::NativeUdpOffload { Offload::default() } else { Offload::NONE }
    }
}

impl WindowLoad {
    /// The load that writes every key once, as fast as it goes.
    pub(crate) fn preload(&self) -> Self {
        Self {
            clients: 1,
            in_flight: PRELOAD_IN_FLIGHT,
            limit: Limit::Requests(self.keys),
            mix: Mix::Preload,
            ..self.clone()
        }
    }

    pub(crate) fn terms(&self) -> Terms {
        Terms {
            target: self.server.to_string(),
            protocol: self.way.name(),
            workload: self.mix,
            threads: 1,
            connections: self.clients,
            pipeline: self.in_flight,
            keys_per_request: 1,
            pace: Pace::Closed,
            limit: self.limit,
            keys: self.keys,
            key_distribution: self.distribution(),
            sizes: self.dataset.sizes,
            seed: self.seed,
        }
    }

    fn distribution(&self) -> KeyDistribution {
        self.mix.distribution()
    }
}

/// Runs `load` to its end, or until `interrupted` is set.
///
/// # Errors
/// When the server cannot be reached, stops answering or does not speak the protocol.
pub(crate) fn run_window(load: &WindowLoad, interrupted: &AtomicBool) -> anyhow::Result<Tally> {
    match load.way {
        Way::MemcachedUdp => run::<Memcached>(load, interrupted),
        Way::NativeUdp | Way::NativeUdpOffload | Way::NativeTcp => run::<Native>(load, interrupted),
    }
}

const PRELOAD_IN_FLIGHT: usize = 32;
