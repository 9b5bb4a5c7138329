//! The calls of a transaction: requests with bytes of their own, since the connection that sent them may be gone
//! before they are executed.

use adit_store::kv::{Chain, Store};
use adit_wire::resp::request::Span;

use crate::batch::Slices;
use crate::settings::KEPT_BUFFER_BYTES;

/// Requests in the order they came.
#[derive(Default)]
pub struct Program {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    calls: Vec<Call>,
    /// Arguments in blocks, by the place of their span, in order; taken when they are used.
    chains: Vec<(usize, Option<Chain>)>,
}

#[derive(Clone, Copy)]
struct Call {
    first_span: usize,
    span_count: usize,
}

impl Program {
    /// Adds a request: its arguments lie at `spans` of `bytes`; those in blocks come with their place among them.
    pub fn push(&mut self, bytes: &[u8], spans: &[Span], chains: impl Iterator<Item = (usize, Chain)>) {
        let first_span = self.spans.len();
        for span in spans {
            let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
            self.bytes.extend_from_slice(span.of(bytes));
            self.spans.push(Span { start, len: span.len });
        }
        self.chains.extend(chains.map(|(argument, chain)| (first_span + argument, Some(chain))));
        self.calls.push(Call { first_span, span_count: spans.len() });
    }

    /// Number of calls.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// Whether there is no call.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// The arguments of a call.
    pub fn call(&self, index: usize) -> Slices<'_> {
        let call = self.calls[index];
        Slices { bytes: &self.bytes, spans: &self.spans[call.first_span..][..call.span_count] }
    }

    /// Takes an argument of a call that lies in blocks, if it does.
    pub fn take_chain(&mut self, call: usize, argument: usize) -> Option<Chain> {
        let span = self.calls[call].first_span + argument;
        let place = self.chains.binary_search_by_key(&span, |(span, _)| *span).ok()?;
        self.chains[place].1.take()
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.spans.capacity() * size_of::<Span>()
            + self.calls.capacity() * size_of::<Call>()
            + self.chains.capacity() * size_of::<(usize, Option<Chain>)>()
    }

    /// Drops everything; buffers that have become large are given back.
    pub fn clear(&mut self, store: &mut Store) {
        self.chains.drain(..).filter_map(|(_, chain)| chain).for_each(|chain| store.drop_chain(chain));
        if self.heap_bytes() > KEPT_BUFFER_BYTES {
            *self = Self::default();
        }
        self.bytes.clear();
        self.spans.clear();
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Arguments;

    #[test]
    fn calls_keep_their_arguments() {
        let mut program = Program::default();
        let span = |start, len| Span { start, len };
        program.push(b"..SETkv", &[span(2, 3), span(5, 1), span(6, 1)], std::iter::empty());
        program.push(b"SET.k", &[span(0, 3), span(4, 1), span(5, 0)], [(2, Chain::new())].into_iter());
        assert_eq!(program.len(), 2);
        let call = program.call(0);
        assert_eq!((call.count(), call.get(0), call.get(2)), (3, &b"SET"[..], &b"v"[..]));
        assert_eq!(program.call(1).get(1), b"k");
        assert!(program.take_chain(0, 2).is_none());
        assert!(program.take_chain(1, 2).is_some() && program.take_chain(1, 2).is_none());
    }
}
