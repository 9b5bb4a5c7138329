//! What a shard's TCP has counted: each reason has its name.

/// Counts since the start. `rx_` counts packets that came, `tx_` those that were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpCounters {
    /// Packets that were handed in.
    pub rx_packets: u64,
    /// No TCP segments, or such whose lengths contradict each other.
    pub rx_malformed: u64,
    /// Parts of packets.
    pub rx_fragments: u64,
    /// For addresses that are not ours, or from such as nobody can have.
    pub rx_misdirected: u64,
    /// With a wrong checksum.
    pub rx_damaged: u64,
    /// SYNs that were answered with a cookie.
    pub rx_syn: u64,
    /// SYNs to ports that nobody listens to.
    pub rx_syn_closed: u64,
    /// SYNs, and ends of handshakes, that found all connections taken.
    pub rx_syn_full: u64,
    /// Ends of handshakes whose cookie is not ours, or too old.
    pub rx_cookie_unknown: u64,
    /// Ends of handshakes whose cookie has made a connection before: late copies.
    pub rx_cookie_used: u64,
    /// Such that were dropped, since they may have overtaken the end of their handshake.
    pub rx_early: u64,
    /// Segments that belong to no connection.
    pub rx_stray: u64,
    /// Resets that were not exactly where the next byte of their connection belongs.
    pub rx_reset_inexact: u64,
    /// Segments of connections that are over and wait for late ones.
    pub rx_time_wait: u64,
    /// Packets that were made.
    pub tx_packets: u64,
    /// Resets among them that answer segments without a connection.
    pub tx_resets: u64,
    /// Packets that found no room and will be asked for again by the peer.
    pub tx_dropped: u64,
    /// Connections that were opened.
    pub opened: u64,
    /// Handshakes that smoltcp would not follow: none, unless its random numbers have changed.
    pub handshakes_failed: u64,
    /// Connections that the peer has reset, or that it has left without a word.
    pub lost: u64,
    /// Connections that ended in good order.
    pub ended: u64,
    /// Closed connections whose peer did not end them in time.
    pub closing_expired: u64,
    /// Closed connections that were ended early for a new one.
    pub closing_evicted: u64,
    /// Connections in TIME-WAIT that were forgotten early for another one.
    pub time_wait_evicted: u64,
    /// Times that used cookies were forgotten early.
    pub used_cookies_evicted: u64,
}
