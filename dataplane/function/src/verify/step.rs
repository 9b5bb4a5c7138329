//! Instructions that go on behind themselves: what registers hold after them.

use crate::instruction::{Instruction, Operand, Operation, Register, Width};
use crate::verified::Finding;

use super::facts::{ANY, Interval};
use super::form::Form;
use super::memory::Access;
use super::refusal::{Fault, Reason};
use super::state::{Shifted, State};
use super::value::{Place, Value, WORD};
use super::walk::Walk;

impl Walk<'_> {
    /// Takes an instruction that is no jump, branch, call of a function or exit.
    pub(super) fn step(&mut self, state: &mut State, at: u32, instruction: Instruction) -> Result<(), Fault> {
        match instruction {
            Instruction::Constant { destination, value } => {
                state.set(destination, Value::constant(value.cast_signed()));
            }
            Instruction::Data { destination, offset } => {
                state.set(destination, self.own_memory(0, offset));
            }
            Instruction::Variable { destination, offset } => {
                state.set(destination, self.own_memory(1, offset));
            }
            Instruction::Move { width, destination, source } => {
                let value = match (width, self.operand(state, at, width, source)?) {
                    (Width::Word, Value::Number(form)) => Value::Number(state.word(form)),
                    (Width::Double, value) => value,
                    (Width::Word, Value::Pointer(place, form) | Value::Half(place, form)) => {
                        Value::Half(place, form)
                    }
                    (Width::Word, _) => {
                        return Err(self.refuse_source(state, at, Reason::PointerCut, source));
                    }
                };
                state.set(destination, value);
            }
            Instruction::MoveSigned { width, destination, source, from } => {
                let form = self.number(state, at, source, Reason::PointerCut)?;
                let value = Value::Number(state.facts.extend(width, from, form));
                state.set(destination, value);
            }
            Instruction::Negate { width, destination } => {
                let form = self.number(state, at, destination, Reason::PointerArithmetic)?;
                let value = Value::Number(state.facts.negate(width, form));
                state.set(destination, value);
            }
            Instruction::Order { destination, bytes, size } => {
                let form = self.number(state, at, destination, Reason::PointerArithmetic)?;
                let value = Value::Number(state.facts.order(bytes, size, form));
                state.set(destination, value);
            }
            Instruction::Arithmetic { width, operation, destination, source } => {
                let value = self.arithmetic(state, at, width, operation, destination, source)?;
                state.set(destination, value);
            }
            Instruction::Load { size, signed, destination, base, offset } => {
                self.load(state, Access { at, base, offset, size, writes: false }, signed, destination)?;
            }
            Instruction::Store { size, base, offset, source } => {
                self.store(state, Access { at, base, offset, size, writes: true }, source)?;
            }
            Instruction::Atomic { operation, size, fetch, base, offset, source } => {
                let access = Access { at, base, offset, size, writes: true };
                self.atomic(state, access, operation, source, fetch)?;
            }
            Instruction::CallHelper { number } => self.call_helper(state, at, number)?,
            Instruction::Jump { .. }
            | Instruction::Branch { .. }
            | Instruction::CallFunction { .. }
            | Instruction::Exit => unreachable!("the walk takes them"),
        }
        Ok(())
    }

    /// What an operand is.
    pub(super) fn operand(
        &self,
        state: &State,
        at: u32,
        width: Width,
        operand: Operand,
    ) -> Result<Value, Fault> {
        match (operand, width) {
            (Operand::Register(register), _) => self.value(state, at, register),
            (Operand::Immediate(number), Width::Double) => Ok(Value::constant(number.into())),
            (Operand::Immediate(number), Width::Word) => Ok(Value::constant(number.cast_unsigned().into())),
        }
    }

    /// The data or the variables of the program.
    fn own_memory(&self, which: usize, offset: u32) -> Value {
        let region = u16::try_from(self.hook.regions.len() + which).expect("hooks have few regions");
        Value::Pointer(Place::Memory(region), Form::constant(offset.into()))
    }

    fn number(&self, state: &State, at: u32, register: Register, reason: Reason) -> Result<Form, Fault> {
        match self.value(state, at, register)? {
            Value::Number(form) => Ok(form),
            _ => Err(self.refuse_register(state, at, reason, register)),
        }
    }

    fn refuse_source(&self, state: &State, at: u32, reason: Reason, source: Operand) -> Fault {
        match source {
            Operand::Register(register) => self.refuse_register(state, at, reason, register),
            Operand::Immediate(_) => Fault::new(at, reason),
        }
    }

    fn arithmetic(
        &mut self,
        state: &mut State,
        at: u32,
        width: Width,
        operation: Operation,
        destination: Register,
        source: Operand,
    ) -> Result<Value, Fault> {
        let left = self.value(state, at, destination)?;
        let right = self.operand(state, at, width, source)?;
        match (operation, left, right) {
            (_, Value::Number(left), Value::Number(right)) => {
                Ok(Value::Number(state.operate(operation, width, left, right)))
            }
            (
                Operation::Subtract,
                Value::Pointer(place, left) | Value::Half(place, left),
                Value::Pointer(other, right) | Value::Half(other, right),
            ) if place == other && width == Width::Word => {
                let distance = state.moved(left, right, -1);
                Ok(Value::Number(state.word(distance)))
            }
            _ if width == Width::Word => {
                let culprit = if left.is_pointer() { Operand::Register(destination) } else { source };
                Err(self.refuse_source(state, at, Reason::PointerCut, culprit))
            }
            (Operation::Add, Value::Pointer(place, form), Value::Number(by)) => {
                self.note_added(at, DESTINATION)?;
                Ok(Value::Pointer(place, state.moved(form, by, 1)))
            }
            (Operation::Add, Value::Number(by), Value::Pointer(place, form)) => {
                self.note_added(at, SOURCE)?;
                self.find(at, Finding::PointerInSource)?;
                Ok(Value::Pointer(place, state.moved(form, by, 1)))
            }
            (Operation::Subtract, Value::Pointer(place, form), Value::Number(by)) => {
                Ok(Value::Pointer(place, state.moved(form, by, -1)))
            }
            (Operation::Subtract, Value::Pointer(place, left), Value::Pointer(other, right))
                if place == other =>
            {
                Ok(Value::Number(state.moved(left, right, -1)))
            }
            _ => {
                let culprit = if left.is_pointer() { Operand::Register(destination) } else { source };
                let maybe = [left, right].iter().any(|value| matches!(value, Value::Maybe(..)));
                let reason = if maybe { Reason::MaybeNull } else { Reason::PointerArithmetic };
                Err(self.refuse_source(state, at, reason, culprit))
            }
        }
    }

    /// Engines have to know which operand of an addition is the pointer, so it is the same one each time.
    fn note_added(&mut self, at: u32, which: u8) -> Result<(), Fault> {
        let marks = &mut self.scratch.marks[at as usize];
        *marks |= which;
        if *marks & (DESTINATION | SOURCE) == DESTINATION | SOURCE {
            Err(Fault::new(at, Reason::PointerInEither))
        } else {
            Ok(())
        }
    }
}

impl State {
    /// A distance moved by a number, or by another distance; one of which nothing is known, if that may wrap.
    fn moved(&mut self, form: Form, by: Form, sign: i64) -> Form {
        if let Some(exact) = form.plus(by, sign).filter(|form| self.facts.fits(form, ANY)) {
            return exact;
        }
        let (a, b) = (self.facts.close_range(&form), self.facts.close_range(&by));
        let sum = if sign > 0 {
            a.low.checked_add(b.low).zip(a.high.checked_add(b.high))
        } else {
            a.low.checked_sub(b.high).zip(a.high.checked_sub(b.low))
        };
        self.facts.fresh(sum.map_or(ANY, |(low, high)| Interval::new(low, high)))
    }

    /// Arithmetic on numbers. Compilers cut numbers by shifting them to the left and back.
    fn operate(&mut self, operation: Operation, width: Width, left: Form, right: Form) -> Form {
        let by =
            right.as_constant().and_then(|by| u32::try_from(by & 63).ok()).filter(|_| width == Width::Double);
        let added = match (width, operation, right.as_constant()) {
            (Width::Word, Operation::Add, by) => by,
            (Width::Word, Operation::Subtract, Some(by)) => by.checked_neg(),
            _ => None,
        };
        if let Some(whole) = added.and_then(|by| self.added_to_cut(left, by)) {
            return whole;
        }
        match (operation, by) {
            (Operation::ShiftRight | Operation::ShiftRightSigned, Some(by)) => {
                if let Some(cut) = self.shifted_back(operation, left, by) {
                    return cut;
                }
            }
            (Operation::ShiftLeft, Some(by)) if by > 0 => {
                let result = self.facts.operate(operation, width, left, right);
                if let Some((symbol, 0)) = result.as_plain() {
                    self.shifted = Some(Shifted { result: symbol, from: left, by });
                }
                return result;
            }
            _ => {}
        }
        self.facts.operate(operation, width, left, right)
    }

    /// The lower 32 bits of a number.
    fn word(&mut self, form: Form) -> Form {
        let word = self.facts.word(form);
        if let (Some((symbol, 0)), true) = (word.as_plain(), word != form) {
            self.cut = Some(Shifted { result: symbol, from: form, by: 0 });
        }
        word
    }

    /// A number that was cut to 32 bits, with a constant added: modulo 2^32 it is the sum with the number that was not cut.
    fn added_to_cut(&self, form: Form, by: i64) -> Option<Form> {
        let cut = self.cut?;
        let (symbol, constant) = form.as_plain()?;
        if symbol != cut.result {
            return None;
        }
        // The immediate is a signed number.
        let by = ((by & WORD.high) << 32) >> 32;
        cut.from.offset(constant.checked_add(by)?).filter(|form| self.facts.fits(form, WORD))
    }

    /// A number that was shifted to the left and is shifted back: its lower bits, without or with their sign.
    fn shifted_back(&mut self, operation: Operation, form: Form, by: u32) -> Option<Form> {
        let shifted = self.shifted.filter(|shifted| shifted.by == by)?;
        if form.as_plain() != Some((shifted.result, 0)) {
            return None;
        }
        let from = shifted.from;
        let limits = if operation == Operation::ShiftRight {
            Interval::new(0, (u64::MAX >> by).cast_signed())
        } else {
            Interval::new(i64::MIN >> by, i64::MAX >> by)
        };
        if self.facts.fits(&from, limits) {
            return Some(from);
        }
        (operation == Operation::ShiftRight && by == 32).then(|| self.word(from))
    }
}

/// The destination is the pointer.
const DESTINATION: u8 = 1;
/// The source is.
const SOURCE: u8 = 2;
