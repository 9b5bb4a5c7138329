//! A wire with two ends on one thread: what one end transmits the other receives next, buffers and all. It loses, delays
//! and copies nothing, so what is measured over it is the two that speak.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::port::{BURST_MAX, Mbuf, Mempool, PortCounters};

/// Trains on their way to one end.
type Queue = Rc<RefCell<Vec<Mbuf>>>;

/// One end of a wire. It is asked again and again, as the queues of a NIC are: nothing tells that a train has come.
///
/// A buffer goes back to the mempool of the end that transmitted it when the other end drops it.
pub struct WirePort {
    address: SocketAddr,
    mempool: Mempool,
    incoming: Queue,
    outgoing: Queue,
    counters: PortCounters,
}

impl WirePort {
    /// The two ends of a wire, with the address of each and the buffers that it transmits from.
    pub fn pair(left: (SocketAddr, Mempool), right: (SocketAddr, Mempool)) -> (Self, Self) {
        let (to_left, to_right) = (Queue::default(), Queue::default());
        let end = |(address, mempool), incoming: &Queue, outgoing: &Queue| Self {
            address,
            mempool,
            incoming: Rc::clone(incoming),
            outgoing: Rc::clone(outgoing),
            counters: PortCounters::default(),
        };
        (end(left, &to_left, &to_right), end(right, &to_right, &to_left))
    }

    /// The address that peers reach it by.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its received trains come from.
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// What it has counted.
    pub fn counters(&self) -> PortCounters {
        self.counters
    }

    /// Appends received trains to `burst`, up to [`BURST_MAX`]; does not block.
    #[inline]
    pub fn rx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        let (mut incoming, before) = (self.incoming.borrow_mut(), burst.len());
        if incoming.len() <= BURST_MAX {
            burst.append(&mut incoming);
        } else {
            burst.extend(incoming.drain(..BURST_MAX));
        }
        let datagrams: usize = burst[before..].iter().map(Mbuf::datagram_count).sum();
        self.counters.rx_datagrams += datagrams as u64;
    }

    /// Transmits trains off the front of `burst`; what it does not take now stays in it. Does not block.
    #[inline]
    pub fn tx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        for train in burst.iter_mut() {
            self.counters.tx_datagrams += train.datagram_count() as u64;
            train.come_from(self.address);
        }
        self.outgoing.borrow_mut().append(burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_end_transmits_the_other_receives_and_its_buffers_come_home() {
        let addresses = [1, 2].map(|port| SocketAddr::from(([10, 0, 0, 1], port)));
        let end = |place: usize| (addresses[place], Mempool::new(2, 64));
        let (mut left, mut right) = WirePort::pair(end(0), end(1));
        let mut train = left.mempool().take(right.address()).unwrap();
        train.push(5).unwrap().copy_from_slice(b"first");
        train.push(3).unwrap().copy_from_slice(b"2nd");
        let mut burst = vec![train];
        left.tx_burst(&mut burst);
        assert!(burst.is_empty() && left.mempool().free_count() == 1);
        left.rx_burst(&mut burst);
        assert!(burst.is_empty(), "it does not come back");
        right.rx_burst(&mut burst);
        assert_eq!((burst[0].peer(), burst[0].bytes()), (addresses[0], &b"first2nd"[..]));
        burst.clear();
        assert_eq!(left.mempool().free_count(), 2);
        assert_eq!((left.counters().tx_datagrams, right.counters().rx_datagrams), (2, 2));
    }
}
