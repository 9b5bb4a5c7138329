//! Packets that came: to whom they belong, and what is said to those that belong to nobody.

use adit_drivers::frames::Checked;
use adit_drivers::streams::ConnectionId;

use super::Tcp;
use super::connection::Connection;
use super::flush::pass;
use super::handshake::{Agreement, BufferBytes, establish};
use super::reply;
use super::segment::{Malformed, RST, Segment};
use super::wire::Wire;
use crate::outbound::Outbound;

impl Tcp {
    /// Takes a packet that begins with its IP header; of IP nothing but that is looked at which TCP needs. `checked` says
    /// whether its TCP checksum was found to be right, else it is verified here.
    #[inline]
    pub fn receive(&mut self, packet: &[u8], checked: Checked, now_ns: u64, outbound: &mut Outbound) {
        self.now_ns = now_ns;
        self.counters.rx_packets += 1;
        let segment = match Segment::parse(packet) {
            Ok(segment) => segment,
            Err(Malformed::Header) => return self.counters.rx_malformed += 1,
            Err(Malformed::Fragment) => return self.counters.rx_fragments += 1,
            Err(Malformed::Address) => return self.counters.rx_misdirected += 1,
        };
        let addresses = &self.config.addresses;
        if !addresses.contains(&segment.flow.ours().ip()) || addresses.contains(&segment.flow.peer().ip()) {
            return self.counters.rx_misdirected += 1;
        }
        if !checked.transport && !segment.is_intact() {
            return self.counters.rx_damaged += 1;
        }
        let hash = self.table.hash(&segment.flow);
        match self.table.find(hash, &segment.flow) {
            Some(index) => self.deliver(index, &segment, outbound),
            None => self.take_stray(hash, &segment, outbound),
        }
    }

    /// Asks memory for what packets will need: for all of a burst before the first of them is handed in.
    #[inline]
    pub fn prefetch<'a>(&mut self, packets: impl Iterator<Item = &'a [u8]>) {
        for packet in packets {
            let segment = Segment::parse(packet).ok();
            self.coming.extend(segment.and_then(|segment| self.table.prefetch(&segment.flow)));
        }
        for index in self.coming.drain(..) {
            if let Some(connection) = self.table.at(index) {
                connection.prefetch_buffers();
            }
        }
    }

    #[inline]
    fn deliver(&mut self, index: u32, segment: &Segment<'_>, outbound: &mut Outbound) {
        let abilities = self.abilities();
        let Some(connection) = self.table.at(index) else { return };
        // RFC 5961, section 3.2: a reset has to be exactly where it belongs. It is not challenged here if it is not: whoever
        // is really gone resets the next keep-alive.
        if segment.has(RST) && segment.sequence != connection.expected_sequence() {
            return self.counters.rx_reset_inexact += 1;
        }
        connection.sent.hear(segment.ack, segment.window);
        let mut wire = Wire::new(abilities, segment.flow.peer().ip(), &mut self.scratch);
        (wire.packet, wire.outbound, wire.sent) =
            (Some(segment.packet), Some(outbound), Some(connection.sent));
        pass(&mut self.interface, &mut wire, connection, self.now_ns);
        let (made, dropped) = (wire.made_count, wire.dropped_count);
        connection.sent = wire.sent.unwrap_or_default();
        self.counters.tx_packets += made as u64;
        self.counters.tx_dropped += dropped as u64;
        if connection.is_closed() {
            connection.discard();
        } else {
            self.mark_ready(index);
        }
        self.mark_outgoing(index);
    }

    /// A segment of no connection.
    fn take_stray(&mut self, hash: u64, segment: &Segment<'_>, outbound: &mut Outbound) {
        let listener = self.config.listeners.iter().position(|port| *port == segment.flow.ours().port());
        match listener {
            Some(_) if segment.is_opening() => self.answer_syn(hash, segment, outbound),
            Some(listener) if segment.is_confirming() => self.take_ack(hash, listener, segment, outbound),
            _ => {
                if segment.is_opening() {
                    self.counters.rx_syn_closed += 1;
                }
                self.refuse(hash, segment, outbound);
            }
        }
    }

    fn answer_syn(&mut self, hash: u64, segment: &Segment<'_>, outbound: &mut Outbound) {
        if !self.may_open() {
            self.counters.rx_syn_full += 1;
            return self.reset(segment, outbound);
        }
        // RFC 9293, section 3.10.7.4: a SYN in TIME-WAIT opens a new connection if it comes after all of the old one.
        let old = self.time_wait.find(hash, &segment.flow);
        if old.is_some_and(|old| segment.sequence.wrapping_sub(old.ack).cast_signed() < 0) {
            return self.refuse(hash, segment, outbound);
        }
        self.counters.rx_syn += 1;
        let options = segment.syn_options();
        let isn = self.cookies.cookie(&segment.flow, segment.sequence, options, self.now_ns);
        let made = reply::syn_ack(&self.config, segment, options, isn, outbound);
        self.count_reply(made);
    }

    /// An acknowledgment without a connection: the end of a handshake, if it carries one of our cookies.
    fn take_ack(&mut self, hash: u64, listener: usize, segment: &Segment<'_>, outbound: &mut Outbound) {
        let (peer_isn, isn) = (segment.sequence.wrapping_sub(1), segment.ack.wrapping_sub(1));
        let Some(options) = self.cookies.options(&segment.flow, peer_isn, isn, self.now_ns) else {
            if self.time_wait.find(hash, &segment.flow).is_none() && self.grace.covers(hash, self.now_ns) {
                return self.counters.rx_early += 1;
            }
            self.counters.rx_cookie_unknown += 1;
            return self.refuse(hash, segment, outbound);
        };
        let used = hash ^ (u64::from(peer_isn) << 32 | u64::from(isn)).wrapping_mul(SPREAD);
        self.used_cookies.advance(self.now_ns);
        if self.used_cookies.contains(used) {
            self.counters.rx_cookie_used += 1;
            return self.refuse(hash, segment, outbound);
        }
        if !self.make_room(outbound) {
            self.counters.rx_syn_full += 1;
            return self.reset(segment, outbound);
        }
        let agreed = Agreement { flow: segment.flow, peer_isn, isn, options, window: segment.window };
        if let Some(index) = self.open(hash, listener, &agreed) {
            self.counters.used_cookies_evicted += u64::from(self.used_cookies.insert(used));
            self.deliver(index, segment, outbound);
        }
    }

    fn open(&mut self, hash: u64, listener: usize, agreed: &Agreement) -> Option<u32> {
        let bytes = BufferBytes { receive: self.config.receive_bytes, send: self.config.send_bytes };
        let (abilities, now_ns) = (self.abilities(), self.now_ns);
        let Some(endpoint) = establish(agreed, abilities, bytes, now_ns, &mut self.scratch) else {
            self.counters.handshakes_failed += 1;
            return None;
        };
        self.time_wait.remove(hash, &agreed.flow);
        let listener = u32::try_from(listener).unwrap_or(u32::MAX);
        let connection = Connection::new(endpoint, listener, agreed);
        let id = self.table.insert(hash, agreed.flow, connection);
        self.counters.opened += 1;
        self.mark_ready(id.index);
        Some(id.index)
    }

    /// A segment that nobody wants: late ones of what is over are acknowledged, all others reset.
    fn refuse(&mut self, hash: u64, segment: &Segment<'_>, outbound: &mut Outbound) {
        match self.time_wait.find(hash, &segment.flow) {
            Some(farewell) => {
                // RFC 1337: a reset does not end TIME-WAIT. Mere acknowledgments are not answered, or two ends could go
                // on acknowledging each other.
                let answers = !segment.has(RST) && segment.length() > 0;
                let made = answers.then(|| reply::farewell(&self.config, farewell, outbound));
                self.counters.rx_time_wait += 1;
                if let Some(made) = made {
                    self.count_reply(made);
                }
            }
            None => {
                self.counters.rx_stray += u64::from(!segment.is_opening());
                self.reset(segment, outbound);
            }
        }
    }

    fn reset(&mut self, segment: &Segment<'_>, outbound: &mut Outbound) {
        if !segment.has(RST) {
            let made = reply::reset(&self.config, segment, outbound);
            self.counters.tx_resets += u64::from(made);
            self.count_reply(made);
        }
    }

    fn count_reply(&mut self, made: bool) {
        self.counters.tx_packets += u64::from(made);
        self.counters.tx_dropped += u64::from(!made);
    }

    /// Whether there would be room for one more connection.
    fn may_open(&self) -> bool {
        self.table.count() < self.config.connections_max || self.closing_count > 0
    }

    /// Makes room for one more connection: the one that was closed first has to go if there is none.
    fn make_room(&mut self, outbound: &mut Outbound) -> bool {
        if self.table.count() < self.config.connections_max {
            return true;
        }
        while let Some(id) = self.closing.pop_front() {
            if self.is_closing(id) {
                self.counters.closing_evicted += 1;
                self.abort(id.index, outbound);
                return true;
            }
        }
        false
    }

    fn is_closing(&mut self, id: ConnectionId) -> bool {
        self.table.id(id.index) == id
            && self.table.at(id.index).is_some_and(|connection| connection.is_closed())
    }
}

/// An odd number that spreads bits, here over those of a hash.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
