//! The packet: a UDP datagram over IPv4 with its number in front.
//!
//! ```text
//! Ethernet [14], IPv4 [20], UDP [8], number u64 little-endian, zeros
//! ```

use std::net::SocketAddrV4;

use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frame};
use adit_drivers::port::Mempool;
use adit_net::Mac;
use adit_net::checksum::Sum;

/// A packet without its number.
pub(super) struct Packet {
    bytes: Vec<u8>,
    /// Of all that the checksum of UDP covers but the number; nothing if it has none.
    udp_sum: Option<Sum>,
}

impl Packet {
    /// From a device and an address to another address, whose device is not known yet: all are asked.
    pub(super) fn new(
        from: (Mac, SocketAddrV4),
        to: SocketAddrV4,
        len_bytes: usize,
        has_checksum: bool,
    ) -> Self {
        let mut bytes = vec![0; len_bytes];
        let (mac, from) = from;
        bytes[..6].copy_from_slice(&[0xFF; 6]);
        bytes[6..12].copy_from_slice(&mac);
        bytes[12..14].copy_from_slice(&KIND_IPV4);
        let length = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes();
        let ip = &mut bytes[ETHERNET_BYTES..];
        let ip_bytes = ip.len();
        ip[..2].copy_from_slice(&[0x45, 0]);
        ip[2..4].copy_from_slice(&length(ip_bytes));
        ip[6..10].copy_from_slice(&[0x40, 0, HOPS, UDP]);
        ip[12..16].copy_from_slice(&from.ip().octets());
        ip[16..20].copy_from_slice(&to.ip().octets());
        let checksum = Sum::of(&ip[..IP_BYTES]).checksum().to_be_bytes();
        ip[10..12].copy_from_slice(&checksum);
        let udp = &mut ip[IP_BYTES..];
        udp[..2].copy_from_slice(&from.port().to_be_bytes());
        udp[2..4].copy_from_slice(&to.port().to_be_bytes());
        let udp_length = length(ip_bytes - IP_BYTES);
        udp[4..6].copy_from_slice(&udp_length);
        let sum = Sum::of(&udp[..UDP_BYTES])
            .and(&from.ip().octets())
            .and(&to.ip().octets())
            .and_u16(u16::from(UDP))
            .and(&udp_length);
        Self { bytes, udp_sum: has_checksum.then_some(sum) }
    }

    /// Takes the device of the other end from a packet that came back, if it tells one.
    pub(super) fn learn(&mut self, received: &[u8]) {
        if let Some(source) = received.get(6..12)
            && source[0] & 1 == 0
        {
            self.bytes[..6].copy_from_slice(source);
        }
    }

    /// A frame with the packet of a number; nothing if no buffer is left.
    pub(super) fn frame(&self, mempool: &Mempool, number: u64) -> Option<Frame> {
        let mut frame = Frame::new(mempool.buffer()?, FRAME_HEADROOM_BYTES);
        let room = frame.append(self.bytes.len())?;
        room.copy_from_slice(&self.bytes);
        self.write(room, number);
        Some(frame)
    }

    /// Makes a packet that came back the one of a number.
    #[inline]
    pub(super) fn write(&self, bytes: &mut [u8], number: u64) {
        let number = number.to_le_bytes();
        bytes[..NUMBER_AT].copy_from_slice(&self.bytes[..NUMBER_AT]);
        bytes[NUMBER_AT..NUMBER_AT + 8].copy_from_slice(&number);
        if let Some(sum) = self.udp_sum {
            let checksum = match sum.and(&number).checksum() {
                // 0 would say that there is none.
                0 => 0xFFFF,
                checksum => checksum,
            };
            bytes[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&checksum.to_be_bytes());
        }
    }

    /// The number of a packet that came back; nothing if it is another one.
    #[inline]
    pub(super) fn sequence(&self, received: &[u8]) -> Option<u64> {
        let is_alike = received.len() == self.bytes.len() && received[12..16] == self.bytes[12..16];
        let number = received.get(NUMBER_AT..)?.first_chunk()?;
        is_alike.then_some(u64::from_le_bytes(*number))
    }
}

pub(super) const ETHERNET_BYTES: usize = 14;
const IP_BYTES: usize = 20;
const UDP_BYTES: usize = 8;
const CHECKSUM_AT: usize = ETHERNET_BYTES + IP_BYTES + 6;
const NUMBER_AT: usize = ETHERNET_BYTES + IP_BYTES + UDP_BYTES;
/// Those that Ethernet carries at least, without its check sequence.
pub(super) const FRAME_BYTES: std::ops::RangeInclusive<u64> = 60..=9014;
const KIND_IPV4: [u8; 2] = [0x08, 0x00];
const UDP: u8 = 17;
const HOPS: u8 = 64;
