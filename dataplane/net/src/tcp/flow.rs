//! The four numbers that tell one connection from all others: two addresses and two ports.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use rapidhash::v3::{RapidSecrets, rapidhash_v3_micro_inline};

/// Both ends of a connection, as bytes that are compared and hashed as they are: the peer's address and ours, IPv4 mapped
/// into IPv6 (RFC 4291, section 2.5.5.2), then the peer's port and ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow([u8; FLOW_BYTES]);

impl Flow {
    #[inline]
    pub(super) fn new(peer: SocketAddr, ours: SocketAddr) -> Self {
        let mut bytes = [0; FLOW_BYTES];
        bytes[..16].copy_from_slice(&mapped(peer.ip()));
        bytes[16..32].copy_from_slice(&mapped(ours.ip()));
        bytes[32..34].copy_from_slice(&peer.port().to_be_bytes());
        bytes[34..].copy_from_slice(&ours.port().to_be_bytes());
        Self(bytes)
    }

    #[inline]
    pub(super) fn bytes(&self) -> &[u8; FLOW_BYTES] {
        &self.0
    }

    #[inline]
    pub(super) fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.address(0), self.port(32))
    }

    #[inline]
    pub(super) fn ours(&self) -> SocketAddr {
        SocketAddr::new(self.address(16), self.port(34))
    }

    #[inline]
    fn address(&self, at: usize) -> IpAddr {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0[at..at + 16]);
        Ipv6Addr::from(bytes).to_canonical()
    }

    #[inline]
    fn port(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.0[at], self.0[at + 1]])
    }
}

#[inline]
fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Hashes flows under a secret, so that no peer can choose flows that fall into one place.
pub(super) struct FlowHasher(RapidSecrets);

impl FlowHasher {
    pub(super) fn new(seed: u64) -> Self {
        Self(RapidSecrets::seed(seed))
    }

    #[inline]
    pub(super) fn hash(&self, flow: &Flow) -> u64 {
        rapidhash_v3_micro_inline::<true, false>(flow.bytes(), &self.0)
    }
}

/// Bytes of a flow.
const FLOW_BYTES: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_names_both_ends_again() {
        let v4 = (SocketAddr::from(([10, 0, 0, 2], 5000)), SocketAddr::from(([10, 0, 0, 1], 6379)));
        let v6 = (SocketAddr::from(([7_u16; 8], 1)), SocketAddr::from(([9_u16; 8], 2)));
        for (peer, ours) in [v4, v6] {
            let flow = Flow::new(peer, ours);
            assert_eq!((flow.peer(), flow.ours()), (peer, ours));
            let back = Flow::new(ours, peer);
            let hasher = FlowHasher::new(1);
            assert!(flow != back && hasher.hash(&flow) != hasher.hash(&back));
            assert_ne!(hasher.hash(&flow), FlowHasher::new(2).hash(&flow));
        }
    }
}
