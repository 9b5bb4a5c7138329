//! Guards: each trips exactly where its memory ends, whichever way the pointer has come there.

use adit_function::instruction::{Instruction, Size};
use adit_function::trap::Trap;
use adit_function::verified::{Finding, Frame, Verdict};

use super::support::{Example, call};
use crate::{Checks, Entry, Options, Termination};

const GUARDED: [Options; 4] = [
    Options { termination: Termination::Fuel, checks: Checks::Verdicts, hardened: false },
    Options { termination: Termination::Poll, checks: Checks::All, hardened: false },
    Options { termination: Termination::Fuel, checks: Checks::Verdicts, hardened: true },
    Options { termination: Termination::Fuel, checks: Checks::All, hardened: true },
];

/// The only access behind which a program for these tests returns: that instruction, which is made to be guarded.
fn last_access(example: &Example) -> usize {
    let is_access = |instruction: &Instruction| {
        matches!(
            instruction,
            Instruction::Load { .. } | Instruction::Store { .. } | Instruction::Atomic { .. }
        )
    };
    example.program.instructions.iter().rposition(is_access).unwrap()
}

/// The access at `offset` of an input of `input_bytes` bytes, wherever the pointer has been meanwhile.
#[track_caller]
fn check(text: &str, bytes: u32) {
    let example = Example::new(text);
    let access = last_access(&example);
    let example = example.with(access, Finding::Access(Verdict::Bounds));
    let trap = Trap::OutOfBounds { instruction: u32::try_from(access).unwrap() };
    for options in GUARDED {
        let (installed, mut entry) = (example.install(options), Entry::new().unwrap());
        for input_bytes in [0_u8, 1, 7, 8, 9, 16, 40] {
            let input: Vec<u8> = (1..=40).chain([0; 8]).collect();
            // The first 8 bytes are a number that is added to the pointer, the guarded access is one of what lies behind them.
            for index in -2_i64..50 {
                let mut bytes_in = index.to_le_bytes().to_vec();
                bytes_in.extend_from_slice(&input[..usize::from(input_bytes)]);
                let inside = index >= -8 && index + i64::from(bytes) <= i64::from(input_bytes);
                let result = call(&installed, &mut entry, &bytes_in, 1000);
                let expected = inside.then_some(()).ok_or(trap);
                assert_eq!(
                    result.map(|_| ()),
                    expected,
                    "{options:?}: {bytes} bytes at {index} of {input_bytes}"
                );
            }
        }
    }
}

#[test]
fn accesses_of_all_sizes_end_with_their_memory() {
    for (size, bytes) in [("b", 1), ("h", 2), ("w", 4), ("dw", 8)] {
        check(
            &format!("ldxdw %r2, [%r1]\nldxdw %r3, [%r2]\nadd %r2, %r3\nldx{size} %r0, [%r2+8]\nexit"),
            bytes,
        );
    }
}

#[test]
fn the_end_of_memory_leads_into_it_as_well() {
    // The pointer is made from the end: end - (end - start) + index.
    check(
        "ldxdw %r2, [%r1]\nldxdw %r3, [%r2]\nldxdw %r4, [%r1+8]\nmov %r5, %r4\nsub %r5, %r2\nsub %r4, %r5\nadd %r4, %r3\nldxh %r0, [%r4+8]\nexit",
        2,
    );
}

#[test]
fn bounds_survive_the_stack_and_functions() {
    let text = "
        ldxdw %r2, [%r1]
        stxdw [%r10-16], %r2
        mov %r3, %r10
        add %r3, -16
        mov %r1, %r3
        call local pick
        ldxdw %r3, [%r0]
        add %r0, %r3
        call local same
        mov %r1, %r0
        mov %r0, 0
        ldxw %r0, [%r1+8]
        exit
    same:
        mov %r6, %r0
        exit
    pick:
        ldxdw %r2, [%r1]
        stxdw [%r10-8], %r2
        ldxdw %r0, [%r10-8]
        exit";
    // `same` must not touch register 0: registers 1 to 5 are gone behind a call, it is not.
    let text = text.replace("call local same\n", "stxdw [%r10-24], %r0\nldxdw %r0, [%r10-24]\n");
    let text = text.replace("same:\n        mov %r6, %r0\n        exit\n", "");
    check_in_first(&text, 4);
}

/// As [`check`], if functions follow the guarded access.
#[track_caller]
fn check_in_first(text: &str, bytes: u32) {
    let example = Example::new(text);
    let end = example.program.functions[0].end as usize;
    let access = (0..end)
        .rfind(|index| {
            matches!(example.program.instructions[*index], Instruction::Load { size: Size::Word, .. })
        })
        .unwrap();
    let example = example.with(access, Finding::Access(Verdict::Bounds));
    for options in GUARDED {
        let (installed, mut entry) = (example.install(options), Entry::new().unwrap());
        for index in -12_i64..20 {
            let mut input = index.to_le_bytes().to_vec();
            input.extend_from_slice(&[7; 8]);
            let inside = index >= -8 && index + i64::from(bytes) <= 8;
            let trap = Trap::OutOfBounds { instruction: u32::try_from(access).unwrap() };
            let result = call(&installed, &mut entry, &input, 1000).map(|_| ());
            assert_eq!(result, inside.then_some(()).ok_or(trap), "{options:?} {index}");
        }
    }
}

#[test]
fn a_pointer_in_the_source_of_an_addition_keeps_its_bounds() {
    let text = "ldxdw %r2, [%r1]\nldxdw %r3, [%r2]\nadd %r3, %r2\nldxw %r0, [%r3+8]\nexit";
    let example =
        Example::new(text).with(2, Finding::PointerInSource).with(3, Finding::Access(Verdict::Bounds));
    for options in GUARDED {
        let (installed, mut entry) = (example.install(options), Entry::new().unwrap());
        for index in -9_i64..20 {
            let mut input = index.to_le_bytes().to_vec();
            input.extend_from_slice(&[7; 8]);
            let inside = (-8..=4).contains(&index);
            let result = call(&installed, &mut entry, &input, 1000).map(|_| ());
            assert_eq!(result, inside.then_some(()).ok_or(Trap::OutOfBounds { instruction: 3 }), "{index}");
        }
    }
}

#[test]
fn a_pointer_merged_from_context_and_stack_is_followed() {
    // Register 3 is the context or a slot of the stack with the same pointer in it; what is loaded through it is guarded.
    let text = "
        ldxdw %r2, [%r1]
        stxdw [%r10-8], %r2
        ldxdw %r4, [%r2]
        ldxb %r5, [%r2+8]
        mov %r3, %r1
        jeq %r5, 0, context
        mov %r3, %r10
        add %r3, -8
    context:
        ldxdw %r2, [%r3]
        add %r2, %r4
        ldxb %r0, [%r2]
        exit";
    let example = Example::new(text);
    let access = last_access(&example);
    let example = example.with(access, Finding::Access(Verdict::Bounds));
    let trap = Trap::OutOfBounds { instruction: u32::try_from(access).unwrap() };
    for options in GUARDED {
        let (installed, mut entry) = (example.install(options), Entry::new().unwrap());
        for flag in [0, 1] {
            for index in -1_i64..20 {
                let mut input = index.to_le_bytes().to_vec();
                input.extend_from_slice(&[flag; 8]);
                let result = call(&installed, &mut entry, &input, 1000).map(|_| ());
                assert_eq!(
                    result,
                    (0..16).contains(&index).then_some(()).ok_or(trap),
                    "{options:?} {flag} {index}"
                );
            }
        }
    }
}

#[test]
fn an_index_into_the_stack_is_held_to_its_part() {
    let text = "
        ldxdw %r2, [%r1]
        ldxdw %r3, [%r2]
        mov %r4, %r10
        add %r4, %r3
        mov %r0, 9
        stxw [%r4-32], %r0
        ldxw %r0, [%r4-32]
        exit";
    let part = Finding::Access(Verdict::Stack { low: -32, high: -16 });
    let mut example = Example::new(text).with(5, part).with(6, part);
    example.frames[0] = Frame { low: -32, zeroed: (-32, -16) };
    for options in [GUARDED[0], GUARDED[1], GUARDED[2], GUARDED[3], Options::default()] {
        let (installed, mut entry) = (example.install(options), Entry::new().unwrap());
        for index in -40_i64..40 {
            let result = call(&installed, &mut entry, &index.to_le_bytes(), 1000);
            let expected =
                if (0..=12).contains(&index) { Ok(9) } else { Err(Trap::OutOfBounds { instruction: 5 }) };
            assert_eq!(result, expected, "{options:?} {index}");
        }
    }
}

#[test]
fn zeroed_parts_of_frames_are_zero_in_each_call() {
    let text = "
        ldxdw %r0, [%r10-21]
        stdw [%r10-24], -1
        stdw [%r10-16], -1
        stdw [%r10-8], -1
        exit";
    let mut example = Example::new(text);
    example.frames[0] = Frame { low: -24, zeroed: (-21, -13) };
    for options in GUARDED {
        let (installed, mut entry) = (example.install(options), Entry::new().unwrap());
        assert_eq!(call(&installed, &mut entry, &[], 1000), Ok(0));
        assert_eq!(call(&installed, &mut entry, &[], 1000), Ok(0));
    }
}

#[test]
fn a_broken_proof_is_found_where_all_is_checked() {
    let text = "ldxdw %r2, [%r1]\nldxdw %r3, [%r2]\nadd %r2, %r3\nldxw %r0, [%r2]\nexit";
    let all = Options { checks: Checks::All, ..Options::default() };
    let example = Example::new(text);
    assert_eq!(example.run(all, &4_u64.to_le_bytes(), 1000), Ok(0));
    let broken = Err(Trap::ProofBroken { instruction: 3 });
    assert_eq!(example.run(all, &5_u64.to_le_bytes(), 1000), broken);
    assert_eq!(example.run(all, &u64::MAX.to_le_bytes(), 1000), broken);
    assert_eq!(example.run(all, &(u64::MAX / 2).to_le_bytes(), 1000), broken);
    let reached = Example::new("mov %r0, 1\nexit").with(1, Finding::Unreachable);
    assert_eq!(reached.run(Options::default(), &[], 1000), Err(Trap::ProofBroken { instruction: 1 }));
}

#[test]
fn a_clamped_access_touches_nothing_of_others() {
    // The proof is wrong, and nothing traps: the hardened access lands in the entry.
    let text = "ldxdw %r2, [%r1]\nldxdw %r3, [%r2]\nadd %r2, %r3\nldxw %r0, [%r2]\nexit";
    let hardened = Options { hardened: true, ..Options::default() };
    let input = [8_u64.to_le_bytes(), [0xaa; 8]].concat();
    assert_eq!(Example::new(text).run(hardened, &input, 1000), Ok(0xaaaa_aaaa));
    assert_eq!(Example::new(text).run(hardened, &(u64::MAX / 2).to_le_bytes(), 1000), Ok(0));
}
