//! How far a connection has sent, and a correction of smoltcp by it.
//!
//! When smoltcp sends again after a timeout, it takes its next sequence number (SND.NXT) back to the oldest byte. Acknowledgments
//! and resets that it makes then carry numbers that the peer has received already: such segments are not acceptable (RFC 9293,
//! section 3.10.7.4), so the peer drops them with all that they acknowledge. Where both ends did so, neither would ever
//! hear the other again. Here segments without bytes get the number that they must have: the highest that was sent.

use super::segment::{FIN, RST, SYN};

/// What is known of the sending side of a connection. Numbers are sequence numbers, modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Behind the last byte, or FIN, that was sent and that the peer could take.
    end: u32,
    /// Behind the last byte that the peer has said it would take.
    edge: u32,
    shift: u8,
    /// The number of the FIN, once it was sent.
    fin: Option<u32>,
}

impl Sent {
    /// Nothing but the SYN was sent: `start` comes next. The peer shifts its windows by `shift`.
    pub(super) fn new(start: u32, shift: u8) -> Self {
        Self { end: start, edge: start, shift, fin: None }
    }

    /// Takes note of the window that a segment tells.
    #[inline]
    pub(super) fn hear(&mut self, ack: u32, window: u16) {
        let edge = ack.wrapping_add(u32::from(window) << self.shift);
        // An acknowledgment of the byte behind the last one answers a probe of a closed window.
        if !is_behind(ack, self.end.wrapping_add(1)) && is_behind(edge, self.edge) {
            self.edge = edge;
        }
    }

    /// The number of the FIN, once it was sent.
    pub(super) fn fin(&self) -> Option<u32> {
        self.fin
    }

    /// Looks at a packet that smoltcp has made, and corrects it.
    #[inline]
    pub(super) fn correct(&mut self, packet: &mut [u8], has_checksum: bool) {
        let Some((sequence, _)) = numbers(packet) else { return };
        let at = header_bytes(packet);
        let (header, flags) = (usize::from(packet[at + 12] >> 4) * 4, packet[at + 13]);
        let bytes = u32::try_from(packet.len() - at - header).unwrap_or(0);
        let end = sequence.wrapping_add(bytes).wrapping_add(u32::from(flags & FIN != 0));
        if flags & FIN != 0 {
            self.fin = Some(sequence.wrapping_add(bytes));
        }
        if end != sequence {
            // A byte beyond the window probes whether it is still closed.
            if is_behind(end, self.end) && !is_behind(end, self.edge) {
                self.end = end;
            }
        } else if flags & SYN == 0 && is_behind(self.end, sequence) {
            debug_assert!(flags & RST != 0 || bytes == 0);
            set_sequence(&mut packet[at..], self.end, has_checksum);
        }
    }
}

/// The sequence and acknowledgment number of a packet that smoltcp has made.
#[inline]
pub(super) fn numbers(packet: &[u8]) -> Option<(u32, u32)> {
    let tcp = packet.get(header_bytes(packet)..)?.first_chunk::<20>()?;
    let word = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
    Some((word(4), word(8)))
}

/// Bytes of the IP header of a packet that smoltcp has made: without options, without extensions.
#[inline]
fn header_bytes(packet: &[u8]) -> usize {
    if packet.first().is_some_and(|first| first >> 4 == 4) { 20 } else { 40 }
}

/// Whether a number comes behind another one.
#[inline]
fn is_behind(number: u32, other: u32) -> bool {
    number.wrapping_sub(other).cast_signed() > 0
}

/// Writes another sequence number, and what becomes of the checksum (RFC 1624).
#[cold]
fn set_sequence(tcp: &mut [u8], sequence: u32, has_checksum: bool) {
    let mut sum = u32::from(!u16::from_be_bytes([tcp[16], tcp[17]]));
    for (at, new) in [4, 6].into_iter().zip(sequence.to_be_bytes().chunks_exact(2)) {
        sum += u32::from(!u16::from_be_bytes([tcp[at], tcp[at + 1]]));
        sum += u32::from(u16::from_be_bytes([new[0], new[1]]));
    }
    tcp[4..8].copy_from_slice(&sequence.to_be_bytes());
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    if has_checksum {
        let [.., high, low] = (!sum).to_be_bytes();
        (tcp[16], tcp[17]) = (high, low);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::wire::{IpAddress, TcpPacket};

    fn packet(sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45; 20];
        packet.resize(40, 0);
        packet[20..24].copy_from_slice(&[1, 2, 3, 4]);
        packet[24..28].copy_from_slice(&sequence.to_be_bytes());
        (packet[32], packet[33]) = (0x50, flags | 16);
        packet.extend(payload);
        let (ours, peer) = addresses();
        TcpPacket::new_unchecked(&mut packet[20..]).fill_checksum(&ours, &peer);
        packet
    }

    fn addresses() -> (IpAddress, IpAddress) {
        (IpAddress::v4(10, 0, 0, 1), IpAddress::v4(10, 0, 0, 2))
    }

    /// The number that a segment leaves with.
    fn leaves_with(sent: &mut Sent, sequence: u32, flags: u8, payload: &[u8]) -> u32 {
        let mut bytes = packet(sequence, flags, payload);
        sent.correct(&mut bytes, true);
        let (ours, peer) = addresses();
        assert!(TcpPacket::new_unchecked(&bytes[20..]).verify_checksum(&ours, &peer));
        numbers(&bytes).unwrap().0
    }

    #[test]
    fn what_carries_nothing_has_the_highest_number() {
        for start in [1000, u32::MAX - 3, 0x7fff_fffe] {
            let at = |bytes: u32| start.wrapping_add(bytes);
            let mut sent = Sent::new(start, 2);
            sent.hear(start, 5);
            assert_eq!(leaves_with(&mut sent, start, 0, &[1; 10]), start);
            assert_eq!(leaves_with(&mut sent, at(10), 0, &[]), at(10));
            assert_eq!(leaves_with(&mut sent, start, 0, &[1; 4]), start, "sent again");
            assert_eq!(leaves_with(&mut sent, at(4), 0, &[]), at(10));
            assert_eq!(leaves_with(&mut sent, at(4), RST, &[]), at(10));
            assert_eq!(leaves_with(&mut sent, at(10), FIN, &[1; 9]), at(10));
            assert_eq!(leaves_with(&mut sent, at(10), 0, &[]), at(20));
            assert_eq!(leaves_with(&mut sent, at(20), 0, &[7]), at(20), "a probe");
            assert_eq!(leaves_with(&mut sent, at(20), 0, &[]), at(20));
            sent.hear(at(40), 100);
            assert_eq!(sent.edge, at(20), "what was never sent is not acknowledged");
        }
    }
}
