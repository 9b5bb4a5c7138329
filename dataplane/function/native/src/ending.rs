//! How a call of compiled code ended, as the number that it returns beside the result: 0 if there is a result, else the kind of the trap in
//! the lowest byte, the refusal in the next one, the instruction in the upper half.

use adit_function::trap::{Refused, Trap};

pub(crate) const FUEL: u64 = 1;
pub(crate) const REVOKED: u64 = 2;
pub(crate) const OUT_OF_BOUNDS: u64 = 3;
pub(crate) const PROOF_BROKEN: u64 = 4;
pub(crate) const HELPER: u64 = 5;

/// The number of a trap of this kind at an instruction.
pub(crate) const fn at(kind: u64, instruction: u32) -> u64 {
    kind | (instruction as u64) << 32
}

/// What a helper returns beside its result if it refused.
pub(crate) fn refusal(refusal: Refused) -> u64 {
    let index = REFUSALS.iter().position(|known| *known == refusal).unwrap_or(REFUSALS.len());
    HELPER | (index as u64) << 8
}

/// What a number other than 0 says.
pub(crate) fn trap(number: u64) -> Trap {
    let instruction = u32::try_from(number >> 32).unwrap_or(u32::MAX);
    match number & 0xff {
        FUEL => Trap::Fuel,
        REVOKED => Trap::Revoked,
        OUT_OF_BOUNDS => Trap::OutOfBounds { instruction },
        PROOF_BROKEN => Trap::ProofBroken { instruction },
        HELPER => {
            let index = (number >> 8 & 0xff) as usize;
            Trap::Helper { instruction, refusal: *REFUSALS.get(index).expect("all refusals are listed") }
        }
        _ => unreachable!("compiled code ends in no other way"),
    }
}

const REFUSALS: &[Refused] = &[
    Refused::Output,
    Refused::Staged,
    Refused::Work,
    Refused::TooLong,
    Refused::Overlap,
    Refused::Count,
    Refused::Away,
    Refused::Elsewhere,
    Refused::Device,
];
