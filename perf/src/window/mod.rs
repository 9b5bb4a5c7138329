//! A load in a window: clients that each keep a number of requests on their way, from one thread.
//!
//! One loop drives the native protocol, memcached's and Redis's, over one kind of UDP socket and one kind of stream, so
//! that servers differ and nothing else does.

mod client;
mod driver;
mod in_order;
mod lean;
mod memcached;
mod native;
mod wire;

use adit_drivers::kernel::Offload;
use adit_wire::native::request::Condition;

use self::driver::run;
use self::in_order::InOrder;
use self::memcached::Memcached;
use self::native::Native;
pub(crate) use self::native::frame_bytes_max;
use self::wire::Wire;
use crate::dataset::Dataset;
use crate::generator::Shared;
use crate::load::{Load, Way};
use crate::protocol::{Protocol, ReplyKind};
use crate::tally::Tally;
use crate::workload::Operation;

/// A protocol of requests that may be on their way together.
pub(crate) trait WindowProtocol: Sized {
    /// The number of the first request.
    const FIRST_NUMBER: u64;

    /// Begins what requests need, a session for example. Waits for the server.
    fn open(load: &Load, wire: &mut Wire) -> anyhow::Result<Self>;

    /// Appends the message of a request.
    fn encode(&mut self, out: &mut Vec<u8>, ticket: Ticket, question: &Question, dataset: &Dataset);

    /// The length of the first message in the bytes of a stream; nothing while that is not known.
    ///
    /// # Errors
    /// As `decode`.
    fn length(&self, bytes: &[u8]) -> anyhow::Result<Option<usize>>;

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

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) operation: Operation,
    /// Keys beyond the operation's, of a request of many; native protocol only.
    pub(crate) more: Vec<u64>,
    /// When a write is done; native protocol only.
    pub(crate) condition: Condition,
}

/// What a reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<'a> {
    /// A value and its version, 0 where a protocol has none.
    Value(&'a [u8], u64),
    /// Of many keys, in order.
    Values(Vec<Option<&'a [u8]>>),
    Stored,
    Absent,
    /// The condition of a write did not hold.
    Conflict,
    Refused(String),
}

impl Question {
    pub(crate) fn of(operation: Operation) -> Self {
        Self { operation, more: Vec::new(), condition: Condition::Always }
    }

    /// Its keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = u64> {
        std::iter::once(self.operation.key).chain(self.more.iter().copied())
    }
}

impl<'a> Outcome<'a> {
    /// What a whole reply of `protocol` says.
    fn of(protocol: Protocol, kind: ReplyKind, reply: &'a [u8]) -> Self {
        match kind {
            ReplyKind::Hit => {
                // Between the first line and the end.
                let start = reply.iter().position(|byte| *byte == b'\n').map_or(reply.len(), |end| end + 1);
                let end = if protocol == Protocol::MemcachedText { &b"\r\nEND\r\n"[..] } else { b"\r\n" };
                Outcome::Value(reply[start..].strip_suffix(end).unwrap_or_default(), 0)
            }
            ReplyKind::Miss => Outcome::Absent,
            ReplyKind::Ok | ReplyKind::Push => Outcome::Stored,
            ReplyKind::Error => Outcome::Refused(String::from_utf8_lossy(reply).trim().to_owned()),
        }
    }
}

fn offload(way: Way) -> Offload {
    if way == Way::NativeUdpOffload { Offload::default() } else { Offload::NONE }
}

/// What the server of `load`, of the native protocol, has counted.
pub(crate) fn server_counters(load: &Load) -> anyhow::Result<Counters> {
    let text = native::ask_counters(&mut Wire::connect(load)?)?;
    let number =
        |line: &str| line.split_once(' ').map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    Ok(Counters(text.lines().filter_map(number).flatten().collect()))
}

/// Counters of a server, by their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters(Vec<(String, u64)>);

impl Counters {
    /// How much a counter has grown since `earlier`.
    pub(crate) fn since(&self, earlier: &Self, name: &str) -> Option<u64> {
        let of =
            |counters: &Self| counters.0.iter().find(|counter| counter.0 == name).map(|counter| counter.1);
        of(self)?.checked_sub(of(earlier)?)
    }
}

/// Runs `load` on this thread.
pub(crate) fn run_window(load: &Load, shared: &Shared<'_>) -> anyhow::Result<Tally> {
    match load.way {
        Way::MemcachedUdp => run::<Memcached>(load, shared),
        Way::NativePort if lean::is_for(load) => lean::run(load, shared),
        Way::NativeUdp | Way::NativeUdpOffload | Way::NativePort | Way::NativeTcp => {
            run::<Native>(load, shared)
        }
        Way::Stream(_) | Way::Batches(_) => run::<InOrder>(load, shared),
    }
}
