//! Numbers: how they are made, bounded, compared, and mistaken.

use adit_function::instruction::{Atomic, Condition, Instruction, Operand, Operation, Register, Size, Width};

use super::super::mutate::NUMBERS;
use super::{Holds, Maker, register};

impl Maker<'_> {
    /// Keeps a number small, in one of the ways that compilers have.
    pub(super) fn bound(&mut self, index: usize) {
        let mask = self.random.pick(&[1, 3, 7, 15, 31, 63]);
        match self.random.below(5) {
            0 => self.apply(Operation::And, index, Operand::Immediate(mask)),
            4 => {
                // As if a number of 32 bits had become one of 64.
                let back = self.random.pick(&[Operation::ShiftRight, Operation::ShiftRightSigned]);
                self.apply(Operation::ShiftLeft, index, Operand::Immediate(32));
                self.apply(back, index, Operand::Immediate(32));
            }
            1 => self.apply(Operation::Modulo, index, Operand::Immediate(mask)),
            2 => {
                self.apply(
                    Operation::ShiftRight,
                    index,
                    Operand::Immediate(32 + mask.leading_zeros().cast_signed()),
                );
            }
            _ => {
                // if (i < mask) skip; i = mask
                let condition = self.random.pick(&[
                    Condition::Less,
                    Condition::Less,
                    Condition::SignedLess,
                    Condition::LessOrEqual,
                ]);
                let skip = self.branch(condition, index, Operand::Immediate(mask), 0);
                if self.random.once_in(3) {
                    self.make_word(skip);
                }
                self.number(index, mask);
                self.land(skip);
            }
        }
        self.holds[index] = Holds::Upto(u16::try_from(mask).unwrap());
    }

    pub(super) fn number_limit(&mut self) {
        let index = self.any_number();
        self.bound(index);
    }

    pub(super) fn arithmetic(&mut self) {
        let to = self.any_number();
        let width = self.random.pick(&[Width::Word, Width::Double]);
        let operation = self.random.pick(&[
            Operation::Add,
            Operation::Subtract,
            Operation::Multiply,
            Operation::Divide,
            Operation::SignedDivide,
            Operation::Modulo,
            Operation::And,
            Operation::Or,
            Operation::Xor,
            Operation::ShiftLeft,
            Operation::ShiftRight,
            Operation::ShiftRightSigned,
        ]);
        let source = if self.random.once_in(2) {
            Operand::Immediate(self.random.pick(NUMBERS))
        } else {
            Operand::Register(register(self.any_number()))
        };
        self.put(Instruction::Arithmetic { width, operation, destination: register(to), source });
        self.holds[to] = Holds::Number;
    }

    /// What has one operand, or moves a part of a register.
    pub(super) fn unary(&mut self) {
        let from = self.any_number();
        let (to, width) = (self.scratch(), self.random.pick(&[Width::Word, Width::Double]));
        let (destination, source) = (register(to), register(from));
        let made = match self.random.below(4) {
            0 => Instruction::Move { width: Width::Word, destination, source: Operand::Register(source) },
            1 => {
                let from = self.random.pick(&[Size::Byte, Size::Half]);
                Instruction::MoveSigned { width, destination, source, from }
            }
            2 => Instruction::MoveSigned { width: Width::Double, destination, source, from: Size::Word },
            _ => Instruction::Negate { width, destination: source },
        };
        self.put(made);
        self.holds[to] = if self.holds[to] == Holds::Nothing { Holds::Nothing } else { Holds::Number };
        self.holds[from] = Holds::Number;
    }

    /// An atomic operation, mostly on the stack.
    pub(super) fn atomic(&mut self) {
        let base = if self.has_data && self.random.once_in(2) {
            self.data_address(2);
            2
        } else {
            10
        };
        let source = self.any_number();
        let (_, offset) = self.word();
        let offset = if base == 10 { offset } else { 0 };
        let operation = self.random.pick(&[
            Atomic::Add,
            Atomic::Or,
            Atomic::And,
            Atomic::Xor,
            Atomic::Exchange,
            Atomic::CompareExchange,
        ]);
        let size = self.random.pick(&[Size::Word, Size::Double]);
        let (base, source) = (register(base), register(source));
        self.put(Instruction::Atomic { operation, size, fetch: true, base, offset, source });
        let source = source.index();
        self.holds[source] = Holds::Number;
    }

    /// One of two branches, which leave the same register with different things at times.
    pub(super) fn choice(&mut self, depth: u32) {
        let left = self.any_number();
        let right = Operand::Immediate(self.random.pick(NUMBERS));
        let condition = self.random.pick(&[
            Condition::Equal,
            Condition::NotEqual,
            Condition::Greater,
            Condition::Less,
            Condition::SignedGreater,
            Condition::SignedLessOrEqual,
            Condition::AnyBit,
        ]);
        let other = self.branch(condition, left, right, 0);
        if self.random.once_in(3) {
            self.make_word(other);
        }
        let (holds, stack) = (self.holds, self.stack);
        self.statement(depth + 1);
        let out = self.code.len();
        self.put(Instruction::Jump { target: 0 });
        self.land(other);
        let (mut first, mut first_stack) = (self.holds, self.stack);
        (self.holds, self.stack) = (holds, stack);
        self.statement(depth + 1);
        self.land(out);
        for (first, second) in
            first.iter_mut().zip(&self.holds).chain(first_stack.iter_mut().zip(&self.stack))
        {
            if first != second && !self.random.once_in(12) {
                *first = Holds::Nothing;
            }
        }
        (self.holds, self.stack) = (first, first_stack);
    }

    /// Lets a branch look at the lower halves alone.
    pub(super) fn make_word(&mut self, branch: usize) {
        if let Instruction::Branch { width, .. } = &mut self.code[branch] {
            *width = Width::Word;
        }
    }

    /// Compares two numbers and goes on where one is less, so that it bounds the other.
    pub(super) fn two_numbers(&mut self) {
        let (left, right) = (self.any_number(), self.any_number());
        let condition = self.random.pick(&[
            Condition::GreaterOrEqual,
            Condition::Greater,
            Condition::SignedGreaterOrEqual,
            Condition::Equal,
        ]);
        let out = self.branch(condition, left, Operand::Register(register(right)), 0);
        if self.random.once_in(4) {
            self.make_word(out);
        }
        let holds = self.holds;
        self.checked_access();
        self.land(out);
        self.holds = holds;
    }

    /// Something that no compiler would do.
    pub(super) fn nonsense(&mut self) {
        let (to, from) = (self.random.below(10), self.random.below(10));
        match self.random.below(4) {
            0 => self.copy(to, from),
            1 => self.apply(Operation::Add, to, Operand::Register(register(from))),
            2 => self.apply(Operation::Subtract, to, Operand::Register(register(from))),
            _ => {
                let size = self.size();
                self.load(to, size, from, 0);
            }
        }
    }
}
