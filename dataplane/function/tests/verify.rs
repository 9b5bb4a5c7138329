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

/// A program that does something between these lines with the input (r1 to r2), r6 being the context.
fn with_input(text: &str) -> String {
    format!("mov %r6, %r1\nldxdw %r2, [%r6+8]\nldxdw %r1, [%r6+0]\n{text}\nmov %r0, 0\nout:\nexit")
}

#[test]
fn a_check_proves_what_it_compares() {
    let program = |by: u32, check: &str| {
        with_input(&format!("mov %r3, %r1\nadd %r3, {by}\n{check}\nldxw %r4, [%r1+4]\nend:"))
    };
    for check in ["jgt %r3, %r2, end", "jlt %r2, %r3, end"] {
        proven(&program(8, check));
        guarded(&program(7, check), &[6]);
    }
    for check in ["jge %r3, %r2, end", "jle %r2, %r3, end"] {
        proven(&program(7, check));
        guarded(&program(6, check), &[6]);
    }
    // On the other way nothing is proven.
    guarded(&with_input("mov %r3, %r1\nadd %r3, 8\njle %r3, %r2, end\nldxdw %r4, [%r1+0]\nend:"), &[6]);
    // What was guarded is proven from there on.
    guarded(&with_input("ldxdw %r4, [%r1+8]\nldxdw %r4, [%r1+0]\nldxb %r4, [%r1+16]"), &[3, 5]);
}

#[test]
fn indexes_are_proven_as_they_are_compared() {
    let length = "sub %r2, %r1\nldxb %r3, [%r10-1]";
    let program = |check: &str| {
        format!("mov %r4, %r1\nstb [%r10-1], 7\n{length}\n{check}\nadd %r4, %r3\nldxb %r5, [%r4+0]\nend:")
    };
    proven(&with_input(&program("jge %r3, %r2, end")));
    proven(&with_input(&program("jge32 %r3, %r2, end")));
    proven(&with_input(&program("jsge %r3, %r2, end")));
    guarded(&with_input(&program("jgt %r3, %r2, end")), &[9]);
    guarded(&with_input(&program("jlt %r3, %r2, end")), &[9]);
    guarded(&with_input(&program("jne %r3, %r2, end")), &[9]);
    // A number of which nothing is known may be negative: a signed comparison does not prove that it is not.
    let wide = |check: &str| {
        format!(
            "mov %r4, %r1\nmov %r3, %r1\nadd %r3, 8\njgt %r3, %r2, end\nldxdw %r3, [%r1+0]\nsub %r2, %r1\n{check}\nadd %r4, %r3\nldxb %r5, [%r4+0]\nend:"
        )
    };
    proven(&with_input(&wide("jge %r3, %r2, end")));
    guarded(&with_input(&wide("jsge %r3, %r2, end")), &[11]);
    proven(&with_input(&wide("jsge %r3, %r2, end\njslt %r3, 0, end")));
    guarded(&with_input(&wide("jge32 %r3, %r2, end")), &[11]);
    proven(&with_input(&wide("mov32 %r3, %r3\njge32 %r3, %r2, end")));
}

#[test]
fn arithmetic_that_wraps_proves_nothing() {
    let program = |by: &str| {
        with_input(&format!(
            "mov %r3, %r1\nadd %r3, 8\njgt %r3, %r2, end\nldxdw %r3, [%r1+0]\n{by}\nmov %r4, %r1\nadd %r4, %r3\njgt %r4, %r2, end\nldxb %r5, [%r4-1]\nend:"
        ))
    };
    proven(&program("and %r3, 255\nadd %r3, 1"));
    guarded(&program("and %r3, 255\nadd %r3, -1"), &[12]);
    guarded(&program("lsh %r3, 33\narsh %r3, 33\nadd %r3, 1"), &[13]);
    proven(&program("rsh %r3, 8\nrsh %r3, 24\nadd %r3, 1"));
    guarded(&program("arsh %r3, 40\nadd %r3, 1"), &[12]);
    guarded(&program("neg %r3\nand32 %r3, 255\nneg %r3"), &[13]);
}

#[test]
fn the_order_of_pointers_does_not_tell_addresses() {
    let far = |text: &str| assert_eq!(refused(&with_input(text)), Reason::PointerFar, "{text}");
    let long = "mov %r3, %r1\nadd %r3, 8\njgt %r3, %r2, end\nldxdw %r3, [%r1+0]";
    for by in ["add %r3, 1", "lsh %r3, 8", "arsh %r3, 20", "neg %r3"] {
        far(&format!("{long}\n{by}\nadd %r1, %r3\njgt %r1, %r2, end\nend:"));
        far(&format!("{long}\n{by}\nadd %r1, %r3\njslt %r2, %r1, end\nend:"));
        far(&format!("{long}\n{by}\nadd %r1, %r3\njslt %r1, 0, end\nend:"));
        far(&format!("{long}\n{by}\nadd %r1, %r3\njeq %r1, 0, end\nend:"));
        proven(&with_input(&format!("{long}\n{by}\nadd %r1, %r3\njeq %r1, %r2, end\nend:")));
    }
    proven(&with_input(&format!("{long}\narsh %r3, 32\nadd %r1, %r3\njgt %r1, %r2, end\nend:")));
    // A pointer that goes further with each turn.
    far("again:\nadd %r1, 4096\njgt %r1, %r2, again");
    far("mov %r3, 1\nagain:\nsub %r1, %r3\nadd %r3, %r3\njlt %r1, %r2, again");
}

#[test]
fn what_was_not_written_is_not_read() {
    let unset = |text: &str| assert!(matches!(refused(text), Reason::Unset), "{text}");
    unset("mov %r0, %r3\nexit");
    unset("exit");
    unset("mov %r0, 0\nadd %r0, %r9\nexit");
    unset("mov %r1, %r10\nadd %r1, -8\nstdw [%r1+0], 1\nmov %r2, 8\ncall 8\nmov %r0, %r1\nexit");
    unset(
        "ldxdw %r2, [%r1+0]\nldxdw %r3, [%r1+8]\njeq %r2, %r3, other\nmov %r4, 1\nother:\nmov %r0, %r4\nexit",
    );
    assert_eq!(refused("ldxdw %r0, [%r10-8]\nexit"), Reason::StackUnset(-8));
    assert_eq!(refused("stw [%r10-8], 1\nldxdw %r0, [%r10-8]\nexit"), Reason::StackUnset(-4));
    assert_eq!(refused("ldxdw %r0, [%r10-520]\nexit"), Reason::StackOutside(-520, -512));
    assert_eq!(refused("ldxdw %r0, [%r10-4]\nexit"), Reason::StackOutside(-4, 4));
    assert_eq!(refused("stb [%r10+0], 1\nmov %r0, 0\nexit"), Reason::StackOutside(0, 1));
}

#[test]
fn pointers_stay_where_they_are() {
    assert_eq!(refused("stxdw [%r10-12], %r1\nmov %r0, 0\nexit"), Reason::PointerStoredOddly);
    assert_eq!(refused("stxw [%r10-8], %r1\nmov %r0, 0\nexit"), Reason::PointerStoredOddly);
    assert_eq!(refused("stxdw [%r10-8], %r1\nldxw %r0, [%r10-8]\nexit"), Reason::StackPointer(-8));
    assert_eq!(
        refused("stxdw [%r10-8], %r1\nstw [%r10-8], 1\nldxdw %r0, [%r10-8]\nexit"),
        Reason::StackPointer(-4)
    );
    proven("stxdw [%r10-8], %r1\nstdw [%r10-8], 1\nldxdw %r0, [%r10-8]\nexit");
    assert_eq!(
        refused("lddw %r2, variables[0]\nstxdw [%r2+0], %r1\nmov %r0, 0\nexit\n.variables zero 8"),
        Reason::PointerStored
    );
    assert_eq!(refused("stxdw [%r1+0], %r1\nmov %r0, 0\nexit"), Reason::ReadOnly);
    assert_eq!(refused("xor %r1, 1\nmov %r0, 0\nexit"), Reason::PointerArithmetic);
    assert_eq!(refused("mov %r0, %r1\nsub %r0, %r10\nexit"), Reason::PointerArithmetic);
    assert_eq!(refused("mov %r2, 5\nsub %r2, %r1\nmov %r0, 0\nexit"), Reason::PointerArithmetic);
    assert_eq!(refused("jgt %r1, 5, +0\nmov %r0, 0\nexit"), Reason::PointerCompared);
    assert_eq!(refused("jgt %r1, %r10, +0\nmov %r0, 0\nexit"), Reason::PointerCompared);
    assert_eq!(refused("mov %r2, 4096\nldxb %r0, [%r2+0]\nexit"), Reason::NotPointer);
    assert_eq!(refused("mov %r2, 0\nldxb %r0, [%r2+0]\nexit"), Reason::MaybeNull);
    assert_eq!(refused("ldxw %r0, [%r1+0]\nexit"), Reason::ContextField(0, 4));
    assert_eq!(refused("ldxdw %r0, [%r1+16]\nexit"), Reason::ContextField(16, 24));
}

#[test]
fn helpers_are_given_what_they_ask_for() {
    assert_eq!(refused("call 9999\nexit"), Reason::Helper(9999));
    let emit = |from: &str| format!("stdw [%r10-8], 1\nmov %r1, %r10\n{from}\ncall 8\nmov %r0, 0\nexit");
    proven(&emit("add %r1, -8\nmov %r2, 8"));
    assert_eq!(refused(&emit("add %r1, -16\nmov %r2, 16")), Reason::StackUnset(-16));
    assert!(matches!(refused(&emit("add %r1, -8\nmov %r2, 9")), Reason::ArgumentStack(..)));
    assert!(matches!(refused(&emit("add %r1, -8\nmov %r2, %r1")), Reason::ArgumentNumber(..)));
    assert!(matches!(refused(&emit("mov %r1, 5\nmov %r2, 1")), Reason::ArgumentPointer(..)));
    guarded(&with_input("mov %r3, %r2\nsub %r3, %r1\nadd %r3, 1\nmov %r2, %r3\ncall 8"), &[7]);
    proven(&with_input("mov %r3, %r2\nsub %r3, %r1\nmov %r2, %r3\ncall 8"));
}

#[test]
fn functions_of_the_program_are_followed() {
    // The callee reads through a pointer that the caller has checked, and returns one of its own frame.
    proven(
        &with_input("mov %r3, %r1\nadd %r3, 8\njgt %r3, %r2, end\ncall local callee\nend:\nja last\nlast:")
            .replace("exit", "exit\ncallee:\nldxdw %r0, [%r1+0]\nexit"),
    );
    let text = "call local callee\nldxb %r0, [%r0-1]\nexit\ncallee:\nstb [%r10-1], 1\nmov %r0, %r10\nexit";
    assert_eq!(refused(text), Reason::Unset);
    let text = "mov %r1, %r10\nadd %r1, -8\ncall local callee\nldxdw %r0, [%r10-8]\nexit\ncallee:\nstdw [%r1+0], 3\nmov %r0, 0\nexit";
    proven(text);
    assert_eq!(refused(&text.replace("[%r1+0]", "[%r1+8]")), Reason::StackOutside(0, 8));
    assert_eq!(refused(&text.replace("stdw [%r1+0], 3", "stw [%r1+0], 3")), Reason::StackUnset(-4));
}
