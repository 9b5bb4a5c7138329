//! The format of an item in memory: a header, the key, and the value or the number of its chain.

use super::to_usize;
use adit_wire::kv::BucketId;

// An item, aligned to 16 bytes, numbers little-endian:
//
//  byte 0        8                 16       24         28         32       36     38        40
//       | version | journal position | expiry | bucket id | value len | key len | flags | reserved | key | body |
//         u64       u64                u64      u32         u32         u32       u16     u16
//
// version           of the last write, counted per store; larger is later
// journal position  of the last write; 0 in a bucket that is not journaled
// expiry            Unix time in ms at which the item is gone; 0 = never
// flags             bit 0 CHAIN: the body is the u32 number of a chain, else it is the value
//                   bit 1 INTENT: staged, not yet the key's item; whoever looks for the key does not see it
//                   bit 2 REFERENCED: kept for eviction
//                   bit 3 EDITED: an append or a write to a range came last
// value len         bytes of the value, also if it lies in a chain

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 40;
/// Items start at multiples of this.
pub(super) const ITEM_ALIGN_BYTES: usize = 16;
/// Longest item whose value stands in it; longer values go to a chain.
pub(super) const INLINE_BYTES_MAX: usize = 64 << 10;
/// Bytes of the number of a chain.
pub(super) const CHAIN_ID_BYTES: usize = 4;
/// Longest key that is compared in place.
const SHORT_KEY_BYTES: usize = 64;
/// Flag: the body is the number of a chain.
pub(super) const FLAG_CHAIN: u16 = 1;
/// Flag: the item is staged.
pub(super) const FLAG_INTENT: u16 = 2;
/// Flag: a part of the value was written by itself: `OBJECT ENCODING` tells.
pub(super) const FLAG_EDITED: u16 = 8;
/// Start of the word that holds the key length and the flags.
const KEY_WORD: usize = 32;
/// The bits of that word that tell a key's item from others: its length, and that it is not staged.
const KEY_WORD_COMPARED: u64 = u32::MAX as u64 | (FLAG_INTENT as u64) << 32;

/// The numbers at the start of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u64,
    pub(super) journal_position: u64,
    pub(super) expiry_ms: u64,
    pub(super) bucket: BucketId,
    pub(super) value_len: u32,
    pub(super) key_len: u32,
    pub(super) flags: u16,
}

impl Header {
    /// Reads a header.
    #[inline]
    pub(super) fn read(bytes: &[u8; HEADER_BYTES]) -> Self {
        Self {
            version: u64::from_le_bytes(part(bytes, 0)),
            journal_position: u64::from_le_bytes(part(bytes, 8)),
            expiry_ms: u64::from_le_bytes(part(bytes, 16)),
            bucket: BucketId(u32::from_le_bytes(part(bytes, 24))),
            value_len: u32::from_le_bytes(part(bytes, 28)),
            key_len: u32::from_le_bytes(part(bytes, 32)),
            flags: u16::from_le_bytes(part(bytes, 36)),
        }
    }

    /// Writes the header, field by field: a copy of an array made of fields would stall, as the processor forwards
    /// no narrow stores to wide loads.
    #[inline]
    pub(super) fn write(&self, bytes: &mut [u8; HEADER_BYTES]) {
        bytes[0..8].copy_from_slice(&self.version.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.journal_position.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.expiry_ms.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.bucket.0.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.value_len.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.key_len.to_le_bytes());
        bytes[36..38].copy_from_slice(&self.flags.to_le_bytes());
        bytes[38..40].fill(0);
    }

    /// Whether the value lies in a chain.
    #[inline]
    pub(super) fn is_chain(&self) -> bool {
        self.flags & FLAG_CHAIN != 0
    }

    /// Whether the item is staged.
    #[inline]
    pub(super) fn is_intent(&self) -> bool {
        self.flags & FLAG_INTENT != 0
    }

    /// Bytes after the key.
    #[inline]
    pub(super) fn body_len(&self) -> usize {
        if self.is_chain() { CHAIN_ID_BYTES } else { to_usize(u64::from(self.value_len)) }
    }

    /// Bytes before the body.
    #[inline]
    pub(super) fn body_start(&self) -> usize {
        HEADER_BYTES + to_usize(u64::from(self.key_len))
    }

    /// Bytes of the whole item.
    #[inline]
    pub(super) fn item_len(&self) -> usize {
        self.body_start() + self.body_len()
    }
}

/// An item within the bytes from its start to the end of its page.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) header: Header,
    head: &'a [u8; HEADER_BYTES],
    rest: &'a [u8],
}

impl<'a> View<'a> {
    /// The item at the start of `bytes`.
    ///
    /// # Panics
    /// If there is not even room for a header: the index then points to what never was an item.
    #[inline]
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let Some((head, rest)) = bytes.split_first_chunk() else { no_item() };
        Self { header: Header::read(head), head, rest }
    }

    /// Whether the item is one of this key: not staged, and with these bytes in this bucket.
    #[inline]
    pub(super) fn is_of(&self, bucket: BucketId, key: &[u8]) -> bool {
        // Length and flag at once and first: a key is cut out of the page only where one of this length can be.
        let word = u64::from_le_bytes(part(self.head, KEY_WORD));
        word & KEY_WORD_COMPARED == key.len() as u64 && self.header.bucket == bucket && equal(self.key(), key)
    }

    /// The key.
    #[inline]
    pub(super) fn key(&self) -> &'a [u8] {
        &self.rest[..to_usize(u64::from(self.header.key_len))]
    }

    /// The value, or the bytes of the number of its chain.
    #[inline]
    pub(super) fn body(&self) -> &'a [u8] {
        let start = to_usize(u64::from(self.header.key_len));
        &self.rest[start..start + self.header.body_len()]
    }

    /// The number of the chain, if the value lies in one.
    #[inline]
    pub(super) fn chain(&self) -> Option<u32> {
        let body = if self.header.is_chain() { self.body().first_chunk()? } else { return None };
        Some(u32::from_le_bytes(*body))
    }
}

/// Whether two keys are equal. Most are short: words compared in place are a third of the cost of a call of `memcmp`.
#[inline]
pub(super) fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if one.len() > SHORT_KEY_BYTES {
        return one == other;
    }
    let ((words, _), (other_words, _)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    for (word, other_word) in words.iter().zip(other_words) {
        if u64::from_le_bytes(*word) != u64::from_le_bytes(*other_word) {
            return false;
        }
    }
    match (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        // The last word overlaps the one before, and so takes what is left.
        (Some(last), Some(other_last)) => u64::from_le_bytes(*last) == u64::from_le_bytes(*other_last),
        _ => one.iter().zip(other).all(|(byte, other_byte)| byte == other_byte),
    }
}

/// Ends the process: see [`View::of`].
#[cold]
#[inline(never)]
pub(super) fn no_item() -> ! {
    panic!("the index points to bytes too few for an item")
}

/// `LEN` bytes of a header from `start`.
#[inline]
fn part<const LEN: usize>(bytes: &[u8; HEADER_BYTES], start: usize) -> [u8; LEN] {
    let mut part = [0; LEN];
    part.copy_from_slice(&bytes[start..start + LEN]);
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        version: 0x0102_0304_0506_0708,
        journal_position: 0x1112_1314_1516_1718,
        expiry_ms: 0x2122_2324_2526_2728,
        bucket: BucketId(0x3132_3334),
        value_len: 3,
        key_len: 2,
        flags: 0x5152,
    };

    fn bytes_of(header: &Header) -> [u8; HEADER_BYTES] {
        let mut bytes = [0xff; HEADER_BYTES];
        header.write(&mut bytes);
        bytes
    }

    #[test]
    fn golden_bytes_of_a_header() {
        let golden: [u8; HEADER_BYTES] = [
            8, 7, 6, 5, 4, 3, 2, 1, // version
            0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, // journal position
            0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, // expiry
            0x34, 0x33, 0x32, 0x31, // bucket
            3, 0, 0, 0, // value length
            2, 0, 0, 0, // key length
            0x52, 0x51, 0, 0, // flags, reserved
        ];
        assert_eq!(bytes_of(&HEADER), golden);
        assert_eq!(Header::read(&golden), HEADER);
    }

    #[test]
    fn keys_are_equal_in_all_bytes() {
        for len in 0..100 {
            let key: Vec<u8> = (0..len).collect();
            assert!(equal(&key, &key.clone()));
            assert!(!equal(&key, &[&key[..], b"x"].concat()));
            for at in 0..key.len() {
                let mut other = key.clone();
                other[at] ^= 0x80;
                assert!(!equal(&key, &other), "byte {at} of {len}");
            }
        }
    }

    #[test]
    fn a_view_finds_key_value_and_chain() {
        let mut bytes = bytes_of(&HEADER).to_vec();
        bytes.extend_from_slice(b"kyvalrest");
        let view = View::of(&bytes);
        assert_eq!((view.key(), view.body(), view.chain()), (&b"ky"[..], &b"val"[..], None));
        assert_eq!(view.header.item_len(), 45);

        let header = Header { flags: FLAG_CHAIN, value_len: 1 << 20, ..HEADER };
        let mut bytes = bytes_of(&header).to_vec();
        bytes.extend_from_slice(b"ky\x01\x02\x00\x00rest");
        let view = View::of(&bytes);
        assert_eq!((view.key(), view.chain()), (&b"ky"[..], Some(0x0201)));
        assert_eq!(view.header.item_len(), 46);
    }

    #[test]
    fn an_item_is_of_its_key_unless_it_is_staged() {
        for (flags, is_of) in [(0, true), (FLAG_CHAIN, true), (FLAG_INTENT, false), (!FLAG_INTENT, true)] {
            let mut bytes = bytes_of(&Header { flags, ..HEADER }).to_vec();
            bytes.extend_from_slice(b"kyval");
            let view = View::of(&bytes);
            assert_eq!((view.is_of(HEADER.bucket, b"ky"), view.header.is_intent()), (is_of, flags & 2 != 0));
            assert!(!view.is_of(BucketId(0), b"ky"));
            assert!(!view.is_of(HEADER.bucket, b"kx") && !view.is_of(HEADER.bucket, b"k"));
        }
    }
}
