//! Compares the verifier with PREVAIL, another one, which runs in a child process: it may hang.
#![forbid(unsafe_code)]

mod child;
