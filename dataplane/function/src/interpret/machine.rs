//! The machine of the interpreter: its registers, and what each instruction does to them.

use super::memory::Segments;
use super::tag::Tag;
use super::{Fault, FaultKind, Stop};
use crate::arithmetic;
use crate::call::Call;
use crate::helper::{self, Failure};
use crate::instruction::{Atomic, Condition, Instruction, Operand, Operation, Register, Size, Width};
use crate::program::{DEPTH_MAX, FRAME_BYTES, Program, call_fuel, edge_fuel};
use crate::signature::ArgumentKind;
use crate::trap::Trap;
use crate::verified::{Finding, Frame, Verdict};

/// What is run: a program, and what the verifier found about it, if it did look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'r> {
    pub(super) program: &'r Program,
    pub(super) findings: &'r [Finding],
    pub(super) frames: &'r [Frame],
    /// Whether helpers may be called that write to the store.
    pub(super) writes: bool,
}

/// The machine.
#[derive(Debug)]
pub(super) struct Machine<'r, 'a, 's> {
    subject: Subject<'r>,
    memory: Segments<'r, 'a, 's>,
    values: [u64; REGISTERS],
    tags: [Tag; REGISTERS],
    /// The instruction that is executed.
    at: u32,
    fuel: u64,
    /// Where functions return to.
    returns: [Return; DEPTH_MAX],
    depth: usize,
}

/// What a function returns to: an instruction, registers 6 to 9 of the caller, and its frame.
#[derive(Clone, Copy, Debug)]
struct Return {
    at: u32,
    values: [u64; KEPT],
    tags: [Tag; KEPT],
}

/// A value and what it is.
type Value = (u64, Tag);

impl<'r, 'a, 's> Machine<'r, 'a, 's> {
    pub(super) const fn new(subject: Subject<'r>, memory: Segments<'r, 'a, 's>, fuel: u64) -> Self {
        const NOWHERE: Return = Return { at: 0, values: [0; KEPT], tags: [Tag::NOTHING; KEPT] };
        Self {
            subject,
            memory,
            values: [0; REGISTERS],
            tags: [Tag::NOTHING; REGISTERS],
            at: 0,
            fuel,
            returns: [NOWHERE; DEPTH_MAX],
            depth: 0,
        }
    }

    /// Sets a register.
    pub(super) const fn set(&mut self, register: usize, value: u64, tag: Tag) {
        self.values[register] = value;
        self.tags[register] = tag;
    }

    /// The fuel that is left.
    pub(super) const fn fuel(&self) -> u64 {
        self.fuel
    }

    /// Runs the program to its end.
    pub(super) fn run(&mut self, call: &mut Call<'s>) -> Result<u64, Stop> {
        self.enter(0)?;
        loop {
            if self.finding() == Finding::Unreachable {
                return Err(self.fault(FaultKind::Finding));
            }
            // The decoder promises that there is one.
            let instruction = self.subject.program.instructions[self.at as usize];
            match instruction {
                Instruction::Jump { target } => {
                    self.go(target)?;
                    continue;
                }
                Instruction::Branch { width, condition, left, right, target } => {
                    if self.holds(width, condition, left, right)? {
                        self.go(target)?;
                        continue;
                    }
                }
                Instruction::CallHelper { number } => self.call_helper(number, call)?,
                Instruction::CallFunction { function } => {
                    self.enter(function)?;
                    continue;
                }
                Instruction::Exit => {
                    if self.depth == 1 {
                        return self.result();
                    }
                    self.leave();
                }
                _ => self.execute(instruction)?,
            }
            self.at += 1;
        }
    }

    /// What neither branches nor calls.
    #[inline]
    fn execute(&mut self, instruction: Instruction) -> Result<(), Stop> {
        match instruction {
            Instruction::Constant { destination, value } => self.write(destination, (value, Tag::NUMBER)),
            Instruction::Data { destination, offset } => {
                self.write(destination, (Tag::DATA.base() + u64::from(offset), Tag::DATA));
            }
            Instruction::Variable { destination, offset } => {
                self.write(destination, (Tag::VARIABLES.base() + u64::from(offset), Tag::VARIABLES));
            }
            Instruction::Move { width, destination, source } => {
                let (value, tag) = self.operand(source)?;
                let tag = match width {
                    Width::Word if tag.is_pointer() => tag.half(),
                    _ => tag,
                };
                self.write(destination, (arithmetic::cut(width, value), tag));
            }
            Instruction::MoveSigned { width, destination, source, from } => {
                let (value, tag) = self.read(source)?;
                self.write(destination, (arithmetic::extend(width, from, value), tainted(value, tag)));
            }
            Instruction::Negate { width, destination } => {
                let (value, tag) = self.read(destination)?;
                self.write(destination, (arithmetic::negate(width, value), tainted(value, tag)));
            }
            Instruction::Order { destination, bytes, size } => {
                let (value, tag) = self.read(destination)?;
                self.write(destination, (arithmetic::order(bytes, size, value), tainted(value, tag)));
            }
            Instruction::Arithmetic { width, operation, destination, source } => {
                let (left, right) = (self.read(destination)?, self.operand(source)?);
                let value = arithmetic::apply(operation, width, left.0, right.0);
                let tag = if left.1 == Tag::NUMBER && right.1 == Tag::NUMBER {
                    Tag::NUMBER
                } else {
                    self.tag_of(operation, width, left, right)?
                };
                self.write(destination, (value, tag));
            }
            Instruction::Load { size, signed, destination, base, offset } => {
                let address = self.address(base, offset, size)?;
                let (value, tag) =
                    self.memory.load(address.0, address.1, size).map_err(|kind| self.miss(kind))?;
                let value = if signed { arithmetic::extend(Width::Double, size, value) } else { value };
                self.write(destination, (value, tag));
            }
            Instruction::Store { size, base, offset, source } => {
                let (value, tag) = self.operand(source)?;
                let address = self.address(base, offset, size)?;
                self.memory.store(address, size, value, tag).map_err(|kind| self.miss(kind))?;
            }
            Instruction::Atomic { operation, size, fetch, base, offset, source } => {
                self.atomic(operation, size, fetch, (base, offset), source)?;
            }
            Instruction::Jump { .. }
            | Instruction::Branch { .. }
            | Instruction::CallHelper { .. }
            | Instruction::CallFunction { .. }
            | Instruction::Exit => {}
        }
        Ok(())
    }

    /// What arithmetic makes of operands of which not both are numbers.
    fn tag_of(&self, operation: Operation, width: Width, left: Value, right: Value) -> Result<Tag, Stop> {
        let ((left_value, left), (right_value, right)) = (left, right);
        let is_swapped = self.finding() == Finding::PointerInSource;
        Ok(match (operation, width) {
            (Operation::Add, Width::Double) if left.is_pointer() && right == Tag::NUMBER => {
                if is_swapped {
                    return Err(self.fault(FaultKind::Finding));
                }
                left
            }
            (Operation::Add, Width::Double) if left == Tag::NUMBER && right.is_pointer() => {
                if !is_swapped && !self.subject.findings.is_empty() {
                    return Err(self.fault(FaultKind::Finding));
                }
                right
            }
            (Operation::Subtract, Width::Double) if left.is_pointer() && right == Tag::NUMBER => left,
            (Operation::Subtract, Width::Double) if left.is_pointer() && right == left => Tag::NUMBER,
            (Operation::Subtract, Width::Word) if left.is_alike(right) => Tag::NUMBER,
            _ => {
                let (left, right) = (tainted(left_value, left), tainted(right_value, right));
                if left == Tag::NUMBER { right } else { left }
            }
        })
    }

    fn atomic(
        &mut self,
        operation: Atomic,
        size: Size,
        fetch: bool,
        (base, offset): (Register, i16),
        source: Register,
    ) -> Result<(), Stop> {
        let operand = self.number(source)?;
        let expected = if operation == Atomic::CompareExchange { self.number(Register::RESULT)? } else { 0 };
        let address = self.address(base, offset, size)?;
        let (old, tag) = self.memory.load(address.0, address.1, size).map_err(|kind| self.miss(kind))?;
        if tag != Tag::NUMBER {
            return Err(self.fault(FaultKind::NoNumber));
        }
        let new = arithmetic::exchange(operation, size, old, operand, expected);
        self.memory.store(address, size, new, Tag::NUMBER).map_err(|kind| self.miss(kind))?;
        if fetch {
            let receiver = if operation == Atomic::CompareExchange { Register::RESULT } else { source };
            self.write(receiver, (old, Tag::NUMBER));
        }
        Ok(())
    }

    /// The address of an access. Where that is confined to a part of the stack frame it is checked that it lies there.
    #[inline]
    fn address(&self, base: Register, offset: i16, size: Size) -> Result<Value, Stop> {
        let (value, tag) = self.read(base)?;
        let address = value.wrapping_add_signed(offset.into());
        if let Finding::Access(Verdict::Stack { low, high }) = self.finding() {
            if !self.memory.is_own_frame(tag) {
                return Err(self.fault(FaultKind::Finding));
            }
            let end = tag.base() + u64::from(FRAME_BYTES);
            let room = i64::from(high) - i64::from(low);
            let start = address.wrapping_sub(end.wrapping_add_signed(low.into()));
            let fits = room.checked_sub(size.bytes().into()).is_some_and(|most| start.cast_signed() <= most);
            if !fits || start.cast_signed() < 0 {
                return Err(Stop::Trap(Trap::OutOfBounds { instruction: self.at }));
            }
        }
        Ok((address, tag))
    }

    /// Why an access did not succeed.
    #[cold]
    fn miss(&self, kind: FaultKind) -> Stop {
        if kind == FaultKind::OutOfBounds && self.finding() == Finding::Access(Verdict::Bounds) {
            return Stop::Trap(Trap::OutOfBounds { instruction: self.at });
        }
        self.fault(kind)
    }

    /// Whether a branch is taken.
    #[inline]
    fn holds(
        &self,
        width: Width,
        condition: Condition,
        left: Register,
        right: Operand,
    ) -> Result<bool, Stop> {
        let ((left, left_tag), (right, right_tag)) = (self.read(left)?, self.operand(right)?);
        if left_tag != Tag::NUMBER || right_tag != Tag::NUMBER {
            let kind = match (tainted(left, left_tag), tainted(right, right_tag)) {
                (Tag::NUMBER, Tag::NUMBER) => None,
                _ if width == Width::Word => Some(FaultKind::NoNumber),
                _ if left_tag == Tag::TAINTED || right_tag == Tag::TAINTED => Some(FaultKind::NoNumber),
                _ if left_tag == right_tag && condition != Condition::AnyBit => {
                    let is_order = !matches!(condition, Condition::Equal | Condition::NotEqual);
                    let is_far = is_order && !(left_tag.is_near(left) && left_tag.is_near(right));
                    is_far.then_some(FaultKind::Compared)
                }
                // Against 0.
                (Tag::NUMBER, tag) if left == 0 => (!tag.is_near(right)).then_some(FaultKind::Compared),
                (tag, Tag::NUMBER) if right == 0 => (!tag.is_near(left)).then_some(FaultKind::Compared),
                (Tag::NUMBER, _) | (_, Tag::NUMBER) => Some(FaultKind::NoNumber),
                _ => Some(FaultKind::Compared),
            };
            if let Some(kind) = kind {
                return Err(self.fault(kind));
            }
        }
        Ok(arithmetic::holds(condition, width, left, right))
    }

    /// Goes elsewhere.
    #[inline]
    fn go(&mut self, target: u32) -> Result<(), Stop> {
        self.burn(edge_fuel(self.at, target))?;
        self.at = target;
        Ok(())
    }

    fn burn(&mut self, fuel: u64) -> Result<(), Stop> {
        self.fuel = self.fuel.checked_sub(fuel).ok_or(Stop::Trap(Trap::Fuel))?;
        Ok(())
    }

    /// Calls a function of the program, or the program.
    fn enter(&mut self, function: u32) -> Result<(), Stop> {
        let callee = &self.subject.program.functions[function as usize];
        self.burn(call_fuel(callee))?;
        let mut back = Return { at: self.at, values: [0; KEPT], tags: [Tag::NOTHING; KEPT] };
        back.values.copy_from_slice(&self.values[6..FRAME_REGISTER]);
        back.tags.copy_from_slice(&self.tags[6..FRAME_REGISTER]);
        self.returns[self.depth] = back;
        self.depth += 1;
        self.tags[6..FRAME_REGISTER].fill(Tag::NOTHING);
        self.tags[0] = Tag::NOTHING;
        self.at = callee.start;
        let zeroed = self.subject.frames.get(function as usize).map_or((0, 0), |frame| frame.zeroed);
        let (end, tag) = self.memory.push_frame(zeroed);
        self.set(FRAME_REGISTER, end, tag);
        Ok(())
    }

    /// Returns from a function to its caller.
    fn leave(&mut self) {
        self.memory.pop_frame();
        self.depth -= 1;
        let back = &self.returns[self.depth];
        self.at = back.at;
        self.values[6..FRAME_REGISTER].copy_from_slice(&back.values);
        self.tags[6..FRAME_REGISTER].copy_from_slice(&back.tags);
        self.tags[1..6].fill(Tag::NOTHING);
        let (end, tag) = self.memory.last_frame();
        self.set(FRAME_REGISTER, end, tag);
    }

    /// What the program ends with.
    fn result(&self) -> Result<u64, Stop> {
        let (value, tag) = self.read(Register::RESULT)?;
        if tainted(value, tag) == Tag::NUMBER { Ok(value) } else { Err(self.fault(FaultKind::Leak)) }
    }

    fn call_helper(&mut self, number: u32, call: &mut Call<'s>) -> Result<(), Stop> {
        let signature =
            helper::signature(number).filter(|signature| self.subject.writes || !signature.writes);
        let signature = signature.ok_or_else(|| self.fault(FaultKind::Helper))?;
        let (mut values, mut tags) = ([0; 5], [Tag::NOTHING; 5]);
        for (index, argument) in signature.arguments.iter().enumerate() {
            let (value, tag) = self.read(Register::argument(u8::try_from(index).unwrap_or(u8::MAX)))?;
            let is_number = matches!(argument.kind, ArgumentKind::Number | ArgumentKind::Constant(_));
            if is_number && tainted(value, tag) != Tag::NUMBER {
                return Err(self.fault(FaultKind::Leak));
            }
            (values[index], tags[index]) = (value, tag);
        }
        self.memory.set_arguments(tags);
        let result =
            helper::call(number, values, &mut self.memory, call).map_err(|failure| self.failed(failure))?;
        self.tags[1..6].fill(Tag::NOTHING);
        self.write(Register::RESULT, (result, Tag::NUMBER));
        Ok(())
    }

    /// Why a helper did not succeed.
    #[cold]
    fn failed(&self, failure: Failure) -> Stop {
        match failure {
            Failure::Refused(refusal) => Stop::Trap(Trap::Helper { instruction: self.at, refusal }),
            Failure::Argument(argument) => {
                let kind = self.memory.refused();
                match self.finding() {
                    Finding::Call { guarded }
                        if guarded >> argument & 1 != 0 && kind == FaultKind::OutOfBounds =>
                    {
                        Stop::Trap(Trap::OutOfBounds { instruction: self.at })
                    }
                    _ => self.fault(kind),
                }
            }
        }
    }

    #[inline]
    fn finding(&self) -> Finding {
        self.subject.findings.get(self.at as usize).copied().unwrap_or(Finding::Nothing)
    }

    #[inline]
    fn operand(&self, operand: Operand) -> Result<Value, Stop> {
        match operand {
            Operand::Register(register) => self.read(register),
            Operand::Immediate(number) => Ok((arithmetic::immediate(number), Tag::NUMBER)),
        }
    }

    #[inline]
    fn read(&self, register: Register) -> Result<Value, Stop> {
        let index = register.index() % REGISTERS;
        if self.tags[index] == Tag::NOTHING {
            return Err(self.fault(FaultKind::Register));
        }
        Ok((self.values[index], self.tags[index]))
    }

    /// A register that has to be a number.
    fn number(&self, register: Register) -> Result<u64, Stop> {
        let (value, tag) = self.read(register)?;
        if tainted(value, tag) == Tag::NUMBER { Ok(value) } else { Err(self.fault(FaultKind::NoNumber)) }
    }

    #[inline]
    const fn write(&mut self, register: Register, (value, tag): Value) {
        self.set(register.index() % REGISTERS, value, tag);
    }

    #[cold]
    const fn fault(&self, kind: FaultKind) -> Stop {
        Stop::Fault(Fault { instruction: self.at, kind })
    }
}

/// What a value is that is used as a number: a null pointer is one.
#[inline]
fn tainted(value: u64, tag: Tag) -> Tag {
    if tag == Tag::NUMBER || tag == Tag::NULL && value == 0 { Tag::NUMBER } else { Tag::TAINTED }
}

/// Registers, and as many more as make an index need no check.
const REGISTERS: usize = 16;
const FRAME_REGISTER: usize = Register::FRAME.index();
/// Registers that functions keep, from 6 on.
const KEPT: usize = 4;
