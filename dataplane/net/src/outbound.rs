//! IP packets on their way out, each in a frame that has room for its Ethernet header in front.

use std::net::IpAddr;

use adit_drivers::frames::{FRAME_HEADROOM_BYTES, Frame};
use adit_drivers::port::Mempool;

/// A packet that waits for the Ethernet address of its next hop.
pub struct Packet {
    /// Whom the packet is for, on this network or behind the gateway.
    pub to: IpAddr,
    /// The packet: it begins with its IP header.
    pub frame: Frame,
}

/// Packets that wait to be transmitted, a bounded number of them.
pub struct Outbound {
    mempool: Mempool,
    /// In the order of their making.
    pub packets: Vec<Packet>,
    /// Packets that found no buffer or no place, and were not made: their protocols send them again.
    pub dropped: u64,
}

impl Outbound {
    /// None yet; their frames come out of `mempool`.
    pub fn new(mempool: Mempool) -> Self {
        Self { mempool, packets: Vec::new(), dropped: 0 }
    }

    /// Whether there is room for a packet that fits a buffer.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.packets.len() < PACKETS_MAX && self.mempool.has_free()
    }

    /// Room for a packet of `len_bytes`, all of which the caller writes; nothing if no buffer is free, the packet is
    /// longer than one, or too many wait.
    #[inline]
    pub fn room(&mut self, to: IpAddr, len_bytes: usize) -> Option<&mut [u8]> {
        if let Some(mut frame) = self.buffer()
            && frame.append(len_bytes).is_some()
        {
            self.packets.push(Packet { to, frame });
            return self.packets.last_mut().map(|packet| packet.frame.bytes_mut());
        }
        self.dropped += 1;
        None
    }

    #[inline]
    fn buffer(&self) -> Option<Frame> {
        let may = self.packets.len() < PACKETS_MAX;
        may.then(|| self.mempool.buffer()).flatten().map(|buffer| Frame::new(buffer, FRAME_HEADROOM_BYTES))
    }
}

/// Most packets that wait.
pub const PACKETS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_wait_until_buffers_or_places_end() {
        let mempool = Mempool::with_headroom(2, 256, FRAME_HEADROOM_BYTES);
        let mut outbound = Outbound::new(mempool);
        let to = IpAddr::from([10, 0, 0, 1]);
        assert!(outbound.room(to, 129).is_none(), "longer than a buffer");
        outbound.room(to, 128).unwrap().fill(7);
        assert!(outbound.has_room());
        outbound.room(to, 1).unwrap().fill(8);
        assert!(!outbound.has_room() && outbound.room(to, 1).is_none());
        assert_eq!((outbound.packets.len(), outbound.dropped), (2, 2));
        assert_eq!(outbound.packets[1].frame.bytes(), [8]);
    }
}
