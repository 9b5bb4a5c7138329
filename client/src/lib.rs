//! The client of Adit's native protocol (`docs/native-protocol.md`): operations that are applied exactly once, over UDP
//! or TCP, with many of them in flight.
//!
//! [`core::Core`] is the protocol without sockets, clock or randomness of its own; it runs in a simulator as it does
//! here. [`Client`] drives it over sockets.
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
