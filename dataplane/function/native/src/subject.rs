//! What is compiled: a program and what the verifier found about it.

use adit_function::hook::Hook;
use adit_function::instruction::Instruction;
use adit_function::program::{DEPTH_MAX, Program};
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
    ///
    /// # Panics
    /// If functions call each other in a circle, or deeper than programs may: what is loaded never does.
    pub(crate) fn depths(&self) -> Vec<u32> {
        let calls = self.calls();
        let mut depths = vec![0_u32; self.program.functions.len()];
        for _ in 0..=DEPTH_MAX {
            let mut is_settled = true;
            for &(caller, callee) in &calls {
                let depth = depths[caller] + 1;
                if depths[callee] < depth {
                    depths[callee] = depth;
                    is_settled = false;
                }
            }
            if is_settled {
                let deepest = depths.iter().max().map_or(0, |depth| *depth as usize);
                assert!(deepest < DEPTH_MAX, "functions are called {deepest} deep");
                return depths;
            }
        }
        panic!("functions call each other in a circle");
    }

    /// Which function calls which.
    fn calls(&self) -> Vec<(usize, usize)> {
        let mut calls = Vec::new();
        for (caller, function) in self.program.functions.iter().enumerate() {
            for instruction in &self.program.instructions[function.start as usize..function.end as usize] {
                if let Instruction::CallFunction { function } = *instruction {
                    calls.push((caller, function as usize));
                }
            }
        }
        calls
    }
}
