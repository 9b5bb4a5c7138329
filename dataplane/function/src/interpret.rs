//! The interpreter: slow, safe, and stricter than any verifier. Addresses in it are made up; each register and each word of a stack frame knows
//! which memory it points to, each byte of a frame whether it was written. What a verified program can never do is a [`Fault`] here: that is what
//! the fuzzer of the verifier looks for. The compiled code is held against its results.

mod frame;
mod machine;
mod memory;
mod tag;

use crate::call::Call;
use crate::hook::{FieldKind, Hook, Inputs, REGION_BYTES_MAX, RegionBytes};
use crate::instruction::Size;
use crate::program::{DEPTH_MAX, Program};
use crate::trap::Trap;
use crate::verified::{Finding, Frame as FrameFinding, Verified};

use frame::Frame;
use machine::{Machine, Subject};
use memory::{Segments, Storage};
use tag::Tag;

/// An interpreter: the memory that calls need, which is used again for each of them.
#[derive(Debug)]
pub struct Interpreter {
    frames: Box<[Frame; DEPTH_MAX]>,
    context: Box<Frame>,
    variables: Vec<u8>,
    scratch: Vec<u8>,
    fuel: u64,
}

/// What ended a call without a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// What may end any call.
    Trap(Trap),
    /// What a verified program never does.
    Fault(Fault),
}

/// What a verified program never does, and which instruction did it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The instruction.
    pub instruction: u32,
    /// What it did.
    pub kind: FaultKind,
}

/// What a verified program never does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// It reached for memory behind or in front of that which its pointer was made for, or that is gone, where the verifier put no guard.
    OutOfBounds,
    /// It wrote to memory that may only be read.
    ReadOnly,
    /// It read a register that was not written.
    Register,
    /// It read bytes of its stack, or of its context, that were not written.
    Uninitialised,
    /// It reached for memory by what is no pointer.
    NoPointer,
    /// It calculated with a pointer, or with what was calculated from one, where a number is needed.
    NoNumber,
    /// A pointer, or what was calculated from one, would have left it: as a result, in memory other than its stack, or to a helper.
    Leak,
    /// It compared pointers to different memory, or so far from theirs that the outcome tells its address.
    Compared,
    /// It called a helper that there is not, or one that its hook does not allow.
    Helper,
    /// What the verifier found is wrong: an instruction is reached after all, or adds its operands the other way round.
    Finding,
}

impl Interpreter {
    /// An interpreter.
    pub fn new() -> Self {
        let frames: Vec<Frame> = (0..DEPTH_MAX).map(|_| Frame::default()).collect();
        let frames: Box<[Frame]> = frames.into();
        Self {
            frames: frames.try_into().expect("as many as there may be"),
            context: Box::default(),
            variables: Vec::new(),
            scratch: Vec::new(),
            fuel: 0,
        }
    }

    /// Calls a program that was verified: its guards are checked where the verifier put some.
    ///
    /// # Errors
    /// [`Stop`], if there is no result. That the call is abandoned then is for the caller.
    ///
    /// # Panics
    /// If the inputs are not those of the hook.
    pub fn run(
        &mut self,
        verified: &Verified,
        inputs: Inputs<'_>,
        fuel: u64,
        call: &mut Call<'_>,
    ) -> Result<u64, Stop> {
        let subject = Subject {
            program: verified.program(),
            findings: verified.findings(),
            frames: verified.frames(),
            writes: verified.hook().writes,
        };
        self.run_with_hook(subject, verified.hook(), inputs, fuel, call)
    }

    /// Calls a program that was not verified: there are no guards.
    ///
    /// # Errors
    /// [`Stop`], if there is no result.
    ///
    /// # Panics
    /// If the inputs are not those of the hook.
    pub fn run_unverified(
        &mut self,
        program: &Program,
        hook: &'static Hook,
        inputs: Inputs<'_>,
        fuel: u64,
        call: &mut Call<'_>,
    ) -> Result<u64, Stop> {
        self.run_with_hook(Subject::unverified(program, hook.writes), hook, inputs, fuel, call)
    }

    /// Calls a program that no hook is for: register 1 points to memory, which it may write, register 2 is the length of it.
    ///
    /// # Errors
    /// [`Stop`], if there is no result.
    pub fn run_raw(
        &mut self,
        program: &Program,
        memory: &mut [u8],
        fuel: u64,
        call: &mut Call<'_>,
    ) -> Result<u64, Stop> {
        let bytes = memory.len() as u64;
        let mut regions = [RegionBytes::Write(memory)];
        let subject = Subject::unverified(program, true);
        let mut machine = self.machine(subject, 0, &mut regions, fuel);
        machine.set(1, Tag::region(0).base(), Tag::region(0));
        machine.set(2, bytes, Tag::NUMBER);
        let result = machine.run(call);
        self.fuel = machine.fuel();
        result
    }

    /// The fuel that the last call left.
    pub const fn fuel(&self) -> u64 {
        self.fuel
    }

    /// The variables as the last call left them.
    pub fn variables(&self) -> &[u8] {
        &self.variables
    }

    fn run_with_hook(
        &mut self,
        subject: Subject<'_>,
        hook: &'static Hook,
        inputs: Inputs<'_>,
        fuel: u64,
        call: &mut Call<'_>,
    ) -> Result<u64, Stop> {
        let is_short = |region: &RegionBytes<'_>| region.bytes().len() <= REGION_BYTES_MAX as usize;
        assert!(inputs.regions.iter().all(is_short), "the verifier relies on it");
        fill_context(&mut self.context, hook, &inputs);
        let mut machine = self.machine(subject, hook.context_bytes() as usize, inputs.regions, fuel);
        machine.set(1, Tag::CONTEXT.base(), Tag::CONTEXT);
        let result = machine.run(call);
        self.fuel = machine.fuel();
        result
    }

    fn machine<'r, 'a, 's>(
        &'r mut self,
        subject: Subject<'r>,
        context_bytes: usize,
        regions: &'r mut [RegionBytes<'a>],
        fuel: u64,
    ) -> Machine<'r, 'a, 's> {
        self.variables.clone_from(&subject.program.variables);
        let storage = Storage {
            frames: &mut self.frames,
            context: &self.context,
            context_bytes,
            data: &subject.program.data,
            variables: &mut self.variables,
            regions,
        };
        Machine::new(subject, Segments::new(storage, &mut self.scratch), fuel)
    }
}

impl Default for Interpreter {
    fn default() -> Self {
        Self::new()
    }
}

impl<'r> Subject<'r> {
    const fn unverified(program: &'r Program, writes: bool) -> Self {
        const FINDINGS: &[Finding] = &[];
        const FRAMES: &[FrameFinding] = &[];
        Self { program, findings: FINDINGS, frames: FRAMES, writes }
    }
}

/// Writes the context that register 1 points to. Between its fields there is nothing.
fn fill_context(context: &mut Frame, hook: &Hook, inputs: &Inputs<'_>) {
    assert!(inputs.regions.len() == hook.regions.len(), "a hook gives all of its regions");
    context.clear();
    let mut numbers = inputs.numbers.iter();
    for field in hook.fields {
        let offset = field.offset as usize;
        match field.kind {
            FieldKind::Number(size) => {
                let number = numbers.next().expect("a hook gives all of its numbers");
                context.store(offset, size, *number, Tag::NUMBER);
            }
            FieldKind::Start(region) => {
                let tag = Tag::region(region);
                context.store(offset, Size::Double, tag.base(), tag);
            }
            FieldKind::End(region) => {
                let tag = Tag::region(region);
                let end = tag.base() + inputs.regions[usize::from(region)].bytes().len() as u64;
                context.store(offset, Size::Double, end, tag);
            }
        }
    }
    assert!(numbers.next().is_none(), "a hook gives no numbers but its own");
}

#[cfg(test)]
mod tests;
