//! Replies that are encoded but not yet in a connection's outbox: those of a transaction are all made before the first
//! of them is sent, however slowly the client reads. Few bytes lie on the heap; many go to blocks of the store's memory.

use std::collections::VecDeque;

use adit_drivers::chunk::ChunkPool;
use adit_store::kv::{Chain, ChainSlice, Store, StoreError};
use adit_wire::native::reply::ABSENT;
use adit_wire::native::{MULTI_REPLY_BYTES_MAX, Status};
use adit_wire::resp::Version;
use adit_wire::resp::reply::{self, Sink};

use crate::connection::{Connection, ReplySink, Writer, write_reply};
use crate::engine::Outcome;
use crate::message::Reply;
use crate::native::answer::status_of;
use crate::native::body::Body;
use crate::settings::{KEPT_BUFFER_BYTES, OUTPUT_BYTES_SOFT};
use crate::stats::{ErrorCode, ErrorCounts};

/// Encoded replies.
#[derive(Default)]
pub struct Encoded {
    /// What comes before `bytes`.
    parts: VecDeque<Part>,
    bytes: Vec<u8>,
    /// Bytes of the first part, or of `bytes`, that were delivered.
    delivered: usize,
    form: Form,
    /// Errors among the replies, by their code.
    pub errors: ErrorCounts,
}

/// The protocol of the replies.
#[derive(Clone, Copy)]
enum Form {
    Resp(Version),
    /// The native one, with what became of the request, and the bytes that its values take.
    Native(Status, u64),
}

impl Default for Form {
    fn default() -> Self {
        Self::Resp(Version::default())
    }
}

enum Part {
    Bytes(Vec<u8>),
    Blocks(ChainSlice),
}

impl Encoded {
    /// Nothing, to be encoded in a version of the protocol.
    pub fn new(version: Version) -> Self {
        Self { form: Form::Resp(version), ..Self::default() }
    }

    /// Forgets everything but the protocol.
    pub fn reset(&mut self) {
        self.parts.clear();
        self.bytes.clear();
        self.delivered = 0;
        if let Form::Native(..) = self.form {
            self.set_native();
        }
    }

    /// The replies are for a native session.
    pub fn set_native(&mut self) {
        self.form = Form::Native(Status::Ok, 0);
    }

    /// What became of a native request: its body, or why it was refused.
    pub(crate) fn into_body(self) -> Result<Body, Status> {
        if let Form::Native(status, _) = self.form
            && status != Status::Ok
        {
            return Err(status);
        }
        let mut body = Body::default();
        for part in self.parts {
            match part {
                Part::Bytes(bytes) => body.push(bytes),
                Part::Blocks(value) => body.pin(value),
            }
        }
        if !self.bytes.is_empty() {
            body.push(self.bytes);
        }
        Ok(body)
    }

    /// There is no room for the replies.
    pub fn overflow(&mut self, text: &str) {
        self.reset();
        self.errors = ErrorCounts::default();
        match &mut self.form {
            Form::Native(status, _) => *status = Status::OutOfMemory,
            Form::Resp(_) => reply::error(self, text),
        }
    }

    /// Forgets everything, to be used again; buffers that have become large are given back.
    pub fn reuse(&mut self) {
        self.form = Form::default();
        self.reset();
        self.errors = ErrorCounts::default();
        self.bytes.shrink_to(KEPT_BUFFER_BYTES);
    }

    /// The bytes, if there are no others in blocks.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Bytes on the heap, but for those between values in blocks.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Moves bytes to blocks of the store if they are many; where that is full, they may take `heap_bytes_max` on the
    /// heap. To be called every few replies.
    ///
    /// # Errors
    /// [`StoreError::OutOfMemory`]; then the replies are of no use any more.
    #[inline]
    pub fn spill(&mut self, store: &mut Store, heap_bytes_max: usize) -> Result<(), StoreError> {
        if self.bytes.len() < SPILLED_BYTES {
            return Ok(());
        }
        let spilled = self.spill_all(store);
        if self.bytes.capacity() <= heap_bytes_max { Ok(()) } else { spilled }
    }

    #[cold]
    fn spill_all(&mut self, store: &mut Store) -> Result<(), StoreError> {
        let mut chain = Chain::new();
        store.extend_chain(&mut chain, &self.bytes)?;
        self.bytes.clear();
        self.parts.push_back(Part::Blocks(chain.into()));
        Ok(())
    }

    /// Gives back memory of the heap that is not needed, before the replies wait for a slow reader.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// Puts as much into a connection's outbox as may wait there. Whether that was all.
    pub fn deliver(&mut self, connection: &mut Connection, pool: &mut ChunkPool) -> bool {
        while connection.outbox.left_bytes() < OUTPUT_BYTES_SOFT {
            let mut writer = Writer::new(&mut connection.outbox, pool, self.version());
            match self.parts.front_mut() {
                Some(Part::Blocks(value)) => {
                    writer.pin(std::mem::take(value));
                    self.parts.pop_front();
                }
                Some(Part::Bytes(bytes)) => {
                    if deliver_some(bytes, &mut self.delivered, &mut writer) {
                        self.delivered = 0;
                        self.parts.pop_front();
                    }
                }
                None => {
                    if deliver_some(&self.bytes, &mut self.delivered, &mut writer) {
                        return true;
                    }
                }
            }
        }
        false
    }
}

/// Writes the next bytes; whether these were the last.
fn deliver_some(bytes: &[u8], delivered: &mut usize, writer: &mut Writer<'_>) -> bool {
    let end = bytes.len().min(*delivered + DELIVERED_BYTES);
    writer.write(&bytes[*delivered..end]);
    *delivered = end;
    end == bytes.len()
}

impl Encoded {
    /// Counts the bytes of a value; whether the values so far are not too many. Else all of them are dropped.
    fn counts(&mut self, bytes: u64) -> bool {
        let Form::Native(status, sum) = &mut self.form else { return true };
        *sum += bytes;
        if *sum > MULTI_REPLY_BYTES_MAX {
            *status = Status::TooLarge;
            self.parts.clear();
            self.bytes.clear();
            return false;
        }
        true
    }

    fn native_value(&mut self, bytes: &[u8]) {
        if !self.counts(bytes.len() as u64) {
            return;
        }
        let len = u32::try_from(bytes.len()).unwrap_or(ABSENT);
        self.write(&len.to_le_bytes());
        self.write(bytes);
    }
}

impl Sink for Encoded {
    #[cold]
    fn note_error(&mut self, text: &str) {
        self.errors.add(ErrorCode::of(text));
    }

    fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

impl ReplySink for Encoded {
    fn version(&self) -> Version {
        match self.form {
            Form::Resp(version) => version,
            Form::Native(..) => Version::default(),
        }
    }

    fn set_version(&mut self, version: Version) {
        self.form = Form::Resp(version);
    }

    #[inline]
    fn outcome(&mut self, outcome: Outcome<'_>) {
        match (&self.form, outcome) {
            (Form::Resp(_), Outcome::Bytes(bytes)) => self.write_bulk(bytes),
            (Form::Native(..), Outcome::Bytes(bytes)) => self.native_value(bytes),
            (_, Outcome::Reply(reply)) => self.reply(reply),
        }
    }

    fn reply(&mut self, reply: Reply) {
        match &mut self.form {
            Form::Resp(_) => write_reply(self, reply),
            Form::Native(status, _) => match reply {
                Reply::Done | Reply::Array(_) | Reply::Integer(1) => {}
                Reply::Integer(_) => *status = Status::ConditionFailed,
                Reply::Failed(failed) => *status = status_of(failed),
                Reply::Nil => self.write(&ABSENT.to_le_bytes()),
                Reply::Bytes(bytes) => self.native_value(bytes.as_slice()),
                Reply::Chain(chain) if self.counts(chain.len_bytes()) => {
                    // Values are shorter than 4 GiB.
                    let len = u32::try_from(chain.len_bytes()).unwrap_or(ABSENT);
                    self.write(&len.to_le_bytes());
                    self.pin(chain.into());
                }
                Reply::Chain(_) => {}
                _ => unreachable!("native transactions read and write values"),
            },
        }
    }

    fn pin(&mut self, value: ChainSlice) {
        self.parts.push_back(Part::Bytes(std::mem::take(&mut self.bytes)));
        self.parts.push_back(Part::Blocks(value));
    }
}

/// Bytes that are put into an outbox before it is looked at again.
const DELIVERED_BYTES: usize = 64 << 10;
/// Bytes that go to blocks.
const SPILLED_BYTES: usize = 64 << 10;
