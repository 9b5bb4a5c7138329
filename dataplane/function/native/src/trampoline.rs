//! The way into compiled code and out of it. It keeps the registers that a function has to keep on the stack, and that stack pointer in the entry, so
//! that the fault handler can continue at the way out whatever the compiled code was doing.

use crate::layout::State;

/// How a call ended.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Returned {
    /// Register 0 of the program.
    pub(crate) result: u64,
    /// See [`crate::ending`].
    pub(crate) ending: u64,
}

// System V ABI, AMD64: arguments in rdi, rsi, rdx; results in rax and rdx; rbx, rbp and r12 to r15 are kept; rsp is a multiple of 16 at
// a call. The address of the entry starts with the place for the stack pointer.
std::arch::global_asm!(
    ".text",
    ".p2align 4",
    ".hidden adit_function_enter",
    ".globl adit_function_enter",
    ".type adit_function_enter, @function",
    "adit_function_enter:",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    "mov qword ptr [rdi], rsp",
    "call rdx",
    ".hidden adit_function_leave",
    ".globl adit_function_leave",
    "adit_function_leave:",
    "add rsp, 8",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    ".size adit_function_enter, . - adit_function_enter",
);

unsafe extern "sysv64" {
    /// Calls the code at `start` with an entry and a context.
    ///
    /// # Safety
    /// `start` is where code that [`crate::compile`] has made for this layout of the entry starts in an arena, and all that
    /// it was compiled to reach is there: the context, what it points to, and what helpers are given.
    #[link_name = "adit_function_enter"]
    pub(crate) fn enter(entry: *const State, context: u64, start: usize) -> Returned;

    /// Not a function: where `enter` goes on when the code returns.
    #[link_name = "adit_function_leave"]
    safe fn leave();
}

/// Where the fault handler goes on, with the stack pointer that `enter` has kept.
pub(crate) fn leave_address() -> usize {
    (leave as *const ()).addr()
}
