//! The examples of `functions/`: they compile with each clang that is here, are verified, and do what plain code does, in each engine.
#![allow(unreachable_pub, reason = "modules of a test")]

mod calls;
mod clang;
mod engines;
mod model;
mod records;
mod verdicts;
