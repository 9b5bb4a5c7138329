//! Programs as text: the syntax of the public conformance suite for BPF, which is that of uBPF, assembled to bytes and shown again.
//!
//! ```text
//! start:                      a label; that of the first `exit` need not be written
//!     mov %r0, -1             add sub mul div sdiv mod smod or and xor lsh rsh arsh, each with 32 behind it as well
//!     movsx832 %r0, %r1       movsx1632, movsx864, movsx1664, movsx3264; neg, neg32
//!     be16 %r0                be le swap, each of 16, 32 or 64
//!     lddw %r1, 0x123456789   or data[8], variables[8]: into the data and the variables of the program
//!     ldxw %r2, [%r1+4]       b h w dw, and with the sign ldxsb ldxsh ldxsw
//!     stw [%r10-8], 7         a number; stxw a register
//!     lock fetch add [%r10-8], %r1     or and xor, with `fetch` or not; xchg cmpxchg; each with 32 behind it as well
//!     jeq %r1, 5, start       jne jgt jge jlt jle jsgt jsge jslt jsle jset, each with 32 behind it as well; a label, or +1 slots
//!     ja start                ja32 as far as it takes
//!     call 1                  a helper by its number
//!     call local function     a function of the program: a label
//!     exit
//! .data 00 ff zero 6          appends bytes to the read-only data, .variables to the variables; zero 6 is six of them
//! # a comment, or ; one
//! ```

mod parse;
mod show;

use std::fmt;

use crate::decode::decode_with;
use crate::program::Program;

pub use show::disassemble;

/// Assembles the code of a program; its data and variables are not in it.
///
/// # Errors
/// If the text is none of this syntax. That the code is a program is for [`decode`](crate::decode::decode) to say.
pub fn assemble(text: &str) -> Result<Vec<u8>, AssemblyError> {
    Ok(parse::parse(text)?.code)
}

/// Assembles a program with its data.
///
/// # Errors
/// If the text is none of this syntax, or the code is no program.
pub fn program(text: &str) -> Result<Program, AssemblyError> {
    let parsed = parse::parse(text)?;
    decode_with(&parsed.code, parsed.data, parsed.variables)
        .map_err(|error| AssemblyError { line: 0, why: error.to_string() })
}

/// Why a text is not assembled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AssemblyError {
    /// Its line, from 1 on; 0 for the whole of it.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl std::error::Error for AssemblyError {}

impl fmt::Display for AssemblyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { f.write_str(&self.why) } else { write!(f, "line {}: {}", self.line, self.why) }
    }
}

#[cfg(test)]
mod tests;
