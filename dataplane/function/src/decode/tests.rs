//! Tests of the decoder: both sides of each boundary, and bytes of all kinds.

use super::decode;
use crate::encode::encode;
use crate::encoding::{SLOT_BYTES, Slot};
use crate::instruction::{Instruction, Operand, Operation, Register, Width};
use crate::load::{CodeFault, LoadError};
use crate::program::{INSTRUCTIONS_MAX, Program};

const EXIT: Slot = Slot { opcode: 0x95, destination: 0, source: 0, offset: 0, immediate: 0 };
const MOVE: Slot = Slot { opcode: 0xb7, destination: 0, source: 0, offset: 0, immediate: 0 };

fn code(slots: &[Slot]) -> Vec<u8> {
    slots.iter().flat_map(|slot| slot.to_bytes()).collect()
}

fn fault(slots: &[Slot]) -> (u32, CodeFault) {
    match decode(&code(slots)) {
        Err(LoadError::Code { slot, fault, .. }) => (slot, fault),
        other => panic!("{slots:?} gave {other:?}"),
    }
}

fn accepted(slots: &[Slot]) -> Program {
    decode(&code(slots)).unwrap_or_else(|error| panic!("{slots:?} gave {error}"))
}

/// The fault of one instruction in front of an exit.
fn fault_of(slot: Slot) -> CodeFault {
    fault(&[slot, EXIT]).1
}

#[test]
fn a_length_that_is_none_is_refused() {
    assert_eq!(fault(&[]), (0, CodeFault::Length));
    let bytes = code(&[MOVE, EXIT]);
    for cut in (0..bytes.len()).filter(|cut| cut % SLOT_BYTES != 0) {
        assert!(decode(&bytes[..cut]).is_err(), "{cut} bytes were decoded");
    }
    assert_eq!(decode(&bytes).unwrap().instructions.len(), 2);
}

#[test]
fn the_longest_program_is_decoded_and_no_longer_one() {
    let mut slots = vec![MOVE; INSTRUCTIONS_MAX - 1];
    slots.push(EXIT);
    assert_eq!(accepted(&slots).instructions.len(), INSTRUCTIONS_MAX);
    slots.insert(0, MOVE);
    assert_eq!(fault(&slots), (u32::try_from(INSTRUCTIONS_MAX).unwrap(), CodeFault::TooLong));
}

#[test]
fn registers_end_at_10_which_is_not_written() {
    let copy = |destination, source| Slot { opcode: 0xbf, destination, source, ..Slot::default() };
    accepted(&[copy(9, 10), EXIT]);
    assert_eq!(fault_of(copy(10, 9)), CodeFault::FrameWritten);
    assert_eq!(fault_of(copy(11, 9)), CodeFault::Register(11));
    assert_eq!(fault_of(copy(9, 11)), CodeFault::Register(11));
    let fetch = |opcode, source, immediate| Slot { opcode, destination: 10, source, offset: -8, immediate };
    accepted(&[fetch(0xdb, 10, 0x00), EXIT]);
    accepted(&[fetch(0xdb, 9, 0x01), EXIT]);
    assert_eq!(fault_of(fetch(0xdb, 10, 0x01)), CodeFault::FrameWritten);
    assert_eq!(fault_of(fetch(0xdb, 10, 0xe1)), CodeFault::FrameWritten);
    accepted(&[fetch(0xdb, 10, 0xf1), EXIT]);
    assert_eq!(
        fault_of(Slot { opcode: 0x79, destination: 10, source: 1, ..Slot::default() }),
        CodeFault::FrameWritten
    );
    accepted(&[Slot { opcode: 0x79, destination: 1, source: 10, ..Slot::default() }, EXIT]);
}

#[test]
fn variants_are_what_offsets_may_name() {
    let divide = |opcode, offset| Slot { opcode, offset, immediate: 3, ..Slot::default() };
    for opcode in [0x34, 0x37, 0x94, 0x97] {
        accepted(&[divide(opcode, 0), EXIT]);
        accepted(&[divide(opcode, 1), EXIT]);
        assert_eq!(fault_of(divide(opcode, 2)), CodeFault::Variant(2));
        assert_eq!(fault_of(divide(opcode, -1)), CodeFault::Variant(-1));
    }
    assert_eq!(fault_of(divide(0x07, 1)), CodeFault::Reserved);
    let extend = |opcode, offset| Slot { opcode, source: 1, offset, ..Slot::default() };
    for (opcode, offset, is_there) in [
        (0xbc, 8, true),
        (0xbc, 16, true),
        (0xbc, 32, false),
        (0xbf, 8, true),
        (0xbf, 16, true),
        (0xbf, 32, true),
        (0xbf, 64, false),
        (0xbf, 1, false),
    ] {
        assert_eq!(decode(&code(&[extend(opcode, offset), EXIT])).is_ok(), is_there, "{opcode:#x} {offset}");
    }
    assert_eq!(fault_of(Slot { opcode: 0xb7, offset: 8, ..Slot::default() }), CodeFault::Reserved);
}

#[test]
fn immediate_shifts_count_their_lower_bits_alone() {
    let shift = |opcode, immediate| {
        let program = accepted(&[Slot { opcode, immediate, ..Slot::default() }, EXIT]);
        match program.instructions[0] {
            Instruction::Arithmetic { source: Operand::Immediate(count), .. } => count,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([shift(0x67, 63), shift(0x67, 64), shift(0x67, -1), shift(0x77, i32::MIN)], [63, 0, 63, 0]);
    assert_eq!([shift(0x64, 31), shift(0x64, 32), shift(0xc4, -1), shift(0x74, -16)], [31, 0, 31, 16]);
}

#[test]
fn a_wide_instruction_has_both_of_its_halves() {
    let first = Slot { opcode: 0x18, destination: 3, immediate: -1, ..Slot::default() };
    let second = Slot { immediate: 7, ..Slot::default() };
    let program = accepted(&[first, second, EXIT]);
    let value = 0x7_ffff_ffff;
    let destination = Register::new(3).unwrap();
    assert_eq!(program.instructions, [Instruction::Constant { destination, value }, Instruction::Exit]);
    assert_eq!(program.slots, [0, 2]);
    assert_eq!(fault(&[first]), (0, CodeFault::Wide));
    for broken in [
        Slot { opcode: 1, ..second },
        Slot { destination: 1, ..second },
        Slot { source: 1, ..second },
        Slot { offset: 1, ..second },
    ] {
        assert_eq!(fault(&[first, broken, EXIT]), (0, CodeFault::Wide));
    }
    assert_eq!(fault(&[Slot { offset: 1, ..first }, second, EXIT]), (0, CodeFault::Reserved));
    for source in 1..=6 {
        assert_eq!(fault(&[Slot { source, ..first }, second, EXIT]), (0, CodeFault::Map(source)));
    }
}

#[test]
fn a_target_is_an_instruction_of_the_function() {
    let jump = |offset| Slot { opcode: 0x05, offset, ..Slot::default() };
    let wide = [Slot { opcode: 0x18, ..Slot::default() }, Slot::default()];
    let branch = |offset| Slot { opcode: 0x15, offset, ..Slot::default() };
    accepted(&[branch(-1), EXIT]);
    accepted(&[branch(0), EXIT]);
    assert_eq!(fault(&[branch(1), EXIT]), (0, CodeFault::Target));
    assert_eq!(fault(&[branch(-2), EXIT]), (0, CodeFault::Target));
    assert_eq!(fault(&[branch(1), wide[0], wide[1], EXIT]), (0, CodeFault::Target));
    let program = accepted(&[branch(2), wide[0], wide[1], EXIT]);
    assert!(matches!(program.instructions[0], Instruction::Branch { target: 2, .. }));
    let far = |immediate| Slot { opcode: 0x06, immediate, ..Slot::default() };
    accepted(&[far(0), EXIT]);
    accepted(&[EXIT, far(-2)]);
    assert_eq!(fault(&[EXIT, far(i32::MIN)]), (1, CodeFault::Target));
    assert_eq!(fault(&[EXIT, far(i32::MAX)]), (1, CodeFault::Target));
    assert_eq!(fault(&[EXIT, jump(i16::MIN)]), (1, CodeFault::Target));
    assert_eq!(fault(&[MOVE]), (0, CodeFault::FallsOff));
    assert_eq!(fault(&[EXIT, branch(-1)]), (1, CodeFault::FallsOff));
    accepted(&[EXIT, jump(-1)]);
}

fn call(distance: i32) -> Slot {
    Slot { opcode: 0x85, source: 1, immediate: distance, ..Slot::default() }
}

#[test]
fn functions_are_what_is_called() {
    let program = accepted(&[call(4), call(1), EXIT, EXIT, EXIT, EXIT]);
    let extents: Vec<_> = program.functions.iter().map(|function| (function.start, function.end)).collect();
    assert_eq!(extents, [(0, 3), (3, 5), (5, 6)]);
    assert_eq!(program.instructions[0], Instruction::CallFunction { function: 2 });
    assert_eq!(program.instructions[1], Instruction::CallFunction { function: 1 });
    // A function does not jump into another one, nor go on into it.
    let jump = Slot { opcode: 0x05, offset: 1, ..Slot::default() };
    assert_eq!(fault(&[call(1), jump, EXIT, EXIT]), (1, CodeFault::Target));
    assert_eq!(fault(&[call(1), MOVE, EXIT]), (1, CodeFault::FallsOff));
    assert_eq!(fault(&[call(1), EXIT]), (2, CodeFault::Callee));
    assert_eq!(fault(&[call(-3), EXIT]), (0, CodeFault::Callee));
}

#[test]
fn no_function_calls_itself() {
    assert_eq!(fault(&[call(-1), EXIT]), (0, CodeFault::Recursion));
    assert_eq!(fault(&[call(1), EXIT, call(-3), EXIT]).1, CodeFault::Recursion);
    // Two that nobody calls from the start: the last one calls the first.
    let circle = [EXIT, call(1), EXIT, call(1), EXIT, call(-5), EXIT];
    assert_eq!(fault(&circle).1, CodeFault::Recursion);
}

#[test]
fn calls_are_as_deep_as_they_may_be() {
    // `count` functions, each of which calls the next one.
    let chain = |count: usize| {
        let mut slots = vec![[call(1), EXIT]; count - 1].concat();
        slots.push(EXIT);
        slots
    };
    assert_eq!(accepted(&chain(8)).functions.len(), 8);
    assert_eq!(fault(&chain(9)), (14, CodeFault::Depth));
}

#[test]
fn what_only_a_kernel_has_is_refused_by_name() {
    for opcode in [0x20, 0x28, 0x30, 0x40, 0x48, 0x50] {
        assert_eq!(fault_of(Slot { opcode, ..Slot::default() }), CodeFault::LegacyPacketAccess);
    }
    assert_eq!(fault_of(Slot { opcode: 0x8d, ..Slot::default() }), CodeFault::CallByRegister);
    assert_eq!(fault_of(Slot { opcode: 0x85, source: 2, ..Slot::default() }), CodeFault::KernelFunction);
    assert_eq!(fault_of(Slot { opcode: 0x85, source: 3, ..Slot::default() }), CodeFault::Reserved);
    accepted(&[Slot { opcode: 0x85, immediate: -1, ..Slot::default() }, EXIT]);
}

#[test]
fn any_bytes_decode_or_are_refused_and_survive_encoding() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut decoded = 0;
    for round in 0..200_000 {
        let mut slots: Vec<u8> = next().to_le_bytes().to_vec();
        if round % 2 == 0 {
            // Plausible fields: small registers, offsets and immediates.
            let bits = next();
            slots[1] = u8::try_from(bits & 0x77).unwrap();
            let (offset, immediate) = ([0, 1, 8, 16], [0, 1, 16, 64, 0xe1, 0xf1, 0x40, 0x50]);
            slots[2..4].copy_from_slice(&[offset[(bits >> 8 & 3) as usize], 0]);
            slots[4..8].copy_from_slice(&[immediate[(bits >> 16 & 7) as usize], 0, 0, 0]);
        }
        slots.extend_from_slice(&code(&[Slot::default(), EXIT, EXIT]));
        let wide = slots[0] == 0x18;
        if !wide {
            slots[8..16].copy_from_slice(&MOVE.to_bytes());
        }
        let Ok(program) = decode(&slots) else { continue };
        decoded += 1;
        let again = encode(&program).unwrap();
        let Ok(twice) = decode(&again) else { panic!("{program:?} is encoded as {again:x?}") };
        assert_eq!(twice.instructions, program.instructions);
        assert_eq!(twice.functions, program.functions);
    }
    assert!(decoded > 2_000, "only {decoded} were decoded");
}

#[test]
fn a_jump_too_far_for_16_bits_is_encoded_in_32() {
    let mut program = accepted(&[MOVE, EXIT]);
    program.instructions = vec![Instruction::Jump { target: 40_000 }];
    program.instructions.resize(40_000, program_move());
    program.instructions.push(Instruction::Exit);
    let again = decode(&encode(&program).unwrap()).unwrap();
    assert_eq!(again.instructions, program.instructions);
    program.instructions[0] = Instruction::Branch {
        width: Width::Double,
        condition: crate::instruction::Condition::Equal,
        left: Register::RESULT,
        right: Operand::Immediate(0),
        target: 40_000,
    };
    assert_eq!(encode(&program), None);
}

fn program_move() -> Instruction {
    Instruction::Arithmetic {
        width: Width::Double,
        operation: Operation::Add,
        destination: Register::RESULT,
        source: Operand::Immediate(1),
    }
}
