//! Why a program is refused, in words that its author can act on.

use std::fmt;

use crate::hook::Hook;
use crate::instruction::Register;
use crate::program::Program;
use crate::signature::Signature;

use super::facts::{ANY, Interval};
use super::state::State;
use super::value::{Absence, Place, RegionKind, Value};

/// A program is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The instruction.
    pub instruction: u32,
    /// Its slot, as tools of others count them.
    pub slot: u32,
    /// The function that it belongs to; empty if it has no name.
    pub function: Box<str>,
    /// The source file and the line in it, if the program tells.
    pub source: Option<Box<(String, u32)>>,
    /// The register that the reason is about.
    pub register: Option<Register>,
    /// What was known of it.
    pub known: Known,
    /// What is wrong.
    pub reason: Reason,
}

/// What was known of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Nothing, and why.
    Nothing(Absence),
    /// It is a number from one to another.
    Number(i64, i64),
    /// It is null, or points into something.
    Maybe(Pointed),
    /// It is the lower half of a pointer into something, from one distance to another.
    Half(Pointed, i64, i64),
    /// It points into something, from one distance to another.
    Pointer(Pointed, i64, i64),
}

/// What a register points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pointed {
    /// The context of the hook.
    Context,
    /// The stack of this function.
    Stack,
    /// The stack of a function that called this one.
    CallersStack,
    /// Memory of the hook, by its name.
    Input(&'static str),
    /// Other memory.
    Memory(RegionKind),
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The register holds nothing.
    Unset,
    /// It is used as a pointer, and is none.
    NotPointer,
    /// It is used as a pointer, and may be null.
    MaybeNull,
    /// A pointer would be the result of the program.
    PointerReturned,
    /// A pointer takes part in arithmetic that leaves no pointer.
    PointerArithmetic,
    /// A pointer takes part in an operation on 32 bits.
    PointerCut,
    /// A pointer is compared with something else than a pointer to the same memory, or 0.
    PointerCompared,
    /// A pointer that may lie far from its memory is ordered: the outcome would tell the address.
    PointerFar,
    /// A pointer is stored to memory that is not the stack.
    PointerStored,
    /// A pointer is stored to the stack in parts, or at an offset that is not known or not a multiple of 8.
    PointerStoredOddly,
    /// The memory is read-only.
    ReadOnly,
    /// These bytes of the context, from the first to one behind the last, are no field, or only part of a pointer.
    ContextField(i64, i64),
    /// The offset in the context is not known.
    ContextIndex,
    /// These bytes, as offsets from register 10, are not in the frame.
    StackOutside(i64, i64),
    /// The byte of the stack at this offset from register 10 may not have been written.
    StackUnset(i64),
    /// The byte of the stack at this offset from register 10 may belong to a pointer.
    StackPointer(i64),
    /// The offset in the stack of another function is not known well enough: that cannot be guarded.
    StackIndex,
    /// It goes to the stack at an offset that is not known on some ways that lead here, and elsewhere on others.
    StackOrElsewhere,
    /// There is no helper of this number.
    Helper(u32),
    /// The helper writes to the store, and this hook may not.
    HelperWrites(&'static Signature),
    /// This argument of the helper has to be a number.
    ArgumentNumber(&'static Signature, u8),
    /// This argument of the helper has to be a number that is known, from 1 to this.
    ArgumentConstant(&'static Signature, u8, u32),
    /// This argument of the helper has to point to memory, the stack or data.
    ArgumentPointer(&'static Signature, u8),
    /// This argument of the helper has to point to the stack, at a multiple of 8 that is known.
    ArgumentViews(&'static Signature, u8),
    /// The helper may touch more of the stack than the frame, or an unknown number of bytes of it: from the lowest offset to the highest.
    ArgumentStack(&'static Signature, u8, i64, i64),
    /// The source is a pointer on some ways that lead here, and the destination on others.
    PointerInEither,
    /// The verifier gave up: this limit of its budget.
    Budget(&'static str),
    /// There are no instructions.
    Empty,
}

/// What is wrong with an instruction, without the names that a program has for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    pub(super) instruction: u32,
    pub(super) register: Option<Register>,
    pub(super) known: Known,
    pub(super) reason: Reason,
}

impl Fault {
    /// About an instruction.
    pub(super) const fn new(instruction: u32, reason: Reason) -> Self {
        Self { instruction, register: None, known: Known::Nothing(Absence::Unset), reason }
    }

    /// About a register.
    pub(super) const fn of(mut self, register: Register, known: Known) -> Self {
        self.register = Some(register);
        self.known = known;
        self
    }

    /// With the names that the program has.
    pub(super) fn in_program(self, program: &Program) -> Refusal {
        let Self { instruction, register, known, reason } = self;
        let source = program.line(instruction).and_then(|line| {
            let file = program.files.get(line.file as usize)?;
            Some(Box::new((file.clone(), line.line)))
        });
        let function = program.functions.get(program.function_of(instruction) as usize);
        Refusal {
            instruction,
            slot: program.slots.get(instruction as usize).copied().unwrap_or(instruction),
            function: function.map_or("", |function| &function.name).into(),
            source,
            register,
            known,
            reason,
        }
    }
}

impl Known {
    /// What a state knows of a value.
    pub(super) fn new(state: &State, hook: &Hook, value: Value) -> Self {
        match value {
            Value::Nothing(absence) => Self::Nothing(absence),
            Value::View(_) => Self::Nothing(Absence::Mixed),
            Value::Number(form) => {
                let Interval { low, high } = state.facts.close_range(&form);
                Self::Number(low, high)
            }
            Value::Maybe(region, _) => Self::Maybe(Pointed::new(state, hook, Place::Memory(region))),
            Value::Half(place, form) => {
                let Interval { low, high } = state.facts.close_range(&form);
                Self::Half(Pointed::new(state, hook, place), low, high)
            }
            Value::Pointer(place, form) => {
                let Interval { low, high } = state.facts.close_range(&form);
                Self::Pointer(Pointed::new(state, hook, place), low, high)
            }
        }
    }
}

impl Pointed {
    fn new(state: &State, hook: &Hook, place: Place) -> Self {
        match place {
            Place::Context => Self::Context,
            Place::Stack(depth) if depth == state.depth() => Self::Stack,
            Place::Stack(_) => Self::CallersStack,
            Place::Memory(region) => match state.region(region).kind {
                RegionKind::Input(index) => Self::Input(hook.regions[usize::from(index)].name),
                kind => Self::Memory(kind),
            },
        }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instruction {} (slot {})", self.instruction, self.slot)?;
        if !self.function.is_empty() {
            write!(f, " of {}", self.function)?;
        }
        if let Some((file, line)) = self.source.as_deref() {
            write!(f, ", {file}:{line}")?;
        }
        write!(f, ": {}", self.reason)?;
        if let Some(register) = self.register {
            write!(f, "\nr{} {}", register.index(), self.known)?;
        }
        match self.reason.advice() {
            "" => Ok(()),
            advice => write!(f, "\n{advice}"),
        }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nothing(Absence::Unset) => f.write_str("was not written on every way that leads here"),
            Self::Nothing(Absence::Called) => f.write_str("was lost in a call: calls keep r6 to r9 only"),
            Self::Nothing(Absence::Mixed) => {
                f.write_str("is a pointer on some ways that lead here, and a number or a pointer to something else on others")
            }
            Self::Nothing(Absence::Returned) => f.write_str("pointed into the stack of a function that has returned"),
            Self::Number(low, high) => {
                f.write_str("is ")?;
                span(f, "the number", "a number", low, high)
            }
            Self::Maybe(pointed) => write!(f, "is null or a pointer to {pointed}"),
            Self::Half(pointed, low, high) => {
                write!(f, "is the lower half of a pointer to {pointed}, at ")?;
                span(f, "offset", "an offset", low, high)
            }
            Self::Pointer(pointed, low, high) => {
                write!(f, "is a pointer to {pointed}, at ")?;
                span(f, "offset", "an offset", low, high)
            }
        }
    }
}

/// Writes a range of numbers.
fn span(f: &mut fmt::Formatter<'_>, one: &str, many: &str, low: i64, high: i64) -> fmt::Result {
    match (low, high) {
        (low, high) if low == high => write!(f, "{one} {low}"),
        (low, high) if ANY == Interval::new(low, high) => write!(f, "{many} of which nothing is known"),
        (low, i64::MAX) => write!(f, "{many} from {low} on"),
        (i64::MIN, high) => write!(f, "{many} up to {high}"),
        (low, high) => write!(f, "{many} from {low} to {high}"),
    }
}

impl fmt::Display for Pointed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Context => f.write_str("the context"),
            Self::Stack => f.write_str("the stack"),
            Self::CallersStack => f.write_str("the stack of a caller"),
            Self::Input(name) => write!(f, "`{name}`"),
            Self::Memory(RegionKind::Data) => f.write_str("read-only data"),
            Self::Memory(RegionKind::Variables) => f.write_str("the variables of the program"),
            Self::Memory(RegionKind::View) => f.write_str("a view"),
            Self::Memory(_) => f.write_str("memory of different kinds"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let argument = |f: &mut fmt::Formatter<'_>, signature: &Signature, index: u8, what: &str| {
            let name = signature.arguments.get(usize::from(index)).map_or("?", |argument| argument.name);
            write!(f, "{}: `{name}` {what}", signature.name)
        };
        match *self {
            Self::Unset => f.write_str("a register is read that holds nothing"),
            Self::NotPointer => f.write_str("memory is accessed through what is no pointer"),
            Self::MaybeNull => f.write_str("a pointer is used that may be null"),
            Self::PointerReturned => f.write_str("the result would be a pointer"),
            Self::PointerArithmetic => f.write_str("this arithmetic is not for pointers"),
            Self::PointerCut => f.write_str("a pointer has 64 bits, this takes 32 of them"),
            Self::PointerCompared => {
                f.write_str("a pointer is compared with what is neither a pointer to the same memory nor 0")
            }
            Self::PointerFar => {
                f.write_str("it may point so far from its memory that what is compared tells where the memory lies")
            }
            Self::PointerStored => f.write_str("a pointer would be stored to memory that is not the stack"),
            Self::PointerStoredOddly => {
                f.write_str("a pointer is stored to the stack in parts, or at an offset that is not a known multiple of 8")
            }
            Self::ReadOnly => f.write_str("this memory is read-only"),
            Self::ContextField(start, end) => {
                write!(f, "bytes {start} to {} of the context are not a whole field that may be read so", end - 1)
            }
            Self::ContextIndex => f.write_str("the offset in the context is not known"),
            Self::StackOutside(start, end) => {
                write!(f, "bytes r10{start:+} to r10{:+} are not all in the frame, which is r10-512 to r10-1", end - 1)
            }
            Self::StackUnset(offset) => write!(f, "the byte of the stack at r10{offset:+} may not have been written"),
            Self::StackPointer(offset) => {
                write!(f, "the byte of the stack at r10{offset:+} may be part of a pointer")
            }
            Self::StackIndex => {
                f.write_str("the offset in the stack of a caller is not known to stay in what may be touched")
            }
            Self::StackOrElsewhere => {
                f.write_str("this goes to the stack at an index that is not known on some ways, and elsewhere on others")
            }
            Self::Helper(number) => write!(f, "there is no helper {number}"),
            Self::HelperWrites(signature) => {
                write!(f, "{} writes to the store, which functions at this hook may not", signature.name)
            }
            Self::ArgumentNumber(signature, index) => argument(f, signature, index, "has to be a number"),
            Self::ArgumentConstant(signature, index, most) => {
                argument(f, signature, index, "has to be a constant")?;
                write!(f, " from 1 to {most}")
            }
            Self::ArgumentPointer(signature, index) => {
                argument(f, signature, index, "has to point to memory that is not the context")
            }
            Self::ArgumentViews(signature, index) => {
                argument(f, signature, index, "has to point to the stack, at a known multiple of 8")
            }
            Self::ArgumentStack(signature, index, low, high) => {
                argument(f, signature, index, "may cover bytes")?;
                write!(f, " r10{low:+} to r10{:+}, not all of them in the frame", high.saturating_sub(1))
            }
            Self::PointerInEither => {
                f.write_str("one operand is the pointer on some ways that lead here, and the other one on others")
            }
            Self::Budget(limit) => write!(f, "the program is too intricate for the verifier: more than {limit}"),
            Self::Empty => f.write_str("the program has no instructions"),
        }
    }
}

impl Reason {
    /// What may be done about it; empty if there is nothing to say.
    const fn advice(&self) -> &'static str {
        match self {
            Self::Unset => "Give the variable a value on every way that leads here.",
            Self::NotPointer => {
                "Memory is reached from the fields of the context, from views, variables and the stack only."
            }
            Self::MaybeNull => "Compare the pointer with 0 before this.",
            Self::PointerReturned => "Return a number, for example what the pointer points to.",
            Self::PointerArithmetic => {
                "Pointers may be moved by numbers, and two into the same memory subtracted; nothing else."
            }
            Self::PointerCut => "Keep pointers in variables of pointer type.",
            Self::PointerCompared => "Compare a pointer with the end of its own memory.",
            Self::PointerFar => {
                "Compare the number before it is added, with the bytes that are left: `end - pointer`."
            }
            Self::PointerStored => "Store what it points to, or its distance from the start.",
            Self::PointerStoredOddly => "Keep pointers in aligned variables of their own.",
            Self::ReadOnly => "Copy what is to be changed to the stack or to a variable.",
            Self::ContextField(..) | Self::ContextIndex => "Read the fields of the context by their names.",
            Self::StackOutside(..) => {
                "A function has 512 bytes of stack; use a variable outside of functions for more."
            }
            Self::StackUnset(_) => "Initialise the variable, for example with `= {}`.",
            Self::StackPointer(_) => "Pointers on the stack are read whole, and never given away.",
            Self::StackIndex | Self::ArgumentStack(..) => {
                "Compare the index or the length with a constant before this."
            }
            Self::ArgumentConstant(..) => "Write the number itself here.",
            Self::PointerInEither | Self::StackOrElsewhere => "Write the two ways apart.",
            Self::Budget(_) => "Split the function, or unroll its loops less.",
            _ => "",
        }
    }
}
