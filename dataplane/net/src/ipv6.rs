//! Headers of IPv6 (RFC 8200).

use std::net::{IpAddr, Ipv6Addr};

use crate::bytes::{array_at, length, put, put_u16, u16_at};
use crate::counters::Reason;
use crate::ethernet::Mac;
use crate::ip::Ip;

/// Reads the header of a packet, and that for each hop if it has one. Other extension headers are refused.
#[inline]
pub(crate) fn parse(packet: &[u8]) -> Result<Ip, Reason> {
    let header = packet.first_chunk::<HEADER_BYTES>().ok_or(Reason::Truncated)?;
    if header[0] >> 4 != 6 {
        return Err(Reason::IpHeader);
    }
    let total_bytes = HEADER_BYTES + usize::from(u16_at(header, 4));
    let packet = packet.get(..total_bytes).ok_or(Reason::Truncated)?;
    let (mut protocol, mut header_bytes) = (header[6], HEADER_BYTES);
    if protocol == HOP_BY_HOP {
        (protocol, header_bytes) = skip_hop_by_hop(packet)?;
    }
    match protocol {
        FRAGMENT => return Err(Reason::Fragment),
        HOP_BY_HOP | ROUTING | AUTHENTICATION | NO_NEXT | DESTINATION | MOBILITY | HOST_IDENTITY | SHIM => {
            return Err(Reason::Extension);
        }
        _ => {}
    }
    let source = Ipv6Addr::from(array_at::<HEADER_BYTES, 16>(header, 8));
    if source.is_multicast() || source.is_loopback() {
        return Err(Reason::Source);
    }
    Ok(Ip {
        source: IpAddr::V6(source),
        destination: IpAddr::V6(Ipv6Addr::from(array_at::<HEADER_BYTES, 16>(header, 24))),
        protocol,
        hop_limit: header[7],
        header_bytes,
        total_bytes,
    })
}

/// Skips the options for each hop, if each may be skipped by who does not know it; says what follows and where.
#[cold]
fn skip_hop_by_hop(packet: &[u8]) -> Result<(u8, usize), Reason> {
    let extension = &packet[HEADER_BYTES..];
    let [next, length, ..] = *extension else { return Err(Reason::Truncated) };
    let extension_bytes = (usize::from(length) + 1) * 8;
    let mut options = extension.get(2..extension_bytes).ok_or(Reason::Truncated)?;
    while let [kind, rest @ ..] = options {
        options = match (*kind, rest) {
            (PAD_ONE, rest) => rest,
            // The two high bits say what they are to do who do not know it: skip it, or refuse the packet.
            (kind, _) if kind >> 6 != 0 => return Err(Reason::Extension),
            (_, [length, rest @ ..]) => rest.get(usize::from(*length)..).ok_or(Reason::Extension)?,
            (_, []) => return Err(Reason::Extension),
        };
    }
    Ok((next, HEADER_BYTES + extension_bytes))
}

/// Writes a header in front of `payload_bytes`.
#[inline]
pub(crate) fn write(
    room: &mut [u8],
    source: [u8; 16],
    destination: [u8; 16],
    protocol: u8,
    hop_limit: u8,
    payload_bytes: usize,
) {
    put(room, 0, &[0x60, 0, 0, 0]);
    put_u16(room, 4, length(payload_bytes));
    put(room, 6, &[protocol, hop_limit]);
    put(room, 8, &source);
    put(room, 24, &destination);
}

/// The link-local address of a device (RFC 4291, appendix A).
pub(crate) fn link_local(mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    Ipv6Addr::from([0xFE, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xFF, 0xFE, d, e, f])
}

/// The group of those that may have an address (RFC 4291, section 2.7.1).
pub(crate) fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from([0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, a, b, c])
}

/// The devices of a group (RFC 2464, section 7).
pub(crate) fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

/// Whether an address is of this cable only.
#[inline]
pub(crate) fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xFFC0 == 0xFE80
}

/// Bytes of a header without extensions.
pub(crate) const HEADER_BYTES: usize = 40;
/// All nodes of this cable.
pub(crate) const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 1);
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NO_NEXT: u8 = 59;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM: u8 = 140;
const PAD_ONE: u8 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; HEADER_BYTES];
        let (source, destination) = (link_local([2, 0, 0, 0, 0, 1]), link_local([2, 0, 0, 0, 0, 2]));
        write(&mut packet, source.octets(), destination.octets(), protocol, 64, payload.len());
        packet.extend_from_slice(payload);
        packet
    }

    #[test]
    fn golden_bytes() {
        let packet = packet(17, b"payload!");
        let golden = b"\x60\0\0\0\0\x08\x11\x40\xFE\x80\0\0\0\0\0\0\0\0\0\xFF\xFE\0\0\x01\
            \xFE\x80\0\0\0\0\0\0\0\0\0\xFF\xFE\0\0\x02payload!";
        assert_eq!(packet, golden);
        let parsed = parse(&packet).unwrap();
        assert_eq!((parsed.protocol, parsed.hop_limit), (17, 64));
        assert_eq!((parsed.header_bytes, parsed.total_bytes), (40, 48));
        assert_eq!(parsed.source, "fe80::ff:fe00:1".parse::<IpAddr>().unwrap());
        for len in 0..packet.len() {
            assert_eq!(parse(&packet[..len]), Err(Reason::Truncated), "{len} bytes");
        }
    }

    #[test]
    fn addresses_follow_from_devices_and_addresses() {
        let address: Ipv6Addr = "2001:db8::12:3456".parse().unwrap();
        assert_eq!(solicited_node(address), "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap());
        assert_eq!(group_mac(solicited_node(address)), [0x33, 0x33, 0xFF, 0x12, 0x34, 0x56]);
        let device = [0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE];
        assert_eq!(link_local(device), "fe80::3656:78ff:fe9a:bcde".parse::<Ipv6Addr>().unwrap());
        assert!(is_link_local(link_local(device)) && !is_link_local(address));
    }

    #[test]
    fn options_for_each_hop_are_skipped_and_other_extensions_refused() {
        let router_alert = [17, 0, 5, 2, 0, 0, 1, 0];
        let parsed = parse(&packet(0, &router_alert)).unwrap();
        assert_eq!((parsed.protocol, parsed.header_bytes, parsed.payload_bytes()), (17, 48, 0));
        for options in [[17, 1, 0, 0, 0, 0, 0, 0], [17, 255, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(parse(&packet(0, &options)), Err(Reason::Truncated), "ends behind the packet");
        }
        for options in [[17, 0, 5, 5, 0, 0, 0, 0], [17, 0, 0x45, 4, 0, 0, 0, 0], [17, 0, 1, 3, 0, 0, 0, 1]] {
            assert_eq!(parse(&packet(0, &options)), Err(Reason::Extension), "{options:?}");
        }
        for protocol in [43, 51, 59, 60, 135] {
            assert_eq!(parse(&packet(protocol, &[0; 8])), Err(Reason::Extension));
        }
        assert_eq!(parse(&packet(44, &[0; 8])), Err(Reason::Fragment));
        assert_eq!(parse(&packet(0, &[44, 0, 0, 0, 0, 0, 0, 0])), Err(Reason::Fragment));
        assert_eq!(parse(&packet(0, &[0; 8])), Err(Reason::Extension), "twice");
        assert_eq!(parse(&packet(0, &[17])), Err(Reason::Truncated));
    }

    #[test]
    fn no_group_is_a_source() {
        let mut packet = packet(17, &[]);
        packet[8] = 0xFF;
        assert_eq!(parse(&packet), Err(Reason::Source));
        packet[0] = 0x40;
        assert_eq!(parse(&packet), Err(Reason::IpHeader));
    }
}
