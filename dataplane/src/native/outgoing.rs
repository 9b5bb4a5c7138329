//! Frames on their way out: to a port in trains, or into the outbox of a stream.

use std::net::SocketAddr;

use adit_drivers::chunk::ChunkPool;
use adit_drivers::port::Mbuf;
use adit_drivers::tail::{BlockPin, Tail};
use adit_wire::native::{FRAME_BYTES_MAX, HEADER_BYTES, Header};

use super::links::Links;
use super::path::Path;
use super::session::{Kept, Session};
use crate::port::Port;
use crate::settings::{TAIL_BYTES_MIN, TURN_SENT_BYTES_MAX, TX_TRAINS_MAX};

/// The datagram port of an interface, and the trains that wait for it.
pub(super) struct Exit {
    pub(super) port: Port,
    /// Something may have come in.
    pub(super) is_ready: bool,
    list: Vec<Mbuf>,
    /// Datagrams that found no room: their clients ask again.
    pub(super) dropped: u64,
}

/// Where frames are encoded to.
pub(super) struct Outgoing<'a> {
    /// Of each interface.
    pub(super) exits: &'a mut [Option<Exit>],
    /// Bytes that went to ports in this turn.
    pub(super) turn_bytes: &'a mut u64,
    pub(super) links: &'a mut Links,
    pub(super) pool: &'a mut ChunkPool,
}

impl Exit {
    /// A port of which nothing is known yet.
    pub(super) fn new(port: Port) -> Self {
        Self { port, is_ready: true, list: Vec::new(), dropped: 0 }
    }

    /// Room for a datagram, unless too many wait and the device takes none.
    #[inline]
    fn room(&mut self, peer: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        let fits = self.list.last().is_some_and(|last| last.peer() == peer && last.takes(len_bytes));
        if !fits {
            let Some(train) = self.begin(peer) else {
                self.dropped += 1;
                return None;
            };
            self.list.push(train);
        }
        let room = self.list.last_mut()?.push(len_bytes);
        self.dropped += u64::from(room.is_none());
        room
    }

    /// An empty train. Where no buffer is left, those that wait are transmitted first.
    fn begin(&mut self, peer: SocketAddr) -> Option<Mbuf> {
        if self.list.len() < TX_TRAINS_MAX
            && let Some(train) = self.port.mempool().take(peer)
        {
            return Some(train);
        }
        self.transmit();
        if self.list.len() < TX_TRAINS_MAX { self.port.mempool().take(peer) } else { None }
    }

    /// Lets the datagram that room was made for last end with bytes that lie elsewhere.
    fn end_with(&mut self, tail: Tail) {
        if let Some(last) = self.list.last_mut() {
            last.set_tail(tail);
        }
    }

    /// Transmits as much as the device takes.
    pub(super) fn transmit(&mut self) {
        if !self.list.is_empty() {
            self.port.tx_burst(&mut self.list);
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl Outgoing<'_> {
    /// Sends a frame whose segment of `len_bytes` is written by `write`. Where there is no room it is dropped: a port
    /// loses datagrams, and so does what comes before it. Whether there was room.
    #[inline]
    pub(super) fn frame(
        &mut self,
        to: Path,
        header: &Header,
        len_bytes: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> bool {
        let frame_bytes = HEADER_BYTES + len_bytes;
        match to {
            Path::Datagram(interface, peer) => {
                let Some(Some(exit)) = self.exits.get_mut(usize::from(interface)) else { return false };
                let Some(room) = exit.room(peer, frame_bytes) else { return false };
                *self.turn_bytes += frame_bytes as u64;
                write(&mut room[HEADER_BYTES..]);
                header.seal(room);
            }
            Path::Stream(id) => {
                let Some(outbox) = self.links.outbox(id) else { return false };
                let room = outbox.room(self.pool, frame_bytes);
                write(&mut room[HEADER_BYTES..]);
                header.seal(room);
                outbox.commit(frame_bytes);
            }
        }
        true
    }

    /// Sends a frame to a port that takes tails. The segment has `own_bytes` that are written by `write`, and then those of the
    /// tail, which stay where they are, pinned until the device is done with them.
    fn frame_with_tail(
        &mut self,
        (interface, peer): (u8, SocketAddr),
        header: &Header,
        own_bytes: usize,
        write: impl FnOnce(&mut [u8]),
        tail: Tail,
    ) -> bool {
        let frame_bytes = HEADER_BYTES + own_bytes;
        let Some(Some(exit)) = self.exits.get_mut(usize::from(interface)) else { return false };
        let Some(room) = exit.room(peer, frame_bytes) else { return false };
        *self.turn_bytes += (frame_bytes + tail.len_bytes()) as u64;
        write(&mut room[HEADER_BYTES..]);
        header.seal_with_tail(room, tail.bytes());
        exit.end_with(tail);
        true
    }

    fn takes_tails(&self, to: Path) -> bool {
        let Path::Datagram(interface, _) = to else { return false };
        matches!(self.exits.get(usize::from(interface)), Some(Some(exit)) if exit.port.takes_tails())
    }

    /// Sends up to `count` segments of a reply that is kept, from `offset` on. A port carries so many bytes a turn: what is
    /// beyond them is asked for again. Where the port takes it, the end of a segment is not copied out of its block; what comes
    /// before it is, such as the end of another block.
    pub(super) fn segments(&mut self, to: Path, reply: &Header, kept: &Kept, frame_bytes: usize, count: u16) {
        let (total, mut offset) = (kept.body.len_bytes(), u64::from(reply.offset));
        let takes_tails = self.takes_tails(to);
        let mut pin: Option<BlockPin> = None;
        for _ in 0..count.max(1) {
            let len = segment_bytes(frame_bytes).min(usize::try_from(total - offset).unwrap_or(usize::MAX));
            let header = Header { offset: u32::try_from(offset).unwrap_or(u32::MAX), ..*reply };
            let tail = if takes_tails { kept.body.tail(offset, len) } else { None };
            let copy = |segment: &mut [u8]| kept.body.copy(offset, segment);
            let went = match (to, tail) {
                (Path::Datagram(interface, peer), Some((block, range))) if range.len() >= TAIL_BYTES_MIN => {
                    let own_bytes = len - range.len();
                    // Segments of the same block share a handle.
                    let pinned = pin.take().filter(|pin| pin.pins(block));
                    let pinned = pin.insert(pinned.unwrap_or_else(|| BlockPin::new(block.clone())));
                    let tail = pinned.tail(range);
                    self.frame_with_tail((interface, peer), &header, own_bytes, copy, tail)
                }
                _ => self.frame(to, &header, len, copy),
            };
            offset += len as u64;
            if offset >= total || !went || *self.turn_bytes > TURN_SENT_BYTES_MAX as u64 {
                return;
            }
        }
    }
}

impl Session {
    /// The longest frame of its path.
    #[inline]
    pub(super) fn frame_bytes_of(&self, path: Path) -> usize {
        match path {
            Path::Datagram(..) => self.frame_bytes,
            Path::Stream(_) => FRAME_BYTES_MAX,
        }
    }
}

/// Bytes of a body that a frame carries.
#[inline]
pub(super) fn segment_bytes(frame_bytes: usize) -> usize {
    frame_bytes - HEADER_BYTES
}
