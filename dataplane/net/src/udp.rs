//! Headers of UDP (RFC 768).

use crate::bytes::{put_u16, u16_at};
use crate::counters::Reason;
use crate::ip::{Ip, UDP, pseudo_sum};

/// What a UDP header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Udp {
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) payload_bytes: usize,
}

/// Reads the header of a datagram; `checked` if the device has verified its checksum.
#[inline]
pub(crate) fn parse(datagram: &[u8], ip: &Ip, checked: bool) -> Result<Udp, Reason> {
    let header = datagram.first_chunk::<HEADER_BYTES>().ok_or(Reason::UdpLength)?;
    let length = usize::from(u16_at(header, 4));
    let covered = datagram.get(..length).filter(|_| length >= HEADER_BYTES).ok_or(Reason::UdpLength)?;
    if u16_at(header, 6) == 0 {
        // None was sent: allowed with IPv4 only (RFC 8200, section 8.1).
        if ip.source.is_ipv6() {
            return Err(Reason::UdpChecksum);
        }
    } else if !checked && !pseudo_sum(ip.source, ip.destination, UDP, length).and(covered).is_right() {
        return Err(Reason::UdpChecksum);
    }
    let source_port = u16_at(header, 0);
    let payload_bytes = length - HEADER_BYTES;
    if payload_bytes == 0 || source_port == 0 {
        return Err(Reason::UdpEmpty);
    }
    Ok(Udp { source_port, destination_port: u16_at(header, 2), payload_bytes })
}

/// Writes a header in front of `payload_bytes`, without its checksum.
#[inline]
pub(crate) fn write(room: &mut [u8], source_port: u16, destination_port: u16, payload_bytes: usize) {
    put_u16(room, 0, source_port);
    put_u16(room, 2, destination_port);
    put_u16(room, 4, crate::bytes::length(HEADER_BYTES + payload_bytes));
    put_u16(room, 6, 0);
}

/// Bytes of a header.
pub(crate) const HEADER_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::addresses_sum;

    fn ip(version: u8) -> Ip {
        let (source, destination) = match version {
            4 => ("10.0.0.1", "10.0.0.2"),
            _ => ("fe80::1", "fe80::2"),
        };
        Ip {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol: UDP,
            hop_limit: 64,
            header_bytes: 20,
            total_bytes: 20,
        }
    }

    fn datagram(ip: &Ip, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        write(&mut bytes, 1000, 2000, payload.len());
        bytes.extend_from_slice(payload);
        let sum = addresses_sum(ip.source, ip.destination).and_u16(u16::from(UDP));
        let checksum = sum.and_u16(u16::try_from(bytes.len()).unwrap()).and(&bytes).checksum();
        put_u16(&mut bytes, 6, checksum);
        bytes
    }

    #[test]
    fn golden_bytes() {
        // Verified by hand: 0A00+0001+0A00+0002+0011+000C + 03E8+07D0+000C + 7069+6E67 = 0xFEDF, with its carry.
        let bytes = datagram(&ip(4), b"ping");
        assert_eq!(bytes[..6], [0x03, 0xE8, 0x07, 0xD0, 0, 12]);
        let sum: u32 = [0x0A00, 1, 0x0A00, 2, 0x11, 12, 0x3E8, 0x7D0, 12, 0x7069, 0x6E67].iter().sum();
        assert_eq!(
            u32::from(u16::from_be_bytes([bytes[6], bytes[7]])),
            !(sum & 0xFFFF) - 0xFFFF_0000 - (sum >> 16)
        );
        let parsed = parse(&bytes, &ip(4), false).unwrap();
        assert_eq!(parsed, Udp { source_port: 1000, destination_port: 2000, payload_bytes: 4 });
    }

    #[test]
    fn lengths_and_checksums_are_verified() {
        for version in [4, 6] {
            let (ip, bytes) = (ip(version), datagram(&ip(version), b"some payload"));
            for len in 0..bytes.len() {
                assert_eq!(parse(&bytes[..len], &ip, false), Err(Reason::UdpLength), "{len} bytes");
            }
            for bit in 0..bytes.len() * 8 {
                let mut harmed = bytes.clone();
                harmed[bit / 8] ^= 1 << (bit % 8);
                assert!(parse(&harmed, &ip, false).is_err(), "bit {bit}");
            }
            let mut none = bytes.clone();
            put_u16(&mut none, 6, 0);
            assert_eq!(parse(&none, &ip, true).is_ok(), version == 4);
            let longer = [&bytes[..], &[1; 9]].concat();
            assert_eq!(parse(&longer, &ip, false).unwrap().payload_bytes, 12, "padding");
            let mut harmed = bytes.clone();
            harmed[9] ^= 1;
            assert_eq!(parse(&harmed, &ip, false), Err(Reason::UdpChecksum));
            assert!(parse(&harmed, &ip, true).is_ok(), "the device says that it is right");
        }
    }

    #[test]
    fn short_lengths_and_empty_datagrams_are_refused() {
        let ip = ip(4);
        let mut bytes = datagram(&ip, b"x");
        put_u16(&mut bytes, 4, 7);
        assert_eq!(parse(&bytes, &ip, true), Err(Reason::UdpLength));
        assert_eq!(parse(&datagram(&ip, b""), &ip, false), Err(Reason::UdpEmpty));
        assert!(parse(&datagram(&ip, b"x"), &ip, false).is_ok());
        let mut bytes = datagram(&ip, b"x");
        put_u16(&mut bytes, 0, 0);
        assert_eq!(parse(&bytes, &ip, true), Err(Reason::UdpEmpty), "nobody can be answered at port 0");
    }
}
