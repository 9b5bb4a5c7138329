//! Calls of helpers and of functions of the program.

use adit_function::helper;
use adit_function::instruction::Register;
use adit_function::signature::{Argument, ArgumentKind, Signature};
use adit_function::verified::Finding;
use cranelift_codegen::ir::{
    BlockArg, ExtFuncData, ExternalName, FuncRef, Inst, InstBuilder, UserExternalName, Value,
};

use super::{Translator, signature};
use crate::compile::{Checks, CompileError};
use crate::thunk::{self, Kind};
use crate::{ending, layout};

impl Translator<'_> {
    pub(super) fn call_helper(&mut self, number: u32) -> Result<(), CompileError> {
        let unknown = CompileError::UnknownHelper { instruction: self.instruction, number };
        let kind = match (self.options.hardened, &self.shadows) {
            (true, _) => Kind::Hardened,
            (false, Some(_)) => Kind::Shadowed,
            (false, None) => Kind::Plain,
        };
        let (Some(signature), Some(thunk)) = (helper::signature(number), thunk::address(number, kind)) else {
            return Err(unknown);
        };
        self.guard_arguments(signature);
        let arity = signature.arguments.len();
        let mut arguments = vec![self.entry];
        for index in 0..5 {
            let is_used = usize::from(index) < arity;
            let value = if is_used { self.value(Register::argument(index)) } else { self.number_of(0) };
            arguments.push(value);
        }
        let address = self.number_of((thunk as u64).cast_signed());
        let signature = self.builder.import_signature(super::signature(6));
        let call = self.builder.ins().call_indirect(signature, address, &arguments);
        let [result, ending] = self.results(call);
        self.end_with_helper(ending);
        self.define_number(Register::RESULT, result);
        Ok(())
    }

    /// Tells the helper which of its arguments to check, and hands their shadows over.
    fn guard_arguments(&mut self, signature: &Signature) {
        if self.shadows.is_none() {
            return;
        }
        let guarded = match self.finding() {
            Finding::Call { guarded } => u64::from(guarded),
            _ => u64::MAX >> 59,
        };
        let is_pointer =
            |argument: &Argument| !matches!(argument.kind, ArgumentKind::Number | ArgumentKind::Constant(_));
        let mut checked = guarded;
        if self.options.checks == Checks::All {
            let pointers =
                signature.arguments.iter().enumerate().filter(|(_, argument)| is_pointer(argument));
            checked |= pointers.fold(0, |mask, (index, _)| mask | 1 << index);
        }
        let masks = self.number_of((checked | guarded << 8).cast_signed());
        self.store_to_entry(masks, layout::GUARDED);
        for (index, place) in (0..5).zip((layout::ARGUMENT_SHADOWS..).step_by(16)) {
            if checked >> index & 1 != 0 {
                self.pass_shadow(index, place);
            }
        }
    }

    /// Ends this function if the helper did not answer: it does not know which instruction has called it.
    fn end_with_helper(&mut self, ending: Value) {
        let failed = self.cold_block();
        let next = self.builder.create_block();
        self.builder.ins().brif(ending, failed, &[], next, &[]);
        self.builder.switch_to_block(failed);
        let place = self.number_of(ending::at(0, self.instruction).cast_signed());
        let kind = self.builder.ins().bor(ending, place);
        let trap = self.trap_block();
        self.builder.ins().jump(trap, &[BlockArg::Value(kind)]);
        self.builder.switch_to_block(next);
    }

    pub(super) fn call_function(&mut self, function: usize) {
        if let Some(fuel) = self.fuel {
            let left = self.builder.use_var(fuel);
            self.store_to_entry(left, layout::FUEL);
        }
        self.pass_shadows();
        let callee = self.callee(function);
        let mut arguments = vec![self.entry];
        arguments.extend((0..5).map(|index| self.value(Register::argument(index))));
        let call = self.builder.ins().call(callee, &arguments);
        let [result, ending] = self.results(call);
        self.end_with(ending);
        if let Some(fuel) = self.fuel {
            let left = self.load_of_entry(layout::FUEL);
            self.builder.def_var(fuel, left);
        }
        self.define(Register::RESULT, result);
        self.take_shadow_of_result();
    }

    /// Ends this function as well if what it called has ended otherwise than with a result.
    fn end_with(&mut self, ending: Value) {
        let trap = self.trap_block();
        let next = self.builder.create_block();
        let kind = BlockArg::Value(ending);
        self.builder.ins().brif(ending, trap, &[kind], next, &[]);
        self.builder.switch_to_block(next);
    }

    fn results(&self, call: Inst) -> [Value; 2] {
        let results = self.builder.inst_results(call);
        [results[0], results[1]]
    }

    fn callee(&mut self, function: usize) -> FuncRef {
        if let Some(known) = self.callees[function] {
            return known;
        }
        let index = u32::try_from(function).expect("functions are few");
        let name = self.builder.func.declare_imported_user_function(UserExternalName { namespace: 0, index });
        let signature = self.builder.import_signature(signature(6));
        let data =
            ExtFuncData { name: ExternalName::user(name), signature, colocated: true, patchable: false };
        *self.callees[function].insert(self.builder.import_function(data))
    }
}
