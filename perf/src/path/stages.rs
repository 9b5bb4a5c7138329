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
    batch: Vec<Decoded>,
}

/// What a shard keeps of a frame while the memory of its key is fetched.
struct Decoded {
    header: Header,
    hash: u64,
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
            batch: Vec::new(),
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
        let Self { engine, frames, reply, batch, .. } = self;
        batch.clear();
        frames[..count].iter().for_each(|frame| decode(engine, frame, batch));
        if depth == Depth::Decoded {
            return batch.len();
        }
        batch.iter().for_each(|decoded| engine.store.prefetch_item(decoded.hash));
        let requests = batch.iter().zip(frames.iter());
        requests
            .map(|(decoded, frame)| {
                execute(engine, decoded, &frame[HEADER_BYTES..], reply, depth == Depth::Encoded)
            })
            .sum()
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

/// Decodes a frame, and asks memory for the bucket of its key.
#[inline(never)]
fn decode(engine: &Engine, bytes: &[u8], batch: &mut Vec<Decoded>) {
    if let Ok(frame) = Frame::decode(bytes)
        && let Some(opcode) = Opcode::of(frame.header.opcode)
        && let Ok(Request::Key(request)) = Request::decode(opcode, frame.segment)
    {
        let hash = engine.store.key(request.bucket, request.key).hash();
        engine.store.prefetch_bucket(hash);
        batch.push(Decoded { header: frame.header, hash });
    }
}

/// Executes a request, and encodes the reply if it is wanted.
#[inline(never)]
fn execute(
    engine: &mut Engine,
    Decoded { header, hash }: &Decoded,
    segment: &[u8],
    reply: &mut Vec<u8>,
    encodes: bool,
) -> usize {
    let Some(opcode) = Opcode::of(header.opcode) else { return 0 };
    let Ok(Request::Key(request)) = Request::decode(opcode, segment) else { return 0 };
    let key = Key::hashed(request.bucket, request.key, *hash);
    if request.action == Action::Get {
        let Some((head, Value::Inline(value))) = engine.read(&key, 0) else { return 0 };
        if encodes {
            return encode(header, &head.encode(), value, reply);
        }
        // A stage that reads nothing of the value would seem to be cheaper than it is.
        return usize::from(value[0]) + usize::from(value[value.len() - 1]);
    }
    let operation =
        Operation::Put { condition: Condition::Always, expiry: Expiry::Never, answer: PutAnswer::Version };
    let value = NewValue::Inline(request.action.value());
    let outcome = engine.execute(EngineRequest { operation, key, value }, 0);
    let Outcome::Reply(Reply::Integer(version)) = outcome else { return 0 };
    if encodes { encode(header, &version.to_le_bytes(), &[], reply) } else { 1 }
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
