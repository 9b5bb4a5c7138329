//! An endpoint of a simulated network of datagrams.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use super::datagrams::State;
use crate::port::{BURST_MAX, Mbuf, Mempool, PortCounters, TRAIN_DATAGRAMS_MAX};

/// An endpoint. Its address is free again when it is dropped; what is then on its way reaches who binds it next.
pub struct SimPort {
    network: Rc<RefCell<State>>,
    endpoint: usize,
    address: SocketAddr,
    mempool: Mempool,
    counters: PortCounters,
}

impl SimPort {
    pub(super) fn new(
        network: Rc<RefCell<State>>,
        endpoint: usize,
        address: SocketAddr,
        mempool: Mempool,
    ) -> Self {
        Self { network, endpoint, address, mempool, counters: PortCounters::default() }
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

    /// Tells whether a datagram waits to be received, for as long as the endpoint is bound.
    pub(super) fn watch(&self) -> SimWatch {
        SimWatch { network: Rc::clone(&self.network), endpoint: self.endpoint }
    }

    /// Appends received trains to `burst`, up to [`BURST_MAX`]; does not block.
    pub fn rx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        let state = &mut *self.network.borrow_mut();
        state.arrive(self.endpoint);
        let full = burst.len() + BURST_MAX;
        while burst.len() < full
            && let Some(peer) = state.waiting_peer(self.endpoint)
        {
            let Some(mut mbuf) = self.mempool.take(peer) else {
                self.counters.rx_no_buffer += 1;
                return;
            };
            if !state.receive(self.endpoint, &mut mbuf) {
                state.discard(self.endpoint);
                self.counters.rx_dropped += 1;
                continue;
            }
            if state.joins() {
                while state.waiting_peer(self.endpoint) == Some(peer)
                    && state.receive(self.endpoint, &mut mbuf)
                {}
            }
            self.counters.rx_datagrams += mbuf.datagram_count() as u64;
            burst.push(mbuf);
        }
    }

    /// Transmits trains off the front of `burst`; what it does not take now stays in it. Does not block.
    pub fn tx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        if burst.is_empty() {
            return;
        }
        let state = &mut *self.network.borrow_mut();
        let mut room = if state.blocks() { state.random.index(TRAIN_DATAGRAMS_MAX) } else { usize::MAX };
        let mut taken = 0;
        for mbuf in burst.iter_mut() {
            let before = room;
            let sent_bytes: usize = mbuf
                .unsent()
                .take(room)
                .map(|datagram| {
                    state.send(self.address, mbuf.peer(), datagram);
                    room -= 1;
                    datagram.len()
                })
                .sum();
            mbuf.advance(sent_bytes);
            self.counters.tx_datagrams += (before - room) as u64;
            if !mbuf.unsent_bytes().is_empty() {
                break;
            }
            taken += 1;
        }
        self.counters.tx_blocked += u64::from(taken < burst.len());
        burst.drain(..taken);
    }
}

impl Drop for SimPort {
    fn drop(&mut self) {
        self.network.borrow_mut().release(self.endpoint);
    }
}

/// Looks at an endpoint for a simulated poll.
pub(super) struct SimWatch {
    network: Rc<RefCell<State>>,
    endpoint: usize,
}

impl SimWatch {
    pub(super) fn is_ready(&self) -> bool {
        self.network.borrow().is_ready(self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{SimDatagrams, SimFaults};

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    /// Two endpoints, with buffers of 64 bytes, on a network with these faults.
    fn pair(faults: SimFaults) -> (SimDatagrams, [SimPort; 2]) {
        let network = SimDatagrams::new(7, faults);
        let ports = [1, 2].map(|port| network.bind(address(port), Mempool::new(4, 64)));
        (network, ports)
    }

    fn train(port: &SimPort, lengths: &[usize]) -> Mbuf {
        let mut mbuf = port.mempool().take(address(2)).unwrap();
        for (byte, len) in (1..).zip(lengths) {
            mbuf.push(*len).unwrap().fill(byte);
        }
        mbuf
    }

    fn lengths(burst: &[Mbuf]) -> Vec<Vec<usize>> {
        burst.iter().map(|mbuf| mbuf.datagrams().map(<[u8]>::len).collect()).collect()
    }

    #[test]
    fn a_train_is_cut_and_its_datagrams_arrive_in_order() {
        let (_, [mut left, mut right]) = pair(SimFaults::none(0));
        let mut burst = vec![train(&left, &[10, 10, 5])];
        left.tx_burst(&mut burst);
        assert!(burst.is_empty());
        assert_eq!(left.mempool().free_count(), 4, "the network took the bytes");
        right.rx_burst(&mut burst);
        assert_eq!(lengths(&burst), [[10], [10], [5]]);
        let bytes: Vec<u8> = burst.iter().map(|mbuf| mbuf.bytes()[0]).collect();
        assert_eq!((bytes, burst[0].peer()), (vec![1, 2, 3], left.address()));
        assert_eq!((left.counters().tx_datagrams, right.counters().rx_datagrams), (3, 3));
    }

    #[test]
    fn neighbours_of_one_peer_and_length_are_joined() {
        let (network, [_left, mut right]) = pair(SimFaults { join_one_in: 1, ..SimFaults::none(0) });
        for (from, len) in [(1, 10), (1, 10), (1, 5), (1, 5), (3, 5), (1, 5)] {
            network.inject(address(from), address(2), &[0; 10][..len]);
        }
        let mut burst = Vec::new();
        right.rx_burst(&mut burst);
        assert_eq!(lengths(&burst), [vec![10, 10, 5], vec![5], vec![5], vec![5]]);
        assert_eq!(right.counters().rx_datagrams, 6);
    }

    #[test]
    fn without_a_buffer_datagrams_wait_and_those_longer_than_one_are_dropped() {
        let (network, [_left, mut right]) = pair(SimFaults::none(0));
        (1..=6).for_each(|byte| network.inject(address(1), address(2), &[byte]));
        network.inject(address(1), address(2), &[0; 65]);
        let (mut first, mut rest) = (Vec::new(), Vec::new());
        right.rx_burst(&mut first);
        assert_eq!((first.len(), right.counters().rx_no_buffer), (4, 1));
        first.clear();
        right.rx_burst(&mut rest);
        assert_eq!(rest.iter().map(|mbuf| mbuf.bytes()[0]).collect::<Vec<_>>(), [5, 6]);
        assert_eq!((right.counters().rx_dropped, network.in_flight()), (1, 0));
    }

    #[test]
    fn a_device_that_is_blocked_takes_the_rest_later_and_nothing_twice() {
        let (network, [mut left, mut right]) = pair(SimFaults { block_one_in: 2, ..SimFaults::none(0) });
        let mut burst = vec![train(&left, &[1; 60]), train(&left, &[1; 60])];
        for _ in 0..100 {
            left.tx_burst(&mut burst);
        }
        assert!(burst.is_empty());
        assert!(left.counters().tx_blocked > 0);
        assert_eq!((left.counters().tx_datagrams, network.in_flight()), (120, 120));
        let mut bytes = Vec::new();
        while network.in_flight() > 0 {
            right.rx_burst(&mut burst);
            bytes.extend(burst.drain(..).map(|mbuf| mbuf.bytes()[0]));
        }
        assert!(bytes.iter().copied().eq((1..=60).chain(1..=60)));
    }
}
