//! What a shard's TCP is told when it is made, and its limits.

use std::net::IpAddr;

/// How a shard speaks TCP.
#[derive(Clone, Debug)]
pub struct TcpConfig {
    /// The ports that are listened to; the place of a port is the index that `Event::Opened` names.
    pub listeners: Vec<u16>,
    /// The addresses that are ours.
    pub addresses: Vec<IpAddr>,
    /// Longest IP packet that the device carries, in bytes.
    pub mtu_bytes: usize,
    /// Most connections, those that are being closed counted; see [`TcpConfig::connection_bytes`].
    pub connections_max: usize,
    /// Bytes that a connection holds at most of what came and the shard has not taken yet: the TCP window.
    pub receive_bytes: usize,
    /// Bytes that a connection holds at most of what was sent and not acknowledged.
    pub send_bytes: usize,
    /// Whether checksums of what is sent are computed here; else the device has to.
    pub computes_checksums: bool,
    /// Drawn at random when the process started. Shards may share it.
    pub secret: u128,
}

impl TcpConfig {
    /// Bytes that a connection takes at most: connections of a shard are its memory for them divided by this.
    pub fn connection_bytes(&self) -> usize {
        self.receive_bytes + self.send_bytes + CONNECTION_OWN_BYTES
    }

    /// # Panics
    /// If a limit is none.
    pub(super) fn check(&self) {
        assert!((MTU_BYTES_MIN..=MTU_BYTES_MAX).contains(&self.mtu_bytes), "an MTU that TCP can use");
        assert!((BUFFER_BYTES_MIN..=BUFFER_BYTES_MAX).contains(&self.receive_bytes), "a receive buffer");
        assert!((BUFFER_BYTES_MIN..=BUFFER_BYTES_MAX).contains(&self.send_bytes), "a send buffer");
        assert!((1..=CONNECTIONS_MAX).contains(&self.connections_max), "a number of connections");
    }
}

/// Bytes of a receive buffer where nothing else was said.
pub const RECEIVE_BYTES_DEFAULT: usize = 16 << 10;
/// Bytes of a send buffer where nothing else was said.
pub const SEND_BYTES_DEFAULT: usize = 32 << 10;
/// A peer that owes an acknowledgment, or answers no keep-alive, for this long is gone.
pub const SILENCE_NS_MAX: u64 = 180_000_000_000;
/// A connection on which nothing has moved for this long is asked whether it is still there.
pub const KEEP_ALIVE_NS: u64 = 60_000_000_000;
/// How long an acknowledgment waits for a reply to ride on.
pub const ACK_DELAY_NS: u64 = 10_000_000;
/// How long a connection that the shard has closed may take to deliver some of what was accepted, or to end.
pub const CLOSING_NS_MAX: u64 = 60_000_000_000;
/// How often it gets as much time again, if the peer has taken some.
pub const CLOSING_EXTENSIONS_MAX: u8 = 9;
/// Most packets that one flush makes.
pub const FLUSH_PACKETS_MAX: usize = 512;
/// Most connections that one flush looks at.
pub const FLUSH_CONNECTIONS_MAX: usize = 2048;
/// Most packets that a connection sends before the next one has its turn.
pub const BURST_PACKETS_MAX: usize = 8;
/// Most timers that one flush looks at.
pub const TIMERS_PER_FLUSH_MAX: usize = 1024;
/// Used cookies that are remembered, for each connection that may be.
pub(super) const USED_COOKIES_PER_CONNECTION: usize = 8;

/// What a connection takes beside its buffers: the socket, its place in the tables, its timer.
const CONNECTION_OWN_BYTES: usize = 2 << 10;
/// The least MTU of IPv4 hosts (RFC 791), and what lengths in IP headers can say.
const MTU_BYTES_MIN: usize = 576;
const MTU_BYTES_MAX: usize = 65_535;
const BUFFER_BYTES_MIN: usize = 1 << 10;
const BUFFER_BYTES_MAX: usize = 4 << 20;
const CONNECTIONS_MAX: usize = 1 << 24;
