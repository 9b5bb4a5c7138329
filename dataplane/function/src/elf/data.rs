//! The data of an object: sections that the program uses, one behind the other, those that may be written apart from the others.

use object::elf::{SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE};
use object::read::elf::ElfSection64;
use object::{LittleEndian, ObjectSection as _, SectionFlags};

use super::malformed;
use crate::encoding::{MAP_DATA, MAP_VARIABLES};
use crate::load::{LoadError, ObjectFault};
use crate::program::{DATA_BYTES_MAX, VARIABLES_BYTES_MAX};

/// The data of a program.
#[derive(Default)]
pub(super) struct Data {
    constants: Part,
    variables: Part,
}

#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    /// Sections by their index, and where they start.
    sections: Vec<(usize, u64)>,
}

/// Where something lies in the data of the program.
pub(super) struct Place {
    /// The map that the data is.
    pub(super) map: i32,
    pub(super) offset: u32,
}

impl Data {
    /// Where byte `offset` of a section lies, which function `function` uses by the name `name`. The section becomes data if it is not yet.
    pub(super) fn place(
        &mut self,
        section: &ElfSection64<'_, '_, LittleEndian>,
        offset: u64,
        function: impl Fn() -> String,
        name: &str,
    ) -> Result<Place, LoadError> {
        let fault = |fault| Err(LoadError::Object(fault));
        let section_name = section.name().map_err(|_| malformed("the name of a section cannot be read"))?;
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
            return Err(malformed("a section has no flags"));
        };
        let has = |flag| sh_flags.contains(flag);
        if has(SHF_EXECINSTR) {
            return fault(ObjectFault::FunctionAddress(function(), name.to_owned()));
        }
        if section_name == ".maps" || section_name == "maps" {
            return fault(ObjectFault::Map(function(), name.to_owned()));
        }
        if !has(SHF_ALLOC) {
            return fault(ObjectFault::NotData(function(), section_name.to_owned()));
        }
        if section.relocations().next().is_some() {
            return fault(ObjectFault::PointerInData(section_name.to_owned()));
        }
        let is_writable = has(SHF_WRITE);
        let (part, map) =
            if is_writable { (&mut self.variables, MAP_VARIABLES) } else { (&mut self.constants, MAP_DATA) };
        let start = match part.sections.iter().find(|(index, _)| *index == section.index().0) {
            Some((_, start)) => *start,
            None => part
                .append(section, if is_writable { VARIABLES_BYTES_MAX } else { DATA_BYTES_MAX })
                .map_err(|bytes| {
                    LoadError::Object(match (bytes, is_writable) {
                        (None, _) => ObjectFault::Malformed("a section lies outside of the file"),
                        (Some(bytes), true) => ObjectFault::VariablesTooLong(bytes),
                        (Some(bytes), false) => ObjectFault::DataTooLong(bytes),
                    })
                })?,
        };
        // The compiler may point a little in front of a table, or behind it: that is where it will be in the program, too.
        let offset = start.wrapping_add(offset);
        if offset > part.bytes.len() as u64 {
            return Err(malformed("a constant points outside of the data"));
        }
        Ok(Place { map, offset: u32::try_from(offset).unwrap_or(u32::MAX) })
    }

    /// The constants and the variables.
    pub(super) fn into_bytes(self) -> (Vec<u8>, Vec<u8>) {
        (self.constants.bytes, self.variables.bytes)
    }
}

impl Part {
    /// Appends a section where its alignment allows, and says where it starts; if there is too much, how much; nothing if its bytes are not there.
    fn append(
        &mut self,
        section: &ElfSection64<'_, '_, LittleEndian>,
        bytes_max: usize,
    ) -> Result<u64, Option<u64>> {
        let used = self.bytes.len() as u64;
        let start = used.checked_next_multiple_of(section.align().max(8)).unwrap_or(u64::MAX);
        let end = start.saturating_add(section.size());
        if end > bytes_max as u64 {
            return Err(Some(end));
        }
        let bytes = section.data().map_err(|_| None)?;
        let [start_index, end_index] =
            [start, end].map(|offset| usize::try_from(offset).unwrap_or(usize::MAX));
        // A section that is not in the file is zero.
        self.bytes.resize(start_index, 0);
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(end_index, 0);
        self.sections.push((section.index().0, start));
        Ok(start)
    }
}
