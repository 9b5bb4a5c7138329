//! The program `adit`.
fn main() {}
