//! Numbers and runs of bytes, read from and written to a body.

/// What is left of a body.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// All of a body.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `len` bytes; `None` if there are fewer.
    #[inline]
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// The next byte.
    #[inline]
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next two bytes as a number.
    #[inline]
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next four bytes as a number.
    #[inline]
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes as a number.
    #[inline]
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next 16 bytes as a number.
    #[inline]
    pub fn u128(&mut self) -> Option<u128> {
        self.array().map(u128::from_le_bytes)
    }

    /// The next eight bytes as a signed number.
    #[inline]
    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// `count` bytes that must be zero.
    #[inline]
    pub fn zeros(&mut self, count: usize) -> Option<()> {
        self.take(count)?.iter().all(|&byte| byte == 0).then_some(())
    }

    /// Everything that is left.
    #[inline]
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Nothing, if nothing is left.
    #[inline]
    pub fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_little_endian_and_never_beyond_the_end() {
        let bytes: Vec<u8> = (1..=16).collect();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.u8(), Some(1));
        assert_eq!(reader.u16(), Some(0x0302));
        assert_eq!(reader.u32(), Some(0x0706_0504));
        assert_eq!(reader.u64(), Some(0x0F0E_0D0C_0B0A_0908));
        assert_eq!(reader.u16(), None);
        assert_eq!(reader.rest(), [16]);
        assert!(reader.end().is_none());
        assert_eq!(reader.take(1), Some(&[16][..]));
        assert!(reader.end().is_some());
    }

    #[test]
    fn zeros_are_checked() {
        assert_eq!(Reader::new(&[0, 0]).zeros(2), Some(()));
        assert_eq!(Reader::new(&[0, 1]).zeros(2), None);
        assert_eq!(Reader::new(&[0]).zeros(2), None);
    }
}
