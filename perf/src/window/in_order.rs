//! A protocol whose replies have no numbers: they come over a stream, in the order of the requests.

use anyhow::{Context, bail};

use super::{Outcome, Question, Ticket, WindowProtocol, Wire};
use crate::dataset::Dataset;
use crate::load::{Load, Way};
use crate::protocol::Protocol;

/// A client of Redis or memcached; it has nothing to open.
pub(super) struct InOrder(pub(super) Protocol);

impl WindowProtocol for InOrder {
    const FIRST_NUMBER: u64 = 0;

    fn open(load: &Load, _wire: &mut Wire) -> anyhow::Result<Self> {
        match load.way {
            Way::Stream(protocol) | Way::Batches(protocol) => Ok(Self(protocol)),
            other => bail!("{} has numbers", other.name()),
        }
    }

    fn encode(&mut self, out: &mut Vec<u8>, _ticket: Ticket, question: &Question, dataset: &Dataset) {
        self.0.push(out, dataset, question.operation);
    }

    fn length(&self, bytes: &[u8]) -> anyhow::Result<Option<usize>> {
        Ok(self.0.skip_reply(bytes)?.map(|(length, _)| length))
    }

    fn decode<'a>(&self, message: &'a [u8], oldest: u64) -> anyhow::Result<Option<(u64, Outcome<'a>)>> {
        let (_, kind) = self.0.skip_reply(message)?.context("a reply is cut")?;
        Ok(Some((oldest, Outcome::of(self.0, kind, message))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_belong_to_the_oldest_request() {
        let cases: [(_, &[u8], _); 6] = [
            (Protocol::Resp, b"$3\r\n\r\nx\r\n", Outcome::Value(b"\r\nx", 0)),
            (Protocol::MemcachedText, b"VALUE k 0 3\r\n\r\nx\r\nEND\r\n", Outcome::Value(b"\r\nx", 0)),
            (Protocol::MemcachedMeta, b"VA 3\r\n\r\nx\r\n", Outcome::Value(b"\r\nx", 0)),
            (Protocol::MemcachedMeta, b"HD\r\n", Outcome::Stored),
            (Protocol::Resp, b"$-1\r\n", Outcome::Absent),
            (Protocol::Resp, b"-OOM full\r\n", Outcome::Refused("-OOM full".into())),
        ];
        for (protocol, reply, outcome) in cases {
            let client = InOrder(protocol);
            let stream = [reply, reply].concat();
            assert_eq!(client.length(&stream).unwrap(), Some(reply.len()));
            assert_eq!(client.length(&reply[..reply.len() - 1]).unwrap(), None);
            assert_eq!(client.decode(reply, 7).unwrap(), Some((7, outcome)));
        }
        assert!(InOrder(Protocol::Resp).length(b"HTTP").is_err());
    }
}
