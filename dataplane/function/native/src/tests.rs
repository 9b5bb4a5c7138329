//! Tests of compiled code: programs in assembly, with findings made up here, against the interpreter or what the specification says. Tests with
//! findings of the verifier stand in `tests/`.

mod arena;
mod bounds;
mod faults;
mod helpers;
mod numbers;
mod polling;
mod running;
mod support;
