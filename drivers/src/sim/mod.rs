//! Simulated devices: what a seed says happens, happens, and happens again.

mod cable;
mod datagrams;
mod faults;
mod network;
mod nic;
mod port;
mod random;
mod wire;

pub use cable::{CableFaults, SimFrames};
pub use datagrams::{SimDatagram, SimDatagrams};
pub use faults::{BITS_FLIPPED_MAX, COPIES_MAX, DatagramCounts, LATE_ONE_IN, SimFaults};
pub use network::{SimClient, SimNetwork, SimStreams};
pub use port::SimPort;
pub use random::Random;
pub use wire::WirePort;
