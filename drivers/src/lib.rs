//! Contracts of devices and raw memory, and their variants. Unsafe code of the data plane stands here, in `sys` and in `endpoint`.

pub mod buffer;
pub mod chunk;
pub mod clock;
pub mod counters;
pub mod dpdk;
pub mod frames;
pub mod kernel;
pub mod memory;
pub mod nic;
pub mod outbox;
pub mod port;
pub mod prefetch;
pub mod process;
pub mod ring;
pub mod sim;
pub mod streams;
pub mod tail;
pub mod wake;
