//! What a connection has still to send: bytes in chunks and pinned blocks, in order.

use std::collections::VecDeque;

use crate::chunk::{Chunk, ChunkPool};
use crate::memory::{BLOCK_BYTES, Block};

/// Blocks that are sent from where they lie. They stay pinned, by the handles in here, until every byte of them
/// has left; then the driver gives them back as [`crate::streams::Event::Sent`].
pub struct Pinned {
    blocks: Vec<Block>,
    /// Where they end, in bytes from the start of the first block.
    end_bytes: u64,
    /// Where what is not yet sent begins.
    sent_bytes: u64,
}

impl Pinned {
    /// Pins the first `len_bytes` of `blocks`.
    ///
    /// # Panics
    /// If the blocks do not hold that many.
    pub fn new(blocks: Vec<Block>, len_bytes: u64) -> Self {
        Self::slice(blocks, 0, len_bytes)
    }

    /// Pins `len_bytes` of `blocks` from byte `start_bytes` on.
    ///
    /// # Panics
    /// If the blocks do not hold that many.
    pub fn slice(blocks: Vec<Block>, start_bytes: u64, len_bytes: u64) -> Self {
        let end_bytes = start_bytes.saturating_add(len_bytes);
        assert!(end_bytes <= (blocks.len() * BLOCK_BYTES) as u64, "more bytes than the blocks hold");
        Self { blocks, end_bytes, sent_bytes: start_bytes }
    }

    /// Bytes that are still to be sent.
    pub fn left_bytes(&self) -> u64 {
        self.end_bytes - self.sent_bytes
    }

    /// The runs of bytes that come next, in order.
    pub fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = self.sent_bytes;
        std::iter::from_fn(move || {
            let left = usize::try_from(self.end_bytes - at).ok().filter(|&left| left > 0)?;
            let block = &self.blocks[usize::try_from(at / BLOCK_BYTES as u64).ok()?];
            let start = usize::try_from(at % BLOCK_BYTES as u64).ok()?;
            let run = &block[start..BLOCK_BYTES.min(start + left)];
            at += run.len() as u64;
            Some(run)
        })
    }
}

enum Part {
    Bytes(Chunk),
    Blocks(Pinned),
}

/// The bytes that one connection has still to send.
#[derive(Default)]
pub struct Outbox {
    /// What comes before `tail`.
    queue: VecDeque<Part>,
    /// The chunk that replies are encoded into.
    tail: Option<Chunk>,
    queued_bytes: u64,
}

impl Outbox {
    /// Appends bytes, copied into chunks of `pool`.
    #[inline]
    pub fn write(&mut self, pool: &mut ChunkPool, bytes: &[u8]) {
        if let Some(tail) = &mut self.tail
            && let Some(room) = tail.spare_mut().get_mut(..bytes.len())
        {
            room.copy_from_slice(bytes);
            tail.extend(bytes.len());
            return;
        }
        self.write_across(pool, bytes);
    }

    #[cold]
    fn write_across(&mut self, pool: &mut ChunkPool, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let tail = self.tail.get_or_insert_with(|| pool.take_output());
            let count = bytes.len().min(tail.spare_bytes());
            tail.spare_mut()[..count].copy_from_slice(&bytes[..count]);
            tail.extend(count);
            bytes = &bytes[count..];
            if tail.spare_bytes() == 0 {
                self.close_tail();
            }
        }
    }

    /// A room of `len` contiguous bytes behind what was written; report the bytes used with [`Outbox::commit`].
    ///
    /// # Panics
    /// If `len` is more than a chunk.
    #[inline]
    pub fn room(&mut self, pool: &mut ChunkPool, len: usize) -> &mut [u8] {
        if self.tail.as_ref().is_none_or(|tail| tail.spare_bytes() < len) {
            self.close_tail();
        }
        let tail = self.tail.get_or_insert_with(|| pool.take_output());
        &mut tail.spare_mut()[..len]
    }

    /// Counts `len` bytes of the room as written.
    #[inline]
    pub fn commit(&mut self, len: usize) {
        if let Some(tail) = &mut self.tail {
            tail.extend(len);
        }
    }

    /// Appends pinned blocks.
    pub fn pin(&mut self, pinned: Pinned) {
        self.close_tail();
        self.queued_bytes += pinned.left_bytes();
        self.queue.push_back(Part::Blocks(pinned));
    }

    fn close_tail(&mut self) {
        if let Some(tail) = self.tail.take() {
            self.queued_bytes += tail.filled().len() as u64;
            self.queue.push_back(Part::Bytes(tail));
        }
    }

    /// Whether nothing is left to send.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tail.is_none() && self.queue.is_empty()
    }

    /// Bytes that are still to be sent.
    #[inline]
    pub fn left_bytes(&self) -> u64 {
        self.queued_bytes + self.tail.as_ref().map_or(0, |tail| tail.filled().len() as u64)
    }

    /// The only run there is, if there is one run: the common case, for a driver's shorter call.
    #[inline]
    pub fn single_run(&self) -> Option<&[u8]> {
        if self.queue.is_empty() { self.tail.as_ref().map(Chunk::filled) } else { None }
    }

    /// The runs of bytes to send, in order.
    pub fn runs(&self) -> impl Iterator<Item = &[u8]> {
        self.queue.iter().flat_map(Part::runs).chain(self.tail.iter().map(Chunk::filled))
    }

    /// Takes `sent_bytes` off the front: chunks go back to `pool`, pinned blocks that are done to `done`.
    ///
    /// # Panics
    /// If fewer bytes were left.
    #[inline]
    pub fn advance(&mut self, mut sent_bytes: usize, pool: &mut ChunkPool, mut done: impl FnMut(Pinned)) {
        while let Some(front) = self.queue.front_mut() {
            let step = front.advance(sent_bytes);
            sent_bytes -= step;
            self.queued_bytes -= step as u64;
            if front.left_bytes() > 0 {
                return;
            }
            match self.queue.pop_front() {
                Some(Part::Bytes(chunk)) => pool.give(chunk),
                Some(Part::Blocks(pinned)) => done(pinned),
                None => {}
            }
        }
        let Some(mut tail) = self.tail.take() else {
            return assert!(sent_bytes == 0, "sent more than there was");
        };
        tail.consume(sent_bytes);
        if tail.filled().is_empty() { pool.give(tail) } else { self.tail = Some(tail) }
    }

    /// Drops everything: chunks go back to `pool`, pinned blocks to `done`.
    pub fn clear(&mut self, pool: &mut ChunkPool, mut done: impl FnMut(Pinned)) {
        self.close_tail();
        self.queued_bytes = 0;
        for part in self.queue.drain(..) {
            match part {
                Part::Bytes(chunk) => pool.give(chunk),
                Part::Blocks(pinned) => done(pinned),
            }
        }
    }
}

impl Part {
    fn runs(&self) -> impl Iterator<Item = &[u8]> {
        let (bytes, blocks) = match self {
            Self::Bytes(chunk) => (Some(chunk.filled()), None),
            Self::Blocks(pinned) => (None, Some(pinned.runs())),
        };
        bytes.into_iter().chain(blocks.into_iter().flatten())
    }

    fn left_bytes(&self) -> u64 {
        match self {
            Self::Bytes(chunk) => chunk.filled().len() as u64,
            Self::Blocks(pinned) => pinned.left_bytes(),
        }
    }

    /// Takes up to `sent_bytes` off the front and says how many.
    fn advance(&mut self, sent_bytes: usize) -> usize {
        let step = usize::try_from(self.left_bytes()).map_or(sent_bytes, |left| left.min(sent_bytes));
        match self {
            Self::Bytes(chunk) => chunk.consume(step),
            Self::Blocks(pinned) => pinned.sent_bytes += step as u64,
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Arena, PAGE_BYTES};

    #[test]
    fn a_slice_of_blocks_is_sent_from_its_start_to_its_end() {
        let mut arena = Arena::new(PAGE_BYTES as u64, false).unwrap();
        let blocks: Vec<Block> = (0..3)
            .map(|number| {
                let mut block = arena.block().unwrap();
                block.get_mut().unwrap().fill(number);
                block
            })
            .collect();
        let start = BLOCK_BYTES - 2;
        let len = BLOCK_BYTES + 5;
        let (mut pool, mut outbox) = (ChunkPool::new(PAGE_BYTES as u64), Outbox::default());
        outbox.pin(Pinned::slice(blocks, start as u64, len as u64));
        assert_eq!(outbox.left_bytes(), len as u64);
        let sent: Vec<u8> = outbox.runs().flatten().copied().collect();
        assert_eq!(sent, [vec![0; 2], vec![1; BLOCK_BYTES], vec![2; 3]].concat());
        outbox.advance(len - 2, &mut pool, |_| panic!("two bytes are left"));
        assert!(outbox.runs().flatten().eq(&[2, 2]));
        let mut done = 0;
        outbox.advance(2, &mut pool, |_| done += 1);
        assert!(done == 1 && outbox.is_empty());
    }

    #[test]
    #[should_panic(expected = "more bytes than the blocks hold")]
    fn a_slice_past_the_end_is_refused() {
        drop(Pinned::slice(Vec::new(), 1, 0));
    }
}
