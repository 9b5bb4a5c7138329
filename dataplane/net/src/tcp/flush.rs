//! Packets on their way out: of connections that were touched or whose time has come, each a few at a time.

use smoltcp::iface::Interface;
use smoltcp::socket::tcp::State;

use super::Tcp;
use super::config::{BURST_PACKETS_MAX, FLUSH_CONNECTIONS_MAX, FLUSH_PACKETS_MAX, TIMERS_PER_FLUSH_MAX};
use super::connection::Connection;
use super::reply;
use super::table::List;
use super::time_wait::Farewell;
use super::wire::{Wire, due_ns, instant};
use crate::outbound::Outbound;

impl Tcp {
    /// Lets out what is due, at most [`FLUSH_PACKETS_MAX`] packets. What finds no room in `outbound` stays in its socket.
    pub fn flush(&mut self, now_ns: u64, outbound: &mut Outbound) {
        self.now_ns = now_ns;
        self.time_wait.expire(now_ns);
        self.used_cookies.advance(now_ns);
        for _ in 0..TIMERS_PER_FLUSH_MAX {
            let Some(index) = self.timers.pop_due(now_ns) else { break };
            self.mark_outgoing(index);
        }
        let mut left_packets = FLUSH_PACKETS_MAX;
        for _ in 0..FLUSH_CONNECTIONS_MAX {
            if left_packets == 0 || !outbound.has_room() {
                break;
            }
            let Some(index) = self.outgoing.pop_front() else { break };
            self.table.mark(index, List::Outgoing, false);
            left_packets = left_packets.saturating_sub(self.transmit(
                index,
                left_packets.min(BURST_PACKETS_MAX),
                outbound,
            ));
        }
    }

    /// Lets out up to `most` packets of a connection, says how many they were, and sees what is left of it.
    #[inline]
    fn transmit(&mut self, index: u32, most: usize, outbound: &mut Outbound) -> usize {
        let (abilities, now_ns) = (self.abilities(), self.now_ns);
        let Some(flow) = self.table.flow(index) else { return 0 };
        let Some(connection) = self.table.at(index) else { return 0 };
        if connection.has_expired(now_ns) && !connection.is_over() {
            self.counters.closing_expired += 1;
            connection.endpoint.socket_mut().abort();
        }
        let mut wire = Wire::new(abilities, flow.peer().ip(), &mut self.scratch);
        (wire.outbound, wire.sent) = (Some(&mut *outbound), Some(connection.sent));
        let mut next_ns = Some(0);
        while next_ns.is_some_and(|next_ns| next_ns <= now_ns) && wire.made_count < most {
            let before = wire.made_count;
            emit(&mut self.interface, &mut wire, connection, now_ns);
            next_ns = due(&mut self.interface, connection, now_ns);
            if wire.made_count == before {
                break;
            }
        }
        let (made, last) = (wire.made_count, wire.last);
        connection.sent = wire.sent.unwrap_or_default();
        self.counters.tx_packets += made as u64;
        self.settle(index, (made == most, next_ns), last);
        made + self.repeat_fin(index, made > 0, outbound)
    }

    /// Says the FIN of a closed connection again if smoltcp does not; says how many packets that took.
    #[inline]
    fn repeat_fin(&mut self, index: u32, has_sent: bool, outbound: &mut Outbound) -> usize {
        let now_ns = self.now_ns;
        let Some(flow) = self.table.flow(index) else { return 0 };
        let Some(connection) = self.table.at(index).filter(|connection| connection.is_closed()) else {
            return 0;
        };
        let (fin, again_ns) = connection.forgotten_fin(now_ns, has_sent);
        let ack = connection.expected_sequence();
        if let Some(again_ns) = again_ns {
            self.timers.at_latest(index, again_ns);
        }
        let Some(sequence) = fin else { return 0 };
        let made = reply::fin(&self.config, &Farewell { flow, sequence, ack }, outbound);
        self.counters.tx_packets += u64::from(made);
        usize::from(made)
    }

    /// After its packets have left: whether a connection goes on now, later, or not at all.
    #[inline]
    fn settle(&mut self, index: u32, (is_cut, next_ns): (bool, Option<u64>), last: Option<(u32, u32)>) {
        let now_ns = self.now_ns;
        let Some(connection) = self.table.at(index) else { return };
        let (state, is_over, closing_until_ns) =
            (connection.state(), connection.is_over(), connection.closing_until_ns());
        if let Some(until_ns) = closing_until_ns {
            if is_over {
                self.counters.ended += u64::from(now_ns < until_ns && !connection.is_lost());
                return self.remove(index);
            }
            if state == State::TimeWait
                && let Some((sequence, ack)) = last
            {
                return self.part(index, sequence, ack);
            }
        } else if state == State::Closed {
            // That it is lost has to be told.
            self.mark_ready(index);
        }
        if is_cut && next_ns.is_some_and(|next_ns| next_ns <= now_ns) {
            return self.mark_outgoing(index);
        }
        // A socket that says it is due and sends nothing is asked again in a while.
        let next_ns = next_ns.map(|next_ns| next_ns.max(now_ns + RETRY_NS));
        if let Some(due_ns) = next_ns.into_iter().chain(closing_until_ns).min() {
            self.timers.at_latest(index, due_ns);
        }
    }

    /// Keeps of a connection in TIME-WAIT what late segments need, and frees its buffers.
    fn part(&mut self, index: u32, sequence: u32, ack: u32) {
        if let Some(flow) = self.table.flow(index) {
            let hash = self.table.hash(&flow);
            let evicted = self.time_wait.insert(hash, Farewell { flow, sequence, ack }, self.now_ns);
            self.counters.time_wait_evicted += u64::from(evicted);
            self.counters.ended += 1;
        }
        self.remove(index);
    }

    /// Resets a connection and forgets it.
    pub(super) fn abort(&mut self, index: u32, outbound: &mut Outbound) {
        let (abilities, now_ns) = (self.abilities(), self.now_ns);
        let Some(flow) = self.table.flow(index) else { return };
        let Some(connection) = self.table.at(index) else { return };
        connection.endpoint.socket_mut().abort();
        let mut wire = Wire::new(abilities, flow.peer().ip(), &mut self.scratch);
        (wire.outbound, wire.sent) = (Some(outbound), Some(connection.sent));
        emit(&mut self.interface, &mut wire, connection, now_ns);
        self.counters.tx_packets += wire.made_count as u64;
        self.remove(index);
    }
}

/// Lets smoltcp take the packet on the wire.
#[inline]
pub(super) fn pass(interface: &mut Interface, wire: &mut Wire<'_>, connection: &mut Connection, now_ns: u64) {
    interface.poll_ingress_single(instant(now_ns), wire, &mut connection.endpoint.sockets);
}

/// Lets smoltcp make one packet, if one is due.
#[inline]
fn emit(interface: &mut Interface, wire: &mut Wire<'_>, connection: &mut Connection, now_ns: u64) {
    interface.poll_egress(instant(now_ns), wire, &mut connection.endpoint.sockets);
}

/// When smoltcp wants to make the next one.
#[inline]
fn due(interface: &mut Interface, connection: &Connection, now_ns: u64) -> Option<u64> {
    interface.poll_at(instant(now_ns), &connection.endpoint.sockets).map(due_ns)
}

/// How long a socket waits that found nothing to send when it was due.
const RETRY_NS: u64 = 1_000_000;
