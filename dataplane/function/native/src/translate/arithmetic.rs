//! Arithmetic, moves and byte orders. RFC 9669, section 4, says what they do.

use adit_function::instruction::{Bytes, Operand, Operation, Register, Size, Width};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Type, Value};

use super::Translator;

impl Translator<'_> {
    /// A register becomes another one or a number.
    pub(super) fn copy(&mut self, width: Width, destination: Register, source: Operand) {
        let value = self.operand(source);
        match (width, source) {
            (Width::Double, Operand::Register(source)) => {
                self.define(destination, value);
                self.shadow_copy(destination, source);
            }
            (Width::Double, Operand::Immediate(_)) => self.define_number(destination, value),
            (Width::Word, _) => {
                let value = self.narrow(I32, value);
                self.define_widened(destination, value);
            }
        }
    }

    pub(super) fn extend_sign(&mut self, width: Width, destination: Register, source: Register, from: Size) {
        let value = self.value(source);
        let value = self.narrow(type_of(from), value);
        let to = of_width(width);
        let value = if from.bytes() < to.bytes() { self.builder.ins().sextend(to, value) } else { value };
        self.define_widened(destination, value);
    }

    pub(super) fn negate(&mut self, width: Width, destination: Register) {
        let value = self.value(destination);
        let value = self.narrow(of_width(width), value);
        let value = self.builder.ins().ineg(value);
        self.define_widened(destination, value);
    }

    pub(super) fn order(&mut self, destination: Register, bytes: Bytes, size: Size) {
        let value = self.value(destination);
        let value = self.narrow(type_of(size), value);
        let value = match bytes {
            Bytes::Little => value,
            Bytes::Big | Bytes::Swap => self.builder.ins().bswap(value),
        };
        self.define_widened(destination, value);
    }

    pub(super) fn compute(
        &mut self,
        width: Width,
        operation: Operation,
        destination: Register,
        source: Operand,
    ) {
        self.shadow_arithmetic(width, operation, destination, source);
        let kind = of_width(width);
        let left = self.value(destination);
        let left = self.narrow(kind, left);
        let right = self.operand(source);
        let right = self.narrow(kind, right);
        let mask = i64::from(kind.bits()) - 1;
        let ins = self.builder.ins();
        let value = match operation {
            Operation::Add => ins.iadd(left, right),
            Operation::Subtract => ins.isub(left, right),
            Operation::Multiply => ins.imul(left, right),
            Operation::Or => ins.bor(left, right),
            Operation::And => ins.band(left, right),
            Operation::Xor => ins.bxor(left, right),
            Operation::ShiftLeft | Operation::ShiftRight | Operation::ShiftRightSigned => {
                let by = ins.band_imm_s(right, mask);
                match operation {
                    Operation::ShiftLeft => self.builder.ins().ishl(left, by),
                    Operation::ShiftRight => self.builder.ins().ushr(left, by),
                    _ => self.builder.ins().sshr(left, by),
                }
            }
            Operation::Divide | Operation::Modulo => self.divide(operation, kind, left, right, source),
            Operation::SignedDivide | Operation::SignedModulo => {
                self.divide_signed(operation, kind, left, right, source)
            }
        };
        let value = self.widen(value);
        self.define(destination, value);
    }

    fn divide(
        &mut self,
        operation: Operation,
        kind: Type,
        left: Value,
        right: Value,
        source: Operand,
    ) -> Value {
        let divide = operation == Operation::Divide;
        if is_known_but_for(source, &[0]) {
            let ins = self.builder.ins();
            return if divide { ins.udiv(left, right) } else { ins.urem(left, right) };
        }
        let is_zero = self.compare(IntCC::Equal, right, 0);
        let one = self.builder.ins().iconst(kind, 1);
        let right = self.builder.ins().select(is_zero, one, right);
        if divide {
            let quotient = self.builder.ins().udiv(left, right);
            let zero = self.builder.ins().iconst(kind, 0);
            self.builder.ins().select(is_zero, zero, quotient)
        } else {
            let rest = self.builder.ins().urem(left, right);
            self.builder.ins().select(is_zero, left, rest)
        }
    }

    /// The least number by -1 would trap in the processor, so that -1 is not divided by.
    fn divide_signed(
        &mut self,
        operation: Operation,
        kind: Type,
        left: Value,
        right: Value,
        source: Operand,
    ) -> Value {
        let divide = operation == Operation::SignedDivide;
        if is_known_but_for(source, &[0, -1]) {
            let ins = self.builder.ins();
            return if divide { ins.sdiv(left, right) } else { ins.srem(left, right) };
        }
        let is_zero = self.compare(IntCC::Equal, right, 0);
        let is_minus_one = self.compare(IntCC::Equal, right, -1);
        let is_either = self.builder.ins().bor(is_zero, is_minus_one);
        let one = self.builder.ins().iconst(kind, 1);
        let zero = self.builder.ins().iconst(kind, 0);
        let right = self.builder.ins().select(is_either, one, right);
        if divide {
            let quotient = self.builder.ins().sdiv(left, right);
            let negated = self.builder.ins().ineg(left);
            let quotient = self.builder.ins().select(is_minus_one, negated, quotient);
            self.builder.ins().select(is_zero, zero, quotient)
        } else {
            let rest = self.builder.ins().srem(left, right);
            self.builder.ins().select(is_zero, left, rest)
        }
    }

    /// Defines a register by a number of as many bits or fewer; the upper ones are 0.
    fn define_widened(&mut self, register: Register, value: Value) {
        let value = self.widen(value);
        self.define_number(register, value);
    }

    /// The lower bits of a register.
    pub(super) fn narrow(&mut self, kind: Type, value: Value) -> Value {
        if kind == I64 { value } else { self.builder.ins().ireduce(kind, value) }
    }

    /// The register of these lower bits, the upper ones 0.
    pub(super) fn widen(&mut self, value: Value) -> Value {
        if self.builder.func.dfg.value_type(value) == I64 {
            value
        } else {
            self.builder.ins().uextend(I64, value)
        }
    }
}

/// Whether an operand is a number, and none of these.
fn is_known_but_for(operand: Operand, exceptions: &[i32]) -> bool {
    matches!(operand, Operand::Immediate(number) if !exceptions.contains(&number))
}

pub(super) const fn of_width(width: Width) -> Type {
    match width {
        Width::Word => I32,
        Width::Double => I64,
    }
}

pub(super) const fn type_of(size: Size) -> Type {
    match size {
        Size::Byte => I8,
        Size::Half => I16,
        Size::Word => I32,
        Size::Double => I64,
    }
}
