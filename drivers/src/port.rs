//! The contract of datagram ports: bursts of trains in and out.
//!
//! A train is one buffer of datagrams of one peer. All have the same length, the stride, but the last may be
//! shorter: what the UDP offloads of the kernel give and take (udp(7): `UDP_GRO`, `UDP_SEGMENT`). Where there is no
//! offload every train has one datagram.
//!
//! Who owns a buffer when: a received [`Mbuf`] belongs to the shard until it is transmitted or dropped; a dropped one
//! returns to its mempool. A transmitted one belongs to the port until the device is done with it. A port whose
//! mempool is empty receives nothing, and says how often that was.

use std::net::SocketAddr;
use std::ops::Range;

use crate::buffer::Buffer;
pub use crate::buffer::Mempool;
use crate::frames::Frame;
use crate::tail::Tail;

/// A buffer with a train of datagrams.
pub struct Mbuf {
    buffer: Buffer,
    /// What its only datagram ends with, behind the bytes in the buffer.
    tail: Option<Tail>,
    /// Bytes in front of the train.
    start_bytes: usize,
    len_bytes: usize,
    stride_bytes: usize,
    /// Datagrams that may follow: none behind one that is shorter than the stride.
    left_count: usize,
    /// Bytes at the front that the device has taken.
    sent_bytes: usize,
    peer: SocketAddr,
}

impl Mbuf {
    /// An empty train to `peer`, behind a headroom.
    #[inline]
    pub(crate) fn new(buffer: Buffer, headroom_bytes: usize, peer: SocketAddr) -> Self {
        Self {
            // Where headers stand in front of each datagram, there is one in a buffer.
            left_count: if headroom_bytes > 0 { 1 } else { TRAIN_DATAGRAMS_MAX },
            buffer,
            tail: None,
            start_bytes: headroom_bytes,
            len_bytes: 0,
            stride_bytes: 0,
            sent_bytes: 0,
            peer,
        }
    }

    /// A received train of one datagram: the bytes of `frame`, whose headers were pulled off.
    #[inline]
    pub fn of_frame(frame: Frame, peer: SocketAddr) -> Self {
        let (buffer, start_bytes, len_bytes) = frame.into_parts();
        Self {
            buffer,
            tail: None,
            start_bytes,
            len_bytes,
            stride_bytes: len_bytes,
            left_count: 0,
            sent_bytes: 0,
            peer,
        }
    }

    /// The train as a frame, for headers to be put in front of its only datagram.
    #[inline]
    pub fn into_frame(self) -> Frame {
        let mut frame = Frame::from_parts(self.buffer, self.start_bytes, self.len_bytes);
        frame.set_tail(self.tail);
        frame
    }

    /// Lets the only datagram end with bytes that lie elsewhere, behind those that were pushed, which are all that its other
    /// functions speak of.
    ///
    /// # Panics
    /// If the train is not one of a queue of frames, whose mempool has a headroom, or has not one datagram: nobody else
    /// transmits tails.
    #[inline]
    pub fn set_tail(&mut self, tail: Tail) {
        assert!(self.buffer.mempool().headroom_bytes() > 0, "only queues of frames transmit tails");
        assert!(self.datagram_count() == 1, "a train with a tail has one datagram");
        (self.tail, self.left_count) = (Some(tail), 0);
    }

    /// Bytes of the datagram behind those in the buffer.
    #[inline]
    pub fn tail_len_bytes(&self) -> usize {
        self.tail.as_ref().map_or(0, Tail::len_bytes)
    }

    /// Who a received train came from; who one to be transmitted goes to.
    #[inline]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// All bytes of the train, up to the tail of one to be transmitted.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start_bytes..self.start_bytes + self.len_bytes]
    }

    /// Bytes of each datagram but the last, which has at most as many; 0 if the train is empty.
    #[inline]
    pub fn stride_bytes(&self) -> usize {
        self.stride_bytes
    }

    /// The datagrams, none of which is empty. Datagram `i` starts at `i * stride_bytes`.
    #[inline]
    pub fn datagrams(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.bytes().chunks(self.stride_bytes.max(1))
    }

    /// Datagrams in the train; a received train may have more than [`TRAIN_DATAGRAMS_MAX`].
    #[inline]
    pub fn datagram_count(&self) -> usize {
        self.len_bytes.div_ceil(self.stride_bytes.max(1))
    }

    /// Bytes of the train by their place: a whole datagram, or a part of it that a decoder came across.
    ///
    /// # Panics
    /// If the train is shorter.
    #[inline]
    pub fn datagram(&self, range: Range<usize>) -> &[u8] {
        &self.bytes()[range]
    }

    /// Room for another datagram at the end of the train, or nothing if the train does not take it: it is longer
    /// than the stride, it follows a shorter one, or the train has no room left. The first datagram sets the stride.
    ///
    /// The caller writes all of the room: until then it holds what an earlier train left there.
    ///
    /// # Panics
    /// If `len_bytes` is 0: no train carries empty datagrams.
    #[inline]
    pub fn push(&mut self, len_bytes: usize) -> Option<&mut [u8]> {
        assert!(len_bytes > 0, "a datagram of a train has at least one byte");
        if !self.takes(len_bytes) {
            return None;
        }
        if self.len_bytes == 0 {
            self.stride_bytes = len_bytes;
        }
        self.left_count = if len_bytes < self.stride_bytes { 0 } else { self.left_count - 1 };
        let start = self.start_bytes + self.len_bytes;
        self.len_bytes += len_bytes;
        Some(&mut self.buffer[start..start + len_bytes])
    }

    /// Whether the train takes another datagram of `len_bytes`.
    #[inline]
    pub fn takes(&self, len_bytes: usize) -> bool {
        let room_bytes =
            (self.buffer.len() - self.start_bytes).min(TRAIN_BYTES_MAX).saturating_sub(self.len_bytes);
        let is_open = self.len_bytes == 0 || (len_bytes <= self.stride_bytes && self.left_count > 0);
        is_open && len_bytes <= room_bytes
    }

    /// The datagrams that the device has not taken.
    #[inline]
    pub(crate) fn unsent(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.unsent_bytes().chunks(self.stride_bytes.max(1))
    }

    /// Their bytes.
    #[inline]
    pub(crate) fn unsent_bytes(&self) -> &[u8] {
        &self.bytes()[self.sent_bytes..]
    }

    /// Their bytes in runs of whole datagrams: one datagram each, or as many as one send may carry.
    #[inline]
    pub(crate) fn unsent_runs(&self, joined: bool) -> impl Iterator<Item = &[u8]> {
        let stride_bytes = self.stride_bytes.max(1);
        let most = (TRAIN_BYTES_MAX / stride_bytes).clamp(1, TRAIN_DATAGRAMS_MAX);
        self.unsent_bytes().chunks(if joined { most * stride_bytes } else { stride_bytes })
    }

    /// Counts datagrams off the front of the unsent ones as taken by the device.
    #[inline]
    pub(crate) fn advance(&mut self, sent_bytes: usize) {
        assert!(sent_bytes <= self.len_bytes - self.sent_bytes, "a device took more than a train has");
        self.sent_bytes += sent_bytes;
    }

    /// Makes a train that was transmitted one that was received from `peer`.
    #[inline]
    pub(crate) fn come_from(&mut self, peer: SocketAddr) {
        self.peer = peer;
    }

    /// The whole buffer, for a device to receive into; [`Mbuf::fill`] says what it received.
    #[inline]
    pub(crate) fn buffer_mut(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// Makes the first bytes of the buffer a train.
    #[inline]
    pub(crate) fn fill(&mut self, peer: SocketAddr, len_bytes: usize, stride_bytes: usize) {
        assert!(len_bytes <= self.buffer.len() && stride_bytes <= len_bytes, "a device received too much");
        (self.peer, self.len_bytes, self.stride_bytes, self.left_count) = (peer, len_bytes, stride_bytes, 0);
        self.start_bytes = 0;
    }
}

/// What a port has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Datagrams handed to the shard.
    pub rx_datagrams: u64,
    /// Trains that were received and dropped: longer than a buffer, empty, or without a port to answer to.
    pub rx_dropped: u64,
    /// Receives that had to leave what came, since no buffer was free.
    pub rx_no_buffer: u64,
    /// Datagrams that the device took.
    pub tx_datagrams: u64,
    /// Datagrams dropped because the device refused their destination or their length.
    pub tx_refused: u64,
    /// Transmits that the device did not take all of.
    pub tx_blocked: u64,
    /// Frames whose end the device took from where that lay.
    pub tx_tails: u64,
    /// Frames that came for other shards, and were handed over to them.
    pub rx_handed_over: u64,
}

/// Bytes of a buffer that holds any train.
pub const MBUF_BYTES: usize = 64 << 10;
/// Most trains of one received burst.
pub const BURST_MAX: usize = 32;
/// Most datagrams of a train to be transmitted: `UDP_MAX_SEGMENTS` of Linux before 6.9.
pub const TRAIN_DATAGRAMS_MAX: usize = 64;
/// Most bytes of a train to be transmitted: one UDP payload over IPv4, 65,535 less the headers of 20 and 8.
pub const TRAIN_BYTES_MAX: usize = 65_507;

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 7))
    }

    fn lengths(mbuf: &Mbuf) -> Vec<usize> {
        assert_eq!(mbuf.datagrams().len(), mbuf.datagram_count());
        mbuf.datagrams().map(<[u8]>::len).collect()
    }

    #[test]
    fn a_mempool_lends_its_buffers_and_gets_them_back() {
        let mempool = Mempool::new(2, 64);
        let first = mempool.take(peer()).unwrap();
        let second = mempool.take(peer()).unwrap();
        assert!(mempool.take(peer()).is_none());
        assert_eq!(mempool.free_count(), 0);
        drop(first);
        assert_eq!(mempool.free_count(), 1);
        drop(second);
        let mut again = mempool.take(peer()).unwrap();
        assert_eq!((again.peer(), again.bytes(), again.stride_bytes()), (peer(), &[][..], 0));
        assert_eq!(lengths(&again), [0; 0]);
        assert!(again.push(65).is_none());
        assert_eq!(again.push(64).unwrap().len(), 64);
    }

    #[test]
    fn a_train_has_one_stride_and_a_shorter_datagram_closes_it() {
        let mempool = Mempool::new(1, 64);
        let mut mbuf = mempool.take(peer()).unwrap();
        mbuf.push(10).unwrap().fill(1);
        assert!(mbuf.push(11).is_none(), "longer than the stride");
        mbuf.push(10).unwrap().fill(2);
        mbuf.push(9).unwrap().fill(3);
        assert!(mbuf.push(1).is_none(), "closed");
        assert_eq!(lengths(&mbuf), [10, 10, 9]);
        assert_eq!((mbuf.stride_bytes(), mbuf.bytes().len()), (10, 29));
        assert_eq!(mbuf.datagram(20..29), [3; 9]);
        assert_eq!(mbuf.datagrams().nth(1), Some(&[2; 10][..]));
    }

    #[test]
    fn a_train_ends_with_its_buffer_its_count_and_its_bytes() {
        let mempool = Mempool::new(2, 64);
        let mut mbuf = mempool.take(peer()).unwrap();
        mbuf.push(32).unwrap();
        mbuf.push(32).unwrap();
        assert!(mbuf.push(1).is_none(), "the buffer is full");

        let mempool = Mempool::new(2, MBUF_BYTES);
        let mut many = mempool.take(peer()).unwrap();
        (0..TRAIN_DATAGRAMS_MAX).for_each(|_| many.push(1).unwrap().fill(0));
        assert!(many.push(1).is_none(), "one send has no more datagrams");
        let mut long = mempool.take(peer()).unwrap();
        assert!(long.push(TRAIN_BYTES_MAX + 1).is_none(), "one send has no more bytes");
        long.push(TRAIN_BYTES_MAX - 1).unwrap();
        assert!(long.push(2).is_none());
        assert!(long.push(1).is_some());
    }

    #[test]
    fn what_the_device_took_is_not_offered_again() {
        let mempool = Mempool::new(1, 64);
        let mut mbuf = mempool.take(peer()).unwrap();
        [4, 4, 2].iter().for_each(|len| mbuf.push(*len).unwrap().fill(0));
        mbuf.advance(4);
        assert_eq!(mbuf.unsent().map(<[u8]>::len).collect::<Vec<_>>(), [4, 2]);
        mbuf.advance(6);
        assert_eq!((mbuf.unsent().len(), mbuf.unsent_bytes().len()), (0, 0));
        assert_eq!(lengths(&mbuf), [4, 4, 2]);
    }
}
