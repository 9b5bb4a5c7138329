//! Where instructions come from in the source: the line information of `.BTF.ext`, whose strings are in `.BTF` (the kernel's
//! `Documentation/bpf/btf.rst`, section 4). Both sections are little-endian:
//!
//! ```text
//! .BTF      magic u16, version u8, flags u8, header bytes u32, types: offset u32, bytes u32, strings: offset u32, bytes u32
//! .BTF.ext  the same, for functions and lines; offsets count from the end of the header
//!           lines: bytes of a record u32, then for each section its name u32, the number of records u32, the records
//!           record: offset in the section u32, name of the file u32, text of the line u32, line << 10 | column u32
//! ```

use std::collections::BTreeMap;
use std::ops::Range;

use object::{Object as _, ObjectSection as _};

use super::{Elf, malformed};
use crate::encoding::SLOT_BYTES;
use crate::load::LoadError;
use crate::program::Line;

/// The line information of an object.
#[derive(Default)]
pub(super) struct Lines<'a> {
    strings: &'a [u8],
    sections: Vec<Section<'a>>,
}

struct Section<'a> {
    name: &'a str,
    /// Ascending by slot.
    records: Vec<Record>,
}

#[derive(Clone, Copy)]
struct Record {
    slot: u32,
    file: u32,
    line: u32,
    column: u32,
}

impl<'a> Lines<'a> {
    /// Reads it, if there is some.
    pub(super) fn read(elf: &Elf<'a>) -> Result<Self, LoadError> {
        let section = |name| match elf.section_by_name(name) {
            Some(section) => section.data().map_err(|_| malformed("a section lies outside of the file")),
            None => Ok(&[][..]),
        };
        let (btf, ext) = (section(".BTF")?, section(".BTF.ext")?);
        if btf.is_empty() || ext.is_empty() {
            return Ok(Self::default());
        }
        Self::parse(btf, ext).ok_or_else(|| malformed("its line information cannot be read"))
    }

    fn parse(btf: &'a [u8], ext: &'a [u8]) -> Option<Self> {
        // The second part of both: strings there, lines here.
        let strings = second_part(btf)?;
        let mut rest = second_part(ext)?;
        let mut lines = Self { strings, sections: Vec::new() };
        if rest.is_empty() {
            return Some(lines);
        }
        let record_bytes = take_u32(&mut rest)? as usize;
        if record_bytes < RECORD_BYTES {
            return None;
        }
        while !rest.is_empty() {
            let (name, count) = (take_u32(&mut rest)?, take_u32(&mut rest)? as usize);
            let (records, behind) = rest.split_at_checked(record_bytes.checked_mul(count)?)?;
            rest = behind;
            let mut records: Vec<Record> =
                records.chunks_exact(record_bytes).map(Record::read).collect::<Option<_>>()?;
            // Of several for one slot the last one counts.
            records.reverse();
            records.sort_by_key(|record| record.slot);
            records.dedup_by_key(|record| record.slot);
            if lines.sections.len() == SECTIONS_MAX {
                return None;
            }
            lines.sections.push(Section { name: lines.string(name)?, records });
        }
        Some(lines)
    }

    /// The string that starts there.
    fn string(&self, offset: u32) -> Option<&'a str> {
        let rest = self.strings.get(offset as usize..)?;
        let end = rest.iter().take(NAME_BYTES_MAX + 1).position(|byte| *byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    }

    fn records(&self, section: &str) -> &[Record] {
        self.sections.iter().find(|entry| entry.name == section).map_or(&[], |section| &section.records)
    }

    /// The file and the line that a slot of a section comes from.
    pub(super) fn find(&self, section: &str, slot: u32) -> Option<(&'a str, u32)> {
        let records = self.records(section);
        let behind = records.partition_point(|record| record.slot <= slot);
        let record = records.get(behind.checked_sub(1)?)?;
        Some((self.string(record.file)?, record.line))
    }

    /// Appends the lines of the slots of a function, for those that an instruction starts at.
    pub(super) fn copy(
        &self,
        section: &str,
        slots: Range<u32>,
        instruction_of: impl Fn(u32) -> Option<u32>,
        lines: &mut Vec<Line>,
        files: &mut Files,
    ) {
        let records = self.records(section);
        let first = records.partition_point(|record| record.slot < slots.start);
        for record in records[first..].iter().take_while(|record| record.slot < slots.end) {
            let Some(instruction) = instruction_of(record.slot).filter(|_| record.line != 0) else {
                continue;
            };
            let Some(file) = files.index(record.file, || self.string(record.file)) else { continue };
            lines.push(Line { instruction, file, line: record.line, column: record.column });
        }
    }
}

/// The names of source files, in the order in which they were met.
#[derive(Default)]
pub(super) struct Files {
    pub(super) names: Vec<String>,
    /// Where the name at each offset of the strings stands, if it is one.
    known: BTreeMap<u32, Option<u32>>,
}

impl Files {
    fn index<'a>(&mut self, offset: u32, name: impl FnOnce() -> Option<&'a str>) -> Option<u32> {
        if let Some(known) = self.known.get(&offset) {
            return *known;
        }
        let name = name().filter(|name| !name.contains(char::is_control));
        let index = name.and_then(|name| {
            self.names.push(name.to_owned());
            u32::try_from(self.names.len() - 1).ok()
        });
        self.known.insert(offset, index);
        index
    }
}

impl Record {
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let (offset, file) = (take_u32(&mut bytes)?, take_u32(&mut bytes)?);
        let (_text, place) = (take_u32(&mut bytes)?, take_u32(&mut bytes)?);
        let slot = offset / u32::try_from(SLOT_BYTES).unwrap_or(u32::MAX);
        Some(Self { slot, file, line: place >> 10, column: place & 0x3ff })
    }
}

/// The second of the two parts that the header of a section names.
fn second_part(section: &[u8]) -> Option<&[u8]> {
    let mut header = section;
    let magic = take_u32(&mut header)? & 0xffff;
    let header_bytes = take_u32(&mut header)? as usize;
    let (_first, _first_bytes) = (take_u32(&mut header)?, take_u32(&mut header)?);
    let (offset, bytes) = (take_u32(&mut header)? as usize, take_u32(&mut header)? as usize);
    let start = header_bytes.checked_add(offset)?;
    if magic == MAGIC { section.get(start..start.checked_add(bytes)?) } else { None }
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*first))
}

/// Most sections with lines.
const SECTIONS_MAX: usize = 4096;
/// Most bytes of the name of a file or a section: paths have no more on Linux.
const NAME_BYTES_MAX: usize = 4096;
/// What both sections start with, in the lower half of their first 4 bytes.
const MAGIC: u32 = 0xeb9f;
/// Bytes of a record, of which later versions may have more.
const RECORD_BYTES: usize = 16;
