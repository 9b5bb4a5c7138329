//! Simulated devices: what a seed says happens, happens, and happens again.

mod network;
mod port;
mod random;

pub use network::{SimClient, SimNetwork, SimStreams};
pub use port::{SimPort, SimWire};
pub use random::Random;
