//! The three stages of a request on the shard, one behind the other without the loop around them: decode, execute, encode.

use adit_dataplane::engine::{Engine, Outcome, Request as EngineRequest};
use adit_dataplane::message::Reply;
use adit_store::kv::{Key, NewValue, Store, Value};
use adit_wire::kv::{Condition, Expiry, Operation, PutAnswer};
use adit_wire::native::reply::VALUE_HEAD_BYTES;
use adit_wire::native::request::{Action, Condition as NativeCondition, KeyRequest, NewExpiry};
use adit_wire::native::{Frame, HEADER_BYTES, Header, Opcode, Request};
use anyhow::Context;

use super::work::{BUCKET, Kind, key};
use crate::random::Random;

/// How far requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Depth {
    /// They are built, as a client does it.
    Built,
    /// And decoded: the frame, the request, the hash of the key; its bucket is fetched.
    Decoded,
    /// And executed.
    Executed,
    /// And answered.
    Encoded,
}

/// Requests, and what they need.
pub(super) struct Stages {
    engine: Engine,
    kind: Kind,
    items: u64,
    random: Random,
    value: Vec<u8>,
    frames: [Vec<u8>; BATCH],
    reply: Vec<u8>,
    body: Vec<u8>,
}

/// A request where it lies.
struct Decoded<'a> {
    header: Header,
    request: KeyRequest<'a>,
    key: Key<'a>,
}

impl Stages {
    /// A store with so many items.
    pub(super) fn new(store: Store, items: u64, value_bytes: usize) -> anyhow::Result<Self> {
        let mut stages = Self {
            engine: Engine::new(store),
            kind: Kind::Get,
            items,
            random: Random::new(1, 2),
            value: vec![b'v'; value_bytes],
            frames: Default::default(),
            reply: vec![0; HEADER_BYTES + VALUE_HEAD_BYTES + value_bytes],
            body: Vec::new(),
        };
        for number in 0..items {
            let bytes = key(number);
            let key = stages.engine.store.key(BUCKET, &bytes);
            let value = NewValue::Inline(&stages.value);
            stages
                .engine
                .store
                .put(&key, value, None, 0)
                .ok()
                .context("memory was reserved for all items")?;
        }
        Ok(stages)
    }

    /// Whether the stages of an operation are known.
    pub(super) fn has(kind: Kind) -> bool {
        matches!(kind, Kind::Get | Kind::Put)
    }

    /// From now on requests of this kind.
    pub(super) fn turn_to(&mut self, kind: Kind) {
        self.kind = kind;
    }

    /// Takes `count` requests, a batch at most, as far as `depth`; their bytes where all of it counts for something.
    #[inline]
    pub(super) fn run(&mut self, count: usize, depth: Depth) -> usize {
        self.build(count);
        if depth == Depth::Built {
            return self.frames[0].len();
        }
        let Self { engine, frames, reply, .. } = self;
        let batch = decode(engine, &frames[..count]);
        if depth == Depth::Decoded {
            return batch.iter().flatten().map(|decoded| decoded.request.key.len()).sum();
        }
        let mut sum = 0;
        for decoded in batch.iter().flatten() {
            engine.store.prefetch_item(decoded.key.hash());
        }
        for decoded in batch.iter().flatten() {
            sum += execute(engine, decoded, reply, depth == Depth::Encoded);
        }
        sum
    }

    /// Writes the frames of `count` requests.
    #[inline(never)]
    fn build(&mut self, count: usize) {
        for place in 0..count {
            let key = key(self.random.below(self.items));
            let opcode = if self.kind == Kind::Get { Opcode::Get } else { Opcode::Put };
            let action = match opcode {
                Opcode::Get => Action::Get,
                _ => Action::Put {
                    condition: NativeCondition::Always,
                    expiry: NewExpiry::Never,
                    value: &self.value,
                },
            };
            self.body.clear();
            Request::Key(KeyRequest { bucket: BUCKET, key: &key, action }).encode(&mut self.body);
            let frame = &mut self.frames[place];
            frame.resize(HEADER_BYTES + self.body.len(), 0);
            frame[HEADER_BYTES..].copy_from_slice(&self.body);
            let total_bytes = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
            let header =
                Header { opcode: opcode as u8, request: 1, session: 1, total_bytes, ..Header::default() };
            header.seal(frame);
        }
    }
}

/// Decodes frames, and asks memory for the buckets of their keys.
#[inline(never)]
fn decode<'a>(engine: &Engine, frames: &'a [Vec<u8>]) -> [Option<Decoded<'a>>; BATCH] {
    std::array::from_fn(|place| {
        let frame = Frame::decode(frames.get(place)?).ok()?;
        let opcode = Opcode::of(frame.header.opcode)?;
        let Ok(Request::Key(request)) = Request::decode(opcode, frame.segment) else { return None };
        let key = engine.store.key(request.bucket, request.key);
        engine.store.prefetch_bucket(key.hash());
        Some(Decoded { header: frame.header, request, key })
    })
}

/// Executes a request, and encodes the reply if it is wanted.
#[inline(never)]
fn execute(engine: &mut Engine, decoded: &Decoded<'_>, reply: &mut Vec<u8>, encodes: bool) -> usize {
    match decoded.request.action {
        Action::Get => {
            let Some((head, Value::Inline(value))) = engine.read(&decoded.key, 0) else { return 0 };
            if encodes {
                return encode(&decoded.header, &head.encode(), value, reply);
            }
            // Without this a stage that reads nothing of the value would seem to be cheaper.
            usize::from(value[0]) + usize::from(value[value.len() - 1])
        }
        action => {
            let operation = Operation::Put {
                condition: Condition::Always,
                expiry: Expiry::Never,
                answer: PutAnswer::Version,
            };
            let request =
                EngineRequest { operation, key: decoded.key, value: NewValue::Inline(action.value()) };
            let Outcome::Reply(Reply::Integer(version)) = engine.execute(request, 0) else { return 0 };
            if encodes {
                return encode(&decoded.header, &version.to_le_bytes(), &[], reply);
            }
            1
        }
    }
}

/// Writes the frame of a reply.
#[inline(never)]
fn encode(request: &Header, head: &[u8], value: &[u8], reply: &mut Vec<u8>) -> usize {
    let len = head.len() + value.len();
    reply.resize(HEADER_BYTES + len, 0);
    let (first, rest) = reply[HEADER_BYTES..].split_at_mut(head.len());
    first.copy_from_slice(head);
    rest.copy_from_slice(value);
    let total_bytes = u32::try_from(len).unwrap_or(u32::MAX);
    Header { is_reply: true, total_bytes, ..*request }.seal(reply);
    len
}

/// Most requests that are taken together.
pub(super) const BATCH: usize = 16;
