//! Datagrams over a port of a NIC, for programs that are no shard: our stack over its queues, which may move from thread to
//! thread.
//!
//! Buffers, mempools and queues of shards are counted without locks, so they stay on one thread. An endpoint keeps all that
//! refers to its own within itself, and lends bytes only.

use std::fmt;
use std::net::SocketAddr;

use adit_drivers::dpdk::rss::Rss;
use adit_drivers::dpdk::spec::PortSpec;
use adit_drivers::frames::Frames;
use adit_drivers::nic;
use adit_drivers::port::Mbuf;
use adit_net::{NetCounters, Stack, StackConfig};

/// A port of a NIC, what came, and what is on its way out.
pub struct PortEndpoint {
    /// A stack over each queue.
    lanes: Vec<Lane>,
    /// The ports of the server's shards: the queue of a shard leads to it.
    shard_ports: Vec<u16>,
    address: SocketAddr,
    /// Each queue leads to one queue at the other end, and to no other.
    is_paired: bool,
}

/// A queue.
struct Lane {
    stack: Stack,
    received: Vec<Mbuf>,
    outgoing: Vec<Mbuf>,
}

// SAFETY: what keeps an endpoint from being `Send` by itself are the reference counts of its mempools, and the pointers of
// its queues. Every clone of a mempool is in the stack of its lane, or in a buffer in that stack, `received` or
// `outgoing`: `open` makes it, no function takes one from outside, and none gives a mempool, a stack or a buffer out, only
// slices of bytes that are borrowed from the endpoint. So the counts change owner together, with the endpoint: before a
// move only the thread that gives it away has reached them, after it only the one that has got it. A queue pair of
// DPDK may be polled by any thread, one at a time.
unsafe impl Send for PortEndpoint {}

/// Why an endpoint cannot be opened, in words that say what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError(String);

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

impl PortEndpoint {
    /// Opens the port that `spec` describes (see [`PortSpec`]), with as many queues as it says, one by default. Once in a
    /// process. Datagrams come from `local_port`.
    ///
    /// # Errors
    /// What is wrong with the port or the machine.
    pub fn open(spec: &str, local_port: u16, now_ns: u64) -> Result<Self, OpenError> {
        let spec: PortSpec = spec.parse().map_err(told)?;
        if spec.shard.is_some() {
            return Err(OpenError("shard= is for the ports of servers: leave it out".into()));
        }
        let config = StackConfig::of_port(&spec, local_port);
        config.check().map_err(told)?;
        let opened = nic::open(std::slice::from_ref(&spec), spec.queues.unwrap_or(1)).map_err(told)?;
        let frames = opened.into_iter().flatten().map(|queue| queue.into_frames().map_err(told));
        let frames = frames.collect::<Result<Vec<_>, _>>()?;
        let is_paired = PAIRED.iter().any(|driver| spec.device.name().starts_with(driver));
        Ok(Self { is_paired, ..Self::over(frames, &config, now_ns) })
    }

    /// Over queues that nobody else refers to.
    fn over(frames: Vec<Frames>, config: &StackConfig, now_ns: u64) -> Self {
        let lane = |frames| Lane {
            stack: Stack::new(frames, config.clone(), now_ns),
            received: Vec::new(),
            outgoing: Vec::new(),
        };
        let lanes: Vec<Lane> = frames.into_iter().map(lane).collect();
        let address = SocketAddr::new(config.addresses[0].0, config.udp_port);
        Self { lanes, shard_ports: Vec::new(), address, is_paired: false }
    }

    /// Says which ports the shards of the server have, in their order: what is sent to one leaves by the queue of its shard, all
    /// else by the first one.
    ///
    /// # Errors
    /// If shards cannot be reached: each queue of shared memory leads to one of them, so there have to be as many.
    pub fn set_shard_ports(&mut self, ports: &[u16]) -> Result<(), OpenError> {
        let count = ports.len();
        if self.is_paired && self.lanes.len() != count {
            let text = format!("shared memory has a queue for each shard: say queues={count} in the port");
            return Err(OpenError(text));
        }
        self.shard_ports = ports.to_vec();
        Ok(())
    }

    /// Picks for each shard, in their order, a port that datagrams to it leave from, so that the server's device, which spreads
    /// flows as `rss` says, puts them into the queue of that shard. Where none is found they leave as before. Gives the shards
    /// that see another port than before.
    pub fn steer(&mut self, rss: &Rss, shards: &[SocketAddr]) -> Vec<SocketAddr> {
        let mut moved = Vec::new();
        for (queue, shard) in (0..).zip(shards) {
            let Some(lane) = self.lanes.first() else { break };
            let found = lane.stack.find_source_port(*shard, rss, queue);
            let Some(port) = found.filter(|port| *port != lane.stack.source_port(*shard)) else { continue };
            // Answers may come to any queue.
            if self.lanes.iter_mut().all(|lane| lane.stack.set_source_port(*shard, port)) {
                moved.push(*shard);
            }
        }
        moved
    }

    /// Whether the ports of its datagrams may matter to the server: not by shared memory, where each queue leads to a shard.
    pub fn is_steerable(&self) -> bool {
        !self.is_paired
    }

    /// The address that peers reach it by.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Longest datagram that it carries.
    pub fn datagram_bytes_max(&self) -> usize {
        self.lanes.iter().map(|lane| lane.stack.datagram_bytes_max()).min().unwrap_or(0)
    }

    /// What the stack of a queue has counted.
    pub fn counters(&self, queue: usize) -> Option<NetCounters> {
        self.lanes.get(queue).map(|lane| lane.stack.counters())
    }

    /// Shows `take` what has come, each datagram with the address that it came from. Does not block. Says whether there was
    /// something.
    #[inline]
    pub fn receive(&mut self, now_ns: u64, take: impl FnMut(SocketAddr, &[u8])) -> bool {
        let has_come = self.poll(now_ns);
        self.take(take);
        has_come
    }

    /// The first half of [`Self::receive`], for who looks at the clock in between: says whether there is something to take.
    #[inline]
    pub fn poll(&mut self, now_ns: u64) -> bool {
        let mut has_come = false;
        for lane in &mut self.lanes {
            lane.stack.poll(now_ns);
            lane.stack.take_datagrams(&mut lane.received);
            has_come |= !lane.received.is_empty();
        }
        has_come
    }

    /// The second half of [`Self::receive`].
    #[inline]
    pub fn take(&mut self, mut take: impl FnMut(SocketAddr, &[u8])) {
        for lane in &mut self.lanes {
            for train in &lane.received {
                train.datagrams().for_each(|datagram| take(train.peer(), datagram));
            }
            lane.received.clear();
        }
    }

    /// Room for a datagram of `len_bytes` to `to`, all of which the caller writes: until then it holds what an earlier one
    /// left there. Nothing while all buffers wait to be sent, or if it is longer than one.
    ///
    /// # Panics
    /// If `len_bytes` is 0.
    #[inline]
    pub fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        let shard = self.shard_ports.iter().position(|port| *port == to.port());
        let queue = shard.unwrap_or(0) % self.lanes.len();
        let lane = &mut self.lanes[queue];
        if lane.outgoing.len() >= OUTGOING_MAX {
            return None;
        }
        let train = lane.stack.mempool().take(to).filter(|train| train.takes(len_bytes))?;
        lane.outgoing.push(train);
        lane.outgoing.last_mut()?.push(len_bytes)
    }

    /// Sends what was written, as far as the device takes it; the rest is sent by the next call. Does not block. Says
    /// whether all was taken.
    #[inline]
    pub fn send(&mut self, now_ns: u64) -> bool {
        for lane in &mut self.lanes {
            if !lane.outgoing.is_empty() {
                lane.stack.transmit(&mut lane.outgoing);
            }
            lane.stack.flush(now_ns);
        }
        !self.has_unsent()
    }

    /// Whether something was written and not taken by the device.
    #[inline]
    pub fn has_unsent(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.outgoing.is_empty())
    }
}

fn told(error: impl fmt::Display) -> OpenError {
    OpenError(error.to_string())
}

/// Datagrams that wait to be sent by a queue.
const OUTGOING_MAX: usize = 256;
/// Drivers of memory that two programs share, queue by queue.
const PAIRED: [&str; 3] = ["net_memif", "net_virtio_user", "net_vhost"];

#[cfg(test)]
mod tests {
    use super::*;
    use adit_drivers::dpdk::rss::{Hashed, STANDARD_KEY, Transport};
    use adit_drivers::frames::FRAME_HEADROOM_BYTES;
    use adit_drivers::port::Mempool;
    use adit_drivers::sim::{CableFaults, SimFrames};
    use std::net::IpAddr;

    /// Two endpoints at the ends of a cable.
    fn pair() -> [PortEndpoint; 2] {
        let mempool = || Mempool::with_headroom(600, 2048, FRAME_HEADROOM_BYTES);
        let mut host = 0;
        SimFrames::pair(1, CableFaults::NONE, 1500, [1, 2].map(|byte| ([2, 0, 0, 0, 0, byte], mempool())))
            .map(|frames| {
                host += 1;
                let config = StackConfig::new(IpAddr::from([10, 0, 0, host]), 24, 7000);
                PortEndpoint::over(vec![Frames::Sim(frames)], &config, 0)
            })
    }

    #[test]
    fn datagrams_arrive_from_an_endpoint_that_has_moved() {
        let [mut left, mut right] = pair();
        let to = right.address();
        for value in 1..=3 {
            left.room(to, 100).unwrap().fill(value);
        }
        let mut values = Vec::new();
        for now_ns in 1..20 {
            left.send(now_ns);
            right.receive(now_ns, |from, datagram| values.push((from, datagram.len(), datagram[0])));
            right.send(now_ns);
            left.receive(now_ns, |_, _| panic!("nothing was sent to it"));
        }
        let from = left.address();
        assert_eq!(values, [(from, 100, 1), (from, 100, 2), (from, 100, 3)]);
        assert!(!left.has_unsent() && left.room(to, left.datagram_bytes_max() + 1000).is_none());
    }

    #[test]
    fn each_shard_is_sent_to_from_a_port_that_leads_to_it() {
        let [mut left, mut right] = pair();
        let hashed = Hashed { ipv4_udp: true, ..Hashed::default() };
        let rss = |queues: Vec<u16>| Rss::new(STANDARD_KEY.to_vec(), queues, hashed).unwrap();
        let to = right.address();
        let own = rss((0..64).collect()).queue_of(left.address(), to, Transport::Udp).unwrap();
        let misses = rss((0..64).map(|hash| u16::from(hash == own)).collect());
        assert_eq!(left.steer(&misses, &[to]), [to]);
        assert_eq!(left.steer(&misses, &[to]), [], "it hits now");
        left.room(to, 3).unwrap().fill(9);
        let mut from = Vec::new();
        for now_ns in 1..20 {
            left.send(now_ns);
            right.receive(now_ns, |peer, _| from.push(peer));
            if let Some(peer) = from.first() {
                right.room(*peer, 4).unwrap().fill(8);
            }
            right.send(now_ns);
            let mut answers = 0;
            left.receive(now_ns, |peer, datagram| answers += usize::from((peer, datagram) == (to, &[8; 4])));
            if answers > 0 {
                assert_eq!(misses.queue_of(from[0], to, Transport::Udp), Some(0));
                assert_ne!(from[0], left.address());
                return;
            }
        }
        panic!("no answer to {from:?}");
    }

    #[test]
    fn what_waits_is_bounded() {
        let [mut left, right] = pair();
        let to = right.address();
        assert_eq!((0..1000).filter(|_| left.room(to, 10).is_some()).count(), OUTGOING_MAX);
    }

    #[test]
    fn a_port_that_is_none_says_what_to_do() {
        let open = |spec| PortEndpoint::open(spec, 7000, 0).err().unwrap();
        assert!(open("eth0").to_string().contains("dpdk:"));
        assert!(open("dpdk:vdev=net_null0,ip=10.0.0.2/24,shard=0").to_string().contains("leave it out"));
        #[cfg(not(feature = "dpdk"))]
        assert!(open("dpdk:vdev=net_null0,ip=10.0.0.2/24").to_string().contains("--features dpdk"));
    }
}
