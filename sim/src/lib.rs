//! The simulator: shards, native clients and the network between them on one thread, in virtual time, under a seed.
//!
//! A [`plan::Plan`] says what clients do and what goes wrong; it follows from the seed, or from a longer plan that was
//! shrunk. A [`world::World`] carries it out on the very shards and clients that run on real networks. Judges look at what
//! the clients were told: each key, or the whole store, must be linearizable, sums and appends exactly once, and at the end
//! nothing may be held.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a simulation fails where something is not as it must be")]

pub mod appliance;
pub mod client;
pub mod frames;
pub mod judge;
pub mod loss;
pub mod model;
pub mod order;
pub mod plan;
pub mod run;
pub mod world;
