//! Helpers called by compiled code: results, views, refusals, guarded arguments; each against the interpreter.

use adit_function::helper::{Helper, NowMs, Sum};
use adit_function::hook::{Inputs, RegionBytes};
use adit_function::interpret::{Interpreter, Stop};
use adit_function::records::Records;
use adit_function::trap::{Refused, Trap};
use adit_function::verified::{Finding, Verdict};

use super::support::{Example, with_call};
use crate::{Arena, Checks, Entry, Options, Termination};

const OPTIONS: [Options; 4] = [
    Options { termination: Termination::Fuel, checks: Checks::Verdicts, hardened: false },
    Options { termination: Termination::Poll, checks: Checks::All, hardened: false },
    Options { termination: Termination::Fuel, checks: Checks::Verdicts, hardened: true },
    Options { termination: Termination::Fuel, checks: Checks::All, hardened: true },
];

/// The result of a call and what it has emitted.
type Outcome = (Result<u64, Trap>, Vec<u8>);

fn records() -> Records {
    let mut records = Records::new(16);
    records.put(b"key", b"0123456789");
    records.put(b"nil", b"");
    records.put(b"two", b"xy");
    records
}

fn native(example: &Example, options: Options, input: &[u8]) -> Outcome {
    let mut arena = Arena::new(1 << 16).unwrap();
    let installed = arena.install(&example.compile(options)).unwrap();
    let mut entry = Entry::new().unwrap();
    with_call(&records(), |call| {
        let mut regions = [RegionBytes::Read(input)];
        let inputs = Inputs { numbers: &[], regions: &mut regions };
        let result = installed.call(&mut entry, inputs, 1000, call);
        (result, call.output().to_vec())
    })
}

fn interpreted(example: &Example, input: &[u8]) -> Outcome {
    with_call(&records(), |call| {
        let mut regions = [RegionBytes::Read(input)];
        let inputs = Inputs { numbers: &[], regions: &mut regions };
        let result = Interpreter::new().run_unverified(&example.program, example.hook, inputs, 1000, call);
        let result = result.map_err(|stop| match stop {
            Stop::Trap(trap) => trap,
            Stop::Fault(fault) => panic!("{fault:?}"),
        });
        (result, call.output().to_vec())
    })
}

#[track_caller]
fn both_give(text: &str, input: &[u8], expected: &Outcome) {
    let example = Example::new(text);
    assert_eq!(&interpreted(&example, input), expected, "the interpreter");
    for options in OPTIONS {
        assert_eq!(&native(&example, options, input), expected, "{options:?}");
    }
}

/// Looks up the key of three bytes that the input is, emits the value, and returns how long it is.
const ECHO: &str = "
    ldxdw %r1, [%r1]
    mov %r2, 3
    mov %r3, 0
    mov %r4, %r10
    add %r4, -16
    call 1
    mov %r6, %r0
    ldxdw %r1, [%r10-16]
    ldxdw %r2, [%r10-8]
    jeq %r1, 0, none
    sub %r2, %r1
    call 8
    mov %r0, %r6
    exit
none:
    mov %r0, -1
    exit";

#[test]
fn views_of_values() {
    both_give(ECHO, b"key", &(Ok(10), b"0123456789".to_vec()));
    both_give(ECHO, b"two", &(Ok(2), b"xy".to_vec()));
    both_give(ECHO, b"nil", &(Ok(0), Vec::new()));
    both_give(ECHO, b"???", &(Ok(u64::MAX), Vec::new()));
}

#[test]
fn refusals_name_their_instruction() {
    let text = "
        mov %r6, 30
    again:
        mov %r1, %r10
        add %r1, -16
        stdw [%r10-16], 1
        stdw [%r10-8], 2
        mov %r2, 16
        call 8
        sub %r6, 1
        jne %r6, 0, again
        mov %r0, 0
        exit";
    let refused = Err(Trap::Helper { instruction: 6, refusal: Refused::Output });
    let output = [1_u64.to_le_bytes(), 2_u64.to_le_bytes()].concat().repeat(16);
    both_give(text, &[], &(refused, output));
}

#[test]
fn accesses_through_views_are_guarded() {
    // The value at the index that the input ends with.
    let text = "
        mov %r6, %r1
        ldxdw %r1, [%r1]
        mov %r2, 3
        mov %r3, 0
        mov %r4, %r10
        add %r4, -16
        call 1
        ldxdw %r2, [%r6]
        ldxb %r3, [%r2+3]
        ldxdw %r1, [%r10-16]
        add %r1, %r3
        ldxh %r0, [%r1]
        exit";
    let example = Example::new(text).with(11, Finding::Access(Verdict::Bounds));
    for options in OPTIONS {
        for (key, bytes) in [(b"key", 10_u8), (b"two", 2), (b"nil", 0), (b"???", 0)] {
            for index in 0..20 {
                let input = [key.as_slice(), &[index]].concat();
                let (result, _) = native(&example, options, &input);
                let inside = index + 2 <= bytes;
                let expected = inside.then_some(()).ok_or(Trap::OutOfBounds { instruction: 11 });
                assert_eq!(result.map(|_| ()), expected, "{options:?} {key:?} {index}");
            }
        }
    }
}

#[test]
fn guarded_arguments_end_with_their_memory() {
    // Emits as many bytes of the input as its first byte says, from there on.
    let text = "
        ldxdw %r1, [%r1]
        ldxb %r2, [%r1]
        call 8
        exit";
    let example = Example::new(text).with(2, Finding::Call { guarded: 1 });
    let proven = Example::new(text);
    for options in OPTIONS {
        for bytes in 0..10_u8 {
            let input = [bytes, 1, 2, 3, 4, 5];
            let (result, output) = native(&example, options, &input);
            let inside = usize::from(bytes) <= input.len();
            let expected = inside.then_some(()).ok_or(Trap::OutOfBounds { instruction: 2 });
            assert_eq!(result.map(|_| ()), expected, "{options:?} {bytes}");
            assert_eq!(output, if inside { &input[..usize::from(bytes)] } else { &[] });
            if options.checks == Checks::All {
                let expected = inside.then_some(()).ok_or(Trap::ProofBroken { instruction: 2 });
                assert_eq!(native(&proven, options, &input).0.map(|_| ()), expected);
            }
        }
    }
}

#[test]
fn vectors_and_time() {
    let text = format!(
        "
        mov %r6, %r1
        ldxdw %r1, [%r1]
        ldxdw %r2, [%r6+8]
        sub %r2, %r1
        rsh %r2, 2
        call {}
        mov %r6, %r0
        call {}
        add %r0, %r6
        exit",
        Sum::<u32>::NUMBER,
        NowMs::NUMBER
    );
    let input: Vec<u8> = (0_u32..100).flat_map(u32::to_le_bytes).collect();
    both_give(&text, &input, &(Ok(4950 + 77), Vec::new()));
}
