//! The verifier on programs as text: what is accepted without a guard, what is guarded, and what is refused.

use adit_function::assembly;
use adit_function::hook::CALL;
use adit_function::verified::{Finding, Verdict, Verified};
use adit_function::verify::{Budget, Reason, Refusal, verify};

fn check(text: &str) -> Result<Verified, Refusal> {
    let program = assembly::program(text).expect("the program is well-formed");
    verify(program, &CALL, &Budget::default())
}

/// The instructions that are guarded.
fn guards(verified: &Verified) -> Vec<usize> {
    let guarded = |finding: &Finding| match finding {
        Finding::Access(verdict) => *verdict != Verdict::Proven,
        Finding::Call { guarded } => *guarded != 0,
        Finding::Nothing | Finding::Unreachable | Finding::PointerInSource => false,
    };
    (0..).zip(verified.findings()).filter(|(_, finding)| guarded(finding)).map(|(at, _)| at).collect()
}

#[track_caller]
fn proven(text: &str) {
    assert_eq!(guards(&check(text).expect(text)), [0; 0], "{text}");
}

#[track_caller]
fn guarded(text: &str, at: &[usize]) {
    assert_eq!(guards(&check(text).expect(text)), at, "{text}");
}

#[track_caller]
fn refused(text: &str) -> Reason {
    let refusal = check(text).expect_err(text);
    assert!(!refusal.to_string().is_empty());
    refusal.reason
}

/// `for (p = input; p + 8 <= input_end; p += 8) sum += *(u64 *)p`, with parts to be replaced.
fn pointer_walk(step: &str, check: &str, load: &str) -> String {
    format!(
        "mov %r0, 0
        ldxdw %r2, [%r1+8]
        ldxdw %r1, [%r1+0]
        add %r1, 8
        jgt %r1, %r2, out
        again:
        {load}
        add %r0, %r3
        add %r1, {step}
        {check}
        out:
        exit"
    )
}

#[test]
fn a_walk_over_the_input_is_proven() {
    proven(&pointer_walk("8", "jle %r1, %r2, again", "ldxdw %r3, [%r1-8]"));
    proven(&pointer_walk("1", "jge %r2, %r1, again", "ldxdw %r3, [%r1-8]"));
    proven(&pointer_walk("4", "jlt %r1, %r2, again", "ldxdw %r3, [%r1-8]"));
}

#[test]
fn a_walk_beyond_the_input_is_guarded() {
    for (step, check, load) in [
        ("8", "jle %r1, %r2, again", "ldxdw %r3, [%r1-7]"),
        ("8", "jle %r1, %r2, again", "ldxdw %r3, [%r1-9]"),
        ("8", "jne %r1, %r2, again", "ldxdw %r3, [%r1-8]"),
        ("8", "ja again", "ldxdw %r3, [%r1-8]"),
        ("-8", "jle %r1, %r2, again", "ldxdw %r3, [%r1-8]"),
        ("8", "jslt %r1, %r2, again", "ldxdw %r3, [%r1-8]"),
        ("8", "jge %r1, %r2, again", "ldxdw %r3, [%r1-8]"),
    ] {
        guarded(&pointer_walk(step, check, load), &[5]);
    }
}

#[test]
fn pointers_do_not_leak() {
    assert_eq!(refused("mov %r0, %r10\nexit"), Reason::PointerReturned);
    assert_eq!(refused("ldxdw %r0, [%r1+0]\nexit"), Reason::PointerReturned);
    assert_eq!(refused("mov32 %r0, %r10\nexit"), Reason::PointerReturned);
    assert_eq!(refused("mov32 %r0, %r10\nand %r0, 7\nexit"), Reason::PointerArithmetic);
    assert_eq!(refused("mov %r0, %r10\nadd32 %r0, 7\nexit"), Reason::PointerCut);
    proven("mov32 %r0, %r10\nsub32 %r0, %r10\nexit");
    assert_eq!(refused("mov %r0, %r2\nexit"), Reason::Unset);
}
