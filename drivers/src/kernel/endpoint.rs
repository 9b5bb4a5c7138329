//! A UDP socket with buffers of its own, for programs that are no shard: it may move from thread to thread.
//!
//! Buffers and mempools of shards are counted without locks, so they stay on one thread. An endpoint keeps all that
//! refers to its own within itself, and lends bytes only.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use super::udp::{KernelPort, Offload, UdpSocket};
use crate::port::{MBUF_BYTES, Mbuf, Mempool, PortCounters};

/// A UDP socket, what came, and what is on its way out.
pub struct UdpEndpoint {
    port: KernelPort,
    mempool: Mempool,
    received: Vec<Mbuf>,
    outgoing: Vec<Mbuf>,
}

// SAFETY: what keeps an endpoint from being `Send` by itself are the reference counts of its mempool and the pointers
// of its port's message headers. Every clone of the mempool is in `mempool`, in `port`, or in a buffer in `port`,
// `received` or `outgoing`: `new` makes it, no function takes one from outside, and none gives a mempool or a buffer
// out, only slices of bytes that are borrowed from the endpoint. So the counts change owner together, with the
// endpoint: before a move only the thread that gives it away has reached them, after it only the one that has got it.
// The pointers are made anew in each call that follows them, and are not followed between calls.
unsafe impl Send for UdpEndpoint {}

impl UdpEndpoint {
    /// An endpoint over `socket` with up to `trains_max` buffers of 64 KiB, each allocated when it is first needed: half
    /// to receive into, half to send from.
    ///
    /// # Panics
    /// If there are fewer than two.
    pub fn new(socket: UdpSocket, trains_max: usize, offload: Offload) -> Self {
        assert!(trains_max >= 2, "an endpoint receives and sends");
        let mempool = Mempool::new(trains_max, MBUF_BYTES);
        let port = KernelPort::new(socket, mempool.clone(), offload);
        Self { port, mempool, received: Vec::new(), outgoing: Vec::new() }
    }

    /// The address that peers reach it by.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// What its port has counted.
    pub fn counters(&self) -> PortCounters {
        self.port.counters()
    }

    /// Shows `take` a burst of datagrams, each with the address that it came from. Does not block. Says whether there was
    /// something.
    #[inline]
    pub fn receive(&mut self, mut take: impl FnMut(SocketAddr, &[u8])) -> bool {
        self.received.clear();
        self.port.rx_burst(&mut self.received);
        for train in &self.received {
            train.datagrams().for_each(|datagram| take(train.peer(), datagram));
        }
        let has_come = !self.received.is_empty();
        self.received.clear();
        has_come
    }

    /// Room for a datagram of `len_bytes` to `to`, all of which the caller writes: until then it holds what an earlier one
    /// left there. Nothing while all buffers wait to be sent.
    ///
    /// # Panics
    /// If `len_bytes` is 0.
    #[inline]
    pub fn room(&mut self, to: SocketAddr, len_bytes: usize) -> Option<&mut [u8]> {
        let fits = self.outgoing.last().is_some_and(|train| train.peer() == to && train.takes(len_bytes));
        if !fits {
            self.outgoing.push(self.mempool.take(to)?);
        }
        self.outgoing.last_mut()?.push(len_bytes)
    }

    /// Sends what was written, as far as the kernel takes it; the rest is sent by the next call. Does not block. Says
    /// whether all was taken.
    #[inline]
    pub fn send(&mut self) -> bool {
        self.port.tx_burst(&mut self.outgoing);
        !self.has_unsent()
    }

    /// Whether something was written and not taken by the kernel.
    #[inline]
    pub fn has_unsent(&self) -> bool {
        !self.outgoing.is_empty()
    }
}

impl AsFd for UdpEndpoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.port.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    fn endpoint(trains_max: usize) -> UdpEndpoint {
        let socket = UdpSocket::bind(([127, 0, 0, 1], 0).into()).unwrap();
        UdpEndpoint::new(socket, trains_max, Offload::default())
    }

    /// The first bytes of `count` datagrams, and who they are from.
    fn receive(endpoint: &mut UdpEndpoint, count: usize) -> Vec<(SocketAddr, u8)> {
        let mut list = Vec::new();
        while list.len() < count {
            let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
            let ready = poll(&mut [PollFd::new(endpoint, PollFlags::IN)], Some(&patience)).unwrap();
            assert_eq!(ready, 1, "datagrams are missing");
            endpoint.receive(|from, datagram| list.push((from, datagram[0])));
        }
        list
    }

    fn write(endpoint: &mut UdpEndpoint, to: SocketAddr, values: &[u8]) {
        values.iter().for_each(|value| endpoint.room(to, 100).unwrap().fill(*value));
    }

    #[test]
    fn datagrams_arrive_from_an_endpoint_that_has_moved() {
        let (mut left, mut right) = (endpoint(8), endpoint(8));
        let (from, to) = (left.address(), right.address());
        write(&mut left, to, &[1, 2, 3]);
        // With something received, and something to be sent.
        let mut right = std::thread::spawn(move || {
            assert!(left.send());
            assert_eq!(receive(&mut right, 3), [(from, 1), (from, 2), (from, 3)]);
            write(&mut right, from, &[4]);
            (left, right)
        })
        .join()
        .map(|(left, right)| {
            drop(left);
            right
        })
        .unwrap();
        assert!(right.has_unsent() && right.send() && !right.has_unsent());
        assert!(!right.receive(|_, _| {}), "nothing has come");
        assert_eq!(right.counters().rx_datagrams, 3);
    }

    #[test]
    fn room_ends_with_the_buffers_and_comes_back_when_they_are_sent() {
        let (mut left, right) = (endpoint(2), endpoint(2));
        assert!(!left.receive(|_, _| {}), "which takes half of the buffers");
        let to = right.address();
        while left.room(to, 1_000).is_some() {}
        assert!(left.has_unsent());
        assert!(left.send());
        assert!(left.room(to, 1_000).is_some());
    }
}
