//! Requests, replies and protocols as bytes. No I/O, no state of connections.
#![forbid(unsafe_code)]

pub mod kv;
pub mod native;
pub mod resp;
pub mod slot;
