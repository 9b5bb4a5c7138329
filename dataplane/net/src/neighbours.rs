//! Addresses of devices on our networks: a bounded table of who has told them, and who is to be asked again.
//!
//! What somebody says unasked never displaces what is in use: who contradicts a known address makes us ask the device
//! that had it, and only if that is silent are others believed.

use std::net::IpAddr;

use crate::ethernet::Mac;

/// The neighbours of a stack. A place is an index into the table; a neighbour keeps its place until the generation changes.
pub(crate) struct Neighbours {
    entries: Vec<Entry>,
    /// Places of the neighbours that there are, by their addresses.
    order: Vec<(u128, u16)>,
    /// Places without a neighbour.
    free: Vec<u16>,
    /// Where the search for a place continues.
    hand: usize,
    unresolved_count: usize,
    generation: u64,
    /// Nobody is to be asked before.
    due_ns: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    address: IpAddr,
    mac: Mac,
    state: State,
    /// When the device last said that it has the address.
    confirmed_ns: u64,
    /// When a packet last went there.
    used_ns: u64,
    /// Packets that wait for it.
    pending: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has told yet, after so many questions; the next is due then.
    Unresolved {
        asked: u8,
        due_ns: u64,
    },
    Known,
    /// Known, and asked whether it still is so.
    Doubted {
        asked: u8,
        due_ns: u64,
    },
}

/// Where packets to a neighbour go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// To a device, until the time when the table is to be asked again.
    Known { mac: Mac, place: u16, until_ns: u64 },
    /// They wait for its device.
    Unresolved { place: u16 },
    /// The table has no place.
    Full,
}

/// What has become due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Ask who has an address: the device that had it, or all.
    Ask { address: IpAddr, to: Option<Mac> },
    /// Nobody answers for the address: what waits for it is dropped.
    Gone(IpAddr),
}

/// What a claim has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// The device of an address that packets may wait for.
    Resolved,
    /// Nothing new, or nothing that concerns us.
    Nothing,
    /// Another device than the one in use.
    Contradiction,
}

impl Neighbours {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            order: Vec::new(),
            free: Vec::new(),
            hand: 0,
            unresolved_count: 0,
            generation: 0,
            due_ns: u64::MAX,
        }
    }

    /// Changes whenever a neighbour's device or place does.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// When somebody is to be asked next.
    #[inline]
    pub(crate) fn due_ns(&self) -> Option<u64> {
        (self.due_ns != u64::MAX).then_some(self.due_ns)
    }

    /// Neighbours in the table.
    pub(crate) fn count(&self) -> usize {
        self.order.len()
    }

    /// Says that a packet goes to a neighbour.
    #[inline]
    pub(crate) fn touch(&mut self, place: u16, now_ns: u64) {
        self.entries[usize::from(place)].used_ns = now_ns;
    }

    /// Where packets to a neighbour go. Who is unknown will be asked for.
    pub(crate) fn hop(&mut self, address: IpAddr, now_ns: u64) -> Hop {
        let Some(place) = self.find(address).or_else(|| self.begin(address, now_ns)) else {
            return Hop::Full;
        };
        let entry = &mut self.entries[usize::from(place)];
        entry.used_ns = now_ns;
        let until_ns = entry.confirmed_ns.saturating_add(REACHABLE_NS);
        let mac = entry.mac;
        match entry.state {
            State::Unresolved { .. } => Hop::Unresolved { place },
            State::Known if now_ns < until_ns => Hop::Known { mac, place, until_ns },
            State::Known => {
                self.doubt(place, now_ns);
                Hop::Known { mac, place, until_ns: now_ns.saturating_add(ASK_INTERVAL_NS) }
            }
            State::Doubted { .. } => {
                Hop::Known { mac, place, until_ns: now_ns.saturating_add(ASK_INTERVAL_NS) }
            }
        }
    }

    /// Counts a packet that waits for a neighbour, if one more may.
    pub(crate) fn park(&mut self, place: u16) -> bool {
        let entry = &mut self.entries[usize::from(place)];
        let may = entry.pending < PENDING_PER_NEIGHBOUR_MAX;
        entry.pending += u8::from(may);
        may
    }

    /// Hears that a device says that it has an address: asked by us perhaps, or since it asks us for ours, which is when a
    /// place is made for it.
    pub(crate) fn learn(&mut self, address: IpAddr, mac: Mac, asks_us: bool, now_ns: u64) -> Learned {
        let Some(place) = self.find(address) else {
            if asks_us && let Some(place) = self.place(now_ns) {
                self.generation += 1;
                let state = State::Known;
                let entry = Entry { address, mac, state, confirmed_ns: now_ns, used_ns: NEVER, pending: 0 };
                self.insert(place, entry);
            }
            return Learned::Nothing;
        };
        let entry = &mut self.entries[usize::from(place)];
        let is_fresh = now_ns < entry.confirmed_ns.saturating_add(REACHABLE_NS);
        let believes = match entry.state {
            State::Unresolved { .. } => true,
            State::Known => entry.mac == mac || !is_fresh,
            // Only who had it has been asked yet.
            State::Doubted { asked, .. } => entry.mac == mac || asked > ASKS_OF_ONE,
        };
        if !believes {
            // Not more often than neighbours are asked, however often it is claimed.
            if entry.state == State::Known && now_ns >= entry.confirmed_ns.saturating_add(ASK_INTERVAL_NS) {
                self.doubt(place, now_ns);
            }
            return Learned::Contradiction;
        }
        let was_unresolved = matches!(entry.state, State::Unresolved { .. });
        let is_new = was_unresolved || entry.mac != mac;
        (entry.mac, entry.state, entry.confirmed_ns, entry.pending) = (mac, State::Known, now_ns, 0);
        self.unresolved_count -= usize::from(was_unresolved);
        self.generation += u64::from(is_new);
        if was_unresolved { Learned::Resolved } else { Learned::Nothing }
    }

    /// Appends what has become due, at most once for each neighbour.
    pub(crate) fn tend(&mut self, now_ns: u64, due: &mut Vec<Due>) {
        if now_ns < self.due_ns {
            return;
        }
        self.due_ns = u64::MAX;
        let mut index = 0;
        while let Some((_, place)) = self.order.get(index).copied() {
            let entry = &mut self.entries[usize::from(place)];
            let (asked, due_ns) = match &mut entry.state {
                State::Known => {
                    index += 1;
                    continue;
                }
                State::Unresolved { asked, due_ns } | State::Doubted { asked, due_ns } => (asked, due_ns),
            };
            if now_ns >= *due_ns {
                if *asked >= ASKS_MAX {
                    due.push(Due::Gone(entry.address));
                    self.remove(index);
                    continue;
                }
                *asked += 1;
                *due_ns = now_ns.saturating_add(ASK_INTERVAL_NS);
                let asks_one = *asked <= ASKS_OF_ONE;
                let next_ns = *due_ns;
                let to = (asks_one && matches!(entry.state, State::Doubted { .. })).then_some(entry.mac);
                due.push(Due::Ask { address: entry.address, to });
                self.due_ns = self.due_ns.min(next_ns);
            } else {
                self.due_ns = self.due_ns.min(*due_ns);
            }
            index += 1;
        }
    }

    /// Forgets all that is known: another cable was plugged in.
    pub(crate) fn forget(&mut self) {
        for index in (0..self.order.len()).rev() {
            let entry = &self.entries[usize::from(self.order[index].1)];
            if !matches!(entry.state, State::Unresolved { .. }) {
                self.remove(index);
            }
        }
    }

    #[inline]
    fn find(&self, address: IpAddr) -> Option<u16> {
        let key = key(address);
        let index = self.order.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(self.order[index].1)
    }

    /// A place for a neighbour that is to be asked for.
    fn begin(&mut self, address: IpAddr, now_ns: u64) -> Option<u16> {
        if self.unresolved_count >= UNRESOLVED_MAX {
            return None;
        }
        let place = self.place(now_ns)?;
        let state = State::Unresolved { asked: 0, due_ns: now_ns };
        let entry = Entry { address, mac: [0; 6], state, confirmed_ns: now_ns, used_ns: now_ns, pending: 0 };
        self.unresolved_count += 1;
        self.generation += 1;
        self.due_ns = self.due_ns.min(now_ns);
        self.insert(place, entry);
        Some(place)
    }

    fn doubt(&mut self, place: u16, now_ns: u64) {
        self.entries[usize::from(place)].state = State::Doubted { asked: 0, due_ns: now_ns };
        self.due_ns = self.due_ns.min(now_ns);
    }

    /// A place: a new one, or that of a neighbour that no packet has gone to for a while. A search looks at some only: it
    /// costs little, however many strangers ask for places.
    fn place(&mut self, now_ns: u64) -> Option<u16> {
        if let Some(place) = self.free.pop() {
            return Some(place);
        }
        if self.entries.len() < NEIGHBOURS_MAX {
            return u16::try_from(self.entries.len()).ok();
        }
        for _ in 0..SEARCHED {
            self.hand = (self.hand + 1) % self.entries.len();
            let entry = self.entries[self.hand];
            let is_used = entry.used_ns != NEVER && now_ns.saturating_sub(entry.used_ns) < IN_USE_NS;
            if !is_used && entry.state == State::Known {
                let index = self.order.binary_search_by_key(&key(entry.address), |(key, _)| *key).ok()?;
                self.remove(index);
                return self.free.pop();
            }
        }
        None
    }

    fn insert(&mut self, place: u16, entry: Entry) {
        match self.entries.get_mut(usize::from(place)) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
        let key = key(entry.address);
        let index = self.order.partition_point(|(other, _)| *other < key);
        self.order.insert(index, (key, place));
    }

    /// Removes who is at an index of the order.
    fn remove(&mut self, index: usize) {
        let (_, place) = self.order.remove(index);
        let entry = &self.entries[usize::from(place)];
        self.unresolved_count -= usize::from(matches!(entry.state, State::Unresolved { .. }));
        self.generation += 1;
        self.free.push(place);
    }
}

/// A number for an address, another one for each.
#[inline]
fn key(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Most neighbours that are known or asked for.
pub const NEIGHBOURS_MAX: usize = 1024;
/// Most neighbours that are asked for and never were known.
pub const UNRESOLVED_MAX: usize = 256;
/// Most packets that wait for one neighbour.
pub const PENDING_PER_NEIGHBOUR_MAX: u8 = 8;
/// How long what a neighbour has said is believed without asking it again.
pub const REACHABLE_NS: u64 = 30_000_000_000;
/// Time between two questions for one address.
pub const ASK_INTERVAL_NS: u64 = 1_000_000_000;
/// Questions without an answer after which an address has nobody.
pub const ASKS_MAX: u8 = 3;
/// The first of these of a known neighbour go to its device alone.
const ASKS_OF_ONE: u8 = 2;
/// A neighbour that a packet went to so lately keeps its place.
pub const IN_USE_NS: u64 = 60_000_000_000;
/// Places that are looked at for one to be taken over.
const SEARCHED: usize = 16;
/// No packet ever went there.
const NEVER: u64 = u64::MAX;
