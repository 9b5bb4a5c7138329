//! What the verifier says of the examples: none needs a guard in a loop, and none is near its budget.

use std::collections::BTreeSet;

use adit_function::elf;
use adit_function::hook::{AGGREGATE, CALL, FILTER, Hook};
use adit_function::instruction::Instruction;
use adit_function::verified::{Finding, Verdict, Verified};
use adit_function::verify::{Budget, Verifier};

use crate::clang;

/// The examples: hook, name, guards, none of which stands in a loop.
const EXAMPLES: &[(&Hook, &str, usize)] = &[
    (&AGGREGATE, "aggregate", 0),
    (&CALL, "binary_search", 0),
    (&CALL, "column_sum", 0),
    (&CALL, "friends", 0),
    (&FILTER, "iris", 0),
    // What is emitted at the end.
    (&FILTER, "json_field", 1),
    (&CALL, "list", 0),
    (&FILTER, "projection", 0),
    (&CALL, "tao_assoc_range", 0),
    (&CALL, "tao_object_get", 0),
    (&AGGREGATE, "top_k", 0),
    (&CALL, "transfer", 0),
    (&FILTER, "wine", 0),
];

#[test]
fn all_examples_are_here() {
    let files = std::fs::read_dir(clang::folder()).expect("the examples are there");
    let mut names: Vec<String> = files
        .filter_map(|file| file.ok()?.file_name().to_str()?.strip_suffix(".c").map(str::to_owned))
        .collect();
    names.sort();
    assert_eq!(names, EXAMPLES.iter().map(|(_, name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn examples_are_verified_with_few_guards_far_below_the_budget() {
    let mut verifier = Verifier::default();
    for clang in clang::all() {
        for (hook, name, guards) in EXAMPLES {
            let object = clang::compile(clang, name);
            let program = elf::load(&object, Some(name)).expect("examples are loaded");
            let verified = verifier.verify(program, hook, &Budget::SERVER).expect("examples are verified");
            let steps = verifier.steps();
            assert!(steps <= Budget::SERVER.steps / 2, "{clang} {name}: {steps} steps");
            let guarded: Vec<u32> = (0..)
                .zip(verified.findings())
                .filter_map(|(index, finding)| is_guarded(*finding).then_some(index))
                .collect();
            assert_eq!(guarded.len(), *guards, "{clang} {name}: {guarded:?}");
            let looped = guarded.iter().find(|index| is_in_loop(&verified, **index));
            assert_eq!(looped, None, "{clang} {name}: a guard in a loop");
        }
    }
}

const fn is_guarded(finding: Finding) -> bool {
    match finding {
        Finding::Access(Verdict::Bounds | Verdict::Stack { .. }) => true,
        Finding::Call { guarded } => guarded != 0,
        Finding::Access(Verdict::Proven)
        | Finding::Nothing
        | Finding::Unreachable
        | Finding::PointerInSource => false,
    }
}

/// Whether an instruction leads back to itself within its function.
fn is_in_loop(verified: &Verified, index: u32) -> bool {
    let instructions = &verified.program().instructions;
    let mut seen = BTreeSet::new();
    let mut next = vec![index];
    while let Some(at) = next.pop() {
        let (target, falls) = match instructions[at as usize] {
            Instruction::Jump { target } => (Some(target), false),
            Instruction::Branch { target, .. } => (Some(target), true),
            Instruction::Exit => (None, false),
            _ => (None, true),
        };
        let behind = falls.then_some(at + 1);
        next.extend(target.into_iter().chain(behind).filter(|at| seen.insert(*at)));
    }
    seen.contains(&index)
}
