//! A stack frame: which of its bytes are initialised, which may belong to a pointer, and what its slots hold.

use super::form::Form;
use super::value::{Absence, Edge, Value};

/// A stack frame. Offsets count from its start here: 0 to 511.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// The function that it belongs to.
    pub(super) function: u32,
    /// Registers 6 to 9 of the caller.
    pub(super) saved: [Value; 4],
    /// Bytes that were written for sure.
    pub(super) initialised: Bytes,
    /// Bytes that may belong to a pointer.
    pub(super) pointers: Bytes,
    /// What aligned slots of 8 bytes hold, ascending; what is not here is any number, if it is initialised and no pointer.
    pub(super) slots: Vec<(u8, Value)>,
    /// Views that were loaded: where their pair of pointers stands, as a distance from register 10, and the region made of them. It holds
    /// until one of their pointers is overwritten, as the symbols of an offset never change.
    pub(super) views: Vec<(Form, u16)>,
}

/// A bit for each byte of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Bytes([u64; FRAME_WORDS]);

impl Default for Value {
    fn default() -> Self {
        Self::Nothing(Absence::Unset)
    }
}

impl Clone for Frame {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), views: self.views.clone(), ..*self }
    }

    fn clone_from(&mut self, source: &Self) {
        self.function = source.function;
        self.saved = source.saved;
        self.initialised = source.initialised;
        self.pointers = source.pointers;
        self.slots.clone_from(&source.slots);
        self.views.clone_from(&source.views);
    }
}

impl Frame {
    /// Makes it that of a function that was just entered.
    pub(super) fn enter(&mut self, function: u32, saved: [Value; 4]) {
        self.function = function;
        self.saved = saved;
        self.initialised = Bytes::default();
        self.pointers = Bytes::default();
        self.slots.clear();
        self.views.clear();
    }

    /// What a slot holds, if it is known.
    pub(super) fn slot(&self, slot: u8) -> Option<Value> {
        let at = self.slots.binary_search_by_key(&slot, |held| held.0).ok()?;
        Some(self.slots[at].1)
    }

    /// Forgets what the slots hold that have a byte in a range. Their other bytes stay what they are.
    fn forget(&mut self, start: usize, end: usize) {
        let touched = |slot: u8| usize::from(slot) < end.div_ceil(8) && usize::from(slot) >= start / 8;
        let mut views = false;
        self.slots.retain(|(slot, value)| {
            views |= touched(*slot) && matches!(value, Value::View(_));
            !touched(*slot)
        });
        if views {
            self.views.clear();
        }
    }

    /// Bytes that are known are overwritten by numbers.
    pub(super) fn write(&mut self, start: usize, end: usize) {
        self.forget(start, end);
        self.initialised.set(start, end);
        self.pointers.unset(start, end);
    }

    /// Some bytes of a range without pointers are overwritten by numbers.
    pub(super) fn write_within(&mut self, start: usize, end: usize) {
        self.forget(start, end);
    }

    /// A slot is overwritten.
    pub(super) fn write_slot(&mut self, slot: u8, value: Value) {
        let start = usize::from(slot) * 8;
        self.write(start, start + 8);
        if value.is_pointer() {
            self.pointers.set(start, start + 8);
        }
        if !matches!(value, Value::Nothing(_)) {
            let at = self.slots.partition_point(|held| held.0 < slot);
            self.slots.insert(at, (slot, value));
        }
    }

    /// A helper wrote views from a slot on.
    pub(super) fn write_views(&mut self, slot: u8, count: u8) {
        for view in 0..count {
            self.write_slot(slot + view * 2, Value::View(Edge::Start));
            self.write_slot(slot + view * 2 + 1, Value::View(Edge::End));
        }
        self.views.clear();
    }

    /// The bytes without pointers around a byte: from the first to one behind the last.
    pub(super) fn plain_around(&self, at: usize) -> (usize, usize) {
        let start = (0..at).rev().find(|&byte| self.pointers.any(byte, byte + 1)).map_or(0, |byte| byte + 1);
        let end = (at..FRAME_BYTES).find(|&byte| self.pointers.any(byte, byte + 1)).unwrap_or(FRAME_BYTES);
        (start, end)
    }
}

impl Bytes {
    /// The bits of a range within a word.
    fn mask(word: usize, start: usize, end: usize) -> u64 {
        let (from, to) = (start.saturating_sub(word * 64), end.saturating_sub(word * 64).min(64));
        if from >= to { 0 } else { (u64::MAX >> (64 - (to - from))) << from }
    }

    pub(super) fn set(&mut self, start: usize, end: usize) {
        for word in start / 64..end.div_ceil(64) {
            self.0[word] |= Self::mask(word, start, end);
        }
    }

    pub(super) fn unset(&mut self, start: usize, end: usize) {
        for word in start / 64..end.div_ceil(64) {
            self.0[word] &= !Self::mask(word, start, end);
        }
    }

    pub(super) fn all(&self, start: usize, end: usize) -> bool {
        (start / 64..end.div_ceil(64)).all(|word| !self.0[word] & Self::mask(word, start, end) == 0)
    }

    pub(super) fn any(&self, start: usize, end: usize) -> bool {
        (start / 64..end.div_ceil(64)).any(|word| self.0[word] & Self::mask(word, start, end) != 0)
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        let mut both = *self;
        both.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
        both
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        let mut either = *self;
        either.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
        either
    }
}

/// Bytes of a frame.
pub(super) const FRAME_BYTES: usize = 512;
const FRAME_WORDS: usize = FRAME_BYTES / 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_bytes() {
        let mut bytes = Bytes::default();
        bytes.set(60, 68);
        for (start, end, all, any) in [
            (60, 68, true, true),
            (59, 68, false, true),
            (60, 69, false, true),
            (0, 60, false, false),
            (68, 512, false, false),
        ] {
            assert_eq!((bytes.all(start, end), bytes.any(start, end)), (all, any), "{start}..{end}");
        }
        bytes.unset(64, 512);
        assert!(bytes.all(60, 64) && !bytes.any(64, 512));
        bytes.set(0, 512);
        assert!(bytes.all(0, 512));
    }

    #[test]
    fn part_of_a_pointer_remains_one() {
        let mut frame = Frame::default();
        frame.write_slot(3, Value::View(Edge::Start));
        frame.write(24, 28);
        assert_eq!(frame.slot(3), None);
        assert!(!frame.pointers.any(24, 28) && frame.pointers.all(28, 32));
        assert_eq!(frame.plain_around(24), (0, 28));
    }
}
