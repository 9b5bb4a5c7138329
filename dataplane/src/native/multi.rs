//! MULTIGET and MULTIPUT that are transactions, as MGET and MSET are.

use std::ops::Range;

use adit_wire::kv::{BucketId, Operation};
use adit_wire::native::Status;
use adit_wire::native::request::{KeyList, PairList};
use adit_wire::resp::request::Span;

use super::session::Session;
use super::waiting::Origin;
use crate::batch::Slices;
use crate::plan::{Plan, Together};
use crate::shard::Shard;
use crate::transaction::encoded::Encoded;

impl Shard {
    /// MULTIGET.
    pub(super) fn execute_multi_get(&mut self, origin: &Origin, keys: &KeyList<'_>, body: &[u8]) {
        if self.multi_get_at_once(origin, keys) {
            return;
        }
        let first = keys.iter().next().unwrap_or_default();
        let planned = Plan::Keys(Operation::Get, Together::Array);
        if !self.may_keep(origin) {
            return self.refuse_native(origin, Status::Busy);
        }
        self.begin_multi(origin, (keys.bucket, first), keys.places(), (planned, b"MGET"), body);
    }

    /// MULTIPUT.
    pub(super) fn execute_multi_put(
        &mut self,
        origin: &Origin,
        pairs: &PairList<'_>,
        if_absent: bool,
        body: &[u8],
    ) {
        let first = pairs.iter().next().map(|(key, _)| key).unwrap_or_default();
        let name: &[u8] = if if_absent { b"MSETNX" } else { b"MSET" };
        if self.is_over_memory {
            return self.finish_short(origin, Status::OutOfMemory, &[]);
        }
        if self.multi_put_at_once(origin, pairs, if_absent, body) {
            return;
        }
        let planned = Plan::PutAll { if_absent };
        self.begin_multi(origin, (pairs.bucket, first), pairs.places(), (planned, name), body);
    }

    /// Begins a transaction on arguments that lie at these places of the body.
    fn begin_multi(
        &mut self,
        origin: &Origin,
        (bucket, first): (BucketId, &[u8]),
        places: impl Iterator<Item = Range<usize>>,
        (planned, name): (Plan, &[u8]),
        body: &[u8],
    ) {
        if !self.owns(origin, first) {
            return;
        }
        let session = self.native.sessions.get(origin.header.session);
        let may_wait = self.native.waiting.has_room() && session.is_some_and(Session::may_wait);
        if !may_wait || !self.transactions.has_room() || self.heap.room_for_result(0) == 0 {
            return self.refuse_native(origin, Status::Busy);
        }
        let mut spans = self.native.spans_of(places.map(span));
        let Some(session) = self.native.sessions.get_mut(origin.header.session) else { return };
        session.begin(origin.header.request);
        let slot = self.native.waiting.wait(origin);
        let mut transaction = self.transactions.fresh_native(slot, bucket);
        if !self.spread(&mut transaction, &Slices { bytes: body, spans: &spans }, planned) {
            let named = [body, name].concat();
            spans[0] = span(body.len()..named.len());
            transaction.program.push(&named, &spans, std::iter::empty());
        }
        self.native.spans = spans;
        self.begin_native(transaction);
    }

    /// The replies of a transaction.
    pub(crate) fn finish_multi(&mut self, slot: u32, result: Encoded) {
        let origin = self.native.waiting.complete(slot);
        match result.into_body() {
            Ok(body) if body.len_bytes() == 0 => self.finish_short(&origin, Status::Ok, &[]),
            Ok(body) => self.finish_long(&origin, Status::Ok, body),
            Err(status) => self.finish_short(&origin, status, &[]),
        }
    }
}

/// A place in a body, which is far shorter than 4 GiB.
pub(super) fn span(place: Range<usize>) -> Span {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { start: number(place.start), len: number(place.len()) }
}
