//! Streams that speak the native protocol: frames that chunks cut are put together here.

use std::collections::VecDeque;

use adit_drivers::chunk::{Chunk, ChunkPool};
use adit_drivers::outbox::Outbox;
use adit_drivers::streams::{ConnectionId, Sending};
use adit_wire::native::frame::{LENGTH_KNOWN_BYTES, length_in_stream};
use adit_wire::native::{FRAME_BYTES_MAX, FrameError};

use super::path::Path;
use crate::settings::{INPUT_CHUNKS_MAX, OUTPUT_BYTES_SOFT, STALL_NS_MAX, TURN_SENT_BYTES_MAX};
use crate::shard::Shard;
use crate::stats::Counter;

/// One stream.
pub(crate) struct Link {
    pub(crate) id: ConnectionId,
    /// What was received and not looked at.
    chunks: VecDeque<Chunk>,
    /// The beginning of a frame that a chunk has cut.
    partial: Vec<u8>,
    outbox: Outbox,
    /// It is in the list of those with something to do.
    scheduled: bool,
    paused: bool,
    blocked: bool,
    ended: bool,
    closing: bool,
    moved_ns: u64,
}

/// The streams of a shard.
#[derive(Default)]
pub(crate) struct Links {
    places: Vec<Option<Box<Link>>>,
    count: usize,
    /// Those with something to do.
    ready: Vec<u32>,
}

impl Links {
    /// The stream with an id.
    #[inline]
    pub(super) fn of(&mut self, id: ConnectionId) -> Option<&mut Link> {
        self.places.get_mut(id.index as usize)?.as_deref_mut().filter(|link| link.id == id)
    }

    /// Where frames to a stream go; it is sent to in this turn.
    #[inline]
    pub(super) fn outbox(&mut self, id: ConnectionId) -> Option<&mut Outbox> {
        self.schedule(id);
        self.of(id).map(|link| &mut link.outbox)
    }

    fn schedule(&mut self, id: ConnectionId) {
        if let Some(link) = self.of(id)
            && !std::mem::replace(&mut link.scheduled, true)
        {
            self.ready.push(id.index);
        }
    }

    /// Number of streams.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether there is something to do.
    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty()
    }

    fn insert(&mut self, id: ConnectionId, now_ns: u64) {
        let index = id.index as usize;
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        let link = Link {
            id,
            chunks: VecDeque::new(),
            partial: Vec::new(),
            outbox: Outbox::default(),
            scheduled: false,
            paused: false,
            blocked: false,
            ended: false,
            closing: false,
            moved_ns: now_ns,
        };
        self.places[index] = Some(Box::new(link));
        self.count += 1;
    }

    fn remove(&mut self, id: ConnectionId) -> Option<Box<Link>> {
        self.of(id)?;
        self.count -= 1;
        self.places[id.index as usize].take()
    }

    /// All streams.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.places.iter().filter_map(|place| place.as_deref())
    }
}

impl Link {
    /// The next whole frame or frames: bytes in one piece, and how much of the first chunk they take.
    fn next(&mut self) -> Result<Option<Whole>, FrameError> {
        let Some(chunk) = self.chunks.front_mut() else { return Ok(None) };
        if self.partial.is_empty()
            && length_in_stream(chunk.filled())?.is_some_and(|len| len <= chunk.filled().len())
        {
            return Ok(self.chunks.pop_front().map(Whole::Chunk));
        }
        self.fill_partial()
    }

    /// Moves bytes of the first chunk behind those of the frame that an earlier one has cut.
    fn fill_partial(&mut self) -> Result<Option<Whole>, FrameError> {
        let Some(chunk) = self.chunks.front_mut() else { return Ok(None) };
        // At first as much as tells the length.
        let wanted = length_in_stream(&self.partial)?.unwrap_or(LENGTH_KNOWN_BYTES);
        let count = chunk.filled().len().min(wanted - self.partial.len());
        self.partial.extend_from_slice(&chunk.filled()[..count]);
        chunk.consume(count);
        let is_whole = length_in_stream(&self.partial)? == Some(self.partial.len());
        Ok(Some(if is_whole { Whole::Frame(std::mem::take(&mut self.partial)) } else { Whole::Nothing }))
    }

    fn drop_empty(&mut self, pool: &mut ChunkPool) {
        while self.chunks.front().is_some_and(|chunk| chunk.filled().is_empty()) {
            self.chunks.pop_front().into_iter().for_each(|chunk| pool.give(chunk));
        }
    }

    /// Whether nothing is left to do for it.
    fn is_done(&self) -> bool {
        (self.closing || (self.ended && self.chunks.is_empty())) && self.outbox.is_empty()
    }
}

/// What of a stream can be decoded.
enum Whole {
    /// A chunk that begins with a whole frame.
    Chunk(Chunk),
    /// One frame that was cut.
    Frame(Vec<u8>),
    /// Nothing yet, though bytes were taken.
    Nothing,
}

impl Shard {
    /// Takes a new stream.
    pub(crate) fn open_link(&mut self, id: ConnectionId) {
        let is_full = self.connections_of_all() >= self.settings.limits.connections_max;
        self.engine.counters.add(if is_full { Counter::Refused } else { Counter::Accepted }, 1);
        if is_full {
            return self.streams.close(id);
        }
        self.native.links.insert(id, self.now.mono_ns);
    }

    /// Takes a chunk of a stream, if it is one of these.
    pub(crate) fn receive_link(&mut self, id: ConnectionId, chunk: Chunk) -> Option<Chunk> {
        let Some(link) = self.native.links.of(id) else { return Some(chunk) };
        link.moved_ns = self.now.mono_ns;
        link.chunks.push_back(chunk);
        if link.chunks.len() >= INPUT_CHUNKS_MAX && !link.paused {
            link.paused = true;
            self.streams.pause(id);
        }
        self.native.links.schedule(id);
        None
    }

    /// The peer of a stream takes bytes again.
    pub(crate) fn unblock_link(&mut self, id: ConnectionId) {
        if let Some(link) = self.native.links.of(id) {
            link.blocked = false;
            self.native.links.schedule(id);
        }
    }

    /// The peer of a stream sends no more.
    pub(crate) fn end_link(&mut self, id: ConnectionId) {
        if let Some(link) = self.native.links.of(id) {
            link.ended = true;
            self.native.links.schedule(id);
        }
    }

    /// Closes a stream. Its sessions live on: their clients may come back.
    pub(crate) fn close_link(&mut self, id: ConnectionId) {
        if let Some(mut link) = self.native.links.remove(id) {
            self.streams.close(id);
            link.outbox.clear(&mut self.pool, drop);
            link.chunks.drain(..).for_each(|chunk| self.pool.give(chunk));
        }
    }

    /// Decodes and executes what streams have brought.
    pub(crate) fn run_links(&mut self) {
        for position in 0..self.native.links.ready.len() {
            let index = self.native.links.ready[position];
            let link = self.native.links.places.get(index as usize).and_then(Option::as_ref);
            if let Some(id) = link.map(|link| link.id) {
                self.run_link(id);
            }
        }
    }

    fn run_link(&mut self, id: ConnectionId) {
        while self.takes_replies(id)
            && let Some(link) = self.native.links.of(id)
            && !link.closing
        {
            match link.next() {
                Ok(None) => break,
                Ok(Some(Whole::Nothing)) => {}
                Ok(Some(Whole::Frame(frame))) => drop(self.take_frames(Path::Stream(id), &frame)),
                Ok(Some(Whole::Chunk(mut chunk))) => {
                    let taken = self.take_frames(Path::Stream(id), chunk.filled());
                    chunk.consume(taken);
                    match self.native.links.of(id) {
                        Some(link) => link.chunks.push_front(chunk),
                        None => self.pool.give(chunk),
                    }
                }
                Err(error) => self.refuse_frame(Path::Stream(id), error),
            }
            if let Some(link) = self.native.links.of(id) {
                link.drop_empty(&mut self.pool);
                if link.paused && link.chunks.len() < INPUT_CHUNKS_MAX {
                    link.paused = false;
                    self.streams.resume(id);
                }
            }
        }
    }

    /// Whether the replies to another request on a stream find room.
    pub(super) fn takes_replies(&mut self, id: ConnectionId) -> bool {
        self.pool.may_reply()
            && self.native.links.of(id).is_none_or(|link| link.outbox.left_bytes() < OUTPUT_BYTES_SOFT)
    }

    /// A stream whose bytes are no frames is read no further.
    pub(super) fn break_link(&mut self, id: ConnectionId) {
        if let Some(link) = self.native.links.of(id) {
            link.closing = true;
        }
    }

    /// Sends what is due to streams.
    pub(crate) fn send_links(&mut self) {
        let mut left_bytes = TURN_SENT_BYTES_MAX as u64;
        for index in std::mem::take(&mut self.native.links.ready) {
            let Some(link) = self.native.links.places.get_mut(index as usize).and_then(Option::as_deref_mut)
            else {
                continue;
            };
            link.scheduled = false;
            let id = link.id;
            if left_bytes == 0 {
                self.native.links.schedule(id);
                continue;
            }
            left_bytes = left_bytes.saturating_sub(self.send_link(id));
        }
    }

    fn send_link(&mut self, id: ConnectionId) -> u64 {
        let Some(link) = self.native.links.of(id) else { return 0 };
        let before = link.outbox.left_bytes();
        let sending = match (link.blocked, before) {
            (true, _) => return 0,
            (false, 0) => Sending::Done,
            _ => self.streams.send(id, &mut link.outbox, &mut self.pool),
        };
        let sent_bytes = before - link.outbox.left_bytes();
        if sent_bytes > 0 {
            link.moved_ns = self.now.mono_ns;
        }
        let (done, goes_on) = (link.is_done(), !link.closing && !link.chunks.is_empty());
        match sending {
            Sending::Blocked => link.blocked = true,
            Sending::Sliced => self.native.links.schedule(id),
            Sending::Lost => self.close_link(id),
            Sending::Done if done => self.close_link(id),
            Sending::Done if goes_on => self.native.links.schedule(id),
            Sending::Done => {}
        }
        self.turn_bytes += sent_bytes;
        self.engine.counters.add(Counter::SentBytes, sent_bytes);
        sent_bytes
    }

    /// Closes streams whose peers take nothing for too long, or send no more of a frame that they began.
    pub(crate) fn close_stalled_links(&mut self) {
        let now_ns = self.now.mono_ns;
        let waits = |link: &&Link| {
            (link.blocked || !link.partial.is_empty()) && now_ns.saturating_sub(link.moved_ns) > STALL_NS_MAX
        };
        let stalled: Vec<ConnectionId> = self.native.links.iter().filter(waits).map(|link| link.id).collect();
        for id in stalled {
            self.engine.counters.add(Counter::Evicted, 1);
            self.close_link(id);
        }
    }

    /// Closes the stream that takes least of its replies, when there is no room for more. Whether there was one.
    pub(crate) fn relieve_links(&mut self) -> bool {
        let blocked = self.native.links.iter().filter(|link| link.blocked);
        let goes = blocked.max_by_key(|link| link.outbox.left_bytes()).map(|link| link.id);
        goes.into_iter().for_each(|id| {
            self.engine.counters.add(Counter::Evicted, 1);
            self.close_link(id);
        });
        goes.is_some()
    }
}

const _: () = assert!(FRAME_BYTES_MAX <= adit_drivers::chunk::CHUNK_BYTES);
