//! Ports that a client's datagrams leave from: its own for each peer where the peer's device spreads flows by a hash, so that
//! they come to the queue of the shard that is meant.

use std::net::SocketAddr;

use adit_drivers::dpdk::rss::{Rss, Transport};

use crate::stack::Stack;
use crate::templates::Templates;

/// The ports of datagrams to some peers; to all others they leave from the configured one.
#[derive(Default)]
pub(crate) struct Sources(Vec<(SocketAddr, u16)>);

impl Sources {
    /// The port of datagrams to a peer.
    fn port_to(&self, peer: SocketAddr) -> Option<u16> {
        self.0.iter().find(|(other, _)| *other == peer).map(|(_, port)| *port)
    }

    /// Whether some leave from this port, so that answers come to it.
    pub(crate) fn has(&self, port: u16) -> bool {
        self.0.iter().any(|(_, own)| *own == port)
    }
}

impl Stack {
    /// Looks for a port of ours from which datagrams to `peer` come to `queue` of its device, which spreads flows as `rss`
    /// says. Tries a bounded number; nothing if none of them does, or if the device does not look at ports.
    pub fn find_source_port(&self, peer: SocketAddr, rss: &Rss, queue: u16) -> Option<u16> {
        let (own, _) = self.routes.next_hop(peer.ip())?;
        let hits =
            |port: &u16| rss.queue_of(SocketAddr::new(own, *port), peer, Transport::Udp) == Some(queue);
        let first = self.source_port(peer);
        if hits(&first) || !rss.hashes_udp_ports(peer.is_ipv4()) {
            return Some(first).filter(hits);
        }
        let (lowest, count) = DYNAMIC_PORTS;
        let after = |steps: u16| lowest + first.wrapping_sub(lowest).wrapping_add(steps) % count;
        (1..=PORTS_TRIED_MAX).map(after).find(hits)
    }

    /// The port that datagrams to `peer` leave from.
    pub fn source_port(&self, peer: SocketAddr) -> u16 {
        self.sources.port_to(peer).unwrap_or(self.config.udp_port)
    }

    /// Lets datagrams to `peer` leave from a port from now on. What comes to it is received as what comes to the configured one
    /// is. Of [`SOURCES_MAX`] peers; says whether it does.
    pub fn set_source_port(&mut self, peer: SocketAddr, port: u16) -> bool {
        let Sources(list) = &mut self.sources;
        match list.iter().position(|(other, _)| *other == peer) {
            Some(place) => list[place].1 = port,
            None if list.len() < SOURCES_MAX => list.push((peer, port)),
            None => return false,
        }
        self.templates = Templates::new();
        true
    }
}

/// Peers with ports of their own: as many as there are shards.
pub const SOURCES_MAX: usize = 256;
/// Ports that are tried for one peer. With 256 queues one in 256 hits: all of them miss once in nine million.
pub const PORTS_TRIED_MAX: u16 = 4096;
/// The first of the dynamic ports, and how many there are (RFC 6335, section 6).
pub const DYNAMIC_PORTS: (u16, u16) = (49_152, 16_384);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StackConfig;
    use adit_drivers::dpdk::rss::{Hashed, STANDARD_KEY};
    use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frames};
    use adit_drivers::port::Mempool;
    use adit_drivers::sim::{CableFaults, SimFrames};

    fn stack(udp_port: u16) -> Stack {
        let mempool = || Mempool::with_headroom(64, 2048, FRAME_HEADROOM_BYTES);
        let [near, _] =
            SimFrames::pair(1, CableFaults::NONE, 1500, [([2; 6], mempool()), ([4; 6], mempool())]);
        Stack::new(Frames::Sim(near), StackConfig::new([10, 0, 0, 1].into(), 24, udp_port), 0)
    }

    fn rss(queues: u16, hashed: Hashed) -> Rss {
        Rss::new(STANDARD_KEY.to_vec(), (0..512).map(|i| i % queues).collect(), hashed).unwrap()
    }

    const BY_PORTS: Hashed =
        Hashed { ipv4_udp: true, ipv4: true, ipv4_tcp: true, ipv6: false, ipv6_udp: false, ipv6_tcp: false };

    #[test]
    fn a_port_is_found_for_every_shard_and_kept_where_it_hits() {
        for (queues, own) in [(2, 49_152), (3, 65_535), (4, 7), (256, 50_000)] {
            let (mut stack, rss) = (stack(own), rss(queues, BY_PORTS));
            for queue in 0..queues {
                let peer = SocketAddr::from(([10, 0, 0, 2], 7400 + queue));
                let port = stack.find_source_port(peer, &rss, queue).unwrap();
                let source = SocketAddr::from(([10, 0, 0, 1], port));
                assert_eq!(rss.queue_of(source, peer, Transport::Udp), Some(queue));
                assert!(port == own || port >= DYNAMIC_PORTS.0);
                assert!(stack.set_source_port(peer, port));
                assert_eq!(stack.find_source_port(peer, &rss, queue), Some(port), "it hits already");
                assert!(stack.sources.has(port) && stack.source_port(peer) == port);
            }
        }
    }

    #[test]
    fn no_port_is_found_where_none_helps() {
        let stack = stack(50_000);
        let peer = |text: &str| text.parse::<SocketAddr>().unwrap();
        let by_addresses = rss(4, Hashed { ipv4_udp: false, ..BY_PORTS });
        let found = (0..4).filter(|queue| {
            stack.find_source_port(peer("10.0.0.2:7400"), &by_addresses, *queue) == Some(50_000)
        });
        assert_eq!(found.count(), 1, "the addresses lead to one queue, from any port");
        let none = rss(4, Hashed::default());
        assert_eq!(stack.find_source_port(peer("10.0.0.2:7400"), &none, 0), None);
        assert_eq!(
            stack.find_source_port(peer("10.0.0.2:7400"), &rss(4, BY_PORTS), 4),
            None,
            "no such queue"
        );
        assert_eq!(stack.find_source_port(peer("[fd00::2]:7400"), &rss(4, BY_PORTS), 0), None, "no route");
    }

    #[test]
    fn peers_with_ports_are_bounded() {
        let mut stack = stack(50_000);
        let peer = |number: usize| SocketAddr::from(([10, 0, 0, 2], u16::try_from(number + 1).unwrap()));
        assert!((0..SOURCES_MAX).all(|number| stack.set_source_port(peer(number), 51_000)));
        assert!(!stack.set_source_port(peer(SOURCES_MAX), 51_000));
        assert!(stack.set_source_port(peer(0), 51_001));
    }
}
