//! A connection out of the end of its handshake: a socket of smoltcp whose initial sequence number is the cookie.
//!
//! smoltcp has no way to make an established socket, and draws the numbers of its sockets itself, from a generator that is seeded
//! when an interface is made. That generator can be run backwards: so a short-lived interface is made with the seed from which the
//! cookie is drawn next, a socket listens there, is given the SYN that was, and answers into nothing. Its answer is
//! looked at: if it does not carry the cookie, there is no connection. Then the socket moves to the shard's interface.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer};
use smoltcp::wire::{
    HardwareAddress, IpListenEndpoint, IpProtocol, IpRepr, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber,
};

use super::config::{ACK_DELAY_NS, KEEP_ALIVE_NS, SILENCE_NS_MAX};
use super::flow::Flow;
use super::segment::SynOptions;
use super::wire::{Abilities, Wire, instant, span};

/// A socket in a set of its own: smoltcp looks at all sockets of a set for each packet.
pub(super) struct Endpoint {
    pub(super) sockets: SocketSet<'static>,
    pub(super) handle: SocketHandle,
}

impl Endpoint {
    #[inline]
    pub(super) fn socket(&self) -> &Socket<'static> {
        self.sockets.get(self.handle)
    }

    #[inline]
    pub(super) fn socket_mut(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }
}

/// What a handshake has agreed on.
#[derive(Clone, Copy)]
pub(super) struct Agreement {
    pub(super) flow: Flow,
    /// The peer's initial sequence number, and ours.
    pub(super) peer_isn: u32,
    pub(super) isn: u32,
    pub(super) options: SynOptions,
    /// The window of the segment that ends the handshake, as it stands there.
    pub(super) window: u16,
}

/// Sizes of the buffers of a connection.
#[derive(Clone, Copy)]
pub(super) struct BufferBytes {
    pub(super) receive: usize,
    pub(super) send: usize,
}

/// Makes the interface of a shard: it only lends its clock and its abilities to the sockets.
pub(super) fn interface(abilities: Abilities, seed: u64, now_ns: u64) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut scratch = Vec::new();
    let mut wire = Wire::new(abilities, [0, 0, 0, 0].into(), &mut scratch);
    let mut interface = Interface::new(config, &mut wire, instant(now_ns));
    // Which addresses are ours is decided before.
    interface.set_any_ip(true);
    interface
}

/// A connected socket; nothing if smoltcp would not follow.
pub(super) fn establish(
    agreed: &Agreement,
    abilities: Abilities,
    bytes: BufferBytes,
    now_ns: u64,
    scratch: &mut Vec<u8>,
) -> Option<Endpoint> {
    // One try in 65,536 finds that the interface draws twice before the socket does: then the next seed is right.
    (0..SEEDS_MAX).find_map(|low| with_seed(seed(agreed.isn, low), agreed, abilities, bytes, now_ns, scratch))
}

fn with_seed(
    seed: u64,
    agreed: &Agreement,
    abilities: Abilities,
    bytes: BufferBytes,
    now_ns: u64,
    scratch: &mut Vec<u8>,
) -> Option<Endpoint> {
    let mut interface = interface(abilities, seed, now_ns);
    let mut endpoint = listen(agreed, bytes)?;
    let now = instant(now_ns);
    let peer = agreed.flow.peer().ip();
    let mut feed = |endpoint: &mut Endpoint, packet: &[u8]| {
        let mut wire = Wire::new(abilities, peer, scratch);
        wire.packet = Some(packet);
        interface.poll_ingress_single(now, &mut wire, &mut endpoint.sockets);
        interface.poll_egress(now, &mut wire, &mut endpoint.sockets);
        wire.last
    };
    let mut room = [0; SYNTHETIC_BYTES];
    let answer = feed(&mut endpoint, segment(&mut room, agreed, Step::Syn));
    if answer != Some((agreed.isn, agreed.peer_isn.wrapping_add(1))) {
        return None;
    }
    feed(&mut endpoint, segment(&mut room, agreed, Step::Ack));
    // The window that a SYN-ACK tells is not shifted, but smoltcp takes it so until it has told another one: a peer could
    // write past the buffer. It tells one in answer to a keep-alive.
    feed(&mut endpoint, segment(&mut room, agreed, Step::KeepAlive));
    endpoint.socket().may_send().then_some(endpoint)
}

fn listen(agreed: &Agreement, bytes: BufferBytes) -> Option<Endpoint> {
    let buffer = |bytes: usize| SocketBuffer::new(vec![0; bytes]);
    let mut socket = Socket::new(buffer(bytes.receive), buffer(bytes.send));
    // Replies are whole when they are sent: waiting for more would only delay them.
    socket.set_nagle_enabled(false);
    socket.set_congestion_control(CongestionControl::Reno);
    socket.set_keep_alive(Some(span(KEEP_ALIVE_NS)));
    socket.set_timeout(Some(span(SILENCE_NS_MAX)));
    socket.set_ack_delay(Some(span(ACK_DELAY_NS)));
    let ours = agreed.flow.ours();
    socket.listen(IpListenEndpoint { addr: Some(ours.ip().into()), port: ours.port() }).ok()?;
    let mut sockets = SocketSet::new(Vec::with_capacity(1));
    let handle = sockets.add(socket);
    Some(Endpoint { sockets, handle })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Syn,
    Ack,
    KeepAlive,
}

/// A segment as the peer has sent it, or could have.
fn segment<'a>(room: &'a mut [u8; SYNTHETIC_BYTES], agreed: &Agreement, step: Step) -> &'a [u8] {
    let is_syn = step == Step::Syn;
    let sequence = agreed.peer_isn.wrapping_add(u32::from(step == Step::Ack));
    let repr = TcpRepr {
        src_port: agreed.flow.peer().port(),
        dst_port: agreed.flow.ours().port(),
        control: if is_syn { TcpControl::Syn } else { TcpControl::None },
        seq_number: TcpSeqNumber(sequence.cast_signed()),
        ack_number: (!is_syn).then(|| TcpSeqNumber(agreed.isn.wrapping_add(1).cast_signed())),
        window_len: agreed.window,
        window_scale: agreed.options.window_scale.filter(|_| is_syn),
        max_seg_size: agreed.options.mss_bytes.filter(|_| is_syn),
        sack_permitted: is_syn && agreed.options.sack,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let (from, to) = (agreed.flow.peer().ip(), agreed.flow.ours().ip());
    let ip = IpRepr::new(from.into(), to.into(), IpProtocol::Tcp, repr.buffer_len(), HOP_LIMIT);
    let length = ip.buffer_len();
    emit(&mut room[..length], &ip, &repr, &ChecksumCapabilities::ignored());
    &room[..length]
}

/// Writes a packet.
pub(super) fn emit(room: &mut [u8], ip: &IpRepr, tcp: &TcpRepr<'_>, checksums: &ChecksumCapabilities) {
    ip.emit(&mut *room, checksums);
    let mut packet = TcpPacket::new_unchecked(&mut room[ip.header_len()..]);
    tcp.emit(&mut packet, &ip.src_addr(), &ip.dst_addr(), checksums);
}

/// The seed of an interface whose first socket draws `isn`; one for each `low`.
///
/// smoltcp has sPCG32: the state is multiplied and added to, then 32 bits of it are told, from bit 29 on if the three highest
/// are 0. The interface draws once, for itself, before the socket does.
fn seed(isn: u32, low: u64) -> u64 {
    let told = u64::from(isn) << 29 | low;
    before(before(told))
}

/// The state before this one.
fn before(state: u64) -> u64 {
    state.wrapping_sub(ADDEND).wrapping_mul(inverse(MULTIPLIER))
}

/// What an odd number is multiplied with to give 1, modulo 2^64: Newton's iteration doubles the bits that are right.
const fn inverse(number: u64) -> u64 {
    let mut inverse = number;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(number.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

const MULTIPLIER: u64 = 0xbb2e_fcec_3c39_611d;
const ADDEND: u64 = 0x7590_ef39;
const SEEDS_MAX: u64 = 4;
/// IPv6, TCP and the options of a SYN.
const SYNTHETIC_BYTES: usize = 100;
/// As the IANA recommends.
pub(super) const HOP_LIMIT: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(isn: u32, v6: bool) -> Agreement {
        let v4 = (([10, 0, 0, 2], 5000).into(), ([10, 0, 0, 1], 6379).into());
        let (peer, ours) = if v6 { (([7_u16; 8], 5000).into(), ([9_u16; 8], 6379).into()) } else { v4 };
        let options = SynOptions { mss_bytes: Some(1460), window_scale: Some(7), sack: true };
        Agreement { flow: Flow::new(peer, ours), peer_isn: isn ^ 0x5555, isn, options, window: 500 }
    }

    #[test]
    fn a_number_times_its_inverse_is_one() {
        assert_eq!(MULTIPLIER.wrapping_mul(inverse(MULTIPLIER)), 1);
    }

    #[test]
    fn any_initial_sequence_number_can_be_had() {
        let abilities = Abilities { mtu_bytes: 1500, computes_checksums: true };
        let mut scratch = Vec::new();
        for number in 0..20_000_u32 {
            let isn = number.wrapping_mul(0x9e37_79b9).wrapping_sub(2);
            // A receive buffer that needs a shifted window, and one that does not.
            let bytes = BufferBytes { receive: 1024 << (number % 10), send: 1024 };
            let agreed = agreement(isn, number % 2 == 1);
            let endpoint = establish(&agreed, abilities, bytes, u64::from(number), &mut scratch);
            assert!(endpoint.is_some_and(|endpoint| endpoint.socket().may_recv()), "{isn}");
        }
    }
}
