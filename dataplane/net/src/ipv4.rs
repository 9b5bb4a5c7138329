//! Headers of IPv4 (RFC 791).

use std::net::{IpAddr, Ipv4Addr};

use crate::bytes::{array_at, length, put, put_u16, u16_at};
use crate::checksum::Sum;
use crate::counters::Reason;
use crate::ip::Ip;

/// Reads the header of a packet, whose options are skipped; `checked` if the device has verified its checksum.
#[inline]
pub(crate) fn parse(packet: &[u8], checked: bool) -> Result<Ip, Reason> {
    let header = packet.first_chunk::<HEADER_BYTES>().ok_or(Reason::Truncated)?;
    let header_bytes = usize::from(header[0] & 0x0F) * 4;
    let total_bytes = usize::from(u16_at(header, 2));
    if header[0] >> 4 != 4 || header_bytes < HEADER_BYTES || total_bytes < header_bytes {
        return Err(Reason::IpHeader);
    }
    if packet.len() < total_bytes {
        return Err(Reason::Truncated);
    }
    if !checked {
        let sum =
            if header_bytes == HEADER_BYTES { Sum::of(header) } else { Sum::of(&packet[..header_bytes]) };
        if !sum.is_right() {
            return Err(Reason::IpChecksum);
        }
    }
    if u16_at(header, 6) & (MORE_FRAGMENTS | OFFSET_MASK) != 0 {
        return Err(Reason::Fragment);
    }
    let source = Ipv4Addr::from(array_at::<HEADER_BYTES, 4>(header, 12));
    if !is_host(source) {
        return Err(Reason::Source);
    }
    Ok(Ip {
        source: IpAddr::V4(source),
        destination: IpAddr::V4(Ipv4Addr::from(array_at::<HEADER_BYTES, 4>(header, 16))),
        protocol: header[9],
        hop_limit: header[8],
        header_bytes,
        total_bytes,
    })
}

/// Writes a header in front of `payload_bytes`. The packet is never cut by who forwards it: it is atomic, so that its
/// identification says nothing (RFC 6864, section 4.1).
#[inline]
pub(crate) fn write(
    room: &mut [u8],
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    hop_limit: u8,
    payload_bytes: usize,
) {
    let mut header = [0; HEADER_BYTES];
    header[0] = 0x45;
    put_u16(&mut header, 2, length(HEADER_BYTES + payload_bytes));
    put_u16(&mut header, 6, DO_NOT_FRAGMENT);
    header[8] = hop_limit;
    header[9] = protocol;
    put(&mut header, 12, &source.octets());
    put(&mut header, 16, &destination.octets());
    let checksum = Sum::of(&header).checksum();
    put_u16(&mut header, 10, checksum);
    put(room, 0, &header);
}

/// Whether an address may be that of one host: not of this network, this host, a group or all (RFC 1122, 3.2.1.3).
#[inline]
pub(crate) fn is_host(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first != 0 && first != 127 && first < 224
}

/// Bytes of a header without options.
pub(crate) const HEADER_BYTES: usize = 20;
const DO_NOT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1FFF;

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a widely shown example: UDP from 192.168.0.1 to 192.168.0.199, 115 bytes, checksum 0xB861.
    const EXAMPLE: [u8; 20] = [
        0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xB8, 0x61, 0xC0, 0xA8, 0x00, 0x01, 0xC0,
        0xA8, 0x00, 0xC7,
    ];

    fn example() -> Vec<u8> {
        let mut packet = EXAMPLE.to_vec();
        packet.resize(0x73, 0);
        packet
    }

    /// The example with some bytes changed and its checksum made right.
    fn changed(changes: &[(usize, u8)]) -> Vec<u8> {
        let mut packet = example();
        for (at, byte) in changes {
            packet[*at] = *byte;
        }
        put_u16(&mut packet, 10, 0);
        let header_bytes = (usize::from(packet[0] & 15) * 4).max(20);
        let checksum = Sum::of(&packet[..header_bytes]).checksum();
        put_u16(&mut packet, 10, checksum);
        packet
    }

    #[test]
    fn golden_bytes() {
        let parsed = parse(&example(), false).unwrap();
        let (source, destination) = ([192, 168, 0, 1], [192, 168, 0, 199]);
        assert_eq!((parsed.source, parsed.destination), (IpAddr::from(source), IpAddr::from(destination)));
        assert_eq!((parsed.protocol, parsed.hop_limit), (17, 64));
        assert_eq!((parsed.header_bytes, parsed.total_bytes, parsed.payload_bytes()), (20, 115, 95));
        let mut written = [0; 20];
        write(&mut written, source.into(), destination.into(), 17, 64, 95);
        assert_eq!(written, EXAMPLE);
    }

    #[test]
    fn padding_is_told_and_truncation_refused() {
        let mut packet = example();
        for len in 0..packet.len() {
            assert_eq!(parse(&packet[..len], false), Err(Reason::Truncated), "{len} bytes");
        }
        packet.resize(200, 0);
        assert_eq!(parse(&packet, false).unwrap().total_bytes, 115);
    }

    #[test]
    fn options_are_skipped_and_what_contradicts_itself_is_refused() {
        assert_eq!(parse(&changed(&[(0, 0x4F)]), false).unwrap().header_bytes, 60);
        assert_eq!(parse(&changed(&[(0, 0x44)]), false), Err(Reason::IpHeader));
        assert_eq!(parse(&changed(&[(0, 0x65)]), false), Err(Reason::IpHeader));
        assert_eq!(parse(&changed(&[(3, 19)]), false), Err(Reason::IpHeader), "shorter than its header");
        assert_eq!(parse(&changed(&[(3, 20)]), false).unwrap().payload_bytes(), 0);
        for fragment in [(6, 0x20), (7, 1), (6, 0x1F)] {
            assert_eq!(parse(&changed(&[fragment]), false), Err(Reason::Fragment));
        }
        for first in [0, 127, 224, 239, 240, 255] {
            assert_eq!(parse(&changed(&[(12, first)]), false), Err(Reason::Source), "{first}");
        }
        for first in [1, 126, 128, 223] {
            assert!(parse(&changed(&[(12, first)]), false).is_ok());
        }
    }

    #[test]
    fn the_checksum_is_verified_unless_the_device_did() {
        for bit in 0..160 {
            let mut packet = example();
            packet[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&packet, false).is_err(), "bit {bit}");
        }
        let mut packet = example();
        packet[8] = 1;
        assert_eq!(parse(&packet, false), Err(Reason::IpChecksum));
        assert_eq!(parse(&packet, true).unwrap().hop_limit, 1);
    }
}
