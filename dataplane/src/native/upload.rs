//! A request that is longer than a frame, on its way in: segments in order. Its value goes straight into blocks.

use adit_drivers::memory::BLOCK_BYTES;
use adit_store::kv::{Chain, Store, StoreError};
use adit_wire::native::request::value_offset;
use adit_wire::native::{Header, MULTI_BYTES_MAX, Opcode, Status};

use super::budget::{Budget, Charge};

/// A request that is not whole yet.
pub(crate) struct Upload {
    /// The first frame's header.
    pub(super) header: Header,
    /// Its number.
    pub(super) request: u64,
    opcode: Opcode,
    /// The body, up to the value if that is large.
    head: Vec<u8>,
    /// The value, if it is large.
    chain: Chain,
    /// Where a large value begins, once that is known.
    value_at: Option<usize>,
    /// Bytes that have come.
    taken_bytes: u32,
    heard_ns: u64,
    /// What the head takes on the heap, and the value in blocks, as the shard counts it.
    heads: Charge,
    values: Charge,
    budget: Budget,
    /// How far it has come is to be told.
    pub(super) owes_credit: bool,
}

impl Upload {
    /// A request that begins with the frame of this header.
    pub(super) fn new(header: Header, opcode: Opcode, now_ns: u64, heads: &Budget, values: &Budget) -> Self {
        Self {
            header,
            request: header.request,
            opcode,
            head: Vec::new(),
            chain: Chain::new(),
            value_at: None,
            taken_bytes: 0,
            heard_ns: now_ns,
            heads: heads.charge(0),
            values: values.charge(0),
            budget: heads.clone(),
            owes_credit: false,
        }
    }

    /// Bytes that have come.
    pub(super) fn taken_bytes(&self) -> u32 {
        self.taken_bytes
    }

    /// Whether all of it has come.
    pub(super) fn is_whole(&self) -> bool {
        self.taken_bytes == self.header.total_bytes
    }

    /// When something of it came last.
    pub(super) fn heard_ns(&self) -> u64 {
        self.heard_ns
    }

    /// Whether nothing of it has come for longer than `silence_ns`.
    pub(super) fn is_silent(&self, now_ns: u64, silence_ns: u64) -> bool {
        now_ns.saturating_sub(self.heard_ns) > silence_ns
    }

    /// Whether the frame of `header` is of this request, and not of another one with its number.
    pub(super) fn is_of(&self, header: &Header) -> bool {
        self.request == header.request
            && self.header.opcode == header.opcode
            && self.header.total_bytes == header.total_bytes
    }

    /// Takes a segment, if it is the next one.
    pub(super) fn take(
        &mut self,
        offset: u32,
        segment: &[u8],
        store: &mut Store,
        now_ns: u64,
    ) -> Result<(), Status> {
        if offset != self.taken_bytes {
            return Ok(());
        }
        self.heard_ns = now_ns;
        let large = self.take_head(segment)?;
        self.values.add(large.len() as u64);
        store.extend_chain(&mut self.chain, large).map_err(|error| match error {
            StoreError::OutOfMemory => Status::OutOfMemory,
            StoreError::KeyTooLong | StoreError::ValueTooLong => Status::ValueTooLong,
        })?;
        // A segment is shorter than 64 KiB.
        self.taken_bytes += u32::try_from(segment.len()).unwrap_or(0);
        Ok(())
    }

    /// Takes what comes before a large value; gives the rest of the segment.
    fn take_head<'a>(&mut self, segment: &'a [u8]) -> Result<&'a [u8], Status> {
        let left =
            self.value_at.map_or(segment.len(), |value_at| segment.len().min(value_at - self.head.len()));
        let (head, large) = segment.split_at(left);
        if !head.is_empty() && !self.budget.has_room_to_end(MULTI_BYTES_MAX as u64) {
            return Err(Status::Busy);
        }
        self.heads.add(head.len() as u64);
        self.head.extend_from_slice(head);
        if self.value_at.is_none() && matches!(self.opcode, Opcode::Put | Opcode::Append) {
            self.find_value()?;
            if let Some(value_at) = self.value_at.filter(|&value_at| value_at < self.head.len()) {
                let large = self.head.len() - value_at;
                self.head.truncate(value_at);
                return Ok(&segment[segment.len() - large..]);
            }
        }
        Ok(large)
    }

    /// Notes where the value begins, if that is known now and it is large.
    fn find_value(&mut self) -> Result<(), Status> {
        let total_bytes = self.header.total_bytes as usize;
        let value_at = value_offset(self.opcode, &self.head)?;
        self.value_at = value_at.filter(|&value_at| {
            total_bytes.checked_sub(value_at).is_some_and(|value_bytes| value_bytes > BLOCK_BYTES)
        });
        Ok(())
    }

    /// The body, up to its value if that lies in blocks.
    pub(super) fn into_parts(self) -> (Vec<u8>, Option<Chain>) {
        let chain = self.value_at.map(|_| self.chain);
        (self.head, chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adit_drivers::memory::{Arena, Lines};
    use adit_wire::kv::BucketId;
    use adit_wire::native::Request;
    use adit_wire::native::request::{Action, Condition, KeyRequest, NewExpiry};

    fn store() -> Store {
        Store::new(Arena::new(4 << 20, false).unwrap(), Lines::new(1 << 20, false).unwrap(), 1)
    }

    fn body(key: &[u8], value: &[u8]) -> Vec<u8> {
        let action = Action::Put { condition: Condition::Always, expiry: NewExpiry::Never, value };
        let mut body = Vec::new();
        Request::Key(KeyRequest { bucket: BucketId(0), key, action }).encode(&mut body);
        body
    }

    fn upload(body: &[u8], segment_bytes: usize) -> (Vec<u8>, Option<Chain>) {
        let total_bytes = u32::try_from(body.len()).unwrap();
        let header = Header { total_bytes, opcode: Opcode::Put as u8, ..Header::default() };
        let (budget, mut store) = (Budget::new(1 << 30), store());
        let mut upload = Upload::new(header, Opcode::Put, 0, &budget, &budget);
        for segment in body.chunks(segment_bytes) {
            let offset = upload.taken_bytes();
            upload.take(offset + 1, b"not the next", &mut store, 0).unwrap();
            upload.take(offset, segment, &mut store, 0).unwrap();
        }
        assert!(upload.is_whole());
        let parts = upload.into_parts();
        assert_eq!(budget.used_bytes(), 0);
        parts
    }

    #[test]
    fn a_large_value_goes_into_blocks_however_it_is_cut() {
        let value: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        for (key, segment_bytes) in [(&b"key"[..], 1_416), (b"", 33), (&[7; 3_000], 1_416), (b"k", 90_000)] {
            let body = body(key, &value);
            let (head, chain) = upload(&body, segment_bytes);
            assert_eq!(head, &body[..body.len() - value.len()]);
            assert_eq!(chain.unwrap().pieces().collect::<Vec<_>>().concat(), value);
        }
    }

    #[test]
    fn a_short_value_stays_with_its_head() {
        let body = body(b"key", &[5; BLOCK_BYTES]);
        let (head, chain) = upload(&body, 1_000);
        assert!(head == body && chain.is_none());
    }

    #[test]
    fn a_body_that_lies_about_its_key_is_no_upload() {
        let (budget, mut store) = (Budget::new(1 << 30), store());
        let header = Header { total_bytes: 100_000, opcode: Opcode::Put as u8, ..Header::default() };
        let mut upload = Upload::new(header, Opcode::Put, 0, &budget, &budget);
        assert_eq!(upload.take(0, &[0xFF; 20], &mut store, 0), Err(Status::KeyTooLong));
        let header = Header { total_bytes: 20, ..header };
        let mut upload = Upload::new(header, Opcode::Put, 0, &budget, &budget);
        assert_eq!(upload.take(0, b"\0\0\0\0\x64\0\0\0", &mut store, 0), Ok(()), "the rest decides");
        assert_eq!(upload.take(8, &[0; 12], &mut store, 0), Ok(()));
        assert!(upload.is_whole());
    }
}
