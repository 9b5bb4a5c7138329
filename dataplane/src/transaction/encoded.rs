//! Replies that are encoded but not yet in a connection's outbox: those of a transaction are all made before the first
//! of them is sent, however slowly the client reads. Few bytes lie on the heap; many go to blocks of the store's memory.

use std::collections::VecDeque;

use adit_drivers::chunk::ChunkPool;
use adit_store::kv::{Chain, ChainSlice, Store, StoreError};
use adit_wire::resp::Version;
use adit_wire::resp::reply::Sink;

use crate::connection::{Connection, ReplySink, Writer};
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
    version: Version,
    /// Errors among the replies, by their code.
    pub errors: ErrorCounts,
}

enum Part {
    Bytes(Vec<u8>),
    Blocks(ChainSlice),
}

impl Encoded {
    /// Nothing, to be encoded in a version of the protocol.
    pub fn new(version: Version) -> Self {
        Self { version, ..Self::default() }
    }

    /// Forgets everything and takes another version of the protocol.
    pub fn reset(&mut self, version: Version) {
        self.parts.clear();
        self.bytes.clear();
        self.delivered = 0;
        self.version = version;
    }

    /// Forgets everything, to be used again; buffers that have become large are given back.
    pub fn reuse(&mut self) {
        self.reset(Version::default());
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
            let mut writer = Writer::new(&mut connection.outbox, pool, self.version);
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
        self.version
    }

    fn set_version(&mut self, version: Version) {
        self.version = version;
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
