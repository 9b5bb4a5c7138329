//! The walk over a program: each block is taken with what is known at its start, until nothing new is found. A function is walked anew for each
//! place that calls it, with what is known there.

use crate::hook::Hook;
use std::ops::RangeInclusive;

use crate::instruction::{Instruction, Operand, Register};
use crate::program::{DEPTH_MAX, Program};
use crate::verified::{Finding, Frame, Verdict};

use super::branch::{Comparison, opposite};
use super::budget::Budget;
use super::flow::{FRAME_POINTER, Flow, Registers};
use super::form::Form;
use super::join::Join;
use super::refusal::{Fault, Known, Reason};
use super::relate::Widening;
use super::report::Before;
use super::stack;
use super::state::State;
use super::value::{Absence, Place, Value};

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
    /// Of each instruction, whether its destination or its source was a pointer, for additions.
    pub(super) added: Vec<u8>,
    pool: Vec<State>,
    join: Join,
    joined: State,
    steps: Vec<i64>,
}

/// What is known at the start of a block.
#[derive(Debug, Default)]
struct Station {
    state: Option<State>,
    births: u32,
    /// Joins that came back from the end of the loop.
    turns: u32,
    waits: bool,
}

/// A call that was walked: what was known where it starts, and behind it.
#[derive(Debug)]
struct Walked {
    at: u32,
    before: State,
    after: Option<State>,
}

/// A function as it is called from one place.
#[derive(Debug, Default)]
struct Activation {
    /// Its first block.
    first: usize,
    stations: Vec<Station>,
    calls: Vec<Walked>,
    /// What is known behind it, with the frame of the caller.
    exit: Option<State>,
    births: u32,
}

impl<'p> Walk<'p> {
    pub(super) fn new(
        program: &'p Program,
        hook: &'static Hook,
        budget: Budget,
        scratch: &'p mut Scratch,
    ) -> Self {
        scratch.flow.find(program);
        scratch.added.clear();
        scratch.added.resize(program.instructions.len(), 0);
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
    fn function(&mut self, function: u32, entry: State) -> Result<Option<State>, Fault> {
        let index = function as usize;
        let (first, end) = (self.scratch.flow.functions[index], self.scratch.flow.functions[index + 1]);
        let mut activation = Activation { first, ..Activation::default() };
        activation.stations.resize_with(end - first, Station::default);
        let mut current = entry;
        self.arrive(&mut activation, first, &mut current, self.program.functions[index].start)?;
        while let Some(waiting) = activation.stations.iter().position(|station| station.waits) {
            let station = &mut activation.stations[waiting];
            station.waits = false;
            let Some(state) = &station.state else { continue };
            current.clone_from(state);
            let block = self.scratch.flow.sequence[first + waiting];
            self.blocks(&mut activation, block, &mut current)?;
        }
        self.scratch.pool.push(current);
        for station in activation.stations {
            self.scratch.pool.extend(station.state);
        }
        for call in activation.calls {
            self.scratch.pool.push(call.before);
            self.scratch.pool.extend(call.after);
        }
        Ok(activation.exit)
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
                let mut taken = self.scratch.pool.pop().unwrap_or_default();
                taken.clone_from(state);
                if taken.assume(width, condition, comparison) {
                    let block = self.scratch.flow.block_of(target);
                    self.arrive(activation, block, &mut taken, at)?;
                }
                self.scratch.pool.push(taken);
                Ok(match opposite(condition) {
                    Some(opposite) => state.assume(width, opposite, comparison),
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

    /// Comes to a block: what is known there is now what is known on all ways.
    fn arrive(
        &mut self,
        activation: &mut Activation,
        block: usize,
        state: &mut State,
        at: u32,
    ) -> Result<(), Fault> {
        let info = self.scratch.flow.blocks[block];
        let station = &mut activation.stations[info.order];
        state.forget();
        match &mut station.state {
            Some(held) if info.ways > 1 => {
                // Only what a loop itself changes is widened there, on its way back; what changes before it is not.
                let from = self.scratch.flow.blocks[self.scratch.flow.block_of(at)].order;
                let (births, turns) = (station.births, station.turns);
                let turned = from >= info.order;
                let widens = turned && turns >= TURNS_EXACT;
                if widens {
                    self.scratch.steps.clear();
                    if turns < TURNS_EXACT + TURNS_STEPS {
                        let blocks = activation.first + info.order..=activation.first + from;
                        loop_steps(self.program, &self.scratch.flow, blocks, &mut self.scratch.steps);
                    }
                }
                let Scratch { join, joined, steps, .. } = &mut *self.scratch;
                let widening = Widening { steps };
                let widen = widens.then_some(&widening);
                if join.join(held, state, info.live, self.hook.regions.len(), widen, births, joined) {
                    std::mem::swap(held, joined);
                    station.births += u32::from(join.bore);
                    station.turns += u32::from(turned);
                    station.waits = true;
                }
                let work = state.facts.take_work() + held.facts.take_work() + joined.facts.take_work();
                self.spend(JOIN_STEPS + work / SEARCHES, at)
            }
            held => {
                let mut kept = held.take().unwrap_or_else(|| self.scratch.pool.pop().unwrap_or_default());
                std::mem::swap(&mut kept, state);
                state.clone_from(&kept);
                kept.keep_registers(info.live | FRAME_POINTER);
                let bytes = kept.size_bytes();
                *held = Some(kept);
                station.waits = true;
                self.spend_bytes(bytes, at)
            }
        }
    }

    /// A call of a function of the program, which is walked with what is known here. False if it does not return.
    fn call_function(
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
        let known = activation.calls.iter().position(|call| call.at == at);
        if let Some(index) = known {
            let Scratch { join, joined, .. } = &mut *self.scratch;
            let before = &activation.calls[index].before;
            let grown = join.join(before, state, ARGUMENTS, inputs, None, u32::MAX, joined);
            self.spend(JOIN_STEPS, at)?;
            if !grown {
                return Ok(self.returned(activation, index, state));
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
            activation.calls.push(Walked { at, before, after });
            activation.calls.len() - 1
        };
        Ok(self.returned(activation, index, state))
    }

    /// Goes on behind a call.
    #[expect(clippy::unused_self, reason = "it belongs to the walk")]
    fn returned(&self, activation: &Activation, index: usize, state: &mut State) -> bool {
        match &activation.calls[index].after {
            Some(after) => {
                state.clone_from(after);
                true
            }
            None => false,
        }
    }

    /// The end of a function. The result of the program is a number.
    fn exit(&mut self, activation: &mut Activation, at: u32, state: &mut State) -> Result<(), Fault> {
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
                self.spend(JOIN_STEPS, at)
            }
            held => {
                let mut kept = self.scratch.pool.pop().unwrap_or_default();
                kept.clone_from(state);
                *held = Some(kept);
                Ok(())
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

    fn spend(&mut self, steps: u32, at: u32) -> Result<(), Fault> {
        self.steps += steps;
        if self.steps > self.budget.steps {
            return Err(Fault::new(at, Reason::Budget("the steps that it may take")));
        }
        Ok(())
    }

    fn spend_bytes(&mut self, bytes: usize, at: u32) -> Result<(), Fault> {
        self.state_bytes += bytes;
        if self.state_bytes > self.budget.state_bytes {
            return Err(Fault::new(at, Reason::Budget("the memory that it may use")));
        }
        Ok(())
    }
}

impl State {
    /// Enters a function.
    fn enter(&mut self, function: u32) {
        let saved = [self.registers[6], self.registers[7], self.registers[8], self.registers[9]];
        let mut frame = stack::Frame::default();
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
            if matches!(value, Value::Pointer(Place::Stack(depth), _) if *depth == gone) {
                *value = Value::Nothing(Absence::Returned);
            }
        }
        for frame in &mut self.frames {
            frame.slots.retain(|slot| !matches!(slot.1, Value::Nothing(_)));
        }
    }

    /// Forgets all registers but these.
    fn keep_registers(&mut self, registers: Registers) {
        for (index, value) in self.registers.iter_mut().enumerate() {
            if registers >> index & 1 == 0 {
                *value = Value::UNSET;
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

/// The numbers that a loop compares with, and their neighbours, ascending.
fn loop_steps(program: &Program, flow: &Flow, blocks: RangeInclusive<usize>, steps: &mut Vec<i64>) {
    for &block in &flow.sequence[blocks] {
        let last = flow.blocks[block].end - 1;
        if let Instruction::Branch { right: Operand::Immediate(number), .. } =
            program.instructions[last as usize]
        {
            let number = i64::from(number);
            steps.extend([number - 1, number, number + 1]);
        }
    }
    steps.sort_unstable();
    steps.dedup();
}

/// Registers 1 to 5.
const ARGUMENTS: Registers = 0b11_1110;
/// The result, and what a function keeps.
const KEPT: Registers = 0b11_1100_0001;
/// Turns of a loop before it is widened.
const TURNS_EXACT: u32 = 1;
/// Turns of a loop that are widened step by step.
const TURNS_STEPS: u32 = 4;
/// Steps of searches that are worth one.
const SEARCHES: u32 = 4;
/// What a join costs, in steps.
const JOIN_STEPS: u32 = 4;
