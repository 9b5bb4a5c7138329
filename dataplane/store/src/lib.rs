//! Stores of a shard.
#![forbid(unsafe_code)]
pub mod kv;
