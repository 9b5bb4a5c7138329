//! What the verifier knows before each instruction, as text: for those who want to see why an access is guarded.

use std::fmt::Write;

use crate::hook::Hook;
use crate::instruction::Register;
use crate::program::Program;
use crate::verified::Verified;

use super::budget::Budget;
use super::form::Sum;
use super::refusal::{Known, Refusal};
use super::state::State;
use super::value::{Place, Value};
use super::{Scratch, Walk};

/// What the verifier did with a program.
#[derive(Debug)]
pub struct Explanation {
    /// What was found in the end.
    pub result: Result<Verified, Box<Refusal>>,
    /// Of each instruction, what was known before it when it was last visited.
    pub before: Vec<Before>,
    /// The steps that it took, in terms of the budget.
    pub steps: u32,
}

/// What is known before an instruction.
#[derive(Clone, Default, Debug)]
pub struct Before {
    /// How often it was visited.
    pub visits: u32,
    /// The registers that hold something, and what.
    pub registers: Vec<(Register, String)>,
}

/// Verifies a program and tells what was known on the way.
pub fn explain(program: Program, hook: &'static Hook, budget: &Budget) -> Explanation {
    let mut scratch = Scratch::default();
    let mut before = vec![Before::default(); program.instructions.len()];
    if program.instructions.is_empty() || program.functions.is_empty() {
        let result = super::verify(program, hook, budget).map_err(Box::new);
        return Explanation { result, before, steps: 0 };
    }
    let mut walk = Walk::new(&program, hook, *budget, &mut scratch);
    walk.trace = Some(&mut before);
    let done = walk.program();
    let Walk { findings, frames, steps, .. } = walk;
    let result = match done {
        Ok(()) => Ok(Verified { program, hook, findings, frames }),
        Err(fault) => Err(Box::new(fault.in_program(&program))),
    };
    Explanation { result, before, steps }
}

impl Before {
    /// Notes a visit.
    pub(super) fn visit(&mut self, state: &State, hook: &Hook) {
        self.visits += 1;
        self.registers.clear();
        for index in 0..10 {
            let Some(register) = Register::new(index) else { continue };
            let value = state.register(register);
            if !matches!(value, Value::Nothing(_)) {
                self.registers.push((register, describe(state, hook, value)));
            }
        }
    }
}

/// What is known of a value.
fn describe(state: &State, hook: &Hook, value: Value) -> String {
    let mut text = Known::new(state, hook, value).to_string();
    if let Value::Pointer(Place::Memory(region), form) = value
        && let Some(sum) = Sum::difference(form, state.region(region).length)
    {
        let room = -state.facts.upper(&sum, i128::MIN);
        if room >= 0 {
            let _ = write!(text, ", with {room} bytes or more to the end");
        }
    }
    text
}
