//! A program as it was loaded: instructions, functions, data, and where they stand in the source.

use crate::instruction::Instruction;

/// A program whose structure is sound: each target is an instruction of the same function, each called function exists, nothing
/// runs off the end of a function, no function calls itself, directly or through others.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// All instructions; a wide one is one.
    pub instructions: Vec<Instruction>,
    /// Of each instruction, the number of its slot of 8 bytes as tools of others count them: from the start of its section.
    pub slots: Vec<u32>,
    /// The functions, by their first instruction; number 0 is where the program starts.
    pub functions: Vec<Function>,
    /// Read-only data: constants and tables of the source.
    pub data: Vec<u8>,
    /// What the variables of the program are at the start of each call.
    pub variables: Vec<u8>,
    /// Where instructions come from, ascending by instruction; empty if the object does not tell.
    pub lines: Vec<Line>,
    /// The names of source files that `lines` refers to.
    pub files: Vec<String>,
}

/// Instructions that are called together, with a stack frame of their own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    /// Its name in the source; empty if unknown.
    pub name: String,
    /// Its first instruction, where it is entered.
    pub start: u32,
    /// One behind its last instruction.
    pub end: u32,
}

/// From this instruction on, until the next one, the source is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// The instruction.
    pub instruction: u32,
    /// The source file, an index of `Program::files`.
    pub file: u32,
    /// The line in it, from 1 on.
    pub line: u32,
    /// The column, from 1 on; 0 if unknown.
    pub column: u32,
}

impl Program {
    /// Where an instruction comes from, if that is known.
    pub fn line(&self, instruction: u32) -> Option<Line> {
        let behind = self.lines.partition_point(|line| line.instruction <= instruction);
        self.lines.get(behind.checked_sub(1)?).copied()
    }

    /// The function that an instruction belongs to.
    pub fn function_of(&self, instruction: u32) -> u32 {
        let behind = self.functions.partition_point(|function| function.start <= instruction);
        u32::try_from(behind.saturating_sub(1)).unwrap_or(u32::MAX)
    }
}

/// What taking an edge from instruction `from` to `to` costs of the fuel: the length of the loop if it goes back, else nothing. All
/// engines count alike, so that a program stops at the same instruction in each of them.
pub const fn edge_fuel(from: u32, to: u32) -> u64 {
    if to <= from { (from - to + 1) as u64 } else { 0 }
}

/// What entering a function costs of the fuel, the first one as well: its length.
pub fn call_fuel(function: &Function) -> u64 {
    u64::from(function.end - function.start)
}

/// Most instructions of a program.
pub const INSTRUCTIONS_MAX: usize = 65_536;
/// Most bytes of read-only data.
pub const DATA_BYTES_MAX: usize = 1 << 20;
/// Most bytes of variables: they are made anew for each call.
pub const VARIABLES_BYTES_MAX: usize = 64 << 10;
/// Bytes of a stack frame.
pub const FRAME_BYTES: u32 = 512;
/// Most functions that are in the middle of each other.
pub const DEPTH_MAX: usize = 8;
