//! Calls of functions of the program, which are walked with what is known where they are called, and their ends.

use crate::instruction::Register;
use crate::program::DEPTH_MAX;

use super::flow::Registers;
use super::form::Form;
use super::refusal::{Fault, Reason};
use super::stack::Frame;
use super::state::State;
use super::station::Activation;
use super::value::{Absence, Place, Value};
use super::walk::{Scratch, Walk};

/// A call that was walked: what was known where it starts, and behind it.
#[derive(Debug)]
pub(super) struct Walked {
    at: u32,
    /// Which state of the caller the walk had set out from.
    origin: usize,
    pub(super) before: State,
    pub(super) after: Option<State>,
}

impl Walk<'_> {
    /// A call of a function of the program, which is walked with what is known here. False if it does not return.
    pub(super) fn call_function(
        &mut self,
        activation: &mut Activation,
        at: u32,
        function: u32,
        state: &mut State,
    ) -> Result<bool, Fault> {
        if state.frames.len() >= DEPTH_MAX {
            return Err(Fault::new(at, Reason::Budget("8 functions in the middle of each other")));
        }
        state.enter(function);
        let inputs = self.hook.regions.len();
        let known =
            activation.calls.iter().position(|call| (call.at, call.origin) == (at, activation.origin));
        if let Some(index) = known {
            let Scratch { join, joined, .. } = &mut *self.scratch;
            let before = &activation.calls[index].before;
            let grown = join.join(before, state, ARGUMENTS, inputs, None, u32::MAX, joined);
            let work = join.take_work(state, before, joined);
            self.spend(work, at)?;
            if !grown {
                return Ok(returned(activation, index, state));
            }
        }
        let mut entry = self.scratch.pool.pop().unwrap_or_default();
        entry.clone_from(state);
        let after = self.function(function, entry)?;
        let index = if let Some(index) = known {
            activation.calls[index].before.clone_from(state);
            self.scratch.pool.extend(std::mem::replace(&mut activation.calls[index].after, after));
            index
        } else {
            let mut before = self.scratch.pool.pop().unwrap_or_default();
            before.clone_from(state);
            self.spend_bytes(before.size_bytes(), at)?;
            activation.calls.push(Walked { at, origin: activation.origin, before, after });
            activation.calls.len() - 1
        };
        Ok(returned(activation, index, state))
    }

    /// The end of a function. The result of the program is a number.
    pub(super) fn exit(
        &mut self,
        activation: &mut Activation,
        at: u32,
        state: &mut State,
    ) -> Result<(), Fault> {
        if state.frames.len() == 1 {
            return match self.value(state, at, Register::RESULT)? {
                Value::Number(_) => Ok(()),
                _ => Err(self.refuse_register(state, at, Reason::PointerReturned, Register::RESULT)),
            };
        }
        state.leave();
        match &mut activation.exit {
            Some(held) => {
                let Scratch { join, joined, .. } = &mut *self.scratch;
                let inputs = self.hook.regions.len();
                if join.join(held, state, KEPT, inputs, None, activation.births, joined) {
                    std::mem::swap(held, joined);
                    activation.births += u32::from(join.bore);
                }
                let work = join.take_work(state, held, joined);
                self.spend(work, at)
            }
            held => {
                let mut kept = self.scratch.pool.pop().unwrap_or_default();
                kept.clone_from(state);
                *held = Some(kept);
                Ok(())
            }
        }
    }
}

/// Goes on behind a call. False if it does not return.
fn returned(activation: &Activation, index: usize, state: &mut State) -> bool {
    match &activation.calls[index].after {
        Some(after) => {
            state.clone_from(after);
            true
        }
        None => false,
    }
}

impl State {
    /// Enters a function.
    fn enter(&mut self, function: u32) {
        let saved = [self.registers[6], self.registers[7], self.registers[8], self.registers[9]];
        let mut frame = Frame::default();
        frame.enter(function, saved);
        self.frames.push(frame);
        for register in [0, 6, 7, 8, 9] {
            self.registers[register] = Value::UNSET;
        }
        self.registers[10] = Value::Pointer(Place::Stack(self.depth()), Form::constant(0));
        self.forget();
    }

    /// Leaves the current function. What pointed into its frame is gone.
    fn leave(&mut self) {
        let gone = self.depth();
        if let Some(frame) = self.frames.pop() {
            self.registers[6..10].copy_from_slice(&frame.saved);
        }
        self.forget();
        for register in 1..6 {
            self.registers[register] = Value::Nothing(Absence::Called);
        }
        self.registers[10] = Value::Pointer(Place::Stack(self.depth()), Form::constant(0));
        for value in self.values_mut() {
            if matches!(value, Value::Pointer(Place::Stack(depth), _) | Value::Half(Place::Stack(depth), _) if *depth == gone)
            {
                *value = Value::Nothing(Absence::Returned);
            }
        }
        for frame in &mut self.frames {
            frame.slots.retain(|slot| !matches!(slot.1, Value::Nothing(_)));
        }
    }
}

/// Registers 1 to 5.
const ARGUMENTS: Registers = 0b11_1110;
/// The result, and what a function keeps.
const KEPT: Registers = 0b11_1100_0001;
