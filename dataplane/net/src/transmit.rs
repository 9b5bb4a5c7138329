//! Packets on their way out: headers go in front where they lie, and who has no known device yet is asked for it first.

use std::net::{IpAddr, SocketAddr};

use adit_drivers::frames::Frame;
use adit_drivers::port::Mbuf;

use crate::answers::kind_of;
use crate::counters::Reason;
use crate::ethernet::Mac;
use crate::neighbours::Hop;
use crate::outbound::Packet;
use crate::stack::{PENDING_MAX, Stack};
use crate::templates::Template;

impl Stack {
    /// Transmits datagrams off the front of `burst`. What the device does not take now stays in it, to be offered again, or
    /// waits in the stack. A datagram that can never be sent is dropped and counted; one whose neighbour is not known waits
    /// for it, if it may.
    ///
    /// # Panics
    /// If a train has more than one datagram: the stack's mempool makes none of these.
    pub fn transmit(&mut self, burst: &mut Vec<Mbuf>) {
        self.send();
        while self.tx.is_empty() && !burst.is_empty() {
            let count = burst.len().min(TX_AT_ONCE);
            for train in burst.drain(..count) {
                if let Err(reason) = self.transmit_one(train) {
                    self.counters.drop(reason);
                }
            }
            self.tend();
            self.send();
        }
    }

    #[inline]
    fn transmit_one(&mut self, train: Mbuf) -> Result<(), Reason> {
        let (peer, payload_bytes) = (train.peer(), train.bytes().len());
        assert!(train.stride_bytes() == payload_bytes, "a train of a queue of frames has one datagram");
        if payload_bytes == 0 {
            return Err(Reason::UdpEmpty);
        }
        let Some(template) = self.templates.get(peer, &self.neighbours, self.now_ns) else {
            return self.transmit_slowly(train);
        };
        if template.packet_bytes(payload_bytes + train.tail_len_bytes()) > self.mtu_bytes {
            return Err(Reason::TooLong);
        }
        let mut frame = train.into_frame();
        template.frame(&mut frame, self.checksums).ok_or(Reason::NoBuffer)?;
        self.neighbours.touch(template.place, self.now_ns);
        self.tx.push(frame);
        self.counters.tx_datagrams += 1;
        Ok(())
    }

    /// Transmits to a peer whose headers are not at hand.
    #[cold]
    fn transmit_slowly(&mut self, train: Mbuf) -> Result<(), Reason> {
        let peer = train.peer();
        if peer.port() == 0 {
            return Err(Reason::NoRoute);
        }
        let (source, hop) = self.routes.next_hop(peer.ip()).ok_or(Reason::NoRoute)?;
        let source = SocketAddr::new(source, self.source_port(peer));
        let template = Template::new(source, peer, self.config.vlan);
        if template.packet_bytes(train.bytes().len() + train.tail_len_bytes()) > self.mtu_bytes {
            return Err(Reason::TooLong);
        }
        let mut frame = train.into_frame();
        match self.neighbours.hop(hop, self.now_ns) {
            Hop::Known { mac, place, until_ns } => {
                let validity = (place, until_ns, self.neighbours.generation());
                let template = template.to_device((self.mac, mac), self.config.vlan, validity);
                self.templates.keep(template);
                template.frame(&mut frame, self.checksums).ok_or(Reason::NoBuffer)?;
                self.tx.push(frame);
            }
            Hop::Unresolved { place } => {
                template.packet(&mut frame, self.checksums).ok_or(Reason::NoBuffer)?;
                self.park(place, hop, frame)?;
            }
            Hop::Full => return Err(Reason::NeighboursFull),
        }
        self.counters.tx_datagrams += 1;
        Ok(())
    }

    /// Transmits packets of TCP until the device takes no more.
    pub(crate) fn send_packets(&mut self, packets: &mut Vec<Packet>) {
        while self.tx.is_empty() && !packets.is_empty() {
            let count = packets.len().min(TX_AT_ONCE);
            for packet in packets.drain(..count) {
                if let Err(reason) = self.send_packet(packet) {
                    self.counters.drop(reason);
                }
            }
            self.tend();
            self.send();
        }
    }

    fn send_packet(&mut self, packet: Packet) -> Result<(), Reason> {
        if packet.frame.len_bytes() > self.mtu_bytes {
            return Err(Reason::TooLong);
        }
        let (_, hop) = self.routes.next_hop(packet.to).ok_or(Reason::NoRoute)?;
        match self.neighbours.hop(hop, self.now_ns) {
            Hop::Known { mac, .. } => self.answer(packet.frame, mac, kind_of(hop))?,
            Hop::Unresolved { place } => self.park(place, hop, packet.frame)?,
            Hop::Full => return Err(Reason::NeighboursFull),
        }
        self.counters.tx_segments += 1;
        Ok(())
    }

    /// Lets a packet wait for the device of its next hop.
    fn park(&mut self, place: u16, hop: IpAddr, frame: Frame) -> Result<(), Reason> {
        if self.pending.len() >= PENDING_MAX || !self.neighbours.park(place) {
            return Err(Reason::PendingFull);
        }
        self.pending.push_back(Packet { to: hop, frame });
        Ok(())
    }

    /// Sends what waited for a device.
    pub(crate) fn release(&mut self, hop: IpAddr, mac: Mac) {
        for packet in self.pending_of(hop) {
            let sent = self.answer(packet.frame, mac, kind_of(hop));
            sent.unwrap_or_else(|reason| self.counters.drop(reason));
        }
    }

    /// Drops what waited for a device that nobody answers for.
    pub(crate) fn give_up(&mut self, hop: IpAddr) {
        self.pending_of(hop).iter().for_each(|_| self.counters.drop(Reason::Unreachable));
    }

    fn pending_of(&mut self, hop: IpAddr) -> Vec<Packet> {
        let (found, others) = self.pending.drain(..).partition(|packet| packet.to == hop);
        self.pending = others;
        Vec::from(found)
    }
}

/// Frames that are made before they are offered to the device.
const TX_AT_ONCE: usize = 32;
