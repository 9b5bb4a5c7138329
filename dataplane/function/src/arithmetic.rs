//! What operations do to numbers, as RFC 9669, sections 4 and 5.3, defines it: the reference for all engines.

use crate::instruction::{Atomic, Bytes, Condition, Operation, Size, Width};

/// The result of an operation.
#[inline]
pub fn apply(operation: Operation, width: Width, left: u64, right: u64) -> u64 {
    match width {
        Width::Double => apply_double(operation, left, right),
        Width::Word => apply_word(operation, word(left), word(right)).into(),
    }
}

#[inline]
fn apply_double(operation: Operation, left: u64, right: u64) -> u64 {
    let (signed_left, signed_right) = (left.cast_signed(), right.cast_signed());
    let count = word(right);
    match operation {
        Operation::Add => left.wrapping_add(right),
        Operation::Subtract => left.wrapping_sub(right),
        Operation::Multiply => left.wrapping_mul(right),
        Operation::Divide => left.checked_div(right).unwrap_or(0),
        Operation::SignedDivide if right == 0 => 0,
        Operation::SignedDivide => signed_left.wrapping_div(signed_right).cast_unsigned(),
        Operation::Modulo => left.checked_rem(right).unwrap_or(left),
        Operation::SignedModulo if right == 0 => left,
        Operation::SignedModulo => signed_left.wrapping_rem(signed_right).cast_unsigned(),
        Operation::Or => left | right,
        Operation::And => left & right,
        Operation::Xor => left ^ right,
        Operation::ShiftLeft => left.wrapping_shl(count),
        Operation::ShiftRight => left.wrapping_shr(count),
        Operation::ShiftRightSigned => signed_left.wrapping_shr(count).cast_unsigned(),
    }
}

#[inline]
fn apply_word(operation: Operation, left: u32, right: u32) -> u32 {
    let (signed_left, signed_right) = (left.cast_signed(), right.cast_signed());
    match operation {
        Operation::Add => left.wrapping_add(right),
        Operation::Subtract => left.wrapping_sub(right),
        Operation::Multiply => left.wrapping_mul(right),
        Operation::Divide => left.checked_div(right).unwrap_or(0),
        Operation::SignedDivide if right == 0 => 0,
        Operation::SignedDivide => signed_left.wrapping_div(signed_right).cast_unsigned(),
        Operation::Modulo => left.checked_rem(right).unwrap_or(left),
        Operation::SignedModulo if right == 0 => left,
        Operation::SignedModulo => signed_left.wrapping_rem(signed_right).cast_unsigned(),
        Operation::Or => left | right,
        Operation::And => left & right,
        Operation::Xor => left ^ right,
        Operation::ShiftLeft => left.wrapping_shl(right),
        Operation::ShiftRight => left.wrapping_shr(right),
        Operation::ShiftRightSigned => signed_left.wrapping_shr(right).cast_unsigned(),
    }
}

/// Whether a condition holds.
#[inline]
pub const fn holds(condition: Condition, width: Width, left: u64, right: u64) -> bool {
    let (signed_left, signed_right) = match width {
        Width::Double => (left.cast_signed(), right.cast_signed()),
        Width::Word => (word(left).cast_signed() as i64, word(right).cast_signed() as i64),
    };
    let (left, right) = match width {
        Width::Double => (left, right),
        Width::Word => (left & WORD, right & WORD),
    };
    match condition {
        Condition::Equal => left == right,
        Condition::NotEqual => left != right,
        Condition::Greater => left > right,
        Condition::GreaterOrEqual => left >= right,
        Condition::Less => left < right,
        Condition::LessOrEqual => left <= right,
        Condition::SignedGreater => signed_left > signed_right,
        Condition::SignedGreaterOrEqual => signed_left >= signed_right,
        Condition::SignedLess => signed_left < signed_right,
        Condition::SignedLessOrEqual => signed_left <= signed_right,
        Condition::AnyBit => left & right != 0,
    }
}

/// The number that an immediate is: its sign is extended, what is too long for the operation is cut later.
#[inline]
pub const fn immediate(number: i32) -> u64 {
    (number as i64).cast_unsigned()
}

/// A number as it is moved.
#[inline]
pub const fn cut(width: Width, value: u64) -> u64 {
    match width {
        Width::Double => value,
        Width::Word => value & WORD,
    }
}

/// Minus a number.
#[inline]
pub const fn negate(width: Width, value: u64) -> u64 {
    cut(width, value.wrapping_neg())
}

/// The lower bytes of a number with their sign.
#[inline]
pub const fn extend(width: Width, from: Size, value: u64) -> u64 {
    let unused = 64 - 8 * from.bytes();
    cut(width, ((value << unused).cast_signed() >> unused).cast_unsigned())
}

/// The lower bytes of a number in another order, without the upper ones.
#[inline]
pub const fn order(bytes: Bytes, size: Size, value: u64) -> u64 {
    let unused = 64 - 8 * size.bytes();
    match bytes {
        Bytes::Little => value << unused >> unused,
        Bytes::Big | Bytes::Swap => value.swap_bytes() >> unused,
    }
}

/// What an atomic operation leaves in memory: `old` was there, `expected` is register 0. All are cut to the size of the operation.
#[inline]
pub const fn exchange(operation: Atomic, size: Size, old: u64, source: u64, expected: u64) -> u64 {
    let unused = 64 - 8 * size.bytes();
    let new = match operation {
        Atomic::Add => old.wrapping_add(source),
        Atomic::Or => old | source,
        Atomic::And => old & source,
        Atomic::Xor => old ^ source,
        Atomic::Exchange => source,
        Atomic::CompareExchange if (old ^ expected) << unused == 0 => source,
        Atomic::CompareExchange => old,
    };
    new << unused >> unused
}

/// The lower half.
#[inline]
const fn word(value: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "it is meant to")]
    {
        value as u32
    }
}

const WORD: u64 = 0xffff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: u64 = 1 << 63;
    const MIN_WORD: u64 = 1 << 31;
    const ONES: u64 = u64::MAX;

    #[test]
    fn operations_on_64_bits_are_those_of_the_rfc() {
        use Operation::*;
        for (operation, left, right, result) in [
            (Add, ONES, 2, 1),
            (Subtract, 1, 2, ONES),
            (Multiply, 1 << 40, 1 << 40, 0),
            (Multiply, ONES, ONES, 1),
            (Divide, ONES, 2, ONES >> 1),
            (Divide, 7, 0, 0),
            (Divide, MIN, ONES, 0),
            (SignedDivide, 7_u64.wrapping_neg(), 2, 3_u64.wrapping_neg()),
            (SignedDivide, 7, 2_u64.wrapping_neg(), 3_u64.wrapping_neg()),
            (SignedDivide, MIN, ONES, MIN),
            (SignedDivide, 7, 0, 0),
            (Modulo, ONES, 10, 5),
            (Modulo, ONES, 0, ONES),
            (SignedModulo, 7_u64.wrapping_neg(), 3, ONES),
            (SignedModulo, 7, 3_u64.wrapping_neg(), 1),
            (SignedModulo, MIN, ONES, 0),
            (SignedModulo, MIN, 0, MIN),
            (Or, 0xf0, 0x0f, 0xff),
            (And, 0xff, 0x3c, 0x3c),
            (Xor, 0xff, 0x0f, 0xf0),
            (ShiftLeft, 1, 63, MIN),
            (ShiftLeft, 1, 64, 1),
            (ShiftLeft, 1, ONES, MIN),
            (ShiftRight, MIN, 63, 1),
            (ShiftRight, MIN, 65, MIN >> 1),
            (ShiftRightSigned, MIN, 63, ONES),
            (ShiftRightSigned, MIN, 64, MIN),
        ] {
            assert_eq!(
                apply(operation, Width::Double, left, right),
                result,
                "{operation:?} {left:#x} {right:#x}"
            );
        }
    }

    #[test]
    fn operations_on_32_bits_leave_zeros_above() {
        use Operation::*;
        let above = 0xabcd_ef01 << 32;
        for (operation, left, right, result) in [
            (Add, WORD, 2, 1),
            (Subtract, 1, 2, WORD),
            (Multiply, 1 << 20, 1 << 20, 0),
            (Multiply, WORD, WORD, 1),
            (Divide, WORD, 2, WORD >> 1),
            (Divide, 7, 0, 0),
            (SignedDivide, WORD - 6, 2, WORD - 2),
            (SignedDivide, MIN_WORD, WORD, MIN_WORD),
            (SignedDivide, 7, 0, 0),
            (Modulo, WORD, 10, 5),
            (Modulo, WORD, 0, WORD),
            (SignedModulo, WORD - 6, 3, WORD),
            (SignedModulo, MIN_WORD, WORD, 0),
            (SignedModulo, MIN_WORD, 0, MIN_WORD),
            (Or, 0xf0, 0x0f, 0xff),
            (And, 0xff, 0x3c, 0x3c),
            (Xor, 0xff, 0x0f, 0xf0),
            (ShiftLeft, 1, 31, MIN_WORD),
            (ShiftLeft, 1, 32, 1),
            (ShiftLeft, 1, WORD, MIN_WORD),
            (ShiftRight, MIN_WORD, 31, 1),
            (ShiftRight, MIN_WORD, 33, MIN_WORD >> 1),
            (ShiftRightSigned, MIN_WORD, 31, WORD),
            (ShiftRightSigned, MIN_WORD, 32, MIN_WORD),
        ] {
            let found = apply(operation, Width::Word, left | above, right | above);
            assert_eq!(found, result, "{operation:?} {left:#x} {right:#x}");
        }
    }

    #[test]
    fn conditions_look_at_their_width_and_sign() {
        use Condition::*;
        for (condition, width, left, right, is_met) in [
            (Equal, Width::Double, 1 << 32, 0, false),
            (Equal, Width::Word, 1 << 32, 0, true),
            (NotEqual, Width::Word, 1 << 32, 0, false),
            (NotEqual, Width::Double, 1 << 32, 0, true),
            (Greater, Width::Double, ONES, 1, true),
            (Greater, Width::Double, 1, 1, false),
            (GreaterOrEqual, Width::Double, 1, 1, true),
            (GreaterOrEqual, Width::Word, 1 << 32, 1, false),
            (Less, Width::Double, 1, ONES, true),
            (Less, Width::Double, 1, 1, false),
            (LessOrEqual, Width::Double, 1, 1, true),
            (LessOrEqual, Width::Word, WORD, 1 << 32, false),
            (SignedGreater, Width::Double, ONES, 0, false),
            (SignedGreater, Width::Double, 0, ONES, true),
            (SignedGreater, Width::Double, WORD, 0, true),
            (SignedGreater, Width::Word, WORD, 0, false),
            (SignedGreaterOrEqual, Width::Word, MIN_WORD, MIN_WORD, true),
            (SignedLess, Width::Double, MIN, ONES >> 1, true),
            (SignedLess, Width::Word, MIN_WORD, MIN_WORD - 1, true),
            (SignedLessOrEqual, Width::Double, ONES, ONES, true),
            (SignedLessOrEqual, Width::Double, 1, ONES, false),
            (AnyBit, Width::Double, 6, 9, false),
            (AnyBit, Width::Double, 6, 2, true),
            (AnyBit, Width::Word, 1 << 32, 1 << 32, false),
        ] {
            assert_eq!(
                holds(condition, width, left, right),
                is_met,
                "{condition:?} {width:?} {left:#x} {right:#x}"
            );
        }
    }

    #[test]
    fn moves_extend_signs_and_put_bytes_in_order() {
        assert_eq!(immediate(-1), ONES);
        assert_eq!([cut(Width::Word, ONES), cut(Width::Double, ONES)], [WORD, ONES]);
        assert_eq!([negate(Width::Word, 1), negate(Width::Double, 1)], [WORD, ONES]);
        assert_eq!([negate(Width::Word, MIN_WORD), negate(Width::Double, MIN)], [MIN_WORD, MIN]);
        assert_eq!(extend(Width::Word, Size::Byte, 0xab80), 0xffff_ff80);
        assert_eq!(extend(Width::Word, Size::Half, 0xab_7fff), 0x7fff);
        assert_eq!(extend(Width::Double, Size::Byte, 0xab80), ONES - 0x7f);
        assert_eq!(extend(Width::Double, Size::Half, 0xab_8000), ONES - 0x7fff);
        assert_eq!(extend(Width::Double, Size::Word, MIN_WORD | 1 << 40), ONES - 0x7fff_ffff);
        let value = 0x0102_0304_0506_0708;
        assert_eq!(order(Bytes::Little, Size::Half, value), 0x0708);
        assert_eq!(order(Bytes::Little, Size::Word, value), 0x0506_0708);
        assert_eq!(order(Bytes::Little, Size::Double, value), value);
        for bytes in [Bytes::Big, Bytes::Swap] {
            assert_eq!(order(bytes, Size::Half, value), 0x0807);
            assert_eq!(order(bytes, Size::Word, value), 0x0807_0605);
            assert_eq!(order(bytes, Size::Double, value), 0x0807_0605_0403_0201);
        }
    }

    #[test]
    fn atomic_operations_leave_what_they_should() {
        use Atomic::*;
        assert_eq!(exchange(Add, Size::Word, WORD, 2, 0), 1);
        assert_eq!(exchange(Add, Size::Double, ONES, 2, 0), 1);
        assert_eq!(exchange(Or, Size::Word, 0xf0, 0x10f, 0), 0x1ff);
        assert_eq!(exchange(And, Size::Double, 0xf0, 0x30, 0), 0x30);
        assert_eq!(exchange(Xor, Size::Double, 0xff, 0x0f, 0), 0xf0);
        assert_eq!(exchange(Exchange, Size::Word, 1, 7 << 32 | 2, 0), 2);
        assert_eq!(exchange(CompareExchange, Size::Double, 1, 2, 1), 2);
        assert_eq!(exchange(CompareExchange, Size::Double, 1, 2, 1 | 1 << 32), 1);
        assert_eq!(exchange(CompareExchange, Size::Word, 1, 2, 1 | 1 << 32), 2);
        assert_eq!(exchange(CompareExchange, Size::Word, 1, 2, 3), 1);
    }
}
