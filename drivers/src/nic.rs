//! Opens the ports that were asked for: one environment for all, a device for each, a queue pair for each shard. What is
//! opened may move to the thread of its shard; there it becomes a queue of frames.

use std::fmt;

#[cfg(feature = "dpdk")]
use crate::dpdk::MEMIF;
use crate::dpdk::spec::PortSpec;
use crate::frames::Frames;

/// A queue pair that waits for the thread that will poll it.
pub struct NicQueue {
    /// Frames that are received at a time, where fewer are wanted than usual.
    #[cfg(feature = "dpdk")]
    burst: Option<u16>,
    #[cfg(feature = "dpdk")]
    inner: crate::dpdk::DpdkQueue,
    #[cfg(not(feature = "dpdk"))]
    inner: std::convert::Infallible,
}

/// Why a port cannot be opened, in words that say what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NicError(String);

impl fmt::Display for NicError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NicError {}

/// What a port can do, told at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NicFacts {
    /// Its name, and that of its driver.
    pub name: String,
    /// Its address.
    pub mac: [u8; 6],
    /// Whether somebody is at the other end.
    pub link_is_up: bool,
    /// Whether it is memory shared by memif, each queue of which is one of the other end.
    pub is_memif: bool,
    /// Buffers of a queue that its driver keeps at most when it ends.
    pub kept_buffers_max: usize,
}

/// Opens ports, each with `queue_pairs` queue pairs, or one if it is for one shard. Once in a process.
///
/// # Errors
/// What DPDK, a device or a missing permission says; also if this build has no DPDK.
#[cfg(feature = "dpdk")]
pub fn open(specs: &[PortSpec], queue_pairs: u16) -> Result<Vec<Vec<NicQueue>>, NicError> {
    use crate::dpdk::{Device, DeviceConfig, Eal, EalConfig};

    let eal = Eal::start(&EalConfig::of(specs)).map_err(|error| NicError(error.to_string()))?;
    let open = |spec: &PortSpec| {
        let config = DeviceConfig::of(spec, spec.shard.map_or(queue_pairs, |_| 1));
        let queues = Device::start(&eal, &config).map_err(|error| NicError(error.to_string()))?;
        Ok(queues.into_iter().map(|inner| NicQueue { burst: spec.burst, inner }).collect())
    };
    specs.iter().map(open).collect()
}

/// Opens ports.
///
/// # Errors
/// Always: this build has no DPDK.
#[cfg(not(feature = "dpdk"))]
pub fn open(_specs: &[PortSpec], _queue_pairs: u16) -> Result<Vec<Vec<NicQueue>>, NicError> {
    let text = "this adit was built without DPDK; build one with `cargo build --release --features dpdk` \
                (apt-get install libdpdk-dev libclang-dev pkg-config)";
    Err(NicError(text.into()))
}

/// The version of DPDK that this build has, if it has it.
pub fn version() -> Option<String> {
    #[cfg(feature = "dpdk")]
    return Some(crate::dpdk::Eal::version());
    #[cfg(not(feature = "dpdk"))]
    None
}

impl NicQueue {
    /// The queue on this thread, on which it stays.
    ///
    /// # Errors
    /// If DPDK knows too many threads.
    #[cfg(feature = "dpdk")]
    pub fn into_frames(self) -> Result<Frames, NicError> {
        let mut frames = self.inner.open().map(Frames::Dpdk).map_err(|error| NicError(error.to_string()))?;
        if let Some(burst) = self.burst {
            frames.set_burst(usize::from(burst));
        }
        Ok(frames)
    }

    /// The queue on this thread.
    ///
    /// # Errors
    /// None: there is no queue.
    #[cfg(not(feature = "dpdk"))]
    pub fn into_frames(self) -> Result<Frames, NicError> {
        match self.inner {}
    }

    /// Has the device put datagrams to `udp_port` into this queue; says whether it will. Where it takes no such rules they
    /// come to any.
    #[cfg(feature = "dpdk")]
    pub fn steer(&self, udp_port: u16) -> bool {
        self.inner.device().steer_udp_port(udp_port, self.inner.index())
    }

    /// Has the device put datagrams to a port into this queue.
    #[cfg(not(feature = "dpdk"))]
    pub fn steer(&self, _udp_port: u16) -> bool {
        match self.inner {}
    }

    /// What its device is.
    #[cfg(feature = "dpdk")]
    pub fn facts(&self) -> NicFacts {
        let device = self.inner.device();
        let name = format!("{} ({})", device.name(), device.driver());
        let (mac, link_is_up) = (device.mac(), device.link_is_up());
        let (is_memif, kept_buffers_max) = (device.driver() == MEMIF, device.kept_buffers_max());
        NicFacts { name, mac, link_is_up, is_memif, kept_buffers_max }
    }

    /// What its device is.
    #[cfg(not(feature = "dpdk"))]
    pub fn facts(&self) -> NicFacts {
        match self.inner {}
    }
}
