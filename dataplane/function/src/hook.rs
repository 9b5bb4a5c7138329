//! Hooks: where a function is called, and what it is given there. Register 1 points to a context, a structure of numbers and of pointers to the
//! starts and ends of memory; this tells of each field.

use crate::instruction::Size;

/// A place where functions are called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hook {
    /// Its name in messages and on the command line, and of the structure in C: `struct adit_NAME`.
    pub name: &'static str,
    /// The fields of its context.
    pub fields: &'static [Field],
    /// The memory that its context points to.
    pub regions: &'static [Region],
    /// Whether functions may write into the store.
    pub writes: bool,
}

/// A field of a context. The context is read-only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name in C.
    pub name: &'static str,
    /// Where it lies; fields do not overlap, and are aligned.
    pub offset: u32,
    /// What it is.
    pub kind: FieldKind,
}

/// What a field of a context is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// A number, unsigned.
    Number(Size),
    /// The first byte of region `Hook::regions[i]`; 8 bytes.
    Start(u8),
    /// One behind the last byte of it; 8 bytes.
    End(u8),
}

/// Memory that a context points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Region {
    /// What it is called in messages.
    pub name: &'static str,
    /// Whether functions may write to it.
    pub writable: bool,
}

impl Hook {
    /// The bytes of its context.
    pub fn context_bytes(&self) -> u32 {
        let end = |field: &Field| field.offset + field.kind.bytes();
        self.fields.iter().map(end).max().unwrap_or(0).next_multiple_of(8)
    }
}

impl FieldKind {
    /// Its bytes in the context.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Number(size) => size.bytes(),
            Self::Start(_) | Self::End(_) => 8,
        }
    }
}

/// What a call is given by its hook, whatever engine runs it.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The values of the fields that are numbers, in the order of the fields.
    pub numbers: &'a [u64],
    /// The memory of each region, in the order of `Hook::regions`.
    pub regions: &'a mut [RegionBytes<'a>],
}

/// The memory of a region.
#[derive(Debug)]
pub enum RegionBytes<'a> {
    /// Of a region that is not writable.
    Read(&'a [u8]),
    /// Of one that is.
    Write(&'a mut [u8]),
}

impl RegionBytes<'_> {
    /// The bytes, to be read.
    pub const fn bytes(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Write(bytes) => bytes,
        }
    }
}

/// Most bytes of a region or a view. The verifier relies on it: a length, and an index below it, is never negative, in 32 bits either. Who calls a
/// function hands in no more.
pub const REGION_BYTES_MAX: u32 = (1 << 31) - 1;

/// A function is called by a client, with bytes of his; it may read and write the store. What it emits goes back to him.
pub const CALL: Hook = Hook {
    name: "call",
    fields: &[
        Field { name: "input", offset: 0, kind: FieldKind::Start(0) },
        Field { name: "input_end", offset: 8, kind: FieldKind::End(0) },
    ],
    regions: &[Region { name: "input", writable: false }],
    writes: true,
};

/// A record is read, scanned, or found in a log: the result says whether it is taken (not 0), and what is emitted is put in its place.
pub const FILTER: Hook = Hook {
    name: "filter",
    fields: &[
        Field { name: "key", offset: 0, kind: FieldKind::Start(0) },
        Field { name: "key_end", offset: 8, kind: FieldKind::End(0) },
        Field { name: "value", offset: 16, kind: FieldKind::Start(1) },
        Field { name: "value_end", offset: 24, kind: FieldKind::End(1) },
        Field { name: "version", offset: 32, kind: FieldKind::Number(Size::Double) },
        Field { name: "input", offset: 40, kind: FieldKind::Start(2) },
        Field { name: "input_end", offset: 48, kind: FieldKind::End(2) },
    ],
    regions: &[
        Region { name: "key", writable: false },
        Region { name: "value", writable: false },
        Region { name: "input", writable: false },
    ],
    writes: false,
};

/// All records of a bucket go by, one for each call; the state lives from the first to the last.
pub const AGGREGATE: Hook = Hook {
    name: "aggregate",
    fields: &[
        Field { name: "key", offset: 0, kind: FieldKind::Start(0) },
        Field { name: "key_end", offset: 8, kind: FieldKind::End(0) },
        Field { name: "value", offset: 16, kind: FieldKind::Start(1) },
        Field { name: "value_end", offset: 24, kind: FieldKind::End(1) },
        Field { name: "version", offset: 32, kind: FieldKind::Number(Size::Double) },
        Field { name: "input", offset: 40, kind: FieldKind::Start(2) },
        Field { name: "input_end", offset: 48, kind: FieldKind::End(2) },
        Field { name: "state", offset: 56, kind: FieldKind::Start(3) },
        Field { name: "state_end", offset: 64, kind: FieldKind::End(3) },
    ],
    regions: &[
        Region { name: "key", writable: false },
        Region { name: "value", writable: false },
        Region { name: "input", writable: false },
        Region { name: "state", writable: true },
    ],
    writes: false,
};

/// All hooks.
pub const HOOKS: &[&Hook] = &[&CALL, &FILTER, &AGGREGATE];
