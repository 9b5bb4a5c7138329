//! What the headers of IPv4 and IPv6 say alike, and headers written for both.

use std::net::IpAddr;

use crate::checksum::Sum;
use crate::{ipv4, ipv6};

/// What an IP header says; the packet is whole and it is no fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ip {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) hop_limit: u8,
    /// Bytes of the header, with options and extensions.
    pub(crate) header_bytes: usize,
    /// Bytes of the packet: what a frame has behind that is padding.
    pub(crate) total_bytes: usize,
}

impl Ip {
    /// Bytes behind the header.
    #[inline]
    pub(crate) fn payload_bytes(&self) -> usize {
        self.total_bytes - self.header_bytes
    }

    /// The sum of the pseudo-header of its payload.
    #[inline]
    pub(crate) fn pseudo_sum(&self) -> Sum {
        pseudo_sum(self.source, self.destination, self.protocol, self.payload_bytes())
    }
}

/// The sum of a pseudo-header (RFC 768, RFC 8200 section 8.1).
#[inline]
pub(crate) fn pseudo_sum(source: IpAddr, destination: IpAddr, protocol: u8, payload_bytes: usize) -> Sum {
    addresses_sum(source, destination)
        .and_u16(u16::from(protocol))
        .and_u16(crate::bytes::length(payload_bytes))
}

/// The part of it that is the same for all packets of two hosts.
#[inline]
pub(crate) fn addresses_sum(source: IpAddr, destination: IpAddr) -> Sum {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Sum::default().and_four(source.octets()).and_four(destination.octets())
        }
        (source, destination) => Sum::of(&octets(source)).and(&octets(destination)),
    }
}

/// Bytes of the header in front of a packet to or from an address.
#[inline]
pub(crate) fn header_bytes(address: IpAddr) -> usize {
    if address.is_ipv4() { ipv4::HEADER_BYTES } else { ipv6::HEADER_BYTES }
}

/// Writes a header in front of `payload_bytes`, into room of [`header_bytes`].
#[inline]
pub(crate) fn write(
    room: &mut [u8],
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    hop_limit: u8,
    payload_bytes: usize,
) {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            ipv4::write(room, source, destination, protocol, hop_limit, payload_bytes);
        }
        _ => ipv6::write(room, octets(source), octets(destination), protocol, hop_limit, payload_bytes),
    }
}

/// An address as one of IPv6.
#[inline]
fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// Whether two addresses begin with the same `prefix` bits.
#[inline]
pub(crate) fn same_network(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let prefix = u32::from(prefix);
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            prefix == 0 || (one.to_bits() ^ other.to_bits()) >> (32 - prefix.min(32)) == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            prefix == 0 || (one.to_bits() ^ other.to_bits()) >> (128 - prefix.min(128)) == 0
        }
        _ => false,
    }
}

/// What IP packets carry.
pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;
/// Hops that our packets may take (RFC 1700).
pub(crate) const HOP_LIMIT: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_end_with_their_prefix() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let same = |one, other, prefix| same_network(address(one), address(other), prefix);
        assert!(same("10.0.0.1", "10.0.0.254", 24) && !same("10.0.0.1", "10.0.1.1", 24));
        assert!(same("10.0.0.1", "11.0.0.1", 0) && same("10.0.0.1", "10.0.0.1", 32));
        assert!(!same("10.0.0.1", "10.0.0.0", 32) && same("10.0.0.1", "10.0.0.0", 31));
        assert!(same("fe80::1", "fe80::ffff:1", 64) && !same("fe80::1", "fe80:0:0:1::1", 64));
        assert!(same("::1", "ff::1", 0) && !same("::1", "::2", 128) && !same("::1", "10.0.0.1", 0));
    }
}
