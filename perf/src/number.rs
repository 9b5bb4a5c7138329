//! Conversions and renderings of numbers. Holds no state.

/// `value` without its fraction; negative values and NaN become 0, values over the range its end.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as documented")]
pub(crate) fn whole(value: f64) -> u64 {
    value as u64
}

/// `value` as an index; machines with 64 bits only, as everywhere in Adit.
pub(crate) fn index(value: u64) -> usize {
    usize::try_from(value).expect("usize has 64 bits")
}

/// `numerator / denominator`, or 0 where there is nothing to divide by.
pub(crate) fn per(numerator: u64, denominator: u64) -> f64 {
    if denominator == 0 { 0.0 } else { numerator as f64 / denominator as f64 }
}

/// Nanoseconds of a duration of up to 584 years.
pub(crate) fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds as microseconds with three digits that count: `0.58`, `6.31`, `123`, `12,345`.
pub(crate) fn microseconds(value_ns: f64) -> String {
    let value_us = value_ns / 1e3;
    match value_us {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => grouped(whole(v.round())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_three() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn microseconds_keep_three_digits() {
        assert_eq!(microseconds(584.0), "0.58");
        assert_eq!(microseconds(12_340.0), "12.3");
        assert_eq!(microseconds(12_345_678.0), "12,346");
    }

    #[test]
    fn floats_saturate() {
        assert_eq!(whole(-1.0), 0);
        assert_eq!(whole(f64::NAN), 0);
        assert_eq!(whole(f64::INFINITY), u64::MAX);
        assert_eq!(whole(2.9), 2);
    }
}
