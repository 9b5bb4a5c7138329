//! Helpers on numbers with 16 binary places (Q16.16). They are made of integers only: all machines and engines give the same bits.

use super::{Failure, Helper, number};
use crate::call::Call;
use crate::memory::Memory;
use crate::signature::{Argument, Signature};

/// The exponential function.
#[derive(Debug)]
pub struct ExpQ16;
/// The logistic function.
#[derive(Debug)]
pub struct SigmoidQ16;
/// The hyperbolic tangent.
#[derive(Debug)]
pub struct TanhQ16;

macro_rules! functions {
    ($($helper:ty: $number:literal, $name:literal, $body:ident, [$min:expr, $max:expr], $about:literal;)+) => {$(
        impl Helper for $helper {
            const SIGNATURE: Signature = Signature {
                number: $number,
                name: $name,
                about: $about,
                arguments: &[X],
                c_result: "__s64",
                result_min: $min,
                result_max: $max,
                writes: false,
            };

            #[inline]
            fn call<'s>(
                arguments: [u64; 5],
                _memory: &mut impl Memory<'s>,
                _call: &mut Call<'s>,
            ) -> Result<u64, Failure> {
                Ok($body(arguments[0].cast_signed()).cast_unsigned())
            }
        }
    )+};
}

functions! {
    ExpQ16: 128, "adit_exp_q16", exp, [0, MOST],
        "Gives e to the power of `x`, both in units of 2^-16; 2^31 - 1 where it is more than that. It is\n\
         off by at most 0.501 units.";
    SigmoidQ16: 129, "adit_sigmoid_q16", sigmoid, [0, ONE],
        "Gives 1 / (1 + e to the power of -`x`), both in units of 2^-16. It is off by at most 0.501 units.";
    TanhQ16: 130, "adit_tanh_q16", tanh, [-ONE, ONE],
        "Gives the hyperbolic tangent of `x`, both in units of 2^-16. It is off by at most 0.501 units.";
}

fn exp(x: i64) -> i64 {
    match x {
        // There the result is less than half a unit.
        ..EXP_LEAST => 0,
        // There it is more than the most.
        EXP_MOST.. => MOST,
        _ => {
            let (mantissa, exponent) = power(x);
            // 62 binary places become 16.
            let shift = 62 - 16 - exponent;
            ((mantissa.cast_unsigned() + (1 << (shift - 1))) >> shift).cast_signed().min(MOST)
        }
    }
}

fn sigmoid(x: i64) -> i64 {
    // 1 / (1 + t), for t = e to the power of -|x|, from 31 binary places to 32.
    let t = falling(x.unsigned_abs());
    let upper = rounded((1 << 63) / ((1 << 31) + t));
    if x < 0 { ONE - upper } else { upper }
}

fn tanh(x: i64) -> i64 {
    // (1 - t) / (1 + t), for t = e to the power of -|2 x|, from 31 binary places to 32.
    let t = falling(x.unsigned_abs().saturating_mul(2));
    let size = rounded((((1 << 31) - t) << 32) / ((1 << 31) + t));
    if x < 0 { -size } else { size }
}

/// A number of 32 binary places, of 16.
fn rounded(number: u64) -> i64 {
    ((number + (1 << 15)) >> 16).cast_signed()
}

/// e to the power of minus `x`, of 31 binary places.
fn falling(x: u64) -> u64 {
    let x = x.min(FALLING_MOST).cast_signed();
    let (mantissa, exponent) = power(-x);
    (mantissa >> (62 - 31 - exponent)).cast_unsigned()
}

/// e to the power of `x`, which is of 16 binary places and between -32 and 32, as a number of 62 binary places and an exponent of 2.
fn power(x: i64) -> (i64, i64) {
    let exponent = (x * LOG2_E + (1 << 31)) >> 32;
    // What is left is at most half of the logarithm of 2.
    let rest = (i128::from(x) << (62 - 16)) - i128::from(exponent) * i128::from(LN_2);
    let times_rest = |sum: i64| narrow((i128::from(sum) * rest) >> 62);
    let mantissa = COEFFICIENTS.iter().rev().fold(0, |sum, &coefficient| coefficient + times_rest(sum));
    (mantissa, exponent)
}

/// Products of this module fit 64 bits again.
fn narrow(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// 1 / n! of 62 binary places, for n from 0: the series ends where a term is below 2^-46.
const COEFFICIENTS: [i64; 12] = {
    let mut coefficients = [1 << 62; 12];
    let (mut n, mut divisor, mut term) = (1, 1, 1_i64 << 62);
    while n < 12 {
        term /= divisor;
        coefficients[n] = term;
        n += 1;
        divisor += 1;
    }
    coefficients
};
/// The logarithm of e for base 2, of 16 binary places.
const LOG2_E: i64 = 94_548;
/// The natural logarithm of 2, of 62 binary places.
const LN_2: i64 = 3_196_577_161_300_663_915;
const X: Argument = number("x", "__s64");
/// The number 1.
const ONE: i64 = 1 << 16;
/// The greatest result.
const MOST: i64 = i32::MAX as i64;
/// -12 and 11: e to the power of them is less than 2^-17 and more than 2^15.
const EXP_LEAST: i64 = -12 * ONE;
const EXP_MOST: i64 = 11 * ONE;
/// 21: e to the power of -21 is less than 2^-30, and adds nothing to a result.
const FALLING_MOST: u64 = 21 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest error in units of 2^-16, over all arguments of that many units and beyond.
    fn error(function: fn(i64) -> i64, exact: fn(f64) -> f64, range: std::ops::RangeInclusive<i64>) -> f64 {
        let one = 65_536.0;
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
        let error = |x: i64| (function(x) as f64 - (exact(x as f64 / one) * one).min(2_147_483_647.0)).abs();
        range.map(error).fold(0.0, f64::max)
    }

    #[test]
    fn every_argument_is_within_the_bound() {
        assert!(error(exp, f64::exp, -13 << 16..=12 << 16) <= 0.501);
        assert!(error(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), -14 << 16..=14 << 16) <= 0.501);
        assert!(error(tanh, f64::tanh, -10 << 16..=10 << 16) <= 0.501);
    }

    #[test]
    fn arguments_far_away_saturate() {
        for far in [40 << 16, i64::MAX, i64::from(i32::MAX)] {
            assert_eq!((exp(far), sigmoid(far), tanh(far)), (MOST, ONE, ONE));
            assert_eq!((exp(-far), sigmoid(-far), tanh(-far)), (0, 0, -ONE));
        }
        assert_eq!((exp(i64::MIN), sigmoid(i64::MIN), tanh(i64::MIN)), (0, 0, -ONE));
        assert_eq!((exp(0), sigmoid(0), tanh(0)), (ONE, ONE / 2, 0));
    }
}
