//! What is compiled: a program and what the verifier found about it.

use adit_function::hook::Hook;
use adit_function::instruction::Instruction;
use adit_function::program::Program;
use adit_function::verified::{Finding, Frame, Verified};

/// A program with its findings. Outside of tests it is made of a [`Verified`] only.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) program: &'a Program,
    pub(crate) hook: &'static Hook,
    pub(crate) findings: &'a [Finding],
    pub(crate) frames: &'a [Frame],
}

impl<'a> Subject<'a> {
    pub(crate) fn of(verified: &'a Verified) -> Self {
        Self {
            program: verified.program(),
            hook: verified.hook(),
            findings: verified.findings(),
            frames: verified.frames(),
        }
    }

    /// How many functions at most are in the middle of a call when each function is called. As no function calls itself, two that run at
    /// the same time have different depths, so that each has a frame of its own at a place that is known.
    pub(crate) fn depths(&self) -> Vec<u32> {
        let count = self.program.functions.len();
        let mut depths = vec![0_u32; count];
        // A path through all functions has fewer steps than there are functions.
        for _ in 0..count {
            for (caller, function) in self.program.functions.iter().enumerate() {
                for instruction in &self.program.instructions[function.start as usize..function.end as usize]
                {
                    if let Instruction::CallFunction { function } = *instruction {
                        depths[function as usize] = depths[function as usize].max(depths[caller] + 1);
                    }
                }
            }
        }
        depths
    }
}
