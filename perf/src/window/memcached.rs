//! memcached's text commands in datagrams, by doc/protocol.txt of memcached 1.6, "UDP protocol".
//!
//! ```text
//! request id u16, sequence number u16, datagrams of the message u16, 0 u16: big-endian, before each datagram
//! ```

use anyhow::{bail, ensure};

use super::{Outcome, Question, Ticket, WindowProtocol, Wire};
use crate::dataset::Dataset;
use crate::load::Load;
use crate::protocol::Protocol;

/// A client of memcached; it has nothing to open.
pub(super) struct Memcached;

impl WindowProtocol for Memcached {
    const FIRST_NUMBER: u64 = 0;

    fn open(_load: &Load, _wire: &mut Wire) -> anyhow::Result<Self> {
        Ok(Self)
    }

    fn encode(&mut self, out: &mut Vec<u8>, ticket: Ticket, question: &Question, dataset: &Dataset) {
        let [high, low] = low_half(ticket.number).to_be_bytes();
        out.extend_from_slice(&[high, low, 0, 0, 0, 1, 0, 0]);
        Protocol::MemcachedText.push(out, dataset, question.operation);
    }

    fn length(&self, _bytes: &[u8]) -> anyhow::Result<Option<usize>> {
        bail!("memcached's datagrams come over no stream")
    }

    fn decode<'a>(&self, message: &'a [u8], oldest: u64) -> anyhow::Result<Option<(u64, Outcome<'a>)>> {
        let Some(([high, low, place @ .., 0, 0], reply)) = message.split_first_chunk::<HEAD_BYTES>() else {
            bail!("a datagram of memcached has no head; is the peer memcached?");
        };
        ensure!(*place == [0, 0, 0, 1], "a reply of memcached in several datagrams");
        let number = oldest + u64::from(u16::from_be_bytes([*high, *low]).wrapping_sub(low_half(oldest)));
        let protocol = Protocol::MemcachedText;
        let Some((_, kind)) = protocol.skip_reply(reply)? else { bail!("a reply of memcached is cut") };
        Ok(Some((number, Outcome::of(protocol, kind, reply))))
    }
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
    use crate::workload::{Operation, Step};

    #[test]
    fn requests_are_as_documented() {
        let dataset = Dataset::new(Sizes::Fixed { key_bytes: 4, value_bytes: 3 }, 100, 1).unwrap();
        let (mut out, ticket) = (Vec::new(), Ticket { number: 0x1_0203, oldest: 0 });
        let question = Question::of(Operation { step: Step::Read, key: 42 });
        Memcached.encode(&mut out, ticket, &question, &dataset);
        assert_eq!(out, b"\x02\x03\0\0\0\x01\0\0get 0042\r\n");
    }

    #[test]
    fn replies_are_read_and_their_numbers_go_on() {
        let decode = |text: &[u8], oldest| {
            let message = [b"\x00\x02\0\0\0\x01\0\0", text].concat();
            let (number, outcome) = Memcached.decode(&message, oldest).unwrap().unwrap();
            (number, format!("{outcome:?}"))
        };
        assert_eq!(decode(b"VALUE k 0 3\r\n\r\nx\r\nEND\r\n", 0), (2, "Value([13, 10, 120], 0)".into()));
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
