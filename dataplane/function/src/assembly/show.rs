//! From instructions to text that can be assembled again. Targets are labels: `i7` is instruction 7 of the program, `f1` its function 1.

use std::collections::BTreeSet;
use std::fmt;

use super::parse::{ATOMICS, CONDITIONS, EXTENSIONS, OPERATIONS, SIZES};
use crate::instruction::{Atomic, Bytes, Instruction, Operand, Register, Size, Width};
use crate::program::Program;

/// A program as text: with labels, its data and its variables.
pub fn disassemble(program: &Program) -> String {
    use fmt::Write as _;
    let mut text = String::new();
    let mut put = |line: fmt::Arguments<'_>| {
        let written = writeln!(text, "{line}");
        debug_assert!(written.is_ok(), "a string takes all");
    };
    let target = |instruction: &Instruction| match instruction {
        Instruction::Jump { target } | Instruction::Branch { target, .. } => Some(*target),
        _ => None,
    };
    let targets: BTreeSet<u32> = program.instructions.iter().filter_map(target).collect();
    let mut functions = program.functions.iter().enumerate().peekable();
    for (index, instruction) in (0..).zip(&program.instructions) {
        if let Some((number, _)) = functions.next_if(|(_, function)| function.start == index) {
            put(format_args!("f{number}:"));
        }
        if targets.contains(&index) {
            put(format_args!("i{index}:"));
        }
        put(format_args!("    {instruction}"));
    }
    for (name, bytes) in [("data", &program.data), ("variables", &program.variables)] {
        for run in bytes.chunk_by(|left, right| (*left == 0) == (*right == 0)) {
            if run[0] == 0 {
                put(format_args!(".{name} zero {}", run.len()));
                continue;
            }
            for line in run.chunks(32) {
                let line: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
                put(format_args!(".{name} {}", line.join(" ")));
            }
        }
    }
    text
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%r{}", self.number())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(register) => register.fmt(f),
            Self::Immediate(number) => number.fmt(f),
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Constant { destination, value } => write!(f, "lddw {destination}, {value:#x}"),
            Self::Data { destination, offset } => write!(f, "lddw {destination}, data[{offset}]"),
            Self::Variable { destination, offset } => write!(f, "lddw {destination}, variables[{offset}]"),
            Self::Move { width, destination, source } => {
                write!(f, "mov{} {destination}, {source}", suffix(width))
            }
            Self::MoveSigned { width, destination, source, from } => {
                write!(f, "{} {destination}, {source}", name(EXTENSIONS, (from, width)))
            }
            Self::Negate { width, destination } => write!(f, "neg{} {destination}", suffix(width)),
            Self::Order { destination, bytes, size } => {
                let name = match bytes {
                    Bytes::Little => "le",
                    Bytes::Big => "be",
                    Bytes::Swap => "swap",
                };
                write!(f, "{name}{} {destination}", size.bytes() * 8)
            }
            Self::Arithmetic { width, operation, destination, source } => {
                write!(f, "{}{} {destination}, {source}", name(OPERATIONS, operation), suffix(width))
            }
            Self::Load { size, signed, destination, base, offset } => {
                let sign = if signed { "s" } else { "" };
                write!(f, "ldx{sign}{} {destination}, {}", name(SIZES, size), Place(base, offset))
            }
            Self::Store { size, base, offset, source } => {
                let x = if matches!(source, Operand::Register(_)) { "x" } else { "" };
                write!(f, "st{x}{} {}, {source}", name(SIZES, size), Place(base, offset))
            }
            Self::Atomic { operation, size, fetch, base, offset, source } => {
                let always = matches!(operation, Atomic::Exchange | Atomic::CompareExchange);
                let fetch = if fetch && !always { "fetch " } else { "" };
                let bits = if size == Size::Word { "32" } else { "" };
                write!(f, "lock {fetch}{}{bits} {}, {source}", name(ATOMICS, operation), Place(base, offset))
            }
            Self::Jump { target } => write!(f, "ja i{target}"),
            Self::Branch { width, condition, left, right, target } => {
                write!(f, "{}{} {left}, {right}, i{target}", name(CONDITIONS, condition), suffix(width))
            }
            Self::CallHelper { number } => write!(f, "call {number}"),
            Self::CallFunction { function } => write!(f, "call local f{function}"),
            Self::Exit => f.write_str("exit"),
        }
    }
}

/// A register and an offset to it.
struct Place(Register, i16);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(base, offset) = self;
        if *offset == 0 { write!(f, "[{base}]") } else { write!(f, "[{base}{offset:+}]") }
    }
}

const fn suffix(width: Width) -> &'static str {
    match width {
        Width::Word => "32",
        Width::Double => "",
    }
}

/// The name of a value; all values have one.
fn name<T: Copy + PartialEq>(table: &[(&'static str, T)], value: T) -> &'static str {
    table.iter().find(|(_, entry)| *entry == value).map_or("?", |(name, _)| name)
}
