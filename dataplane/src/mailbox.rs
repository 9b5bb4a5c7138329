//! Commands from control to a shard: one closed enum.

/// What control tells a shard to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send what is due, close every connection, and end.
    Shutdown,
}
