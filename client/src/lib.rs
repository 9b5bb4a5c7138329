//! The client of Adit's native protocol (`docs/native-protocol.md`): operations that are applied exactly once, over UDP
//! or TCP, with many of them in flight.
//!
//! ```no_run
//! use adit_client::{BucketId, Client, Config, PutOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::connect(Config::at("127.0.0.1:7400".parse()?))?;
//! let bucket = BucketId(0);
//! client.put(bucket, b"greeting", "hello", PutOptions::default())?;
//! if let Some(value) = client.get(bucket, b"greeting")? {
//!     println!("{} (version {})", String::from_utf8_lossy(value.bytes()), value.version);
//! }
//! let visits = client.add(bucket, b"visits", 1)?; // counted once, whatever the network does
//! println!("visit number {visits}");
//! client.close();
//! # Ok(())
//! # }
//! ```
//!
//! | for | use | waits |
//! |---|---|---|
//! | one operation at a time | [`Client::get`], [`Client::put`] and the like, [`Client::execute`] | for its answer |
//! | many at once | [`Client::pipeline`] | for all answers |
//! | several keys at one moment | [`Client::multi_get`], [`Client::multi_put`] | for its answer |
//! | a loop of the caller's own | [`Client::submit`], [`Client::poll`] with [`Client::fd`] and [`Client::next_event`] | up to the time-out of `poll` |
//! | values that should not be in memory | [`Client::write_value`], [`Client::read_value`] | for each piece; to begin a write not for the shard |
//! | several of these at once | [`Client::begin_write`], [`Client::begin_read`] and what follows them | as above |
//! | compare and swap | [`Client::swap`], [`Client::update`] | for its answers |
//! | all keys of a bucket | [`Client::scan`] | for each 256 keys |
//! | asynchronous programs | `AsyncClient`, with the feature `tokio` | never blocks a thread of the runtime |
//!
//! **Threads.** A client is driven by the calls to it: it has no thread of its own. It can be moved to another thread
//! between calls; threads that work at the same time have a client each, or share an `AsyncClient`. While nothing is called
//! nothing is sent, so a client that rests for longer than a session lives (60 s) finds what it had under way lost, and
//! begins a new one.
//!
//! **Ports.** With the feature `dpdk` a client can do without the kernel: [`Config::port`] names a network card, or memory that is
//! shared with a server on the same machine. One client in the life of a process can; it polls while something happens, and
//! sleeps up to 1 ms at a time while nothing does.
//!
//! **Time.** Whatever waits ends at the deadline ([`Config::deadline`], 5 s) at the latest; scans, pipelines and values in
//! pieces are many steps with a deadline each. A request is sent again, as often as need be, until then.
//!
//! **Errors** are sorted by fault ([`Error`]), and each has a number that never changes ([`Error::code`]). After
//! [`Error::Uncertain`] a write is done or not: read before writing again. After all others it is not done. (A take whose
//! reply was too long has removed the key.)
//!
//! **Order.** Operations that are under way at the same time may be applied in any order.
//!
//! | limit | | beyond it |
//! |---|---|---|
//! | key | 64 KiB | [`Caller::KeyTooLong`](error::Caller::KeyTooLong) |
//! | value | 512 MiB | [`Caller::ValueTooLong`](error::Caller::ValueTooLong) |
//! | any other request | 1 MiB | [`Caller::TooLarge`](error::Caller::TooLarge) |
//! | reply that is kept whole | [`CoreConfig::reply_bytes_max`](core::CoreConfig::reply_bytes_max), 513 MiB | [`Caller::ReplyTooLong`](error::Caller::ReplyTooLong) |
//! | operations under way, values in pieces among them | [`CoreConfig::window`](core::CoreConfig::window), 256 of 1,024 | [`Caller::Full`](error::Caller::Full), or waits |
//! | requests behind the oldest that is under way, a paused value too | 960 | wait for it |
//! | sessions that are opened again, and maps, behind it | 64 | wait for it, too; sessions that are open live on |
//! | long values that are written at once at a shard | 8 | wait, or take the place of one of which nothing came for 1 s: [`Unreachable::GaveUp`](error::Unreachable::GaveUp) |
//! | long replies that a shard keeps for a client until all of each has come | 64 MiB | other long reads and all takes there wait; at the deadline [`State::Busy`](error::State::Busy) |
//! | bytes kept of a value in pieces | 2 MiB | its writer waits; no more is asked for |
//! | rest of a writer or reader | 60 s | [`Unreachable::GaveUp`](error::Unreachable::GaveUp) |
//!
//! A value of 64 MiB or more that is read in pieces takes all that its shard keeps of long replies for the client: until it
//! is read to its end or abandoned, other long reads there, and all takes, are refused as busy. Read it with a client of its
//! own.
//!
//! [`core::Core`] is the protocol without sockets, clock or randomness of its own; it runs in a simulator as it does
//! here. [`Client`] drives it over sockets. `examples/` has a program for each of these.
#![forbid(unsafe_code)]

pub mod answer;
#[cfg(feature = "tokio")]
pub mod asynchronous;
pub mod client;
pub mod core;
pub mod error;
pub mod operation;
mod sockets;

pub use adit_drivers::kernel::Offload;
pub use adit_wire::kv::BucketId;
pub use adit_wire::native::request::{Condition, NewExpiry};
pub use answer::{Answer, Completion, Items, Ticket, Value};
#[cfg(feature = "tokio")]
pub use asynchronous::{AsyncClient, ScanPage, ScanPlace};
pub use bytes::Bytes;
pub use client::{Client, Config, Pipeline, PutOptions, Scan, Swap, ValueReader, ValueWriter};
pub use core::ReadHead;
pub use error::Error;
pub use operation::{KeyAction, Keys, Operation, Pairs, Payload};
