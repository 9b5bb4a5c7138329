//! The mesh: for each pair of shards a ring of asks and a ring of answers in each direction.
//!
//! An ask is admitted only while fewer asks are open than the ring of answers has places, so an answer always finds
//! one: answering never waits, and two shards that ask each other cannot block each other. Some places are kept for the
//! steps of transactions, so that asks which wait for a transaction's keys never hold up the step that gives them back.

use adit_drivers::ring::{Consumer, Producer, ring};
use adit_drivers::wake::Waker;

use crate::message::{Answer, Ask, Message};
use crate::transaction::step::Step;

/// One shard's ends of the rings to another shard.
struct Link {
    asks_out: Producer<Message>,
    answers_in: Consumer<Answer>,
    asks_in: Consumer<Message>,
    answers_out: Producer<Answer>,
    /// Asks without an answer.
    open_count: usize,
    waker: Waker,
}

/// One shard's ends of all rings. There is no link from a shard to itself.
pub struct Mesh {
    links: Vec<Option<Link>>,
    capacity: usize,
}

impl Mesh {
    /// The meshes of shards that are woken by `wakers`, one for each.
    pub fn connect(wakers: &[Waker]) -> Vec<Self> {
        let count = wakers.len();
        let capacity = ring_capacity(count);
        let empty = |_| Self { links: (0..count).map(|_| None).collect(), capacity };
        let mut meshes: Vec<Self> = (0..count).map(empty).collect();
        for second in 0..count {
            for first in 0..second {
                let (there, back) = link_pair(capacity, &wakers[first], &wakers[second]);
                meshes[first].links[second] = Some(there);
                meshes[second].links[first] = Some(back);
            }
        }
        meshes
    }

    /// Whether an ask to `shard` would be admitted.
    #[inline]
    pub fn has_room(&mut self, shard: u16) -> bool {
        let places = self.capacity - self.transactions_max();
        self.links[usize::from(shard)].as_mut().is_some_and(|link| link.has_room(places))
    }

    /// Transactions that may be open on this shard, each with one step on its way to each other shard: places for them
    /// are kept.
    pub fn transactions_max(&self) -> usize {
        self.capacity / 4
    }

    /// Asks another shard; it sees the ask after [`Mesh::publish`].
    ///
    /// # Panics
    /// If there is no room: ask for it first.
    #[inline]
    pub fn ask(&mut self, shard: u16, ask: Ask) {
        assert!(self.has_room(shard), "an ask without room for it");
        self.push(shard, Message::Ask(ask));
    }

    /// Sends a step of a transaction to another shard; it sees it after [`Mesh::publish`].
    ///
    /// # Panics
    /// If there are more steps on their way than transactions may be open.
    pub fn step(&mut self, shard: u16, step: Box<Step>) {
        self.push(shard, Message::Step(step));
    }

    /// Asks another shard for a transaction, instead of a step.
    ///
    /// # Panics
    /// As [`Mesh::step`].
    pub fn ask_for_transaction(&mut self, shard: u16, ask: Ask) {
        self.push(shard, Message::Ask(ask));
    }

    #[inline]
    fn push(&mut self, shard: u16, message: Message) {
        let Some(link) = &mut self.links[usize::from(shard)] else { unreachable!("a shard asks itself") };
        assert!(
            link.open_count < self.capacity && link.asks_out.push(message).is_ok(),
            "a message without a place for its answer"
        );
        link.open_count += 1;
    }

    /// The next ask of `shard`.
    #[inline]
    pub fn next_ask(&mut self, shard: u16) -> Option<Message> {
        self.links[usize::from(shard)].as_mut()?.asks_in.pop()
    }

    /// Answers an ask of `shard`.
    #[inline]
    pub fn answer(&mut self, shard: u16, answer: Answer) {
        let Some(link) = &mut self.links[usize::from(shard)] else { unreachable!("a shard answers itself") };
        let pushed = link.answers_out.push(answer);
        assert!(pushed.is_ok(), "an ask was admitted without a place for its answer");
    }

    /// The next answer of `shard`.
    #[inline]
    pub fn next_answer(&mut self, shard: u16) -> Option<Answer> {
        let link = self.links[usize::from(shard)].as_mut()?;
        let answer = link.answers_in.pop()?;
        link.open_count -= 1;
        Some(answer)
    }

    /// Shows the other shards what was pushed, gives them back what was popped, and wakes those that sleep.
    pub fn publish(&mut self) {
        for link in self.links.iter_mut().flatten() {
            link.asks_in.release();
            link.answers_in.release();
            // Not `||`: both rings are published.
            if link.asks_out.publish() | link.answers_out.publish() {
                link.waker.wake();
            }
        }
    }

    /// Whether something has come in.
    pub fn has_incoming(&mut self) -> bool {
        self.links.iter_mut().flatten().any(|link| !link.asks_in.is_empty() || !link.answers_in.is_empty())
    }

    /// Number of shards.
    pub fn shard_count(&self) -> u16 {
        u16::try_from(self.links.len()).unwrap_or(u16::MAX)
    }
}

impl Link {
    #[inline]
    fn has_room(&mut self, places: usize) -> bool {
        self.open_count < places && self.asks_out.room() > 0
    }
}

fn link_pair(capacity: usize, first: &Waker, second: &Waker) -> (Link, Link) {
    let (asks_there, asks_from_there) = ring(capacity);
    let (asks_back, asks_from_back) = ring(capacity);
    let (answers_there, answers_from_there) = ring(capacity);
    let (answers_back, answers_from_back) = ring(capacity);
    let link = |asks_out, answers_in, asks_in, answers_out, waker: &Waker| Link {
        asks_out,
        answers_in,
        asks_in,
        answers_out,
        open_count: 0,
        waker: waker.clone(),
    };
    (
        link(asks_there, answers_from_back, asks_from_back, answers_there, second),
        link(asks_back, answers_from_there, asks_from_there, answers_back, first),
    )
}

/// Places of each ring: many with few shards, so that the rings of a shard stay within a few megabytes.
fn ring_capacity(shard_count: usize) -> usize {
    (RING_PLACES_PER_SHARD / shard_count.max(1)).next_power_of_two().clamp(RING_PLACES_MIN, RING_PLACES_MAX)
}

const RING_PLACES_PER_SHARD: usize = 4096;
const RING_PLACES_MIN: usize = 64;
const RING_PLACES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Reply;
    use adit_store::kv::Key;
    use adit_wire::kv::{BucketId, Operation};

    fn ask(slot: u32) -> Ask {
        Ask::new(slot, Operation::Get, &Key::hashed(BucketId(0), b"k", 0), &[], None)
    }

    fn meshes(count: usize) -> Vec<Mesh> {
        let wakers: Vec<Waker> = (0..count).map(|_| adit_drivers::wake::pair().unwrap().0).collect();
        Mesh::connect(&wakers)
    }

    #[test]
    fn asks_and_answers_reach_the_shard_they_name() {
        let mut meshes = meshes(3);
        meshes[2].ask(0, ask(7));
        assert!(!meshes[0].has_incoming());
        meshes[2].publish();
        assert!(meshes[0].has_incoming() && !meshes[1].has_incoming());
        assert!(meshes[0].next_ask(1).is_none());
        let Some(Message::Ask(mut ask)) = meshes[0].next_ask(2) else { panic!("an ask was sent") };
        let slot = ask.request().0;
        meshes[0].answer(2, Answer { slot, result: Reply::Done });
        meshes[0].publish();
        assert_eq!(meshes[2].next_answer(0).unwrap().slot, 7);
    }

    #[test]
    fn an_ask_without_a_place_for_its_answer_is_not_admitted() {
        let mut meshes = meshes(2);
        let mut admitted = 0;
        while meshes[0].has_room(1) {
            meshes[0].ask(1, ask(admitted));
            admitted += 1;
        }
        meshes[0].publish();
        while meshes[1].next_ask(0).is_some() {}
        meshes[1].publish();
        assert!(!meshes[0].has_room(1), "the ring of asks is empty, but no answer has come");
        (0..admitted).for_each(|slot| meshes[1].answer(0, Answer { slot, result: Reply::Nil }));
        meshes[1].publish();
        assert!(meshes[0].next_answer(1).is_some());
        assert!(meshes[0].has_room(1));
    }
}
