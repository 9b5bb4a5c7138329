//! The client of Adit's native protocol (`docs/native-protocol.md`): operations that are applied exactly once, over UDP
//! or TCP, with many of them in flight.
//!
//! [`core::Core`] is the protocol without sockets, clock or randomness of its own; it runs in a simulator as it does
//! here. [`Client`] drives it over sockets.
#![forbid(unsafe_code)]

pub mod answer;
pub mod client;
pub mod core;
pub mod error;
pub mod operation;
mod sockets;

pub use adit_drivers::kernel::Offload;
pub use adit_wire::kv::BucketId;
pub use adit_wire::native::request::{Condition, NewExpiry};
pub use answer::{Answer, Completion, Items, Ticket, Value};
pub use bytes::Bytes;
pub use client::{Client, Config, PutOptions, Scan, ValueReader, ValueWriter};
pub use core::ReadHead;
pub use error::Error;
pub use operation::{KeyAction, Keys, Operation, Pairs, Payload};
