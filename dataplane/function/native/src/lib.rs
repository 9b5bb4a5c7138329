//! Machine code of verified functions: the compiler (Cranelift), the arena that code lies in, the entry that a call can be taken back
//! from, and kernels of the vector helpers for the processor at hand. Unsafe code of the function engine stands here and nowhere else.

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!(
    "adit-native makes machine code for x86-64 Linux only: leave it out, the interpreter of adit-function runs everywhere"
);

mod arena;
mod compile;
mod ending;
mod entry;
mod fault;
pub mod kernels;
mod layout;
mod mapping;
mod memory_of_entry;
mod origin;
mod ranges;
mod reach;
mod subject;
mod thunk;
mod trampoline;
mod translate;
mod watchdog;

pub use arena::{ARENA_BYTES_MAX, Arena, Full, Installed};
pub use compile::{
    CODE_BYTES_MAX, Checks, Code, CompileError, Options, Termination, compile, compile_and_disassemble,
};
pub use entry::{Entry, Revoker, Turn};
pub use watchdog::{LOOK_MIN, Watch, Watchdog};

#[cfg(test)]
mod tests;
