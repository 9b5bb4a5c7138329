//! Receive-side scaling: which queue of a NIC a flow comes to. A client that knows it picks its own port so that the shard it
//! wants is the one that receives.

use std::net::{IpAddr, SocketAddr};

/// How a device spreads flows over its queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rss {
    key: Vec<u8>,
    queue_of_hash: Vec<u16>,
    hashed: Hashed,
}

/// Which flows a device hashes by their addresses and ports, and which by their addresses alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hashed {
    /// IPv4, by addresses, unless the next two say more.
    pub ipv4: bool,
    /// UDP over IPv4.
    pub ipv4_udp: bool,
    /// TCP over IPv4.
    pub ipv4_tcp: bool,
    /// IPv6, by addresses, unless the next two say more.
    pub ipv6: bool,
    /// UDP over IPv6.
    pub ipv6_udp: bool,
    /// TCP over IPv6.
    pub ipv6_tcp: bool,
}

/// The protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Rss {
    /// A key of at least [`STANDARD_KEY`]'s length, and the queue for each of the hashes by their low bits.
    pub fn new(key: Vec<u8>, queue_of_hash: Vec<u16>, hashed: Hashed) -> Option<Self> {
        let is_usable = key.len() >= STANDARD_KEY.len() && queue_of_hash.len().is_power_of_two();
        is_usable.then_some(Self { key, queue_of_hash, hashed })
    }

    /// The queue that receives packets from `source` to `destination`; nothing if the device does not hash such flows.
    pub fn queue_of(&self, source: SocketAddr, destination: SocketAddr, transport: Transport) -> Option<u16> {
        let hashed = self.hashed;
        let (by_ports, by_addresses) = match (source, transport) {
            (SocketAddr::V4(_), Transport::Udp) => (hashed.ipv4_udp, hashed.ipv4),
            (SocketAddr::V4(_), Transport::Tcp) => (hashed.ipv4_tcp, hashed.ipv4),
            (SocketAddr::V6(_), Transport::Udp) => (hashed.ipv6_udp, hashed.ipv6),
            (SocketAddr::V6(_), Transport::Tcp) => (hashed.ipv6_tcp, hashed.ipv6),
        };
        if source.is_ipv4() != destination.is_ipv4() || !(by_ports || by_addresses) {
            return None;
        }
        let mut input = Vec::with_capacity(INPUT_BYTES_MAX);
        [source.ip(), destination.ip()].iter().for_each(|address| match address {
            IpAddr::V4(address) => input.extend(address.octets()),
            IpAddr::V6(address) => input.extend(address.octets()),
        });
        if by_ports {
            [source.port(), destination.port()].iter().for_each(|port| input.extend(port.to_be_bytes()));
        }
        let hash = toeplitz(&self.key, &input);
        let index = usize::try_from(hash).ok()? & (self.queue_of_hash.len() - 1);
        Some(self.queue_of_hash[index])
    }

    /// Whether ports are part of what is hashed of UDP over IPv4 or IPv6: without them no choice of a port helps.
    pub fn hashes_udp_ports(&self, is_ipv4: bool) -> bool {
        if is_ipv4 { self.hashed.ipv4_udp } else { self.hashed.ipv6_udp }
    }

    /// The same with the shortest table: one whose halves are equal says no more than a half.
    pub fn folded(&self) -> Self {
        let mut queues = self.queue_of_hash.as_slice();
        while let (half @ [_, ..], other) = queues.split_at(queues.len() / 2)
            && half == other
        {
            queues = half;
        }
        Self { key: self.key.clone(), queue_of_hash: queues.to_vec(), hashed: self.hashed }
    }

    /// Which flows are hashed.
    pub fn hashed(&self) -> Hashed {
        self.hashed
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The queue for each value of a hash's low bits.
    pub fn queue_of_hash(&self) -> &[u16] {
        &self.queue_of_hash
    }
}

/// The Toeplitz hash ("RSS hashing functions" in Microsoft's driver documentation): for each bit of the input that is set,
/// the 32 bits of the key from there on.
///
/// # Panics
/// If the key is not 4 bytes longer than the input.
pub fn toeplitz(key: &[u8], input: &[u8]) -> u32 {
    assert!(key.len() >= input.len() + 4, "a Toeplitz key is longer than its input");
    let mut hash = 0;
    for (index, byte) in input.iter().enumerate() {
        // Five bytes of the key, of which each bit of the input takes 32 bits.
        let window = key[index..index + 5].iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        for bit in (0..8).filter(|bit| byte & (0x80 >> bit) != 0) {
            hash ^= u32::try_from((window >> (8 - bit)) & u64::from(u32::MAX)).unwrap_or(0);
        }
    }
    hash
}

/// The key of Microsoft's documentation ("Verifying the RSS hash calculation"), which a device is given.
pub const STANDARD_KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0,
    0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42,
    0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];
/// Two addresses of IPv6 and two ports.
const INPUT_BYTES_MAX: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Hashed =
        Hashed { ipv4: true, ipv4_udp: true, ipv4_tcp: true, ipv6: true, ipv6_udp: true, ipv6_tcp: true };

    /// Destination, source, hash of addresses and ports, hash of addresses: the tables of "Verifying the RSS hash
    /// calculation".
    const VECTORS: [(&str, &str, u32, u32); 8] = [
        ("161.142.100.80:1766", "66.9.149.187:2794", 0x51cc_c178, 0x323e_8fc2),
        ("65.69.140.83:4739", "199.92.111.2:14230", 0xc626_b0ea, 0xd718_262a),
        ("12.22.207.184:38024", "24.19.198.95:12898", 0x5c2b_394a, 0xd2d0_a5de),
        ("209.142.163.6:2217", "38.27.205.30:48228", 0xafc7_327f, 0x8298_9176),
        ("202.188.127.2:1303", "153.39.163.191:44251", 0x10e8_28a2, 0x5d18_09c5),
        ("[3ffe:2501:200:3::1]:1766", "[3ffe:2501:200:1fff::7]:2794", 0x4020_7d3d, 0x2cc1_8cd5),
        ("[ff02::1]:4739", "[3ffe:501:8::260:97ff:fe40:efab]:14230", 0xdde5_1bbf, 0x0f0c_461c),
        (
            "[fe80::200:f8ff:fe21:67cf]:38024",
            "[3ffe:1900:4545:3:200:f8ff:fe21:67cf]:44251",
            0x02d1_feef,
            0x4b61_e985,
        ),
    ];

    #[test]
    fn hashes_are_those_of_the_specification() {
        let identity: Vec<u16> = (0..=u16::MAX).collect();
        let by_ports = Rss::new(STANDARD_KEY.to_vec(), identity.clone(), ALL).unwrap();
        let hashed = Hashed { ipv4: true, ipv6: true, ..Hashed::default() };
        let by_addresses = Rss::new(STANDARD_KEY.to_vec(), identity, hashed).unwrap();
        for (destination, source, ports, addresses) in VECTORS {
            let (destination, source) = (destination.parse().unwrap(), source.parse().unwrap());
            let low = |hash: u32| Some(u16::try_from(hash & 0xffff).unwrap());
            for transport in [Transport::Udp, Transport::Tcp] {
                assert_eq!(by_ports.queue_of(source, destination, transport), low(ports));
                assert_eq!(by_addresses.queue_of(source, destination, transport), low(addresses));
            }
        }
        let (destination, source) = ([161, 142, 100, 80, 6, 230], [66, 9, 149, 187, 10, 234]);
        let input = [&source[..4], &destination[..4], &source[4..], &destination[4..]].concat();
        assert_eq!(toeplitz(&STANDARD_KEY, &input), 0x51cc_c178, "all bits");
    }

    #[test]
    fn a_client_finds_a_port_for_each_queue_and_none_where_nothing_is_hashed() {
        let rss = Rss::new(STANDARD_KEY.to_vec(), (0..128).map(|i| i % 4).collect(), ALL).unwrap();
        let server = "10.0.0.2:7000".parse().unwrap();
        for queue in 0..4 {
            let found = (40000..40100).find(|port| {
                let client = SocketAddr::from(([10, 0, 0, 1], *port));
                rss.queue_of(client, server, Transport::Udp) == Some(queue)
            });
            assert!(found.is_some());
        }
        let client = SocketAddr::from(([10, 0, 0, 1], 1));
        let none = Rss::new(STANDARD_KEY.to_vec(), vec![0], Hashed::default()).unwrap();
        assert_eq!(none.queue_of(client, server, Transport::Udp), None);
        assert_eq!(rss.queue_of(client, "[::1]:1".parse().unwrap(), Transport::Udp), None);
        assert_eq!((rss.folded().queue_of_hash(), rss.folded().folded()), (&[0, 1, 2, 3][..], rss.folded()));
        let uneven = Rss::new(STANDARD_KEY.to_vec(), (0..8).map(|i| i % 3).collect(), ALL).unwrap();
        assert_eq!(uneven.folded(), uneven);
        assert!(Rss::new(vec![0; 39], vec![0], ALL).is_none());
        assert!(Rss::new(STANDARD_KEY.to_vec(), vec![0; 3], ALL).is_none());
    }
}
