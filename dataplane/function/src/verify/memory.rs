//! Loads, stores and atomic operations: where they go, whether that is proven, and what they leave.

use crate::hook::FieldKind;
use crate::instruction::{Atomic, Operand, Register, Size};
use crate::verified::{Finding, Verdict};

use super::facts::{ANY, Interval};
use super::form::{Form, Sum};
use super::number::{signed_limits, unsigned_limits};
use super::refusal::{Fault, Reason};
use super::state::{Loaded, State};
use super::value::{Edge, Place, Value};
use super::walk::Walk;

/// An access of memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    /// The instruction.
    pub(super) at: u32,
    pub(super) base: Register,
    pub(super) offset: i16,
    pub(super) size: Size,
    pub(super) writes: bool,
}

/// Where an access goes.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// A region, and where in it, if that is known.
    Memory(u16, Option<Form>),
    /// A byte of the context.
    Context(i64),
    /// Bytes of a frame, from its start.
    Stack { frame: usize, start: usize },
    /// Some of these bytes of a frame.
    StackWithin { frame: usize, start: usize, end: usize },
    /// A pointer of one of several views in a frame.
    Views { frame: usize, edge: Edge, at: Form },
}

impl Access {
    const fn bytes(&self) -> i64 {
        self.size.bytes() as i64
    }
}

impl Walk<'_> {
    /// A load into a register.
    pub(super) fn load(
        &mut self,
        state: &mut State,
        access: Access,
        signed: bool,
        to: Register,
    ) -> Result<(), Fault> {
        let limits = if signed { signed_limits(access.size) } else { unsigned_limits(access.size) };
        let value = match self.target(state, access)? {
            Target::Memory(region, at) => {
                Value::Number(load_number(state, region, at, access.size, signed, limits))
            }
            Target::Context(offset) => self.load_field(state, access, offset, signed)?,
            Target::Views { frame, edge, at } => load_view(state, frame, edge, at),
            Target::Stack { frame, start } => self.load_slot(state, access, frame, start, limits)?,
            Target::StackWithin { frame, start, end } => {
                self.need_zeroed(state, frame, start, end);
                Value::Number(state.facts.fresh(limits))
            }
        };
        state.set(to, value);
        Ok(())
    }

    /// A store of a register or a number.
    pub(super) fn store(&mut self, state: &mut State, access: Access, source: Operand) -> Result<(), Fault> {
        let value = match source {
            Operand::Immediate(number) => Value::constant(i64::from(number)),
            Operand::Register(register) => self.value(state, access.at, register)?,
        };
        let target = self.target(state, access)?;
        if value.is_pointer() {
            let reason = match target {
                _ if matches!(value, Value::Half(..)) => Reason::PointerCut,
                Target::Stack { frame, start } if start % 8 == 0 && access.size == Size::Double => {
                    state.frames[frame].write_slot(slot_of(start), value);
                    return Ok(());
                }
                Target::Memory(..) | Target::Context(_) => Reason::PointerStored,
                _ => Reason::PointerStoredOddly,
            };
            let Operand::Register(register) = source else { unreachable!("numbers are no pointers") };
            return Err(self.refuse_register(state, access.at, reason, register));
        }
        match target {
            Target::Stack { frame, start } if start % 8 == 0 && access.size == Size::Double => {
                state.frames[frame].write_slot(slot_of(start), value);
            }
            _ => write_number(state, target, access),
        }
        Ok(())
    }

    /// An atomic operation, which is an ordinary one that reads and writes: nobody else sees the memory of a call.
    pub(super) fn atomic(
        &mut self,
        state: &mut State,
        access: Access,
        operation: Atomic,
        source: Register,
        fetch: bool,
    ) -> Result<(), Fault> {
        let compares = operation == Atomic::CompareExchange;
        let registers = [Some(source), compares.then_some(Register::RESULT)];
        for register in registers.into_iter().flatten() {
            if !matches!(self.value(state, access.at, register)?, Value::Number(_)) {
                return Err(self.refuse_register(state, access.at, Reason::PointerStored, register));
            }
        }
        let target = self.target(state, access)?;
        match target {
            Target::Memory(..) => {}
            Target::Stack { frame, start } => self.need_numbers(state, access, frame, start)?,
            Target::StackWithin { frame, start, end } => self.need_zeroed(state, frame, start, end),
            Target::Context(_) | Target::Views { .. } => unreachable!("they are not written to"),
        }
        write_number(state, target, access);
        if compares || fetch {
            let old = state.facts.fresh(unsigned_limits(access.size));
            state.set(if compares { Register::RESULT } else { source }, Value::Number(old));
        }
        Ok(())
    }

    /// Finds where an access goes, and whether that is proven; refuses what is wrong.
    fn target(&mut self, state: &mut State, access: Access) -> Result<Target, Fault> {
        let at = access.at;
        let (place, form) = match self.value(state, at, access.base)? {
            Value::Pointer(place, form) => (place, form),
            value => {
                let null = value.is_null() || matches!(value, Value::Maybe(..));
                let reason = if null { Reason::MaybeNull } else { Reason::NotPointer };
                return Err(self.refuse_register(state, at, reason, access.base));
            }
        };
        if place != Place::Stack(state.depth()) {
            self.scratch.marks[at as usize] |= ELSEWHERE;
            self.check_guard(at)?;
        }
        // A distance that may wrap is one of which nothing is known.
        let moved = form.offset(i64::from(access.offset)).filter(|moved| state.facts.fits(moved, ANY));
        match place {
            Place::Memory(region) => {
                if access.writes && !state.region(region).writable {
                    return Err(self.refuse_register(state, at, Reason::ReadOnly, access.base));
                }
                let verdict = match moved {
                    Some(moved) => memory_verdict(state, region, moved, access.bytes()),
                    None => Verdict::Bounds,
                };
                self.find(at, Finding::Access(verdict))?;
                Ok(Target::Memory(region, moved))
            }
            Place::Context => {
                if access.writes {
                    return Err(self.refuse_register(state, at, Reason::ReadOnly, access.base));
                }
                let Some(offset) = moved.and_then(|moved| state.facts.close_range(&moved).single()) else {
                    return Err(self.refuse_register(state, at, Reason::ContextIndex, access.base));
                };
                self.find(at, Finding::Access(Verdict::Proven))?;
                Ok(Target::Context(offset))
            }
            Place::Stack(depth) => {
                let Some(moved) = moved else {
                    return Err(self.refuse_register(state, at, Reason::StackIndex, access.base));
                };
                self.stack_target(state, access, usize::from(depth), moved)
            }
        }
    }

    /// A guard for a part of the own stack is none for other memory, nor for other parts: refuses an instruction that needs both.
    fn check_guard(&self, at: u32) -> Result<(), Fault> {
        let Finding::Access(Verdict::Stack { low, high }) = self.findings[at as usize] else { return Ok(()) };
        let proven = self.scratch.proven[at as usize];
        let outside = proven.0 < proven.1 && (proven.0 < low || proven.1 > high);
        if outside || self.scratch.marks[at as usize] & ELSEWHERE != 0 {
            return Err(Fault::new(at, Reason::StackOrElsewhere));
        }
        Ok(())
    }

    /// An access of bytes of a frame is proven.
    fn prove(&mut self, state: &State, at: u32, frame: usize, range: (usize, usize)) -> Result<(), Fault> {
        self.find(at, Finding::Access(Verdict::Proven))?;
        self.use_frame(state, frame, range.0);
        if frame + 1 == state.frames.len() {
            let proven = &mut self.scratch.proven[at as usize];
            *proven = (proven.0.min(from_end(range.0)), proven.1.max(from_end(range.1)));
        }
        self.check_guard(at)
    }

    fn stack_target(
        &mut self,
        state: &mut State,
        access: Access,
        frame: usize,
        form: Form,
    ) -> Result<Target, Fault> {
        let at = access.at;
        let range = state.facts.close_range(&form);
        let inside = range.low >= -FRAME && range.high <= -access.bytes();
        if let Some(offset) = range.single() {
            if !inside {
                let reason = Reason::StackOutside(offset, offset.saturating_add(access.bytes()));
                return Err(self.refuse_register(state, at, reason, access.base));
            }
            let start = from_start(offset);
            self.prove(state, at, frame, (start, start + access.size.bytes() as usize))?;
            return Ok(Target::Stack { frame, start });
        }
        if let Some(target) = self.views_target(state, access, frame, form, range)? {
            return Ok(target);
        }
        if inside {
            let (start, end) = (from_start(range.low), from_start(range.high + access.bytes()));
            if !state.frames[frame].pointers.any(start, end) {
                self.prove(state, at, frame, (start, end))?;
                return Ok(Target::StackWithin { frame, start, end });
            }
        }
        let own = frame + 1 == state.frames.len();
        let guarded = guarded_range(state, frame, form, range, access.bytes()).filter(|_| own);
        let Some((start, end)) = guarded else {
            return Err(self.refuse_register(state, at, Reason::StackIndex, access.base));
        };
        self.find(at, Finding::Access(Verdict::Stack { low: from_end(start), high: from_end(end) }))?;
        self.check_guard(at)?;
        self.use_frame(state, frame, start);
        // From here on the guard has passed.
        let least = Sum::from(form).negated();
        let passed = least.is_none_or(|least| state.facts.assume(&least, -i64::from(from_end(start))));
        // If it contradicts what is known the guard always trips, and what follows does not matter.
        let _ = passed && state.facts.assume(&Sum::from(form), i64::from(from_end(end)) - access.bytes());
        Ok(Target::StackWithin { frame, start, end })
    }

    /// A load of a pointer of one of several views, at an index that is not known.
    fn views_target(
        &mut self,
        state: &State,
        access: Access,
        frame: usize,
        form: Form,
        range: Interval,
    ) -> Result<Option<Target>, Fault> {
        let step = Sum::from(form).divisor();
        let aligned = form.constant % 8 == 0
            && form.constant.unsigned_abs() <= FRAME.unsigned_abs()
            && step % 8 == 0
            && step <= FRAME;
        if access.writes || access.size != Size::Double || !aligned || range.low >= 0 {
            return Ok(None);
        }
        let edge_at = |offset: i64| match state.frames[frame].slot(slot_of(from_start(offset))) {
            Some(Value::View(edge)) if (-FRAME..0).contains(&offset) => Some(edge),
            _ => None,
        };
        // All offsets that there are differ by multiples of the step.
        let low = form.constant + (range.low.max(-FRAME) - form.constant).div_euclid(step) * step;
        let low = if low < range.low { low + step } else { low };
        let bounded = range.low >= -FRAME;
        let first = if bounded { low } else { form.constant };
        let Some(edge) = edge_at(first) else { return Ok(None) };
        let mut end = first;
        while end <= range.high && edge_at(end) == Some(edge) {
            end += step;
        }
        let last = end - step;
        if bounded && end > range.high {
            self.prove(state, access.at, frame, (from_start(first), from_start(last + 8)))?;
        } else if frame + 1 == state.frames.len() {
            let (low, high) = (from_end(from_start(first)), from_end(from_start(last + 8)));
            self.find(access.at, Finding::Access(Verdict::Stack { low, high }))?;
            self.check_guard(access.at)?;
        } else {
            return Err(self.refuse_register(state, access.at, Reason::StackIndex, access.base));
        }
        self.use_frame(state, frame, from_start(first));
        Ok(Some(Target::Views { frame, edge, at: form }))
    }

    /// A field of the context: a number may be read in parts, a pointer may not.
    fn load_field(
        &self,
        state: &mut State,
        access: Access,
        offset: i64,
        signed: bool,
    ) -> Result<Value, Fault> {
        let end = offset.saturating_add(access.bytes());
        let field = self.hook.fields.iter().find(|field| {
            i64::from(field.offset) <= offset
                && end <= i64::from(field.offset) + i64::from(field.kind.bytes())
        });
        Ok(match field.map(|field| field.kind) {
            Some(FieldKind::Number(_)) => {
                let limits = if signed { signed_limits(access.size) } else { unsigned_limits(access.size) };
                Value::Number(state.facts.fresh(limits))
            }
            Some(FieldKind::Start(region)) if access.size == Size::Double => {
                Value::Pointer(Place::Memory(region.into()), Form::constant(0))
            }
            Some(FieldKind::End(region)) if access.size == Size::Double => {
                Value::Pointer(Place::Memory(region.into()), state.region(region.into()).length)
            }
            _ => {
                let reason = Reason::ContextField(offset, end);
                return Err(self.refuse_register(state, access.at, reason, access.base));
            }
        })
    }

    /// What a slot holds, or a number of any bytes that were written.
    fn load_slot(
        &mut self,
        state: &mut State,
        access: Access,
        frame: usize,
        start: usize,
        limits: Interval,
    ) -> Result<Value, Fault> {
        let whole = start.is_multiple_of(8) && access.size == Size::Double;
        if whole {
            match state.frames[frame].slot(slot_of(start)) {
                Some(Value::View(edge)) => {
                    return Ok(load_view(state, frame, edge, Form::constant(from_end(start).into())));
                }
                Some(value) => return Ok(value),
                None => {}
            }
        }
        self.need_numbers(state, access, frame, start)?;
        let value = Value::Number(state.facts.fresh(limits));
        if whole {
            state.frames[frame].write_slot(slot_of(start), value);
        }
        Ok(value)
    }

    /// Refuses bytes that may not have been written or may belong to a pointer. Those that were written at an index that was not known, or not, have
    /// to be zero from the start.
    fn need_numbers(
        &mut self,
        state: &State,
        access: Access,
        frame: usize,
        start: usize,
    ) -> Result<(), Fault> {
        let end = start + access.size.bytes() as usize;
        let held = &state.frames[frame];
        let pointers = held.pointers.any(start, end);
        if held.initialised.all(start, end) && !pointers {
            return Ok(());
        }
        if held.initialised.or(&held.touched).all(start, end) && !pointers {
            self.need_zeroed(state, frame, start, end);
            return Ok(());
        }
        let pointer = (start..end).find(|&at| held.pointers.any(at, at + 1));
        let unset = (start..end).find(|&at| !held.initialised.all(at, at + 1));
        let reason = match (pointer, unset) {
            (Some(at), _) => Reason::StackPointer(from_end(at).into()),
            (None, at) => Reason::StackUnset(from_end(at.unwrap_or(start)).into()),
        };
        Err(self.refuse_register(state, access.at, reason, access.base))
    }

    /// Bytes that are read at an index that is not known: those that may not have been written have to be zero from the start.
    pub(super) fn need_zeroed(&mut self, state: &State, frame: usize, start: usize, end: usize) {
        let held = &state.frames[frame];
        if held.initialised.all(start, end) {
            return;
        }
        let unset = |at: &usize| !held.initialised.all(*at, at + 1);
        let first = (start..end).find(unset).unwrap_or(start);
        let last = (start..end).rev().find(unset).unwrap_or(start);
        let (low, high) = (from_end(first), from_end(last + 1));
        let zeroed = &mut self.frames[held.function as usize].zeroed;
        *zeroed = if zeroed.0 == zeroed.1 { (low, high) } else { (zeroed.0.min(low), zeroed.1.max(high)) };
    }

    /// Bytes of a frame are used from here on.
    pub(super) fn use_frame(&mut self, state: &State, frame: usize, start: usize) {
        let low = &mut self.frames[state.frames[frame].function as usize].low;
        *low = (*low).min(from_end(start));
    }
}

/// Whether an access stays in a region. If it has to be guarded, it did from here on.
fn memory_verdict(state: &mut State, region: u16, form: Form, bytes: i64) -> Verdict {
    let length = state.region(region).length;
    let within = Sum::difference(form, length);
    let above = state.facts.at_least(&form, 0);
    if above && within.as_ref().is_some_and(|sum| state.facts.at_most(sum, -bytes)) {
        return Verdict::Proven;
    }
    if let Some(sum) = within {
        let passed = Sum::from(form).negated().is_none_or(|sum| state.facts.assume(&sum, 0));
        // If it contradicts what is known the guard always trips, and what follows does not matter.
        let _ = passed && state.facts.assume(&sum, -bytes);
    }
    Verdict::Bounds
}

/// Loads a number from a region; the same one as before, if the region does not change.
fn load_number(
    state: &mut State,
    region: u16,
    at: Option<Form>,
    size: Size,
    signed: bool,
    limits: Interval,
) -> Form {
    let (Some(at), false) = (at, state.region(region).changes()) else { return state.facts.fresh(limits) };
    let same = |held: &Loaded| (held.region, held.at, held.size, held.signed) == (region, at, size, signed);
    if let Some(held) = state.loaded.iter().find(|held| same(held)) {
        return held.number;
    }
    let number = state.facts.fresh(limits);
    if state.loaded.len() == LOADED_MAX {
        state.loaded.remove(0);
    }
    state.loaded.push(Loaded { region, at, size, signed, number });
    number
}

/// Loads an end of a view. Both ends are of one region if they are loaded from a pair of pointers: those at the same distance.
fn load_view(state: &mut State, frame: usize, edge: Edge, at: Form) -> Value {
    let Some(pair) = at.offset(if edge == Edge::End { -8 } else { 0 }) else { return Value::UNSET };
    let known = state.frames[frame].views.iter().find(|view| view.0 == pair).map(|view| view.1);
    let region = known.unwrap_or_else(|| {
        let region = state.new_view();
        state.frames[frame].views.push((pair, region));
        region
    });
    let form = if edge == Edge::Start { Form::constant(0) } else { state.region(region).length };
    Value::Pointer(Place::Memory(region), form)
}

/// A number that is not known is written.
fn write_number(state: &mut State, target: Target, access: Access) {
    match target {
        Target::Memory(..) => {}
        Target::Stack { frame, start } => {
            state.frames[frame].write(start, start + access.size.bytes() as usize);
        }
        Target::StackWithin { frame, start, end } => state.frames[frame].write_within(start, end),
        Target::Context(_) | Target::Views { .. } => unreachable!("they are not written to"),
    }
}

/// The bytes that an access at an index that is not known is held to: those around the start of the array that hold no pointer.
fn guarded_range(
    state: &State,
    frame: usize,
    form: Form,
    range: Interval,
    bytes: i64,
) -> Option<(usize, usize)> {
    let inside = |offset: i64| (-FRAME..0).contains(&offset);
    let bounded = inside(range.low);
    let anchor = if inside(form.constant) { form.constant } else { range.low };
    if !inside(anchor) || state.frames[frame].pointers.any(from_start(anchor), from_start(anchor) + 1) {
        return None;
    }
    let (first, last) = state.frames[frame].plain_around(from_start(anchor));
    // If nothing is known of the index, it is taken to be one from 0 on.
    let start = first.max(from_start(if bounded { range.low.min(anchor) } else { anchor }));
    let end = if range.high <= -bytes { last.min(from_start(range.high + bytes)) } else { last };
    (start + usize::try_from(bytes).ok()? <= end).then_some((start, end))
}

/// The slot that a byte is in.
pub(super) fn slot_of(start: usize) -> u8 {
    u8::try_from(start / 8).unwrap_or(u8::MAX)
}

/// An offset from register 10 as one from the start of the frame; those before it are its start.
pub(super) fn from_start(offset: i64) -> usize {
    usize::try_from(offset + FRAME).unwrap_or(0)
}

/// An offset from the start of the frame as one from register 10.
pub(super) fn from_end(start: usize) -> i16 {
    i16::try_from(start).unwrap_or(i16::MAX) - 512
}

/// The mark of an instruction that went to other memory than the own stack.
const ELSEWHERE: u8 = 4;
/// Most loads that are remembered.
const LOADED_MAX: usize = 8;
/// Bytes of a frame.
pub(super) const FRAME: i64 = crate::program::FRAME_BYTES as i64;
