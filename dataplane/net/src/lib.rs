//! The network stack of poll-mode ports, from Ethernet frames to datagrams and streams: no clock, no randomness, no locks.
#![forbid(unsafe_code)]

mod answers;
mod arp;
mod bucket;
mod bytes;
pub mod checksum;
pub mod config;
pub mod counters;
pub mod echo;
mod ethernet;
mod gather;
pub mod handles;
pub mod handover;
mod icmp;
mod ip;
mod ipv4;
mod ipv6;
mod nd;
pub mod neighbours;
pub mod outbound;
mod receive;
mod routes;
pub mod sources;
pub mod stack;
pub mod steering;
mod streams;
pub mod tcp;
mod templates;
mod transmit;
mod udp;

pub use config::{ConfigError, StackConfig};
pub use counters::{NetCounters, Reason};
pub use ethernet::Mac;
pub use handles::{NetPort, SharedStack};
pub use handover::Handover;
pub use stack::Stack;
pub use streams::NetStreams;
