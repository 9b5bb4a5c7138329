//! Streams that speak the native protocol: frames that chunks cut are put together here.

use std::collections::VecDeque;

use adit_drivers::chunk::{Chunk, ChunkPool};
use adit_drivers::outbox::Outbox;
use adit_drivers::streams::{ConnectionId, Sending};
use adit_wire::native::frame::{LENGTH_KNOWN_BYTES, length_in_stream};
use adit_wire::native::{FRAME_BYTES_MAX, FrameError};

use super::path::Path;
use super::waiting::Origin;
use crate::connections::{Placed, Table};
use crate::settings::{
    INPUT_CHUNKS_MAX, OUTPUT_BYTES_SOFT, STALL_NS_MAX, TURN_REQUESTS_MAX, TURN_SENT_BYTES_MAX,
};
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
    /// Replies that are kept and wait for room in the outbox: whose, and from where on.
    later: VecDeque<(Origin, u32)>,
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
    table: Table<Link>,
    /// Those with something to do.
    ready: Vec<u32>,
    /// Frames that this turn still executes.
    frames_left: usize,
}

impl Placed for Link {
    #[inline]
    fn id(&self) -> ConnectionId {
        self.id
    }
}

impl Links {
    /// The stream with an id.
    #[inline]
    pub(super) fn of(&mut self, id: ConnectionId) -> Option<&mut Link> {
        self.table.of(id)
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

    /// A stream whose bytes are no frames is read no further.
    pub(super) fn end(&mut self, id: ConnectionId) {
        if let Some(link) = self.of(id) {
            link.closing = true;
        }
    }

    /// Whether frames of a stream are still executed.
    pub(super) fn goes_on(&mut self, id: ConnectionId) -> bool {
        self.of(id).is_some_and(|link| !link.closing)
    }

    /// Whether a stream takes more replies.
    #[inline]
    pub(super) fn has_room(&mut self, id: ConnectionId) -> bool {
        self.of(id).is_none_or(|link| link.outbox.left_bytes() < OUTPUT_BYTES_SOFT)
    }

    /// Whether more replies find room on a path; a port loses those that do not.
    pub(super) fn takes(&mut self, path: Path) -> bool {
        match path {
            Path::Stream(id) => self.has_room(id),
            Path::Datagram(..) => true,
        }
    }

    /// Counts a frame that was executed.
    #[inline]
    pub(super) fn count_frame(&mut self) {
        self.frames_left = self.frames_left.saturating_sub(1);
    }

    /// Lets a reply that is kept wait for room.
    pub(super) fn send_later(&mut self, id: ConnectionId, origin: &Origin, offset: u32) {
        if let Some(link) = self.of(id) {
            link.later.push_back((*origin, offset));
        }
    }

    /// The next reply that waits for room, if there is some.
    fn next_later(&mut self, id: ConnectionId) -> Option<(Origin, u32)> {
        if self.has_room(id) { self.of(id)?.later.pop_front() } else { None }
    }

    /// Number of streams.
    pub(crate) fn count(&self) -> usize {
        self.table.count()
    }

    /// Whether there is something to do.
    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty()
    }

    fn insert(&mut self, id: ConnectionId, now_ns: u64) {
        let link = Link {
            id,
            chunks: VecDeque::new(),
            partial: Vec::new(),
            outbox: Outbox::default(),
            later: VecDeque::new(),
            scheduled: false,
            paused: false,
            blocked: false,
            ended: false,
            closing: false,
            moved_ns: now_ns,
        };
        self.table.insert(id, link);
    }

    /// All streams.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.table.iter()
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
        let has_asked = !self.chunks.is_empty() || !self.later.is_empty();
        (self.closing || (self.ended && !has_asked)) && self.outbox.is_empty()
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
        if let Some(mut link) = self.native.links.table.remove(id) {
            self.streams.close(id);
            link.outbox.clear(&mut self.pool, drop);
            link.chunks.drain(..).for_each(|chunk| self.pool.give(chunk));
        }
    }

    /// Decodes and executes what streams have brought.
    pub(crate) fn run_links(&mut self) {
        if self.native.links.ready.is_empty() {
            return;
        }
        self.native.links.frames_left = TURN_REQUESTS_MAX;
        for position in 0..self.native.links.ready.len() {
            let index = self.native.links.ready[position];
            if let Some(id) = self.native.links.table.get(index).map(|link| link.id) {
                self.run_link(id);
            }
        }
    }

    fn run_link(&mut self, id: ConnectionId) {
        while let Some((origin, offset)) = self.native.links.next_later(id) {
            self.send_kept(&origin, offset);
        }
        while self.native.links.frames_left > 0
            && let Some(link) = self.native.links.of(id)
            && !link.closing
            && link.outbox.left_bytes() < OUTPUT_BYTES_SOFT
            && self.pool.may_reply()
        {
            match link.next() {
                Ok(None) => break,
                Ok(Some(Whole::Nothing)) => {}
                Ok(Some(Whole::Frame(frame))) => drop(self.take_frames(id, &frame)),
                Ok(Some(Whole::Chunk(mut chunk))) => {
                    let taken = self.take_frames(id, chunk.filled());
                    chunk.consume(taken);
                    match self.native.links.of(id) {
                        Some(link) => link.chunks.push_front(chunk),
                        None => self.pool.give(chunk),
                    }
                }
                // How long a frame of another version is cannot be known.
                Err(error) => self.refuse_frame(Path::Stream(id), usize::MAX, error),
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

    /// Sends what is due to streams.
    pub(crate) fn send_links(&mut self) {
        if self.native.links.ready.is_empty() {
            return;
        }
        let mut left_bytes = TURN_SENT_BYTES_MAX as u64;
        let mut deferred = Vec::new();
        for index in std::mem::take(&mut self.native.links.ready) {
            let Some(link) = self.native.links.table.get_mut(index) else { continue };
            if left_bytes == 0 {
                deferred.push(index);
                continue;
            }
            link.scheduled = false;
            let id = link.id;
            left_bytes = left_bytes.saturating_sub(self.send_link(id));
        }
        // Those come first in the next turn.
        deferred.append(&mut self.native.links.ready);
        self.native.links.ready = deferred;
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
        let goes_on = !link.later.is_empty() || (!link.closing && !link.chunks.is_empty());
        let done = link.is_done();
        self.watch |= sending == Sending::Blocked || !link.partial.is_empty() || !link.outbox.is_empty();
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

    /// Whether a stream waits for its peer.
    pub(crate) fn watches_links(&self) -> bool {
        self.native.links.iter().any(|link| link.blocked || !link.partial.is_empty())
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

    /// Closes the stream that takes least of its replies, when there is no room for more and it holds more than
    /// `others_bytes`. Whether there was one.
    pub(crate) fn relieve_links(&mut self, others_bytes: u64) -> bool {
        let holds_more = |link: &&Link| link.blocked && link.outbox.left_bytes() > others_bytes;
        let blocked = self.native.links.iter().filter(holds_more);
        let goes = blocked.max_by_key(|link| link.outbox.left_bytes()).map(|link| link.id);
        goes.into_iter().for_each(|id| {
            self.engine.counters.add(Counter::Evicted, 1);
            self.close_link(id);
        });
        goes.is_some()
    }
}

const _: () = assert!(FRAME_BYTES_MAX <= adit_drivers::chunk::CHUNK_BYTES);
