//! Decimal numbers of 64 bits, read strictly and written fast.

/// Reads a number as Redis does: an optional minus, no leading zeros, no plus, no space, nothing behind.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let magnitude = parse_u64(digits)?;
    if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

/// Reads digits, at least one and nothing else.
#[inline]
pub fn parse_u64(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &digit| {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(value))
    })
}

/// The digits of a number, right-aligned in a buffer.
pub struct Digits {
    buffer: [u8; DIGITS_MAX],
    start: usize,
}

impl Digits {
    /// The digits of an unsigned number.
    #[inline]
    pub fn of_u64(mut number: u64) -> Self {
        let mut buffer = [0; DIGITS_MAX];
        let mut start = DIGITS_MAX;
        loop {
            start -= 1;
            buffer[start] = DIGIT[usize::from((number % 10).to_le_bytes()[0])];
            number /= 10;
            if number == 0 {
                return Self { buffer, start };
            }
        }
    }

    /// The digits of a signed number, with its minus.
    #[inline]
    pub fn of_i64(number: i64) -> Self {
        let mut digits = Self::of_u64(number.unsigned_abs());
        if number < 0 {
            digits.start -= 1;
            digits.buffer[digits.start] = b'-';
        }
        digits
    }

    /// The text.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

const DIGIT: [u8; 10] = *b"0123456789";
/// A minus and the 20 digits of 2^64.
pub const DIGITS_MAX: usize = 21;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_strictly() {
        for (text, number) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("18446744073709551616", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("+1", None),
            ("01", None),
            (" 1", None),
            ("1 ", None),
            ("1a", None),
        ] {
            assert_eq!(parse_i64(text.as_bytes()), number, "{text:?}");
        }
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for number in [0, 1, -1, 9, 10, -10, 99, 100, 12_345, i64::MAX, i64::MIN] {
            assert_eq!(Digits::of_i64(number).as_bytes(), number.to_string().as_bytes());
        }
        assert_eq!(Digits::of_u64(u64::MAX).as_bytes(), u64::MAX.to_string().as_bytes());
    }
}
