//! What a shard holds of its stack: a datagram port, with the calls of every port.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use adit_drivers::dpdk::rss::Rss;
use adit_drivers::port::{Mbuf, Mempool, PortCounters};

use crate::counters::{NetCounters, Reason};
use crate::stack::Stack;

/// A stack that its port and its streams share, on one thread.
pub type SharedStack = Rc<RefCell<Stack>>;

/// The datagrams of a stack as a port.
pub struct NetPort {
    stack: SharedStack,
    mempool: Mempool,
    address: SocketAddr,
    takes_tails: bool,
}

impl NetPort {
    /// The port of a stack.
    pub fn new(stack: SharedStack) -> Self {
        let (mempool, address) = (stack.borrow().mempool().clone(), stack.borrow().address());
        let takes_tails = stack.borrow().takes_tails();
        Self { stack, mempool, address, takes_tails }
    }

    /// Lets the stack receive and answer, and send what is due. For who has no streams over the stack that do this.
    #[inline]
    pub fn poll(&mut self, now_ns: u64) {
        self.stack.borrow_mut().poll(now_ns);
    }

    /// Appends up to [`BURST_MAX`](adit_drivers::port::BURST_MAX) datagrams, a train each, that the stack has received when it was last polled.
    #[inline]
    pub fn rx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        self.stack.borrow_mut().take_datagrams(burst);
    }

    /// Transmits trains off the front of `burst`, see [`Stack::transmit`].
    #[inline]
    pub fn tx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        self.stack.borrow_mut().transmit(burst);
    }

    /// The address that peers reach it by.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its received trains come from, and those to be transmitted may.
    #[inline]
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Whether datagrams may end with a [`Tail`](adit_drivers::tail::Tail).
    #[inline]
    pub fn takes_tails(&self) -> bool {
        self.takes_tails
    }

    /// How the device spreads flows over its queues, if it does that by a hash.
    pub fn rss(&self) -> Option<Rss> {
        self.stack.borrow().rss()
    }

    /// Longest datagram that every peer can be sent.
    pub fn datagram_bytes_max(&self) -> usize {
        self.stack.borrow().datagram_bytes_max()
    }

    /// Whether there was somebody at the other end when the stack last looked.
    pub fn link_was_up(&self) -> bool {
        self.stack.borrow().link_was_up()
    }

    /// What it has counted, in the words of every port.
    pub fn counters(&self) -> PortCounters {
        let counters = self.stack.borrow().counters();
        let dropped = |reasons: &[Reason]| reasons.iter().map(|reason| counters.dropped(*reason)).sum();
        PortCounters {
            rx_datagrams: counters.rx_datagrams,
            rx_dropped: counters.rx_dropped() + counters.frames.rx_dropped,
            rx_no_buffer: 0,
            tx_datagrams: counters.tx_datagrams,
            tx_refused: dropped(&Reason::TX),
            tx_blocked: counters.frames.tx_blocked,
            tx_tails: counters.frames.tx_tails,
            rx_handed_over: self.stack.borrow().handover_counters().given,
        }
    }

    /// What the whole stack has counted.
    pub fn net_counters(&self) -> NetCounters {
        self.stack.borrow().counters()
    }
}
