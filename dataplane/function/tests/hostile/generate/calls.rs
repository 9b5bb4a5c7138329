//! Helpers and functions of the program: what they are handed, and what is left of the registers.

use adit_function::helper::SIGNATURES;
use adit_function::instruction::{Condition, Instruction, Operand, Operation, Register, Size, Width};
use adit_function::signature::ArgumentKind;

use super::{Holds, Maker, STACK_WORDS, register};

impl Maker<'_> {
    /// Looks a record up and loads its view.
    pub(super) fn get(&mut self) {
        let (_, key) = self.word();
        let view = -8 * (i16::try_from(self.random.below(STACK_WORDS - 1)).unwrap() + 2);
        let source = self.any_number();
        self.store(Size::Double, 10, key, Operand::Register(register(source)));
        self.stack_address(1, key);
        self.number(2, 8);
        let offset = self.random.pick(&[0, 0, 0, 1, 8]);
        self.number(3, offset);
        self.stack_address(4, view);
        self.put(Instruction::CallHelper { number: 1 });
        self.clobber();
        let number = self.views;
        self.views = self.views.saturating_add(1);
        for (word, holds) in [(view, Holds::Start(number)), (view + 8, Holds::End(number))] {
            self.stack[usize::try_from(-word / 8 - 1).unwrap()] = holds;
        }
        let (start, end) = self.random.pick(&[(1, 2), (2, 3), (7, 8)]);
        self.load(start, Size::Double, 10, view);
        self.load(end, Size::Double, 10, view + 8);
        (self.holds[start], self.holds[end]) = (Holds::Start(number), Holds::End(number));
    }

    /// Looks several records up and uses one of them, by an index.
    pub(super) fn get_many(&mut self) {
        let count = self.random.pick(&[1, 2, 3]);
        for word in 0..2 {
            let source = self.any_number();
            self.store(Size::Double, 10, -8 * (word + 1), Operand::Register(register(source)));
            self.stack[usize::try_from(word).unwrap()] = Holds::Number;
        }
        let views = -16 - 16 * count;
        self.stack_address(1, -16);
        self.number(2, 4);
        self.number(3, i32::from(count));
        self.stack_address(4, views);
        self.number(5, i32::from(count));
        self.put(Instruction::CallHelper { number: 2 });
        self.clobber();
        self.stack[2..2 + 2 * usize::try_from(count).unwrap()].fill(Holds::Nothing);
        let number = self.views;
        self.views = self.views.saturating_add(1);
        let (at, start, end) = (1, 2, 3);
        if self.random.once_in(2) {
            let index = self.any_number();
            if index == at {
                return;
            }
            let mask = self.random_mask(count);
            self.apply(Operation::And, index, Operand::Immediate(mask));
            self.holds[index] = Holds::Upto(3);
            self.copy(at, index);
            self.apply(Operation::ShiftLeft, at, Operand::Immediate(4));
            self.apply(Operation::Add, at, Operand::Register(Register::FRAME));
        } else {
            self.stack_address(at, 0);
        }
        self.load(start, Size::Double, at, views);
        self.load(end, Size::Double, at, views + 8);
        (self.holds[start], self.holds[end]) = (Holds::Start(number), Holds::End(number));
        self.holds[at] = Holds::Nothing;
    }

    /// A mask for an index below a number, and at times one that is too large.
    pub(super) fn random_mask(&mut self, count: i16) -> i32 {
        let right = if count >= 2 { 1 } else { 0 };
        if self.random.once_in(8) { 3 } else { right }
    }

    pub(super) fn stack_address(&mut self, to: usize, offset: i16) {
        let source = Operand::Register(Register::FRAME);
        self.put(Instruction::Move { width: Width::Double, destination: register(to), source });
        self.apply(Operation::Add, to, Operand::Immediate(offset.into()));
        self.holds[to] = Holds::Stack(offset);
    }

    /// What is left of the registers after a call.
    pub(super) fn clobber(&mut self) {
        self.holds[1..6].fill(Holds::Nothing);
        self.holds[0] = Holds::Number;
    }

    /// Calls any helper with arguments that may suit it.
    pub(super) fn helper(&mut self) {
        let signature = &SIGNATURES[self.random.below(SIGNATURES.len())];
        for word in 0..4 {
            if self.stack[word] == Holds::Nothing {
                self.store(Size::Double, 10, -8 * (i16::try_from(word).unwrap() + 1), Operand::Immediate(1));
                self.stack[word] = Holds::Number;
            }
        }
        for (index, argument) in signature.arguments.iter().enumerate() {
            let to = index + 1;
            match argument.kind {
                ArgumentKind::Number => {
                    let found = self.find(|holds| matches!(holds, Holds::Number | Holds::Upto(_)));
                    match found.filter(|found| *found > 5 && self.random.once_in(3)) {
                        Some(found) => self.copy(to, found),
                        None => {
                            let number = self.random.pick(&[0, 1, 1, 2, 3, 4, 8, 8, 16, 32]);
                            self.number(to, number);
                        }
                    }
                }
                ArgumentKind::Constant(most) => {
                    let number = 1 + self.random.below(most as usize);
                    self.number(to, i32::try_from(number.min(3)).unwrap());
                }
                ArgumentKind::Readable(_) | ArgumentKind::Writable(_) => match self.random.below(4) {
                    0 => {
                        self.copy(to, 7);
                        if self.random.once_in(3) {
                            self.apply(Operation::Add, to, Operand::Immediate(1));
                        }
                    }
                    1 if self.has_data => self.data_address(to),
                    _ => {
                        let word = self.random.below(6);
                        self.stack_address(to, -8 * (i16::try_from(word).unwrap() + 1));
                    }
                },
                ArgumentKind::Views(_) => {
                    let word = 1 + self.random.below(STACK_WORDS - 1);
                    self.stack_address(to, -8 * (i16::try_from(word).unwrap() + 1));
                }
            }
        }
        self.put(Instruction::CallHelper { number: signature.number });
        self.clobber();
    }

    /// Lets a helper overwrite a number on the stack, or a part of it, which is an index afterwards.
    pub(super) fn overwrite(&mut self) {
        let (word, offset) = self.word();
        let index = self.random.pick(&[0, 1, 4, 7]);
        self.store(Size::Double, 10, offset, Operand::Immediate(index));
        let bytes = self.any_number();
        self.bound(bytes);
        self.copy(3, bytes);
        self.stack_address(1, offset);
        if self.random.once_in(2) {
            let step = self.any_number();
            if step != 1 {
                self.bound(step);
                self.apply(Operation::And, step, Operand::Immediate(7));
                self.apply(Operation::Add, 1, Operand::Register(register(step)));
                self.number(3, 1);
            }
        }
        let value = self.random.pick(&[0, 8, 9, 255]);
        self.number(2, value);
        self.put(Instruction::CallHelper { number: FILL });
        self.clobber();
        let (start, end) = self.any_region();
        self.load(0, Size::Double, 10, offset);
        self.stack[word] = Holds::Number;
        if start == 0 || end == 0 || [start, end].contains(&1) {
            return;
        }
        self.copy(1, start);
        self.apply(Operation::Add, 1, Operand::Immediate(8));
        let out = self.branch(Condition::Greater, 1, Operand::Register(register(end)), 0);
        self.apply(Operation::Add, 0, Operand::Register(register(start)));
        self.load(0, Size::Byte, 0, 0);
        self.land(out);
        (self.holds[0], self.holds[1]) = (Holds::Nothing, Holds::Nothing);
    }

    /// Calls a function of the program, with what the registers hold.
    pub(super) fn call_function(&mut self) {
        let (start, end) = self.any_region();
        for (to, from) in [(1, start), (2, end)] {
            if from > 5 {
                self.copy(to, from);
            }
        }
        if self.random.once_in(2) {
            self.stack_address(3, -16);
        } else {
            self.number(3, 4);
        }
        let mut holds = [Holds::Nothing; 10];
        holds[1..6].copy_from_slice(&self.holds[1..6]);
        self.callees.push(holds);
        self.put(Instruction::CallFunction { function: u32::try_from(self.callees.len()).unwrap() });
        self.clobber();
    }
}

/// The helper that sets bytes.
const FILL: u32 = 114;
