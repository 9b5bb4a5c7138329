//! What the verifier found: of each access whether it is proven or to be guarded. Only the verifier makes a `Verified`, and only a
//! `Verified` is compiled.

use crate::hook::Hook;
use crate::program::Program;

/// A program that the verifier has accepted for a hook.
#[derive(Clone, Debug)]
pub struct Verified {
    pub(crate) program: Program,
    pub(crate) hook: &'static Hook,
    pub(crate) findings: Vec<Finding>,
    pub(crate) frames: Vec<Frame>,
}

/// What the verifier found about an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Finding {
    /// There is nothing to know.
    #[default]
    Nothing,
    /// It is never reached.
    Unreachable,
    /// A load, store or atomic operation.
    Access(Verdict),
    /// A call of a helper: bit i says that the memory of argument i has to be guarded by the bounds of its pointer.
    Call {
        /// The arguments.
        guarded: u8,
    },
    /// An addition whose source, not destination, is the pointer.
    PointerInSource,
}

/// Whether an access can leave its memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It cannot.
    Proven,
    /// It has to be checked against the bounds of the memory that its pointer was made for (its shadow).
    Bounds,
    /// It has to be checked against a part of this function's own stack frame.
    Stack {
        /// The first byte that may be touched, as an offset from register 10: -512 and up.
        low: i16,
        /// One behind the last, up to 0.
        high: i16,
    },
}

/// What the verifier found about the stack frame of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// From this offset from register 10 on (-512 to 0) the frame has to be there.
    pub low: i16,
    /// The bytes that have to be zero when the function is entered, as offsets from register 10: they are read by an index that is not
    /// known, and may not have been written.
    pub zeroed: (i16, i16),
}

impl Verified {
    /// The program.
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// The hook that it was verified for.
    pub const fn hook(&self) -> &'static Hook {
        self.hook
    }

    /// What was found about each instruction.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What was found about the stack frame of each function.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }
}
