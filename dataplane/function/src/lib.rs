//! User functions: eBPF programs (RFC 9669) that run next to the data. This room loads them (`elf`, `decode`), verifies them
//! (`verify`) and interprets them; `native/` compiles what was verified. It knows no shard and no store but through a trait.
//!
//! A program is trusted with nothing. The verifier proves of each access that it stays in memory that the program was given, or says
//! that it has to be guarded at run time; it refuses what mixes up pointers and numbers. See `docs/functions.md`.
#![forbid(unsafe_code)]

pub mod arithmetic;
pub mod assembly;
pub mod call;
pub mod decode;
pub mod elf;
pub mod encode;
pub mod encoding;
pub mod helper;
pub mod hook;
pub mod instruction;
pub mod interpret;
pub mod load;
pub mod memory;
pub mod program;
pub mod records;
pub mod signature;
pub mod stage;
pub mod store;
pub mod trap;
pub mod verified;
pub mod verify;
