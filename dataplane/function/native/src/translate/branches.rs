//! Jumps, branches and the end of a function; what loops pay.

use adit_function::instruction::{Condition, Operand, Register, Width};
use adit_function::program::edge_fuel;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{Block, InstBuilder, Value};

use super::Translator;
use super::arithmetic::of_width;
use crate::{ending, layout};

impl Translator<'_> {
    pub(super) fn jump(&mut self, target: u32) {
        self.charge(edge_fuel(self.instruction, target));
        let block = self.block_of(target);
        self.builder.ins().jump(block, &[]);
    }

    pub(super) fn branch(
        &mut self,
        width: Width,
        condition: Condition,
        left: Register,
        right: Operand,
        target: u32,
    ) {
        let condition = self.condition(width, condition, left, right);
        let (taken, next) = (self.block_of(target), self.block_of(self.instruction + 1));
        match (self.fuel, edge_fuel(self.instruction, target)) {
            (None, _) | (_, 0) => {
                self.builder.ins().brif(condition, taken, &[], next, &[]);
            }
            (Some(fuel), cost) => {
                // The fuel is looked at first, so that the loop has no jump besides its branch; it only matters if the branch is taken.
                let left = self.builder.use_var(fuel);
                let cost = self.number_of(cost.cast_signed());
                let is_short = self.builder.ins().icmp(IntCC::UnsignedLessThan, left, cost);
                let (short, enough) = (self.cold_block(), self.builder.create_block());
                self.builder.ins().brif(is_short, short, &[], enough, &[]);

                self.builder.switch_to_block(short);
                let (trapped, spared) = (self.cold_block(), self.cold_block());
                self.builder.ins().brif(condition, trapped, &[], spared, &[]);
                self.builder.switch_to_block(trapped);
                self.end(ending::at(ending::FUEL, 0));
                self.builder.switch_to_block(spared);
                self.builder.ins().jump(next, &[]);

                self.builder.switch_to_block(enough);
                let less = self.builder.ins().isub(left, cost);
                self.builder.def_var(fuel, less);
                let refund = self.builder.create_block();
                self.builder.ins().brif(condition, taken, &[], refund, &[]);
                self.builder.switch_to_block(refund);
                let refunded = self.builder.ins().iadd(less, cost);
                self.builder.def_var(fuel, refunded);
                self.builder.ins().jump(next, &[]);
            }
        }
    }

    /// Takes from the fuel, or ends the call if there is less.
    pub(super) fn charge(&mut self, cost: u64) {
        let Some(fuel) = self.fuel else { return };
        if cost == 0 {
            return;
        }
        let left = self.builder.use_var(fuel);
        let cost = self.number_of(cost.cast_signed());
        let is_short = self.builder.ins().icmp(IntCC::UnsignedLessThan, left, cost);
        self.end_if(is_short, ending::at(ending::FUEL, 0));
        let less = self.builder.ins().isub(left, cost);
        self.builder.def_var(fuel, less);
    }

    /// Loads from the poll page: a load that is never left out, merged or moved.
    pub(super) fn poll(&mut self) {
        let page = self.place(layout::POLL);
        let memory = cranelift_codegen::ir::MemFlagsData::new();
        self.builder.ins().atomic_load(I64, memory, page);
    }

    pub(super) fn exit(&mut self) {
        if let Some(fuel) = self.fuel {
            let left = self.builder.use_var(fuel);
            self.store_to_entry(left, layout::FUEL);
        }
        self.shadow_result();
        let result = self.value(Register::RESULT);
        let zero = self.number_of(0);
        self.builder.ins().return_(&[result, zero]);
    }

    fn block_of(&self, target: u32) -> Block {
        self.blocks[(target - self.function.start) as usize].expect("targets have blocks")
    }

    fn condition(&mut self, width: Width, condition: Condition, left: Register, right: Operand) -> Value {
        let kind = of_width(width);
        let left = self.value(left);
        let left = self.narrow(kind, left);
        let right = self.operand(right);
        let right = self.narrow(kind, right);
        let code = match condition {
            Condition::AnyBit => {
                let both = self.builder.ins().band(left, right);
                return self.compare(IntCC::NotEqual, both, 0);
            }
            Condition::Equal => IntCC::Equal,
            Condition::NotEqual => IntCC::NotEqual,
            Condition::Greater => IntCC::UnsignedGreaterThan,
            Condition::GreaterOrEqual => IntCC::UnsignedGreaterThanOrEqual,
            Condition::Less => IntCC::UnsignedLessThan,
            Condition::LessOrEqual => IntCC::UnsignedLessThanOrEqual,
            Condition::SignedGreater => IntCC::SignedGreaterThan,
            Condition::SignedGreaterOrEqual => IntCC::SignedGreaterThanOrEqual,
            Condition::SignedLess => IntCC::SignedLessThan,
            Condition::SignedLessOrEqual => IntCC::SignedLessThanOrEqual,
        };
        self.builder.ins().icmp(code, left, right)
    }
}
