//! Requests, each straight to its operation.

use adit_store::kv::{Chain, Key, Value};
use adit_wire::kv::{self, BucketId, Expiry, Operation, PutAnswer};
use adit_wire::native::reply::{VALUE_HEAD_BYTES, wrong_shard};
use adit_wire::native::request::{Action, Condition, NewExpiry};
use adit_wire::native::{Opcode, Request, Status};

use super::answer::{body_of_keys, header_of};
use super::body::Body;
use super::outgoing::segment_bytes;
use super::path::Path;
use super::waiting::Origin;
use crate::engine;
use crate::engine::value_of;
use crate::message::{Ask, Reply};
use crate::settings::WALK_BUCKETS_PER_STEP;
use crate::shard::Shard;
use crate::splicing::is_long;
use crate::stats::Counter;
use crate::transaction::step::Parked;

impl Shard {
    /// GET, most often straight from the store into the frame.
    #[inline]
    pub(super) fn execute_get(&mut self, origin: &Origin, key: &Key<'_>) {
        if !self.owns(origin, key.bytes()) {
            return;
        }
        if self.intents.blocks(key.hash()) {
            return self.park(origin, Operation::Record, key, &[], None);
        }
        let Some(session) = self.native.sessions.get(origin.header.session) else { return };
        let (path, room) = (session.path, segment_bytes(session.frame_bytes_of(session.path)));
        let Some((head, value)) = self.engine.read(key, self.now.unix_ms) else {
            return self.answer_short(path, &origin.header, Status::NotFound, &[]);
        };
        match value {
            Value::Inline(bytes) if VALUE_HEAD_BYTES + bytes.len() <= room => {
                let len = VALUE_HEAD_BYTES + bytes.len();
                let header = header_of(&origin.header, Status::Ok, len as u64, self.map.epoch);
                let _ = self.native.outgoing(&mut self.pool).frame(path, &header, len, |segment| {
                    let (first, rest) = segment.split_at_mut(VALUE_HEAD_BYTES);
                    first.copy_from_slice(&head.encode());
                    rest.copy_from_slice(bytes);
                });
            }
            _ if !self.native.sessions.may_keep(origin.header.session) => {
                self.refuse_native(origin, Status::Busy)
            }
            value => {
                let mut body = Body::of(head.encode());
                match value {
                    Value::Inline(bytes) => body.push(bytes),
                    Value::Chain(chain) => body.pin(chain.clone().into()),
                }
                self.finish_long(origin, Status::Ok, body);
            }
        }
    }

    /// Everything else that is done with one key.
    pub(super) fn execute_action(
        &mut self,
        origin: &Origin,
        key: &Key<'_>,
        action: Action<'_>,
        chain: Option<Chain>,
    ) {
        if !self.owns(origin, key.bytes()) {
            return;
        }
        let takes_memory = matches!(action, Action::Put { .. } | Action::Add(_) | Action::Append(_));
        if takes_memory && self.is_over_memory {
            return self.finish_short(origin, Status::OutOfMemory, &[]);
        }
        if matches!(action, Action::Take) && !self.may_keep(origin) {
            return self.refuse_native(origin, Status::Busy);
        }
        let (operation, value) = (operation_of(action, self.now.unix_ms), action.value());
        if self.intents.blocks(key.hash()) || is_long(operation, chain.as_ref()) {
            return self.park(origin, operation, key, value, chain);
        }
        let request = engine::Request { operation, key: *key, value: value_of(value, chain) };
        let reply = self.engine.execute(request, self.now.unix_ms).into_reply();
        self.finish_reply(origin, reply);
    }

    /// Whether this shard owns a key; else the client is told who does.
    #[inline]
    pub(super) fn owns(&mut self, origin: &Origin, key: &[u8]) -> bool {
        let owner = self.map.owner(key);
        if owner != self.index {
            self.engine.counters.add(Counter::NativeMisrouted, 1);
            // Kept, if it is a write: a late copy must not be applied when the key has come here.
            self.finish_short(origin, Status::WrongShard, &wrong_shard(owner));
        }
        owner == self.index
    }

    /// Whether another long reply may be kept for the session of a request.
    pub(super) fn may_keep(&self, origin: &Origin) -> bool {
        self.native.sessions.may_keep(origin.header.session)
    }

    /// Lets a request wait for its key; a scan, for all.
    fn park(
        &mut self,
        origin: &Origin,
        operation: Operation,
        key: &Key<'_>,
        value: &[u8],
        chain: Option<Chain>,
    ) {
        let session = self.native.sessions.get(origin.header.session);
        if !self.native.waiting.has_room() || session.is_none_or(|session| !session.may_wait()) {
            return self.refuse_native(origin, Status::Busy);
        }
        if cfg!(feature = "sabotage-early") && origin.opcode == Opcode::Put {
            self.finish_short(origin, Status::Ok, &[0; 8]);
        }
        let Some(session) = self.native.sessions.get_mut(origin.header.session) else { return };
        session.begin(origin.header.request);
        let slot = self.native.waiting.wait(origin);
        let holder = match operation {
            Operation::Scan { .. } => self.intents.enter_all(),
            _ => self.intents.enter([key.hash()]),
        };
        let ask = Ask::new(slot, operation, key, value, chain);
        self.intents.wait(holder, Parked::Ask(self.index, ask));
    }

    /// The interface that a session comes by.
    fn interface_of(&self, session: u64) -> usize {
        match self.native.sessions.get(session).map(|session| session.path) {
            Some(Path::Datagram(interface, _)) => usize::from(interface),
            Some(Path::Stream(id)) => self.streams.number_of(id),
            None => 0,
        }
    }

    /// What concerns no key, or several.
    pub(super) fn execute_rare(&mut self, origin: &Origin, request: &Request<'_>, body: &[u8]) {
        match request {
            Request::MultiGet(keys) => self.execute_multi_get(origin, keys, body),
            Request::MultiPut { pairs, if_absent } => self.execute_multi_put(origin, pairs, *if_absent, body),
            Request::Scan { bucket, keys_max, cursor } => {
                self.execute_scan(origin, *bucket, *keys_max, *cursor)
            }
            Request::Stats => {
                let text = self.engine.counters.describe();
                self.finish_kept(origin, Body::of(text.into_bytes()));
            }
            Request::Map => {
                let map = self.native.maps[self.interface_of(origin.header.session)].clone();
                self.finish_kept(origin, Body::of(map));
            }
            Request::Steering => {
                let steering = self.native.steerings[self.interface_of(origin.header.session)].clone();
                self.finish_kept(origin, Body::of(steering));
            }
            Request::Renew => self.finish_short(origin, Status::Ok, &[]),
            Request::Close => {
                self.finish_short(origin, Status::Ok, &[]);
                if let Some(session) = self.native.sessions.get_mut(origin.header.session) {
                    session.close();
                }
            }
            Request::Hello | Request::Open(_) | Request::Continue | Request::Key(_) => {
                unreachable!("these are taken before")
            }
        }
    }

    fn execute_scan(&mut self, origin: &Origin, bucket: BucketId, keys_max: u32, cursor: u64) {
        let buckets_max = WALK_BUCKETS_PER_STEP;
        let operation = Operation::Scan { cursor, buckets_max, keys_max: keys_max.max(1) };
        let (key, value) = (Key::hashed(bucket, &[], 0), value_of(&[], None));
        // Of a transaction that was answered, writes may wait here for its verdict: who has that answer sees them.
        if !self.intents.is_idle() {
            return self.park(origin, operation, &key, &[], None);
        }
        let request = engine::Request { operation, key, value };
        match self.engine.execute(request, self.now.unix_ms).into_reply() {
            Reply::Keys(keys) => self.finish_kept(origin, body_of_keys(&keys)),
            reply => self.finish_reply(origin, reply),
        }
    }

    /// Answers what only reads. A reply that a frame holds needs no room: it is not kept.
    fn finish_kept(&mut self, origin: &Origin, body: Body) {
        let Some(session) = self.native.sessions.get(origin.header.session) else { return };
        let frame_bytes = session.frame_bytes_of(session.path);
        if body.len_bytes() <= segment_bytes(frame_bytes) as u64 || self.may_keep(origin) {
            self.finish_long(origin, Status::Ok, body);
        } else {
            self.refuse_native(origin, Status::Busy);
        }
    }

    /// The reply to a request that has waited.
    pub(crate) fn finish_waiting(&mut self, slot: u32, reply: Reply) {
        let origin = self.native.waiting.complete(slot);
        self.engine.counters.add(Counter::NativeWaited, 1);
        // The build that must fail has answered already.
        if !(cfg!(feature = "sabotage-early") && origin.opcode == Opcode::Put) {
            self.finish_reply(&origin, reply);
        }
    }
}

/// What is done with a key at `now_ms`.
fn operation_of(action: Action<'_>, now_ms: u64) -> Operation {
    let after = |ttl_ms: u64| now_ms.saturating_add(ttl_ms);
    match action {
        Action::Get => Operation::Record,
        Action::Put { condition, expiry, .. } => {
            let expiry = match expiry {
                NewExpiry::Never => Expiry::Never,
                NewExpiry::Keep => Expiry::Keep,
                NewExpiry::AfterMs(ttl_ms) => Expiry::At(after(ttl_ms)),
            };
            let condition = match condition {
                Condition::Always => kv::Condition::Always,
                Condition::IfAbsent => kv::Condition::IfAbsent,
                Condition::IfPresent => kv::Condition::IfPresent,
                Condition::IfVersion(version) => {
                    return Operation::PutIfVersion { version, expiry: expiry.into() };
                }
            };
            Operation::Put { condition, expiry, answer: PutAnswer::Version }
        }
        Action::Delete => Operation::Delete,
        Action::Take => Operation::Take,
        Action::Add(delta) => Operation::Add(delta),
        Action::Append(_) => Operation::Append,
        Action::Touch(0) => Operation::SetExpiry(None),
        Action::Touch(ttl_ms) => Operation::SetExpiry(Some(after(ttl_ms))),
    }
}
