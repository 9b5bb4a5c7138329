//! Writes that a call stages. They lie in a room of fixed size until the call has succeeded; reads of the call see them.

use std::mem;

use crate::trap::Refused;

/// Where calls stage their writes, one after the other.
#[derive(Debug)]
pub struct Room {
    bytes: Box<[u8]>,
    /// An empty list, kept for its memory.
    spare: Vec<Staged<'static>>,
    /// What the last call staged, if it succeeded.
    writes: Vec<Entry>,
}

/// A write that a call has left behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Write<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The new value, or nothing for a record that is deleted.
    pub value: Option<&'a [u8]>,
}

impl Room {
    /// Room for keys and values of so many bytes in a call; up to [`WRITES_MAX`] writes.
    pub fn new(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes].into(),
            spare: Vec::with_capacity(WRITES_MAX),
            writes: Vec::with_capacity(WRITES_MAX),
        }
    }

    /// What the last call has staged, if it succeeded: one write for each key, in the order in which keys were first written.
    pub fn writes(&self) -> impl ExactSizeIterator<Item = Write<'_>> {
        let bytes = |start: usize, len: usize| &self.bytes[start..start + len];
        self.writes.iter().map(move |entry| Write {
            key: bytes(entry.key_start, entry.key_bytes),
            value: entry.value.map(|(start, len)| bytes(start, len)),
        })
    }

    /// A stage for the next call; what the last one staged is forgotten.
    #[inline]
    pub(crate) fn stage(&mut self) -> Stage<'_> {
        self.writes.clear();
        Stage {
            free: &mut self.bytes,
            used_bytes: 0,
            staged: Vec::new(),
            spare: &mut self.spare,
            writes: &mut self.writes,
        }
    }
}

/// Where a write lies in the room.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key_start: usize,
    key_bytes: usize,
    value: Option<(usize, usize)>,
}

/// A write while the call runs: what it points to never changes, so programs may look at it.
#[derive(Clone, Copy, Debug)]
struct Staged<'s> {
    key: &'s [u8],
    value: Option<&'s [u8]>,
    key_start: usize,
    value_start: usize,
}

/// The writes of the call that runs.
#[derive(Debug)]
pub(crate) struct Stage<'s> {
    free: &'s mut [u8],
    used_bytes: usize,
    staged: Vec<Staged<'s>>,
    spare: &'s mut Vec<Staged<'static>>,
    writes: &'s mut Vec<Entry>,
}

impl<'s> Stage<'s> {
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.staged.is_empty()
    }

    /// How many keys are written.
    #[inline]
    pub(crate) const fn count(&self) -> usize {
        self.staged.len()
    }

    /// What is staged for a key: its new value, or that it is deleted.
    pub(crate) fn find(&self, key: &[u8]) -> Option<Option<&'s [u8]>> {
        self.staged.iter().find(|staged| staged.key == key).map(|staged| staged.value)
    }

    /// Whether a write fits.
    pub(crate) fn fits(&self, key: &[u8], value_bytes: usize) -> Result<(), Refused> {
        let is_new = !self.staged.iter().any(|staged| staged.key == key);
        let needed = value_bytes + if is_new { key.len() } else { 0 };
        let has_room = needed <= self.free.len() && !(is_new && self.staged.len() == WRITES_MAX);
        if has_room { Ok(()) } else { Err(Refused::Staged) }
    }

    /// Stages a write that fits.
    ///
    /// # Panics
    /// If it does not.
    pub(crate) fn put(&mut self, key: &[u8], value: Option<&[u8]>) {
        let index = self.staged.iter().position(|staged| staged.key == key);
        let index = index.unwrap_or_else(|| self.add(key));
        let value = value.map(|value| self.keep(value));
        let staged = &mut self.staged[index];
        staged.value = value.map(|(_, value)| value);
        staged.value_start = value.map_or(0, |(start, _)| start);
    }

    /// Leaves the writes in the room.
    #[inline]
    pub(crate) fn commit(&mut self) {
        self.writes.extend(self.staged.iter().map(|staged| Entry {
            key_start: staged.key_start,
            key_bytes: staged.key.len(),
            value: staged.value.map(|value| (staged.value_start, value.len())),
        }));
    }

    /// Gives the memory of the list back to the room.
    #[inline]
    pub(crate) fn end(&mut self) {
        if self.staged.capacity() > 0 {
            let mut staged = mem::take(&mut self.staged);
            staged.clear();
            // An empty list of another lifetime in the same memory.
            *self.spare = staged.into_iter().map(|_| Staged::NONE).collect();
        }
    }

    fn add(&mut self, key: &[u8]) -> usize {
        if self.staged.capacity() == 0 {
            self.staged = mem::take(self.spare);
        }
        let (key_start, key) = self.keep(key);
        self.staged.push(Staged { key, value: None, key_start, value_start: 0 });
        self.staged.len() - 1
    }

    fn keep(&mut self, bytes: &[u8]) -> (usize, &'s [u8]) {
        let (kept, free) = mem::take(&mut self.free).split_at_mut(bytes.len());
        kept.copy_from_slice(bytes);
        self.free = free;
        let start = self.used_bytes;
        self.used_bytes += bytes.len();
        (start, kept)
    }
}

impl Staged<'static> {
    const NONE: Self = Self { key: &[], value: None, key_start: 0, value_start: 0 };
}

/// Most keys that a call writes.
pub const WRITES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(room: &Room) -> Vec<(&[u8], Option<&[u8]>)> {
        room.writes().map(|write| (write.key, write.value)).collect()
    }

    #[test]
    fn the_last_write_of_a_key_counts_and_is_read() {
        let mut room = Room::new(64);
        let mut stage = room.stage();
        stage.put(b"a", Some(b"1"));
        stage.put(b"b", Some(b""));
        let first = stage.find(b"a");
        stage.put(b"a", Some(b"22"));
        stage.put(b"b", None);
        assert_eq!(first, Some(Some(&b"1"[..])), "what was looked at stays as it was");
        assert_eq!(stage.find(b"a"), Some(Some(&b"22"[..])));
        assert_eq!((stage.find(b"b"), stage.find(b"c")), (Some(None), None));
        stage.commit();
        stage.end();
        assert_eq!(writes(&room), [(&b"a"[..], Some(&b"22"[..])), (b"b", None)]);
    }

    #[test]
    fn nothing_remains_of_a_call_that_was_dropped() {
        let mut room = Room::new(64);
        room.stage().put(b"a", Some(b"1"));
        assert_eq!(writes(&room), []);
        let mut stage = room.stage();
        stage.put(b"b", Some(b"2"));
        stage.commit();
        stage.end();
        assert_eq!(room.writes().len(), 1);
        room.stage();
        assert_eq!(room.writes().len(), 0);
    }

    #[test]
    fn bytes_and_keys_have_a_limit() {
        let mut room = Room::new(5);
        let mut stage = room.stage();
        assert_eq!((stage.fits(b"ab", 3), stage.fits(b"ab", 4)), (Ok(()), Err(Refused::Staged)));
        stage.put(b"ab", Some(b"1"));
        assert_eq!((stage.fits(b"ab", 2), stage.fits(b"ab", 3), stage.fits(b"c", 2)), {
            (Ok(()), Err(Refused::Staged), Err(Refused::Staged))
        });
        let mut room = Room::new(1024);
        let mut stage = room.stage();
        for key in 0..u8::try_from(WRITES_MAX).expect("a small number") {
            assert_eq!(stage.fits(&[key], 0), Ok(()));
            stage.put(&[key], None);
        }
        assert_eq!((stage.fits(&[0], 1), stage.fits(&[200], 0)), (Ok(()), Err(Refused::Staged)));
    }

    #[test]
    fn the_list_is_allocated_once() {
        let mut room = Room::new(64);
        let capacity = room.spare.capacity();
        for _ in 0..3 {
            let memory = room.spare.as_ptr() as usize;
            let mut stage = room.stage();
            stage.put(b"a", None);
            stage.end();
            assert_eq!((room.spare.capacity(), room.spare.as_ptr() as usize), (capacity, memory));
        }
    }
}
