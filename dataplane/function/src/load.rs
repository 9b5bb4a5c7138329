//! Why a program cannot be loaded: what in it is no instruction, or in its object no program.

use std::fmt;

/// What is wrong with a program, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// An instruction.
    Code {
        /// The section it stands in; empty if there are none.
        section: String,
        /// Its slot, from the start of the section.
        slot: u32,
        /// Where in the source, as `file:line`; empty if unknown.
        source: String,
        /// What is wrong with it.
        fault: CodeFault,
    },
    /// The object.
    Object(ObjectFault),
}

/// What is wrong with an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodeFault {
    /// There is none, or a part of one: the bytes are not a multiple of 8, or none.
    Length,
    /// More instructions than a program may have.
    TooLong,
    /// No instruction has this opcode.
    Opcode(u8),
    /// A field that the instruction does not use is not 0.
    Reserved,
    /// There is no register of this number.
    Register(u8),
    /// It would write register 10.
    FrameWritten,
    /// The second half of a wide instruction is missing, or none.
    Wide,
    /// The offset names no variant of the operation.
    Variant(i16),
    /// Bytes of another number than 16, 32 or 64 bits are to be put in order.
    Order(i32),
    /// No atomic operation has this number, or not for this size.
    Atomic(i32),
    /// It reads packets in the way that RFC 9669 calls legacy.
    LegacyPacketAccess,
    /// It calls a function by its address.
    CallByRegister,
    /// It calls a function of a kernel.
    KernelFunction,
    /// It refers to a map, or to something else that only a kernel has: the source of the wide instruction.
    Map(u8),
    /// It points behind the data or the variables of the program.
    DataOffset(u32),
    /// It jumps out of its function, or into the middle of a wide instruction.
    Target,
    /// The function does not end with a jump or an exit.
    FallsOff,
    /// It calls what is no function.
    Callee,
    /// It calls a function that it was called by.
    Recursion,
    /// It calls a function that is more than [`DEPTH_MAX`](crate::program::DEPTH_MAX) deep.
    Depth,
}

/// What is wrong with an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ObjectFault {
    /// It cannot be read: what the reader of ELF files says.
    Unreadable(String),
    /// It is no relocatable object for BPF: what it is instead.
    NotBpf(String),
    /// It has no function.
    NoFunction,
    /// It has several: these.
    ManyFunctions(Vec<String>),
    /// It has no function of this name, but these.
    UnknownFunction(String, Vec<String>),
    /// A function calls one, or uses a variable, that is not in the object: function, name.
    Undefined(String, String),
    /// A function uses what lies in a section that is none of data: function, section.
    NotData(String, String),
    /// A function uses a map: function, name.
    Map(String, String),
    /// A function takes the address of a function: function, name.
    FunctionAddress(String, String),
    /// Data has a pointer in it: section.
    PointerInData(String),
    /// A relocation is of a kind that there is no use for: its section, kind.
    Relocation(String, u32),
    /// More read-only data than a program may have.
    DataTooLong(u64),
    /// More variables than a program may have.
    VariablesTooLong(u64),
    /// Symbols, sections or line information contradict each other: what does.
    Malformed(&'static str),
}

impl LoadError {
    /// An error of an instruction where there are no sections.
    pub(crate) const fn at(slot: u32, fault: CodeFault) -> Self {
        Self::Code { section: String::new(), slot, source: String::new(), fault }
    }
}

impl std::error::Error for LoadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { section, slot, source, fault } => {
                write!(f, "instruction {slot}")?;
                if !section.is_empty() {
                    write!(f, " of section {section}")?;
                }
                if !source.is_empty() {
                    write!(f, " ({source})")?;
                }
                write!(f, ": {fault}")
            }
            Self::Object(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for CodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => {
                f.write_str("the code is not a whole number of instructions of 8 bytes, at least one")
            }
            Self::TooLong => {
                write!(f, "there are more than {} instructions", crate::program::INSTRUCTIONS_MAX)
            }
            Self::Opcode(opcode) => write!(f, "{opcode:#04x} is no opcode of RFC 9669"),
            Self::Reserved => f.write_str("a field that this instruction does not use is not 0"),
            Self::Register(number) => write!(f, "there is no register {number}"),
            Self::FrameWritten => f.write_str("register 10 points to the stack frame and cannot be written"),
            Self::Wide => f.write_str("the second half of a 64-bit constant is missing"),
            Self::Variant(offset) => write!(f, "offset {offset} names no variant of this operation"),
            Self::Order(bits) => {
                write!(f, "bytes of {bits} bits cannot be put in order, only of 16, 32 or 64")
            }
            Self::Atomic(number) => write!(f, "{number:#x} is no atomic operation on this size"),
            Self::LegacyPacketAccess => {
                f.write_str("legacy packet access (RFC 9669, section 5.5) is not supported")
            }
            Self::CallByRegister => {
                f.write_str("it calls through a function pointer: call the function by its name instead")
            }
            Self::KernelFunction => {
                f.write_str("it calls a kernel function: there is no kernel here, only helpers")
            }
            Self::Map(1..=2 | 5 | 6) => {
                f.write_str("it refers to a map: there are none here, records are reached by helpers")
            }
            Self::Map(4) => {
                f.write_str("it takes the address of a function: call the function by its name instead")
            }
            Self::Map(source) => write!(f, "a 64-bit constant of kind {source} means nothing here"),
            Self::DataOffset(offset) => write!(f, "it points to byte {offset} of data that ends before"),
            Self::Target => f.write_str("it jumps out of its function or into the middle of an instruction"),
            Self::FallsOff => {
                f.write_str("the function ends with it, though it is neither an exit nor a jump")
            }
            Self::Callee => f.write_str("it calls what is not the start of a function"),
            Self::Recursion => {
                f.write_str("it calls a function that it was called by: recursion is not supported")
            }
            Self::Depth => {
                write!(f, "it calls a function that is more than {} calls deep", crate::program::DEPTH_MAX)
            }
        }
    }
}

impl fmt::Display for ObjectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "this is no ELF object: {why}"),
            Self::NotBpf(what) => {
                write!(
                    f,
                    "this is {what}, no relocatable object for BPF: compile with `clang -O2 -g -target bpf -c`"
                )
            }
            Self::NoFunction => f.write_str("the object has no global function"),
            Self::ManyFunctions(names) => {
                write!(f, "the object has several functions, say which one to use: {}", names.join(", "))
            }
            Self::UnknownFunction(name, names) if names.is_empty() => {
                write!(f, "the object has no function `{name}`, and no other global one")
            }
            Self::UnknownFunction(name, names) => {
                write!(f, "the object has no function `{name}`, but {}", names.join(", "))
            }
            Self::Undefined(function, name) => write!(
                f,
                "function `{function}` uses `{name}`, which is not in the object: define it there, inline it, or use a helper"
            ),
            Self::NotData(function, section) => {
                write!(f, "function `{function}` uses section `{section}`, which holds no data")
            }
            Self::Map(function, name) => {
                write!(
                    f,
                    "function `{function}` uses map `{name}`: there are none here, records are reached by helpers"
                )
            }
            Self::FunctionAddress(function, name) => {
                write!(f, "function `{function}` takes the address of `{name}`: call it by its name instead")
            }
            Self::PointerInData(section) => {
                write!(
                    f,
                    "section `{section}` holds pointers: keep indexes or the values themselves there instead"
                )
            }
            Self::Relocation(section, kind) => {
                write!(f, "section `{section}` has a relocation of unknown kind {kind}")
            }
            Self::DataTooLong(bytes) => write!(
                f,
                "there are {bytes} bytes of read-only data, at most {} are allowed",
                crate::program::DATA_BYTES_MAX
            ),
            Self::VariablesTooLong(bytes) => write!(
                f,
                "there are {bytes} bytes of variables, at most {} are allowed",
                crate::program::VARIABLES_BYTES_MAX
            ),
            Self::Malformed(what) => write!(f, "the object contradicts itself: {what}"),
        }
    }
}
