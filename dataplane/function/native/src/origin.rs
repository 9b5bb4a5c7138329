//! What is known at compile time of where registers point: to a known place of the entry, into its context and frames, or elsewhere. It
//! decides how the shadow of a loaded pointer is found, and which accesses need no guard even where all are guarded. A verdict of the
//! verifier is never questioned here.

use adit_function::instruction::{Atomic, Instruction, Operand, Operation, Register, Size, Width};
use adit_function::program::Function;
use adit_function::verified::Finding;

use crate::layout;
use crate::subject::Subject;

/// What a register holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Origin {
    /// Nothing yet: no path has come here.
    #[default]
    Unvisited,
    /// A number.
    Number,
    /// A pointer into memory that holds no pointers, or a number.
    Plain,
    /// A pointer to this distance from the start of the entry, within its context or frames.
    Exact(i32),
    /// A pointer into the context or a frame.
    Area,
    /// Any of these.
    Any,
}

/// The origins of all registers.
pub(crate) type Origins = [Origin; Register::COUNT];

/// The origins before each instruction of `function`, whose frame ends at `frame_end`; `entry` says whether the program starts with it.
pub(crate) fn origins(
    subject: &Subject<'_>,
    function: &Function,
    frame_end: i32,
    entry: bool,
) -> Vec<Origins> {
    let length = (function.end - function.start) as usize;
    let mut before = vec![Origins::default(); length];
    let first = &mut before[0];
    *first = [Origin::Number; Register::COUNT];
    for index in 0..5 {
        first[Register::argument(index).index()] = if entry { Origin::Number } else { Origin::Any };
    }
    if entry {
        first[Register::argument(0).index()] = Origin::Exact(layout::CONTEXT);
    }
    first[Register::FRAME.index()] = Origin::Exact(frame_end);
    let mut waiting = vec![0_usize];
    while let Some(index) = waiting.pop() {
        let number = function.start as usize + index;
        let mut after = before[index];
        step(&mut after, subject.program.instructions[number], subject.findings[number]);
        let mut flow = |target: usize| {
            if join(&mut before[target], &after) {
                waiting.push(target);
            }
        };
        match subject.program.instructions[number] {
            Instruction::Exit => {}
            Instruction::Jump { target } => flow((target - function.start) as usize),
            Instruction::Branch { target, .. } => {
                flow((target - function.start) as usize);
                flow(index + 1);
            }
            _ => flow(index + 1),
        }
    }
    before
}

/// What an instruction makes of the origins.
fn step(origins: &mut Origins, instruction: Instruction, finding: Finding) {
    match instruction {
        Instruction::Data { destination, .. } | Instruction::Variable { destination, .. } => {
            origins[destination.index()] = Origin::Plain;
        }
        Instruction::Constant { destination, .. }
        | Instruction::MoveSigned { destination, .. }
        | Instruction::Negate { destination, .. }
        | Instruction::Order { destination, .. } => origins[destination.index()] = Origin::Number,
        Instruction::Move { width, destination, source } => {
            origins[destination.index()] = match (width, source) {
                (Width::Double, Operand::Register(source)) => origins[source.index()],
                _ => Origin::Number,
            };
        }
        Instruction::Arithmetic { width, operation, destination, source } => {
            let pointer = match (finding, source) {
                (Finding::PointerInSource, Operand::Register(source)) => origins[source.index()],
                _ => origins[destination.index()],
            };
            origins[destination.index()] = match (width, operation, source) {
                (Width::Double, Operation::Add, Operand::Immediate(by)) => pointer.moved(i64::from(by)),
                (Width::Double, Operation::Subtract, Operand::Immediate(by)) => pointer.moved(-i64::from(by)),
                (Width::Double, Operation::Add | Operation::Subtract, Operand::Register(_)) => {
                    pointer.somewhere()
                }
                _ => Origin::Number,
            };
        }
        // What is loaded from context and frames may be a pointer to anything; memory elsewhere holds numbers.
        Instruction::Load { size, destination, base, .. } => {
            origins[destination.index()] = match (size, origins[base.index()]) {
                (Size::Double, Origin::Exact(place)) if layout::is_context(place) => Origin::Plain,
                (Size::Double, Origin::Exact(_) | Origin::Area | Origin::Any | Origin::Unvisited) => {
                    Origin::Any
                }
                _ => Origin::Number,
            };
        }
        Instruction::Atomic { fetch, source, operation, .. } => {
            if fetch {
                let receiver = match operation {
                    Atomic::CompareExchange => Register::RESULT,
                    _ => source,
                };
                origins[receiver.index()] = Origin::Number;
            }
        }
        Instruction::CallHelper { .. } => clobber(origins, Origin::Number),
        Instruction::CallFunction { .. } => clobber(origins, Origin::Any),
        Instruction::Store { .. }
        | Instruction::Jump { .. }
        | Instruction::Branch { .. }
        | Instruction::Exit => {}
    }
}

/// What a call leaves.
fn clobber(origins: &mut Origins, result: Origin) {
    origins[Register::RESULT.index()] = result;
    for index in 0..5 {
        origins[Register::argument(index).index()] = Origin::Number;
    }
}

/// Adds what comes over an edge; whether that was new.
fn join(into: &mut Origins, from: &Origins) -> bool {
    let mut new = false;
    for (into, from) in into.iter_mut().zip(from) {
        let joined = into.joined(*from);
        new |= joined != *into;
        *into = joined;
    }
    new
}

impl Origin {
    /// Whether this is a pointer into context or frames for certain.
    pub(crate) const fn in_area(self) -> bool {
        matches!(self, Self::Exact(_) | Self::Area)
    }

    fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unvisited, known) | (known, Self::Unvisited) => known,
            (left, right) if left == right => left,
            (Self::Number | Self::Plain, Self::Number | Self::Plain) => Self::Plain,
            (left, right) if left.in_area() && right.in_area() => Self::Area,
            _ => Self::Any,
        }
    }

    /// Behind an addition of a known number.
    fn moved(self, by: i64) -> Self {
        match self {
            Self::Exact(place) => match i32::try_from(i64::from(place) + by) {
                Ok(place) if (0..layout::POLL).contains(&place) => Self::Exact(place),
                _ => Self::Area,
            },
            other => other,
        }
    }

    /// Behind an addition of an unknown number.
    const fn somewhere(self) -> Self {
        match self {
            Self::Exact(_) => Self::Area,
            other => other,
        }
    }
}
