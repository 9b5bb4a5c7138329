//! A simulated wire between two packet ports: loss, duplication, reordering and corruption, all from one seed.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::random::Random;
use crate::port::{BURST_MAX, Mbuf, Mempool};

/// How often a wire misbehaves: once in so many packets; 0 is never.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimWire {
    /// The packet does not arrive.
    pub lose_one_in: u64,
    /// The packet arrives twice.
    pub duplicate_one_in: u64,
    /// The packet overtakes those that wait.
    pub reorder_one_in: u64,
    /// One bit of the packet is changed.
    pub corrupt_one_in: u64,
    /// Packets that a direction holds at most; a port that never drains makes its peer's transmit stop.
    pub queue_packets_max: usize,
}

type Queue = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// One end of a wire.
pub struct SimPort {
    wire: SimWire,
    random: Random,
    mempool: Mempool,
    incoming: Queue,
    outgoing: Queue,
    /// Polls that found a packet but no buffer.
    pub no_buffer_count: u64,
}

impl SimWire {
    /// The two ends of this wire, each with its mempool.
    pub fn ports(self, seed: u64, mempools: [Mempool; 2]) -> [SimPort; 2] {
        let queues: [Queue; 2] = Default::default();
        let [first, second] = mempools;
        let end = |mempool, from: usize, seed| SimPort {
            wire: self,
            random: Random::new(seed),
            mempool,
            incoming: Rc::clone(&queues[from]),
            outgoing: Rc::clone(&queues[1 - from]),
            no_buffer_count: 0,
        };
        [end(first, 0, seed), end(second, 1, !seed)]
    }
}

impl SimPort {
    pub(crate) fn rx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        let mut incoming = self.incoming.borrow_mut();
        for _ in 0..BURST_MAX.min(incoming.len()) {
            let Some(mut mbuf) = self.mempool.take() else {
                self.no_buffer_count += 1;
                return;
            };
            let packet = incoming.pop_front().unwrap_or_default();
            mbuf.resize(packet.len());
            mbuf.packet_mut().copy_from_slice(&packet);
            burst.push(mbuf);
        }
    }

    pub(crate) fn tx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        let room = self.wire.queue_packets_max.saturating_sub(self.outgoing.borrow().len());
        for mbuf in burst.drain(..room.min(burst.len()).min(BURST_MAX)) {
            self.carry(mbuf.packet().to_vec());
        }
    }

    fn carry(&mut self, mut packet: Vec<u8>) {
        if self.happens(self.wire.lose_one_in) {
            return;
        }
        let mut outgoing = self.outgoing.borrow_mut();
        if Self::draw(&mut self.random, self.wire.duplicate_one_in) {
            outgoing.push_back(packet.clone());
        }
        if Self::draw(&mut self.random, self.wire.corrupt_one_in) {
            let bit = self.random.index(packet.len() * 8);
            packet.get_mut(bit / 8).into_iter().for_each(|byte| *byte ^= 1 << (bit % 8));
        }
        let place = if Self::draw(&mut self.random, self.wire.reorder_one_in) {
            self.random.index(outgoing.len() + 1)
        } else {
            outgoing.len()
        };
        outgoing.insert(place, packet);
    }

    fn happens(&mut self, one_in: u64) -> bool {
        Self::draw(&mut self.random, one_in)
    }

    fn draw(random: &mut Random, one_in: u64) -> bool {
        one_in > 0 && random.one_in(one_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Port;

    fn ports(wire: SimWire, mbufs: usize) -> ([Port; 2], Mempool) {
        let mempool = Mempool::new(mbufs);
        (wire.ports(7, [mempool.clone(), mempool.clone()]).map(Port::Sim), mempool)
    }

    fn transmit(port: &mut Port, mempool: &Mempool, byte: u8) {
        let mut mbuf = mempool.take().unwrap();
        mbuf.resize(64);
        mbuf.packet_mut().fill(byte);
        let mut burst = vec![mbuf];
        port.tx_burst(&mut burst);
        assert!(burst.is_empty());
    }

    #[test]
    fn packets_arrive_in_order_and_buffers_come_home() {
        let ([mut left, mut right], mempool) =
            ports(SimWire { queue_packets_max: 8, ..SimWire::default() }, 4);
        transmit(&mut left, &mempool, 1);
        transmit(&mut left, &mempool, 2);
        assert_eq!(mempool.free_count(), 4, "the wire took the bytes");
        let mut burst = Vec::new();
        right.rx_burst(&mut burst);
        assert_eq!(burst.iter().map(|mbuf| mbuf.packet()[0]).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(mempool.free_count(), 2);
        burst.clear();
        assert_eq!(mempool.free_count(), 4);
    }

    #[test]
    fn a_full_wire_and_an_empty_mempool_bound_a_burst() {
        let ([mut left, mut right], mempool) =
            ports(SimWire { queue_packets_max: 2, ..SimWire::default() }, 3);
        let mut burst: Vec<_> = (0..3).map(|_| mempool.take().unwrap()).collect();
        left.tx_burst(&mut burst);
        assert_eq!(burst.len(), 1, "what the wire does not take stays");
        let held = [mempool.take().unwrap(), mempool.take().unwrap()];
        let mut received = Vec::new();
        right.rx_burst(&mut received);
        assert!(received.is_empty(), "no buffer, no packet");
        drop(held);
        right.rx_burst(&mut received);
        assert_eq!(received.len(), 2, "nothing was lost meanwhile");
    }

    #[test]
    fn a_bad_wire_loses_doubles_changes_and_reorders() {
        let wire = SimWire {
            lose_one_in: 10,
            duplicate_one_in: 10,
            reorder_one_in: 10,
            corrupt_one_in: 10,
            queue_packets_max: 512,
        };
        let ([mut left, mut right], mempool) = ports(wire, 512);
        (0..200).for_each(|byte| transmit(&mut left, &mempool, byte));
        let mut received = Vec::new();
        while {
            let before = received.len();
            right.rx_burst(&mut received);
            received.len() > before
        } {}
        let firsts: Vec<u8> = received.iter().map(|mbuf| mbuf.packet()[0]).collect();
        let lost = (0..200).filter(|byte| !firsts.contains(byte)).count();
        assert!(lost > 0 && firsts.len() > 200 - lost, "some are lost, some come twice");
        assert!(!firsts.is_sorted());
        assert!(received.iter().any(|mbuf| mbuf.packet().iter().any(|byte| *byte != mbuf.packet()[0])));
    }
}
