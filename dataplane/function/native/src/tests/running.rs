//! Calls: results, functions of a program, variables, data, and fuel that ends where it does in the interpreter.

use adit_function::interpret::Stop;
use adit_function::trap::Trap;

use super::support::{Example, call};
use crate::{Arena, Checks, Entry, Options, Termination};

const ALL_OPTIONS: [Options; 4] = [
    Options { termination: Termination::Fuel, checks: Checks::Verdicts, hardened: false },
    Options { termination: Termination::Poll, checks: Checks::Verdicts, hardened: false },
    Options { termination: Termination::Fuel, checks: Checks::All, hardened: false },
    Options { termination: Termination::Poll, checks: Checks::Verdicts, hardened: true },
];

#[track_caller]
fn gives(text: &str, input: &[u8], result: u64) {
    let example = Example::new(text);
    assert_eq!(example.interpret(input, 1_000_000), Ok(result), "the interpreter");
    for options in ALL_OPTIONS {
        assert_eq!(example.run(options, input, 1_000_000), Ok(result), "{options:?}");
    }
}

#[test]
fn a_number() {
    gives("mov %r0, 42\nexit", &[], 42);
}

#[test]
fn a_sum_over_the_input() {
    let text = "
        ldxdw %r2, [%r1]
        ldxdw %r3, [%r1+8]
        mov %r0, 0
    next:
        mov %r4, %r2
        add %r4, 8
        jgt %r4, %r3, done
        ldxdw %r5, [%r2]
        add %r0, %r5
        mov %r2, %r4
        ja next
    done:
        exit";
    let input: Vec<u8> = (1_u64..=100).flat_map(u64::to_le_bytes).collect();
    gives(text, &input, 5050);
    gives(text, &[], 0);
}

#[test]
fn functions_with_frames_of_their_own() {
    let text = "
        mov %r6, 5
        stxdw [%r10-8], %r6
        mov %r1, 7
        mov %r2, %r10
        add %r2, -8
        call local twice
        ldxdw %r1, [%r10-8]
        add %r0, %r1
        add %r0, %r6
        exit
    twice:
        stdw [%r10-8], 1000
        mov %r6, %r2
        mov %r7, %r1
        call local add
        stxdw [%r6], %r0
        mov %r0, %r7
        ldxdw %r1, [%r10-8]
        add %r0, %r1
        exit
    add:
        mov %r0, %r1
        add %r0, %r1
        exit";
    gives(text, &[], 7 + 1000 + 14 + 5);
}

#[test]
fn variables_are_made_anew_and_data_is_there() {
    let text = "
        lddw %r1, variables[8]
        ldxdw %r2, [%r1]
        add %r2, 1
        stxdw [%r1], %r2
        lddw %r3, data[2]
        ldxh %r0, [%r3]
        add %r0, %r2
        exit
        .variables zero 8
        .variables 05 00 00 00 00 00 00 00
        .data 01 02 03 04";
    gives(text, &[], 0x0403 + 6);
    let example = Example::new(text);
    let mut arena = Arena::new(1 << 16).unwrap();
    let installed = arena.install(&example.compile(Options::default())).unwrap();
    let mut entry = Entry::new().unwrap();
    for _ in 0..3 {
        assert_eq!(call(&installed, &mut entry, &[], 100), Ok(0x0403 + 6));
    }
}

#[test]
fn fuel_ends_at_the_same_place_as_in_the_interpreter() {
    let text = "
        mov %r0, 0
        mov %r6, 0
    outer:
        mov %r7, 0
    inner:
        add %r0, 1
        add %r7, 1
        jlt %r7, 3, inner
        mov %r1, %r0
        call local leaf
        add %r6, 1
        jlt %r6, 4, outer
        exit
    leaf:
        mov %r2, 3
    count:
        sub %r2, 1
        jeq %r2, 0, end
        ja count
    end:
        mov %r0, %r1
        exit";
    let example = Example::new(text);
    let mut arena = Arena::new(1 << 16).unwrap();
    let mut entry = Entry::new().unwrap();
    let plain = arena.install(&example.compile(Options::default())).unwrap();
    let all = Options { checks: Checks::All, ..Options::default() };
    let checked = arena.install(&example.compile(all)).unwrap();
    let mut results = 0;
    for fuel in 0..400 {
        let expected = example.interpret(&[], fuel).map_err(|stop| match stop {
            Stop::Trap(trap) => trap,
            Stop::Fault(fault) => panic!("{fault:?}"),
        });
        assert_eq!(call(&plain, &mut entry, &[], fuel), expected, "fuel {fuel}");
        assert_eq!(call(&checked, &mut entry, &[], fuel), expected, "fuel {fuel}");
        results += u32::from(expected.is_ok());
    }
    assert!((1..400).contains(&results), "both ends are met");
    assert_eq!(call(&plain, &mut entry, &[], u64::MAX), Ok(12));
    assert_eq!(call(&plain, &mut entry, &[], 0), Err(Trap::Fuel));
}

#[test]
fn an_endless_loop_uses_up_its_fuel() {
    let example = Example::new("mov %r0, 0\nagain:\nja again");
    assert_eq!(example.run(Options::default(), &[], 1_000_000), Err(Trap::Fuel));
    let own = Example::new("again:\nmov %r0, 0\njeq %r0, 0, again\nexit");
    assert_eq!(own.run(Options::default(), &[], 1_000_000), Err(Trap::Fuel));
}

#[test]
fn one_program_runs_on_several_threads() {
    let text = "ldxdw %r2, [%r1]\nldxdw %r0, [%r2]\nlddw %r3, variables[0]\nldxdw %r4, [%r3]\nadd %r4, %r0\nstxdw [%r3], %r4\nldxdw %r0, [%r3]\nexit\n.variables 01 00 00 00 00 00 00 00";
    let installed = Example::new(text).install(Options::default());
    std::thread::scope(|scope| {
        for number in 0..4_u64 {
            let installed = installed.clone();
            scope.spawn(move || {
                let mut entry = Entry::new().unwrap();
                for round in 0..1_000 {
                    let input = (number * 1_000 + round).to_le_bytes();
                    assert_eq!(call(&installed, &mut entry, &input, 100), Ok(number * 1_000 + round + 1));
                }
            });
        }
    });
}

#[test]
fn helpers_that_there_are_not_are_refused() {
    let example = Example::new("call 191\nexit");
    let error = example.try_compile(Options::default()).unwrap_err();
    assert_eq!(error, crate::CompileError::UnknownHelper { instruction: 0, number: 191 });
}

/// A program of so many instructions: pieces of arithmetic, memory and branches, one behind the other.
fn long(instructions: usize) -> Example {
    let mut text = String::from("mov %r0, 1\nmov %r6, 2\nmov %r7, 3\nstxdw [%r10-8], %r0\n");
    let pieces = (instructions - 5) / 8;
    for piece in 0..pieces {
        let bit = 1 << (piece % 20);
        text.push_str(&format!(
            "add %r0, {piece}\nldxdw %r2, [%r10-8]\nxor %r2, %r0\njset %r2, {bit}, +2\n\
             mul %r6, %r2\nstxdw [%r10-8], %r6\nrsh %r7, 1\nadd %r7, %r6\n"
        ));
    }
    text.push_str(&"add %r0, %r7\n".repeat(instructions - 5 - 8 * pieces));
    text.push_str("exit");
    Example::new(&text)
}

#[test]
fn long_functions_do_what_short_ones_do() {
    // Those of more than 4,096 instructions are compiled with less effort.
    for instructions in [4_096, 4_097, 8_192] {
        let example = long(instructions);
        assert_eq!(example.program.instructions.len(), instructions);
        let expected = example.interpret(&[], 1 << 20).unwrap();
        for options in ALL_OPTIONS {
            assert_eq!(example.run(options, &[], 1 << 20), Ok(expected), "{options:?}");
        }
    }
}
