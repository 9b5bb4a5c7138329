//! How a session's peer is reached.

use std::net::SocketAddr;

use adit_drivers::streams::ConnectionId;

/// How a peer is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// By datagrams of the interface with this number to this address.
    Datagram(u8, SocketAddr),
    /// By a stream.
    Stream(ConnectionId),
}
