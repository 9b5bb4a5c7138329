//! Programs made up from the habits of compilers: loads from the context, checks against an end, walks, indexes, spills, views, helpers, calls. They
//! know what their registers hold, so most of them make sense, and forget it at times.

mod calls;
mod memory;
mod numbers;

use adit_function::encode::encode;
use adit_function::helper::SIGNATURES;
use adit_function::hook::{Field, FieldKind, HOOKS, Hook};
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
        } else {
            self.copy(7, 1);
            self.copy(8, 2);
        }
        if self.random.once_in(2) {
            for word in 0..STACK_WORDS {
                let offset = -8 * (i16::try_from(word).unwrap() + 1);
                self.store(Size::Double, 10, offset, Operand::Immediate(0));
                self.stack[word] = Holds::Number;
            }
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
        match self.random.below(25) {
            16 => self.unary(),
            17 => self.atomic(),
            18 => self.get_many(),
            19 => self.two_numbers(),
            20 | 21 => self.calculated_access(),
            22 => self.overwrite(),
            23 => self.backward_access(),
            24 => self.either_region(),
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
            self.new_number(to);
            to
        })
    }

    /// A number in a register: one of the context, or a constant, a long one at times.
    fn new_number(&mut self, to: usize) {
        let is_number = |field: &&Field| matches!(field.kind, FieldKind::Number(_));
        let field = self.hook.fields.iter().find(is_number);
        let context = self.find(|holds| holds == Holds::Context);
        if let (Some(field), Some(base), true) = (field, context, self.random.once_in(2)) {
            self.load(to, Size::Double, base, i16::try_from(field.offset).unwrap());
        } else if self.random.once_in(4) {
            let value = self.random.pick(LONG_NUMBERS);
            self.put(Instruction::Constant { destination: register(to), value });
            self.holds[to] = Holds::Number;
        } else {
            let number = self.random.pick(NUMBERS);
            self.number(to, number);
        }
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

    /// After a loop little is certain.
    fn forget(&mut self) {
        for register in [0, 1, 2, 3, 4, 5, 9] {
            if !self.random.once_in(24) {
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
/// Numbers near the ends of 32 and 64 bits.
const LONG_NUMBERS: &[u64] = &[
    1 << 63,
    (1 << 63) - 1,
    (1 << 63) - 8,
    (1 << 63) + 8,
    1 << 62,
    1 << 61,
    1 << 47,
    u64::MAX - 7,
    1 << 32,
    (1 << 32) - 1,
    (1 << 32) - 8,
    1 << 31,
    (1 << 31) - 1,
    u64::MAX << 32,
    u64::MAX << 31,
];
