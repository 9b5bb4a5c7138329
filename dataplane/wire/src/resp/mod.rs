//! RESP 2 and 3, the protocol of Redis clients.

pub mod client;
