//! The checksum of the Internet protocols (RFC 1071) and its update in place (RFC 1624).

/// A sum that is not folded yet. Sums of parts add up where each part but the last has an even length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// The sum of bytes.
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        Self::default().and(bytes)
    }

    /// The sum with more bytes.
    #[inline]
    #[must_use]
    pub fn and(self, bytes: &[u8]) -> Self {
        // Which order the bytes of a word have, and how long words are, does not matter to a sum that wraps around (RFC 1071,
        // 2B). Two long sums take two words at a time, with their carries above them.
        let (blocks, rest) = bytes.as_chunks::<32>();
        let mut sum = self.0;
        if !blocks.is_empty() {
            let (mut one, mut other) = (0_u128, 0_u128);
            for block in blocks {
                let (words, _) = block.as_chunks::<8>();
                one += u128::from(u64::from_le_bytes(words[0]));
                other += u128::from(u64::from_le_bytes(words[1]));
                one += u128::from(u64::from_le_bytes(words[2]));
                other += u128::from(u64::from_le_bytes(words[3]));
            }
            sum += fold(one + other);
        }
        // What is left has few bytes: no loop pays for itself.
        let mut rest = rest;
        if let Some((words, behind)) = rest.split_first_chunk::<16>() {
            let (words, _) = words.as_chunks::<8>();
            sum += halves(words[0]) + halves(words[1]);
            rest = behind;
        }
        if let Some((word, behind)) = rest.split_first_chunk::<8>() {
            sum += halves(*word);
            rest = behind;
        }
        if let Some((word, behind)) = rest.split_first_chunk::<4>() {
            sum += u64::from(u32::from_le_bytes(*word));
            rest = behind;
        }
        if let Some((word, behind)) = rest.split_first_chunk::<2>() {
            sum += u64::from(u16::from_le_bytes(*word));
            rest = behind;
        }
        Self(sum + rest.first().map_or(0, |byte| u64::from(*byte)))
    }

    /// The sum with bytes that follow `before_bytes` others.
    #[inline]
    #[must_use]
    pub fn and_behind(self, before_bytes: usize, bytes: &[u8]) -> Self {
        if before_bytes.is_multiple_of(2) {
            return self.and(bytes);
        }
        // The halves of every word have changed places, and so have those of their sum (RFC 1071, 2B).
        Self(self.0 + u64::from(!Self::of(bytes).checksum()))
    }

    /// The sum with a number of 16 bits.
    #[inline]
    #[must_use]
    pub fn and_u16(self, number: u16) -> Self {
        Self(self.0 + u64::from(number.swap_bytes()))
    }

    /// The sum with four bytes.
    #[inline]
    #[must_use]
    pub fn and_four(self, bytes: [u8; 4]) -> Self {
        Self(self.0 + u64::from(u32::from_le_bytes(bytes)))
    }

    /// What stands in the checksum field: the complement of the folded sum. 0 for bytes that contain their checksum.
    #[inline]
    pub fn checksum(self) -> u16 {
        let mut sum = (self.0 & 0xFFFF_FFFF) + (self.0 >> 32);
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        let [.., high, low] = sum.to_be_bytes();
        !u16::from_be_bytes([low, high])
    }

    /// Whether the bytes contain their checksum.
    #[inline]
    pub fn is_right(self) -> bool {
        // A sum of words that are not all 0 is right if it is a multiple of 2^16 - 1.
        self.0 != 0 && self.0.is_multiple_of(0xFFFF)
    }
}

/// The sum of the halves of a word.
#[inline]
fn halves(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    (word & 0xFFFF_FFFF) + (word >> 32)
}

/// A long sum in few bits, so that more may be added.
#[inline]
fn fold(sum: u128) -> u64 {
    let half = |sum: u128| u64::try_from(sum & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    let (low, above) = (half(sum), half(sum >> 64));
    (low & 0xFFFF_FFFF) + (low >> 32) + above
}

/// The checksum after a word of what it covers was changed (RFC 1624, equation 3).
#[inline]
pub fn update(checksum: u16, before: u16, after: u16) -> u16 {
    let mut sum = u32::from(!checksum) + u32::from(!before) + u32::from(after);
    sum = (sum & 0xFFFF) + (sum >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    let [.., high, low] = sum.to_be_bytes();
    !u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071, section 1, word by word.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap()
    }

    #[test]
    fn the_example_of_the_specification() {
        let bytes = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7];
        assert_eq!(Sum::of(&bytes).checksum(), !0xDDF2);
    }

    #[test]
    fn every_length_agrees_with_the_plain_sum() {
        let mut random = adit_drivers::sim::Random::new(1);
        let mut bytes: Vec<u8> = Vec::new();
        for _ in 0..3000 {
            assert_eq!(Sum::of(&bytes).checksum(), plain(&bytes), "{} bytes", bytes.len());
            let even = random.index(bytes.len() / 2 + 1) * 2;
            let (front, back) = bytes.split_at(even);
            assert_eq!(Sum::of(front).and(back).checksum(), plain(&bytes));
            let (front, back) = bytes.split_at(random.index(bytes.len() + 1));
            assert_eq!(Sum::of(front).and_behind(front.len(), back).checksum(), plain(&bytes));
            bytes.push(u8::try_from(random.below(256)).unwrap());
        }
        for len in 0..200 {
            assert_eq!(Sum::of(&vec![0xFF; len]).checksum(), plain(&vec![0xFF; len]));
        }
        assert_eq!(Sum::of(&[0xFF; 65_536]).and_u16(0xFFFF).and(&[0xFF; 65_536]).checksum(), 0);
    }

    #[test]
    fn numbers_and_updates_agree_with_bytes() {
        let mut random = adit_drivers::sim::Random::new(2);
        for _ in 0..1000 {
            let mut bytes = [0_u8; 20];
            bytes.fill_with(|| u8::try_from(random.below(256)).unwrap());
            let checksum = Sum::of(&bytes).checksum();
            let number = u16::from_be_bytes([bytes[18], bytes[19]]);
            assert_eq!(Sum::of(&bytes[..18]).and_u16(number).checksum(), checksum);
            let after = u16::try_from(random.below(65_536)).unwrap();
            bytes[18..].copy_from_slice(&after.to_be_bytes());
            let updated = update(checksum, number, after);
            assert!(Sum::of(&bytes).and_u16(updated).is_right());
        }
    }
}
