//! From instructions back to the bytes of RFC 9669: what `decode` reads. For tools and tests: programs that are made, changed or shown.

use crate::encoding::{
    ADD, ALU, ALU64, AND, ARSH, ATOMIC, B, CALL, CALL_FUNCTION, CMPXCHG, DIV, DW, END, EXIT, FETCH, H, JA,
    JEQ, JGE, JGT, JLE, JLT, JMP, JMP32, JNE, JSET, JSGE, JSGT, JSLE, JSLT, LDX, LOAD_WIDE, LSH, MAP_DATA,
    MAP_VARIABLES, MEM, MEMSX, MOD, MOV, MUL, NEG, OR, RSH, SLOT_BYTES, SOURCE, ST, STX, SUB, Slot, W,
    WIDE_MAP_VALUE, WIDE_NUMBER, XCHG, XOR,
};
use crate::instruction::{Atomic, Bytes, Condition, Instruction, Operand, Operation, Register, Size, Width};
use crate::program::Program;

/// The code of a program; its data and variables are not in it. Nothing if a branch goes further than its 16 bits.
pub fn encode(program: &Program) -> Option<Vec<u8>> {
    let mut slots = Vec::with_capacity(program.instructions.len());
    let mut next = 0;
    for instruction in &program.instructions {
        slots.push(next);
        next += slot_count(instruction);
    }
    let slot_of = |target: u32| slots.get(target as usize).copied();
    let mut code = Vec::with_capacity(next as usize * SLOT_BYTES);
    for (instruction, &here) in program.instructions.iter().zip(&slots) {
        let mut instruction = *instruction;
        match &mut instruction {
            Instruction::Jump { target } | Instruction::Branch { target, .. } => *target = slot_of(*target)?,
            Instruction::CallFunction { function } => {
                *function = slot_of(program.functions.get(*function as usize)?.start)?;
            }
            _ => {}
        }
        write(&instruction, here, &mut code)?;
    }
    Some(code)
}

/// How many slots an instruction takes.
pub const fn slot_count(instruction: &Instruction) -> u32 {
    match instruction {
        Instruction::Constant { .. } | Instruction::Data { .. } | Instruction::Variable { .. } => 2,
        _ => 1,
    }
}

/// Appends an instruction whose targets, and the function it calls, are slots; it stands at slot `here`. Nothing if a target is too far.
pub(crate) fn write(instruction: &Instruction, here: u32, code: &mut Vec<u8>) -> Option<()> {
    let (first, second) = match *instruction {
        Instruction::Constant { destination, value } => {
            let [lower, upper] = [value & 0xffff_ffff, value >> 32];
            wide(destination, WIDE_NUMBER, half(lower), half(upper))
        }
        Instruction::Data { destination, offset } => {
            wide(destination, WIDE_MAP_VALUE, MAP_DATA, offset.cast_signed())
        }
        Instruction::Variable { destination, offset } => {
            wide(destination, WIDE_MAP_VALUE, MAP_VARIABLES, offset.cast_signed())
        }
        _ => (narrow(instruction, here)?, None),
    };
    code.extend_from_slice(&first.to_bytes());
    if let Some(second) = second {
        code.extend_from_slice(&second.to_bytes());
    }
    Some(())
}

fn wide(destination: Register, source: u8, lower: i32, upper: i32) -> (Slot, Option<Slot>) {
    let first = Slot {
        opcode: LOAD_WIDE,
        destination: destination.number(),
        source,
        immediate: lower,
        ..Slot::default()
    };
    (first, Some(Slot { immediate: upper, ..Slot::default() }))
}

/// An instruction of one slot.
fn narrow(instruction: &Instruction, here: u32) -> Option<Slot> {
    let empty = Slot::default();
    Some(match *instruction {
        Instruction::Constant { .. } | Instruction::Data { .. } | Instruction::Variable { .. } => {
            return None;
        }
        Instruction::Move { width, destination, source } => with_operand(
            Slot { opcode: class(width) | MOV, destination: destination.number(), ..empty },
            source,
        ),
        Instruction::MoveSigned { width, destination, source, from } => Slot {
            opcode: class(width) | MOV | SOURCE,
            destination: destination.number(),
            source: source.number(),
            offset: bits(from),
            ..empty
        },
        Instruction::Negate { width, destination } => {
            Slot { opcode: class(width) | NEG, destination: destination.number(), ..empty }
        }
        Instruction::Order { destination, bytes, size } => {
            let opcode = match bytes {
                Bytes::Little => ALU | END,
                Bytes::Big => ALU | END | SOURCE,
                Bytes::Swap => ALU64 | END,
            };
            Slot { opcode, destination: destination.number(), immediate: bits(size).into(), ..empty }
        }
        Instruction::Arithmetic { width, operation, destination, source } => {
            let (code, offset) = operation_code(operation);
            let slot =
                Slot { opcode: class(width) | code, destination: destination.number(), offset, ..empty };
            with_operand(slot, source)
        }
        Instruction::Load { size, signed, destination, base, offset } => Slot {
            opcode: LDX | if signed { MEMSX } else { MEM } | size_code(size),
            destination: destination.number(),
            source: base.number(),
            offset,
            ..empty
        },
        Instruction::Store { size, base, offset, source } => {
            let slot = Slot { destination: base.number(), offset, ..empty };
            match source {
                Operand::Register(source) => {
                    Slot { opcode: STX | MEM | size_code(size), source: source.number(), ..slot }
                }
                Operand::Immediate(immediate) => {
                    Slot { opcode: ST | MEM | size_code(size), immediate, ..slot }
                }
            }
        }
        Instruction::Atomic { operation, size, fetch, base, offset, source } => Slot {
            opcode: STX | ATOMIC | size_code(size),
            destination: base.number(),
            source: source.number(),
            offset,
            immediate: atomic_code(operation) | if fetch { FETCH } else { 0 },
        },
        Instruction::Jump { target } => match i16::try_from(distance(here, target)?) {
            Ok(offset) => Slot { opcode: JMP | JA, offset, ..empty },
            Err(_) => Slot { opcode: JMP32 | JA, immediate: distance(here, target)?, ..empty },
        },
        Instruction::Branch { width, condition, left, right, target } => {
            let class = if width == Width::Word { JMP32 } else { JMP };
            let offset = i16::try_from(distance(here, target)?).ok()?;
            let opcode = class | condition_code(condition);
            with_operand(Slot { opcode, destination: left.number(), offset, ..empty }, right)
        }
        Instruction::CallHelper { number } => {
            Slot { opcode: JMP | CALL, immediate: number.cast_signed(), ..empty }
        }
        Instruction::CallFunction { function } => {
            Slot { opcode: JMP | CALL, source: CALL_FUNCTION, immediate: distance(here, function)?, ..empty }
        }
        Instruction::Exit => Slot { opcode: JMP | EXIT, ..empty },
    })
}

const fn with_operand(slot: Slot, operand: Operand) -> Slot {
    match operand {
        Operand::Register(register) => {
            Slot { opcode: slot.opcode | SOURCE, source: register.number(), ..slot }
        }
        Operand::Immediate(immediate) => Slot { immediate, ..slot },
    }
}

/// From the slot that follows `here` to `target`.
fn distance(here: u32, target: u32) -> Option<i32> {
    i32::try_from(i64::from(target) - i64::from(here) - 1).ok()
}

/// The lower 32 bits of a number that has no others.
fn half(number: u64) -> i32 {
    u32::try_from(number).unwrap_or(u32::MAX).cast_signed()
}

const fn class(width: Width) -> u8 {
    match width {
        Width::Word => ALU,
        Width::Double => ALU64,
    }
}

const fn operation_code(operation: Operation) -> (u8, i16) {
    match operation {
        Operation::Add => (ADD, 0),
        Operation::Subtract => (SUB, 0),
        Operation::Multiply => (MUL, 0),
        Operation::Divide => (DIV, 0),
        Operation::SignedDivide => (DIV, 1),
        Operation::Modulo => (MOD, 0),
        Operation::SignedModulo => (MOD, 1),
        Operation::Or => (OR, 0),
        Operation::And => (AND, 0),
        Operation::Xor => (XOR, 0),
        Operation::ShiftLeft => (LSH, 0),
        Operation::ShiftRight => (RSH, 0),
        Operation::ShiftRightSigned => (ARSH, 0),
    }
}

const fn condition_code(condition: Condition) -> u8 {
    match condition {
        Condition::Equal => JEQ,
        Condition::NotEqual => JNE,
        Condition::Greater => JGT,
        Condition::GreaterOrEqual => JGE,
        Condition::Less => JLT,
        Condition::LessOrEqual => JLE,
        Condition::SignedGreater => JSGT,
        Condition::SignedGreaterOrEqual => JSGE,
        Condition::SignedLess => JSLT,
        Condition::SignedLessOrEqual => JSLE,
        Condition::AnyBit => JSET,
    }
}

const fn atomic_code(operation: Atomic) -> i32 {
    match operation {
        Atomic::Add => ADD as i32,
        Atomic::Or => OR as i32,
        Atomic::And => AND as i32,
        Atomic::Xor => XOR as i32,
        Atomic::Exchange => XCHG,
        Atomic::CompareExchange => CMPXCHG,
    }
}

const fn size_code(size: Size) -> u8 {
    match size {
        Size::Byte => B,
        Size::Half => H,
        Size::Word => W,
        Size::Double => DW,
    }
}

const fn bits(size: Size) -> i16 {
    match size {
        Size::Byte => 8,
        Size::Half => 16,
        Size::Word => 32,
        Size::Double => 64,
    }
}
