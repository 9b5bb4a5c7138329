//! The network stack of poll-mode ports, from Ethernet frames to datagrams and streams: no clock, no randomness, no locks.
#![forbid(unsafe_code)]

pub mod outbound;
pub mod tcp;
