//! Helpers called as engines call them, on a memory that is an array.

mod elements;
mod flat;
mod plain;
mod records;
