//! Sums of decimal fractions: `INCRBYFLOAT`.
//!
//! Redis adds in the binary fractions of the processor and shows 17 digits behind the point; this adds the digits
//! themselves, so that `0.1 + 0.2` is `0.3` at any size, and rounds to as many.

use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode};

/// Why there is no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalError {
    /// One of the two is no decimal fraction.
    NotADecimal,
    /// The sum has too many digits, or one of the two is infinite.
    Overflow,
}

/// The sum of two decimal fractions, with 17 digits behind the point at most and no zeros at the end.
///
/// # Errors
/// [`DecimalError`] if there is none.
pub fn add(one: &[u8], other: &[u8]) -> Result<String, DecimalError> {
    let sum = parse(one)? + parse(other)?;
    let rounded = sum.with_scale_round(DIGITS_BEHIND_POINT, RoundingMode::HalfEven);
    let text = rounded.to_plain_string();
    let text = match text.split_once('.') {
        Some((_, behind)) => text[..text.len() - trailing_zeros(behind)].trim_end_matches('.'),
        None => &text,
    };
    Ok(if text == "-0" { "0".to_owned() } else { text.to_owned() })
}

fn trailing_zeros(digits: &str) -> usize {
    digits.len() - digits.trim_end_matches('0').len()
}

fn parse(text: &[u8]) -> Result<BigDecimal, DecimalError> {
    let text = std::str::from_utf8(text).map_err(|_| DecimalError::NotADecimal)?;
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Err(DecimalError::Overflow);
    }
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let digits = unsigned.split(['e', 'E']).next().unwrap_or_default();
    let has_digit = digits.bytes().any(|byte| byte.is_ascii_digit());
    if text.len() > TEXT_BYTES_MAX || !has_digit || !text.bytes().all(plain) {
        return Err(DecimalError::NotADecimal);
    }
    // The exponent is looked at first: a number of a billion digits is not written out.
    let exponent = unsigned.split(['e', 'E']).nth(1).map_or(Ok(0), str::parse::<i32>);
    match exponent {
        Err(_) => return Err(DecimalError::NotADecimal),
        Ok(EXPONENT_MAX..) => return Err(DecimalError::Overflow),
        Ok(..=EXPONENT_MIN) => return Ok(BigDecimal::from(0)),
        Ok(_) => {}
    }
    BigDecimal::from_str(text).map_err(|_| DecimalError::NotADecimal)
}

/// Digits behind the point, as in Redis.
const DIGITS_BEHIND_POINT: i64 = 17;
/// Longest number, so that a sum is cheap.
const TEXT_BYTES_MAX: usize = 256;
/// Exponents from which on the number is too large, as in the fractions that Redis uses, or as good as 0.
const EXPONENT_MAX: i32 = 4932;
const EXPONENT_MIN: i32 = -4932;

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(one: &str, other: &str) -> String {
        add(one.as_bytes(), other.as_bytes()).unwrap()
    }

    #[test]
    fn sums_are_exact_and_short() {
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("1", "-1.1"), "-0.1");
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("5.0e3", "2.0e2"), "5200");
        assert_eq!(sum("17179869184", "17179869184"), "34359738368");
        assert_eq!(sum("-1.5", "1.5"), "0");
        assert_eq!(sum("100", "0"), "100");
        assert_eq!(sum("3", "1.23"), "4.23");
        assert_eq!(sum(".5", "1."), "1.5");
        assert_eq!(sum("0", "0.000000000000000005"), "0", "half to even");
        assert_eq!(sum("1e-9999", "+2"), "2");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", " 1", "1 ", "abc", "1.2.3", "0x10", "e5", "1e", "--1", "1_000", "nan", "."] {
            assert_eq!(add(text.as_bytes(), b"1"), Err(DecimalError::NotADecimal), "{text}");
        }
        for text in ["inf", "-Infinity", "1e5000", "1e4932"] {
            assert_eq!(add(text.as_bytes(), b"1"), Err(DecimalError::Overflow), "{text}");
        }
        assert_eq!(add(&[b'1'; 300], b"1"), Err(DecimalError::NotADecimal));
    }
}
