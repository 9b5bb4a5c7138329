//! The calls: operations from when they are submitted to when they are complete, in places that are used again, and the
//! queues in which they wait.

use std::ops::{Index, IndexMut};

use adit_wire::native::Opcode;

use super::assembly::Assembly;
use super::feed::Feed;
use super::upload::Upload;
use crate::answer::Ticket;
use crate::operation::Operation;

/// An operation under way.
pub(super) struct Call {
    pub(super) ticket: Ticket,
    /// What is asked for; nothing for the client's own call, for the map or the steering.
    pub(super) operation: Option<Operation>,
    pub(super) opcode: Opcode,
    pub(super) place: Place,
    /// Whom it is for, while its place is with a peer or delayed.
    pub(super) peer: usize,
    /// Its number in the session; 0 before it has one.
    pub(super) number: u64,
    pub(super) deadline_ns: u64,
    /// When something of it was sent, or came, last.
    pub(super) moved_ns: u64,
    /// Whether the first answer to what was sent last tells the round trip.
    pub(super) is_timed: bool,
    /// How often it was sent to this peer.
    pub(super) sends: u32,
    /// Answers to what was sent later, while it was the one that waits longest.
    pub(super) overtaken: u32,
    /// How often it was refused for the moment.
    pub(super) refusals: u32,
    /// Segments of a reply that were offered to be taken when it was sent last.
    pub(super) offered: u16,
    /// Whether a shard may have applied it.
    pub(super) may_be_applied: bool,
    /// Whether the last answer was that the shard is busy.
    pub(super) is_refused: bool,
    /// When a delayed call goes on.
    pub(super) due_ns: u64,
    pub(super) upload: Upload,
    /// The segments of its reply that have come, if that is long.
    pub(super) reply: Option<Assembly>,
    /// Its value, if that is given in pieces.
    pub(super) feed: Option<Box<Feed>>,
    /// Whether its value is written or read in pieces: then its end is no completion.
    pub(super) is_in_pieces: bool,
}

/// Where a call waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: there is no call.
    Free,
    /// For the map.
    Unrouted,
    /// For its peer to be open, and for a number.
    Fresh,
    /// To be sent, again or further, with the number it has.
    Ready,
    /// For the answer.
    Flight,
    /// For its caller to give or take a piece of its value: nothing is awaited of the shard.
    Paused,
    /// For a while, since it was refused.
    Delayed,
}

/// Calls, and what links them.
pub(super) struct Calls {
    calls: Vec<Call>,
    /// The neighbours of each call in the queue it is in.
    links: Vec<Link>,
    free: Vec<u16>,
    unrouted: Queue,
    delayed: Queue,
    /// Of each peer: fresh, ready, in flight, paused.
    queues: Vec<[Queue; 4]>,
}

#[derive(Clone, Copy)]
struct Link {
    before: u16,
    behind: u16,
}

#[derive(Clone, Copy)]
struct Queue {
    first: u16,
    last: u16,
}

impl Calls {
    /// Places for `count` calls.
    pub(super) fn new(count: u16) -> Self {
        Self {
            calls: (0..count).map(|_| Call::none()).collect(),
            links: vec![Link { before: NONE, behind: NONE }; usize::from(count)],
            free: (0..count).rev().collect(),
            unrouted: Queue::EMPTY,
            delayed: Queue::EMPTY,
            queues: Vec::new(),
        }
    }

    /// Makes queues for another peer.
    pub(super) fn add_peer(&mut self) {
        self.queues.push([Queue::EMPTY; 4]);
    }

    /// Calls under way.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.calls.len() - self.free.len()
    }

    /// A call that waits nowhere yet: the caller puts it somewhere.
    #[inline]
    pub(super) fn take(&mut self) -> Option<u16> {
        self.free.pop()
    }

    /// All calls under way.
    pub(super) fn indices(&self) -> impl Iterator<Item = u16> + use<> {
        let used = |(index, call): (u16, &Call)| (call.place != Place::Free).then_some(index);
        (0..).zip(&self.calls).filter_map(used).collect::<Vec<_>>().into_iter()
    }

    /// The first call at a place with a peer.
    #[inline]
    pub(super) fn first(&self, peer: usize, place: Place) -> Option<u16> {
        some(self.queues[peer][with_peer(place)].first)
    }

    /// The calls that wait for a while.
    pub(super) fn delayed(&self) -> impl Iterator<Item = u16> {
        std::iter::successors(some(self.delayed.first), |index| some(self.links[usize::from(*index)].behind))
    }

    /// Whether a peer has calls to be sent or answered.
    pub(super) fn has_some(&self, peer: usize) -> bool {
        self.queues[peer].iter().any(|queue| queue.first != NONE)
    }

    /// Whether a peer has calls of which something was sent that is not answered. Of what is paused all is: whether the
    /// shard still has that is asked when it goes on.
    pub(super) fn has_sent(&self, peer: usize) -> bool {
        [Place::Ready, Place::Flight].iter().any(|place| self.first(peer, *place).is_some())
    }

    /// Puts a call at the end of a place; one with a peer, if `place` is with one.
    #[inline]
    pub(super) fn put(&mut self, index: u16, place: Place, peer: usize) {
        self.unlink(index);
        let call = &mut self.calls[usize::from(index)];
        (call.place, call.peer) = (place, peer);
        match place {
            Place::Free => {
                *call = Call::none();
                self.free.push(index);
            }
            Place::Unrouted => self.unrouted.push(&mut self.links, index),
            Place::Delayed => self.delayed.push(&mut self.links, index),
            Place::Fresh | Place::Ready | Place::Flight | Place::Paused => {
                self.queues[peer][with_peer(place)].push(&mut self.links, index);
            }
        }
    }

    /// Puts a call before all that wait for their peer.
    pub(super) fn put_first(&mut self, index: u16, peer: usize) {
        self.unlink(index);
        let call = &mut self.calls[usize::from(index)];
        (call.place, call.peer) = (Place::Fresh, peer);
        self.queues[peer][with_peer(Place::Fresh)].push_first(&mut self.links, index);
    }

    #[inline]
    fn unlink(&mut self, index: u16) {
        let call = &self.calls[usize::from(index)];
        match call.place {
            Place::Free => {}
            Place::Unrouted => self.unrouted.remove(&mut self.links, index),
            Place::Delayed => self.delayed.remove(&mut self.links, index),
            Place::Fresh | Place::Ready | Place::Flight | Place::Paused => {
                self.queues[call.peer][with_peer(call.place)].remove(&mut self.links, index);
            }
        }
    }
}

impl Index<u16> for Calls {
    type Output = Call;

    #[inline]
    fn index(&self, index: u16) -> &Call {
        &self.calls[usize::from(index)]
    }
}

impl IndexMut<u16> for Calls {
    #[inline]
    fn index_mut(&mut self, index: u16) -> &mut Call {
        &mut self.calls[usize::from(index)]
    }
}

impl Call {
    fn none() -> Self {
        Self {
            ticket: Ticket(0),
            operation: None,
            opcode: Opcode::Map,
            place: Place::Free,
            peer: 0,
            number: 0,
            deadline_ns: u64::MAX,
            moved_ns: 0,
            is_timed: false,
            sends: 0,
            refusals: 0,
            offered: 0,
            may_be_applied: false,
            is_refused: false,
            overtaken: 0,
            due_ns: 0,
            upload: Upload::default(),
            reply: None,
            feed: None,
            is_in_pieces: false,
        }
    }

    /// Whether it has to be asked for whether it was applied, if its answer does not come.
    pub(super) fn is_uncertain(&self) -> bool {
        self.may_be_applied && self.opcode.is_write()
    }

    /// Nothing came for long: what is missing, or was not taken, is lost; up to `allowed` bytes of a long request are
    /// sent again.
    pub(super) fn time_out(&mut self, allowed: u32) {
        self.upload.time_out(allowed);
        self.reply.iter_mut().for_each(Assembly::time_out);
    }

    /// Whether nothing is awaited of the shard, and nothing can be sent before the caller has given or taken a piece.
    pub(super) fn is_callers_turn(&self, segment_bytes: u32) -> bool {
        match (&self.reply, &self.feed) {
            (Some(reply), _) => !reply.is_awaited(),
            (None, _) => !self.has_next(segment_bytes) && self.upload.is_settled(),
        }
    }

    /// Whether more of a long request can be sent, or all that was given of it has arrived.
    pub(super) fn can_upload(&self, segment_bytes: u32) -> bool {
        let is_next = self.upload.next().is_some() && self.has_next(segment_bytes);
        is_next || self.is_callers_turn(segment_bytes)
    }

    /// Whether the next segment of its request is there.
    fn has_next(&self, segment_bytes: u32) -> bool {
        self.feed.as_ref().is_none_or(|feed| {
            let end = self.upload.sent().saturating_add(segment_bytes);
            feed.is_ready(end.min(feed.body_bytes()))
        })
    }

    /// Whether it can be asked for again from its start.
    pub(super) fn can_begin_again(&self) -> bool {
        let has_given = self.reply.as_ref().is_some_and(Assembly::has_given);
        !has_given && self.feed.as_ref().is_none_or(|feed| feed.floor() == 0)
    }

    /// Forgets what was sent and received.
    pub(super) fn begin_again(&mut self) {
        (self.sends, self.may_be_applied, self.is_refused) = (0, false, false);
        (self.upload, self.reply) = (Upload::default(), None);
    }
}

impl Queue {
    const EMPTY: Self = Self { first: NONE, last: NONE };

    #[inline]
    fn push(&mut self, links: &mut [Link], index: u16) {
        links[usize::from(index)] = Link { before: self.last, behind: NONE };
        match some(self.last) {
            Some(last) => links[usize::from(last)].behind = index,
            None => self.first = index,
        }
        self.last = index;
    }

    fn push_first(&mut self, links: &mut [Link], index: u16) {
        links[usize::from(index)] = Link { before: NONE, behind: self.first };
        match some(self.first) {
            Some(first) => links[usize::from(first)].before = index,
            None => self.last = index,
        }
        self.first = index;
    }

    #[inline]
    fn remove(&mut self, links: &mut [Link], index: u16) {
        let Link { before, behind } = links[usize::from(index)];
        match some(before) {
            Some(before) => links[usize::from(before)].behind = behind,
            None => self.first = behind,
        }
        match some(behind) {
            Some(behind) => links[usize::from(behind)].before = before,
            None => self.last = before,
        }
    }
}

#[inline]
fn some(index: u16) -> Option<u16> {
    (index != NONE).then_some(index)
}

/// The queue of a place that is with a peer.
#[inline]
fn with_peer(place: Place) -> usize {
    match place {
        Place::Fresh => 0,
        Place::Ready => 1,
        Place::Flight => 2,
        Place::Paused => 3,
        Place::Free | Place::Unrouted | Place::Delayed => unreachable!("it is with no peer"),
    }
}

const NONE: u16 = u16::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use adit_drivers::sim::Random;

    fn queue(calls: &mut Calls, peer: usize, place: Place) -> Vec<u16> {
        std::iter::from_fn(|| {
            let index = calls.first(peer, place)?;
            calls.put(index, Place::Free, 0);
            Some(index)
        })
        .collect()
    }

    #[test]
    fn a_queue_keeps_its_order_whatever_leaves_it() {
        for seed in 0..50 {
            let (mut random, mut calls, mut model) = (Random::new(seed), Calls::new(20), Vec::new());
            calls.add_peer();
            for _ in 0..200 {
                if random.one_in(2) {
                    let Some(index) = calls.take() else { continue };
                    if random.one_in(4) {
                        calls.put_first(index, 0);
                        model.insert(0, index);
                    } else {
                        calls.put(index, Place::Fresh, 0);
                        model.push(index);
                    }
                } else if !model.is_empty() {
                    let index = model.remove(random.index(model.len()));
                    calls.put(index, Place::Free, 0);
                }
                assert_eq!(calls.count(), model.len());
            }
            assert_eq!(queue(&mut calls, 0, Place::Fresh), model, "seed {seed}");
            assert_eq!(calls.count(), 0);
        }
    }

    #[test]
    fn a_call_is_at_one_place() {
        let mut calls = Calls::new(2);
        calls.add_peer();
        calls.add_peer();
        let [first, second] = [calls.take().unwrap(), calls.take().unwrap()];
        assert_eq!(calls.take(), None);
        calls.put(first, Place::Unrouted, 0);
        calls.put(second, Place::Unrouted, 0);
        calls.put(first, Place::Ready, 1);
        assert_eq!(calls.first(1, Place::Ready), Some(first));
        assert!(calls.has_some(1) && !calls.has_some(0));
        calls.put(first, Place::Delayed, 1);
        assert_eq!(calls.delayed().collect::<Vec<_>>(), [first]);
        assert_eq!((calls[first].peer, calls.has_some(1)), (1, false));
        assert_eq!(calls.indices().count(), 2);
    }
}
