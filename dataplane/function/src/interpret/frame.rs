//! A stack frame that knows of each byte whether it was written and whether a pointer had a part in it, and of each word whether it is a pointer.
//! The context of a hook is one, too.

use super::FaultKind;
use super::tag::Tag;
use crate::instruction::Size;
use crate::program::FRAME_BYTES;

/// The bytes of a frame and what is known of them.
#[derive(Debug)]
pub(super) struct Frame {
    bytes: [u8; BYTES],
    /// Bytes that were written.
    written: Bits,
    /// Bytes that are a part of a pointer, or were calculated from one.
    tainted: Bits,
    /// Words that are a whole pointer.
    pointers: u64,
    /// What these point to.
    tags: [Tag; WORDS],
}

impl Frame {
    /// Forgets all that was written.
    pub(super) const fn clear(&mut self) {
        self.written = Bits::EMPTY;
        self.tainted = Bits::EMPTY;
        self.pointers = 0;
    }

    /// What lies there.
    #[inline]
    pub(super) fn load(&self, offset: usize, size: Size) -> Result<(u64, Tag), FaultKind> {
        let len = size.bytes() as usize;
        if !self.written.has_all(offset, len) {
            return Err(FaultKind::Uninitialised);
        }
        let value = read(&self.bytes[offset..offset + len]);
        if !self.tainted.has_any(offset, len) {
            return Ok((value, Tag::NUMBER));
        }
        let word = offset / 8;
        let is_pointer = len == 8 && offset.is_multiple_of(8) && self.pointers >> word & 1 != 0;
        Ok((value, if is_pointer { self.tags[word] } else { Tag::TAINTED }))
    }

    /// Writes a value. A pointer remains one if it fills a word.
    #[inline]
    pub(super) fn store(&mut self, offset: usize, size: Size, value: u64, tag: Tag) {
        let len = size.bytes() as usize;
        self.overwrite(offset, len).copy_from_slice(&value.to_le_bytes()[..len]);
        if tag == Tag::NUMBER {
            return;
        }
        self.tainted.add(offset, len);
        if tag.is_pointer() && len == 8 && offset.is_multiple_of(8) {
            self.pointers |= 1 << (offset / 8);
            self.tags[offset / 8] = tag;
        }
    }

    /// Bytes that may be shown to a helper: written, and not by pointers.
    pub(super) fn read(&self, offset: usize, len: usize) -> Result<&[u8], FaultKind> {
        if !self.written.has_all(offset, len) {
            return Err(FaultKind::Uninitialised);
        }
        if self.tainted.has_any(offset, len) {
            return Err(FaultKind::Leak);
        }
        Ok(&self.bytes[offset..offset + len])
    }

    /// Bytes that are all written with numbers now.
    #[inline]
    pub(super) fn overwrite(&mut self, offset: usize, len: usize) -> &mut [u8] {
        self.written.add(offset, len);
        if self.tainted.has_any(offset, len) {
            self.tainted.remove(offset, len);
            for word in offset / 8..(offset + len).div_ceil(8) {
                self.pointers &= !(1 << word);
            }
        }
        &mut self.bytes[offset..offset + len]
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            bytes: [0; BYTES],
            written: Bits::EMPTY,
            tainted: Bits::EMPTY,
            pointers: 0,
            tags: [Tag::NUMBER; WORDS],
        }
    }
}

/// The number that up to 8 bytes are.
#[inline]
pub(super) fn read(bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    number[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(number)
}

/// A bit for each byte of a frame.
#[derive(Clone, Copy, Debug)]
struct Bits([u64; BYTES / 64]);

impl Bits {
    const EMPTY: Self = Self([0; BYTES / 64]);

    #[inline]
    fn has_all(&self, offset: usize, len: usize) -> bool {
        parts(offset, len).all(|(word, mask)| self.0[word] & mask == mask)
    }

    #[inline]
    fn has_any(&self, offset: usize, len: usize) -> bool {
        parts(offset, len).any(|(word, mask)| self.0[word] & mask != 0)
    }

    #[inline]
    fn add(&mut self, offset: usize, len: usize) {
        parts(offset, len).for_each(|(word, mask)| self.0[word] |= mask);
    }

    #[inline]
    fn remove(&mut self, offset: usize, len: usize) {
        parts(offset, len).for_each(|(word, mask)| self.0[word] &= !mask);
    }
}

/// The words that a range of bits lies in, and which bits of each.
#[inline]
fn parts(offset: usize, len: usize) -> impl Iterator<Item = (usize, u64)> {
    let (mut at, end) = (offset, offset + len);
    std::iter::from_fn(move || {
        let count = (64 - at % 64).min(end - at);
        (count > 0).then(|| {
            let part = (at / 64, u64::MAX >> (64 - count) << (at % 64));
            at += count;
            part
        })
    })
}

const BYTES: usize = FRAME_BYTES as usize;
const WORDS: usize = BYTES / 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_is_read() {
        let mut frame = Frame::default();
        frame.store(60, Size::Double, 0x0807_0605_0403_0201, Tag::NUMBER);
        assert_eq!(frame.load(60, Size::Double), Ok((0x0807_0605_0403_0201, Tag::NUMBER)));
        assert_eq!(frame.load(63, Size::Word), Ok((0x0706_0504, Tag::NUMBER)));
        assert_eq!(frame.load(59, Size::Byte), Err(FaultKind::Uninitialised));
        assert_eq!(frame.load(68, Size::Byte), Err(FaultKind::Uninitialised));
        assert_eq!(frame.load(61, Size::Double), Err(FaultKind::Uninitialised));
        assert_eq!(frame.read(60, 8), Ok(&[1, 2, 3, 4, 5, 6, 7, 8][..]));
        assert_eq!(frame.read(60, 9), Err(FaultKind::Uninitialised));
        frame.clear();
        assert_eq!(frame.load(60, Size::Byte), Err(FaultKind::Uninitialised));
    }

    #[test]
    fn a_pointer_is_one_as_long_as_it_is_whole() {
        let mut frame = Frame::default();
        frame.store(504, Size::Double, 0x77, Tag::DATA);
        assert_eq!(frame.load(504, Size::Double), Ok((0x77, Tag::DATA)));
        assert_eq!(frame.load(504, Size::Byte), Ok((0x77, Tag::TAINTED)));
        assert_eq!(frame.read(511, 1), Err(FaultKind::Leak));
        frame.store(511, Size::Byte, 0, Tag::NUMBER);
        assert_eq!(frame.load(504, Size::Double), Ok((0x77, Tag::TAINTED)));
        assert_eq!(frame.load(511, Size::Byte), Ok((0, Tag::NUMBER)));
        frame.overwrite(504, 8).fill(1);
        assert_eq!(frame.load(504, Size::Word), Ok((0x0101_0101, Tag::NUMBER)));
        frame.store(12, Size::Double, 0x77, Tag::DATA);
        assert_eq!(frame.load(12, Size::Double), Ok((0x77, Tag::TAINTED)), "it does not fill a word");
    }
}
