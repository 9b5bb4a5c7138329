//! Slots of the key map: 16,384 of them, CRC16 of the key or of its hash tag, as in Redis Cluster
//! (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).

/// A slot of the key map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u16);

impl Slot {
    /// The slot of a key. If the key holds `{...}` with something between, only that counts, so that keys can be
    /// put into one slot on purpose.
    #[inline]
    pub fn of(key: &[u8]) -> Self {
        Self(crc16(hash_tag(key).unwrap_or(key)) % SLOT_COUNT)
    }
}

#[inline]
fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    if !has_brace(key) {
        return None;
    }
    let open = key.iter().position(|&byte| byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|&byte| byte == b'}')?;
    (close > 0).then(|| &rest[..close])
}

/// Whether there may be a `{`: eight bytes at a time, since most keys have none ("Bit Twiddling Hacks", Anderson).
#[inline]
fn has_brace(key: &[u8]) -> bool {
    let (rest, blocks) = key.as_rchunks::<8>();
    let found = |block: &[u8; 8]| {
        let zero_if_brace = u64::from_le_bytes(*block) ^ u64::from_le_bytes([b'{'; 8]);
        let [low, high] = [0x01, 0x80].map(|byte: u8| u64::from_le_bytes([byte; 8]));
        zero_if_brace.wrapping_sub(low) & !zero_if_brace & high != 0
    };
    rest.contains(&b'{') || blocks.iter().any(found)
}

/// CRC-16/XMODEM: polynomial 0x1021, start 0, no reflection. Eight bytes a step ("slicing by 8", Kounavis and Berry
/// 2005). Zeros in front change nothing, since the start is 0: the first step takes what does not fill one.
#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let (rest, blocks) = bytes.as_rchunks::<8>();
    let mut first = [0; 8];
    first[8 - rest.len()..].copy_from_slice(rest);
    blocks.iter().fold(eight(0, &first), eight)
}

#[inline]
fn eight(crc: u16, block: &[u8; 8]) -> u16 {
    let [high, low] = crc.to_be_bytes();
    TABLES[7][usize::from(block[0] ^ high)]
        ^ TABLES[6][usize::from(block[1] ^ low)]
        ^ TABLES[5][usize::from(block[2])]
        ^ TABLES[4][usize::from(block[3])]
        ^ TABLES[3][usize::from(block[4])]
        ^ TABLES[2][usize::from(block[5])]
        ^ TABLES[1][usize::from(block[6])]
        ^ TABLES[0][usize::from(block[7])]
}

#[inline]
const fn step(crc: u16, byte: u8, table: &[u16; 256]) -> u16 {
    let [high, _] = crc.to_be_bytes();
    (crc << 8) ^ table[(high ^ byte) as usize]
}

/// `TABLES[n][b]` is the CRC of the byte `b` with `n` zero bytes behind it.
static TABLES: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "a byte's value fits")]
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            tables[zeros][byte] = step(tables[zeros - 1][byte], 0, &tables[0]);
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

/// Number of slots.
pub const SLOT_COUNT: u16 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_redis_cluster() {
        assert_eq!(crc16(b"123456789"), 0x31C3, "the check value of CRC-16/XMODEM");
        assert_eq!(Slot::of(b"foo"), Slot(12_182));
        assert_eq!(Slot::of(b"somekey"), Slot(11_058));
    }

    #[test]
    fn a_brace_is_found_wherever_it_is() {
        for len in 0..40 {
            let mut key: Vec<u8> = (0..len)
                .map(|byte| u8::wrapping_mul(byte, 7).wrapping_add(0x70))
                .filter(|&byte| byte != b'{')
                .collect();
            assert!(!has_brace(&key));
            for index in 0..key.len() {
                let before = std::mem::replace(&mut key[index], b'{');
                assert!(has_brace(&key));
                key[index] = before;
            }
        }
    }

    #[test]
    fn eight_bytes_a_step_is_the_same_as_one() {
        let bytes: Vec<u8> =
            (0..=255).cycle().map(|byte: u8| byte.wrapping_mul(167) ^ 0x5A).take(100).collect();
        for len in 0..bytes.len() {
            let plain = bytes[..len].iter().fold(0, |crc, byte| step(crc, *byte, &TABLES[0]));
            assert_eq!(crc16(&bytes[..len]), plain, "{len} bytes");
        }
    }

    #[test]
    fn a_hash_tag_decides_if_there_is_something_in_it() {
        assert_eq!(Slot::of(b"{user1000}.following"), Slot::of(b"{user1000}.followers"));
        assert_eq!(Slot::of(b"{user1000}.following"), Slot::of(b"user1000"));
        assert_ne!(Slot::of(b"foo{}{bar}"), Slot::of(b"bar"));
        assert_eq!(Slot::of(b"foo{{bar}}zap"), Slot::of(b"{bar"));
        assert_eq!(Slot::of(b"foo{bar}{zap}"), Slot::of(b"bar"));
    }
}
