//! The loops of helpers for the vector units of the processor. They give what those of `adit_function::helper::kernels` give; which ones are used is
//! found out when the program runs.
//!
//! Some are safe code that is written so that the compiler puts many elements into a register (`wide`, and the plain ones of `adit_function`),
//! compiled once for each kind of vector unit. Others are instructions of AVX-512 by their names (`narrow`, `select`, `dot`, `find`,
//! `hash`, `crc`); what is unsafe about them, loads and stores, is in `registers`.

#[cfg(target_arch = "x86_64")]
mod crc;
#[cfg(target_arch = "x86_64")]
mod dot;
#[cfg(target_arch = "x86_64")]
mod find;
#[cfg(target_arch = "x86_64")]
mod hash;
#[cfg(target_arch = "x86_64")]
mod narrow;
#[cfg(target_arch = "x86_64")]
mod registers;
#[cfg(target_arch = "x86_64")]
mod select;
#[cfg(target_arch = "x86_64")]
mod tables;
#[cfg(target_arch = "x86_64")]
mod wide;

use std::sync::LazyLock;

use adit_function::helper::{Kernels, SCALAR};

/// The fastest loops that this processor can run: looked for once, so that each call may ask.
pub fn best() -> &'static Kernels {
    static BEST: LazyLock<&Kernels> = LazyLock::new(|| all().last().map_or(&SCALAR, |(_, kernels)| kernels));
    &BEST
}

/// All loops that this processor can run, the fastest last, with a name.
pub fn all() -> Vec<(&'static str, &'static Kernels)> {
    let mut all = vec![("scalar", &SCALAR)];
    #[cfg(target_arch = "x86_64")]
    all.extend(tables::all());
    all
}

#[cfg(test)]
mod tests;
