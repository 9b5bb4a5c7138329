//! RESP 2 and 3, the protocol of Redis clients (<https://redis.io/docs/latest/develop/reference/protocol-spec/>).

pub mod client;
pub mod command;
pub mod docs;
pub mod glob;
pub mod inline;
pub mod number;
pub mod reply;
pub mod request;
pub mod subcommand;

pub use command::Command;

/// The version of the protocol that a connection speaks, chosen by `HELLO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// RESP 2, how every connection begins.
    #[default]
    Resp2,
    /// RESP 3.
    Resp3,
}
