//! A visitor: connects, increments shared counters and leaves, often before the replies have come. Its place at the
//! server is taken by the next one while requests of its own are still under way.

use adit_drivers::sim::{Random, SimClient, SimNetwork};
use adit_wire::resp::client::{ReplyValue, decode_reply, encode_request};

use crate::client::COUNTERS;

/// One visitor and what it asked for.
pub(crate) struct Visitor {
    connection: SimClient,
    /// Counters that it incremented, in order; between them it asked for what waits until nothing else is owed.
    asked: Vec<Option<usize>>,
    answered: usize,
    received: Vec<u8>,
    /// Steps until it breaks off; without a number it stays for all replies.
    stays: Option<u64>,
}

impl Visitor {
    pub(crate) fn new(network: &SimNetwork, random: &mut Random, shards: usize) -> Self {
        let connection =
            network.connect(u32::try_from(random.index(shards)).unwrap(), 50 + random.index(5_000));
        let asked: Vec<Option<usize>> =
            (0..random.below(30)).map(|_| (!random.one_in(4)).then(|| random.index(COUNTERS))).collect();
        let mut bytes = Vec::new();
        for asked in &asked {
            match asked {
                Some(counter) => {
                    encode_request(&mut bytes, &[b"INCR", format!("shared:{counter}").as_bytes()])
                }
                None => encode_request(&mut bytes, &[b"ECHO", b"hello"]),
            }
        }
        connection.write(&bytes);
        let stays = random.one_in(2).then(|| random.below(60));
        if stays.is_none() {
            connection.finish();
        }
        Self { connection, asked, answered: 0, received: Vec::new(), stays }
    }

    /// Reads, or breaks off. Says whether it is gone.
    pub(crate) fn step(&mut self) -> bool {
        self.received.extend(self.connection.read(usize::MAX));
        while let Some((reply, len)) = decode_reply(&self.received).expect("replies are RESP") {
            match self.asked.get(self.answered).expect("no more replies than requests") {
                Some(_) => assert!(matches!(reply, ReplyValue::Integer(1..)), "{reply:?}"),
                None => assert_eq!(reply, ReplyValue::Bulk(Some(b"hello".to_vec()))),
            }
            self.received.drain(..len);
            self.answered += 1;
        }
        match &mut self.stays {
            None => self.connection.is_closed(),
            Some(0) => {
                self.connection.reset();
                true
            }
            Some(steps) => {
                *steps -= 1;
                false
            }
        }
    }

    /// Increments that were answered, and that may or may not have been executed.
    pub(crate) fn counts(&self, counter: usize) -> (i64, i64) {
        let count = |asked: &[Option<usize>]| {
            i64::try_from(asked.iter().filter(|&&other| other == Some(counter)).count()).unwrap()
        };
        if self.stays.is_none() {
            assert_eq!(self.answered, self.asked.len(), "a request without a reply");
        }
        (count(&self.asked[..self.answered]), count(&self.asked[self.answered..]))
    }
}
