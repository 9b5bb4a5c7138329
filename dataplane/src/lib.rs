//! Run-to-completion shards: a core, its queues and its state. Nothing else touches them.
#![forbid(unsafe_code)]

mod alone;
pub mod batch;
pub mod calls;
pub mod connection;
mod connections;
pub mod decimal;
pub mod engine;
pub mod inflight;
pub mod info;
pub mod intake;
mod keys;
pub mod lcs;
mod limits;
pub mod mailbox;
mod manage;
pub mod map;
pub mod mesh;
pub mod message;
pub mod native;
pub mod parameters;
pub mod plan;
pub mod port;
pub mod refusal;
pub mod requests;
mod sending;
pub mod session;
pub mod settings;
pub mod shard;
pub mod silence;
mod splicing;
pub mod stats;
pub mod streams;
pub mod tour;
pub mod transaction;
pub mod walk;
