//! What a connection has received and not executed: lent chunks, and the request that does not fit in one.
//!
//! Requests that lie whole in a chunk are decoded where they are. One that is cut by the end of its chunk, or typed
//! inline, is put together in an assembly; its large argument goes straight into a chain of blocks.

use std::collections::VecDeque;

use adit_drivers::chunk::{Chunk, ChunkPool};
use adit_store::kv::{Chain, Store, StoreError};
use adit_wire::resp::inline;
use adit_wire::resp::request::{Progress, ProtocolError, Span, Step};

use crate::settings::{INPUT_CHUNKS_MAX, REQUEST_BYTES_MAX};

/// The input of one connection.
#[derive(Default)]
pub struct Intake {
    chunks: VecDeque<Chunk>,
    assembly: Option<Box<Assembly>>,
}

/// A request in the making.
#[derive(Default)]
struct Assembly {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    progress: Progress,
    larges: Vec<Large>,
    /// Bytes of the large arguments.
    large_bytes: u64,
    whole: bool,
}

/// A large argument of a request.
struct Large {
    argument: usize,
    chain: Chain,
    left_bytes: u64,
    /// The memory was full: the rest is taken off the stream and dropped.
    failed: bool,
}

/// What a request may take.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// Bytes on the heap.
    pub heap_bytes: usize,
    /// Bytes in all, its large argument counted.
    pub request_bytes: u64,
    /// Bytes of its large argument.
    pub argument_bytes: u64,
    /// It is made by who has not said the password.
    pub is_strangers: bool,
}

/// What decoding came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A whole request. Its spans were appended; it ends `end` bytes into [`Intake::bytes`].
    Request {
        /// Where the next request begins.
        end: usize,
    },
    /// No whole request is there. More must be received.
    Nothing,
    /// The bytes are no request.
    Broken(ProtocolError),
}

impl Intake {
    /// Takes a lent chunk. Says whether the connection has to be paused.
    pub fn receive(&mut self, chunk: Chunk) -> bool {
        self.chunks.push_back(chunk);
        self.is_full()
    }

    /// Whether no more chunks should come.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.chunks.len() >= INPUT_CHUNKS_MAX
    }

    /// Whether there are bytes that were not looked at.
    #[inline]
    pub fn has_input(&self) -> bool {
        !self.chunks.is_empty()
    }

    /// Whether there may be a request to be executed.
    #[inline]
    pub fn may_have_request(&self) -> bool {
        self.has_input() || self.assembly.as_ref().is_some_and(|assembly| assembly.whole)
    }

    /// Whether a request has begun and not ended.
    pub fn is_cut(&self) -> bool {
        self.assembly.as_ref().is_some_and(|assembly| !assembly.whole)
    }

    /// The bytes that spans count in: of the assembled request, else of the first chunk.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.assembly {
            Some(assembly) => &assembly.bytes,
            None => self.chunks.front().map_or(&[], Chunk::filled),
        }
    }

    /// Bytes that were received and not consumed, and the room behind them that is kept for more.
    pub fn held_bytes(&self) -> (usize, usize) {
        let assembled = self.assembly.as_ref().map_or(0, |assembly| assembly.bytes.len());
        let filled: usize = self.chunks.iter().map(|chunk| chunk.filled().len()).sum();
        (assembled + filled, self.chunks.iter().map(Chunk::spare_bytes).sum())
    }

    /// Bytes that an unfinished request takes on the heap.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        self.assembly.as_deref().map_or(0, Assembly::heap_bytes)
    }

    /// Decodes the request that begins `start` bytes into the first chunk, if it lies there whole. Once one was
    /// found, call [`Intake::assemble`] only after it was executed and consumed.
    #[inline]
    pub fn decode(&mut self, start: usize, is_strangers: bool, spans: &mut Vec<Span>) -> Found {
        if self.assembly.is_some() {
            return Found::Nothing;
        }
        let Some(chunk) = self.chunks.front() else { return Found::Nothing };
        let first_span = spans.len();
        let mut progress = Progress::at(start);
        match progress.decode(chunk.filled(), spans) {
            Ok(Step::Whole) if is_strangers => {
                match progress.judge_stranger(chunk.filled(), &spans[first_span..]) {
                    Ok(()) => Found::Request { end: progress.position },
                    Err(error) => Found::Broken(error),
                }
            }
            Ok(Step::Whole) => Found::Request { end: progress.position },
            Ok(Step::More | Step::Large { .. } | Step::Inline) => {
                spans.truncate(first_span);
                Found::Nothing
            }
            Err(error) => {
                spans.truncate(first_span);
                Found::Broken(error)
            }
        }
    }

    /// Puts the next request together from what was received, within what it may take. An assembled request is whole:
    /// it ends at 0, as nothing else lies in its bytes.
    pub fn assemble(
        &mut self,
        allowance: &Allowance,
        spans: &mut Vec<Span>,
        store: &mut Store,
        pool: &mut ChunkPool,
    ) -> Found {
        while !self.assembly.as_ref().is_some_and(|assembly| assembly.whole) {
            let Some(chunk) = self.chunks.front_mut() else { return Found::Nothing };
            let assembly = self.assembly.get_or_insert_default();
            let taken = assembly.take(chunk.filled(), allowance, store);
            let ended = taken.map(|count| {
                chunk.consume(count);
                chunk.filled().is_empty()
            });
            match ended {
                Ok(true) => self.chunks.pop_front().into_iter().for_each(|chunk| pool.give(chunk)),
                Ok(false) => {}
                Err(error) => return Found::Broken(error),
            }
        }
        spans.extend(self.assembly.iter().flat_map(|assembly| &assembly.spans));
        Found::Request { end: 0 }
    }

    /// Bytes of the arguments that are large.
    #[inline]
    pub fn large_bytes(&self) -> u64 {
        self.assembly.as_ref().map_or(0, |assembly| assembly.large_bytes)
    }

    /// The arguments that are large, which only an assembled request has.
    #[inline]
    pub fn large_arguments(&self) -> impl Iterator<Item = usize> {
        self.assembly.iter().flat_map(|assembly| &assembly.larges).map(|large| large.argument)
    }

    /// Takes the blocks of the large arguments, with their places.
    ///
    /// # Errors
    /// [`StoreError::OutOfMemory`] if some were dropped because the memory was full.
    #[inline]
    pub fn take_larges(&mut self) -> Result<Vec<(usize, Chain)>, StoreError> {
        let Some(assembly) = &mut self.assembly else { return Ok(Vec::new()) };
        if assembly.larges.iter().any(|large| large.failed) {
            return Err(StoreError::OutOfMemory);
        }
        let take = |large: &mut Large| (large.argument, std::mem::take(&mut large.chain));
        Ok(assembly.larges.iter_mut().map(take).collect())
    }

    /// Drops what was executed: the assembled request, or the first `end` bytes of the first chunk.
    #[inline]
    pub fn consume(&mut self, end: usize, store: &mut Store, pool: &mut ChunkPool) {
        if let Some(assembly) = self.assembly.take() {
            assembly.drop_larges(store);
        } else if let Some(chunk) = self.chunks.front_mut() {
            chunk.consume(end);
            if chunk.filled().is_empty() {
                self.chunks.pop_front().into_iter().for_each(|chunk| pool.give(chunk));
            }
        }
    }

    /// Drops everything.
    pub fn clear(&mut self, store: &mut Store, pool: &mut ChunkPool) {
        self.chunks.drain(..).for_each(|chunk| pool.give(chunk));
        if let Some(assembly) = self.assembly.take() {
            assembly.drop_larges(store);
        }
    }
}

impl Assembly {
    fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.larges.capacity() * size_of::<Large>()
    }

    /// Takes bytes off the stream, at least one, and says how many. What lies behind the request is not taken.
    fn take(
        &mut self,
        stream: &[u8],
        allowance: &Allowance,
        store: &mut Store,
    ) -> Result<usize, ProtocolError> {
        if let Some(large) = self.larges.last_mut()
            && large.left_bytes > 0
        {
            let count = large.take(stream, store);
            if large.left_bytes == 0 {
                self.progress.end_large(&mut self.spans);
            }
            return Ok(count);
        }
        let before = self.bytes.len();
        if before + stream.len() > REQUEST_BYTES_MAX
            || self.heap_bytes() + stream.len() > allowance.heap_bytes
        {
            return Err(ProtocolError::TooBigRequest);
        }
        if (before + stream.len()) as u64 + self.large_bytes > allowance.request_bytes {
            return Err(ProtocolError::TooBigForLimit);
        }
        // Grown by a quarter, not doubled: the heap of a shard is small.
        if self.bytes.capacity() - before < stream.len() {
            self.bytes.reserve_exact(stream.len().max(before / 4));
        }
        self.bytes.extend_from_slice(stream);
        let step = self.progress.decode(&self.bytes, &mut self.spans)?;
        if allowance.is_strangers && step != Step::Inline {
            self.progress.judge_stranger(&self.bytes, &self.spans)?;
        }
        match step {
            Step::More => Ok(stream.len()),
            Step::Whole => {
                self.whole = true;
                Ok(self.keep_decoded(before))
            }
            Step::Large { len_bytes } => {
                if allowance.is_strangers {
                    return Err(ProtocolError::StrangersBulk);
                }
                if len_bytes > allowance.argument_bytes {
                    return Err(ProtocolError::InvalidBulkLength);
                }
                self.large_bytes += len_bytes;
                if self.bytes.len() as u64 + self.large_bytes > allowance.request_bytes {
                    return Err(ProtocolError::TooBigForLimit);
                }
                let (argument, chain) = (self.spans.len(), Chain::default());
                self.larges.push(Large { argument, chain, left_bytes: len_bytes, failed: false });
                Ok(self.keep_decoded(before))
            }
            Step::Inline => self.take_line(before, stream.len()),
        }
    }

    /// Forgets bytes behind the decoded ones; says how many of those appended after `before` are left.
    fn keep_decoded(&mut self, before: usize) -> usize {
        self.bytes.truncate(self.progress.position);
        self.progress.position - before
    }

    /// An inline request: its line becomes an array.
    fn take_line(&mut self, before: usize, count: usize) -> Result<usize, ProtocolError> {
        let mut array = Vec::new();
        let Some(end) = inline::rewrite(&self.bytes, &mut array)? else { return Ok(count) };
        self.bytes = array;
        let step = self.progress.decode(&self.bytes, &mut self.spans)?;
        assert_eq!(step, Step::Whole, "a rewritten line is a whole request");
        self.whole = true;
        Ok(end - before)
    }

    fn drop_larges(self, store: &mut Store) {
        self.larges.into_iter().for_each(|large| store.drop_chain(large.chain));
    }
}

impl Large {
    fn take(&mut self, stream: &[u8], store: &mut Store) -> usize {
        let count = usize::try_from(self.left_bytes).map_or(stream.len(), |left| left.min(stream.len()));
        if !self.failed && store.extend_chain(&mut self.chain, &stream[..count]).is_err() {
            self.failed = true;
            store.drop_chain(std::mem::take(&mut self.chain));
        }
        self.left_bytes -= count as u64;
        count
    }
}
