//! Loads, stores and atomic operations, and their guards.
//!
//! Nobody else sees the memory of a call while it runs, so that atomic operations are a load and a store.

use adit_function::instruction::{Atomic, Operand, Register, Size};
use adit_function::verified::{Finding, Verdict};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};

use super::Translator;
use super::arithmetic::type_of;
use crate::compile::Checks;
use crate::origin::Origin;
use crate::{ending, layout};

/// An address and a distance from it that the processor adds.
#[derive(Clone, Copy)]
struct Address {
    base: Value,
    offset: i32,
}

impl Translator<'_> {
    pub(super) fn load(
        &mut self,
        size: Size,
        signed: bool,
        destination: Register,
        base: Register,
        offset: i16,
    ) {
        let address = self.guarded(base, offset, size);
        let shadow = match size {
            Size::Double => self.shadow_of_loaded(base, offset),
            _ => None,
        };
        let value = self.load_from(address, size, signed);
        self.define(destination, value);
        match shadow {
            Some(shadow) => self.define_shadow(destination, shadow),
            None => self.shadow_nothing(destination),
        }
    }

    pub(super) fn store(&mut self, size: Size, base: Register, offset: i16, source: Operand) {
        let address = self.guarded(base, offset, size);
        let value = self.operand(source);
        let value = self.narrow(type_of(size), value);
        self.builder.ins().store(self.program_memory, value, address.base, address.offset);
        if let (Size::Double, Operand::Register(source)) = (size, source) {
            self.shadow_stored(source, base, offset);
        }
    }

    pub(super) fn atomic(
        &mut self,
        operation: Atomic,
        size: Size,
        fetch: bool,
        base: Register,
        offset: i16,
        source: Register,
    ) {
        let address = self.guarded(base, offset, size);
        let kind = type_of(size);
        let memory = self.program_memory;
        let old = self.builder.ins().load(kind, memory, address.base, address.offset);
        let operand = self.value(source);
        let operand = self.narrow(kind, operand);
        let new = match operation {
            Atomic::Add => self.builder.ins().iadd(old, operand),
            Atomic::Or => self.builder.ins().bor(old, operand),
            Atomic::And => self.builder.ins().band(old, operand),
            Atomic::Xor => self.builder.ins().bxor(old, operand),
            Atomic::Exchange => operand,
            Atomic::CompareExchange => {
                let expected = self.value(Register::RESULT);
                let expected = self.narrow(kind, expected);
                let is_equal = self.builder.ins().icmp(IntCC::Equal, old, expected);
                self.builder.ins().select(is_equal, operand, old)
            }
        };
        self.builder.ins().store(memory, new, address.base, address.offset);
        let receiver = match operation {
            Atomic::CompareExchange => Register::RESULT,
            _ => source,
        };
        if fetch {
            let old = self.widen(old);
            self.define_number(receiver, old);
        }
    }

    /// Clears the part of the frame that has to be zero.
    pub(super) fn clear_frame(&mut self) {
        let (low, high) = self.subject.frames[self.number].zeroed;
        let zero = self.number_of(0);
        let byte = self.narrow(type_of(Size::Byte), zero);
        let mut place = i32::from(low);
        while place < i32::from(high) {
            let is_whole = place % 8 == 0 && place + 8 <= i32::from(high);
            let (value, bytes) = if is_whole { (zero, 8) } else { (byte, 1) };
            self.builder.ins().store(self.program_memory, value, self.entry, self.frame_end + place);
            place += bytes;
        }
    }

    fn load_from(&mut self, address: Address, size: Size, signed: bool) -> Value {
        let (memory, Address { base, offset }) = (self.program_memory, address);
        let ins = self.builder.ins();
        match (size, signed) {
            (Size::Byte, false) => ins.uload8(I64, memory, base, offset),
            (Size::Byte, true) => ins.sload8(I64, memory, base, offset),
            (Size::Half, false) => ins.uload16(I64, memory, base, offset),
            (Size::Half, true) => ins.sload16(I64, memory, base, offset),
            (Size::Word, false) => ins.uload32(memory, base, offset),
            (Size::Word, true) => ins.sload32(memory, base, offset),
            (Size::Double, _) => ins.load(I64, memory, base, offset),
        }
    }

    /// The address of an access, behind the guards that it needs.
    fn guarded(&mut self, base: Register, offset: i16, size: Size) -> Address {
        let pointer = self.value(base);
        let address = Address { base: pointer, offset: i32::from(offset) };
        let verdict = match self.finding() {
            Finding::Access(verdict) => verdict,
            // What the verifier has not looked at is never trusted.
            _ => Verdict::Bounds,
        };
        let checks_all = self.options.checks == Checks::All;
        if verdict == Verdict::Proven && !checks_all && !self.options.hardened {
            return address;
        }
        if let Origin::Exact(place) = self.origin(base)
            && self.is_inside(place + i32::from(offset), size)
        {
            return address;
        }
        let (kind, traps) = match verdict {
            Verdict::Proven => (ending::PROOF_BROKEN, checks_all),
            Verdict::Bounds | Verdict::Stack { .. } => (ending::OUT_OF_BOUNDS, true),
        };
        let address = self.builder.ins().iadd_imm_s(pointer, i64::from(offset));
        let bad = match verdict {
            Verdict::Stack { low, high } => self.outside_stack(address, size, low, high),
            Verdict::Proven | Verdict::Bounds => self.outside_shadow(address, size, base),
        };
        if traps {
            for bad in bad.into_iter().flatten() {
                self.end_if(bad, ending::at(kind, self.instruction));
            }
        }
        let base = if self.options.hardened { self.clamped(address, bad) } else { address };
        Address { base, offset: 0 }
    }

    /// Whether an access lies in the context or in the frame of this function.
    fn is_inside(&self, place: i32, size: Size) -> bool {
        let end = place + size.bytes().cast_signed();
        let context_end = layout::CONTEXT + self.subject.hook.context_bytes().cast_signed();
        let frame_start = self.frame_end + i32::from(self.subject.frames[self.number].low);
        (layout::CONTEXT <= place && end <= context_end) || (frame_start <= place && end <= self.frame_end)
    }

    /// Whether an access leaves a part of this function's frame.
    fn outside_stack(&mut self, address: Value, size: Size, low: i16, high: i16) -> [Option<Value>; 2] {
        let room = i64::from(high) - i64::from(low) - i64::from(size.bytes());
        if room < 0 {
            return [Some(self.number_of(1)), None];
        }
        let start = self.place(self.frame_end + i32::from(low));
        let distance = self.builder.ins().isub(address, start);
        [Some(self.compare(IntCC::UnsignedGreaterThan, distance, room)), None]
    }

    /// Whether an access leaves the memory that its pointer was made for. No end is so low that the subtraction wraps.
    fn outside_shadow(&mut self, address: Value, size: Size, base: Register) -> [Option<Value>; 2] {
        let [start, end] = self.shadow(base);
        let last = self.builder.ins().iadd_imm_s(end, -i64::from(size.bytes()));
        let before = self.builder.ins().icmp(IntCC::UnsignedLessThan, address, start);
        let behind = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, address, last);
        [Some(before), Some(behind)]
    }

    /// The address, or one that harms nobody if that is outside; chosen without a branch that could be mispredicted.
    fn clamped(&mut self, address: Value, bad: [Option<Value>; 2]) -> Value {
        let harmless = self.place(layout::SINK);
        bad.into_iter()
            .flatten()
            .fold(address, |address, bad| self.builder.ins().select_spectre_guard(bad, harmless, address))
    }

    /// How the program's memory is read that does not change during a call.
    pub(super) const fn constant_memory(&self) -> MemFlagsData {
        self.program_memory.with_readonly().with_can_move()
    }
}
