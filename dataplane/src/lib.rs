//! Run-to-completion shards.
#![forbid(unsafe_code)]
