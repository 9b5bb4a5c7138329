//! Segments that answer without a connection: SYN-ACKs with a cookie, resets, acknowledgments of what is over.

use smoltcp::wire::{IpProtocol, IpRepr, TcpControl, TcpRepr, TcpSeqNumber};

use super::config::TcpConfig;
use super::flow::Flow;
use super::handshake::{HOP_LIMIT, emit};
use super::segment::{ACK, Segment, SynOptions};
use super::time_wait::Farewell;
use super::wire::Abilities;
use crate::outbound::Outbound;

/// Answers a SYN; `isn` is the cookie. Byte for byte what the socket would say that is made of it later.
pub(super) fn syn_ack(
    config: &TcpConfig,
    segment: &Segment<'_>,
    options: SynOptions,
    isn: u32,
    outbound: &mut Outbound,
) -> bool {
    let ip_bytes = if segment.flow.ours().is_ipv4() { 20 } else { 40 };
    let mut reply = empty(&segment.flow);
    reply.control = TcpControl::Syn;
    reply.seq_number = number(isn);
    reply.ack_number = Some(number(segment.sequence.wrapping_add(1)));
    reply.window_len = u16::try_from(config.receive_bytes).unwrap_or(u16::MAX);
    reply.max_seg_size = u16::try_from(config.mtu_bytes - ip_bytes - TCP_HEADER_BYTES).ok();
    // RFC 7323, section 2.2: only if the peer has it, too.
    reply.window_scale = options.window_scale.map(|_| window_shift(config.receive_bytes));
    reply.sack_permitted = options.sack;
    send(config, &segment.flow, &reply, outbound)
}

/// Resets what a segment believes in (RFC 9293, section 3.10.7.1). Not for segments that are resets.
pub(super) fn reset(config: &TcpConfig, segment: &Segment<'_>, outbound: &mut Outbound) -> bool {
    let mut reply = empty(&segment.flow);
    reply.control = TcpControl::Rst;
    if segment.has(ACK) {
        reply.seq_number = number(segment.ack);
    } else {
        reply.ack_number = Some(number(segment.sequence.wrapping_add(segment.length())));
    }
    send(config, &segment.flow, &reply, outbound)
}

/// Ends our side of a connection once more.
pub(super) fn fin(config: &TcpConfig, end: &Farewell, outbound: &mut Outbound) -> bool {
    let mut reply = empty(&end.flow);
    reply.control = TcpControl::Fin;
    reply.seq_number = number(end.sequence);
    reply.ack_number = Some(number(end.ack));
    reply.window_len =
        u16::try_from(config.receive_bytes >> window_shift(config.receive_bytes)).unwrap_or(u16::MAX);
    send(config, &end.flow, &reply, outbound)
}

/// Acknowledges once more all that a connection has received which is over.
pub(super) fn farewell(config: &TcpConfig, farewell: &Farewell, outbound: &mut Outbound) -> bool {
    let mut reply = empty(&farewell.flow);
    reply.seq_number = number(farewell.sequence);
    reply.ack_number = Some(number(farewell.ack));
    send(config, &farewell.flow, &reply, outbound)
}

fn send(config: &TcpConfig, flow: &Flow, reply: &TcpRepr<'_>, outbound: &mut Outbound) -> bool {
    let (ours, peer) = (flow.ours().ip(), flow.peer().ip());
    let ip = IpRepr::new(ours.into(), peer.into(), IpProtocol::Tcp, reply.buffer_len(), HOP_LIMIT);
    let Some(room) = outbound.room(peer, ip.buffer_len()) else { return false };
    emit(room, &ip, reply, &abilities(config).checksums());
    true
}

pub(super) fn abilities(config: &TcpConfig) -> Abilities {
    Abilities { mtu_bytes: config.mtu_bytes, computes_checksums: config.computes_checksums }
}

fn empty(flow: &Flow) -> TcpRepr<'static> {
    TcpRepr {
        src_port: flow.ours().port(),
        dst_port: flow.peer().port(),
        control: TcpControl::None,
        seq_number: TcpSeqNumber(0),
        ack_number: None,
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    }
}

fn number(number: u32) -> TcpSeqNumber {
    TcpSeqNumber(number.cast_signed())
}

/// By how much smoltcp shifts windows of a buffer: so that they fit into 16 bits.
fn window_shift(receive_bytes: usize) -> u8 {
    let bits = usize::BITS - receive_bytes.leading_zeros();
    u8::try_from(bits.saturating_sub(u16::BITS)).unwrap_or(0)
}

const TCP_HEADER_BYTES: usize = 20;
