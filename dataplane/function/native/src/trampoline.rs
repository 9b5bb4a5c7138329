//! The way into compiled code and out of it. It keeps on the stack what the compiler of Rust cannot be told to keep, and in the entry where that is. The
//! call leaves below it where to go on, so that the fault handler can do so whatever the compiled code was doing.

use std::mem::offset_of;

use crate::layout::State;

/// How a call ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Returned {
    /// Register 0 of the program.
    pub(crate) result: u64,
    /// See [`crate::ending`].
    pub(crate) ending: u64,
}

/// What helpers return to compiled code: both in registers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The result.
    pub(crate) result: u64,
    /// See [`crate::ending`], without the instruction.
    pub(crate) ending: u64,
}

/// Calls the code at `start` with an entry and a context.
///
/// System V ABI, AMD64: arguments in rdi and rsi, results in rax and rdx; compiled code keeps rbx, rbp and r12 to r15, the fault handler comes without
/// them. The block does not promise to leave the stack alone, so that the stack pointer is a multiple of 16 at its start, and at the call.
///
/// # Safety
/// `start` is where code that [`crate::compile()`] has made for this layout of the entry starts in an arena, and all that it was compiled to reach
/// is there: the context, what it points to, and what helpers are given. The entry is one of this thread.
#[inline]
pub(crate) unsafe fn enter(entry: *const State, context: u64, start: usize) -> Returned {
    let (result, ending): (u64, u64);
    // SAFETY: the caller keeps the promises that the code relies on. Whether the code returns or the fault handler does, the stack
    // pointer is the one that was kept, rbx and rbp come from there, and all other registers are given up.
    unsafe {
        std::arch::asm!(
            "push rbx",
            "push rbp",
            "mov qword ptr [rdi + {save}], rsp",
            "call rax",
            "pop rbp",
            "pop rbx",
            save = const offset_of!(State, save),
            inout("rdi") entry => _,
            inout("rsi") context => _,
            inout("rax") start => result,
            out("rdx") ending,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("sysv64"),
        );
    }
    Returned { result, ending }
}
