//! A simulated network of datagrams: any number of endpoints on one thread, in virtual time. It loses, doubles,
//! delays, reorders, corrupts and cuts off, all from one seed. What an endpoint does with datagrams is in `port.rs`.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;

use super::faults::{COPIES_MAX, DatagramCounts, LATE_ONE_IN, SimFaults, corrupt, happens};
use super::port::SimPort;
use super::random::Random;
use crate::port::{Mbuf, Mempool};

/// A datagram as an observer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimDatagram {
    /// The sender.
    pub from: SocketAddr,
    /// The receiver.
    pub to: SocketAddr,
    /// What it carries.
    pub bytes: Vec<u8>,
}

/// A network of datagrams. Clones are the same network.
#[derive(Clone)]
pub struct SimDatagrams(Rc<RefCell<State>>);

impl SimDatagrams {
    /// A network without endpoints, at time 0, whose faults come from `seed`.
    pub fn new(seed: u64, faults: SimFaults) -> Self {
        Self(Rc::new(RefCell::new(State {
            random: Random::new(seed),
            faults,
            now_ns: 0,
            sequence: 0,
            endpoints: Vec::new(),
            cuts: Vec::new(),
            spare: Vec::new(),
            captures: Captures::default(),
            counts: DatagramCounts::default(),
        })))
    }

    /// An endpoint with this address, which receives into buffers of `mempool`. If an earlier one had the address,
    /// what was on its way to that one and has not arrived yet reaches this one.
    ///
    /// # Panics
    /// If the address is in use.
    pub fn bind(&self, address: SocketAddr, mempool: Mempool) -> SimPort {
        let endpoint = self.0.borrow_mut().bind(address);
        SimPort::new(Rc::clone(&self.0), endpoint, address, mempool)
    }

    /// Moves time on to `now_ns`; it does not go back.
    pub fn advance(&self, now_ns: u64) {
        let state = &mut *self.0.borrow_mut();
        state.now_ns = state.now_ns.max(now_ns);
    }

    /// The time now.
    pub fn now_ns(&self) -> u64 {
        self.0.borrow().now_ns
    }

    /// When the next datagram arrives at a bound endpoint; not after now if one waits to be received already.
    pub fn next_delivery_ns(&self) -> Option<u64> {
        let state = self.0.borrow();
        state.endpoints.iter().filter(|endpoint| endpoint.bound).filter_map(Endpoint::next_ns).min()
    }

    /// Datagrams on their way to bound endpoints or waiting there to be received.
    pub fn in_flight(&self) -> usize {
        let count = |endpoint: &Endpoint| endpoint.wire.len() + endpoint.queue.len();
        self.0.borrow().endpoints.iter().filter(|endpoint| endpoint.bound).map(count).sum()
    }

    /// Changes the faults from now on; what is on its way keeps its time.
    pub fn set_faults(&self, faults: SimFaults) {
        self.0.borrow_mut().faults = faults;
    }

    /// Cuts two addresses off from each other, or connects them again. What is on its way already still arrives.
    pub fn set_partition(&self, first: SocketAddr, second: SocketAddr, cut: bool) {
        self.set_cut(first, second, cut);
        self.set_cut(second, first, cut);
    }

    /// Does the same for one direction.
    pub fn set_cut(&self, from: SocketAddr, to: SocketAddr, cut: bool) {
        let cuts = &mut self.0.borrow_mut().cuts;
        cuts.retain(|route| *route != (from, to));
        cuts.extend(cut.then_some((from, to)));
    }

    /// Ends all partitions.
    pub fn heal(&self) {
        self.0.borrow_mut().cuts.clear();
    }

    /// Delivers a datagram with any source, as an attacker or a late ghost does: after the delay of the network, but
    /// without its other faults. One without bytes is dropped, as ports do.
    pub fn inject(&self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        let state = &mut *self.0.borrow_mut();
        state.counts.injected += 1;
        let due_ns = state.due_ns(0);
        if let Some(endpoint) = state.endpoint(to).filter(|_| !bytes.is_empty()) {
            let bytes = state.copy(bytes);
            state.put(endpoint, due_ns, from, bytes);
        }
    }

    /// Keeps a fair sample of up to `count` of all datagrams that endpoints send from now on, and forgets an earlier one.
    pub fn capture(&self, count: usize) {
        self.0.borrow_mut().captures = Captures { limit: count, ..Captures::default() };
    }

    /// Datagrams in the sample.
    pub fn captured_count(&self) -> usize {
        self.0.borrow().captures.kept.len()
    }

    /// One of them, for example to [`SimDatagrams::inject`] it again.
    pub fn captured(&self, index: usize) -> Option<SimDatagram> {
        self.0.borrow().captures.kept.get(index).cloned()
    }

    /// What the network did so far.
    pub fn counts(&self) -> DatagramCounts {
        self.0.borrow().counts
    }
}

/// The network behind its handles.
pub(super) struct State {
    pub(super) random: Random,
    faults: SimFaults,
    now_ns: u64,
    /// Datagrams that are due at the same time arrive in the order of these numbers.
    sequence: u64,
    endpoints: Vec<Endpoint>,
    cuts: Vec<(SocketAddr, SocketAddr)>,
    /// Buffers of datagrams that have arrived, to be used again.
    spare: Vec<Vec<u8>>,
    captures: Captures,
    counts: DatagramCounts,
}

struct Endpoint {
    address: SocketAddr,
    bound: bool,
    /// On their way; the first to arrive is on top.
    wire: BinaryHeap<Flight>,
    /// Arrived, with their senders.
    queue: VecDeque<(SocketAddr, Vec<u8>)>,
}

struct Flight {
    due_ns: u64,
    sequence: u64,
    from: SocketAddr,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Captures {
    limit: usize,
    seen: u64,
    kept: Vec<SimDatagram>,
}

impl State {
    fn bind(&mut self, address: SocketAddr) -> usize {
        let index = self.endpoint(address).unwrap_or_else(|| {
            let (wire, queue) = (BinaryHeap::new(), VecDeque::new());
            self.endpoints.push(Endpoint { address, bound: false, wire, queue });
            self.endpoints.len() - 1
        });
        assert!(!self.endpoints[index].bound, "{address} is in use");
        self.endpoints[index].bound = true;
        self.arrive(index);
        self.clear_queue(index);
        index
    }

    /// Ends the use of an address.
    pub(super) fn release(&mut self, endpoint: usize) {
        self.endpoints[endpoint].bound = false;
        self.clear_queue(endpoint);
    }

    fn clear_queue(&mut self, endpoint: usize) {
        self.spare.extend(self.endpoints[endpoint].queue.drain(..).map(|(_, bytes)| bytes));
    }

    fn endpoint(&self, address: SocketAddr) -> Option<usize> {
        self.endpoints.iter().position(|endpoint| endpoint.address == address)
    }

    /// Whether a datagram waits to be received.
    pub(super) fn is_ready(&self, endpoint: usize) -> bool {
        let endpoint = &self.endpoints[endpoint];
        endpoint.bound && endpoint.next_ns().is_some_and(|due_ns| due_ns <= self.now_ns)
    }

    /// Takes what is due off the wire, in the order of arrival.
    pub(super) fn arrive(&mut self, endpoint: usize) {
        let Endpoint { wire, queue, .. } = &mut self.endpoints[endpoint];
        while wire.peek().is_some_and(|flight| flight.due_ns <= self.now_ns)
            && let Some(Flight { from, bytes, .. }) = wire.pop()
        {
            if queue.len() < self.faults.queue_datagrams_max {
                queue.push_back((from, bytes));
            } else {
                self.counts.overflowed += 1;
                self.spare.push(bytes);
            }
        }
    }

    /// The sender of the datagram that is to be received next.
    pub(super) fn waiting_peer(&self, endpoint: usize) -> Option<SocketAddr> {
        self.endpoints[endpoint].queue.front().map(|(from, _)| *from)
    }

    /// Moves that datagram to the end of a train, if the train takes it.
    pub(super) fn receive(&mut self, endpoint: usize, mbuf: &mut Mbuf) -> bool {
        let Some((_, bytes)) = self.endpoints[endpoint].queue.front() else { return false };
        let Some(room) = mbuf.push(bytes.len()) else { return false };
        room.copy_from_slice(bytes);
        self.discard(endpoint);
        true
    }

    /// Drops that datagram.
    pub(super) fn discard(&mut self, endpoint: usize) {
        let first = self.endpoints[endpoint].queue.pop_front();
        self.spare.extend(first.map(|(_, bytes)| bytes));
    }

    /// Whether the next train is a joined one.
    pub(super) fn joins(&mut self) -> bool {
        happens(&mut self.random, self.faults.join_one_in)
    }

    /// Whether the next burst is taken only in part.
    pub(super) fn blocks(&mut self) -> bool {
        happens(&mut self.random, self.faults.block_one_in)
    }

    /// Carries a datagram with all faults of the network.
    pub(super) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        self.counts.sent += 1;
        self.captures.see(&mut self.random, from, to, bytes);
        if self.cuts.contains(&(from, to)) {
            self.counts.cut += 1;
            return;
        }
        self.carry(from, to, bytes, 0);
        if happens(&mut self.random, self.faults.duplicate_one_in) {
            for _ in 0..=self.random.index(COPIES_MAX) {
                self.counts.duplicated += 1;
                let late = self.random.one_in(LATE_ONE_IN);
                let late_ns = if late { self.random.below(self.faults.late_ns + 1) } else { 0 };
                self.carry(from, to, bytes, late_ns);
            }
        }
    }

    fn carry(&mut self, from: SocketAddr, to: SocketAddr, bytes: &[u8], late_ns: u64) {
        let lost = happens(&mut self.random, self.faults.lose_one_in);
        let Some(endpoint) = self.endpoint(to).filter(|_| !lost) else {
            self.counts.lost += 1;
            return;
        };
        let mut bytes = self.copy(bytes);
        if happens(&mut self.random, self.faults.corrupt_one_in) {
            self.counts.corrupted += 1;
            corrupt(&mut self.random, &mut bytes);
        }
        let due_ns = self.due_ns(late_ns);
        self.put(endpoint, due_ns, from, bytes);
    }

    fn due_ns(&mut self, late_ns: u64) -> u64 {
        self.now_ns + self.faults.delay_ns + self.random.below(self.faults.jitter_ns + 1) + late_ns
    }

    fn copy(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(bytes);
        copy
    }

    fn put(&mut self, endpoint: usize, due_ns: u64, from: SocketAddr, bytes: Vec<u8>) {
        self.sequence += 1;
        self.endpoints[endpoint].wire.push(Flight { due_ns, sequence: self.sequence, from, bytes });
    }
}

impl Endpoint {
    /// When the next datagram arrives; 0 if it has.
    fn next_ns(&self) -> Option<u64> {
        if self.queue.is_empty() { self.wire.peek().map(|flight| flight.due_ns) } else { Some(0) }
    }
}

impl Captures {
    /// Keeps each of the datagrams seen with the same probability (Vitter 1985, algorithm R).
    fn see(&mut self, random: &mut Random, from: SocketAddr, to: SocketAddr, bytes: &[u8]) {
        if self.limit == 0 {
            return;
        }
        self.seen += 1;
        if self.kept.len() < self.limit {
            self.kept.push(SimDatagram { from, to, bytes: bytes.to_vec() });
        } else if let Ok(index) = usize::try_from(random.below(self.seen))
            && let Some(kept) = self.kept.get_mut(index)
        {
            (kept.from, kept.to) = (from, to);
            kept.bytes.clear();
            kept.bytes.extend_from_slice(bytes);
        }
    }
}

impl Ord for Flight {
    /// The earlier is the greater: a heap has its greatest on top.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due_ns, other.sequence).cmp(&(self.due_ns, self.sequence))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Flight {}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: SimFaults = SimFaults {
        lose_one_in: 10,
        duplicate_one_in: 10,
        corrupt_one_in: 10,
        join_one_in: 4,
        block_one_in: 8,
        delay_ns: 1_000,
        jitter_ns: 5_000,
        late_ns: 1_000_000,
        queue_datagrams_max: 64,
    };

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    fn bind(network: &SimDatagrams, port: u16) -> SimPort {
        network.bind(address(port), Mempool::new(64, 2 << 10))
    }

    fn transmit(port: &mut SimPort, to: u16, bytes: &[u8]) {
        let mut mbuf = port.mempool().take(address(to)).unwrap();
        mbuf.push(bytes.len()).unwrap().copy_from_slice(bytes);
        let mut burst = vec![mbuf];
        while !burst.is_empty() {
            port.tx_burst(&mut burst);
        }
    }

    /// What one burst receives.
    fn receive(port: &mut SimPort) -> Vec<Vec<u8>> {
        let mut burst = Vec::new();
        port.rx_burst(&mut burst);
        burst.iter().map(|mbuf| mbuf.bytes().to_vec()).collect()
    }

    /// All that arrives until nothing is on its way, with its time and sender.
    fn drain(network: &SimDatagrams, port: &mut SimPort) -> Vec<(u64, SocketAddr, Vec<u8>)> {
        let (mut all, mut burst) = (Vec::new(), Vec::new());
        while let Some(next_ns) = network.next_delivery_ns() {
            network.advance(next_ns);
            port.rx_burst(&mut burst);
            for mbuf in burst.drain(..) {
                let (now_ns, peer) = (network.now_ns(), mbuf.peer());
                all.extend(mbuf.datagrams().map(|datagram| (now_ns, peer, datagram.to_vec())));
            }
        }
        all
    }

    fn run(seed: u64, faults: SimFaults) -> (Vec<(u64, SocketAddr, Vec<u8>)>, DatagramCounts) {
        let network = SimDatagrams::new(seed, faults);
        let (mut left, mut right) = (bind(&network, 1), bind(&network, 2));
        for step in 0..250_u8 {
            network.advance(u64::from(step) * 100);
            transmit(&mut left, 2, &[step; 20]);
        }
        (drain(&network, &mut right), network.counts())
    }

    #[test]
    fn a_seed_determines_all_that_happens() {
        assert!(run(7, BAD) == run(7, BAD));
        assert!(run(7, BAD) != run(8, BAD));
    }

    #[test]
    fn a_bad_network_loses_doubles_delays_reorders_and_corrupts() {
        let (arrived, counts) = run(7, SimFaults { queue_datagrams_max: 1024, ..BAD });
        assert_eq!(counts.sent, 250);
        assert!(counts.lost > 0 && counts.duplicated > 0 && counts.corrupted > 0, "{counts:?}");
        assert_eq!(arrived.len() as u64, counts.sent + counts.duplicated - counts.lost);
        let is_whole = |bytes: &Vec<u8>| bytes.len() == 20 && bytes.iter().all(|byte| *byte == bytes[0]);
        let whole: Vec<_> = arrived.iter().filter(|(_, _, bytes)| is_whole(bytes)).collect();
        assert_eq!((arrived.len() - whole.len()) as u64, counts.corrupted);
        assert!(arrived.iter().any(|(_, _, bytes)| bytes.len() < 20), "some lack their end");
        assert!(!whole.is_sorted_by_key(|(_, _, bytes)| bytes[0]), "some overtake others");
        let delays = whole.iter().map(|(now_ns, _, bytes)| now_ns - u64::from(bytes[0]) * 100);
        assert!(delays.clone().all(|delay_ns| delay_ns >= BAD.delay_ns));
        assert!(delays.max() > Some(100_000), "a duplicate comes when all is over");
    }

    #[test]
    fn a_good_network_only_delays() {
        let (arrived, counts) = run(7, SimFaults::none(50_000));
        let sent: Vec<_> =
            (0..250_u8).map(|step| (u64::from(step) * 100 + 50_000, address(1), vec![step; 20])).collect();
        assert!(arrived == sent);
        assert_eq!(counts, DatagramCounts { sent: 250, ..DatagramCounts::default() });
    }

    #[test]
    fn nothing_arrives_before_its_time() {
        let network = SimDatagrams::new(1, SimFaults::none(500));
        let (mut left, mut right) = (bind(&network, 1), bind(&network, 2));
        transmit(&mut left, 2, b"x");
        let mut burst = Vec::new();
        network.advance(499);
        right.rx_burst(&mut burst);
        assert!(burst.is_empty());
        assert_eq!((network.next_delivery_ns(), network.in_flight()), (Some(500), 1));
        network.advance(500);
        network.advance(3);
        right.rx_burst(&mut burst);
        assert_eq!((burst.len(), network.now_ns()), (1, 500));
        assert_eq!((network.next_delivery_ns(), network.in_flight()), (None, 0));
    }

    #[test]
    fn a_partition_cuts_both_ways_until_it_heals() {
        let network = SimDatagrams::new(1, SimFaults::none(0));
        let (mut left, mut right, mut other) = (bind(&network, 1), bind(&network, 2), bind(&network, 3));
        network.set_partition(address(1), address(2), true);
        transmit(&mut left, 2, b"a");
        transmit(&mut right, 1, b"b");
        transmit(&mut other, 2, b"c");
        assert_eq!((network.in_flight(), network.counts().cut), (1, 2));
        network.set_cut(address(1), address(2), false);
        transmit(&mut left, 2, b"d");
        transmit(&mut right, 1, b"e");
        assert_eq!((network.in_flight(), network.counts().cut), (2, 3));
        network.heal();
        transmit(&mut right, 1, b"f");
        assert_eq!(network.in_flight(), 3);
        assert_eq!(receive(&mut left), [b"f"]);
        assert_eq!(receive(&mut right), [b"c", b"d"]);
    }

    #[test]
    fn an_attacker_replays_what_it_saw_under_any_name() {
        let network = SimDatagrams::new(1, SimFaults::none(0));
        let (mut left, mut right) = (bind(&network, 1), bind(&network, 2));
        transmit(&mut left, 2, b"unseen");
        network.capture(4);
        (0..100).for_each(|step| transmit(&mut left, 2, &[step]));
        drain(&network, &mut right);
        assert_eq!(network.captured_count(), 4);
        let seen = network.captured(3).unwrap();
        assert_eq!((seen.from, seen.to, seen.bytes.len()), (address(1), address(2), 1));
        assert!((0..4).any(|index| network.captured(index).unwrap().bytes[0] > 3), "not only the first");
        network.inject(address(99), seen.to, &seen.bytes);
        network.inject(address(99), seen.to, b"");
        assert_eq!(drain(&network, &mut right), [(0, address(99), seen.bytes)]);
    }

    #[test]
    fn a_full_queue_drops_what_arrives() {
        let network = SimDatagrams::new(1, SimFaults { queue_datagrams_max: 3, ..SimFaults::none(10) });
        let (mut left, mut right) = (bind(&network, 1), bind(&network, 2));
        (0..5).for_each(|step| transmit(&mut left, 2, &[step]));
        network.advance(10);
        assert_eq!(receive(&mut right), [[0], [1], [2]]);
        assert_eq!((network.counts().overflowed, network.in_flight()), (2, 0));
    }

    #[test]
    fn who_binds_an_address_again_gets_what_is_still_on_its_way() {
        let network = SimDatagrams::new(1, SimFaults::none(100));
        let (mut left, right) = (bind(&network, 1), bind(&network, 2));
        transmit(&mut left, 3, b"nobody");
        transmit(&mut left, 2, b"early");
        drop(right);
        assert_eq!((network.next_delivery_ns(), network.in_flight()), (None, 0));
        network.advance(50);
        transmit(&mut left, 2, b"late");
        network.advance(120);
        let mut right = bind(&network, 2);
        assert_eq!(network.in_flight(), 1);
        network.advance(150);
        assert_eq!(receive(&mut right), [b"late"]);
        assert_eq!(network.counts().lost, 1);
    }
}
