//! The body of a reply that is kept until it is acknowledged: bytes of its own and pinned values, in order.

use adit_drivers::memory::BLOCK_BYTES;
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
    }
}
