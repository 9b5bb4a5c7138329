//! TCP against clients of smoltcp over networks that lose, double, reorder and harm packets.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::allow_attributes,
    reason = "tests, whose numbers are small"
)]

mod ends;
mod fuzz;
mod limits;
mod transfer;
mod world;
