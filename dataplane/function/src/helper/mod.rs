//! Helpers: what functions call by number. One table says what each takes, gives and does; the rules of the verifier, both engines, the header in C and
//! the documentation are made from it.

mod bytes;
mod fixed;
pub mod kernels;
mod records;
mod table;
mod vector;

pub use bytes::{Compare, Copy, Crc32c, Fill, Find, FindByte, Hash};
pub use fixed::{ExpQ16, SigmoidQ16, TanhQ16};
pub use kernels::{Kernels, SCALAR};
pub use records::{Add, Delete, Emit, Get, GetMany, NowMs, Put, PutIf, Version};
pub use table::{SIGNATURES, call, signature};
pub use vector::{CountAbove, CountEqual, Dot, Gemv, Max, Min, SelectAbove, Sum, SumAbove};

use crate::call::Call;
use crate::memory::{Memory, Place};
use crate::signature::{Argument, ArgumentKind, Extent, Signature};
use crate::trap::Refused;

/// A helper. It is written once, for all engines.
pub trait Helper {
    /// Its number, the one in `SIGNATURE`.
    const NUMBER: u32 = Self::SIGNATURE.number;
    /// What it takes and gives.
    const SIGNATURE: Signature;

    /// Does it.
    ///
    /// # Errors
    /// [`Failure`], which ends the call of the function.
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure>;
}

/// Why a helper has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// This argument, from 0 to 4, does not point to memory that may be used so: with a program that was verified, and guarded where that says so, this
    /// cannot be.
    Argument(u8),
    /// It refused.
    Refused(Refused),
}

impl From<Refused> for Failure {
    fn from(refusal: Refused) -> Self {
        Self::Refused(refusal)
    }
}

/// The place that argument `argument` points to, of so many bytes.
#[inline]
const fn place(argument: u8, arguments: [u64; 5], bytes: u64) -> Place {
    Place { argument, address: arguments[argument as usize], bytes }
}

/// The place of elements; no memory is as long as what does not fit 64 bits.
#[inline]
fn elements(argument: u8, arguments: [u64; 5], unit_bytes: u64, factors: &[u64]) -> Result<Place, Failure> {
    let bytes = factors.iter().try_fold(unit_bytes, |bytes, &factor| bytes.checked_mul(factor));
    Ok(place(argument, arguments, bytes.ok_or(Failure::Argument(argument))?))
}

/// A number that fits memory, as it was compared with the length of some.
#[inline]
fn bounded(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

const fn number(name: &'static str, c_type: &'static str) -> Argument {
    Argument { name, c_type, kind: ArgumentKind::Number }
}

const fn readable(name: &'static str, c_type: &'static str, extent: Extent) -> Argument {
    Argument { name, c_type, kind: ArgumentKind::Readable(extent) }
}

const fn writable(name: &'static str, c_type: &'static str, extent: Extent) -> Argument {
    Argument { name, c_type, kind: ArgumentKind::Writable(extent) }
}

const fn extent(unit_bytes: u32, factors: &'static [u8]) -> Extent {
    Extent { unit_bytes, factors }
}
