//! Shadows: the start and the end of the memory that the pointer in a register was made for. They are values beside the registers, which cost
//! nothing where no guard uses them, and lie in the memory of the entry for pointers in stack frames. Without guards there are none.

use adit_function::hook::FieldKind;
use adit_function::instruction::{Operand, Operation, Register, Width};
use adit_function::verified::Finding;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{InstBuilder, Value};

use super::Translator;
use crate::layout;
use crate::origin::Origin;

/// The start and the end of memory.
pub(super) type Shadow = [Value; 2];

impl Translator<'_> {
    /// The shadow of a register; only asked for where there are shadows.
    pub(super) fn shadow(&mut self, register: Register) -> Shadow {
        match &self.shadows {
            Some(shadows) => shadows[register.index()].map(|variable| self.builder.use_var(variable)),
            None => self.nothing(),
        }
    }

    pub(super) fn define_shadow(&mut self, register: Register, shadow: Shadow) {
        if let Some(shadows) = &self.shadows {
            for (variable, value) in shadows[register.index()].into_iter().zip(shadow) {
                self.builder.def_var(variable, value);
            }
        }
    }

    /// The register is no pointer.
    pub(super) fn shadow_nothing(&mut self, register: Register) {
        if self.shadows.is_some() {
            let nothing = self.nothing();
            self.define_shadow(register, nothing);
        }
    }

    pub(super) fn shadow_copy(&mut self, destination: Register, source: Register) {
        if self.shadows.is_some() {
            let shadow = self.shadow(source);
            self.define_shadow(destination, shadow);
        }
    }

    /// Before registers have changed. What is added to a pointer is in the same memory; other results are numbers.
    pub(super) fn shadow_arithmetic(
        &mut self,
        width: Width,
        operation: Operation,
        destination: Register,
        source: Operand,
    ) {
        match (width, operation, self.finding(), source) {
            (Width::Double, Operation::Add, Finding::PointerInSource, Operand::Register(source)) => {
                self.shadow_copy(destination, source);
            }
            (Width::Double, Operation::Add | Operation::Subtract, _, _) => {}
            _ => self.shadow_nothing(destination),
        }
    }

    /// The shadows that registers have when the function is entered.
    pub(super) fn enter_shadows(&mut self) {
        if self.shadows.is_none() {
            return;
        }
        for register in (0..10).filter_map(Register::new) {
            self.shadow_nothing(register);
        }
        let low = i32::from(self.subject.frames[self.number].low);
        let frame = self.places(self.frame_end + low, self.frame_end);
        self.define_shadow(Register::FRAME, frame);
        if self.number == 0 {
            let end = layout::CONTEXT + self.subject.hook.context_bytes().cast_signed();
            let context = self.places(layout::CONTEXT, end);
            self.define_shadow(Register::argument(0), context);
        } else {
            for (index, place) in (0..5).zip((layout::ARGUMENT_SHADOWS..).step_by(16)) {
                let shadow = self.load_shadow(self.entry, place);
                self.define_shadow(Register::argument(index), shadow);
            }
        }
    }

    /// Hands the shadows of the arguments over to what is called.
    pub(super) fn pass_shadows(&mut self) {
        if self.shadows.is_some() {
            for (index, place) in (0..5).zip((layout::ARGUMENT_SHADOWS..).step_by(16)) {
                self.pass_shadow(index, place);
            }
        }
    }

    /// Writes the shadow of an argument to this place of the entry.
    pub(super) fn pass_shadow(&mut self, argument: u8, place: i32) {
        let shadow = self.shadow(Register::argument(argument));
        self.store_shadow(shadow, self.entry, place);
    }

    /// Hands the shadow of the result over to the function that called this one.
    pub(super) fn shadow_result(&mut self) {
        if self.shadows.is_some() && self.number != 0 {
            let shadow = self.shadow(Register::RESULT);
            self.store_shadow(shadow, self.entry, layout::RESULT_SHADOW);
        }
    }

    /// Takes the shadow of the result over from a function that was called.
    pub(super) fn take_shadow_of_result(&mut self) {
        if self.shadows.is_some() {
            let shadow = self.load_shadow(self.entry, layout::RESULT_SHADOW);
            self.define_shadow(Register::RESULT, shadow);
        }
    }

    /// The shadow of what is loaded, if it may be a pointer.
    pub(super) fn shadow_of_loaded(&mut self, base: Register, offset: i16) -> Option<Shadow> {
        self.shadows.as_ref()?;
        match self.origin(base) {
            Origin::Number | Origin::Plain => None,
            Origin::Exact(place) if layout::is_context(place) => {
                self.shadow_of_field(place + i32::from(offset) - layout::CONTEXT)
            }
            Origin::Exact(place) => {
                let place = shadow_place(place + i32::from(offset))?;
                Some(self.load_shadow(self.entry, place))
            }
            _ => {
                let place = self.computed_place(base, offset, layout::NOTHING_SHADOW);
                Some(self.load_shadow(place, 0))
            }
        }
    }

    /// Keeps the shadow of what is stored, if it may be a pointer. Pointers are stored to stack frames only.
    pub(super) fn shadow_stored(&mut self, source: Register, base: Register, offset: i16) {
        if self.shadows.is_none() || self.origin(source) == Origin::Number {
            return;
        }
        let shadow = self.shadow(source);
        match self.origin(base) {
            Origin::Number | Origin::Plain => {}
            Origin::Exact(place) => {
                if let Some(place) = shadow_place(place + i32::from(offset)) {
                    self.store_shadow(shadow, self.entry, place);
                }
            }
            _ => {
                let place = self.computed_place(base, offset, layout::SINK);
                self.store_shadow(shadow, place, 0);
            }
        }
    }

    /// A register points into the read-only data.
    pub(super) fn point_to_data(&mut self, destination: Register, offset: u32) {
        let memory = self.constant_memory();
        let start = self.builder.ins().load(I64, memory, self.entry, layout::DATA);
        let pointer = self.builder.ins().iadd_imm_s(start, i64::from(offset));
        self.define(destination, pointer);
        let length = i64::try_from(self.subject.program.data.len()).expect("data is short");
        let end = self.builder.ins().iadd_imm_s(start, length);
        self.define_shadow(destination, [start, end]);
    }

    /// A register points into the variables.
    pub(super) fn point_to_variable(&mut self, destination: Register, offset: u32) {
        let offset = offset.cast_signed();
        let length = i32::try_from(self.subject.program.variables.len()).expect("variables are short");
        let pointer = self.place(layout::VARIABLES + offset);
        self.define(destination, pointer);
        let shadow = self.places(layout::VARIABLES, layout::VARIABLES + length);
        self.define_shadow(destination, shadow);
    }

    /// The shadow of a field of the context.
    fn shadow_of_field(&mut self, offset: i32) -> Option<Shadow> {
        let fields = self.subject.hook.fields;
        let of = |field: &&adit_function::hook::Field| field.offset.cast_signed() == offset;
        let region = match fields.iter().find(of)?.kind {
            FieldKind::Number(_) => return None,
            FieldKind::Start(region) | FieldKind::End(region) => region,
        };
        let memory = self.constant_memory();
        let mut bound = |kind: FieldKind| {
            let field = fields.iter().find(|field| field.kind == kind)?;
            let place = layout::CONTEXT + field.offset.cast_signed();
            Some(self.builder.ins().load(I64, memory, self.entry, place))
        };
        Some([bound(FieldKind::Start(region))?, bound(FieldKind::End(region))?])
    }

    /// Where the shadow of the pointer at `base + offset` lies, or else `elsewhere`: that address may be one outside of context and frames.
    fn computed_place(&mut self, base: Register, offset: i16, elsewhere: i32) -> Value {
        let pointer = self.value(base);
        let address = self.builder.ins().iadd_imm_s(pointer, i64::from(offset));
        let first = self.place(layout::CONTEXT);
        let distance = self.builder.ins().isub(address, first);
        let twice = self.builder.ins().ishl_imm_u(distance, 1);
        let shadows = self.place(layout::SHADOWS);
        let shadow = self.builder.ins().iadd(shadows, twice);
        let limit = i64::from(layout::POINTERS_BYTES);
        let is_inside = self.compare(IntCC::UnsignedLessThan, distance, limit);
        let elsewhere = self.place(elsewhere);
        self.builder.ins().select_spectre_guard(is_inside, shadow, elsewhere)
    }

    fn load_shadow(&mut self, base: Value, place: i32) -> Shadow {
        let memory = self.entry_memory;
        [place, place + 8].map(|place| self.builder.ins().load(I64, memory, base, place))
    }

    fn store_shadow(&mut self, shadow: Shadow, base: Value, place: i32) {
        for (value, place) in shadow.into_iter().zip([place, place + 8]) {
            self.builder.ins().store(self.entry_memory, value, base, place);
        }
    }

    fn places(&mut self, start: i32, end: i32) -> Shadow {
        [start, end].map(|place| self.place(place))
    }

    fn nothing(&mut self) -> Shadow {
        layout::NOTHING.map(|bound| self.number_of(bound.cast_signed()))
    }
}

/// Where the shadow of a pointer lies that lies here itself, if one can.
fn shadow_place(place: i32) -> Option<i32> {
    let is_slot = (layout::CONTEXT..layout::SHADOWS).contains(&place) && place % 8 == 0;
    is_slot.then(|| layout::SHADOWS + 2 * (place - layout::CONTEXT))
}
