//! Whose a frame is, told from its bytes alone: for who receives for several shards.

use crate::bytes::u16_at;

/// The destination port of a frame with a whole UDP or TCP header, in a VLAN or in none; nothing for all that concerns
/// every shard, or none. Checks no checksum and no address.
#[inline]
pub fn destination_port(frame: &[u8]) -> Option<u16> {
    let ethernet = frame.first_chunk::<14>()?;
    let (kind, packet) = match u16_at(ethernet, 12) {
        0x8100 => (u16_at(frame.first_chunk::<18>()?, 16), &frame[18..]),
        kind => (kind, &frame[14..]),
    };
    let (protocol, segment) = match kind {
        0x0800 => {
            let header = packet.first_chunk::<20>()?;
            // A part of a packet has the ports if it is the first; nobody takes parts.
            if u16_at(header, 6) & 0x3FFF != 0 {
                return None;
            }
            (header[9], packet.get(usize::from(header[0] & 15) * 4..)?)
        }
        0x86DD => (packet.first_chunk::<40>()?[6], &packet[40..]),
        _ => return None,
    };
    let ports = segment.first_chunk::<4>()?;
    matches!(protocol, 6 | 17).then(|| u16_at(ports, 2))
}

/// Whether a frame tells who has an address, or asks: ARP, neighbour discovery and router messages of IPv6 (RFC 4861). All
/// stacks of a device learn from these.
#[inline]
pub fn tells_of_neighbours(frame: &[u8]) -> bool {
    let Some(ethernet) = frame.first_chunk::<14>() else { return false };
    let (kind, packet) = match u16_at(ethernet, 12) {
        0x8100 => match frame.first_chunk::<18>() {
            Some(tagged) => (u16_at(tagged, 16), &frame[18..]),
            None => return false,
        },
        kind => (kind, &frame[14..]),
    };
    match kind {
        0x0806 => true,
        0x86DD => packet.get(6) == Some(&58) && packet.get(40).is_some_and(|kind| (133..=137).contains(kind)),
        _ => false,
    }
}
