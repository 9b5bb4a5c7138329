//! Messages of ARP for IPv4 on Ethernet (RFC 826).

use std::net::Ipv4Addr;

use crate::bytes::{array_at, put, u16_at};
use crate::counters::Reason;
use crate::ethernet::{Mac, is_group};

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    pub(crate) is_request: bool,
    pub(crate) sender_mac: Mac,
    pub(crate) sender: Ipv4Addr,
    pub(crate) target_mac: Mac,
    pub(crate) target: Ipv4Addr,
}

/// Reads a message.
pub(crate) fn parse(bytes: &[u8]) -> Result<Arp, Reason> {
    let message = bytes.first_chunk::<ARP_BYTES>().ok_or(Reason::Truncated)?;
    let operation = u16_at(message, 6);
    let sender_mac = array_at(message, 8);
    if message[..6] != KINDS || !(1..=2).contains(&operation) || is_group(sender_mac) || sender_mac == [0; 6]
    {
        return Err(Reason::Arp);
    }
    Ok(Arp {
        is_request: operation == 1,
        sender_mac,
        sender: array_at::<ARP_BYTES, 4>(message, 14).into(),
        target_mac: array_at(message, 18),
        target: array_at::<ARP_BYTES, 4>(message, 24).into(),
    })
}

/// Writes a message into room of [`ARP_BYTES`].
pub(crate) fn write(room: &mut [u8], message: &Arp) {
    put(room, 0, &KINDS);
    put(room, 6, &[0, if message.is_request { 1 } else { 2 }]);
    put(room, 8, &message.sender_mac);
    put(room, 14, &message.sender.octets());
    put(room, 18, &message.target_mac);
    put(room, 24, &message.target.octets());
}

/// Bytes of a message.
pub(crate) const ARP_BYTES: usize = 28;
/// Ethernet and IPv4, addresses of 6 and 4 bytes.
const KINDS: [u8; 6] = [0, 1, 8, 0, 6, 4];

#[cfg(test)]
mod tests {
    use super::*;

    /// Who has 10.0.0.2? Tell 10.0.0.1.
    const GOLDEN: &[u8; 28] =
        b"\0\x01\x08\0\x06\x04\0\x01\x02\0\0\0\0\x01\x0A\0\0\x01\0\0\0\0\0\0\x0A\0\0\x02";

    #[test]
    fn golden_bytes() {
        let message = Arp {
            is_request: true,
            sender_mac: [2, 0, 0, 0, 0, 1],
            sender: [10, 0, 0, 1].into(),
            target_mac: [0; 6],
            target: [10, 0, 0, 2].into(),
        };
        assert_eq!(parse(GOLDEN), Ok(message));
        let mut written = [0; ARP_BYTES];
        write(&mut written, &message);
        assert_eq!(&written, GOLDEN);
        let answer = Arp { is_request: false, ..message };
        write(&mut written, &answer);
        assert_eq!(parse(&written), Ok(answer));
    }

    #[test]
    fn what_is_not_of_ethernet_and_ipv4_is_refused() {
        for len in 0..ARP_BYTES {
            assert_eq!(parse(&GOLDEN[..len]), Err(Reason::Truncated), "{len} bytes");
        }
        for at in 0..8 {
            let mut bytes = *GOLDEN;
            bytes[at] ^= 0x10;
            assert_eq!(parse(&bytes), Err(Reason::Arp), "byte {at}");
        }
        for (operation, is_right) in [(0, false), (1, true), (2, true), (3, false)] {
            let mut bytes = *GOLDEN;
            bytes[7] = operation;
            assert_eq!(parse(&bytes).is_ok(), is_right);
        }
        let mut bytes = *GOLDEN;
        bytes[8] |= 1;
        assert_eq!(parse(&bytes), Err(Reason::Arp), "a group sends nothing");
    }
}
