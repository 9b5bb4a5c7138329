//! Requests that are decoded together, so that their keys are fetched from memory together.

use adit_wire::resp::request::Span;

use crate::calls::CommandId;
use crate::plan::{Arguments, Plan};

/// One decoded request.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its connection's place in the table.
    pub connection: u32,
    /// Its first argument in the batch's spans.
    pub first_span: u32,
    /// Its number of arguments.
    pub span_count: u32,
    /// Where its connection's next request begins.
    pub end: usize,
    /// Its command, for those who count.
    pub command: CommandId,
    /// What it will do.
    pub plan: Plan,
    /// The hash of its key, if it has one key.
    pub hash: u64,
    /// The shard that owns its key.
    pub owner: u16,
}

/// A batch: the requests of one round of decoding.
#[derive(Default)]
pub struct Batch {
    /// The requests; those of one connection lie together, in order.
    pub entries: Vec<Entry>,
    /// Where their arguments lie in the bytes of their connections.
    pub spans: Vec<Span>,
}

impl Batch {
    /// Forgets all requests.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.spans.clear();
    }

    /// The spans of a request.
    #[inline]
    pub fn spans_of(&self, entry: &Entry) -> &[Span] {
        &self.spans[entry.first_span as usize..][..entry.span_count as usize]
    }
}

/// The arguments of a request, in the bytes of its connection.
pub struct Slices<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Where the arguments lie in them.
    pub spans: &'a [Span],
}

impl Arguments for Slices<'_> {
    #[inline]
    fn count(&self) -> usize {
        self.spans.len()
    }

    #[inline]
    fn get(&self, index: usize) -> &[u8] {
        self.spans.get(index).map_or(&[], |span| span.of(self.bytes))
    }
}
