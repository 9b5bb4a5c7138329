//! Programs made up from the habits of compilers: loads from the context, checks against an end, walks, indexes, spills, views, helpers, calls. They
//! know what their registers hold, so most of them make sense, and forget it at times.

use adit_function::encode::encode;
use adit_function::helper::SIGNATURES;
use adit_function::hook::{FieldKind, HOOKS, Hook};
use adit_function::instruction::{Condition, Instruction, Operand, Operation, Register, Size, Width};
use adit_function::program::{Function, Program};
use adit_function::signature::ArgumentKind;

use super::mutate::NUMBERS;
use super::{Mutant, Random};

/// A program of a random hook.
pub(super) fn program(random: &mut Random) -> Mutant {
    let hook = random.pick(HOOKS);
    let mut maker = Maker::new(random, hook);
    let with_data = maker.random.once_in(2);
    let (data, variables) = if with_data { (vec![3; 24], vec![0; 64]) } else { (Vec::new(), Vec::new()) };
    maker.has_data = with_data;
    let mut program = Program::default();
    let mut holds = [Holds::Nothing; 10];
    holds[1] = Holds::Context;
    let mut start = 0;
    let mut function = 0;
    loop {
        maker.body(holds, function == 0);
        let end = u32::try_from(maker.code.len()).unwrap();
        program.functions.push(Function { name: String::new(), start, end });
        (start, function) = (end, function + 1);
        let Some(next) = maker.callees.get(function - 1) else { break };
        holds = *next;
    }
    program.instructions = maker.code;
    let code = encode(&program).expect("it is short");
    Mutant { code, data, variables, hook }
}

/// What a register holds, as the maker believes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holds {
    Nothing,
    Number,
    /// A number up to this.
    Upto(u16),
    Context,
    /// The start of memory, by a number for it.
    Start(u8),
    End(u8),
    Stack(i16),
    Data,
    Variables,
}

struct Maker<'r> {
    random: &'r mut Random,
    hook: &'static Hook,
    code: Vec<Instruction>,
    holds: [Holds; 10],
    /// Words of the stack frame that were written, and with what.
    stack: [Holds; STACK_WORDS],
    has_data: bool,
    /// What the registers hold where functions are called, one for each.
    callees: Vec<[Holds; 10]>,
    /// The number of the next view.
    views: u8,
    budget: u32,
}

impl<'r> Maker<'r> {
    fn new(random: &'r mut Random, hook: &'static Hook) -> Self {
        Self {
            random,
            hook,
            code: Vec::new(),
            holds: [Holds::Nothing; 10],
            stack: [Holds::Nothing; STACK_WORDS],
            has_data: false,
            callees: Vec::new(),
            views: 100,
            budget: 0,
        }
    }

    /// The code of a function.
    fn body(&mut self, holds: [Holds; 10], is_first: bool) {
        self.holds = holds;
        self.stack = [Holds::Nothing; STACK_WORDS];
        self.budget = if is_first { self.random.pick(&[3, 4, 5, 6, 8, 10, 13]) } else { 3 };
        if is_first {
            // What lives across calls.
            self.copy(6, 1);
            self.load_region(7, 8);
        }
        while self.budget > 0 {
            self.statement(0);
        }
        let number = self.any_number();
        self.copy(0, number);
        self.code.push(Instruction::Exit);
    }

    fn statement(&mut self, depth: u32) {
        self.budget = self.budget.saturating_sub(1);
        match self.random.below(16) {
            0 => self.fresh_region(),
            1..=3 => self.checked_access(),
            4 if depth < 2 => self.walk(depth),
            5 if depth < 2 => self.index_loop(depth),
            6 => self.stack_store(),
            7 => self.stack_load(),
            8 => self.stack_index(),
            9 => self.arithmetic(),
            10 => self.get(),
            11 => self.helper(),
            12 if depth < 3 => self.choice(depth),
            13 if self.has_data => self.data_access(),
            14 if self.callees.len() < 3 => self.call_function(),
            15 if self.random.once_in(6) => self.nonsense(),
            _ => self.number_limit(),
        }
    }

    // Pieces.

    fn put(&mut self, instruction: Instruction) {
        self.code.push(instruction);
    }

    fn here(&self) -> u32 {
        u32::try_from(self.code.len()).unwrap()
    }

    /// Lets a jump or branch lead here.
    fn land(&mut self, from: usize) {
        let here = self.here();
        if let Instruction::Jump { target } | Instruction::Branch { target, .. } = &mut self.code[from] {
            *target = here;
        }
    }

    fn branch(&mut self, condition: Condition, left: usize, right: Operand, target: u32) -> usize {
        let width = Width::Double;
        self.put(Instruction::Branch { width, condition, left: register(left), right, target });
        self.code.len() - 1
    }

    fn copy(&mut self, to: usize, from: usize) {
        let source = Operand::Register(register(from));
        self.put(Instruction::Move { width: Width::Double, destination: register(to), source });
        self.holds[to] = self.holds[from];
    }

    fn number(&mut self, to: usize, number: i32) {
        let source = Operand::Immediate(number);
        self.put(Instruction::Move { width: Width::Double, destination: register(to), source });
        self.holds[to] = u16::try_from(number).map_or(Holds::Number, Holds::Upto);
    }

    fn apply(&mut self, operation: Operation, to: usize, source: Operand) {
        self.put(Instruction::Arithmetic {
            width: Width::Double,
            operation,
            destination: register(to),
            source,
        });
    }

    fn load(&mut self, to: usize, size: Size, base: usize, offset: i16) {
        let signed = size != Size::Double && self.random.once_in(8);
        self.put(Instruction::Load { size, signed, destination: register(to), base: register(base), offset });
        self.holds[to] = if size == Size::Byte && !signed { Holds::Upto(255) } else { Holds::Number };
    }

    fn store(&mut self, size: Size, base: usize, offset: i16, source: Operand) {
        self.put(Instruction::Store { size, base: register(base), offset, source });
    }

    /// A register that is free to be overwritten.
    fn scratch(&mut self) -> usize {
        self.random.pick(&[0, 1, 2, 3, 4, 5, 9])
    }

    fn find(&mut self, wanted: impl Fn(Holds) -> bool) -> Option<usize> {
        let start = self.random.below(10);
        (0..10).map(|step| (start + step) % 10).find(|index| wanted(self.holds[*index]))
    }

    /// A register that holds a number; one is made if there is none.
    fn any_number(&mut self) -> usize {
        let found = self.find(|holds| matches!(holds, Holds::Number | Holds::Upto(_)));
        found.unwrap_or_else(|| {
            let to = self.scratch();
            let number = self.random.pick(NUMBERS);
            self.number(to, number);
            to
        })
    }

    /// Registers that hold the start and the end of some memory.
    fn any_region(&mut self) -> (usize, usize) {
        for _ in 0..4 {
            let Some(start) = self.find(|holds| matches!(holds, Holds::Start(_))) else { break };
            let Holds::Start(number) = self.holds[start] else { break };
            // At times the end of another memory.
            let any = self.random.once_in(24);
            let end = self.find(|holds| holds == Holds::End(number) || any && matches!(holds, Holds::End(_)));
            if let Some(end) = end {
                return (start, end);
            }
        }
        self.fresh_region();
        (7, 8)
    }

    fn size(&mut self) -> Size {
        self.random.pick(&[Size::Byte, Size::Half, Size::Word, Size::Double, Size::Double])
    }

    /// An offset for an access that should end within `bytes`, and at times does not.
    fn offset(&mut self, size: Size, bytes: i64) -> i16 {
        let most = bytes - i64::from(size.bytes());
        let offset = if most > 0 { self.random.within(0, most) } else { most };
        let step = if self.random.once_in(16) { self.random.within(-2, 2) } else { 0 };
        i16::try_from(offset + step).unwrap()
    }

    // Statements.

    /// Loads the start and the end of a region of the hook.
    fn load_region(&mut self, start: usize, end: usize) {
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

    fn fresh_region(&mut self) {
        self.load_region(7, 8);
    }

    /// Compares `start + bytes` with the end and accesses what lies before.
    fn checked_access(&mut self) {
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

    /// Reads memory, or writes it where that is allowed.
    fn access(&mut self, size: Size, to: usize, base: usize, offset: i16, of: usize) {
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
    fn walk(&mut self, depth: u32) {
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
    fn index_loop(&mut self, depth: u32) {
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
    fn word(&mut self) -> (usize, i16) {
        let word = self.random.below(STACK_WORDS);
        (word, -8 * (i16::try_from(word).unwrap() + 1))
    }

    fn stack_store(&mut self) {
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

    fn stack_load(&mut self) {
        let word = (0..STACK_WORDS).find(|word| self.stack[*word] != Holds::Nothing);
        let word = if self.random.once_in(12) { Some(self.random.below(STACK_WORDS)) } else { word };
        let Some(word) = word else { return self.stack_store() };
        let (to, offset) = (self.scratch(), -8 * (i16::try_from(word).unwrap() + 1));
        self.load(to, Size::Double, 10, offset);
        self.holds[to] = self.stack[word];
    }

    /// array[number], on the stack.
    fn stack_index(&mut self) {
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

    /// Keeps a number small, in one of the ways that compilers have.
    fn bound(&mut self, index: usize) {
        let mask = self.random.pick(&[1, 3, 7, 15, 31, 63]);
        match self.random.below(4) {
            0 => self.apply(Operation::And, index, Operand::Immediate(mask)),
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
                let skip = self.branch(Condition::Less, index, Operand::Immediate(mask), 0);
                self.number(index, mask);
                self.land(skip);
            }
        }
        self.holds[index] = Holds::Upto(u16::try_from(mask).unwrap());
    }

    fn number_limit(&mut self) {
        let index = self.any_number();
        self.bound(index);
    }

    fn arithmetic(&mut self) {
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

    /// Looks a record up and loads its view.
    fn get(&mut self) {
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

    fn stack_address(&mut self, to: usize, offset: i16) {
        let source = Operand::Register(Register::FRAME);
        self.put(Instruction::Move { width: Width::Double, destination: register(to), source });
        self.apply(Operation::Add, to, Operand::Immediate(offset.into()));
        self.holds[to] = Holds::Stack(offset);
    }

    /// What is left of the registers after a call.
    fn clobber(&mut self) {
        self.holds[1..6].fill(Holds::Nothing);
        self.holds[0] = Holds::Number;
    }

    /// Calls any helper with arguments that may suit it.
    fn helper(&mut self) {
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

    fn data_address(&mut self, to: usize) {
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
    fn data_access(&mut self) {
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

    /// One of two branches, which leave the same register with different things at times.
    fn choice(&mut self, depth: u32) {
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

    /// Calls a function of the program, with what the registers hold.
    fn call_function(&mut self) {
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

    /// Something that no compiler would do.
    fn nonsense(&mut self) {
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

    /// After a loop little is certain.
    fn forget(&mut self) {
        for register in [0, 1, 2, 3, 4, 5, 9] {
            if !self.random.once_in(8) {
                self.holds[register] = Holds::Nothing;
            }
        }
    }
}

fn register(number: usize) -> Register {
    Register::new(u8::try_from(number).unwrap()).unwrap()
}

/// Words of the frame that are used.
const STACK_WORDS: usize = 8;
