//! Machine code of verified functions: the compiler (Cranelift), the arena that code lies in, the entry that a call can be taken back
//! from, and kernels of the vector helpers for the processor at hand. Unsafe code of the function engine stands here and nowhere else.

pub mod kernels;
