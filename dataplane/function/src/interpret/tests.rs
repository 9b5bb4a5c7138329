//! Tests of the interpreter: what instructions do to registers and memory, and that each fault is found.

use super::{Fault, FaultKind, Interpreter, Stop};
use crate::assembly;
use crate::call::{Call, Means};
use crate::helper::SCALAR;
use crate::hook::{AGGREGATE, CALL, FILTER, Hook, Inputs, RegionBytes};
use crate::program::Program;
use crate::records::Records;
use crate::stage::Room;
use crate::trap::{Refused, Trap};
use crate::verified::{Finding, Frame, Verdict, Verified};

const FUEL: u64 = 10_000;

/// Runs `with` with a call on a store that has the record "key" = "value" and the empty record "none".
fn with_call<T>(with: impl FnOnce(&mut Call<'_>) -> T) -> T {
    let mut records = Records::new(4);
    records.put(b"key", b"value");
    records.put(b"none", b"");
    let (mut room, mut output) = (Room::new(64), [0; 16]);
    with(&mut Call::new(Means {
        store: &records,
        room: &mut room,
        output: &mut output,
        now_ms: 1234,
        kernels: &SCALAR,
        work: 10_000,
    }))
}

fn program(text: &str) -> Program {
    assembly::program(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The result of a program on 16 bytes of memory, and what it left there.
fn raw(text: &str, memory: &mut [u8]) -> Result<u64, Stop> {
    with_call(|call| Interpreter::new().run_raw(&program(text), memory, FUEL, call))
}

fn result(text: &str) -> u64 {
    raw(text, &mut [0; 16]).unwrap_or_else(|stop| panic!("{stop:?}\n{text}"))
}

/// What is wrong with a program that is called by the hook `call` with the input "0123456789".
fn fault(text: &str) -> (u32, FaultKind) {
    match run_on(&CALL, text) {
        Err(Stop::Fault(Fault { instruction, kind })) => (instruction, kind),
        other => panic!("{other:?}\n{text}"),
    }
}

fn run_on(hook: &'static Hook, text: &str) -> Result<u64, Stop> {
    let input = b"0123456789";
    let mut bytes = [1, 2, 3, 4, 5, 6, 7, 8];
    let mut state = Some(&mut bytes[..]);
    let mut regions = Vec::new();
    for region in hook.regions {
        regions.push(match state.take_if(|_| region.writable) {
            Some(state) => RegionBytes::Write(state),
            None => RegionBytes::Read(input),
        });
    }
    let numbers = if hook.name == "call" { &[][..] } else { &[0x0102_0304_0506_0708][..] };
    let inputs = Inputs { numbers, regions: &mut regions };
    with_call(|call| Interpreter::new().run_unverified(&program(text), hook, inputs, FUEL, call))
}

#[test]
fn arithmetic_reaches_registers() {
    assert_eq!(result("mov %r0, -1\nadd32 %r0, 2\nexit"), 1);
    assert_eq!(result("mov %r0, -8\nmov %r3, 3\nsdiv %r0, %r3\nexit"), u64::MAX - 1);
    assert_eq!(result("mov32 %r0, -8\nsmod32 %r0, 3\nexit"), 0xffff_fffe);
    assert_eq!(result("mov %r0, 7\nmov %r3, 0\nmod32 %r0, %r3\nexit"), 7);
    assert_eq!(result("lddw %r0, 0x8000000000000000\nsdiv %r0, -1\nexit"), 1 << 63);
    assert_eq!(result("mov %r3, 0x180\nmovsx864 %r0, %r3\nexit"), u64::MAX - 0x7f);
    assert_eq!(result("lddw %r3, 0x180000000\nmovsx3264 %r0, %r3\nexit"), u64::MAX - 0x7fff_ffff);
    assert_eq!(result("mov %r3, 0x8001\nmovsx1632 %r0, %r3\nexit"), 0xffff_8001);
    assert_eq!(result("mov %r0, 5\nneg %r0\nexit"), u64::MAX - 4);
    assert_eq!(result("mov %r0, 5\nneg32 %r0\nexit"), 0xffff_fffb);
    assert_eq!(result("lddw %r0, 0x1122334455667788\nbe16 %r0\nexit"), 0x8877);
    assert_eq!(result("lddw %r0, 0x1122334455667788\nle32 %r0\nexit"), 0x5566_7788);
    assert_eq!(result("lddw %r0, 0x1122334455667788\nswap64 %r0\nexit"), 0x8877_6655_4433_2211);
    assert_eq!(result("mov %r3, -1\nmov32 %r0, %r3\nexit"), 0xffff_ffff);
    assert_eq!(result("mov %r0, 1\nmov %r3, 65\nlsh %r0, %r3\nexit"), 2);
    assert_eq!(result("mov %r0, 1\nmov %r3, 33\nlsh32 %r0, %r3\nexit"), 2);
}

#[test]
fn branches_go_where_they_should() {
    let taken = |branch: &str| {
        result(&format!("mov %r0, 1\nmov %r3, -1\nmov %r4, 1\n{branch}\nmov %r0, 0\nyes:\nexit")) == 1
    };
    assert!(taken("ja yes") && taken("ja32 yes"));
    assert!(taken("jgt %r3, %r4, yes") && !taken("jsgt %r3, %r4, yes"));
    assert!(taken("jslt %r3, 0, yes") && !taken("jlt %r3, 0, yes"));
    assert!(taken("jset32 %r3, 0x80000000, yes") && !taken("jset %r4, 2, yes"));
    assert!(taken("jeq %r3, -1, yes") && taken("jne %r3, 1, yes") && !taken("jeq32 %r3, 1, yes"));
    assert!(
        taken("jge %r4, 1, yes")
            && taken("jle %r4, 1, yes")
            && taken("jsge %r4, -1, yes")
            && taken("jsle %r3, %r4, yes")
    );
}

#[test]
fn memory_is_little_endian_and_keeps_what_is_not_written() {
    let mut memory = *b"0123456789abcdef";
    assert_eq!(raw("ldxdw %r0, [%r1+1]\nexit", &mut memory), Ok(0x3837_3635_3433_3231));
    assert_eq!(raw("ldxw %r0, [%r1+12]\nexit", &mut memory), Ok(0x6665_6463));
    assert_eq!(raw("ldxh %r0, [%r1+1]\nexit", &mut memory), Ok(0x3231));
    assert_eq!(raw("add %r1, %r2\nldxb %r0, [%r1-1]\nexit", &mut memory), Ok(0x66));
    let text = "mov %r3, -2\nstxb [%r1], %r3\nstxh [%r1+2], %r3\nstw [%r1+5], -3\nstdw [%r1+8], -4\nmov %r0, 0\nexit";
    assert_eq!(raw(text, &mut memory), Ok(0));
    assert_eq!(memory, *b"\xfe1\xfe\xff4\xfd\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff");
    assert_eq!(raw("ldxsb %r0, [%r1]\nexit", &mut memory), Ok(u64::MAX - 1));
    assert_eq!(raw("ldxsh %r0, [%r1+2]\nexit", &mut memory), Ok(u64::MAX - 1));
    assert_eq!(raw("ldxsw %r0, [%r1+8]\nexit", &mut memory), Ok(u64::MAX - 3));
}

#[test]
fn atomic_operations_fetch_what_was_there() {
    let on = |operation: &str, register: &str| {
        result(&format!(
            "lddw %r3, 0x1122334455667788\nstxdw [%r10-8], %r3\nmov %r0, 0x55\nmov %r4, -1\nlock {operation} [%r10-8], %r4\n\
            {register}\nexit"
        ))
    };
    let (memory, source) = ("ldxdw %r0, [%r10-8]", "mov %r0, %r4");
    assert_eq!(on("add", memory), 0x1122_3344_5566_7787);
    assert_eq!(on("add", source), u64::MAX);
    assert_eq!(on("fetch add", source), 0x1122_3344_5566_7788);
    assert_eq!(on("add32", memory), 0x1122_3344_5566_7787);
    assert_eq!(on("fetch or32", memory), 0x1122_3344_ffff_ffff);
    assert_eq!(on("fetch or32", source), 0x5566_7788);
    assert_eq!(on("fetch and", memory), 0x1122_3344_5566_7788);
    assert_eq!(on("xor", memory), !0x1122_3344_5566_7788);
    assert_eq!(on("xchg", memory), u64::MAX);
    assert_eq!(on("xchg32", memory), 0x1122_3344_ffff_ffff);
    assert_eq!(on("xchg32", source), 0x5566_7788);
    assert_eq!(on("cmpxchg", memory), 0x1122_3344_5566_7788);
    assert_eq!(on("cmpxchg", ""), 0x1122_3344_5566_7788);
    assert_eq!(on("cmpxchg32", ""), 0x5566_7788);
    let met = "mov32 %r0, 7\nstxw [%r10-4], %r0\nmov %r4, 9\nlock cmpxchg32 [%r10-4], %r4\nldxw %r0, [%r10-4]\nexit";
    assert_eq!(result(met), 9);
}

#[test]
fn functions_have_frames_and_keep_registers() {
    let text = "mov %r6, 5\nstdw [%r10-8], 7\nmov %r1, %r10\nadd %r1, -8\nmov %r2, 3\ncall local add\nadd %r0, %r6\nldxdw %r3, [%r10-8]\n\
        add %r0, %r3\nexit\nadd:\nstdw [%r10-8], 100\nldxdw %r6, [%r1]\nstdw [%r1], 1000\nmov %r0, %r6\nadd %r0, %r2\nexit";
    assert_eq!(result(text), 5 + 1000 + 10);
    // Registers that a function may change are gone, and its frame as well.
    let gone = |after: &str| {
        fault(&format!(
            "mov %r1, 1\ncall local other\n{after}\nexit\nother:\nmov %r0, %r10\nmov %r1, 2\nstdw [%r0-8], 1\nexit"
        ))
    };
    assert_eq!(gone("mov %r0, %r1"), (2, FaultKind::Register));
    assert_eq!(gone("ldxdw %r0, [%r0-8]"), (2, FaultKind::OutOfBounds));
    let twice = "call local leak\nmov %r1, %r0\ncall local use\nexit\nleak:\nmov %r0, %r10\nexit\nuse:\nstdw [%r10-8], 1\nldxdw %r0, [%r1-8]\nexit";
    assert_eq!(fault(twice), (7, FaultKind::OutOfBounds), "a frame of the same depth is another one");
    assert_eq!(
        fault("mov %r6, 1\ncall local other\nexit\nother:\nmov %r0, %r6\nexit"),
        (3, FaultKind::Register)
    );
}

#[test]
fn fuel_is_burnt_by_calls_and_by_going_back() {
    // Entering costs 4, each of two rounds 2.
    let text = "mov %r0, 3\nagain:\nadd %r0, -1\njne %r0, 0, again\nexit";
    let run = |fuel| {
        let mut interpreter = Interpreter::new();
        let result = with_call(|call| interpreter.run_raw(&program(text), &mut [], fuel, call));
        (result, interpreter.fuel())
    };
    assert_eq!(run(8), (Ok(0), 0));
    assert_eq!(run(10), (Ok(0), 2));
    assert_eq!(run(7), (Err(Stop::Trap(Trap::Fuel)), 1));
    assert_eq!(run(3), (Err(Stop::Trap(Trap::Fuel)), 3));
    let calls = "call local other\ncall local other\nexit\nother:\nmov %r0, 0\nexit";
    let with = |fuel| with_call(|call| Interpreter::new().run_raw(&program(calls), &mut [], fuel, call));
    assert_eq!((with(7), with(6)), (Ok(0), Err(Stop::Trap(Trap::Fuel))));
}

#[test]
fn the_context_is_that_of_the_hook() {
    assert_eq!(run_on(&CALL, "ldxdw %r2, [%r1]\nldxb %r0, [%r2+3]\nexit"), Ok(0x33));
    assert_eq!(run_on(&CALL, "ldxdw %r0, [%r1+8]\nldxdw %r2, [%r1]\nsub %r0, %r2\nexit"), Ok(10));
    assert_eq!(run_on(&FILTER, "ldxdw %r0, [%r1+32]\nexit"), Ok(0x0102_0304_0506_0708));
    assert_eq!(run_on(&FILTER, "ldxh %r0, [%r1+33]\nexit"), Ok(0x0607));
    let count =
        "ldxdw %r2, [%r1+56]\nldxw %r0, [%r2+4]\nadd %r0, 1\nstxw [%r2+4], %r0\nldxw %r0, [%r2+4]\nexit";
    assert_eq!(run_on(&AGGREGATE, count), Ok(0x0807_0606));
    assert_eq!(fault("ldxdw %r0, [%r1+16]\nexit"), (0, FaultKind::OutOfBounds));
    assert_eq!(fault("ldxw %r0, [%r1]\nexit"), (1, FaultKind::Leak));
    assert_eq!(fault("stdw [%r1], 0\nexit"), (0, FaultKind::ReadOnly));
}

#[test]
fn data_is_constant_and_variables_are_made_anew() {
    let text = "lddw %r1, data[1]\nldxh %r0, [%r1]\nlddw %r2, variables[8]\nldxdw %r3, [%r2]\nadd %r0, %r3\nstxdw [%r2-8], %r0\nexit\n\
        .data 01 02 03\n.variables zero 8 07 zero 7";
    let program = program(text);
    let mut interpreter = Interpreter::new();
    for _ in 0..2 {
        assert_eq!(with_call(|call| interpreter.run_raw(&program, &mut [], FUEL, call)), Ok(0x0309));
        assert_eq!(interpreter.variables()[..8], [9, 3, 0, 0, 0, 0, 0, 0]);
    }
    assert_eq!(fault("lddw %r1, data[0]\nstb [%r1], 0\nexit\n.data 01"), (1, FaultKind::ReadOnly));
    assert_eq!(fault("lddw %r1, data[0]\nldxh %r0, [%r1]\nexit\n.data 01"), (1, FaultKind::OutOfBounds));
    assert_eq!(
        fault("lddw %r1, variables[1]\nldxb %r0, [%r1]\nexit\n.variables 01"),
        (1, FaultKind::OutOfBounds)
    );
    assert_eq!(
        fault("lddw %r1, variables[0]\nldxb %r0, [%r1-1]\nexit\n.variables 01"),
        (1, FaultKind::OutOfBounds)
    );
}

#[test]
fn what_leaves_its_memory_is_found() {
    use FaultKind::*;
    let input = |rest: &str| fault(&format!("ldxdw %r2, [%r1]\nldxdw %r3, [%r1+8]\n{rest}\nexit"));
    assert_eq!(input("ldxdw %r0, [%r2+3]"), (2, OutOfBounds));
    assert_eq!(input("ldxb %r0, [%r3]"), (2, OutOfBounds));
    assert_eq!(input("ldxb %r0, [%r2-1]"), (2, OutOfBounds));
    assert_eq!(input("stb [%r2], 0"), (2, ReadOnly));
    assert_eq!(input("mov %r2, 4096\nldxb %r0, [%r2]"), (3, NoPointer));
    assert_eq!(input("lsh %r2, 1\nrsh %r2, 1\nldxb %r0, [%r2]"), (4, NoPointer));
    assert_eq!(input("mov32 %r2, %r2\nldxb %r0, [%r2]"), (3, NoPointer));
    assert_eq!(input("add %r2, %r3\nldxb %r0, [%r2]"), (3, NoPointer));
    assert_eq!(input("mov %r4, 1\nsub %r4, %r2\nldxb %r0, [%r4]"), (4, NoPointer));
    assert_eq!(fault("ldxdw %r0, [%r10]\nexit"), (0, OutOfBounds));
    assert_eq!(fault("stb [%r10-513], 0\nexit"), (0, OutOfBounds));
}

#[test]
fn what_was_not_written_is_found() {
    use FaultKind::*;
    assert_eq!(fault("exit"), (0, Register));
    assert_eq!(fault("mov %r0, %r7\nexit"), (0, Register));
    assert_eq!(fault("add %r7, 1\nexit"), (0, Register));
    assert_eq!(fault("jeq %r7, 1, exit\nexit"), (0, Register));
    assert_eq!(fault("stw [%r10-8], 1\nldxdw %r0, [%r10-8]\nexit"), (1, Uninitialised));
    assert_eq!(fault("mov %r0, 0\nmov %r4, 0\nlock add [%r10-8], %r4\nexit"), (2, Uninitialised));
    assert_eq!(result("stw [%r10-8], 1\nstw [%r10-4], 2\nldxdw %r0, [%r10-8]\nexit"), 2 << 32 | 1);
}

#[test]
fn what_lets_a_pointer_out_is_found() {
    use FaultKind::*;
    assert_eq!(fault("mov %r0, %r1\nexit"), (1, Leak));
    assert_eq!(fault("mov %r0, %r10\nrsh %r0, 5\nexit"), (2, Leak));
    assert_eq!(fault("lddw %r2, variables[0]\nstxdw [%r2], %r1\nexit\n.variables zero 8"), (1, Leak));
    assert_eq!(fault("stxdw [%r10-8], %r1\nldxw %r0, [%r10-8]\nexit"), (2, Leak));
    assert_eq!(fault("stxdw [%r10-8], %r1\nstb [%r10-8], 0\nldxdw %r0, [%r10-8]\nexit"), (3, Leak));
    assert_eq!(
        fault("stxdw [%r10-8], %r1\nmov %r2, 1\nmov %r0, 0\nlock add [%r10-8], %r2\nexit"),
        (3, NoNumber)
    );
    assert_eq!(fault("mov %r2, 1\nstdw [%r10-8], 0\nlock xchg [%r10-8], %r1\nexit"), (2, NoNumber));
    assert_eq!(fault("jgt %r1, 5, exit\nexit"), (0, NoNumber));
    assert_eq!(fault("jeq32 %r1, 0, exit\nexit"), (0, NoNumber));
    assert_eq!(fault("mov %r2, %r1\nxor %r2, 1\njeq %r2, 0, exit\nexit"), (2, NoNumber));
    assert_eq!(fault("jgt %r1, %r10, exit\nexit"), (0, Compared));
    assert_eq!(run_on(&CALL, "mov %r0, 0\nmov %r2, %r1\nadd %r2, 8\njgt %r2, %r1, exit\nexit"), Ok(0));
    assert_eq!(run_on(&CALL, "mov %r0, 0\njne %r1, 0, exit\nexit"), Ok(0));
    let spilled = "stxdw [%r10-8], %r1\nldxdw %r2, [%r10-8]\nldxdw %r3, [%r2]\nldxb %r0, [%r3]\nexit";
    assert_eq!(run_on(&CALL, spilled), Ok(0x30), "a whole word keeps a pointer");
}

/// Looks up the key `key` of `bytes` and leaves its view at the start of the frame, its length in register 0.
fn look_up(key: u32, bytes: u32, rest: &str) -> String {
    format!(
        "stw [%r10-4], {key}\nmov %r1, %r10\nadd %r1, -4\nmov %r2, {bytes}\nmov %r3, 0\nmov %r4, %r10\nadd %r4, -24\ncall 1\n\
        ldxdw %r6, [%r10-24]\nldxdw %r7, [%r10-16]\n{rest}\nexit"
    )
}

const KEY: u32 = u32::from_le_bytes(*b"key\0");
const NONE: u32 = u32::from_le_bytes(*b"none");
const ABSENT: u32 = u32::from_le_bytes(*b"abse");

#[test]
fn views_are_memory_of_the_store() {
    assert_eq!(run_on(&CALL, &look_up(KEY, 3, "")), Ok(5));
    assert_eq!(run_on(&CALL, &look_up(KEY, 3, "ldxb %r0, [%r6+4]")), Ok(u64::from(b'e')));
    assert_eq!(run_on(&CALL, &look_up(KEY, 3, "mov %r0, %r7\nsub %r0, %r6")), Ok(5));
    assert_eq!(run_on(&CALL, &look_up(NONE, 4, "jeq %r6, 0, exit\nmov %r0, %r7\nsub %r0, %r6")), Ok(0));
    assert_eq!(run_on(&CALL, &look_up(ABSENT, 4, "")), Ok(u64::MAX));
    assert_eq!(run_on(&CALL, &look_up(ABSENT, 4, "add %r6, 8\njle %r6, %r7, exit\nmov %r0, 1")), Ok(1));
    assert_eq!(run_on(&CALL, &look_up(ABSENT, 4, "mov %r0, %r6")), Ok(0), "a null pointer is 0");
    use FaultKind::*;
    assert_eq!(fault(&look_up(KEY, 3, "ldxb %r0, [%r6+5]")), (10, OutOfBounds));
    assert_eq!(fault(&look_up(NONE, 4, "ldxb %r0, [%r6]")), (10, OutOfBounds));
    assert_eq!(fault(&look_up(ABSENT, 4, "ldxb %r0, [%r6]")), (10, OutOfBounds));
    assert_eq!(fault(&look_up(KEY, 3, "stb [%r6], 1")), (10, ReadOnly));
    assert_eq!(fault(&look_up(KEY, 3, "mov %r0, %r6")), (11, Leak));
    assert_eq!(fault(&look_up(KEY, 5, "")), (7, OutOfBounds), "the frame ends behind the key");
    assert_eq!(fault(&look_up(KEY, 3, "mov %r0, %r2")), (10, Register), "arguments are gone");
}

#[test]
fn helpers_are_given_what_they_take() {
    use FaultKind::*;
    let emit = |address: &str, bytes: &str| format!("{address}\n{bytes}\ncall 8\nexit");
    let frame = "stdw [%r10-8], 7\nmov %r1, %r10\nadd %r1, -8";
    assert_eq!(run_on(&CALL, &emit(frame, "mov %r2, 8")), Ok(0));
    assert_eq!(fault(&emit(frame, "mov %r2, 9")), (4, OutOfBounds));
    assert_eq!(fault(&emit("mov %r1, %r10\nadd %r1, -8", "mov %r2, 8")), (3, Uninitialised));
    assert_eq!(fault(&emit("stxdw [%r10-8], %r1\nmov %r1, %r10\nadd %r1, -8", "mov %r2, 8")), (4, Leak));
    assert_eq!(fault(&emit("", "mov %r2, 8")), (1, Leak), "the context is not shown");
    assert_eq!(fault(&emit("", "mov %r2, %r1")), (1, Leak), "a pointer is no number");
    assert_eq!(fault(&emit("mov %r1, 64", "mov %r2, 8")), (2, NoPointer));
    assert_eq!(fault("mov %r1, 1\nmov %r2, %r3\ncall 8\nexit"), (1, Register));
    assert_eq!(fault("call 1000\nexit"), (0, Helper));
    let long = Stop::Trap(Trap::Helper { instruction: 6, refusal: Refused::Output });
    let twice =
        "stdw [%r10-8], 7\nmov %r1, %r10\nadd %r1, -8\nmov %r2, 8\nmov %r6, %r1\ncall 8\ncall 8\nexit";
    assert_eq!(fault(twice), (6, Register));
    let thrice =
        "ldxdw %r6, [%r1]\nmov %r1, %r6\nmov %r2, 10\ncall 8\nmov %r1, %r6\nmov %r2, 7\ncall 8\nexit";
    assert_eq!(run_on(&CALL, thrice), Err(long));
    let delete = "stb [%r10-1], 1\nmov %r1, %r10\nadd %r1, -1\nmov %r2, 1\ncall 6\nexit";
    assert_eq!(run_on(&CALL, delete), Ok(0));
    assert_eq!(run_on(&FILTER, delete), Err(Stop::Fault(Fault { instruction: 4, kind: Helper })));
}

/// A program whose instruction `at` has a finding.
fn verified(text: &str, at: usize, finding: Finding) -> Verified {
    let program = program(text);
    let mut findings = vec![Finding::Nothing; program.instructions.len()];
    findings[at] = finding;
    let frames = vec![Frame { low: -512, zeroed: (-16, -8) }; program.functions.len()];
    Verified { program, hook: &CALL, findings, frames }
}

fn run_verified(text: &str, at: usize, finding: Finding) -> Result<u64, Stop> {
    let mut regions = [RegionBytes::Read(b"0123456789")];
    let inputs = Inputs { numbers: &[], regions: &mut regions };
    with_call(|call| Interpreter::new().run(&verified(text, at, finding), inputs, FUEL, call))
}

#[test]
fn guards_trap_where_the_verifier_put_them() {
    let out = |instruction| Err(Stop::Trap(Trap::OutOfBounds { instruction }));
    let text = |offset: i32| format!("ldxdw %r2, [%r1]\nldxw %r0, [%r2{offset:+}]\nmov %r0, 0\nexit");
    let bounds = Finding::Access(Verdict::Bounds);
    assert_eq!(run_verified(&text(6), 1, bounds), Ok(0));
    assert_eq!(run_verified(&text(7), 1, bounds), out(1));
    assert_eq!(run_verified(&text(-1), 1, bounds), out(1));
    let proven = Finding::Access(Verdict::Proven);
    let fault = |instruction, kind| Err(Stop::Fault(Fault { instruction, kind }));
    assert_eq!(run_verified(&text(7), 1, proven), fault(1, FaultKind::OutOfBounds));
    assert_eq!(run_verified("mov %r0, 7\nldxb %r0, [%r0]\nexit", 1, bounds), fault(1, FaultKind::NoPointer));
    let emit = "ldxdw %r1, [%r1]\nmov %r2, 11\ncall 8\nexit";
    assert_eq!(run_verified(emit, 2, Finding::Call { guarded: 1 }), out(2));
    assert_eq!(run_verified(emit, 2, Finding::Call { guarded: 2 }), fault(2, FaultKind::OutOfBounds));
    let absent = look_up(ABSENT, 4, "ldxb %r0, [%r6]");
    assert_eq!(run_verified(&absent, 10, bounds), out(10));
}

#[test]
fn a_part_of_the_frame_is_a_guard_of_its_own() {
    let text = |offset: i32| format!("stdw [%r10-24], 5\nldxw %r0, [%r10{offset:+}]\nexit");
    let within = Finding::Access(Verdict::Stack { low: -24, high: -8 });
    let out = Err(Stop::Trap(Trap::OutOfBounds { instruction: 1 }));
    assert_eq!(run_verified(&text(-24), 1, within), Ok(5));
    assert_eq!(run_verified(&text(-12), 1, within), Ok(0), "it was made zero at the entry");
    assert_eq!(run_verified(&text(-25), 1, within), out);
    assert_eq!(run_verified(&text(-11), 1, within), out);
    assert_eq!(run_verified(&text(4000), 1, within), out);
    assert_eq!(run_verified(&text(-4000), 1, within), out);
    let other = "ldxdw %r2, [%r1]\nldxb %r0, [%r2]\nexit";
    let fault = Err(Stop::Fault(Fault { instruction: 1, kind: FaultKind::Finding }));
    assert_eq!(run_verified(other, 1, within), fault);
}

#[test]
fn findings_that_are_wrong_are_found() {
    let fault = |instruction| Err(Stop::Fault(Fault { instruction, kind: FaultKind::Finding }));
    assert_eq!(run_verified("mov %r0, 0\nexit", 1, Finding::Unreachable), fault(1));
    let sum = "ldxdw %r2, [%r1]\nmov %r3, 1\nadd %r3, %r2\nldxb %r0, [%r3]\nexit";
    assert_eq!(run_verified(sum, 2, Finding::PointerInSource), Ok(0x31));
    assert_eq!(run_verified(sum, 2, Finding::Nothing), fault(2));
    let sum = "ldxdw %r2, [%r1]\nmov %r3, 1\nadd %r2, %r3\nldxb %r0, [%r2]\nexit";
    assert_eq!(run_verified(sum, 2, Finding::Nothing), Ok(0x31));
    assert_eq!(run_verified(sum, 2, Finding::PointerInSource), fault(2));
}
