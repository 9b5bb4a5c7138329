//! How a simulated device with several queues picks one for a frame: by the hash of its flow, as a NIC does.

use std::net::{IpAddr, SocketAddr};

use crate::dpdk::rss::{Rss, Transport};

/// The hash of a device, all of whose queues there are.
pub(super) struct Spread(Rss);

impl Spread {
    /// Over so many queues.
    ///
    /// # Panics
    /// If the hash leads to others.
    pub(super) fn new(rss: Rss, queue_count: usize) -> Self {
        let fits = rss.queue_of_hash().iter().all(|queue| usize::from(*queue) < queue_count);
        assert!(fits, "a device has {queue_count} queues");
        Self(rss)
    }

    pub(super) fn rss(&self) -> &Rss {
        &self.0
    }

    /// The queue of a frame; the first one for what is not hashed.
    pub(super) fn queue_of(&self, frame: &[u8]) -> usize {
        let queue = flow_of(frame).and_then(|(source, to, transport)| self.0.queue_of(source, to, transport));
        queue.map_or(0, usize::from)
    }
}

/// The source, the destination and the protocol of a UDP or TCP packet in a frame without a VLAN tag.
fn flow_of(frame: &[u8]) -> Option<(SocketAddr, SocketAddr, Transport)> {
    let packet = frame.get(14..)?;
    let (protocol, source, destination, segment) = match frame[12..14] {
        [8, 0] => {
            let header = packet.first_chunk::<20>()?;
            let ip = |at: usize| header[at..at + 4].first_chunk::<4>().map(|octets| IpAddr::from(*octets));
            (header[9], ip(12)?, ip(16)?, packet.get(usize::from(header[0] & 15) * 4..)?)
        }
        [0x86, 0xDD] => {
            let header = packet.first_chunk::<40>()?;
            let ip = |at: usize| header[at..at + 16].first_chunk::<16>().map(|octets| IpAddr::from(*octets));
            (header[6], ip(8)?, ip(24)?, &packet[40..])
        }
        _ => return None,
    };
    let transport = match protocol {
        6 => Transport::Tcp,
        17 => Transport::Udp,
        _ => return None,
    };
    let ports = segment.first_chunk::<4>()?;
    let port = |at: usize| u16::from_be_bytes([ports[at], ports[at + 1]]);
    Some((SocketAddr::new(source, port(0)), SocketAddr::new(destination, port(2)), transport))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dpdk::rss::{Hashed, STANDARD_KEY};

    #[test]
    fn a_frame_goes_where_the_hash_of_its_flow_leads() {
        let hashed = Hashed { ipv4_udp: true, ipv6_udp: true, ipv6_tcp: true, ..Hashed::default() };
        let rss = Rss::new(STANDARD_KEY.to_vec(), (0..16).map(|i| i % 4).collect(), hashed).unwrap();
        let spread = Spread::new(rss.clone(), 4);
        let mut seen = [false; 4];
        for port in 1..200 {
            let mut frame = vec![0; 42];
            (frame[12], frame[14], frame[23]) = (8, 0x45, 17);
            frame[26..34].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
            frame[34..38].copy_from_slice(&[0, port, 0x1C, 0xE8]);
            let (source, to) = (SocketAddr::from(([10, 0, 0, 1], u16::from(port))), "10.0.0.2:7400");
            let expected = rss.queue_of(source, to.parse().unwrap(), Transport::Udp).unwrap();
            assert_eq!(spread.queue_of(&frame), usize::from(expected));
            seen[usize::from(expected)] = true;
            frame[23] = 6;
            assert_eq!(spread.queue_of(&frame), 0, "TCP over IPv4 is not hashed");
        }
        assert_eq!(seen, [true; 4]);
        let mut frame = vec![0; 58];
        (frame[12], frame[13], frame[20], frame[37], frame[53], frame[55]) = (0x86, 0xDD, 6, 1, 2, 7);
        let (source, to) = ("[::1]:7".parse().unwrap(), "[::2]:0".parse().unwrap());
        assert_eq!(flow_of(&frame), Some((source, to, Transport::Tcp)));
        (0..frame.len()).for_each(|len| assert_eq!(flow_of(&frame[..len]), None, "{len} bytes"));
    }
}
