//! What the verifier may spend on a program.

/// What the verifier may spend on a program. It refuses what needs more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Steps: instructions that are visited, and what joins and searches cost in terms of them; each takes 30 to 60 nanoseconds.
    pub steps: u32,
    /// Bytes of all states that are kept at a time.
    pub state_bytes: usize,
}

impl Budget {
    /// The one of servers: about 5 ms.
    pub const SERVER: Self = Self { steps: 80_000, state_bytes: 8 << 20 };
}

impl Default for Budget {
    fn default() -> Self {
        Self::SERVER
    }
}
