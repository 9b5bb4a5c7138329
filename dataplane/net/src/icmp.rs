//! Messages of ICMP (RFC 792) and ICMPv6 (RFC 4443): echoes, and that nobody listens at a port.

use adit_drivers::frames::Frame;

use crate::bytes::put_u16;
use crate::checksum::{Sum, update};
use crate::counters::Reason;
use crate::ip::{self, HOP_LIMIT, ICMP, ICMPV6, Ip};

/// Verifies a message; says its type.
pub(crate) fn parse(message: &[u8], ip: &Ip) -> Result<u8, Reason> {
    let pseudo = if ip.protocol == ICMPV6 { ip.pseudo_sum() } else { Sum::default() };
    if message.len() < HEADER_BYTES || !pseudo.and(message).is_right() {
        return Err(Reason::Icmp);
    }
    Ok(message[0])
}

/// Whether a message asks for an echo.
pub(crate) fn asks_for_echo(kind: u8, protocol: u8) -> bool {
    kind == if protocol == ICMP { ECHO } else { ECHO_V6 }
}

/// Makes a packet that asks for an echo, and whose message is right, the echo.
pub(crate) fn echo(frame: &mut Frame, ip: &Ip) -> Option<()> {
    frame.pull(ip.header_bytes);
    let answer = if ip.protocol == ICMP { ECHO_REPLY } else { ECHO_REPLY_V6 };
    let message = frame.bytes_mut();
    let checksum = u16::from_be_bytes([message[2], message[3]]);
    let (before, after) =
        (u16::from_be_bytes([message[0], message[1]]), u16::from_be_bytes([answer, message[1]]));
    put_u16(message, 0, after);
    put_u16(message, 2, update(checksum, before, after));
    answer_header(frame, ip, ip.protocol)
}

/// Makes a packet the message that nobody listens at its port.
pub(crate) fn refuse_port(frame: &mut Frame, ip: &Ip) -> Option<()> {
    let (protocol, kind, code, quoted) = match ip.source.is_ipv4() {
        true => (ICMP, 3, 3, QUOTED_BYTES_MAX),
        false => (ICMPV6, 1, 4, QUOTED_BYTES_MAX_V6),
    };
    frame.trim(quoted);
    let header = frame.prepend(HEADER_BYTES)?;
    header.copy_from_slice(&[kind, code, 0, 0, 0, 0, 0, 0]);
    let len = frame.len_bytes();
    let pseudo = match protocol {
        ICMP => Sum::default(),
        _ => ip::pseudo_sum(ip.destination, ip.source, protocol, len),
    };
    let checksum = pseudo.and(frame.bytes()).checksum();
    put_u16(frame.bytes_mut(), 2, checksum);
    answer_header(frame, ip, protocol)
}

/// Puts the header of an answer to a packet in front.
fn answer_header(frame: &mut Frame, ip: &Ip, protocol: u8) -> Option<()> {
    let payload_bytes = frame.len_bytes();
    let room = frame.prepend(ip::header_bytes(ip.source))?;
    ip::write(room, ip.destination, ip.source, protocol, HOP_LIMIT, payload_bytes);
    Some(())
}

/// Bytes of the header that all messages have.
const HEADER_BYTES: usize = 8;
/// Most bytes of a packet that its refusal quotes: an answer of 576 bytes (RFC 1812, section 4.3.2.3).
const QUOTED_BYTES_MAX: usize = 576 - 20 - HEADER_BYTES;
/// The same in IPv6: an answer of 1,280 (RFC 4443, section 2.4).
const QUOTED_BYTES_MAX_V6: usize = 1280 - 40 - HEADER_BYTES;
const ECHO: u8 = 8;
const ECHO_REPLY: u8 = 0;
const ECHO_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;
