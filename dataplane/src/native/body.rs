//! The body of a reply that is kept until it is acknowledged: bytes of its own and pinned values, in order.

use std::ops::Range;

use adit_drivers::memory::{BLOCK_BYTES, Block};
use adit_store::kv::ChainSlice;

/// A body.
#[derive(Default)]
pub(crate) struct Body {
    parts: Vec<Part>,
    len_bytes: u64,
    pinned_bytes: u64,
}

enum Part {
    Bytes(Box<[u8]>),
    Blocks(ChainSlice),
}

impl Body {
    /// A body of these bytes.
    pub(crate) fn of(bytes: impl Into<Box<[u8]>>) -> Self {
        let mut body = Self::default();
        body.push(bytes);
        body
    }

    /// Appends bytes.
    pub(crate) fn push(&mut self, bytes: impl Into<Box<[u8]>>) {
        let bytes = bytes.into();
        self.len_bytes += bytes.len() as u64;
        self.parts.push(Part::Bytes(bytes));
    }

    /// Appends a value, pinned.
    pub(crate) fn pin(&mut self, value: ChainSlice) {
        self.len_bytes += value.len_bytes();
        self.pinned_bytes += value.len_bytes();
        self.parts.push(Part::Blocks(value));
    }

    /// Its length.
    pub(crate) fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// Bytes of it that lie in blocks of the store.
    pub(crate) fn pinned_bytes(&self) -> u64 {
        self.pinned_bytes
    }

    /// Bytes of it that lie on the heap.
    pub(crate) fn heap_bytes(&self) -> u64 {
        self.len_bytes - self.pinned_bytes
    }

    /// Copies the bytes from `offset` on, as many as `out` takes.
    ///
    /// # Panics
    /// If there are fewer.
    pub(crate) fn copy(&self, offset: u64, mut out: &mut [u8]) {
        let mut skip = offset;
        for part in &self.parts {
            if out.is_empty() {
                return;
            }
            let len = part.len_bytes();
            if skip >= len {
                skip -= len;
                continue;
            }
            let count = usize::try_from(len - skip).map_or(out.len(), |left| left.min(out.len()));
            let (now, later) = out.split_at_mut(count);
            part.copy(skip, now);
            (out, skip) = (later, 0);
        }
        assert!(out.is_empty(), "a body is shorter than what is copied of it");
    }

    /// Where the end of the `len_bytes` from `offset` on lies, as far as one block has it; nothing if the last byte is in none.
    pub(crate) fn tail(&self, offset: u64, len_bytes: usize) -> Option<(&Block, Range<usize>)> {
        let end = offset + len_bytes as u64;
        let mut start = 0;
        for part in &self.parts {
            let next = start + part.len_bytes();
            if end <= next {
                let Part::Blocks(value) = part else { return None };
                return tail_of_blocks(value, offset.saturating_sub(start), end - start.min(end));
            }
            start = next;
        }
        None
    }
}

impl Part {
    fn len_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blocks(value) => value.len_bytes(),
        }
    }

    fn copy(&self, offset: u64, out: &mut [u8]) {
        match self {
            Self::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                out.copy_from_slice(&bytes[start..start + out.len()]);
            }
            Self::Blocks(value) => copy_blocks(value, offset, out),
        }
    }
}

fn copy_blocks(value: &ChainSlice, offset: u64, mut out: &mut [u8]) {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let mut at = place(value.start_bytes() + offset);
    while !out.is_empty() {
        let block = &value.blocks()[at / BLOCK_BYTES];
        let run = &block[at % BLOCK_BYTES..];
        let count = run.len().min(out.len());
        let (now, later) = out.split_at_mut(count);
        now.copy_from_slice(&run[..count]);
        (out, at) = (later, at + count);
    }
}

/// Where the end of the bytes from `first` to `end` of a value lies, as far as one block has it.
fn tail_of_blocks(value: &ChainSlice, first: u64, end: u64) -> Option<(&Block, Range<usize>)> {
    let place = |at: u64| usize::try_from(value.start_bytes() + at).ok();
    let (first, end) = (place(first)?, place(end)?);
    let index = end.checked_sub(1)? / BLOCK_BYTES;
    let block_start = index * BLOCK_BYTES;
    let range = first.max(block_start) - block_start..end - block_start;
    Some((value.blocks().get(index)?, range)).filter(|(_, range)| !range.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_drivers::memory::{Arena, Lines};
    use adit_store::kv::{Chain, Store};

    #[test]
    fn any_part_of_a_body_is_copied() {
        let mut store =
            Store::new(Arena::new(4 << 20, false).unwrap(), Lines::new(1 << 20, false).unwrap(), 1);
        let value: Vec<u8> = (0..BLOCK_BYTES * 2 + 100).map(|at| at.to_le_bytes()[at % 2]).collect();
        let mut chain = Chain::new();
        store.extend_chain(&mut chain, &value).unwrap();
        let mut body = Body::of(*b"head");
        body.pin(chain.slice(10, chain.len_bytes() - 10));
        body.push(*b"tail");
        let plain = [b"head", &value[10..], b"tail"].concat();
        assert_eq!(body.len_bytes(), plain.len() as u64);
        for (offset, len) in [
            (0, 3),
            (2, 10),
            (4, BLOCK_BYTES),
            (100, BLOCK_BYTES + 50),
            (plain.len() - 6, 6),
            (plain.len(), 0),
        ] {
            let mut out = vec![0; len];
            body.copy(offset as u64, &mut out);
            assert_eq!(out, &plain[offset..offset + len], "{len} bytes from {offset}");
        }
        // Blocks end at 4 + 65,526 and 65,536 bytes later; the value at `plain.len() - 4`.
        let first_end = 4 + BLOCK_BYTES - 10;
        let value_end = plain.len() - 4;
        for (offset, len, expected) in [
            (0, 4, None),
            (0, 5, Some(1)),
            (3, 1, None),
            (4, 0, None),
            (4, 100, Some(100)),
            (1000, 1001, Some(1001)),
            (first_end - 100, 100, Some(100)),
            (first_end - 100, 101, Some(1)),
            (first_end - 100, 300, Some(200)),
            (first_end, 300, Some(300)),
            (10, BLOCK_BYTES + 50, Some(BLOCK_BYTES + 60 - first_end)),
            (value_end - 7, 7, Some(7)),
            (value_end - 7, 8, None),
            (value_end + 1, 2, None),
        ] {
            let found = body.tail(offset as u64, len);
            assert_eq!(found.as_ref().map(|(_, range)| range.len()), expected, "{len} bytes from {offset}");
            if let Some((block, range)) = found {
                assert_eq!(block[range.clone()], plain[offset + len - range.len()..offset + len]);
            }
        }
    }
}
