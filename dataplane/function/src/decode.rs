//! From the bytes of RFC 9669 to instructions whose fields are all checked, and to a program whose structure is. What an instruction does not use
//! has to be 0; what only a kernel has is refused. The way back is `encode`.

use crate::encoding::{
    ABS, ADD, ALU, ALU64, AND, ARSH, ATOMIC, B, CALL, CALL_FUNCTION, CALL_HELPER, CALL_KERNEL, CMPXCHG, DIV,
    END, EXIT, FETCH, H, IND, JA, JEQ, JGE, JGT, JLE, JLT, JMP, JMP32, JNE, JSET, JSGE, JSGT, JSLE, JSLT,
    LDX, LSH, MAP_DATA, MAP_VARIABLES, MEM, MEMSX, MOD, MOV, MUL, NEG, OR, RSH, SLOT_BYTES, SOURCE, ST, STX,
    SUB, Slot, W, WIDE_MAP_VALUE, WIDE_NUMBER, XCHG, XOR,
};
use crate::instruction::{Atomic, Bytes, Condition, Instruction, Operand, Operation, Register, Size, Width};
use crate::load::{CodeFault, LoadError};
use crate::program::{DEPTH_MAX, Function, INSTRUCTIONS_MAX, Program};

/// Decodes a program that has no data. It starts at its first instruction; its functions are what its calls call.
pub fn decode(code: &[u8]) -> Result<Program, LoadError> {
    decode_with(code, Vec::new(), Vec::new())
}

/// Decodes a program with its data and variables, which wide instructions of kind 6 refer to as the maps 0 and 1.
pub fn decode_with(code: &[u8], data: Vec<u8>, variables: Vec<u8>) -> Result<Program, LoadError> {
    link(code, Vec::new(), data, variables)
}

/// As [`decode_with`], of a program whose functions are known: name and first slot, ascending, the first one from slot 0. There are no others.
pub(crate) fn link(
    code: &[u8],
    functions: Vec<(String, u32)>,
    data: Vec<u8>,
    variables: Vec<u8>,
) -> Result<Program, LoadError> {
    let (slots, rest) = code.as_chunks::<SLOT_BYTES>();
    if slots.is_empty() || !rest.is_empty() {
        return Err(LoadError::at(len_u32(slots.len()), CodeFault::Length));
    }
    if slots.len() > SLOTS_MAX {
        return Err(LoadError::at(len_u32(SLOTS_MAX), CodeFault::TooLong));
    }
    let mut program = Program { data, variables, ..Program::default() };
    let map = read(slots, &mut program)?;
    let starts = if functions.is_empty() { callees(&program) } else { functions };
    place(&mut program, &map, starts)?;
    resolve(&mut program, &map)?;
    check_depth(&program)?;
    Ok(program)
}

/// Reads all slots in order. Targets remain slots, and called functions the slots of their starts. Gives the instruction of each slot.
fn read(slots: &[[u8; SLOT_BYTES]], program: &mut Program) -> Result<Vec<u32>, LoadError> {
    let (data_bytes, variables_bytes) = (len_u32(program.data.len()), len_u32(program.variables.len()));
    let mut map = Vec::with_capacity(slots.len());
    program.instructions.reserve_exact(slots.len());
    program.slots.reserve_exact(slots.len());
    let mut here = 0;
    while let Some(bytes) = slots.get(here) {
        let slot = Slot::from_bytes(*bytes);
        let number = len_u32(here);
        let at = |fault| LoadError::at(number, fault);
        map.push(len_u32(program.instructions.len()));
        let instruction = if slot.is_wide() {
            let second = slots.get(here + 1).ok_or_else(|| at(CodeFault::Wide))?;
            map.push(NO_INSTRUCTION);
            here += 1;
            wide(slot, Slot::from_bytes(*second), data_bytes, variables_bytes).map_err(at)?
        } else {
            one(slot, number).map_err(at)?
        };
        program.instructions.push(instruction);
        program.slots.push(number);
        here += 1;
    }
    if program.instructions.len() > INSTRUCTIONS_MAX {
        return Err(LoadError::at(program.slots[INSTRUCTIONS_MAX], CodeFault::TooLong));
    }
    Ok(map)
}

/// The functions that are called, and the first one, ascending by their slots, without names.
fn callees(program: &Program) -> Vec<(String, u32)> {
    let callee = |instruction: &Instruction| match instruction {
        Instruction::CallFunction { function } => Some(*function),
        _ => None,
    };
    let mut slots = vec![0];
    slots.extend(program.instructions.iter().filter_map(callee));
    slots.sort_unstable();
    slots.dedup();
    slots.into_iter().map(|slot| (String::new(), slot)).collect()
}

/// Makes functions of their starts: each ends where the next one starts.
fn place(program: &mut Program, map: &[u32], starts: Vec<(String, u32)>) -> Result<(), LoadError> {
    let end = len_u32(program.instructions.len());
    program.functions.reserve_exact(starts.len());
    for (name, slot) in starts {
        let start = instruction_of(map, slot).ok_or_else(|| LoadError::at(slot, CodeFault::Callee))?;
        if let Some(last) = program.functions.last_mut() {
            last.end = start;
        }
        program.functions.push(Function { name, start, end });
    }
    for function in &program.functions {
        let last = function.end.saturating_sub(1).max(function.start) as usize;
        if !matches!(program.instructions[last], Instruction::Exit | Instruction::Jump { .. }) {
            return Err(LoadError::at(program.slots[last], CodeFault::FallsOff));
        }
    }
    Ok(())
}

/// Turns the slots of targets into instructions, and of called functions into functions.
fn resolve(program: &mut Program, map: &[u32]) -> Result<(), LoadError> {
    for (index, function) in program.functions.iter().enumerate() {
        for here in function.start as usize..function.end as usize {
            let at = |fault| LoadError::at(program.slots[here], fault);
            match &mut program.instructions[here] {
                Instruction::Jump { target } | Instruction::Branch { target, .. } => {
                    *target = instruction_of(map, *target)
                        .filter(|target| (function.start..function.end).contains(target))
                        .ok_or_else(|| at(CodeFault::Target))?;
                }
                Instruction::CallFunction { function: callee } => {
                    let start = instruction_of(map, *callee).ok_or_else(|| at(CodeFault::Callee))?;
                    let found = program.functions.binary_search_by_key(&start, |function| function.start);
                    *callee = len_u32(found.map_err(|_| at(CodeFault::Callee))?);
                    if *callee as usize == index {
                        return Err(at(CodeFault::Recursion));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Checks that no function is called by itself, nor deeper than a program may be. The depth of a function is that of its deepest caller and one
/// more; as long as one grows there is another round, and in a circle one outgrows the most.
fn check_depth(program: &Program) -> Result<(), LoadError> {
    if program.functions.len() < 2 {
        return Ok(());
    }
    let mut calls = Vec::new();
    for (caller, function) in program.functions.iter().enumerate() {
        for here in function.start as usize..function.end as usize {
            if let Instruction::CallFunction { function: callee } = program.instructions[here] {
                calls.push((caller, callee as usize, here));
            }
        }
    }
    let mut depths = vec![(1, 0); program.functions.len()];
    loop {
        let mut grown = false;
        for &(caller, callee, here) in &calls {
            let depth = depths[caller].0 + 1;
            if depth <= depths[callee].0 {
                continue;
            }
            depths[callee] = (depth, caller);
            grown = true;
            if depth > DEPTH_MAX {
                let fault =
                    if calls_itself(&depths, callee) { CodeFault::Recursion } else { CodeFault::Depth };
                return Err(LoadError::at(program.slots[here], fault));
            }
        }
        if !grown {
            return Ok(());
        }
    }
}

/// Whether a function is among its deepest callers.
fn calls_itself(depths: &[(usize, usize)], function: usize) -> bool {
    let mut caller = function;
    (0..DEPTH_MAX).any(|_| {
        caller = depths[caller].1;
        caller == function
    })
}

/// The instruction that starts at a slot.
fn instruction_of(map: &[u32], slot: u32) -> Option<u32> {
    map.get(slot as usize).copied().filter(|instruction| *instruction != NO_INSTRUCTION)
}

/// An instruction of two slots.
fn wide(first: Slot, second: Slot, data_bytes: u32, variables_bytes: u32) -> Result<Instruction, CodeFault> {
    if (second.opcode, second.destination, second.source, second.offset) != (0, 0, 0, 0) {
        return Err(CodeFault::Wide);
    }
    zero(first.offset == 0)?;
    let destination = written(first.destination)?;
    let upper = second.immediate.cast_unsigned();
    let within = |bytes: u32| if upper <= bytes { Ok(upper) } else { Err(CodeFault::DataOffset(upper)) };
    match (first.source, first.immediate) {
        (WIDE_NUMBER, lower) => {
            let value = u64::from(upper) << 32 | u64::from(lower.cast_unsigned());
            Ok(Instruction::Constant { destination, value })
        }
        (WIDE_MAP_VALUE, MAP_DATA) if data_bytes > 0 => {
            Ok(Instruction::Data { destination, offset: within(data_bytes)? })
        }
        (WIDE_MAP_VALUE, MAP_VARIABLES) if variables_bytes > 0 => {
            Ok(Instruction::Variable { destination, offset: within(variables_bytes)? })
        }
        (source, _) => Err(CodeFault::Map(source)),
    }
}

/// An instruction of one slot, which is number `here`.
fn one(slot: Slot, here: u32) -> Result<Instruction, CodeFault> {
    match slot.opcode & 0x07 {
        ALU => arithmetic(slot, Width::Word),
        ALU64 => arithmetic(slot, Width::Double),
        JMP => jump(slot, here, Width::Double),
        JMP32 => jump(slot, here, Width::Word),
        LDX => load(slot),
        ST | STX => store(slot),
        // LD
        _ => Err(match slot.opcode & 0xe0 {
            ABS | IND if size(slot) != Size::Double => CodeFault::LegacyPacketAccess,
            _ => CodeFault::Opcode(slot.opcode),
        }),
    }
}

fn arithmetic(slot: Slot, width: Width) -> Result<Instruction, CodeFault> {
    let destination = written(slot.destination)?;
    let operation = match slot.opcode & 0xf0 {
        ADD => Operation::Add,
        SUB => Operation::Subtract,
        MUL => Operation::Multiply,
        DIV if slot.offset == 1 => Operation::SignedDivide,
        DIV => Operation::Divide,
        MOD if slot.offset == 1 => Operation::SignedModulo,
        MOD => Operation::Modulo,
        OR => Operation::Or,
        AND => Operation::And,
        XOR => Operation::Xor,
        LSH => Operation::ShiftLeft,
        RSH => Operation::ShiftRight,
        ARSH => Operation::ShiftRightSigned,
        NEG => return negate(slot, width, destination),
        MOV => return copy(slot, width, destination),
        END => return order(slot, width, destination),
        _ => return Err(CodeFault::Opcode(slot.opcode)),
    };
    let source = operand(slot)?;
    match slot.offset {
        0 => {}
        1 if matches!(operation, Operation::SignedDivide | Operation::SignedModulo) => {}
        other if matches!(operation, Operation::Divide | Operation::Modulo) => {
            return Err(CodeFault::Variant(other));
        }
        _ => return Err(CodeFault::Reserved),
    }
    let source = match (operation, source) {
        // The other bits do not count (section 4.1): without them no engine has to think of them.
        (
            Operation::ShiftLeft | Operation::ShiftRight | Operation::ShiftRightSigned,
            Operand::Immediate(count),
        ) => Operand::Immediate(count & if width == Width::Word { 31 } else { 63 }),
        _ => source,
    };
    Ok(Instruction::Arithmetic { width, operation, destination, source })
}

fn negate(slot: Slot, width: Width, destination: Register) -> Result<Instruction, CodeFault> {
    if slot.opcode & SOURCE != 0 {
        return Err(CodeFault::Opcode(slot.opcode));
    }
    zero(slot.source == 0 && slot.offset == 0 && slot.immediate == 0)?;
    Ok(Instruction::Negate { width, destination })
}

fn copy(slot: Slot, width: Width, destination: Register) -> Result<Instruction, CodeFault> {
    let source = operand(slot)?;
    let from = match (slot.offset, width, source) {
        (0, ..) => return Ok(Instruction::Move { width, destination, source }),
        (_, _, Operand::Immediate(_)) => return Err(CodeFault::Reserved),
        (8, ..) => Size::Byte,
        (16, ..) => Size::Half,
        (32, Width::Double, _) => Size::Word,
        _ => return Err(CodeFault::Variant(slot.offset)),
    };
    Ok(Instruction::MoveSigned { width, destination, source: register(slot.source)?, from })
}

fn order(slot: Slot, width: Width, destination: Register) -> Result<Instruction, CodeFault> {
    zero(slot.source == 0 && slot.offset == 0)?;
    let bytes = match (width, slot.opcode & SOURCE) {
        (Width::Word, 0) => Bytes::Little,
        (Width::Word, _) => Bytes::Big,
        (Width::Double, 0) => Bytes::Swap,
        (Width::Double, _) => return Err(CodeFault::Opcode(slot.opcode)),
    };
    let size = match slot.immediate {
        16 => Size::Half,
        32 => Size::Word,
        64 => Size::Double,
        bits => return Err(CodeFault::Order(bits)),
    };
    Ok(Instruction::Order { destination, bytes, size })
}

fn jump(slot: Slot, here: u32, width: Width) -> Result<Instruction, CodeFault> {
    let condition = match slot.opcode & 0xf0 {
        JA | CALL | EXIT => return leave(slot, here),
        JEQ => Condition::Equal,
        JGT => Condition::Greater,
        JGE => Condition::GreaterOrEqual,
        JSET => Condition::AnyBit,
        JNE => Condition::NotEqual,
        JSGT => Condition::SignedGreater,
        JSGE => Condition::SignedGreaterOrEqual,
        JLT => Condition::Less,
        JLE => Condition::LessOrEqual,
        JSLT => Condition::SignedLess,
        JSLE => Condition::SignedLessOrEqual,
        _ => return Err(CodeFault::Opcode(slot.opcode)),
    };
    let left = register(slot.destination)?;
    let right = operand(slot)?;
    Ok(Instruction::Branch { width, condition, left, right, target: target(here, slot.offset.into())? })
}

/// What does not go on with the next instruction, or later: jumps, calls, the exit.
fn leave(slot: Slot, here: u32) -> Result<Instruction, CodeFault> {
    const JUMP: u8 = JMP | JA;
    const JUMP_FAR: u8 = JMP32 | JA;
    const CALL_NAMED: u8 = JMP | CALL;
    const CALL_REGISTER: u8 = JMP | CALL | SOURCE;
    const RETURN: u8 = JMP | EXIT;
    if slot.opcode == CALL_REGISTER {
        return Err(CodeFault::CallByRegister);
    }
    if !matches!(slot.opcode, JUMP | JUMP_FAR | CALL_NAMED | RETURN) {
        return Err(CodeFault::Opcode(slot.opcode));
    }
    zero(slot.destination == 0)?;
    zero(slot.source == 0 || slot.opcode == CALL_NAMED)?;
    zero(slot.offset == 0 || slot.opcode == JUMP)?;
    zero(slot.immediate == 0 || matches!(slot.opcode, JUMP_FAR | CALL_NAMED))?;
    match (slot.opcode, slot.source) {
        (JUMP, _) => Ok(Instruction::Jump { target: target(here, slot.offset.into())? }),
        (JUMP_FAR, _) => Ok(Instruction::Jump { target: target(here, slot.immediate)? }),
        (RETURN, _) => Ok(Instruction::Exit),
        (_, CALL_HELPER) => Ok(Instruction::CallHelper { number: slot.immediate.cast_unsigned() }),
        (_, CALL_FUNCTION) => {
            let function = target(here, slot.immediate).map_err(|_| CodeFault::Callee)?;
            Ok(Instruction::CallFunction { function })
        }
        (_, CALL_KERNEL) => Err(CodeFault::KernelFunction),
        _ => Err(CodeFault::Reserved),
    }
}

fn load(slot: Slot) -> Result<Instruction, CodeFault> {
    let (size, signed) = (size(slot), slot.opcode & 0xe0 == MEMSX);
    if !signed && slot.opcode & 0xe0 != MEM || signed && size == Size::Double {
        return Err(CodeFault::Opcode(slot.opcode));
    }
    zero(slot.immediate == 0)?;
    let (destination, base) = (written(slot.destination)?, register(slot.source)?);
    Ok(Instruction::Load { size, signed, destination, base, offset: slot.offset })
}

fn store(slot: Slot) -> Result<Instruction, CodeFault> {
    let (size, base) = (size(slot), register(slot.destination)?);
    let source = match (slot.opcode & 0x07, slot.opcode & 0xe0) {
        (STX, ATOMIC) if matches!(size, Size::Word | Size::Double) => return atomic(slot),
        (STX, MEM) => {
            zero(slot.immediate == 0)?;
            Operand::Register(register(slot.source)?)
        }
        (ST, MEM) => {
            zero(slot.source == 0)?;
            Operand::Immediate(slot.immediate)
        }
        _ => return Err(CodeFault::Opcode(slot.opcode)),
    };
    Ok(Instruction::Store { size, base, offset: slot.offset, source })
}

fn atomic(slot: Slot) -> Result<Instruction, CodeFault> {
    let fetch = slot.immediate & FETCH != 0;
    let operation = match slot.immediate & !FETCH {
        0x00 => Atomic::Add,
        0x40 => Atomic::Or,
        0x50 => Atomic::And,
        0xa0 => Atomic::Xor,
        XCHG if fetch => Atomic::Exchange,
        CMPXCHG if fetch => Atomic::CompareExchange,
        _ => return Err(CodeFault::Atomic(slot.immediate)),
    };
    // What was there goes to the source, but register 0 in the place of it where that is compared.
    let is_written = fetch && operation != Atomic::CompareExchange;
    let source = if is_written { written(slot.source)? } else { register(slot.source)? };
    let base = register(slot.destination)?;
    Ok(Instruction::Atomic { operation, size: size(slot), fetch, base, offset: slot.offset, source })
}

/// The slot `distance` behind the one that follows `here`. Whether there is one is checked later.
fn target(here: u32, distance: i32) -> Result<u32, CodeFault> {
    (here + 1).checked_add_signed(distance).ok_or(CodeFault::Target)
}

fn operand(slot: Slot) -> Result<Operand, CodeFault> {
    if slot.opcode & SOURCE == 0 {
        zero(slot.source == 0)?;
        Ok(Operand::Immediate(slot.immediate))
    } else {
        zero(slot.immediate == 0)?;
        Ok(Operand::Register(register(slot.source)?))
    }
}

const fn size(slot: Slot) -> Size {
    match slot.opcode & 0x18 {
        W => Size::Word,
        H => Size::Half,
        B => Size::Byte,
        // DW
        _ => Size::Double,
    }
}

fn register(number: u8) -> Result<Register, CodeFault> {
    Register::new(number).ok_or(CodeFault::Register(number))
}

/// A register that may be written.
fn written(number: u8) -> Result<Register, CodeFault> {
    let register = register(number)?;
    if register == Register::FRAME { Err(CodeFault::FrameWritten) } else { Ok(register) }
}

/// Refuses what sets a field that is reserved.
const fn zero(is_zero: bool) -> Result<(), CodeFault> {
    if is_zero { Ok(()) } else { Err(CodeFault::Reserved) }
}

/// A length that the limits of a program keep within 32 bits.
fn len_u32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// A slot that is the second of an instruction.
const NO_INSTRUCTION: u32 = u32::MAX;
/// Most slots: all instructions may be wide.
const SLOTS_MAX: usize = 2 * INSTRUCTIONS_MAX;

#[cfg(test)]
mod tests;
