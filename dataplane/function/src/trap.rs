//! Why a call of a function ended without a result. Nothing that it staged remains.

/// What ended a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trap {
    /// It used up its fuel.
    Fuel,
    /// It was told to stop, as its time was over.
    Revoked,
    /// A guard tripped: it reached for memory that it was not given.
    OutOfBounds {
        /// The instruction that did.
        instruction: u32,
    },
    /// A guard of a check build tripped where the verifier had proven that none can: a fault of the verifier.
    ProofBroken {
        /// The instruction that did.
        instruction: u32,
    },
    /// A helper refused.
    Helper {
        /// The call.
        instruction: u32,
        /// Why.
        refusal: Refused,
    },
}

/// Why a helper refused, so that the call ended. What a program can go on from is a result of its helper instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// More output than the call may emit.
    Output,
    /// More writes, or bytes of them, than a call may stage.
    Staged,
    /// More bytes than helpers may work on in a call.
    Work,
    /// A key or a value longer than there are.
    TooLong,
    /// Output that overlaps input.
    Overlap,
    /// More elements than room for them was named.
    Count,
    /// A record is not in memory; when it has been loaded the call can begin again.
    Away,
    /// A record belongs to another shard.
    Elsewhere,
    /// The device of a record has failed.
    Device,
}
