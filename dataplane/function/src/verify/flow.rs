//! The blocks of a program, what leads to them, and which registers are read behind their starts before they are written.

use crate::instruction::{Atomic, Instruction, Operand, Register};
use crate::program::Program;

/// A set of registers, a bit for each.
pub(super) type Registers = u16;

/// The blocks of a program, ascending.
#[derive(Debug, Default)]
pub(super) struct Flow {
    pub(super) blocks: Vec<Block>,
    /// Of each function, its first block; one more at the end.
    pub(super) functions: Vec<usize>,
    /// Of each instruction, whether a block starts there; then its number.
    starts: Vec<u32>,
}

/// Instructions that run one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Block {
    pub(super) start: u32,
    pub(super) end: u32,
    /// How many edges lead here; entering the function is one.
    pub(super) ways: u32,
    /// The last instruction that jumps back to here: the end of a loop.
    pub(super) loop_end: Option<u32>,
    /// The registers whose values matter here.
    pub(super) live: Registers,
}

impl Flow {
    /// Finds the blocks of a program.
    pub(super) fn find(&mut self, program: &Program) {
        let instructions = &program.instructions;
        self.starts.clear();
        self.starts.resize(instructions.len() + 1, 0);
        self.blocks.clear();
        self.functions.clear();
        for function in &program.functions {
            self.starts[index(function.start)] = 1;
        }
        for (at, instruction) in instructions.iter().enumerate() {
            if let Some(target) = target(instruction) {
                self.starts[index(target)] = 1;
                self.starts[at + 1] = 1;
            } else if *instruction == Instruction::Exit {
                self.starts[at + 1] = 1;
            }
        }
        for at in 0..instructions.len() {
            if self.starts[at] == 1 {
                let start = u32::try_from(at).unwrap_or(u32::MAX);
                self.close(start);
                self.blocks.push(Block { start, end: start, ways: 0, loop_end: None, live: 0 });
            }
            self.starts[at] = u32::try_from(self.blocks.len() - 1).unwrap_or(u32::MAX);
        }
        self.close(u32::try_from(instructions.len()).unwrap_or(u32::MAX));
        for function in &program.functions {
            let first = self.block_at(function.start);
            self.functions.push(first);
            self.blocks[first].ways += 1;
        }
        self.functions.push(self.blocks.len());
        self.count_ways(instructions);
        self.find_live(instructions);
    }

    /// The block that starts at an instruction.
    pub(super) fn block_at(&self, instruction: u32) -> usize {
        index(self.starts[index(instruction)])
    }

    fn close(&mut self, end: u32) {
        if let Some(last) = self.blocks.last_mut() {
            last.end = end;
        }
    }

    fn count_ways(&mut self, instructions: &[Instruction]) {
        for from in 0..self.blocks.len() {
            let last = self.blocks[from].end - 1;
            let [next, target] = self.successors(from, instructions);
            for to in [next, target].into_iter().flatten() {
                let block = &mut self.blocks[to];
                block.ways += 1;
                if block.start <= last {
                    block.loop_end = block.loop_end.max(Some(last));
                }
            }
        }
    }

    /// The block behind and the one that is jumped to.
    fn successors(&self, block: usize, instructions: &[Instruction]) -> [Option<usize>; 2] {
        let last = &instructions[index(self.blocks[block].end - 1)];
        let next = (!matches!(last, Instruction::Exit | Instruction::Jump { .. })).then_some(block + 1);
        [next, target(last).map(|target| self.block_at(target))]
    }

    /// Goes backwards over the blocks until nothing changes.
    fn find_live(&mut self, instructions: &[Instruction]) {
        loop {
            let mut changed = false;
            for at in (0..self.blocks.len()).rev() {
                let [next, target] = self.successors(at, instructions);
                let after = |to: Option<usize>| to.map_or(0, |to| self.blocks[to].live);
                let mut live = after(next) | after(target);
                let block = self.blocks[at];
                for instruction in instructions[index(block.start)..index(block.end)].iter().rev() {
                    let (read, written) = registers(instruction);
                    live = live & !written | read;
                }
                changed |= live != block.live;
                self.blocks[at].live = live;
            }
            if !changed {
                return;
            }
        }
    }
}

/// Where an instruction may jump to.
pub(super) const fn target(instruction: &Instruction) -> Option<u32> {
    match instruction {
        Instruction::Jump { target } | Instruction::Branch { target, .. } => Some(*target),
        _ => None,
    }
}

/// The registers that an instruction reads and those that it overwrites. What a function called reads is taken to be all arguments.
fn registers(instruction: &Instruction) -> (Registers, Registers) {
    let bit = |register: Register| 1 << register.index();
    let of = |operand: Operand| if let Operand::Register(register) = operand { bit(register) } else { 0 };
    match *instruction {
        Instruction::Constant { destination, .. }
        | Instruction::Data { destination, .. }
        | Instruction::Variable { destination, .. } => (0, bit(destination)),
        Instruction::Move { destination, source, .. } => (of(source), bit(destination)),
        Instruction::MoveSigned { destination, source, .. } => (bit(source), bit(destination)),
        Instruction::Negate { destination, .. } | Instruction::Order { destination, .. } => {
            (bit(destination), 0)
        }
        Instruction::Arithmetic { destination, source, .. } => (bit(destination) | of(source), 0),
        Instruction::Load { destination, base, .. } => (bit(base), bit(destination)),
        Instruction::Store { base, source, .. } => (bit(base) | of(source), 0),
        Instruction::Atomic { operation, base, source, .. } => {
            let compared = if operation == Atomic::CompareExchange { bit(Register::RESULT) } else { 0 };
            (bit(base) | bit(source) | compared, 0)
        }
        Instruction::Jump { .. } => (0, 0),
        Instruction::Branch { left, right, .. } => (bit(left) | of(right), 0),
        Instruction::CallHelper { .. } | Instruction::CallFunction { .. } => (ARGUMENTS, CALLED),
        Instruction::Exit => (bit(Register::RESULT), 0),
    }
}

fn index(number: u32) -> usize {
    number as usize
}

/// Registers 1 to 5.
const ARGUMENTS: Registers = 0b11_1110;
/// Registers 0 to 5, which a call overwrites.
const CALLED: Registers = 0b11_1111;
/// Register 10, which always matters.
pub(super) const FRAME_POINTER: Registers = 1 << 10;
