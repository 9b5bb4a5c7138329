//! A function of a program as instructions of the compiler: the walk over its instructions; what each kind of them becomes stands in the
//! modules below.
//!
//! Compiled functions take the address of the entry and five registers, and return the result and how they ended, see [`crate::ending`].

mod arithmetic;
mod branches;
mod calls;
mod memory;
mod shadows;

use std::borrow::Cow;

use adit_function::instruction::{Instruction, Operand, Register};
use adit_function::program::{self, Function};
use adit_function::verified::Finding;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{
    AbiParam, AliasRegionData, Block, BlockArg, FuncRef, InstBuilder, MemFlagsData, Signature, UserFuncName,
    Value,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};

use crate::compile::{CompileError, Options, Termination};
use crate::origin::{self, Origin, Origins};
use crate::subject::Subject;
use crate::{ending, layout};

/// What is translated.
pub(crate) struct Input<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) options: Options,
    /// Whether the bounds of pointers are carried along.
    pub(crate) shadows: bool,
    /// The function, by its index.
    pub(crate) function: usize,
    /// How deep it is called.
    pub(crate) depth: u32,
}

/// Translates a function of a program into `into`.
///
/// # Errors
/// If it calls a helper that there is not.
pub(crate) fn translate(
    input: &Input<'_>,
    into: &mut cranelift_codegen::ir::Function,
    context: &mut FunctionBuilderContext,
    target: TargetFrontendConfig,
) -> Result<(), CompileError> {
    into.name = UserFuncName::user(0, u32::try_from(input.function).expect("functions are few"));
    into.signature = signature(6);
    let mut translator = Translator::new(input, FunctionBuilder::new(into, context));
    translator.enter();
    translator.walk()?;
    translator.finish(target);
    Ok(())
}

/// A function in the middle of its translation.
struct Translator<'a> {
    subject: Subject<'a>,
    options: Options,
    /// The function, and its index.
    function: &'a Function,
    number: usize,
    /// The instruction that is translated.
    instruction: u32,
    builder: FunctionBuilder<'a>,
    /// The address of the entry.
    entry: Value,
    registers: Vec<Variable>,
    /// The fuel left, if that is counted.
    fuel: Option<Variable>,
    /// Start and end of what each register points to, if they are needed.
    shadows: Option<Vec<[Variable; 2]>>,
    /// Where registers point to, before each instruction; empty without shadows.
    origins: Vec<Origins>,
    /// Where the stack frame ends.
    frame_end: i32,
    /// The blocks of those instructions that are jumped to or lie behind a branch.
    blocks: Vec<Option<Block>>,
    /// Whether an instruction is jumped to from one that does not lie in front of it.
    heads: Vec<bool>,
    /// Returns the kind of trap that it is given.
    trap: Option<Block>,
    /// Functions of the program that were called so far.
    callees: Vec<Option<FuncRef>>,
    /// How memory of the program is accessed, and that of the entry that the program cannot reach.
    program_memory: MemFlagsData,
    entry_memory: MemFlagsData,
}

impl<'a> Translator<'a> {
    fn new(input: &Input<'a>, mut builder: FunctionBuilder<'a>) -> Self {
        let function = &input.subject.program.functions[input.function];
        let frame_end = layout::frame_end(input.depth);
        let first = builder.create_block();
        builder.append_block_params_for_function_params(first);
        builder.switch_to_block(first);
        let entry = builder.block_params(first)[0];
        let registers = (0..Register::COUNT).map(|_| builder.declare_var(I64)).collect();
        let mut shadow = || [builder.declare_var(I64), builder.declare_var(I64)];
        let shadows = input.shadows.then(|| (0..Register::COUNT).map(|_| shadow()).collect());
        let fuel = (input.options.termination == Termination::Fuel).then(|| builder.declare_var(I64));
        let origins = if input.shadows {
            origin::origins(&input.subject, function, frame_end, input.function == 0)
        } else {
            Vec::new()
        };
        let length = (function.end - function.start) as usize;
        let program_memory = region(&mut builder, 0, "memory that programs reach");
        let entry_memory = region(&mut builder, 1, "memory of the entry");
        Self {
            subject: input.subject,
            options: input.options,
            function,
            number: input.function,
            instruction: function.start,
            entry,
            registers,
            fuel,
            shadows,
            origins,
            frame_end,
            blocks: vec![None; length],
            heads: vec![false; length],
            trap: None,
            callees: vec![None; input.subject.program.functions.len()],
            program_memory,
            entry_memory,
            builder,
        }
    }

    /// What comes before the first instruction: registers, shadows, fuel, the part of the frame that has to be zero.
    fn enter(&mut self) {
        let parameters =
            self.builder.block_params(self.builder.current_block().expect("it is open")).to_vec();
        let zero = self.number_of(0);
        for register in (0..10).filter_map(Register::new) {
            self.define(register, zero);
        }
        for (index, value) in (0..5).zip(&parameters[1..]) {
            self.define(Register::argument(index), *value);
        }
        let frame = self.place(self.frame_end);
        self.define(Register::FRAME, frame);
        self.enter_shadows();
        if let Some(fuel) = self.fuel {
            let left = self.load_of_entry(layout::FUEL);
            self.builder.def_var(fuel, left);
            self.charge(program::call_fuel(self.function));
        }
        self.clear_frame();
    }

    /// Makes the blocks and translates one instruction behind the other.
    fn walk(&mut self) -> Result<(), CompileError> {
        self.find_blocks();
        let mut is_open = true;
        for index in 0..self.blocks.len() {
            self.instruction = self.function.start + u32::try_from(index).expect("instructions are few");
            if let Some(block) = self.blocks[index] {
                if is_open {
                    self.builder.ins().jump(block, &[]);
                }
                self.builder.switch_to_block(block);
                is_open = true;
                if self.heads[index] && self.options.termination == Termination::Poll {
                    self.poll();
                }
            }
            if is_open {
                is_open = self.translate_instruction()?;
            }
        }
        Ok(())
    }

    fn find_blocks(&mut self) {
        let mut targets = Vec::new();
        for number in self.function.start..self.function.end {
            match self.subject.program.instructions[number as usize] {
                Instruction::Jump { target } => targets.push((number, target)),
                Instruction::Branch { target, .. } => {
                    targets.extend([(number, target), (number, number + 1)])
                }
                _ => {}
            }
        }
        for (from, to) in targets {
            let index = (to - self.function.start) as usize;
            self.heads[index] |= to <= from;
            self.blocks[index].get_or_insert_with(|| self.builder.create_block());
        }
    }

    /// Translates an instruction; whether the next one follows.
    fn translate_instruction(&mut self) -> Result<bool, CompileError> {
        if self.finding() == Finding::Unreachable {
            self.end(ending::at(ending::PROOF_BROKEN, self.instruction));
            return Ok(false);
        }
        match self.subject.program.instructions[self.instruction as usize] {
            Instruction::Constant { destination, value } => {
                let value = self.number_of(value.cast_signed());
                self.define_number(destination, value);
            }
            Instruction::Data { destination, offset } => self.point_to_data(destination, offset),
            Instruction::Variable { destination, offset } => self.point_to_variable(destination, offset),
            Instruction::Move { width, destination, source } => self.copy(width, destination, source),
            Instruction::MoveSigned { width, destination, source, from } => {
                self.extend_sign(width, destination, source, from);
            }
            Instruction::Negate { width, destination } => self.negate(width, destination),
            Instruction::Order { destination, bytes, size } => self.order(destination, bytes, size),
            Instruction::Arithmetic { width, operation, destination, source } => {
                self.compute(width, operation, destination, source);
            }
            Instruction::Load { size, signed, destination, base, offset } => {
                self.load(size, signed, destination, base, offset);
            }
            Instruction::Store { size, base, offset, source } => self.store(size, base, offset, source),
            Instruction::Atomic { operation, size, fetch, base, offset, source } => {
                self.atomic(operation, size, fetch, base, offset, source);
            }
            Instruction::Jump { target } => {
                self.jump(target);
                return Ok(false);
            }
            Instruction::Branch { width, condition, left, right, target } => {
                self.branch(width, condition, left, right, target);
                return Ok(false);
            }
            Instruction::CallHelper { number } => self.call_helper(number)?,
            Instruction::CallFunction { function } => self.call_function(function as usize),
            Instruction::Exit => {
                self.exit();
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What comes behind the last instruction.
    fn finish(mut self, target: TargetFrontendConfig) {
        if let Some(block) = self.trap {
            self.builder.switch_to_block(block);
            let kind = self.builder.block_params(block)[0];
            let zero = self.number_of(0);
            self.builder.ins().return_(&[zero, kind]);
        }
        self.builder.seal_all_blocks();
        self.builder.finalize(target);
    }

    fn finding(&self) -> Finding {
        self.subject.findings[self.instruction as usize]
    }

    /// Where a register points to before the instruction that is translated; without shadows that is not known.
    fn origin(&self, register: Register) -> Origin {
        match self.origins.get((self.instruction - self.function.start) as usize) {
            Some(origins) => origins[register.index()],
            None => Origin::Any,
        }
    }

    fn number_of(&mut self, value: i64) -> Value {
        self.builder.ins().iconst(I64, value)
    }

    fn value(&mut self, register: Register) -> Value {
        self.builder.use_var(self.registers[register.index()])
    }

    fn operand(&mut self, operand: Operand) -> Value {
        match operand {
            Operand::Register(register) => self.value(register),
            Operand::Immediate(value) => self.number_of(i64::from(value)),
        }
    }

    fn define(&mut self, register: Register, value: Value) {
        self.builder.def_var(self.registers[register.index()], value);
    }

    /// Defines a register that is no pointer from here on.
    fn define_number(&mut self, register: Register, value: Value) {
        self.define(register, value);
        self.shadow_nothing(register);
    }

    /// The address of a place of the entry.
    fn place(&mut self, place: i32) -> Value {
        self.builder.ins().iadd_imm_s(self.entry, i64::from(place))
    }

    fn load_of_entry(&mut self, place: i32) -> Value {
        self.builder.ins().load(I64, self.entry_memory, self.entry, place)
    }

    fn store_to_entry(&mut self, value: Value, place: i32) {
        self.builder.ins().store(self.entry_memory, value, self.entry, place);
    }

    /// Ends the function here.
    fn end(&mut self, ending: u64) {
        let block = self.trap_block();
        let ending = self.number_of(ending.cast_signed());
        self.builder.ins().jump(block, &[BlockArg::Value(ending)]);
    }

    /// Ends the function here if `condition` is not 0.
    fn end_if(&mut self, condition: Value, ending: u64) {
        let trapped = self.cold_block();
        let next = self.builder.create_block();
        self.builder.ins().brif(condition, trapped, &[], next, &[]);
        self.builder.switch_to_block(trapped);
        self.end(ending);
        self.builder.switch_to_block(next);
    }

    fn trap_block(&mut self) -> Block {
        if self.trap.is_none() {
            let block = self.cold_block();
            self.builder.append_block_param(block, I64);
            self.trap = Some(block);
        }
        self.trap.expect("it was just made")
    }

    fn cold_block(&mut self) -> Block {
        let block = self.builder.create_block();
        self.builder.set_cold_block(block);
        block
    }

    fn compare(&mut self, condition: IntCC, left: Value, right: i64) -> Value {
        self.builder.ins().icmp_imm_s(condition, left, right)
    }
}

/// The signature of compiled functions and helpers: numbers in, the result and how it ended out.
fn signature(parameters: usize) -> Signature {
    let mut signature = Signature::new(CallConv::SystemV);
    signature.params = vec![AbiParam::new(I64); parameters];
    signature.returns = vec![AbiParam::new(I64); 2];
    signature
}

/// A part of memory that no access to another part touches. Accesses are where they may be, so that none traps.
fn region(builder: &mut FunctionBuilder<'_>, number: u32, description: &'static str) -> MemFlagsData {
    let data = AliasRegionData { user_id: number, description: Cow::Borrowed(description) };
    let region = builder.func.dfg.alias_regions.insert(data);
    MemFlagsData::new().with_notrap().with_alias_region(Some(region))
}
