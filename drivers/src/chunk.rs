//! Chunks: the buffers that carry stream bytes in both directions, and the pool that bounds them.
//!
//! A driver receives into a chunk and lends it to the shard; the shard gives it back to the pool when the bytes
//! are consumed. The shard writes replies into chunks of the same pool; the driver gives those back when sent.

/// Bytes of one chunk: a pipeline of 64 small requests fits, and 10,000 of them stay below 160 MiB.
pub const CHUNK_BYTES: usize = 16 << 10;

/// A buffer with the range of it that holds bytes not yet consumed.
pub struct Chunk {
    bytes: Box<[u8; CHUNK_BYTES]>,
    start: usize,
    end: usize,
    direction: Direction,
}

/// What a chunk was taken for. Each direction has half of the pool, so that neither can starve the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Input,
    Output,
}

impl Chunk {
    fn new() -> Self {
        let zeroes = vec![0; CHUNK_BYTES].into_boxed_slice();
        let Ok(bytes) = zeroes.try_into() else { unreachable!("the length is CHUNK_BYTES") };
        Self { bytes, start: 0, end: 0, direction: Direction::Output }
    }

    /// The bytes that were written and not yet consumed.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Room behind the filled bytes; report what was written there with [`Chunk::extend`].
    #[inline]
    pub fn spare_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.end..]
    }

    /// Bytes of room behind the filled ones.
    #[inline]
    pub fn spare_bytes(&self) -> usize {
        CHUNK_BYTES - self.end
    }

    /// Counts `written_bytes` of the spare room as filled.
    ///
    /// # Panics
    /// If there was less room than that.
    #[inline]
    pub fn extend(&mut self, written_bytes: usize) {
        assert!(written_bytes <= self.spare_bytes(), "a chunk was overfilled");
        self.end += written_bytes;
    }

    /// Drops `consumed_bytes` from the front of the filled ones.
    ///
    /// # Panics
    /// If fewer were filled.
    #[inline]
    pub fn consume(&mut self, consumed_bytes: usize) {
        assert!(consumed_bytes <= self.end - self.start, "a chunk was overdrawn");
        self.start += consumed_bytes;
    }
}

/// The chunks of one shard. The most recently returned chunk is handed out first: it is still in the cache.
pub struct ChunkPool {
    free: Vec<Chunk>,
    input_count: usize,
    output_count: usize,
    limit_count: usize,
}

impl ChunkPool {
    /// A pool of `limit_bytes`, allocated as it is used.
    pub fn new(limit_bytes: u64) -> Self {
        let limit_count = usize::try_from(limit_bytes / CHUNK_BYTES as u64).unwrap_or(usize::MAX);
        Self { free: Vec::new(), input_count: 0, output_count: 0, limit_count: limit_count.max(CHUNKS_MIN) }
    }

    /// Whether there is a chunk to receive into.
    #[inline]
    pub fn may_receive(&self) -> bool {
        self.input_count < self.limit_count / 2
    }

    /// Whether a shard may execute more requests: their replies will find chunks, the named reserve included.
    #[inline]
    pub fn may_reply(&self) -> bool {
        self.output_count + CHUNKS_RESERVE <= self.limit_count / 2
    }

    /// Takes a chunk to receive into; ask [`ChunkPool::may_receive`] first.
    #[inline]
    pub fn take_input(&mut self) -> Chunk {
        self.input_count += 1;
        self.take(Direction::Input)
    }

    /// Takes a chunk for replies. Work that was admitted may go into the reserve, so this does not fail; who admits
    /// work asks [`ChunkPool::may_reply`] first.
    #[inline]
    pub fn take_output(&mut self) -> Chunk {
        self.output_count += 1;
        self.take(Direction::Output)
    }

    #[inline]
    fn take(&mut self, direction: Direction) -> Chunk {
        let mut chunk = self.free.pop().unwrap_or_else(Chunk::new);
        chunk.direction = direction;
        chunk
    }

    /// Gives a chunk back.
    #[inline]
    pub fn give(&mut self, mut chunk: Chunk) {
        match chunk.direction {
            Direction::Input => self.input_count -= 1,
            Direction::Output => self.output_count -= 1,
        }
        chunk.start = 0;
        chunk.end = 0;
        if self.free.len() + self.lent_count() < self.limit_count {
            self.free.push(chunk);
        }
    }

    fn lent_count(&self) -> usize {
        self.input_count + self.output_count
    }

    /// Bytes of the chunks that are lent out now.
    pub fn lent_bytes(&self) -> u64 {
        (self.lent_count() * CHUNK_BYTES) as u64
    }

    /// The limit of the pool in bytes.
    pub fn limit_bytes(&self) -> u64 {
        (self.limit_count * CHUNK_BYTES) as u64
    }
}

/// Chunks kept for work already admitted: a batch of replies of up to 64 KiB each and a burst of receives.
const CHUNKS_RESERVE: usize = 64;
/// Smallest pool: for each direction the reserve and as much again to work with.
const CHUNKS_MIN: usize = 4 * CHUNKS_RESERVE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_filled_and_consumed_in_order() {
        let mut pool = ChunkPool::new(0);
        let mut chunk = pool.take_input();
        chunk.spare_mut()[..3].copy_from_slice(b"abc");
        chunk.extend(3);
        chunk.consume(1);
        assert_eq!(chunk.filled(), b"bc");
        assert_eq!(chunk.spare_bytes(), CHUNK_BYTES - 3);
        pool.give(chunk);
        assert_eq!(pool.take_output().filled(), b"", "a returned chunk comes back empty");
    }

    #[test]
    fn input_cannot_take_what_replies_need_nor_the_other_way() {
        let mut pool = ChunkPool::new(0);
        let mut lent = Vec::new();
        while pool.may_receive() {
            lent.push(pool.take_input());
        }
        assert!(pool.may_reply());
        while pool.may_reply() {
            lent.push(pool.take_output());
        }
        assert_eq!(lent.len(), CHUNKS_MIN / 2 + CHUNKS_MIN / 2 - CHUNKS_RESERVE + 1);
        pool.give(lent.pop().unwrap());
        assert!(pool.may_reply() && !pool.may_receive());
        pool.give(lent.remove(0));
        assert!(pool.may_receive());
        lent.into_iter().for_each(|chunk| pool.give(chunk));
        assert_eq!(pool.lent_bytes(), 0);
    }
}
