//! The format of an item in memory: a header, the key, and the value or the number of its chain.

use super::to_usize;
use adit_wire::kv::{BucketId, KEY_BYTES_MAX};

// An item, aligned to 16 bytes, numbers little-endian:
//
//  byte 0        8                 16       24         28         32       36     38        40
//       | version | journal position | expiry | bucket id | value len | key word | flags | reserved | key | body |
//         u64       u64                u64      u32         u32         u32        u16     u16
//
// version           of the last write, counted per store; larger is later
// journal position  of the last write; 0 in a bucket that is not journaled
// expiry            Unix time in ms at which the item is gone; 0 = never
// key word          bits 0..24 are the length of the key, the others say that the item is no ordinary one of its key; so
//                   a look-up knows by one compare:
//                   bit 30 COLD: not looked up since it was new or the hand of eviction came by; in a bucket that evicts
//                   bit 31 INTENT: staged, not yet the key's item; whoever looks for the key does not see it
// flags             bit 0 CHAIN: the body is the u32 number of a chain, else it is the value
//                   bit 1 HELD: not to be evicted
//                   bit 3 EDITED: an append or a write to a range came last
//                   bit 15 FREE: no item; the first four bytes are the link of a list of free room
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
/// Flag: the item is not to be evicted.
pub(super) const FLAG_HELD: u16 = 2;
/// Flag: a part of the value was written by itself: `OBJECT ENCODING` tells.
pub(super) const FLAG_EDITED: u16 = 8;
/// Flag: there is no item.
pub(super) const FLAG_FREE: u16 = 1 << 15;
/// Of a key word: the item was not looked up since it was new or the hand of eviction came by.
pub(super) const COLD: u32 = 1 << 30;
/// Of a key word: the item is staged.
pub(super) const INTENT: u32 = 1 << 31;
/// Of a key word: the length of the key.
const KEY_LEN_MASK: u32 = (1 << 24) - 1;
/// Start of the key word.
const KEY_WORD_START: usize = 32;
/// Start of the flags.
const FLAGS_START: usize = 36;

const _: () = assert!(KEY_BYTES_MAX <= KEY_LEN_MASK as usize);

/// The numbers at the start of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u64,
    pub(super) journal_position: u64,
    pub(super) expiry_ms: u64,
    pub(super) bucket: BucketId,
    pub(super) value_len: u32,
    /// Length of the key, and [`COLD`] and [`INTENT`].
    pub(super) key_word: u32,
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
            key_word: u32::from_le_bytes(part(bytes, KEY_WORD_START)),
            flags: u16::from_le_bytes(part(bytes, FLAGS_START)),
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
        bytes[32..36].copy_from_slice(&self.key_word.to_le_bytes());
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
        self.key_word & INTENT != 0
    }

    /// Whether the item was not looked up for some time.
    #[inline]
    pub(super) fn is_cold(&self) -> bool {
        self.key_word & COLD != 0
    }

    /// Bytes of the key.
    #[inline]
    pub(super) fn key_len(&self) -> usize {
        to_usize(u64::from(self.key_word & KEY_LEN_MASK))
    }

    /// Bytes after the key.
    #[inline]
    pub(super) fn body_len(&self) -> usize {
        if self.is_chain() { CHAIN_ID_BYTES } else { to_usize(u64::from(self.value_len)) }
    }

    /// Bytes before the body.
    #[inline]
    pub(super) fn body_start(&self) -> usize {
        HEADER_BYTES + self.key_len()
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
    rest: &'a [u8],
}

impl<'a> View<'a> {
    /// The item whose header is `head`, and what follows it `rest`.
    #[inline]
    pub(super) fn of(head: &[u8; HEADER_BYTES], rest: &'a [u8]) -> Self {
        Self { header: Header::read(head), rest }
    }

    /// Whether the item is the one of this key, and neither staged nor cold.
    #[inline]
    pub(super) fn is_warm_of(&self, bucket: BucketId, key: &[u8]) -> bool {
        // The key word first: a key is cut out of the page only where one of this length can be.
        self.header.key_word as usize == key.len()
            && self.header.bucket == bucket
            && equal(&self.rest[..key.len()], key)
    }

    /// Whether the item is the one of this key, and not staged.
    pub(super) fn is_of(&self, bucket: BucketId, key: &[u8]) -> bool {
        !self.header.is_intent() && self.header.bucket == bucket && equal(self.key(), key)
    }

    /// The key.
    #[inline]
    pub(super) fn key(&self) -> &'a [u8] {
        &self.rest[..self.header.key_len()]
    }

    /// The value, or the bytes of the number of its chain.
    #[inline]
    pub(super) fn body(&self) -> &'a [u8] {
        let start = self.header.key_len();
        &self.rest[start..start + self.header.body_len()]
    }

    /// The number of the chain, if the value lies in one.
    #[inline]
    pub(super) fn chain(&self) -> Option<u32> {
        let body = if self.header.is_chain() { self.body().first_chunk()? } else { return None };
        Some(u32::from_le_bytes(*body))
    }
}

/// Makes free room of the bytes of an item, with a link to other free room.
#[inline]
pub(super) fn write_free(bytes: &mut [u8], link: u32) {
    bytes[..4].copy_from_slice(&link.to_le_bytes());
    bytes[FLAGS_START..FLAGS_START + 2].copy_from_slice(&FLAG_FREE.to_le_bytes());
}

/// Whether two keys are equal. Most are short: words compared in place are a third of the cost of a call of
/// `memcmp`.
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

/// Ends the process: there is not even room for a header, so the index points to what never was an item.
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
        key_word: 2,
        flags: 0x5152,
    };

    fn bytes_of(header: &Header) -> [u8; HEADER_BYTES] {
        let mut bytes = [0xff; HEADER_BYTES];
        header.write(&mut bytes);
        bytes
    }

    fn view_of(bytes: &[u8]) -> View<'_> {
        let (head, rest) = bytes.split_first_chunk().unwrap();
        View::of(head, rest)
    }

    #[test]
    fn golden_bytes_of_a_header() {
        let golden: [u8; HEADER_BYTES] = [
            8, 7, 6, 5, 4, 3, 2, 1, // version
            0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, // journal position
            0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21, // expiry
            0x34, 0x33, 0x32, 0x31, // bucket
            3, 0, 0, 0, // value length
            2, 0, 0, 0, // key word
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
        let view = view_of(&bytes);
        assert_eq!((view.key(), view.body(), view.chain()), (&b"ky"[..], &b"val"[..], None));
        assert_eq!(view.header.item_len(), 45);

        let header = Header { flags: FLAG_CHAIN, value_len: 1 << 20, ..HEADER };
        let mut bytes = bytes_of(&header).to_vec();
        bytes.extend_from_slice(b"ky\x01\x02\x00\x00rest");
        let view = view_of(&bytes);
        assert_eq!((view.key(), view.chain()), (&b"ky"[..], Some(0x0201)));
        assert_eq!(view.header.item_len(), 46);
    }

    #[test]
    fn an_item_is_of_its_key_unless_it_is_staged() {
        let of = |key_word, bucket, key: &[u8]| {
            let mut bytes = bytes_of(&Header { key_word, ..HEADER }).to_vec();
            bytes.extend_from_slice(b"kyval");
            let view = view_of(&bytes);
            assert_eq!((view.key(), view.header.key_len()), (&b"ky"[..], 2));
            (view.is_of(bucket, key), view.is_warm_of(bucket, key))
        };
        assert_eq!(of(2, HEADER.bucket, b"ky"), (true, true));
        assert_eq!(of(2 | COLD, HEADER.bucket, b"ky"), (true, false));
        assert_eq!(of(2 | INTENT, HEADER.bucket, b"ky"), (false, false));
        assert_eq!(of(2 | INTENT | COLD, HEADER.bucket, b"ky"), (false, false));
        for (bucket, key) in [(BucketId(0), &b"ky"[..]), (HEADER.bucket, b"kx"), (HEADER.bucket, b"k")] {
            assert_eq!((of(2, bucket, key), of(2 | COLD, bucket, key)), ((false, false), (false, false)));
        }
    }
}
