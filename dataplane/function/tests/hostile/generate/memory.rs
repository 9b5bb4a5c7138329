//! Memory: checks against an end, walks, indexes, spills.

use adit_function::hook::FieldKind;
use adit_function::instruction::{Condition, Instruction, Operand, Operation, Register, Size, Width};

use super::super::mutate::NUMBERS;
use super::{Holds, Maker, STACK_WORDS, register};

impl Maker<'_> {
    /// Loads the start and the end of a region of the hook.
    pub(super) fn load_region(&mut self, start: usize, end: usize) {
        let base = self.find(|holds| holds == Holds::Context).unwrap_or(6);
        let region = u8::try_from(self.random.below(self.hook.regions.len())).unwrap();
        for field in self.hook.fields {
            let (to, holds) = match field.kind {
                FieldKind::Start(index) if index == region => (start, Holds::Start(region)),
                FieldKind::End(index) if index == region => (end, Holds::End(region)),
                _ => continue,
            };
            if to != base {
                self.load(to, Size::Double, base, i16::try_from(field.offset).unwrap());
                self.holds[to] = holds;
            }
        }
    }

    pub(super) fn fresh_region(&mut self) {
        self.load_region(7, 8);
    }

    /// Compares `start + bytes` with the end and accesses what lies before.
    pub(super) fn checked_access(&mut self) {
        let (start, end) = self.any_region();
        let at = self.random.pick(&[0, 2, 3, 4, 5]);
        if at == start || at == end {
            return;
        }
        self.copy(at, start);
        if self.random.once_in(3) {
            let index = self.any_number();
            if index != at {
                self.bound(index);
                self.apply(Operation::Add, at, Operand::Register(register(index)));
            }
        }
        let bytes = self.random.pick(&[1, 2, 4, 8, 8, 12, 16, 64]);
        let size = self.size();
        let to = self.scratch();
        let offset = self.offset(size, bytes.into());
        let (condition, is_behind) = self.random.pick(&[
            (Condition::Greater, true),
            (Condition::GreaterOrEqual, true),
            (Condition::Greater, false),
        ]);
        if is_behind {
            // p += k; if p > end: out; access p[offset - k]
            self.apply(Operation::Add, at, Operand::Immediate(bytes));
            let out = self.branch(condition, at, Operand::Register(register(end)), 0);
            self.access(size, to, at, offset - i16::try_from(bytes).unwrap(), start);
            self.land(out);
        } else {
            // q = p + k; if q > end: out; access p[offset]
            let limit = self.random.pick(&[0, 1, 9]);
            if limit == at || limit == start || limit == end {
                return;
            }
            self.copy(limit, at);
            self.apply(Operation::Add, limit, Operand::Immediate(bytes));
            let out = self.branch(condition, limit, Operand::Register(register(end)), 0);
            self.access(size, to, at, offset, start);
            self.land(out);
        }
        self.holds[to] = Holds::Nothing;
    }

    /// Compares what was calculated from numbers with the length of memory and goes there: where the calculation wraps that proves nothing.
    pub(super) fn calculated_access(&mut self) {
        let (start, end) = self.any_region();
        let (x, y) = (self.any_number(), self.any_number());
        let [length, sum] = self.random.pick(&[[0, 1], [2, 3], [4, 5], [5, 2]]);
        if [start, end, x, y].iter().any(|used| [length, sum].contains(used)) {
            return;
        }
        self.copy(length, end);
        self.apply(Operation::Subtract, length, Operand::Register(register(start)));
        let width = self.random.pick(&[Width::Double, Width::Double, Width::Word]);
        let source = Operand::Register(register(x));
        self.put(Instruction::Move { width, destination: register(sum), source });
        self.holds[sum] = Holds::Number;
        let operation = self.random.pick(&[
            Operation::Add,
            Operation::Add,
            Operation::Subtract,
            Operation::Multiply,
            Operation::ShiftLeft,
        ]);
        let operand = match self.random.below(2) {
            0 if operation != Operation::ShiftLeft => Operand::Register(register(y)),
            _ => Operand::Immediate(self.random.pick(&[1, 2, 3, 4, 8, 16, 63])),
        };
        if !self.random.once_in(3) {
            self.put(Instruction::Arithmetic {
                width,
                operation,
                destination: register(sum),
                source: operand,
            });
        }
        let condition = self.random.pick(&[
            Condition::Greater,
            Condition::GreaterOrEqual,
            Condition::SignedGreater,
            Condition::SignedGreaterOrEqual,
        ]);
        let mut out = vec![self.branch(condition, sum, Operand::Register(register(length)), 0)];
        if self.random.once_in(2) {
            out.push(self.branch(Condition::SignedLess, x, Operand::Immediate(0), 0));
        }
        let at = if self.random.once_in(2) { x } else { sum };
        self.copy(length, at);
        self.apply(Operation::Add, length, Operand::Register(register(start)));
        let size = self.size();
        let offset = self.random.pick(&[0, 0, 0, -1, -8, 8]);
        self.access(size, sum, length, offset, start);
        out.into_iter().for_each(|branch| self.land(branch));
        (self.holds[length], self.holds[sum]) = (Holds::Nothing, Holds::Nothing);
    }

    /// Goes back from the end, by a constant or by any number, and compares with the start.
    pub(super) fn backward_access(&mut self) {
        let (start, end) = self.any_region();
        let number = self.any_number();
        let at = self.random.pick(&[1, 2, 4]);
        if [start, end, number].contains(&at) {
            return;
        }
        let from = if self.random.once_in(4) { start } else { end };
        self.copy(at, from);
        let size = self.size();
        let bytes = i32::try_from(size.bytes()).unwrap();
        let back = if self.random.once_in(2) {
            Operand::Immediate(bytes)
        } else {
            Operand::Register(register(number))
        };
        self.apply(Operation::Subtract, at, back);
        let condition = self.random.pick(&[Condition::Less, Condition::LessOrEqual, Condition::SignedLess]);
        let out = self.branch(condition, at, Operand::Register(register(start)), 0);
        let behind = self.branch(Condition::Greater, at, Operand::Register(register(end)), 0);
        let offset = self.random.pick(&[0, -1]);
        self.access(size, at, at, offset, start);
        self.land(out);
        self.land(behind);
        self.holds[at] = Holds::Nothing;
    }

    /// Goes on with one region of two, and accesses it as if it were the second.
    pub(super) fn either_region(&mut self) {
        let number = self.any_number();
        if number == 2 || number == 3 || self.holds[6] != Holds::Context {
            return;
        }
        let other = self.branch(Condition::Greater, number, Operand::Immediate(5), 0);
        self.load_region(2, 3);
        let out = self.code.len();
        self.put(Instruction::Jump { target: 0 });
        self.land(other);
        self.load_region(2, 3);
        self.land(out);
        self.copy(4, 2);
        self.apply(Operation::Add, 4, Operand::Immediate(8));
        let out = self.branch(Condition::Greater, 4, Operand::Register(register(3)), 0);
        self.access(Size::Double, 4, 2, 0, 2);
        self.land(out);
        self.holds[4] = Holds::Nothing;
    }

    /// Reads memory, or writes it where that is allowed.
    pub(super) fn access(&mut self, size: Size, to: usize, base: usize, offset: i16, of: usize) {
        let may_write = match self.holds[of] {
            Holds::Start(region) => {
                self.hook.regions.get(usize::from(region)).is_some_and(|region| region.writable)
            }
            Holds::Variables => true,
            _ => false,
        };
        if may_write && self.random.once_in(2) || self.random.once_in(64) {
            let source = self.any_number();
            self.store(size, base, offset, Operand::Register(register(source)));
        } else {
            self.load(to, size, base, offset);
        }
    }

    /// for (p = start; p + k <= end; p += k)
    pub(super) fn walk(&mut self, depth: u32) {
        let (start, end) = self.any_region();
        let at = 9;
        if at == start || at == end {
            return;
        }
        self.copy(at, start);
        let stride = self.random.pick(&[1, 2, 4, 8, 8, 16, 24]);
        let head = self.here();
        let limit = self.random.pick(&[0, 1, 2]);
        self.copy(limit, at);
        self.apply(Operation::Add, limit, Operand::Immediate(stride));
        if limit == start || limit == end {
            return;
        }
        let out = self.branch(Condition::Greater, limit, Operand::Register(register(end)), 0);
        let size = self.size();
        let offset = self.offset(size, stride.into());
        self.access(size, 3, at, offset, start);
        if self.random.once_in(2) {
            self.statement(depth + 1);
        }
        let step = if self.random.once_in(12) { stride + self.random.pick(&[-1, 1, 8]) } else { stride };
        self.apply(Operation::Add, at, Operand::Immediate(step));
        self.put(Instruction::Jump { target: head });
        self.land(out);
        self.forget();
    }

    /// for (i = 0; i < count; i++) start[i * k]
    pub(super) fn index_loop(&mut self, depth: u32) {
        let (start, end) = self.any_region();
        let (index, count, at) = (9, 4, 5);
        if [index, count, at].contains(&start) || [index, count, at].contains(&end) {
            return;
        }
        let shift = self.random.pick(&[0, 1, 2, 3]);
        self.copy(count, end);
        self.apply(Operation::Subtract, count, Operand::Register(register(start)));
        if shift > 0 {
            self.apply(Operation::ShiftRight, count, Operand::Immediate(shift));
        }
        self.number(index, 0);
        let head = self.here();
        let condition = self.random.pick(&[
            Condition::GreaterOrEqual,
            Condition::GreaterOrEqual,
            Condition::Greater,
            Condition::Equal,
        ]);
        let out = self.branch(condition, index, Operand::Register(register(count)), 0);
        self.copy(at, index);
        self.apply(Operation::ShiftLeft, at, Operand::Immediate(shift));
        self.apply(Operation::Add, at, Operand::Register(register(start)));
        let size = self.size();
        let offset = self.offset(size, 1 << shift);
        self.access(size, 3, at, offset, start);
        if self.random.once_in(3) {
            self.statement(depth + 1);
        }
        self.apply(Operation::Add, index, Operand::Immediate(1));
        self.put(Instruction::Jump { target: head });
        self.land(out);
        self.forget();
    }

    /// An offset of a word of the frame.
    pub(super) fn word(&mut self) -> (usize, i16) {
        let word = self.random.below(STACK_WORDS);
        (word, -8 * (i16::try_from(word).unwrap() + 1))
    }

    pub(super) fn stack_store(&mut self) {
        let (word, offset) = self.word();
        if self.random.once_in(3) {
            let number = self.random.pick(NUMBERS);
            let size = self.size();
            self.store(size, 10, offset, Operand::Immediate(number));
            self.stack[word] = if size == Size::Double { Holds::Number } else { Holds::Nothing };
        } else if let Some(source) = self.find(|holds| holds != Holds::Nothing) {
            self.store(Size::Double, 10, offset, Operand::Register(register(source)));
            self.stack[word] = self.holds[source];
        }
    }

    pub(super) fn stack_load(&mut self) {
        let word = (0..STACK_WORDS).find(|word| self.stack[*word] != Holds::Nothing);
        let word = if self.random.once_in(24) { Some(self.random.below(STACK_WORDS)) } else { word };
        let Some(word) = word else { return self.stack_store() };
        let (to, offset) = (self.scratch(), -8 * (i16::try_from(word).unwrap() + 1));
        self.load(to, Size::Double, 10, offset);
        self.holds[to] = self.stack[word];
    }

    /// array[number], on the stack.
    pub(super) fn stack_index(&mut self) {
        let index = self.any_number();
        let at = self.random.pick(&[0, 1, 2, 3]);
        if index == at {
            return;
        }
        self.bound(index);
        self.copy(at, index);
        let shift = self.random.pick(&[0, 1, 2, 3]);
        self.apply(Operation::ShiftLeft, at, Operand::Immediate(shift));
        self.apply(Operation::Add, at, Operand::Register(Register::FRAME));
        self.holds[at] = Holds::Nothing;
        let low = -8 * i32::try_from(1 + self.random.below(STACK_WORDS)).unwrap();
        let size = self.size();
        let offset = i16::try_from(low).unwrap();
        if self.random.once_in(2) {
            let source = self.any_number();
            self.store(size, at, offset, Operand::Register(register(source)));
        } else {
            self.load(at, size, at, offset);
        }
    }

    pub(super) fn data_address(&mut self, to: usize) {
        let destination = register(to);
        if self.random.once_in(2) {
            let offset = self.random.pick(&[0, 0, 8, 16, 23, 24]);
            self.put(Instruction::Data { destination, offset });
            self.holds[to] = Holds::Data;
        } else {
            let offset = self.random.pick(&[0, 8, 16, 32, 56]);
            self.put(Instruction::Variable { destination, offset });
            self.holds[to] = Holds::Variables;
        }
    }

    /// table[number], in the data or the variables.
    pub(super) fn data_access(&mut self) {
        let at = self.random.pick(&[0, 1, 2, 3]);
        self.data_address(at);
        if self.random.once_in(2) {
            let index = self.any_number();
            if index != at {
                self.bound(index);
                self.apply(Operation::Add, at, Operand::Register(register(index)));
            }
        }
        let size = self.size();
        let offset = self.offset(size, 16);
        self.access(size, at, at, offset, at);
        self.holds[at] = Holds::Nothing;
    }
}
