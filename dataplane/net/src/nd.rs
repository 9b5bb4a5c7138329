//! Neighbour solicitations and advertisements of IPv6 (RFC 4861).

use std::net::{IpAddr, Ipv6Addr};

use crate::bytes::{array_at, put, put_u16};
use crate::checksum::Sum;
use crate::counters::Reason;
use crate::ethernet::{Mac, is_group};
use crate::ip::{ICMPV6, Ip, pseudo_sum};
use crate::ipv6;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Discovery {
    /// An advertisement answers; a solicitation asks.
    pub(crate) is_advertisement: bool,
    /// Whether an advertisement answers a solicitation.
    pub(crate) is_solicited: bool,
    /// Whose device it is about.
    pub(crate) target: Ipv6Addr,
    /// The device: of the sender of a solicitation, of the target of an advertisement.
    pub(crate) device: Option<Mac>,
}

/// Reads a message of the two kinds, whose checksum is right (sections 7.1.1 and 7.1.2).
pub(crate) fn parse(message: &[u8], ip: &Ip) -> Result<Discovery, Reason> {
    let head = message.first_chunk::<HEAD_BYTES>().ok_or(Reason::Discovery)?;
    let is_advertisement = head[0] == ADVERTISEMENT;
    let is_solicited = is_advertisement && head[4] & SOLICITED != 0;
    let target = Ipv6Addr::from(array_at::<HEAD_BYTES, 16>(head, 8));
    let (IpAddr::V6(source), IpAddr::V6(destination)) = (ip.source, ip.destination) else {
        return Err(Reason::Discovery);
    };
    let wanted = if is_advertisement { TARGET_DEVICE } else { SOURCE_DEVICE };
    let device = device_option(&message[HEAD_BYTES..], wanted)?;
    let is_probe = source.is_unspecified();
    let is_right = ip.hop_limit == HOP_LIMIT
        && head[1] == 0
        && !target.is_multicast()
        && !(is_probe && is_advertisement)
        && !(is_probe && (device.is_some() || destination != ipv6::solicited_node(target)))
        && !(is_solicited && destination.is_multicast());
    if is_right {
        Ok(Discovery { is_advertisement, is_solicited, target, device })
    } else {
        Err(Reason::Discovery)
    }
}

/// The device that an option of the wanted kind tells. Options of other kinds are skipped.
fn device_option(mut options: &[u8], wanted: u8) -> Result<Option<Mac>, Reason> {
    let mut device = None;
    while let [kind, length, ..] = *options {
        let option_bytes = usize::from(length) * 8;
        let Some(option) = options.get(..option_bytes).filter(|option| !option.is_empty()) else {
            return Err(Reason::Discovery);
        };
        if kind == wanted
            && let Ok(option) = <&[u8; 8]>::try_from(option)
        {
            device = Some(array_at(option, 2));
        }
        options = &options[option_bytes..];
    }
    match device {
        Some(mac) if is_group(mac) || mac == [0; 6] => Err(Reason::Discovery),
        device if options.is_empty() => Ok(device),
        _ => Err(Reason::Discovery),
    }
}

/// Writes a packet with a message that tells our device, into room of [`PACKET_BYTES`].
pub(crate) fn write(room: &mut [u8], source: Ipv6Addr, destination: Ipv6Addr, message: &Discovery, mac: Mac) {
    let (head, body) = room.split_at_mut(ipv6::HEADER_BYTES);
    ipv6::write(head, source.octets(), destination.octets(), ICMPV6, HOP_LIMIT, MESSAGE_BYTES);
    let (kind, option) =
        if message.is_advertisement { (ADVERTISEMENT, TARGET_DEVICE) } else { (SOLICITATION, SOURCE_DEVICE) };
    let solicited = if message.is_solicited { SOLICITED } else { 0 };
    let flags = if message.is_advertisement { OVERRIDE | solicited } else { 0 };
    put(body, 0, &[kind, 0, 0, 0, flags, 0, 0, 0]);
    put(body, 8, &message.target.octets());
    put(body, HEAD_BYTES, &[option, 1]);
    put(body, HEAD_BYTES + 2, &mac);
    let pseudo: Sum = pseudo_sum(source.into(), destination.into(), ICMPV6, MESSAGE_BYTES);
    put_u16(body, 2, pseudo.and(&body[..MESSAGE_BYTES]).checksum());
}

/// Bytes of a packet that we make: with one option.
pub(crate) const PACKET_BYTES: usize = ipv6::HEADER_BYTES + MESSAGE_BYTES;
/// The kinds of messages.
pub(crate) const SOLICITATION: u8 = 135;
pub(crate) const ADVERTISEMENT: u8 = 136;
const MESSAGE_BYTES: usize = HEAD_BYTES + 8;
const HEAD_BYTES: usize = 24;
/// Nobody has forwarded a packet that still has all of its hops.
const HOP_LIMIT: u8 = 255;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
const SOURCE_DEVICE: u8 = 1;
const TARGET_DEVICE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [2, 0, 0, 0, 0, 1];

    fn packet(message: &Discovery) -> Vec<u8> {
        let mut packet = vec![0; PACKET_BYTES];
        let destination = ipv6::solicited_node(message.target);
        write(&mut packet, ipv6::link_local(MAC), destination, message, MAC);
        packet
    }

    fn solicitation() -> Discovery {
        Discovery {
            is_advertisement: false,
            is_solicited: false,
            target: "fe80::2".parse().unwrap(),
            device: Some(MAC),
        }
    }

    fn read(packet: &[u8]) -> Result<Discovery, Reason> {
        let ip = ipv6::parse(packet)?;
        let message = &packet[ipv6::HEADER_BYTES..];
        assert!(ip.pseudo_sum().and(message).is_right());
        parse(message, &ip)
    }

    #[test]
    fn golden_bytes() {
        let packet = packet(&solicitation());
        let golden = b"\x60\0\0\0\0\x20\x3A\xFF\xFE\x80\0\0\0\0\0\0\0\0\0\xFF\xFE\0\0\x01\
            \xFF\x02\0\0\0\0\0\0\0\0\0\x01\xFF\0\0\x02\
            \x87\0\x7C\x4D\0\0\0\0\xFE\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\x01\x01\x02\0\0\0\0\x01";
        assert_eq!(packet[..42], golden[..42]);
        assert_eq!(packet[44..], golden[44..]);
        assert_eq!(read(&packet), Ok(solicitation()));
        let advertisement = Discovery { is_advertisement: true, ..solicitation() };
        assert_eq!(read(&self::packet(&advertisement)), Ok(advertisement));
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        let packet = packet(&solicitation());
        let ip = ipv6::parse(&packet).unwrap();
        let message = &packet[ipv6::HEADER_BYTES..];
        let refused = Err(Reason::Discovery);
        assert_eq!(parse(message, &Ip { hop_limit: 254, ..ip }), refused, "forwarded");
        let nobody = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        assert_eq!(parse(message, &Ip { source: nobody, ..ip }), refused, "nobody has a device");
        let probe = parse(&message[..HEAD_BYTES], &Ip { source: nobody, ..ip });
        assert_eq!(probe, Ok(Discovery { device: None, ..solicitation() }));
        let elsewhere = Ip { source: nobody, destination: "fe80::2".parse().unwrap(), ..ip };
        assert_eq!(parse(&message[..HEAD_BYTES], &elsewhere), refused);
        for len in (0..HEAD_BYTES).chain(HEAD_BYTES + 1..MESSAGE_BYTES) {
            assert_eq!(parse(&message[..len], &ip), refused, "{len} bytes");
        }
        for (at, byte) in [(1, 1), (8, 0xFF), (HEAD_BYTES + 1, 0), (HEAD_BYTES + 1, 2), (HEAD_BYTES + 2, 1)] {
            let mut changed = message.to_vec();
            changed[at] = byte;
            assert_eq!(parse(&changed, &ip), refused, "byte {at}");
        }
        let mut solicited = message.to_vec();
        (solicited[0], solicited[4]) = (ADVERTISEMENT, SOLICITED);
        assert_eq!(parse(&solicited, &ip), refused, "an answer to one goes to one");
        let unknown = [message, &[14, 1, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(parse(&unknown, &ip), Ok(solicitation()));
    }
}
