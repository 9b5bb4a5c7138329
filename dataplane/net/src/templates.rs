//! Headers of datagrams to peers that were sent to lately, so that a burst costs a copy and two lengths each.

use std::net::{IpAddr, SocketAddr};

use adit_drivers::frames::{Frame, IpOffload, TransportOffload, TxOffload};

use crate::bytes::{length, put_u16};
use crate::checksum::Sum;
use crate::ethernet::{self, Mac};
use crate::ip::{self, HOP_LIMIT, UDP};
use crate::neighbours::Neighbours;
use crate::stack::HEADERS_BYTES_MAX;
use crate::{ipv4, udp};

/// Who writes the checksums of UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checksums {
    /// We do.
    Software,
    /// The device does.
    Device,
    /// Nobody, where they are not needed.
    None,
}

/// The templates of some peers, each at a place that its address decides.
pub(crate) struct Templates(Vec<Option<Template>>);

/// The headers of datagrams to a peer.
#[derive(Clone, Copy)]
pub(crate) struct Template {
    peer: SocketAddr,
    /// Our address that the datagrams come from.
    source: IpAddr,
    /// Ethernet, IP, UDP; without lengths and what depends on them.
    bytes: [u8; HEADERS_BYTES_MAX],
    ethernet_bytes: usize,
    headers_bytes: usize,
    /// Of the IPv4 header.
    ip_sum: Sum,
    /// Of the pseudo-header and the UDP header.
    udp_sum: Sum,
    /// The neighbour that it goes to, and until when that is believed.
    pub(crate) place: u16,
    until_ns: u64,
    generation: u64,
}

impl Templates {
    pub(crate) fn new() -> Self {
        Self(vec![None; TEMPLATES])
    }

    /// The template of a peer, if there is one and its neighbour is still the one that it was.
    #[inline]
    pub(crate) fn get(&self, peer: SocketAddr, neighbours: &Neighbours, now_ns: u64) -> Option<&Template> {
        let template = self.0[place(peer)].as_ref()?;
        let is_valid = template.peer == peer
            && template.generation == neighbours.generation()
            && now_ns < template.until_ns;
        is_valid.then_some(template)
    }

    /// Keeps a template.
    pub(crate) fn keep(&mut self, template: Template) {
        self.0[place(template.peer)] = Some(template);
    }
}

impl Template {
    /// The headers of datagrams from an address and port of ours, without a device to go to.
    pub(crate) fn new(source: SocketAddr, peer: SocketAddr, vlan: Option<u16>) -> Self {
        let mut bytes = [0; HEADERS_BYTES_MAX];
        let ethernet_bytes = ethernet::header_bytes(vlan);
        let udp_at = ethernet_bytes + ip::header_bytes(peer.ip());
        ip::write(&mut bytes[ethernet_bytes..udp_at], source.ip(), peer.ip(), UDP, HOP_LIMIT, 0);
        udp::write(&mut bytes[udp_at..], source.port(), peer.port(), 0);
        put_u16(&mut bytes, udp_at + 4, 0);
        if peer.is_ipv4() {
            put_u16(&mut bytes, ethernet_bytes + 2, 0);
            put_u16(&mut bytes, ethernet_bytes + 10, 0);
        }
        let udp_sum = ip::addresses_sum(source.ip(), peer.ip()).and_u16(u16::from(UDP));
        Self {
            peer,
            source: source.ip(),
            ip_sum: Sum::of(&bytes[ethernet_bytes..udp_at]),
            udp_sum: udp_sum.and_u16(source.port()).and_u16(peer.port()),
            bytes,
            ethernet_bytes,
            headers_bytes: udp_at + udp::HEADER_BYTES,
            place: 0,
            until_ns: 0,
            generation: 0,
        }
    }

    /// The same for frames to the device of a neighbour.
    pub(crate) fn to_device(
        mut self,
        (own, to): (Mac, Mac),
        vlan: Option<u16>,
        (place, until_ns, generation): (u16, u64, u64),
    ) -> Self {
        let kind = crate::answers::kind_of(self.source);
        ethernet::write(&mut self.bytes[..self.ethernet_bytes], to, own, vlan, kind);
        (self.place, self.until_ns, self.generation) = (place, until_ns, generation);
        self
    }

    /// Bytes of the packet around a payload.
    #[inline]
    pub(crate) fn packet_bytes(&self, payload_bytes: usize) -> usize {
        self.headers_bytes - self.ethernet_bytes + payload_bytes
    }

    /// Puts all headers in front of a payload.
    #[inline]
    pub(crate) fn frame(&self, frame: &mut Frame, checksums: Checksums) -> Option<()> {
        self.write(frame, 0, checksums)
    }

    /// Puts the headers of IP and UDP in front of a payload.
    pub(crate) fn packet(&self, frame: &mut Frame, checksums: Checksums) -> Option<()> {
        self.write(frame, self.ethernet_bytes, checksums)
    }

    /// Puts the headers from `from` on in front of a payload. Where the device completes the checksum of UDP, the field
    /// has the sum of the pseudo-header.
    #[inline]
    fn write(&self, frame: &mut Frame, from: usize, checksums: Checksums) -> Option<()> {
        let udp_bytes = length(udp::HEADER_BYTES + frame.whole_bytes());
        let checksum = match checksums {
            // 0 says that there is none; IPv6 does not allow it (RFC 8200, section 8.1).
            Checksums::None if self.source.is_ipv4() => 0,
            Checksums::Device => {
                frame.set_offload(self.offload());
                !ip::addresses_sum(self.source, self.peer.ip())
                    .and_u16(u16::from(UDP))
                    .and_u16(udp_bytes)
                    .checksum()
            }
            Checksums::None | Checksums::Software => {
                let sum = self.udp_sum.and_u16(udp_bytes).and_u16(udp_bytes).and(frame.bytes());
                let sum = if frame.has_tail() {
                    sum.and_behind(frame.len_bytes(), frame.tail_bytes())
                } else {
                    sum
                };
                match sum.checksum() {
                    0 => 0xFFFF,
                    checksum => checksum,
                }
            }
        };
        let room = frame.prepend(self.headers_bytes - from)?;
        room.copy_from_slice(&self.bytes[from..self.headers_bytes]);
        let (ip_at, udp_at) = (self.ethernet_bytes - from, self.headers_bytes - from - udp::HEADER_BYTES);
        if self.source.is_ipv4() {
            let total = udp_bytes + length(ipv4::HEADER_BYTES);
            put_u16(room, ip_at + 2, total);
            put_u16(room, ip_at + 10, self.ip_sum.and_u16(total).checksum());
        } else {
            put_u16(room, ip_at + 4, udp_bytes);
        }
        put_u16(room, udp_at + 4, udp_bytes);
        put_u16(room, udp_at + 6, checksum);
        Some(())
    }

    /// What the device is to complete.
    fn offload(&self) -> TxOffload {
        let number = |bytes: usize| u8::try_from(bytes).unwrap_or(u8::MAX);
        TxOffload {
            ethernet_bytes: number(self.ethernet_bytes),
            ip_bytes: number(ip::header_bytes(self.source)),
            transport_bytes: number(udp::HEADER_BYTES),
            ip: if self.source.is_ipv4() { IpOffload::V4 } else { IpOffload::V6 },
            transport: TransportOffload::Udp,
        }
    }
}

#[inline]
fn place(peer: SocketAddr) -> usize {
    let low = match peer.ip() {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(ip) => ip.octets()[15],
    };
    usize::from(peer.port() ^ u16::from(low)) % TEMPLATES
}

/// Peers whose headers are kept; another one takes the place of one.
const TEMPLATES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use adit_drivers::frames::FRAME_HEADROOM_BYTES;
    use adit_drivers::memory::{Arena, PAGE_BYTES};
    use adit_drivers::port::Mempool;
    use adit_drivers::tail::Tail;

    #[test]
    fn a_device_completes_what_we_would_have_written() {
        let mempool = Mempool::with_headroom(3, 512, FRAME_HEADROOM_BYTES);
        for (source, peer) in [("10.0.0.1:7", "10.0.0.2:1234"), ("[fd00::1]:7", "[fd00::2]:1234")] {
            for vlan in [None, Some(9)] {
                let template = Template::new(source.parse().unwrap(), peer.parse().unwrap(), vlan);
                let template = template.to_device(([2; 6], [4; 6]), vlan, (0, 0, 0));
                let frame = |checksums| {
                    let mut frame = Frame::new(mempool.buffer().unwrap(), FRAME_HEADROOM_BYTES);
                    frame.append(5).unwrap().copy_from_slice(b"bytes");
                    template.frame(&mut frame, checksums).unwrap();
                    frame
                };
                let (ours, mut theirs) = (frame(Checksums::Software), frame(Checksums::Device));
                let mut without = frame(Checksums::None);
                assert_eq!(ours.offload(), None);
                let offload = theirs.offload().unwrap();
                let udp_at = usize::from(offload.ethernet_bytes) + usize::from(offload.ip_bytes);
                // What the device does: the sum from the header on, over the sum of the pseudo-header.
                let checksum = Sum::of(&theirs.bytes()[udp_at..]).checksum();
                put_u16(&mut theirs.bytes_mut()[udp_at..], 6, checksum);
                assert_eq!(ours.bytes(), theirs.bytes());
                // The header says so itself, or there has to be one.
                assert_eq!(without.bytes()[udp_at + 6..udp_at + 8] == [0, 0], source.starts_with("10."));
                put_u16(&mut without.bytes_mut()[udp_at..], 6, checksum);
                assert_eq!(ours.bytes(), without.bytes());
                assert_eq!(ours.len_bytes(), usize::from(offload.transport_bytes) + udp_at + 5);
            }
        }
    }

    #[test]
    fn a_tail_counts_wherever_it_begins() {
        let mempool = Mempool::with_headroom(2, 512, FRAME_HEADROOM_BYTES);
        let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
        let mut block = arena.block().unwrap();
        let payload: Vec<u8> = (0..99_u8).map(|byte| byte.wrapping_mul(151)).collect();
        block.get_mut().unwrap()[3..102].copy_from_slice(&payload);
        for (source, peer) in [("10.0.0.1:7", "10.0.0.2:1234"), ("[fd00::1]:7", "[fd00::2]:1234")] {
            let template = Template::new(source.parse().unwrap(), peer.parse().unwrap(), None);
            let template = template.to_device(([2; 6], [4; 6]), None, (0, 0, 0));
            let who = [Checksums::Software, Checksums::Device, Checksums::None];
            for (own, checksums) in (0..99).flat_map(|own| who.map(|who| (own, who))) {
                let frame = |own: usize| {
                    let mut frame = Frame::new(mempool.buffer().unwrap(), FRAME_HEADROOM_BYTES);
                    frame.append(own).unwrap().copy_from_slice(&payload[..own]);
                    let tail = (own < 99).then(|| Tail::new(block.clone(), 3 + own..102));
                    frame.set_tail(tail);
                    template.frame(&mut frame, checksums).unwrap();
                    frame
                };
                let (whole, mut parts) = (frame(99), frame(own));
                assert_eq!((parts.has_tail(), parts.offload()), (true, whole.offload()));
                assert!(parts.linearise());
                assert_eq!(whole.bytes(), parts.bytes(), "{own} bytes and a tail");
            }
        }
    }

    #[test]
    fn a_checksum_is_never_0() {
        let mempool = Mempool::with_headroom(1, 512, FRAME_HEADROOM_BYTES);
        let template = Template::new("10.0.0.1:7".parse().unwrap(), "10.0.0.2:9".parse().unwrap(), None);
        let zeroes = (0..=u16::MAX).filter(|number| {
            let mut frame = Frame::new(mempool.buffer().unwrap(), FRAME_HEADROOM_BYTES);
            frame.append(2).unwrap().copy_from_slice(&number.to_be_bytes());
            template.packet(&mut frame, Checksums::Software).unwrap();
            let [.., high, low, _, _] = *frame.bytes() else { unreachable!("a packet has a header") };
            assert_ne!([high, low], [0, 0], "{number}");
            [high, low] == [0xFF; 2]
        });
        assert_eq!(zeroes.count(), 1, "the one that would be 0");
    }
}
