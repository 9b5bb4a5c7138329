//! Objects as clang makes them for `-target bpf`: one function of an object, what it calls and the data it uses become a program. It is linked here;
//! `decode` checks what comes out, so an object is trusted with nothing.

mod data;
mod lines;

use std::collections::BTreeMap;

use object::elf::{EM_BPF, ET_REL, R_BPF_64_32, R_BPF_64_64, RelocationType, STB_LOCAL, STT_FUNC};
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{
    LittleEndian, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationFlags, RelocationTarget,
    SectionIndex, SymbolFlags, SymbolIndex,
};

use crate::decode;
use crate::encoding::{CALL, CALL_FUNCTION, JMP, SLOT_BYTES, Slot, WIDE_MAP_VALUE};
use crate::load::{CodeFault, LoadError, ObjectFault};
use crate::program::{INSTRUCTIONS_MAX, Program};

use data::Data;
use lines::{Files, Lines};

type Elf<'a> = ElfFile64<'a, LittleEndian>;

/// Makes a program of the function `entry` of an object, or of its only global one.
///
/// # Errors
/// [`LoadError`], if there is no such function, or it is no program.
pub fn load(object: &[u8], entry: Option<&str>) -> Result<Program, LoadError> {
    let elf = open(object)?;
    let symbols = Functions::read(&elf)?;
    let first = symbols.find_entry(entry)?;
    let lines = Lines::read(&elf)?;
    let mut linked = Linker::new(&elf, &symbols).link(first)?;
    let starts: Vec<(String, u32)> =
        linked.placed.iter().map(|part| (symbols.all[part.function].name.to_owned(), part.start)).collect();
    let (data, variables) = (std::mem::take(&mut linked.data), std::mem::take(&mut linked.variables));
    let mut program = decode::link(&linked.code, starts, data, variables)
        .map_err(|error| linked.locate(error, &symbols, &lines))?;
    linked.fill_lines(&mut program, &symbols, &lines);
    Ok(program)
}

/// The names of the global functions of an object, in the order of its sections.
///
/// # Errors
/// [`LoadError`], if it is no object for BPF.
pub fn functions(object: &[u8]) -> Result<Vec<String>, LoadError> {
    Ok(Functions::read(&open(object)?)?.global_names())
}

/// The section of a function of an object, by which it may say what it is for.
///
/// # Errors
/// [`LoadError`], if it is no object for BPF, or there is no such function.
pub fn section(object: &[u8], function: Option<&str>) -> Result<String, LoadError> {
    let elf = open(object)?;
    let functions = Functions::read(&elf)?;
    Ok(functions.all[functions.find_entry(function)?].section_name.to_owned())
}

/// Reads the head of an object.
fn open(object: &[u8]) -> Result<Elf<'_>, LoadError> {
    let fault = |fault| LoadError::Object(fault);
    let not_bpf = |what: &str| fault(ObjectFault::NotBpf(what.to_owned()));
    if !object.starts_with(b"\x7fELF") {
        return Err(fault(ObjectFault::Unreadable("it does not begin as one".to_owned())));
    }
    match object.get(4..6) {
        Some([2, 1]) => {}
        Some([2, 2]) => return Err(not_bpf("a big-endian object")),
        _ => return Err(not_bpf("an object of 32 bits")),
    }
    let elf = Elf::parse(object).map_err(|error| fault(ObjectFault::Unreadable(error.to_string())))?;
    let header = elf.elf_header();
    if header.e_machine(LittleEndian) != EM_BPF {
        return Err(not_bpf("an object for another machine"));
    }
    if header.e_type(LittleEndian) != ET_REL {
        return Err(not_bpf("a linked file"));
    }
    Ok(elf)
}

/// The functions of an object.
struct Functions<'a> {
    /// Ascending by section and start.
    all: Vec<FunctionSymbol<'a>>,
}

struct FunctionSymbol<'a> {
    name: &'a str,
    section: SectionIndex,
    section_name: &'a str,
    /// The slots of the section that are its code.
    start: u32,
    end: u32,
    is_global: bool,
}

impl<'a> Functions<'a> {
    fn read(elf: &Elf<'a>) -> Result<Self, LoadError> {
        let mut all = Vec::new();
        for symbol in elf.symbols() {
            let (SymbolFlags::Elf { st_info, .. }, Some(section)) = (symbol.flags(), symbol.section_index())
            else {
                continue;
            };
            if st_info.st_type() != STT_FUNC {
                continue;
            }
            let name = symbol.name().map_err(|_| malformed("the name of a function cannot be read"))?;
            if name.contains(char::is_control) {
                return Err(malformed("the name of a function has control characters"));
            }
            let section_of =
                elf.section_by_index(section).map_err(|_| malformed("a function is in no section"))?;
            let section_name =
                section_of.name().map_err(|_| malformed("the name of a section cannot be read"))?;
            let bytes = section_of.data().map_err(|_| malformed("a section lies outside of the file"))?;
            let slots = (bytes.len() / SLOT_BYTES) as u64;
            let start = symbol.address() / SLOT_BYTES as u64;
            if !symbol.address().is_multiple_of(SLOT_BYTES as u64) || start >= slots || slots > SLOTS_MAX {
                return Err(malformed("a function lies outside of its section"));
            }
            // Its end is that of the section until it is known where the next one starts.
            let [start, end] = [start, slots].map(|slot| u32::try_from(slot).unwrap_or(u32::MAX));
            let is_global = st_info.st_bind() != STB_LOCAL;
            all.push(FunctionSymbol { name, section, section_name, start, end, is_global });
        }
        // Of several names for one function a global one counts.
        all.sort_by_key(|function| (function.section.0, function.start, !function.is_global));
        all.dedup_by_key(|function| (function.section, function.start));
        let mut next: Option<(SectionIndex, u32)> = None;
        for function in all.iter_mut().rev() {
            if let Some((section, start)) = next
                && section == function.section
            {
                function.end = start;
            }
            next = Some((function.section, function.start));
        }
        Ok(Self { all })
    }

    fn global_names(&self) -> Vec<String> {
        self.all
            .iter()
            .filter(|function| function.is_global)
            .map(|function| function.name.to_owned())
            .collect()
    }

    /// The function of this name, or the only global one.
    fn find_entry(&self, name: Option<&str>) -> Result<usize, LoadError> {
        let Some(name) = name else {
            let mut global = (0..self.all.len()).filter(|index| self.all[*index].is_global);
            return match (global.next(), global.next()) {
                (Some(only), None) => Ok(only),
                (None, _) => Err(LoadError::Object(ObjectFault::NoFunction)),
                _ => Err(LoadError::Object(ObjectFault::ManyFunctions(self.global_names()))),
            };
        };
        let found = self.all.iter().position(|function| function.name == name);
        found.ok_or_else(|| {
            LoadError::Object(ObjectFault::UnknownFunction(name.to_owned(), self.global_names()))
        })
    }

    /// The function that starts there.
    fn at(&self, section: SectionIndex, slot: i64) -> Option<usize> {
        let key = (section.0, u32::try_from(slot).ok()?);
        self.all.binary_search_by_key(&key, |function| (function.section.0, function.start)).ok()
    }
}

/// A function that was placed in the program: its number in the object, and its first slot in the program.
#[derive(Clone, Copy)]
struct Part {
    function: usize,
    start: u32,
}

/// What a relocation says: its kind and its symbol.
type Relocations = BTreeMap<u64, (RelocationType, SymbolIndex)>;

/// Puts functions one behind the other, the first one first, and follows what they refer to.
struct Linker<'e, 'a> {
    elf: &'e Elf<'a>,
    symbols: &'e Functions<'a>,
    placed: Vec<Part>,
    /// Where each function of the object was placed, by its number.
    order: Vec<Option<usize>>,
    /// Calls: the slot in the program, and the number in the object of the function that is called.
    calls: Vec<(u32, usize)>,
    relocations: BTreeMap<usize, Relocations>,
    code: Vec<u8>,
    data: Data,
}

/// A program that was put together.
struct Linked {
    code: Vec<u8>,
    data: Vec<u8>,
    variables: Vec<u8>,
    placed: Vec<Part>,
}

impl<'e, 'a> Linker<'e, 'a> {
    fn new(elf: &'e Elf<'a>, symbols: &'e Functions<'a>) -> Self {
        Self {
            elf,
            symbols,
            placed: Vec::new(),
            order: vec![None; symbols.all.len()],
            calls: Vec::new(),
            relocations: BTreeMap::new(),
            code: Vec::new(),
            data: Data::default(),
        }
    }

    fn link(mut self, first: usize) -> Result<Linked, LoadError> {
        self.place(first);
        let mut next = 0;
        while let Some(part) = self.placed.get(next).copied() {
            self.append(next, part.function)?;
            next += 1;
        }
        for &(slot, function) in &self.calls {
            let start = self.order[function].map_or(0, |index| self.placed[index].start);
            let at = slot as usize * SLOT_BYTES;
            let distance = i64::from(start) - i64::from(slot) - 1;
            let distance = i32::try_from(distance).map_err(|_| LoadError::at(slot, CodeFault::TooLong))?;
            self.code[at + 4..at + 8].copy_from_slice(&distance.to_le_bytes());
        }
        let (data, variables) = self.data.into_bytes();
        Ok(Linked { code: self.code, data, variables, placed: self.placed })
    }

    /// Takes a function into the program, if it is not there yet.
    fn place(&mut self, function: usize) {
        if self.order[function].is_none() {
            self.order[function] = Some(self.placed.len());
            self.placed.push(Part { function, start: 0 });
        }
    }

    /// Appends the code of a function.
    fn append(&mut self, index: usize, number: usize) -> Result<(), LoadError> {
        let function = &self.symbols.all[number];
        let section = self.section_bytes(function.section)?;
        let start = u32::try_from(self.code.len() / SLOT_BYTES).unwrap_or(u32::MAX);
        self.placed[index].start = start;
        self.code.extend_from_slice(
            &section[function.start as usize * SLOT_BYTES..function.end as usize * SLOT_BYTES],
        );
        if self.code.len() as u64 / SLOT_BYTES as u64 > SLOTS_MAX {
            return Err(LoadError::at(start, CodeFault::TooLong));
        }
        let relocations = match self.relocations.remove(&function.section.0) {
            Some(relocations) => relocations,
            None => self.read_relocations(function.section)?,
        };
        for slot in function.start..function.end {
            let here = start + (slot - function.start);
            let relocation = relocations.get(&(u64::from(slot) * SLOT_BYTES as u64)).copied();
            self.relocate(number, slot, here, relocation)?;
        }
        self.relocations.insert(function.section.0, relocations);
        Ok(())
    }

    /// Follows what the slot refers to that is number `slot` of its section and `here` in the program.
    fn relocate(
        &mut self,
        function: usize,
        slot: u32,
        here: u32,
        relocation: Option<(RelocationType, SymbolIndex)>,
    ) -> Result<(), LoadError> {
        let code = self.slot(here);
        let is_call = code.opcode == JMP | CALL;
        match relocation {
            None if is_call && code.source == CALL_FUNCTION => {
                let section = self.symbols.all[function].section;
                self.call(section, i64::from(slot) + 1 + i64::from(code.immediate), here)
            }
            None => Ok(()),
            Some((R_BPF_64_32, symbol)) if is_call => self.call_symbol(function, code, symbol, here),
            Some((R_BPF_64_64, symbol)) if code.is_wide() => self.point_to(function, code, symbol, here),
            Some((kind, _)) => {
                let section = self.symbols.all[function].section_name.to_owned();
                Err(LoadError::Object(ObjectFault::Relocation(section, kind.0)))
            }
        }
    }

    /// A call of what a symbol names; the distance that the instruction has is counted from there.
    fn call_symbol(
        &mut self,
        function: usize,
        code: Slot,
        symbol: SymbolIndex,
        here: u32,
    ) -> Result<(), LoadError> {
        let target = self.elf.symbol_by_index(symbol).map_err(|_| malformed("a relocation has no symbol"))?;
        let Some(section) = target.section_index() else {
            return Err(self.undefined(function, target.name().unwrap_or_default()));
        };
        let slot = i64::try_from(target.address() / SLOT_BYTES as u64).unwrap_or(i64::MAX);
        self.call(section, slot.saturating_add(1).saturating_add(code.immediate.into()), here)
    }

    fn call(&mut self, section: SectionIndex, slot: i64, here: u32) -> Result<(), LoadError> {
        let callee =
            self.symbols.at(section, slot).ok_or_else(|| malformed("a call leads to no function"))?;
        self.place(callee);
        self.calls.push((here, callee));
        let at = here as usize * SLOT_BYTES;
        let source = Slot { source: CALL_FUNCTION, ..self.slot(here) };
        self.code[at..at + SLOT_BYTES].copy_from_slice(&source.to_bytes());
        Ok(())
    }

    /// A constant that is the address of what a symbol names.
    fn point_to(
        &mut self,
        function: usize,
        code: Slot,
        symbol: SymbolIndex,
        here: u32,
    ) -> Result<(), LoadError> {
        let target = self.elf.symbol_by_index(symbol).map_err(|_| malformed("a relocation has no symbol"))?;
        let name = target.name().unwrap_or_default();
        let function_name = || self.symbols.all[function].name.to_owned();
        let Some(section) = target.section_index() else {
            return Err(self.undefined(function, name));
        };
        let second = self.code.get((here as usize + 1) * SLOT_BYTES..(here as usize + 2) * SLOT_BYTES);
        let upper = second.map_or(0, |bytes| i32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]));
        let addend = i64::from(upper) << 32 | i64::from(code.immediate.cast_unsigned());
        let addend = target.address().wrapping_add_signed(addend);
        let section =
            self.elf.section_by_index(section).map_err(|_| malformed("a symbol is in no section"))?;
        let place = self.data.place(&section, addend, function_name, name)?;
        let at = here as usize * SLOT_BYTES;
        let first = Slot { source: WIDE_MAP_VALUE, immediate: place.map, ..code };
        self.code[at..at + SLOT_BYTES].copy_from_slice(&first.to_bytes());
        if let Some(second) = self.code.get_mut(at + SLOT_BYTES + 4..at + 2 * SLOT_BYTES) {
            second.copy_from_slice(&place.offset.to_le_bytes());
        }
        Ok(())
    }

    fn undefined(&self, function: usize, name: &str) -> LoadError {
        let function = self.symbols.all[function].name.to_owned();
        LoadError::Object(ObjectFault::Undefined(function, name.to_owned()))
    }

    fn slot(&self, here: u32) -> Slot {
        let at = here as usize * SLOT_BYTES;
        let mut bytes = [0; SLOT_BYTES];
        bytes.copy_from_slice(&self.code[at..at + SLOT_BYTES]);
        Slot::from_bytes(bytes)
    }

    fn section_bytes(&self, section: SectionIndex) -> Result<&'a [u8], LoadError> {
        let section =
            self.elf.section_by_index(section).map_err(|_| malformed("a function is in no section"))?;
        section.data().map_err(|_| malformed("a section lies outside of the file"))
    }

    fn read_relocations(&self, section: SectionIndex) -> Result<Relocations, LoadError> {
        let section =
            self.elf.section_by_index(section).map_err(|_| malformed("a function is in no section"))?;
        let mut all = Relocations::new();
        for (offset, relocation) in section.relocations() {
            let (RelocationFlags::Elf { r_type }, RelocationTarget::Symbol(symbol)) =
                (relocation.flags(), relocation.target())
            else {
                return Err(malformed("a relocation has no symbol"));
            };
            all.insert(offset, (r_type, symbol));
        }
        Ok(all)
    }
}

impl Linked {
    /// The function that a slot of the program belongs to, and the slot of its section.
    fn origin<'a, 'f>(&self, slot: u32, symbols: &'f Functions<'a>) -> (&'f FunctionSymbol<'a>, u32) {
        let behind = self.placed.partition_point(|part| part.start <= slot);
        let part = self.placed[behind.saturating_sub(1)];
        let function = &symbols.all[part.function];
        (function, function.start + (slot - part.start))
    }

    /// Says of an error where in the object it is, not where in the program.
    fn locate(&self, error: LoadError, symbols: &Functions<'_>, lines: &Lines<'_>) -> LoadError {
        let LoadError::Code { slot, fault, .. } = error else { return error };
        let (function, slot) = self.origin(slot, symbols);
        let source = lines
            .find(function.section_name, slot)
            .map_or_else(String::new, |(file, line)| format!("{file}:{line}"));
        LoadError::Code { section: function.section_name.to_owned(), slot, source, fault }
    }

    /// Says of each instruction where in its section and in the source it is.
    fn fill_lines(&self, program: &mut Program, symbols: &Functions<'_>, lines: &Lines<'_>) {
        let mut files = Files::default();
        for (part, function) in self.placed.iter().zip(&program.functions) {
            let symbol = &symbols.all[part.function];
            let slots = &program.slots[function.start as usize..function.end as usize];
            // The slots of the program are still those of the code that was put together.
            let instruction_of = |slot: u32| {
                let slot = slot - symbol.start + part.start;
                let index = slots.binary_search(&slot).ok()?;
                Some(function.start + u32::try_from(index).unwrap_or(u32::MAX))
            };
            lines.copy(
                symbol.section_name,
                symbol.start..symbol.end,
                instruction_of,
                &mut program.lines,
                &mut files,
            );
        }
        program.files = files.names;
        for slot in &mut program.slots {
            *slot = self.origin(*slot, symbols).1;
        }
    }
}

const fn malformed(what: &'static str) -> LoadError {
    LoadError::Object(ObjectFault::Malformed(what))
}

/// Most slots of a program.
const SLOTS_MAX: u64 = 2 * INSTRUCTIONS_MAX as u64;

#[cfg(test)]
mod tests;
