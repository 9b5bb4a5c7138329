//! MULTIGET and MULTIPUT of keys that this shard has all of, and that nobody holds: executed at once. All others become
//! transactions.

use adit_store::kv::{Item, Key, Value};
use adit_wire::kv::BucketId;
use adit_wire::native::Status;
use adit_wire::native::request::{KeyList, PairList};
use arrayvec::ArrayVec;

use super::answer::{header_of, status_of};
use super::multi::span;
use super::outgoing::segment_bytes;
use super::waiting::Origin;
use crate::batch::Slices;
use crate::engine::Engine;
use crate::keys::put_all;
use crate::settings::{KEYS_AT_ONCE_MAX, PUT_AT_ONCE_BYTES_MAX};
use crate::shard::Shard;
use crate::stats::Counter;

/// The hashes of keys.
type Hashes = ArrayVec<u64, KEYS_AT_ONCE_MAX>;

impl Shard {
    /// Reads values whose reply fits a frame. Says whether it was answered.
    pub(super) fn multi_get_at_once(&mut self, origin: &Origin, keys: &KeyList<'_>) -> bool {
        let Some(hashes) = self.hashes_here(keys.bucket, keys.iter(), keys.count()) else { return false };
        let Some(session) = self.native.sessions.get(origin.header.session) else { return false };
        let (path, room) = (session.path, segment_bytes(session.frame_bytes_of(session.path)));
        hashes.iter().for_each(|hash| self.engine.store.prefetch_item(*hash));
        let Some((items, len)) = find_short(&mut self.engine, keys, &hashes, self.now.unix_ms, room) else {
            return false;
        };
        self.spend(items.len());
        let hits = items.iter().flatten().count() as u64;
        self.engine.counters.add(Counter::Hits, hits);
        self.engine.counters.add(Counter::Misses, items.len() as u64 - hits);
        let header = header_of(&origin.header, Status::Ok, len as u64, self.map.epoch);
        let store = &self.engine.store;
        let _ = self.native.outgoing(&mut self.pool).frame(path, &header, len, |mut segment| {
            for item in &items {
                let value = item.map(|item| store.value(item));
                let value = if let Some(Value::Inline(bytes)) = value { Some(bytes) } else { None };
                let len_bytes =
                    value.map_or(u32::MAX, |bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX));
                let (head, rest) = segment.split_at_mut(LENGTH_BYTES);
                head.copy_from_slice(&len_bytes.to_le_bytes());
                let (body, rest) = rest.split_at_mut(value.map_or(0, <[u8]>::len));
                body.copy_from_slice(value.unwrap_or_default());
                segment = rest;
            }
        });
        true
    }

    /// Writes short values, if there is room for them for sure. Says whether it was answered.
    pub(super) fn multi_put_at_once(
        &mut self,
        origin: &Origin,
        pairs: &PairList<'_>,
        if_absent: bool,
        body: &[u8],
    ) -> bool {
        if body.len() > PUT_AT_ONCE_BYTES_MAX || !self.engine.store.has_room_for(pairs.count() as usize) {
            return false;
        }
        let keys = pairs.iter().map(|(key, _)| key);
        let Some(hashes) = self.hashes_here(pairs.bucket, keys, pairs.count()) else { return false };
        self.spend(2 * hashes.len());
        let spans = self.native.spans_of(pairs.places().map(span));
        let arguments = Slices { bytes: body, spans: &spans };
        let now_ms = self.now.unix_ms;
        let written = put_all(&mut self.engine, pairs.bucket, &arguments, &hashes, if_absent, now_ms);
        self.native.spans = spans;
        let status = match written {
            Ok(true) => Status::Ok,
            Ok(false) => Status::ConditionFailed,
            Err(status) => status_of(status),
        };
        self.finish_short(origin, status, &[]);
        true
    }

    /// The hashes of keys, whose buckets are fetched, if this shard may execute something on all of them now: in a turn it
    /// has so many operations for requests on several keys, these and transactions.
    fn hashes_here<'a>(
        &self,
        bucket: BucketId,
        keys: impl Iterator<Item = &'a [u8]>,
        count: u32,
    ) -> Option<Hashes> {
        if count as usize > KEYS_AT_ONCE_MAX.min(self.transaction_work_left) {
            return None;
        }
        let mut hashes = Hashes::new();
        for key in keys {
            let hash = self.engine.store.key(bucket, key).hash();
            if self.map.owner(key) != self.index || self.intents.blocks(hash) {
                return None;
            }
            self.engine.store.prefetch_bucket(hash);
            hashes.push(hash);
        }
        Some(hashes)
    }
}

/// The items of keys, and the bytes of a reply that has their values; nothing if that is longer than `room`.
fn find_short(
    engine: &mut Engine,
    keys: &KeyList<'_>,
    hashes: &Hashes,
    now_ms: u64,
    room: usize,
) -> Option<(ArrayVec<Option<Item>, KEYS_AT_ONCE_MAX>, usize)> {
    let (mut items, mut len) = (ArrayVec::new(), 0);
    for (key, hash) in keys.iter().zip(hashes) {
        let item = engine.store.find(&Key::hashed(keys.bucket, key, *hash), now_ms);
        len += LENGTH_BYTES;
        if let Some(item) = item {
            let Value::Inline(bytes) = engine.store.value(item) else { return None };
            len += bytes.len();
        }
        if len > room {
            return None;
        }
        items.push(item);
    }
    Some((items, len))
}

/// What stands before a value.
const LENGTH_BYTES: usize = 4;
