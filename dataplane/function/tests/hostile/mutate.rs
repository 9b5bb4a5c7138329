//! Changes to programs: small ones in the fields of instructions, where checks go wrong by one, and larger ones in their order.

use adit_function::encoding::{SLOT_BYTES, Slot};
use adit_function::instruction::{Condition, Instruction, Operand, Register};
use adit_function::program::Program;

use super::{Base, Mutant, Random};

/// Changes fields of instructions, at least `least` times.
pub(super) fn change(mutant: &mut Mutant, random: &mut Random, least: usize) {
    let count = mutant.code.len() / SLOT_BYTES;
    for _ in 0..least + random.pick(&[0, 0, 0, 1, 1, 2, 3]) {
        let at = random.below(count) * SLOT_BYTES;
        let bytes = &mut mutant.code[at..at + SLOT_BYTES];
        let mut slot = Slot::from_bytes(bytes.try_into().unwrap());
        change_slot(&mut slot, random);
        bytes.copy_from_slice(&slot.to_bytes());
    }
}

/// Changes a field, mostly one that the instruction has.
fn change_slot(slot: &mut Slot, random: &mut Random) {
    let class = slot.opcode & 0x07;
    let is_wide = slot.opcode == 0 || slot.opcode == 0x18;
    // Loads and stores are the classes up to 3, arithmetic and jumps have a bit for their source.
    let (mut has_number, mut has_source) = match class {
        1 | 3 => (false, true),
        2 => (true, false),
        _ => (slot.opcode & 0x08 == 0 || is_wide, slot.opcode & 0x08 != 0 && !is_wide),
    };
    let mut has_offset = matches!(class, 1..=3 | 5 | 6) && !matches!(slot.opcode, 0x85 | 0x95);
    let mut has_destination = slot.opcode != 0 && !matches!(slot.opcode, 0x05 | 0x85 | 0x95);
    if random.once_in(32) {
        (has_number, has_source, has_offset, has_destination) = (true, true, true, true);
    }
    match random.below(13) {
        0 | 1 if has_number => slot.immediate = random.pick(NUMBERS),
        2 | 3 if has_number => slot.immediate = slot.immediate.wrapping_add(random.pick(STEPS)),
        4 if has_number => slot.immediate = 1_i32.wrapping_shl(random.byte().into()).wrapping_sub(1),
        0..=2 if has_offset => {
            slot.offset = slot.offset.wrapping_add(i16::try_from(random.pick(STEPS)).unwrap())
        }
        3 if has_offset && class <= 3 => slot.offset = i16::try_from(random.within(-24, 24)).unwrap(),
        4 if has_offset => slot.offset = -slot.offset,
        5 | 6 if has_destination => slot.destination = u8::try_from(random.below(10)).unwrap(),
        6 if has_source && has_destination => std::mem::swap(&mut slot.destination, &mut slot.source),
        7 | 8 if has_source => slot.source = u8::try_from(random.below(11)).unwrap(),
        // Another size of an access; 32 or 64 bits.
        9 | 10 if class <= 3 && !is_wide => slot.opcode ^= 0x18 & random.byte(),
        9 if class > 3 && has_destination => slot.opcode ^= 0x03,
        // Another operation or condition.
        10 | 11 if class > 3 && has_destination => {
            let top = if class == 5 || class == 6 { 14 } else { 13 };
            slot.opcode = slot.opcode & 0x0f | u8::try_from(random.below(top) << 4).unwrap();
        }
        // A register in place of a number, or the other way round.
        _ if class > 3 && has_destination => {
            slot.opcode ^= 0x08;
            (slot.source, slot.immediate) = match slot.opcode & 0x08 {
                0 => (0, random.pick(NUMBERS)),
                _ => (u8::try_from(random.below(11)).unwrap(), 0),
            };
        }
        _ => {}
    }
}

/// Changes the order of instructions: takes some out, puts some in, twice, or from another program.
pub(super) fn rebuild(mutant: &mut Mutant, base: &Base, bases: &[Base], random: &mut Random) {
    let mut program = base.program.clone();
    for _ in 0..1 + random.below(2) {
        let count = program.instructions.len();
        let at = random.below(count);
        match random.below(6) {
            0 => remove(&mut program, at),
            1 => {
                let copy = program.instructions[random.below(count)];
                insert(&mut program, at, copy);
            }
            2 => {
                let other = &bases[random.below(bases.len())].program.instructions;
                insert(&mut program, at, other[random.below(other.len())]);
            }
            3 if at + 1 < count => program.instructions.swap(at, at + 1),
            4 => turn_round(&mut program.instructions[at]),
            _ => {
                let other = random.below(count);
                program.instructions.swap(at, other);
            }
        }
    }
    if let Some(rebuilt) = mutant.with(&program) {
        *mutant = rebuilt;
    }
}

/// Takes an instruction out; what led to it leads to the next one.
pub(super) fn remove(program: &mut Program, at: usize) {
    if program.instructions.len() < 2 {
        return;
    }
    program.instructions.remove(at);
    let last = u32::try_from(program.instructions.len()).unwrap() - 1;
    move_targets(program, |target| if target as usize > at { target - 1 } else { target.min(last) });
    for function in &mut program.functions {
        let keep = |bound: u32| if bound as usize > at { bound - 1 } else { bound };
        (function.start, function.end) = (keep(function.start).min(last), keep(function.end));
    }
}

/// Puts an instruction in front of another one; what led to that leads to the new one.
fn insert(program: &mut Program, at: usize, instruction: Instruction) {
    let last = u32::try_from(program.instructions.len()).unwrap();
    move_targets(program, |target| if target as usize > at { target + 1 } else { target });
    for function in &mut program.functions {
        let keep = |bound: u32| if bound as usize > at { bound + 1 } else { bound };
        (function.start, function.end) = (keep(function.start), keep(function.end));
    }
    let instruction = match instruction {
        Instruction::Jump { target } => Instruction::Jump { target: target.min(last) },
        Instruction::Branch { width, condition, left, right, target } => {
            Instruction::Branch { width, condition, left, right, target: target.min(last) }
        }
        Instruction::CallFunction { .. } if program.functions.len() < 2 => {
            return insert(program, at, NOTHING);
        }
        Instruction::CallFunction { .. } => Instruction::CallFunction { function: 1 },
        other => other,
    };
    program.instructions.insert(at, instruction);
}

fn move_targets(program: &mut Program, moved: impl Fn(u32) -> u32) {
    for instruction in &mut program.instructions {
        if let Instruction::Jump { target } | Instruction::Branch { target, .. } = instruction {
            *target = moved(*target);
        }
    }
}

/// Exchanges the sides of what has two, and makes comparisons strict or not.
fn turn_round(instruction: &mut Instruction) {
    match instruction {
        Instruction::Branch { condition, left, right: Operand::Register(right), .. } => {
            std::mem::swap(left, right);
            *condition = other_bound(*condition);
        }
        Instruction::Branch { condition, .. } => *condition = other_bound(*condition),
        Instruction::Arithmetic { destination, source: Operand::Register(source), .. }
        | Instruction::Move { destination, source: Operand::Register(source), .. } => {
            std::mem::swap(destination, source);
        }
        _ => {}
    }
}

const fn other_bound(condition: Condition) -> Condition {
    match condition {
        Condition::Greater => Condition::GreaterOrEqual,
        Condition::GreaterOrEqual => Condition::Greater,
        Condition::Less => Condition::LessOrEqual,
        Condition::LessOrEqual => Condition::Less,
        Condition::SignedGreater => Condition::SignedGreaterOrEqual,
        Condition::SignedGreaterOrEqual => Condition::SignedGreater,
        Condition::SignedLess => Condition::SignedLessOrEqual,
        Condition::SignedLessOrEqual => Condition::SignedLess,
        Condition::Equal => Condition::NotEqual,
        Condition::NotEqual => Condition::Equal,
        Condition::AnyBit => Condition::AnyBit,
    }
}

/// An instruction without effect on what follows.
pub(super) const NOTHING: Instruction = Instruction::Move {
    width: adit_function::instruction::Width::Double,
    destination: Register::RESULT,
    source: Operand::Immediate(0),
};

/// Numbers at which something changes.
pub(super) const NUMBERS: &[i32] = &[
    0,
    1,
    -1,
    2,
    3,
    4,
    7,
    8,
    9,
    15,
    16,
    17,
    24,
    31,
    32,
    33,
    63,
    64,
    127,
    128,
    255,
    256,
    511,
    512,
    513,
    -2,
    -4,
    -8,
    -16,
    -512,
    4095,
    65_535,
    0x7fff_fff8,
    i32::MAX,
    i32::MIN,
];
const STEPS: &[i32] = &[1, 1, -1, -1, 2, -2, 4, -4, 8, -8, 16, -16];
