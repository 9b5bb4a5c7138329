//! Ports of NICs and virtual devices through DPDK: an `Eal` for the process, a `Device` on it, and a queue pair of the
//! device for each shard. What needs no C library is always here: how a port is written down, and receive-side scaling.

#[cfg(feature = "dpdk")]
mod device;
#[cfg(feature = "dpdk")]
mod eal;
#[cfg(feature = "dpdk")]
mod error;
#[cfg(feature = "dpdk")]
mod mempool;
#[cfg(feature = "dpdk")]
mod options;
#[cfg(feature = "dpdk")]
mod queue;
#[cfg(feature = "dpdk")]
mod reach;
pub mod rss;
#[cfg(feature = "dpdk")]
mod setup;
pub mod spec;
#[cfg(feature = "dpdk")]
mod steering;

#[cfg(feature = "dpdk")]
pub use device::{Device, DeviceConfig, DeviceStats};
#[cfg(feature = "dpdk")]
pub use eal::{Eal, EalConfig, EalMemory};
#[cfg(feature = "dpdk")]
pub use error::{DeviceError, EalError};
#[cfg(feature = "dpdk")]
pub(crate) use mempool::ThreadMempool;
#[cfg(feature = "dpdk")]
pub(crate) use options::MEMIF;
#[cfg(feature = "dpdk")]
pub use queue::{DpdkFrames, DpdkQueue};
