//! The datagram ports of a shard: a closed list of kinds.

use std::net::SocketAddr;

use adit_drivers::dpdk::rss::Rss;
use adit_drivers::kernel::KernelPort;
use adit_drivers::port::{Mbuf, Mempool, PortCounters};
use adit_drivers::sim::{SimPort, WirePort};
use adit_net::NetPort;

/// A datagram port of one kind; matched once per burst.
pub enum Port {
    /// An endpoint of a simulated network.
    Sim(SimPort),
    /// One end of a wire on this thread.
    Wire(WirePort),
    /// A UDP socket of the kernel.
    Kernel(KernelPort),
    /// The datagrams of our own stack over a queue of frames.
    Net(NetPort),
}

impl Port {
    /// Appends up to [`BURST_MAX`](adit_drivers::port::BURST_MAX) received trains to `burst`; does not block.
    #[inline]
    pub fn rx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        match self {
            Self::Sim(port) => port.rx_burst(burst),
            Self::Wire(port) => port.rx_burst(burst),
            Self::Kernel(port) => port.rx_burst(burst),
            Self::Net(port) => port.rx_burst(burst),
        }
    }

    /// Transmits trains off the front of `burst`; what the device does not take now stays in it, to be offered again.
    /// A train that the device never takes, because of its destination or length, is dropped and counted. Does not
    /// block.
    #[inline]
    pub fn tx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        match self {
            Self::Sim(port) => port.tx_burst(burst),
            Self::Wire(port) => port.tx_burst(burst),
            Self::Kernel(port) => port.tx_burst(burst),
            Self::Net(port) => port.tx_burst(burst),
        }
    }

    /// The address that peers reach it by.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Sim(port) => port.address(),
            Self::Wire(port) => port.address(),
            Self::Kernel(port) => port.address(),
            Self::Net(port) => port.address(),
        }
    }

    /// Where its received trains come from, and those to be transmitted may.
    #[inline]
    pub fn mempool(&self) -> &Mempool {
        match self {
            Self::Sim(port) => port.mempool(),
            Self::Wire(port) => port.mempool(),
            Self::Kernel(port) => port.mempool(),
            Self::Net(port) => port.mempool(),
        }
    }

    /// Whether datagrams may end with a [`Tail`](adit_drivers::tail::Tail); the others copy all bytes at least once.
    #[inline]
    pub fn takes_tails(&self) -> bool {
        matches!(self, Self::Net(port) if port.takes_tails())
    }

    /// How its device spreads flows over the queues of all shards, in their order, if it does that by a hash. To be asked once.
    pub fn rss(&self) -> Option<Rss> {
        match self {
            Self::Sim(_) | Self::Wire(_) | Self::Kernel(_) => None,
            Self::Net(port) => port.rss(),
        }
    }

    /// Whether nothing tells that something has come, so that it is to be asked in every turn.
    #[inline]
    pub fn is_polled(&self) -> bool {
        matches!(self, Self::Wire(_))
    }

    /// Whether nobody was at the other end of its device when that was last looked at. Sockets of the kernel do not tell.
    pub fn link_is_down(&self) -> bool {
        matches!(self, Self::Net(port) if !port.link_was_up())
    }

    /// What it has counted.
    pub fn counters(&self) -> PortCounters {
        match self {
            Self::Sim(port) => port.counters(),
            Self::Wire(port) => port.counters(),
            Self::Kernel(port) => port.counters(),
            Self::Net(port) => port.counters(),
        }
    }
}
