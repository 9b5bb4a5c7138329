//! Why a call was stopped, in words, with the line of the source that did it.

use adit_function::helper;
use adit_function::instruction::Instruction;
use adit_function::program::Program;
use adit_function::trap::{Refused, Trap};

use super::listing::at;
use super::report::place;

/// The words.
pub(crate) fn words(trap: Trap, program: &Program) -> String {
    let here = |instruction: u32| at(place(program, instruction).as_ref(), instruction);
    match trap {
        Trap::Fuel => "it used up its fuel; if it only needs more of it, give it more with --fuel".to_owned(),
        Trap::Revoked => "its time was over".to_owned(),
        Trap::OutOfBounds { instruction } => format!(
            "{}: it reached for memory that it was not given; compare with the end of the memory first",
            here(instruction)
        ),
        Trap::ProofBroken { instruction } => format!(
            "{}: it reached for memory that it was not given, and the verifier had proven that it does not. Please report this, with the object",
            here(instruction)
        ),
        Trap::Helper { instruction, refusal } => {
            format!(
                "{}: {} refused: {}",
                here(instruction),
                helper_name(program, instruction),
                refused(refusal)
            )
        }
    }
}

fn helper_name(program: &Program, instruction: u32) -> &'static str {
    match program.instructions.get(instruction as usize) {
        Some(Instruction::CallHelper { number }) => {
            helper::signature(*number).map_or("a helper", |signature| signature.name)
        }
        _ => "a helper",
    }
}

const fn refused(refusal: Refused) -> &'static str {
    match refusal {
        Refused::Output => "there is more output than a call may emit",
        Refused::Staged => "there are more writes, or bytes of them, than a call may stage",
        Refused::Work => "helpers would go through more bytes than they may in a call",
        Refused::TooLong => "the key or the value is longer than there are",
        Refused::Overlap => "what it would write overlaps what it reads",
        Refused::Count => "there are more elements than room for them was named",
        Refused::Away => "the record is not in memory",
        Refused::Elsewhere => "another shard has the record",
        Refused::Device => "the device of the record has failed",
    }
}
