//! TCP segments as they came: what the stack looks at before it knows the connection. smoltcp parses them again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smoltcp::wire::TcpPacket;

use super::flow::Flow;

/// A segment within its IP packet (RFC 9293, section 3.1).
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    /// The IP packet, without what lies behind its end.
    pub(super) packet: &'a [u8],
    /// The segment: header, options and payload.
    tcp: &'a [u8],
    pub(super) flow: Flow,
    pub(super) sequence: u32,
    pub(super) ack: u32,
    pub(super) window: u16,
    flags: u8,
    /// Bytes of header and options.
    header_bytes: usize,
}

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// No TCP segment, or one whose lengths contradict each other.
    Header,
    /// A part of a packet; the stack puts none together.
    Fragment,
    /// An address or a port that nobody can have.
    Address,
}

/// The options of a SYN that both ends have to know (RFC 9293, section 3.2; RFC 7323; RFC 2018).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SynOptions {
    pub(super) mss_bytes: Option<u16>,
    pub(super) window_scale: Option<u8>,
    pub(super) sack: bool,
}

impl<'a> Segment<'a> {
    #[inline]
    pub(super) fn parse(packet: &'a [u8]) -> Result<Self, Malformed> {
        let (packet, tcp, peer, ours) = match packet.first().map(|first| first >> 4) {
            Some(4) => parse_v4(packet)?,
            Some(6) => parse_v6(packet)?,
            _ => return Err(Malformed::Header),
        };
        let header = tcp.first_chunk::<HEADER_BYTES>().ok_or(Malformed::Header)?;
        let header_bytes = usize::from(header[12] >> 4) * 4;
        if header_bytes < HEADER_BYTES || header_bytes > tcp.len() {
            return Err(Malformed::Header);
        }
        let half = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let word =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if half(0) == 0 || half(2) == 0 || !is_host(peer) {
            return Err(Malformed::Address);
        }
        Ok(Self {
            packet,
            tcp,
            flow: Flow::new(SocketAddr::new(peer, half(0)), SocketAddr::new(ours, half(2))),
            sequence: word(4),
            ack: word(8),
            window: half(14),
            flags: header[13],
            header_bytes,
        })
    }

    /// Whether its checksum is right (RFC 9293, section 3.1).
    #[inline]
    pub(super) fn is_intact(&self) -> bool {
        let (peer, ours) = (self.flow.peer().ip(), self.flow.ours().ip());
        TcpPacket::new_unchecked(self.tcp).verify_checksum(&peer.into(), &ours.into())
    }

    #[inline]
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether it asks for a connection.
    #[inline]
    pub(super) fn is_opening(&self) -> bool {
        self.flags & (SYN | ACK | RST | FIN) == SYN
    }

    /// Whether it may be the end of a handshake.
    #[inline]
    pub(super) fn is_confirming(&self) -> bool {
        self.flags & (SYN | ACK | RST) == ACK
    }

    /// Bytes that it carries.
    #[inline]
    pub(super) fn payload_bytes(&self) -> usize {
        self.tcp.len() - self.header_bytes
    }

    /// What it takes of the sequence numbers (SEG.LEN).
    #[inline]
    pub(super) fn length(&self) -> u32 {
        let bytes = u32::try_from(self.payload_bytes()).unwrap_or(u32::MAX);
        bytes + u32::from(self.has(SYN)) + u32::from(self.has(FIN))
    }

    /// Its options, as far as they can be read.
    pub(super) fn syn_options(&self) -> SynOptions {
        let mut options = SynOptions::default();
        let mut rest = &self.tcp[HEADER_BYTES..self.header_bytes];
        while let Some((&kind, after)) = rest.split_first() {
            match kind {
                OPTION_END => break,
                OPTION_NONE => {
                    rest = after;
                    continue;
                }
                _ => {}
            }
            let Some(&length) = after.first() else { break };
            let Some((option, next)) = rest.split_at_checked(usize::from(length).max(2)) else { break };
            match option {
                [OPTION_MSS, 4, high, low] => options.mss_bytes = Some(u16::from_be_bytes([*high, *low])),
                // RFC 7323, section 2.3: more than 14 counts as 14.
                [OPTION_WINDOW_SCALE, 3, shift] => options.window_scale = Some((*shift).min(SHIFT_MAX)),
                [OPTION_SACK, 2] => options.sack = true,
                _ => {}
            }
            rest = next;
        }
        options
    }
}

type Parts<'a> = (&'a [u8], &'a [u8], IpAddr, IpAddr);

/// RFC 791, section 3.1.
#[inline]
fn parse_v4(bytes: &[u8]) -> Result<Parts<'_>, Malformed> {
    let header = bytes.first_chunk::<20>().ok_or(Malformed::Header)?;
    let header_bytes = usize::from(header[0] & 15) * 4;
    let total_bytes = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let packet = bytes.get(..total_bytes).ok_or(Malformed::Header)?;
    if header_bytes < 20 || header[9] != PROTOCOL_TCP {
        return Err(Malformed::Header);
    }
    if u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0 {
        return Err(Malformed::Fragment);
    }
    let tcp = packet.get(header_bytes..).ok_or(Malformed::Header)?;
    let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    Ok((packet, tcp, address(12).into(), address(16).into()))
}

/// RFC 8200, section 3. Extension headers in front of TCP are not looked through.
#[inline]
fn parse_v6(bytes: &[u8]) -> Result<Parts<'_>, Malformed> {
    let header = bytes.first_chunk::<40>().ok_or(Malformed::Header)?;
    let total_bytes = 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
    let packet = bytes.get(..total_bytes).ok_or(Malformed::Header)?;
    match header[6] {
        PROTOCOL_TCP => {}
        NEXT_FRAGMENT => return Err(Malformed::Fragment),
        _ => return Err(Malformed::Header),
    }
    let address = |at: usize| {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&header[at..at + 16]);
        Ipv6Addr::from(bytes)
    };
    let (peer, ours) = (address(8), address(24));
    // An IPv4 address within an IPv6 packet would be taken for that of an IPv4 packet.
    if peer.to_ipv4_mapped().is_some() || ours.to_ipv4_mapped().is_some() {
        return Err(Malformed::Address);
    }
    Ok((packet, &packet[40..], peer.into(), ours.into()))
}

/// Whether an address can be that of a peer.
#[inline]
fn is_host(address: IpAddr) -> bool {
    let is_none = address.is_unspecified() || address.is_multicast() || address.is_loopback();
    !is_none && address != IpAddr::V4(Ipv4Addr::BROADCAST)
}

pub(super) const FIN: u8 = 1;
pub(super) const SYN: u8 = 2;
pub(super) const RST: u8 = 4;
pub(super) const ACK: u8 = 16;

/// Most that a window is shifted (RFC 7323, section 2.3).
pub(super) const SHIFT_MAX: u8 = 14;

const HEADER_BYTES: usize = 20;
const PROTOCOL_TCP: u8 = 6;
const NEXT_FRAGMENT: u8 = 44;
const OPTION_END: u8 = 0;
const OPTION_NONE: u8 = 1;
const OPTION_MSS: u8 = 2;
const OPTION_WINDOW_SCALE: u8 = 3;
const OPTION_SACK: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// A SYN from 10.0.0.2:5000 to 10.0.0.1:6379 with the options of a Linux client.
    const SYN_V4: [u8; 60] = [
        0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1, // IPv4
        0x13, 0x88, 0x18, 0xeb, 0, 0, 0, 7, 0, 0, 0, 0, 0xa0, 2, 0xfa, 0xf0, 0, 0, 0, 0, // TCP
        2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7, // options
    ];

    #[test]
    fn a_segment_is_read_and_every_shorter_one_refused() {
        let mut padded = SYN_V4.to_vec();
        padded.extend([9; 6]);
        let segment = Segment::parse(&padded).unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(segment.packet, SYN_V4);
        assert_eq!((segment.sequence, segment.window, segment.length()), (7, 0xfaf0, 1));
        assert!(segment.is_opening() && !segment.is_confirming() && !segment.is_intact());
        let options = SynOptions { mss_bytes: Some(1460), window_scale: Some(7), sack: true };
        assert_eq!(segment.syn_options(), options);
        for length in 0..SYN_V4.len() {
            assert_eq!(Segment::parse(&SYN_V4[..length]).err(), Some(Malformed::Header), "{length}");
        }
    }

    #[test]
    fn what_cannot_be_a_segment_of_a_connection_is_refused() {
        let changed = |at: usize, byte: u8| {
            let mut bytes = SYN_V4;
            bytes[at] = byte;
            Segment::parse(&bytes).err()
        };
        assert_eq!(changed(6, 0x20), Some(Malformed::Fragment));
        assert_eq!(changed(7, 1), Some(Malformed::Fragment));
        assert_eq!(changed(9, 17), Some(Malformed::Header));
        assert_eq!(changed(0, 0x44), Some(Malformed::Header));
        assert_eq!(changed(32, 0x40), Some(Malformed::Header));
        assert_eq!(changed(32, 0xf0), Some(Malformed::Header));
        assert_eq!(changed(12, 224), Some(Malformed::Address));
        assert_eq!(changed(12, 127), Some(Malformed::Address));
        assert_eq!(changed(20, 0x13), None);
    }

    #[test]
    fn broken_options_end_the_reading() {
        let options = |bytes: [u8; 4]| {
            let mut packet = SYN_V4;
            packet[40..44].copy_from_slice(&bytes);
            packet[44..].fill(0);
            Segment::parse(&packet).map(|segment| segment.syn_options()).unwrap_or_default()
        };
        assert_eq!(options([2, 0, 5, 5]), SynOptions::default());
        assert_eq!(options([2, 200, 5, 5]), SynOptions::default());
        assert_eq!(options([3, 3, 99, 0]).window_scale, Some(14));
        assert!(options([1, 4, 2, 0]).sack);
    }
}
