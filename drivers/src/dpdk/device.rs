//! Devices of DPDK: one queue pair, and the buffers of it, for each shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use super::eal::Eal;
use super::error::DeviceError;
use super::mempool::DeviceMempool;
use super::queue::DpdkQueue;
use super::reach::Reach;
use super::rss::Rss;
use super::setup::{Port, start};
use super::spec::PortSpec;
use crate::frames::Offloads;

/// A device that is to be started.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// A PCI address that the [`Eal`] was started with, or the name of a virtual device, such as `net_memif0`.
    pub name: String,
    /// Options of a virtual device, such as `role=server,socket=/run/adit/memif.sock`.
    pub options: String,
    /// Queue pairs: one for each shard.
    pub queue_pairs: u16,
    /// Places of each receive ring; the device takes the nearest number that it can.
    pub rx_descriptors: u16,
    /// Places of each transmit ring; likewise.
    pub tx_descriptors: u16,
    /// Longest IP packet, in bytes.
    pub mtu_bytes: u16,
    /// Buffers that a shard may hold for long, beside those in the rings and of the bursts: what waits for a device, a
    /// neighbour or an acknowledgement.
    pub held_buffers: u32,
    /// Asks for interrupts, for shards that sleep.
    pub interrupts: bool,
    /// Lets frames end with bytes that lie elsewhere, if the device takes such frames and reads the memory of the process. If
    /// nothing is said, virtual devices do: a NIC would have to pin all memory of values, and many are slower with short frames.
    pub tails: Option<bool>,
}

impl DeviceConfig {
    /// The device of a port, with a queue pair for each shard.
    pub fn of(port: &PortSpec, queue_pairs: u16) -> Self {
        let usual = Self::new(port.device.name(), port.device.options());
        Self {
            queue_pairs,
            rx_descriptors: port.descriptors.unwrap_or(usual.rx_descriptors),
            tx_descriptors: port.descriptors.unwrap_or(usual.tx_descriptors),
            mtu_bytes: port.mtu_bytes.unwrap_or(usual.mtu_bytes),
            tails: port.tails,
            ..usual
        }
    }

    /// The usual: one queue pair, rings of 1,024, an MTU of 1,500 bytes, 4,096 buffers to hold, interrupts.
    pub fn new(name: &str, options: &str) -> Self {
        Self {
            name: name.into(),
            options: options.into(),
            queue_pairs: 1,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
            mtu_bytes: 1500,
            held_buffers: 4096,
            interrupts: true,
            tails: None,
        }
    }
}

/// What a device has counted, all its queues together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceStats {
    /// Frames received.
    pub rx_frames: u64,
    /// Frames transmitted.
    pub tx_frames: u64,
    /// Frames dropped because a receive ring was full.
    pub rx_missed: u64,
    /// Damaged frames.
    pub rx_errors: u64,
    /// Times that no buffer was to be had for a frame.
    pub rx_no_buffer: u64,
    /// Frames that were not transmitted.
    pub tx_errors: u64,
}

/// A running device. It stops with the last of its queues and handles.
#[derive(Clone)]
pub struct Device(Arc<Running>);

/// The order is that of its end: the device stops and its buffers go, then the environment may.
pub(super) struct Running {
    pub(super) port: Port,
    pub(super) reach: Reach,
    /// UDP ports for which there are rules.
    ruled_count: AtomicU16,
    _eal: Eal,
}

impl Device {
    /// Starts a device, and gives its queues: each is to be opened on the thread that will poll it.
    ///
    /// # Errors
    /// See [`DeviceError`].
    pub fn start(eal: &Eal, config: &DeviceConfig) -> Result<Vec<DpdkQueue>, DeviceError> {
        let (port, reach) = start(eal, config)?;
        let running = Arc::new(Running { port, reach, ruled_count: AtomicU16::new(0), _eal: eal.clone() });
        Ok((0..config.queue_pairs).map(|queue| DpdkQueue::new(Arc::clone(&running), queue)).collect())
    }

    /// Another handle.
    pub(super) fn of(running: &Arc<Running>) -> Self {
        Self(Arc::clone(running))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.port.name
    }

    /// The driver of DPDK that drives it.
    pub fn driver(&self) -> &str {
        &self.0.port.driver
    }

    /// Its address.
    pub fn mac(&self) -> [u8; 6] {
        self.0.port.mac
    }

    /// Places of each receive and transmit ring.
    pub fn descriptors(&self) -> (u16, u16) {
        self.0.port.descriptors
    }

    /// What it does for its frames.
    pub fn offloads(&self) -> Offloads {
        self.0.port.offloads
    }

    /// How it spreads flows over its queues, if that is known.
    pub fn rss(&self) -> Option<&Rss> {
        self.0.port.rss.as_ref()
    }

    /// Whether there is somebody at the other end.
    pub fn link_is_up(&self) -> bool {
        self.0.port.link_is_up()
    }

    /// Buffers of a queue that its driver keeps at most when it ends; they go with the mempool, and were not lost before.
    pub fn kept_buffers_max(&self) -> usize {
        self.0.port.kept_buffers_max()
    }

    /// What it has counted.
    pub fn stats(&self) -> DeviceStats {
        self.0.port.stats()
    }

    /// Has it put datagrams to a UDP port into a queue, over IPv4 and IPv6; says whether it does. Many devices cannot, and
    /// only an attempt tells.
    pub fn steer_udp_port(&self, udp_port: u16, queue: u16) -> bool {
        let does =
            usize::from(queue) < self.0.port.mempools.len() && self.0.port.steer_udp_port(udp_port, queue);
        self.0.ruled_count.fetch_add(u16::from(does), Ordering::Relaxed);
        does
    }

    /// Whether there is a rule for each of its queues, so that no hash decides. All are made before the queues move to their
    /// threads, which orders them with who asks.
    pub(super) fn follows_rules(&self) -> bool {
        usize::from(self.0.ruled_count.load(Ordering::Relaxed)) >= self.0.port.mempools.len()
    }
}

impl Running {
    /// The buffers of a queue.
    pub(super) fn mempool(&self, queue: u16) -> &Arc<DeviceMempool> {
        &self.port.mempools[usize::from(queue)]
    }

    /// Headers for what frames of a queue end with, if the device takes such frames.
    pub(super) fn tails(&self, queue: u16) -> Option<&Arc<DeviceMempool>> {
        self.port.tails.get(usize::from(queue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_says_what_is_not_usual() {
        let port = "dpdk:vdev=net_memif0,id=3,ip=10.0.0.2/24,mtu=9000,descriptors=256".parse().unwrap();
        let config = DeviceConfig::of(&port, 2);
        assert_eq!(
            (config.name.as_str(), config.options.as_str()),
            ("net_memif0", "id=3,mac=02:ad:0a:00:00:02")
        );
        assert_eq!((config.queue_pairs, config.rx_descriptors, config.tx_descriptors), (2, 256, 256));
        assert_eq!((config.mtu_bytes, config.held_buffers), (9000, 4096));
    }
}
