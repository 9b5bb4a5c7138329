//! Branches: what is known on the way where a condition holds, and on the one where it does not.

use crate::arithmetic;
use crate::instruction::{Condition, Width};

use super::facts::{Facts, Interval};
use super::form::{Form, Sum};
use super::refusal::Reason;
use super::state::State;
use super::value::{Place, SIGNED_WORD, Value, WORD};

/// What two values are compared as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Numbers(Form, Form),
    /// Distances of pointers into the same memory, and the least of them that is in the memory.
    Pointers(Form, Form, i64),
    /// As `Pointers`, where the left one may be null, or the right one, or both.
    MaybePointers(Form, Form, [bool; 2]),
    /// A pointer, at a distance, with 0, which tells nothing.
    WithNull(Form),
}

impl Comparison {
    /// What two values are compared as, if they may be.
    pub(super) fn new(width: Width, condition: Condition, left: Value, right: Value) -> Result<Self, Reason> {
        let memory = |value: Value| match value {
            Value::Pointer(Place::Memory(region), form) => Some((region, form, false)),
            Value::Maybe(region, form) => Some((region, form, true)),
            _ => None,
        };
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => Ok(Self::Numbers(left, right)),
            _ if width == Width::Word => Err(Reason::PointerCut),
            _ if condition == Condition::AnyBit => Err(Reason::PointerArithmetic),
            (Value::Pointer(left, a), Value::Pointer(right, b)) if left == right => {
                let least = if matches!(left, Place::Stack(_)) { -super::memory::FRAME } else { 0 };
                Ok(Self::Pointers(a, b, least))
            }
            (Value::Pointer(_, form) | Value::Maybe(_, form), other)
            | (other, Value::Pointer(_, form) | Value::Maybe(_, form))
                if other.is_null() =>
            {
                Ok(Self::WithNull(form))
            }
            _ => match (memory(left), memory(right)) {
                (Some((left, a, null)), Some((right, b, other_null))) if left == right => {
                    Ok(Self::MaybePointers(a, b, [null, other_null]))
                }
                _ => Err(Reason::PointerCompared),
            },
        }
    }
}

impl State {
    /// Whether the outcome may depend on where memory lies: that of the order of two pointers does, and that of a pointer and 0, if the address of one may be so far
    /// from the memory that it is cut to 64 bits. A function could find the address out by trying distances.
    pub(super) fn tells_address(&self, condition: Condition, comparison: Comparison) -> bool {
        let is_near = |form: &Form| self.facts.fits(form, NEAR);
        match comparison {
            Comparison::Numbers(..) => false,
            Comparison::WithNull(form) => !is_near(&form),
            Comparison::Pointers(left, right, _) | Comparison::MaybePointers(left, right, _) => {
                let is_equality = matches!(condition, Condition::Equal | Condition::NotEqual);
                !(is_equality || is_near(&left) && is_near(&right))
            }
        }
    }

    /// Takes for granted that a condition holds. False if it cannot, as far as is known.
    pub(super) fn assume(&mut self, width: Width, condition: Condition, comparison: Comparison) -> bool {
        match comparison {
            Comparison::WithNull(_) => true,
            Comparison::Pointers(left, right, least) => {
                self.facts.assume_pointers(condition, left, right, least)
            }
            Comparison::MaybePointers(left, right, nulls) => {
                self.facts.assume_maybe(condition, left, right, nulls)
            }
            Comparison::Numbers(left, right) => match (left.as_constant(), right.as_constant()) {
                (Some(left), Some(right)) => {
                    arithmetic::holds(condition, width, left.cast_unsigned(), right.cast_unsigned())
                }
                _ if width == Width::Double => self.facts.assume_numbers(condition, left, right),
                _ => self.facts.assume_words(condition, left, right),
            },
        }
    }
}

/// The condition that holds where another one does not; none for `AnyBit`.
pub(super) const fn opposite(condition: Condition) -> Option<Condition> {
    Some(match condition {
        Condition::Equal => Condition::NotEqual,
        Condition::NotEqual => Condition::Equal,
        Condition::Greater => Condition::LessOrEqual,
        Condition::GreaterOrEqual => Condition::Less,
        Condition::Less => Condition::GreaterOrEqual,
        Condition::LessOrEqual => Condition::Greater,
        Condition::SignedGreater => Condition::SignedLessOrEqual,
        Condition::SignedGreaterOrEqual => Condition::SignedLess,
        Condition::SignedLess => Condition::SignedGreaterOrEqual,
        Condition::SignedLessOrEqual => Condition::SignedGreater,
        Condition::AnyBit => return None,
    })
}

impl Facts {
    fn assume_numbers(&mut self, condition: Condition, left: Form, right: Form) -> bool {
        match condition {
            Condition::Equal | Condition::NotEqual => self.assume_equal(condition, left, right),
            Condition::Less => self.assume_unsigned(left, right, -1),
            Condition::LessOrEqual => self.assume_unsigned(left, right, 0),
            Condition::Greater => self.assume_unsigned(right, left, -1),
            Condition::GreaterOrEqual => self.assume_unsigned(right, left, 0),
            Condition::SignedLess => self.assume_difference(left, right, -1),
            Condition::SignedLessOrEqual => self.assume_difference(left, right, 0),
            Condition::SignedGreater => self.assume_difference(right, left, -1),
            Condition::SignedGreaterOrEqual => self.assume_difference(right, left, 0),
            Condition::AnyBit => true,
        }
    }

    fn assume_equal(&mut self, condition: Condition, left: Form, right: Form) -> bool {
        let (Some(sum), Some(negated)) = (Sum::difference(left, right), Sum::difference(right, left)) else {
            return true;
        };
        if condition == Condition::Equal {
            return self.assume(&sum, 0) && self.assume(&negated, 0);
        }
        // What is not above and not equal is below.
        if self.at_most(&sum, 0) {
            return self.assume(&sum, -1);
        }
        !self.at_most(&negated, 0) || self.assume(&negated, -1)
    }

    /// `low <= high + bound` as unsigned numbers, where `bound` is 0 or -1. If the higher one is not negative, taken as a signed number, neither is
    /// the lower one, and the order of signed numbers is the same. If the higher one may be negative nothing follows.
    fn assume_unsigned(&mut self, low: Form, high: Form, bound: i64) -> bool {
        if !self.at_least(&high, 0) {
            return true;
        }
        let not_negative = Sum::from(low).negated().is_none_or(|negated| self.assume(&negated, 0));
        not_negative && self.assume_difference(low, high, bound)
    }

    /// Addresses are unsigned, distances from the start of the memory signed, modulo 2^64. No memory ends beyond half of the address space. So if
    /// `a <= b` as addresses and the distance of `b` is not negative, `b` is the higher address of the two: either `a` lies between the
    /// start and `b`, or before the start with a negative distance. Both times its distance is at most that of `b`. If the distance
    /// of `b` may be negative, `b` may be any high address, and nothing follows.
    fn assume_pointers(&mut self, condition: Condition, left: Form, right: Form, least: i64) -> bool {
        let (low, high, bound) = match condition {
            Condition::Equal | Condition::NotEqual => return self.assume_equal(condition, left, right),
            Condition::Less => (left, right, -1),
            Condition::LessOrEqual => (left, right, 0),
            Condition::Greater => (right, left, -1),
            Condition::GreaterOrEqual => (right, left, 0),
            _ => return true,
        };
        !self.at_least(&high, least) || self.assume_difference(low, high, bound)
    }

    /// Null is address 0: nothing but a pointer at 0 is not above it, whose distance is not above 0. So if the higher one may be null, and its distance
    /// is not negative otherwise, the same follows; of the lower one or of equality nothing does.
    fn assume_maybe(&mut self, condition: Condition, left: Form, right: Form, nulls: [bool; 2]) -> bool {
        let low_may_be_null = match condition {
            Condition::Less | Condition::LessOrEqual => nulls[0],
            Condition::Greater | Condition::GreaterOrEqual => nulls[1],
            _ => return true,
        };
        low_may_be_null || self.assume_pointers(condition, left, right, 0)
    }

    /// As numbers of 64 bits, where the lower halves are the numbers. An immediate may be a negative number in signed comparisons only.
    fn assume_words(&mut self, condition: Condition, left: Form, right: Form) -> bool {
        let signed = matches!(
            condition,
            Condition::SignedLess
                | Condition::SignedLessOrEqual
                | Condition::SignedGreater
                | Condition::SignedGreaterOrEqual
        );
        if condition == Condition::AnyBit {
            return true;
        }
        if signed {
            return match right.as_constant() {
                _ if self.fits(&left, SIGNED_WORD) && self.fits(&right, SIGNED_WORD) => {
                    self.assume_numbers(condition, left, right)
                }
                Some(right) if self.fits(&left, WORD) => self.assume_signed_word(condition, left, right),
                _ => true,
            };
        }
        let [left, right] = [left, right]
            .map(|form| form.as_constant().map_or(form, |number| Form::constant(number & WORD.high)));
        if !self.fits(&left, WORD) || !self.fits(&right, WORD) {
            return true;
        }
        self.assume_numbers(condition, left, right)
    }

    /// A number from 0 to 2^32-1, as a signed number of 32 bits: its upper half is negative. What is left of each half, together.
    fn assume_signed_word(&mut self, condition: Condition, form: Form, right: i64) -> bool {
        let range = self.range(&form);
        let right = ((right & WORD.high) << 32) >> 32;
        let allowed = match condition {
            Condition::SignedLess => Interval::new(SIGNED_WORD.low, right - 1),
            Condition::SignedLessOrEqual => Interval::new(SIGNED_WORD.low, right),
            Condition::SignedGreater => Interval::new(right + 1, SIGNED_WORD.high),
            _ => Interval::new(right, SIGNED_WORD.high),
        };
        let whole = WORD.high + 1;
        let lower = meet(range, Interval::new(allowed.low.max(0), allowed.high));
        let upper = meet(range, Interval::new(allowed.low + whole, allowed.high.min(-1) + whole));
        let left = match (lower, upper) {
            (None, None) => return false,
            (Some(one), None) | (None, Some(one)) => one,
            (Some(lower), Some(upper)) => lower.union(upper),
        };
        let sum = Sum::from(form);
        let least = sum.negated().is_none_or(|negated| self.assume(&negated, -left.low));
        least && self.assume(&sum, left.high)
    }
}

/// Distances of pointers whose addresses are not cut: in a position-independent program, which Adit is, all memory lies above the first 4 GiB, and below half of
/// the address space, also where addresses are taken as signed numbers. A signed number of 32 bits is such a distance.
const NEAR: Interval = Interval::new(-1 << 32, 1 << 61);

/// What two intervals have in common.
fn meet(a: Interval, b: Interval) -> Option<Interval> {
    let (low, high) = (a.low.max(b.low), a.high.min(b.high));
    (low <= high).then(|| Interval::new(low, high))
}
