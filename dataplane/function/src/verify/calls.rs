//! Calls of helpers: what their signatures ask of arguments, and what is left behind.

use crate::helper;
use crate::instruction::Register;
use crate::signature::{ArgumentKind, Extent, Signature, VIEW_BYTES};
use crate::verified::Finding;

use super::facts::Interval;
use super::form::{Form, Sum};
use super::memory::{FRAME, from_end, from_start, slot_of};
use super::refusal::{Fault, Reason};
use super::state::State;
use super::value::{Absence, Place, Value};
use super::walk::Walk;

/// How many bytes an argument points to.
#[derive(Clone, Copy, Debug)]
struct Length {
    /// As a form, if it is one.
    form: Option<Form>,
    /// From 0 to something, if it is bounded at all.
    range: Option<Interval>,
}

impl Walk<'_> {
    /// A call of a helper.
    pub(super) fn call_helper(&mut self, state: &mut State, at: u32, number: u32) -> Result<(), Fault> {
        let Some(signature) = helper::signature(number) else {
            return Err(Fault::new(at, Reason::Helper(number)));
        };
        if signature.writes && !self.hook.writes {
            return Err(Fault::new(at, Reason::HelperWrites(signature)));
        }
        self.check_numbers(state, at, signature)?;
        let mut guarded = 0;
        for (index, argument) in (0..).zip(signature.arguments) {
            if let ArgumentKind::Readable(extent) | ArgumentKind::Writable(extent) = argument.kind {
                let writes = matches!(argument.kind, ArgumentKind::Writable(_));
                if !self.check_memory(state, at, signature, index, extent, writes)? {
                    guarded |= 1 << index;
                }
            }
        }
        // What is written is written after all was read.
        for (index, argument) in (0..).zip(signature.arguments) {
            match argument.kind {
                ArgumentKind::Writable(extent) => self.write_stack(state, index, extent),
                ArgumentKind::Views(count) => self.write_views(state, at, signature, index, count)?,
                ArgumentKind::Number | ArgumentKind::Constant(_) | ArgumentKind::Readable(_) => {}
            }
        }
        self.find(at, Finding::Call { guarded })?;
        for index in 0..5 {
            state.set(Register::argument(index), Value::Nothing(Absence::Called));
        }
        let result = state.facts.fresh(Interval::new(signature.result_min, signature.result_max));
        state.set(Register::RESULT, Value::Number(result));
        Ok(())
    }

    fn check_numbers(&self, state: &State, at: u32, signature: &'static Signature) -> Result<(), Fault> {
        for (index, argument) in (0..).zip(signature.arguments) {
            let register = Register::argument(index);
            let value = self.value(state, at, register)?;
            let reason = match (argument.kind, value) {
                (ArgumentKind::Number, Value::Number(_)) => continue,
                (ArgumentKind::Number, _) => Reason::ArgumentNumber(signature, index),
                (ArgumentKind::Constant(most), Value::Number(form)) => {
                    match state.facts.range(&form).single() {
                        Some(number) if (1..=i64::from(most)).contains(&number) => continue,
                        _ => Reason::ArgumentConstant(signature, index, most),
                    }
                }
                (ArgumentKind::Constant(most), _) => Reason::ArgumentConstant(signature, index, most),
                _ => continue,
            };
            return Err(self.refuse_register(state, at, reason, register));
        }
        Ok(())
    }

    /// Checks memory that a helper is handed. False if it has to be guarded.
    fn check_memory(
        &mut self,
        state: &mut State,
        at: u32,
        signature: &'static Signature,
        index: u8,
        extent: Extent,
        writes: bool,
    ) -> Result<bool, Fault> {
        let register = Register::argument(index);
        let length = length(state, extent);
        match self.value(state, at, register)? {
            Value::Pointer(Place::Memory(region), form) => {
                if writes && !state.region(region).writable {
                    return Err(self.refuse_register(state, at, Reason::ReadOnly, register));
                }
                Ok(within(state, state.region(region).length, form, length))
            }
            Value::Pointer(Place::Stack(depth), form) => {
                let range = state.facts.close_range(&form);
                let end = length.range.and_then(|length| range.high.checked_add(length.high));
                let inside = range.low >= -FRAME && end.is_some_and(|end| end <= 0);
                let Some(end) = end.filter(|_| inside) else {
                    let reason = Reason::ArgumentStack(signature, index, range.low, end.unwrap_or(i64::MAX));
                    return Err(self.refuse_register(state, at, reason, register));
                };
                let exact =
                    range.single().is_some() && length.range.is_some_and(|range| range.single().is_some());
                self.check_stack(state, at, register, usize::from(depth), (range.low, end), writes, exact)?;
                Ok(true)
            }
            Value::Maybe(..) => Err(self.refuse_register(state, at, Reason::MaybeNull, register)),
            _ => Err(self.refuse_register(state, at, Reason::ArgumentPointer(signature, index), register)),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a range of bytes, and what it is for")]
    fn check_stack(
        &mut self,
        state: &State,
        at: u32,
        register: Register,
        frame: usize,
        range: (i64, i64),
        writes: bool,
        exact: bool,
    ) -> Result<(), Fault> {
        let (start, end) = (from_start(range.0), from_start(range.1));
        self.use_frame(state, frame, start);
        let held = &state.frames[frame];
        let fault = |reason: Reason| Err(self.refuse_register(state, at, reason, register));
        // Pointers may be overwritten where it is known which.
        let pointer = (start..end).find(|&at| held.pointers.any(at, at + 1)).filter(|_| !(writes && exact));
        if let Some(pointer) = pointer {
            return fault(Reason::StackPointer(from_end(pointer).into()));
        }
        if writes || held.initialised.all(start, end) {
            return Ok(());
        }
        if exact {
            let unset = (start..end).find(|&at| !held.initialised.all(at, at + 1));
            return fault(Reason::StackUnset(from_end(unset.unwrap_or(start)).into()));
        }
        self.need_zeroed(state, frame, start, end);
        Ok(())
    }

    /// Stack that a helper has written, after it was checked.
    fn write_stack(&self, state: &mut State, index: u8, extent: Extent) {
        let Value::Pointer(Place::Stack(depth), form) = state.register(Register::argument(index)) else {
            return;
        };
        let range = state.facts.close_range(&form);
        let Some(length) = length(state, extent).range else { return };
        let (start, end) = (from_start(range.low), from_start(range.high.saturating_add(length.high)));
        let frame = &mut state.frames[usize::from(depth)];
        if range.single().is_some() && length.single().is_some() {
            frame.write(start, end);
        } else {
            frame.write_within(start, end);
        }
    }

    fn write_views(
        &mut self,
        state: &mut State,
        at: u32,
        signature: &'static Signature,
        index: u8,
        count: Option<u8>,
    ) -> Result<(), Fault> {
        let register = Register::argument(index);
        let count = count.map_or(Some(1), |count| constant(state, count)).unwrap_or(0);
        let place = match self.value(state, at, register)? {
            Value::Pointer(Place::Stack(depth), form) => {
                state.facts.range(&form).single().map(|offset| (usize::from(depth), offset))
            }
            _ => None,
        };
        let Some((frame, offset)) = place.filter(|place| place.1 % 8 == 0) else {
            return Err(self.refuse_register(state, at, Reason::ArgumentViews(signature, index), register));
        };
        let end = offset.saturating_add(count * i64::from(VIEW_BYTES));
        if offset < -FRAME || end > 0 {
            let reason = Reason::ArgumentStack(signature, index, offset, end);
            return Err(self.refuse_register(state, at, reason, register));
        }
        self.use_frame(state, frame, from_start(offset));
        let slot = slot_of(from_start(offset));
        state.frames[frame].write_views(slot, u8::try_from(count).unwrap_or(0));
        Ok(())
    }
}

/// The number that an argument is, if it is known.
fn constant(state: &State, index: u8) -> Option<i64> {
    match state.register(Register::argument(index)) {
        Value::Number(form) => state.facts.range(&form).single(),
        _ => None,
    }
}

/// The bytes of an extent: a product of a constant and of arguments, which have been found to be numbers.
fn length(state: &mut State, extent: Extent) -> Length {
    let mut product = Some(Form::constant(extent.unit_bytes.into()));
    let mut range = Some(Interval::new(extent.unit_bytes.into(), extent.unit_bytes.into()));
    for &factor in extent.factors {
        let Value::Number(factor) = state.register(Register::argument(factor)) else {
            return Length { form: None, range: None };
        };
        let close = state.facts.close_range(&factor);
        range = range.filter(|_| close.low >= 0).and_then(|range| {
            Some(Interval::new(range.low.checked_mul(close.low)?, range.high.checked_mul(close.high)?))
        });
        product = product.and_then(|product| match (product.as_constant(), factor.as_constant()) {
            (Some(by), _) => factor.times(by),
            (_, Some(by)) => product.times(by),
            _ => range.map(|range| state.facts.fresh(range)),
        });
    }
    Length { form: product.filter(|_| range.is_some()), range }
}

/// Whether a helper stays in a region. If it has to be guarded, nothing follows from that behind the call: a helper that has its result already
/// need not look at all of its arguments.
fn within(state: &State, end: Form, form: Form, length: Length) -> bool {
    let Some(bytes) = length.form else { return false };
    let sum = Sum::difference(form, end).and_then(|mut sum| sum.add(&bytes, 1).map(|()| sum));
    sum.is_some_and(|sum| state.facts.at_least(&form, 0) && state.facts.at_most(&sum, 0))
}
