//! Run-to-completion shards: a core, its queues and its state. Nothing else touches them.
#![forbid(unsafe_code)]

pub mod batch;
pub mod connection;
mod connections;
pub mod decimal;
pub mod engine;
pub mod inflight;
pub mod info;
pub mod intake;
mod keys;
pub mod lcs;
pub mod mailbox;
pub mod map;
pub mod mesh;
pub mod message;
pub mod multi;
pub mod plan;
pub mod refusal;
pub mod requests;
pub mod session;
pub mod settings;
pub mod shard;
pub mod stats;
pub mod transaction;
pub mod walk;
