//! Arithmetic on numbers: what is known of a result. A result that would wrap is a new symbol.

use crate::arithmetic;
use crate::instruction::{Bytes, Operation, Size, Width};

use super::facts::{ANY, Facts, Interval};
use super::form::{Form, Sum, gcd};
use super::value::{SIGNED_WORD, WORD};

impl Facts {
    /// The result of an operation.
    pub(super) fn operate(&mut self, operation: Operation, width: Width, left: Form, right: Form) -> Form {
        if let (Some(left), Some(right)) = (left.as_constant(), right.as_constant()) {
            let result = arithmetic::apply(operation, width, left.cast_unsigned(), right.cast_unsigned());
            return Form::constant(result.cast_signed());
        }
        match width {
            Width::Double => self.operate_double(operation, left, right),
            Width::Word => self.operate_word(operation, left, right),
        }
    }

    /// The lower 32 bits of a number.
    pub(super) fn word(&mut self, form: Form) -> Form {
        if self.fits(&form, WORD) {
            return form;
        }
        if let Some(constant) = form.as_constant() {
            return Form::constant(constant & WORD.high);
        }
        let not_negative = self.at_least(&form, 0);
        let word = self.fresh(WORD);
        if not_negative {
            self.assume_difference(word, form, 0);
        }
        word
    }

    fn operate_double(&mut self, operation: Operation, left: Form, right: Form) -> Form {
        let exact = match operation {
            Operation::Add => left.plus(right, 1),
            Operation::Subtract => left.plus(right, -1),
            Operation::Multiply => match (left.as_constant(), right.as_constant()) {
                (_, Some(by)) => left.times(by),
                (Some(by), _) => right.times(by),
                _ => None,
            },
            Operation::ShiftLeft => {
                right.as_constant().filter(|&by| by & 63 < 31).and_then(|by| left.times(1 << (by & 63)))
            }
            _ => None,
        };
        if let Some(exact) = exact.filter(|form| self.fits(form, ANY)) {
            return exact;
        }
        self.operate_within(operation, left, right, ANY)
    }

    /// An operation on the lower halves. Where both are whole numbers of 32 bits it is the one on 64 bits, if the result is one as well.
    fn operate_word(&mut self, operation: Operation, left: Form, right: Form) -> Form {
        // An addend as `w1 += -1` has it is a signed number; added or subtracted, it does not matter which it is taken for.
        let added = matches!(operation, Operation::Add | Operation::Subtract);
        if let (true, Some(by)) = (added, right.as_constant()) {
            let by = i64::from(low_word(by).cast_signed());
            let by = if operation == Operation::Add { by } else { -by };
            let left = self.word(left);
            return match left.offset(by).filter(|form| self.fits(form, WORD)) {
                Some(exact) => exact,
                None => self.fresh(WORD),
            };
        }
        let signed = matches!(
            operation,
            Operation::SignedDivide | Operation::SignedModulo | Operation::ShiftRightSigned
        );
        let limits = if signed { Interval::new(0, SIGNED_WORD.high) } else { WORD };
        let (left, right) = (self.word(left), self.word(right));
        let shift =
            matches!(operation, Operation::ShiftLeft | Operation::ShiftRight | Operation::ShiftRightSigned);
        let right = match right.as_constant() {
            Some(by) if shift => Form::constant(by & 31),
            None if shift => return self.shifted_by_any(operation, left, limits, WORD),
            _ => right,
        };
        if !self.fits(&left, limits) || !self.fits(&right, limits) {
            return self.fresh(WORD);
        }
        let exact = match operation {
            Operation::Subtract => left.plus(right, -1),
            Operation::Add => left.plus(right, 1),
            Operation::Multiply => match (left.as_constant(), right.as_constant()) {
                (_, Some(by)) => left.times(by),
                (Some(by), _) => right.times(by),
                _ => None,
            },
            Operation::ShiftLeft => right.as_constant().and_then(|by| left.times(1 << by)),
            _ => None,
        };
        if let Some(exact) = exact.filter(|form| self.fits(form, WORD)) {
            return exact;
        }
        let double = self.operate_within(operation, left, right, WORD);
        if self.fits(&double, WORD) { double } else { self.fresh(WORD) }
    }

    /// What is left of an operation where it is not exact on forms: intervals, and what bounds the result by its operands. The operands are the
    /// numbers that the operation works with, signed ones where it is signed; the result is within `whole`.
    fn operate_within(&mut self, operation: Operation, left: Form, right: Form, whole: Interval) -> Form {
        let (a, b) = (self.operand_range(&left), self.operand_range(&right));
        match operation {
            Operation::Add => self.fresh_within(add(a, b), whole),
            Operation::Subtract => self.fresh_within(subtract(a, b), whole),
            Operation::Multiply => self.fresh_within(multiply(a, b), whole),
            Operation::ShiftLeft => match b.single().map(|by| by & 63) {
                Some(by) if by < 63 => self.fresh_within(multiply(a, Interval::new(1 << by, 1 << by)), whole),
                _ => self.fresh(whole),
            },
            Operation::Divide => match b.single() {
                Some(by) if by > 0 && a.low >= 0 => self.quotient(left, by),
                Some(0) => Form::constant(0),
                _ if a.low >= 0 => self.not_above(left, a),
                Some(by) if by > 1 => self.fresh(Interval::new(0, unsigned_quotient(by))),
                _ => self.fresh(whole),
            },
            Operation::Modulo => self.modulo(left, right, whole),
            Operation::SignedDivide => match b.single() {
                Some(by) if by > 0 && a.low >= 0 => self.quotient(left, by),
                _ => self.fresh(whole),
            },
            Operation::SignedModulo => match b.single() {
                _ if a.low >= 0 && b.low > 0 => self.modulo(left, right, whole),
                Some(by) if by != 0 && by != i64::MIN && whole == ANY => {
                    self.fresh(Interval::new(1 - by.abs(), by.abs() - 1))
                }
                _ => self.fresh(whole),
            },
            Operation::ShiftRight | Operation::ShiftRightSigned => match right.as_constant() {
                Some(by) => self.shift_right(operation, left, by & 63),
                None => self.shifted_by_any(operation, left, whole, whole),
            },
            Operation::And => self.and(left, right, whole),
            Operation::Or | Operation::Xor => self.or(left, right, whole),
        }
    }

    /// The range of a form as far as it is found soon. Of one symbol the interval is close enough.
    pub(super) fn operand_range(&self, form: &Form) -> Interval {
        if form.terms().len() > 1 { self.close_range(form) } else { self.range(form) }
    }

    /// A new symbol with an interval if that is within limits, so that the result did not wrap; else one within the limits.
    fn fresh_within(&mut self, interval: Option<Interval>, limits: Interval) -> Form {
        self.fresh(interval.filter(|interval| interval.within(limits.low, limits.high)).unwrap_or(limits))
    }

    /// A new number from 0 to another one, which is not negative.
    fn not_above(&mut self, form: Form, range: Interval) -> Form {
        let less = self.fresh(Interval::new(0, range.high));
        self.assume_difference(less, form, 0);
        less
    }

    /// A number divided by one above 0, rounded down: `by*q <= number`.
    fn quotient(&mut self, form: Form, by: i64) -> Form {
        // A common divisor of all does not matter.
        let divisor = gcd(gcd(Sum::from(form).divisor(), by), form.constant.checked_abs().unwrap_or(1));
        let (form, by) = form.divided(divisor, true).map_or((form, by), |form| (form, by / divisor));
        if let Some(exact) = form.divided(by, true) {
            return exact;
        }
        // The terms are multiples: what is rounded is the constant.
        if let Some(rounded) = form.divided(by, false) {
            return rounded;
        }
        let range = self.operand_range(&form);
        let quotient = self.fresh(Interval::new(range.low.div_euclid(by), range.high.div_euclid(by)));
        if let Some(multiple) = quotient.times(by) {
            self.assume_difference(multiple, form, 0);
        }
        quotient
    }

    fn shift_right(&mut self, operation: Operation, form: Form, by: i64) -> Form {
        if by == 0 {
            return form;
        }
        // A signed shift rounds down as well.
        if by < 63 && (operation == Operation::ShiftRightSigned || self.at_least(&form, 0)) {
            return self.quotient(form, 1 << by);
        }
        if operation == Operation::ShiftRightSigned {
            return self.fresh(Interval::new(-1, 0));
        }
        self.fresh(Interval::new(0, (u64::MAX >> by).cast_signed()))
    }

    /// Shifted by a number that is not known.
    fn shifted_by_any(
        &mut self,
        operation: Operation,
        form: Form,
        limits: Interval,
        whole: Interval,
    ) -> Form {
        let range = self.operand_range(&form);
        if operation == Operation::ShiftLeft || range.low < 0 || range.high > limits.high {
            return self.fresh(whole);
        }
        self.not_above(form, range)
    }

    fn modulo(&mut self, left: Form, right: Form, whole: Interval) -> Form {
        let (a, b) = (self.operand_range(&left), self.operand_range(&right));
        if b.low <= 0 {
            // By 0 it leaves the number as it is.
            return if a.low >= 0 { self.not_above(left, a) } else { self.fresh(whole) };
        }
        if a.low >= 0 && a.high < b.low {
            return left;
        }
        let rest = self.fresh(Interval::new(0, b.high - 1));
        self.assume_difference(rest, right, -1);
        if a.low >= 0 {
            self.assume_difference(rest, left, 0);
        }
        rest
    }

    fn and(&mut self, left: Form, right: Form, whole: Interval) -> Form {
        let (left, right) = if left.as_constant().is_some() { (right, left) } else { (left, right) };
        let (a, b) = (self.operand_range(&left), self.operand_range(&right));
        if let Some(mask) = right.as_constant() {
            if a.low >= 0 {
                return self.masked(left, a, mask);
            }
            // Zeros at the end of the mask make the result a multiple.
            if let (1.., zeros @ 1..31) = (mask, mask.trailing_zeros()) {
                let multiple = self.fresh(Interval::new(0, mask >> zeros));
                return multiple.times(1 << zeros).unwrap_or(multiple);
            }
        }
        if a.low < 0 && b.low < 0 {
            return self.fresh(whole);
        }
        // Of two numbers, one of them not negative, the result has none of its bits beyond: it is not negative and not above it.
        let high = if a.low < 0 {
            b.high
        } else if b.low < 0 {
            a.high
        } else {
            a.high.min(b.high)
        };
        let both = self.fresh(Interval::new(0, high));
        if a.low >= 0 {
            self.assume_difference(both, left, 0);
        }
        if b.low >= 0 {
            self.assume_difference(both, right, 0);
        }
        both
    }

    /// A number that is not negative with some bits cleared.
    fn masked(&mut self, form: Form, range: Interval, mask: i64) -> Form {
        let bits = below_power(range.high);
        let mask = mask & bits;
        if mask == bits {
            return form;
        }
        if mask == 0 {
            return Form::constant(0);
        }
        // Zeros at the end make it a multiple of a power of two.
        let zeros = i64::from(mask.trailing_zeros());
        let step = 1_i64 << zeros;
        if mask == bits & !(step - 1) {
            let quotient = self.quotient(form, step);
            if let Some(multiple) = quotient.times(step) {
                return multiple;
            }
        }
        let high = mask.min(range.high);
        let multiple = self.fresh(Interval::new(0, high >> zeros));
        let Some(masked) = multiple.times(step) else { return self.fresh(Interval::new(0, high)) };
        self.assume_difference(masked, form, 0);
        masked
    }

    /// Numbers without a common bit are added.
    fn or(&mut self, left: Form, right: Form, whole: Interval) -> Form {
        let (a, b) = (self.operand_range(&left), self.operand_range(&right));
        if a.low < 0 || b.low < 0 {
            return self.fresh(whole);
        }
        let apart = below_power(b.high) < low_zeros(left) || below_power(a.high) < low_zeros(right);
        if let (true, Some(sum)) = (apart, left.plus(right, 1)) {
            return sum;
        }
        self.fresh(Interval::new(0, below_power(a.high | b.high)))
    }

    /// Minus a number.
    pub(super) fn negate(&mut self, width: Width, form: Form) -> Form {
        self.operate(Operation::Subtract, width, Form::constant(0), form)
    }

    /// The lower bytes of a number with their sign.
    pub(super) fn extend(&mut self, width: Width, from: Size, form: Form) -> Form {
        let limits = signed_limits(from);
        let extended = if self.fits(&form, limits) {
            form
        } else if let Some(constant) = form.as_constant() {
            Form::constant(arithmetic::extend(Width::Double, from, constant.cast_unsigned()).cast_signed())
        } else {
            self.fresh(limits)
        };
        if width == Width::Word { self.word(extended) } else { extended }
    }

    /// The lower bytes of a number in another order.
    pub(super) fn order(&mut self, bytes: Bytes, size: Size, form: Form) -> Form {
        let limits = unsigned_limits(size);
        if let Some(constant) = form.as_constant() {
            return Form::constant(arithmetic::order(bytes, size, constant.cast_unsigned()).cast_signed());
        }
        if bytes == Bytes::Little && self.fits(&form, limits) {
            return form;
        }
        self.fresh(limits)
    }
}

/// The numbers that so many bytes can be.
pub(super) const fn unsigned_limits(size: Size) -> Interval {
    match size {
        Size::Byte => Interval::new(0, 0xff),
        Size::Half => Interval::new(0, 0xffff),
        Size::Word => WORD,
        Size::Double => ANY,
    }
}

/// The numbers that so many bytes can be with their sign.
pub(super) const fn signed_limits(size: Size) -> Interval {
    let unused = 64 - 8 * size.bytes();
    Interval::new(i64::MIN >> unused, i64::MAX >> unused)
}

/// The lower 32 bits.
fn low_word(number: i64) -> u32 {
    u32::try_from(number & WORD.high).unwrap_or(u32::MAX)
}

fn add(a: Interval, b: Interval) -> Option<Interval> {
    Some(Interval::new(a.low.checked_add(b.low)?, a.high.checked_add(b.high)?))
}

fn subtract(a: Interval, b: Interval) -> Option<Interval> {
    Some(Interval::new(a.low.checked_sub(b.high)?, a.high.checked_sub(b.low)?))
}

fn multiply(a: Interval, b: Interval) -> Option<Interval> {
    let ends = [
        a.low.checked_mul(b.low)?,
        a.low.checked_mul(b.high)?,
        a.high.checked_mul(b.low)?,
        a.high.checked_mul(b.high)?,
    ];
    Some(Interval::new(*ends.iter().min()?, *ends.iter().max()?))
}

/// The greatest quotient of a number that is taken as an unsigned one.
fn unsigned_quotient(by: i64) -> i64 {
    (u64::MAX / by.cast_unsigned()).cast_signed()
}

/// All bits of numbers from 0 to this one.
fn below_power(high: i64) -> i64 {
    if high <= 0 { 0 } else { (u64::MAX >> high.leading_zeros()).cast_signed() }
}

/// One more than the bits that are 0 in all numbers that a form can be: a power of two that divides it.
fn low_zeros(form: Form) -> i64 {
    let bits = form.terms().iter().fold(form.constant, |bits, term| bits | i64::from(term.factor));
    if bits == 0 { i64::MAX } else { 1_i64.checked_shl(bits.trailing_zeros()).unwrap_or(i64::MAX) }
}
