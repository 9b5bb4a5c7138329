//! The walk over a program: each block is taken with what is known at its start, until nothing new is found. A function is walked anew for each
//! place that calls it, with what is known there.

use crate::hook::Hook;
use crate::instruction::{Condition, Instruction, Operand, Register};
use crate::program::Program;
use crate::verified::{Finding, Frame, Verdict};

use super::branch::{Comparison, opposite};
use super::budget::Budget;
use super::flow::Flow;
use super::join::Join;
use super::refusal::{Fault, Known, Reason};
use super::report::Before;
use super::state::State;
use super::station::Activation;
use super::value::{Place, Value};

/// What a walk finds and needs.
#[derive(Debug)]
pub(super) struct Walk<'p> {
    pub(super) program: &'p Program,
    pub(super) hook: &'static Hook,
    pub(super) findings: Vec<Finding>,
    pub(super) frames: Vec<Frame>,
    pub(super) scratch: &'p mut Scratch,
    pub(super) steps: u32,
    /// Where to tell what is known, of each instruction.
    pub(super) trace: Option<&'p mut Vec<Before>>,
    budget: Budget,
    state_bytes: usize,
}

/// Memory that is kept from one walk to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) flow: Flow,
    /// Of each instruction, whether its destination or its source was a pointer, for additions; whether it went to other memory than the own stack.
    pub(super) marks: Vec<u8>,
    /// Of each instruction, the bytes of the own stack that it went to where that was proven: from the lowest to one behind the highest.
    pub(super) proven: Vec<(i16, i16)>,
    pub(super) pool: Vec<State>,
    pub(super) join: Join,
    pub(super) joined: State,
    pub(super) steps: Vec<i64>,
}

impl<'p> Walk<'p> {
    pub(super) fn new(
        program: &'p Program,
        hook: &'static Hook,
        budget: Budget,
        scratch: &'p mut Scratch,
    ) -> Self {
        scratch.flow.find(program);
        scratch.proven.clear();
        scratch.proven.resize(program.instructions.len(), NOTHING_PROVEN);
        scratch.marks.clear();
        scratch.marks.resize(program.instructions.len(), 0);
        Self {
            program,
            hook,
            findings: vec![Finding::Unreachable; program.instructions.len()],
            frames: vec![Frame::default(); program.functions.len()],
            scratch,
            steps: 0,
            trace: None,
            budget,
            state_bytes: 0,
        }
    }

    /// Walks the program from its start.
    pub(super) fn program(&mut self) -> Result<(), Fault> {
        let mut start = self.scratch.pool.pop().unwrap_or_default();
        start.start(self.program, self.hook);
        self.function(0, start)?;
        Ok(())
    }

    /// Walks a function; what is known behind it, if it returns at all.
    pub(super) fn function(&mut self, function: u32, entry: State) -> Result<Option<State>, Fault> {
        let index = function as usize;
        let (first, end) = (self.scratch.flow.functions[index], self.scratch.flow.functions[index + 1]);
        let mut activation = Activation::new(first, end - first);
        let mut current = entry;
        self.arrive(&mut activation, first, &mut current, self.program.functions[index].start)?;
        while let Some(order) = activation.next(&mut current) {
            let block = self.scratch.flow.sequence[first + order];
            self.blocks(&mut activation, block, &mut current)?;
        }
        self.scratch.pool.push(current);
        Ok(activation.end(&mut self.scratch.pool))
    }

    /// Walks a block, and those behind it that nothing else leads to.
    fn blocks(&mut self, activation: &mut Activation, start: usize, state: &mut State) -> Result<(), Fault> {
        let mut block = start;
        loop {
            let Flow { blocks, .. } = &self.scratch.flow;
            let (start, end) = (blocks[block].start, blocks[block].end);
            for at in start..end {
                if !self.instruction(activation, at, state)? {
                    return Ok(());
                }
            }
            block += 1;
            if self.scratch.flow.blocks[block].ways > 1 {
                return self.arrive(activation, block, state, end - 1);
            }
        }
    }

    /// Takes an instruction. False if it does not go on behind it.
    fn instruction(
        &mut self,
        activation: &mut Activation,
        at: u32,
        state: &mut State,
    ) -> Result<bool, Fault> {
        self.spend(1 + state.facts.take_work() / SEARCHES, at)?;
        if state.is_large() {
            state.compact(self.hook.regions.len());
        }
        if let Some(trace) = &mut self.trace {
            trace[at as usize].visit(state, self.hook);
        }
        let finding = &mut self.findings[at as usize];
        if *finding == Finding::Unreachable {
            *finding = Finding::Nothing;
        }
        match self.program.instructions[at as usize] {
            Instruction::Jump { target } => {
                let block = self.scratch.flow.block_of(target);
                self.arrive(activation, block, state, at)?;
                Ok(false)
            }
            Instruction::Branch { width, condition, left, right, target } => {
                let (a, b) = (self.value(state, at, left)?, self.operand(state, at, width, right)?);
                let comparison = Comparison::new(width, condition, a, b)
                    .map_err(|reason| self.refuse_register(state, at, reason, left))?;
                if state.tells_address(condition, comparison) {
                    return Err(self.refuse_register(state, at, Reason::PointerFar, left));
                }
                let mut taken = self.scratch.pool.pop().unwrap_or_default();
                taken.clone_from(state);
                taken.tell_null(condition, comparison, left, right);
                if taken.assume(width, condition, comparison) {
                    let block = self.scratch.flow.block_of(target);
                    self.arrive(activation, block, &mut taken, at)?;
                }
                self.scratch.pool.push(taken);
                Ok(match opposite(condition) {
                    Some(opposite) => {
                        state.tell_null(opposite, comparison, left, right);
                        state.assume(width, opposite, comparison)
                    }
                    None => true,
                })
            }
            Instruction::CallFunction { function } => self.call_function(activation, at, function, state),
            Instruction::Exit => {
                self.exit(activation, at, state)?;
                Ok(false)
            }
            instruction => {
                self.step(state, at, instruction)?;
                Ok(true)
            }
        }
    }

    /// What a register holds, which is something.
    pub(super) fn value(&self, state: &State, at: u32, register: Register) -> Result<Value, Fault> {
        match state.register(register) {
            Value::Nothing(_) => Err(self.refuse_register(state, at, Reason::Unset, register)),
            value => Ok(value),
        }
    }

    /// Notes what was found about an instruction, in addition to what was found on other ways.
    pub(super) fn find(&mut self, at: u32, finding: Finding) -> Result<(), Fault> {
        let held = &mut self.findings[at as usize];
        *held = match (*held, finding) {
            (Finding::Nothing | Finding::Unreachable, finding) => finding,
            (Finding::Access(one), Finding::Access(other)) => match together(one, other) {
                Some(verdict) => Finding::Access(verdict),
                None => return Err(Fault::new(at, Reason::StackIndex)),
            },
            (Finding::Call { guarded: one }, Finding::Call { guarded: other }) => {
                Finding::Call { guarded: one | other }
            }
            (_, finding) => finding,
        };
        Ok(())
    }

    pub(super) fn refuse_register(
        &self,
        state: &State,
        at: u32,
        reason: Reason,
        register: Register,
    ) -> Fault {
        let known = Known::new(state, self.hook, state.register(register));
        Fault::new(at, reason).of(register, known)
    }

    pub(super) fn spend(&mut self, steps: u32, at: u32) -> Result<(), Fault> {
        self.steps += steps;
        if self.steps > self.budget.steps {
            return Err(Fault::new(at, Reason::Budget("the steps that it may take")));
        }
        Ok(())
    }

    pub(super) fn spend_bytes(&mut self, bytes: usize, at: u32) -> Result<(), Fault> {
        self.state_bytes += bytes;
        if self.state_bytes > self.budget.state_bytes {
            return Err(Fault::new(at, Reason::Budget("the memory that it may use")));
        }
        Ok(())
    }
}

impl State {
    /// What is not 0 is a pointer, if it was one or 0.
    fn tell_null(&mut self, condition: Condition, comparison: Comparison, left: Register, right: Operand) {
        if !matches!(comparison, Comparison::WithNull(_)) || condition != Condition::NotEqual {
            return;
        }
        let right = if let Operand::Register(right) = right { Some(right) } else { None };
        for register in [Some(left), right].into_iter().flatten() {
            if let Value::Maybe(region, form) = self.register(register) {
                self.set(register, Value::Pointer(Place::Memory(region), form));
            }
        }
    }
}

/// Two verdicts about the same access: the stricter one, or what is common to both.
fn together(one: Verdict, other: Verdict) -> Option<Verdict> {
    Some(match (one, other) {
        (Verdict::Proven, verdict) | (verdict, Verdict::Proven) => verdict,
        (Verdict::Bounds, Verdict::Bounds) => Verdict::Bounds,
        (Verdict::Stack { low, high }, Verdict::Stack { low: other_low, high: other_high }) => {
            let (low, high) = (low.max(other_low), high.min(other_high));
            if low >= high {
                return None;
            }
            Verdict::Stack { low, high }
        }
        (Verdict::Stack { .. }, Verdict::Bounds) | (Verdict::Bounds, Verdict::Stack { .. }) => return None,
    })
}

/// Steps of searches that are worth one.
pub(super) const SEARCHES: u32 = 2;
/// No bytes of a frame: all are higher, and all lower.
const NOTHING_PROVEN: (i16, i16) = (0, -512);
