//! What is known at the start of blocks: a state for each shape, that is for what kind of thing each register holds, up to a limit. Where ways meet
//! on which registers hold different things, as pointers to other memory, they are walked apart.

use std::ops::RangeInclusive;

use crate::instruction::{Instruction, Operand};
use crate::program::Program;

use super::flow::{FRAME_POINTER, Flow, Registers};
use super::functions::Walked;
use super::refusal::Fault;
use super::relate::Widening;
use super::state::State;
use super::value::{Place, Region, Value};
use super::walk::{Scratch, Walk};

/// A function as it is called from one place.
#[derive(Debug, Default)]
pub(super) struct Activation {
    /// Its first block.
    pub(super) first: usize,
    /// Of each block, in their order, what is known there.
    pub(super) stations: Vec<Station>,
    held: Vec<Held>,
    /// Which of the states the walk set out from.
    pub(super) origin: usize,
    pub(super) calls: Vec<Walked>,
    /// What is known behind it, with the frame of the caller.
    pub(super) exit: Option<State>,
    pub(super) births: u32,
}

/// The start of a block.
#[derive(Clone, Debug, Default)]
pub(super) struct Station {
    /// The states there.
    held: Vec<usize>,
    /// How many of them are to be walked on from.
    waiting: usize,
}

/// A state at the start of a block.
#[derive(Debug)]
struct Held {
    state: State,
    /// The state from which it was reached, where nothing else leads to the block.
    origin: usize,
    births: u32,
    /// Joins that came back from the end of the loop.
    turns: u32,
    waits: bool,
}

impl Activation {
    pub(super) fn new(first: usize, blocks: usize) -> Self {
        Self { first, stations: vec![Station::default(); blocks], ..Self::default() }
    }

    /// The first block, in their order, that is to be walked on from, and with which state.
    pub(super) fn next(&mut self, state: &mut State) -> Option<usize> {
        let order = self.stations.iter().position(|station| station.waiting > 0)?;
        let station = &mut self.stations[order];
        station.waiting -= 1;
        let held = station.held.iter().copied().find(|&held| self.held[held].waits)?;
        self.held[held].waits = false;
        self.origin = held;
        state.clone_from(&self.held[held].state);
        Some(order)
    }

    /// Gives back all states.
    pub(super) fn end(self, pool: &mut Vec<State>) -> Option<State> {
        pool.extend(self.held.into_iter().map(|held| held.state));
        for call in self.calls {
            pool.push(call.before);
            pool.extend(call.after);
        }
        self.exit
    }

    fn wait(&mut self, order: usize, held: usize) {
        if !self.held[held].waits {
            self.held[held].waits = true;
            self.stations[order].waiting += 1;
        }
    }
}

impl Walk<'_> {
    /// Comes to a block: what is known there is now what is known on all ways.
    pub(super) fn arrive(
        &mut self,
        activation: &mut Activation,
        block: usize,
        state: &mut State,
        at: u32,
    ) -> Result<(), Fault> {
        let info = self.scratch.flow.blocks[block];
        state.forget();
        state.keep_registers(info.live | FRAME_POINTER);
        let there = &activation.stations[info.order].held;
        if info.ways == 1 {
            // What comes from the same state as before is at least what came then.
            let origin = activation.origin;
            let again = there.iter().copied().find(|&held| activation.held[held].origin == origin);
            return match again {
                Some(held) => {
                    activation.held[held].state.clone_from(state);
                    activation.wait(info.order, held);
                    Ok(())
                }
                None => self.hold(activation, info.order, state, at),
            };
        }
        let alike = there.iter().copied().find(|&held| activation.held[held].state.is_like(state));
        match alike.or_else(|| there.last().copied().filter(|_| there.len() >= SHAPES_MAX)) {
            Some(held) => self.meet(activation, block, held, state, at),
            None => self.hold(activation, info.order, state, at),
        }
    }

    /// Keeps one more state at a block.
    fn hold(
        &mut self,
        activation: &mut Activation,
        order: usize,
        state: &State,
        at: u32,
    ) -> Result<(), Fault> {
        let mut kept = self.scratch.pool.pop().unwrap_or_default();
        kept.clone_from(state);
        self.spend_bytes(kept.size_bytes(), at)?;
        let origin = activation.origin;
        activation.held.push(Held { state: kept, origin, births: 0, turns: 0, waits: false });
        let held = activation.held.len() - 1;
        activation.stations[order].held.push(held);
        activation.wait(order, held);
        Ok(())
    }

    /// Joins a state into one that is held at a block.
    fn meet(
        &mut self,
        activation: &mut Activation,
        block: usize,
        index: usize,
        state: &State,
        at: u32,
    ) -> Result<(), Fault> {
        let info = self.scratch.flow.blocks[block];
        let held = &mut activation.held[index];
        // Only what a loop itself changes is widened there, on its way back; what changes before it is not.
        let from = self.scratch.flow.blocks[self.scratch.flow.block_of(at)].order;
        let turned = from >= info.order;
        let widens = turned && held.turns >= TURNS_EXACT;
        if widens {
            self.scratch.steps.clear();
            if held.turns < TURNS_EXACT + TURNS_STEPS {
                let blocks = activation.first + info.order..=activation.first + from;
                loop_steps(self.program, &self.scratch.flow, blocks, &mut self.scratch.steps);
            }
        }
        let Scratch { join, joined, steps, .. } = &mut *self.scratch;
        let widening = Widening { steps };
        let widen = widens.then_some(&widening);
        let inputs = self.hook.regions.len();
        let grown = join.join(&held.state, state, info.live, inputs, widen, held.births, joined);
        let work = join.take_work(state, &held.state, joined);
        if grown {
            std::mem::swap(&mut held.state, joined);
            held.births += u32::from(join.bore);
            held.turns += u32::from(turned);
            activation.wait(info.order, index);
        }
        self.spend(work, at)
    }
}

impl State {
    /// Forgets all registers but these.
    fn keep_registers(&mut self, registers: Registers) {
        for (index, value) in self.registers.iter_mut().enumerate() {
            if registers >> index & 1 == 0 {
                *value = Value::UNSET;
            }
        }
    }

    /// Whether registers and what callers keep are of the same kinds, so that little is lost if the two are joined.
    fn is_like(&self, other: &Self) -> bool {
        let kept = |state: &Self| state.frames.len();
        let alike = |(a, b): (&Value, &Value)| self.is_like_value(*a, other, *b);
        self.registers.iter().zip(&other.registers).all(alike)
            && kept(self) == kept(other)
            && self.frames.iter().zip(&other.frames).all(|(a, b)| a.saved.iter().zip(&b.saved).all(alike))
    }

    fn is_like_value(&self, own: Value, other: &Self, value: Value) -> bool {
        let kind = |region: Region| (region.kind, region.writable);
        match (own, value) {
            (Value::Nothing(_), Value::Nothing(_)) | (Value::Number(_), Value::Number(_)) => true,
            (Value::Pointer(Place::Memory(a), _), Value::Pointer(Place::Memory(b), _))
            | (Value::Half(Place::Memory(a), _), Value::Half(Place::Memory(b), _))
            | (Value::Maybe(a, _), Value::Maybe(b, _)) => kind(self.region(a)) == kind(other.region(b)),
            (Value::Pointer(a, _), Value::Pointer(b, _)) | (Value::Half(a, _), Value::Half(b, _)) => a == b,
            _ => false,
        }
    }
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

/// Most states of different shapes at a block.
const SHAPES_MAX: usize = 4;
/// Turns of a loop before it is widened.
const TURNS_EXACT: u32 = 1;
/// Turns of a loop that are widened step by step.
const TURNS_STEPS: u32 = 4;
