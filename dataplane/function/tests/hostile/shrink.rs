//! Makes a program that shows a fault as short as it gets: takes instructions out and makes numbers simple as long as the same fault shows.

use adit_function::instruction::{Instruction, Operand};

use super::mutate::remove;
use super::{Campaign, Finding, Mutant};

pub(super) fn shrink(campaign: &mut Campaign, mutant: Mutant, seed: u64, what: String) -> Finding {
    let mut best = mutant;
    // What a program does depends on the inputs, which depend on its numbers: more of them are tried than at first.
    let shows = |campaign: &mut Campaign, mutant: &Mutant| {
        (0..4).any(|round| campaign.check(mutant, seed ^ round << 40, RUNS).as_deref() == Some(&what))
    };
    loop {
        let length = best.code.len();
        let mut changed = false;
        let mut at = 0;
        while let Some(program) = best.decode().filter(|program| at < program.instructions.len()) {
            let mut shorter = program.clone();
            remove(&mut shorter, at);
            match best.with(&shorter).filter(|mutant| shows(campaign, mutant)) {
                Some(mutant) => (best, changed) = (mutant, true),
                None => {
                    if let Some(mutant) = simpler(&best, at).filter(|mutant| shows(campaign, mutant)) {
                        (best, changed) = (mutant, true);
                    }
                    at += 1;
                }
            }
        }
        if !changed || best.code.len() == length {
            return Finding { mutant: best, what };
        }
    }
}

/// The same with a simpler instruction, if there is one.
fn simpler(mutant: &Mutant, at: usize) -> Option<Mutant> {
    let mut program = mutant.decode()?;
    let instruction = &mut program.instructions[at];
    let before = *instruction;
    match instruction {
        Instruction::Move { source: source @ Operand::Immediate(_), .. }
        | Instruction::Store { source: source @ Operand::Immediate(_), .. } => {
            *source = Operand::Immediate(0)
        }
        Instruction::Constant { value, .. } => *value = 0,
        _ => {}
    }
    if *instruction == before { None } else { mutant.with(&program) }
}

/// Inputs that each shorter program is tried on.
const RUNS: u64 = 64;
