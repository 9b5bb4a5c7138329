//! memcached's text commands in datagrams, by doc/protocol.txt of memcached 1.6, "UDP protocol".
//!
//! ```text
//! request id u16, sequence number u16, datagrams of the message u16, 0 u16: big-endian, before each datagram
//! ```

use anyhow::{bail, ensure};

use super::{Outcome, Ticket, WindowProtocol, Wire};
use crate::dataset::Dataset;
use crate::protocol::{ReplyKind, memcached};
use crate::workload::{Operation, Step};

/// A client of memcached; it has nothing to open.
pub(super) struct Memcached;

impl WindowProtocol for Memcached {
    const FIRST_NUMBER: u64 = 0;

    fn open(_wire: &mut Wire) -> anyhow::Result<Self> {
        Ok(Self)
    }

    fn encode(&mut self, out: &mut Vec<u8>, ticket: Ticket, operation: Operation, dataset: &Dataset) {
        let [high, low] = low_half(ticket.number).to_be_bytes();
        out.extend_from_slice(&[high, low, 0, 0, 0, 1, 0, 0]);
        match operation.step {
            Step::Read | Step::ReadToModify => memcached::push_get(out, dataset, operation.key),
            Step::Write | Step::Insert => memcached::push_set(out, dataset, operation.key),
        }
    }

    fn decode<'a>(&self, message: &'a [u8], oldest: u64) -> anyhow::Result<Option<(u64, Outcome<'a>)>> {
        let Some(([high, low, place @ .., 0, 0], reply)) = message.split_first_chunk::<HEAD_BYTES>() else {
            bail!("a datagram of memcached has no head; is the peer memcached?");
        };
        ensure!(*place == [0, 0, 0, 1], "a reply of memcached in several datagrams");
        let number = oldest + u64::from(u16::from_be_bytes([*high, *low]).wrapping_sub(low_half(oldest)));
        let Some((_, kind)) = memcached::skip_reply(reply)? else { bail!("a reply of memcached is cut") };
        let outcome = match kind {
            ReplyKind::Hit => Outcome::Value(value(reply)),
            ReplyKind::Miss => Outcome::Absent,
            ReplyKind::Ok | ReplyKind::Push => Outcome::Stored,
            ReplyKind::Error => Outcome::Refused(String::from_utf8_lossy(reply).trim().to_owned()),
        };
        Ok(Some((number, outcome)))
    }
}

/// What stands between the first line and the end of a reply that is whole.
fn value(reply: &[u8]) -> &[u8] {
    let start = reply.iter().position(|byte| *byte == b'\n').map_or(reply.len(), |end| end + 1);
    let rest = &reply[start..];
    rest.strip_suffix(b"\r\nEND\r\n").unwrap_or(rest)
}

/// Requests are told apart by 16 bits: far more than are on their way.
fn low_half(number: u64) -> u16 {
    let [low, high, ..] = number.to_le_bytes();
    u16::from_le_bytes([low, high])
}

const HEAD_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::Sizes;

    #[test]
    fn requests_are_as_documented() {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 4, value_bytes: 3 }, 100, 1).unwrap();
        let (mut out, ticket) = (Vec::new(), Ticket { number: 0x1_0203, oldest: 0 });
        Memcached.encode(&mut out, ticket, Operation { step: Step::Read, key: 42 }, &dataset);
        assert_eq!(out, b"\x02\x03\0\0\0\x01\0\0get 0042\r\n");
    }

    #[test]
    fn replies_are_read_and_their_numbers_go_on() {
        let decode = |text: &[u8], oldest| {
            let message = [b"\x00\x02\0\0\0\x01\0\0", text].concat();
            let (number, outcome) = Memcached.decode(&message, oldest).unwrap().unwrap();
            (number, format!("{outcome:?}"))
        };
        assert_eq!(decode(b"VALUE k 0 3\r\n\r\nx\r\nEND\r\n", 0), (2, "Value([13, 10, 120])".into()));
        assert_eq!(decode(b"END\r\n", 0xFFFF), (0x1_0002, "Absent".into()));
        assert_eq!(decode(b"STORED\r\n", 0x1_0002), (0x1_0002, "Stored".into()));
        assert_eq!(decode(b"ERROR\r\n", 2), (2, "Refused(\"ERROR\")".into()));
    }

    #[test]
    fn other_datagrams_are_refused() {
        for message in
            [&b"short"[..], b"\0\0\0\0\0\x02\0\0END\r\n", b"\0\0\0\0\0\x01\0\0EN", b"\0\0\0\0\0\x01\0\x01"]
        {
            assert!(Memcached.decode(message, 0).is_err(), "{}", message.escape_ascii());
        }
    }
}
