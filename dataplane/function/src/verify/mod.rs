//! The verifier: an abstract interpretation of a program, which finds of each access whether it stays in memory that the program was given.
//!
//! Registers hold numbers, or pointers as distances from the start of their memory, both as linear forms of symbols: numbers that are not
//! known but do not change (`form`, `value`). Of symbols intervals are known, and inequalities between up to three of them (`facts`): that
//! covers the length of memory, which is a symbol like others. Where ways meet, states in which registers hold the same kinds of things are
//! joined: their symbols are paired (`join`, `pairs`, `relate`); others are walked apart (`station`). Loops that do not come to an end are
//! widened. What cannot be proven is guarded; what mixes up pointers and numbers is refused (`refusal`).

mod branch;
mod budget;
mod calls;
mod facts;
mod flow;
mod form;
mod functions;
mod join;
mod memory;
mod number;
mod pairs;
mod refusal;
mod relate;
mod report;
mod stack;
mod state;
mod station;
mod step;
mod value;
mod walk;

pub use budget::Budget;
pub use refusal::{Known, Pointed, Reason, Refusal};
pub use report::{Before, Explanation, explain};
pub use value::{Absence, RegionKind};

use crate::hook::Hook;
use crate::program::Program;
use crate::verified::Verified;

use refusal::Fault;
use walk::{Scratch, Walk};

/// A verifier, which keeps its memory from one program to the next.
#[derive(Debug, Default)]
pub struct Verifier {
    scratch: Scratch,
    steps: u32,
}

impl Verifier {
    /// Verifies a program for a hook.
    ///
    /// # Errors
    /// [`Refusal`] of a program that mixes up pointers and numbers, or reads what it has not written, or is too intricate for the budget.
    pub fn verify(
        &mut self,
        program: Program,
        hook: &'static Hook,
        budget: &Budget,
    ) -> Result<Verified, Refusal> {
        self.steps = 0;
        if program.instructions.is_empty() || program.functions.is_empty() {
            return Err(Fault::new(0, Reason::Empty).in_program(&program));
        }
        let mut walk = Walk::new(&program, hook, *budget, &mut self.scratch);
        let done = walk.program();
        let Walk { findings, frames, steps, .. } = walk;
        self.steps = steps;
        done.map_err(|fault| fault.in_program(&program))?;
        Ok(Verified { program, hook, findings, frames })
    }

    /// The steps that the last program took, in terms of its budget.
    pub const fn steps(&self) -> u32 {
        self.steps
    }
}

/// Verifies a program for a hook.
///
/// # Errors
/// As [`Verifier::verify`].
pub fn verify(program: Program, hook: &'static Hook, budget: &Budget) -> Result<Verified, Refusal> {
    Verifier::default().verify(program, hook, budget)
}

#[cfg(test)]
mod tests;
