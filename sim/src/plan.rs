//! What happens in a run: who does what when, and what goes wrong. It follows from a seed; a shorter one may fail the same.

use adit_drivers::sim::{Random, SimFaults};

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What chance decides beyond the plan.
    pub seed: u64,
    /// Number of shards.
    pub shards: usize,
    /// Longest datagram.
    pub frame_bytes: u16,
    /// Which clients use streams.
    pub clients: Vec<Client>,
    /// What the network does to datagrams.
    pub faults: SimFaults,
    /// Several keys are used at once, so the whole store is judged as one object.
    pub is_multi: bool,
    /// What happens, in order.
    pub actions: Vec<(u64, Action)>,
}

/// A client.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// It uses streams instead of datagrams.
    pub streams: bool,
    /// Operations that it may have under way.
    pub window: u16,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Action {
    /// A client begins an operation, which has so long.
    Submit {
        /// The client.
        client: usize,
        /// What it does.
        what: What,
        /// The time until its deadline.
        patience_ns: u64,
    },
    /// A client is gone, and another one begins in its place.
    Crash(usize),
    /// A client has another address; its streams break.
    Rebind(usize),
    /// A shard does nothing for so long.
    Stall(usize, u64),
    /// A client and a shard cannot reach each other.
    Cut(usize, usize),
    /// All can reach each other again.
    Heal,
    /// The wall clock jumps by so many milliseconds.
    Jump(i64),
    /// Time goes by, so many nanoseconds: sessions that are silent are forgotten.
    Pass(u64),
    /// A client believes an old map.
    Forget(usize),
    /// Something that was sent before is sent again, by anybody.
    Replay {
        /// Which of what was captured.
        which: usize,
        /// From the address of this client instead of its own.
        spoofed: Option<usize>,
    },
}

/// What a client does. Keys are numbers; values are drawn when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The value.
    Get(u8),
    /// Writes, always.
    Put(u8, u32),
    /// Writes, if the key does not exist.
    PutIfAbsent(u8),
    /// Writes, if the key exists.
    PutIfPresent(u8),
    /// Writes, if the key has the version that the client saw last.
    Swap(u8),
    /// Removes.
    Delete(u8),
    /// Reads and removes.
    Take(u8),
    /// Lives for ever.
    Touch(u8),
    /// Adds.
    Add(u8, i8),
    /// Appends.
    Append(u8, u32),
    /// Reads all of these.
    MultiGet(u8, u8, u8),
    /// Writes all of these, or none if one exists.
    MultiPut(u8, u8, bool),
    /// Reads the keys of a shard.
    Scan(u8),
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let is_multi = random.one_in(2);
        let clients: Vec<Client> = (0..1 + random.index(4))
            .map(|_| Client { streams: random.one_in(4), window: [1, 2, 8, 64][random.index(4)] })
            .collect();
        let mut plan = Self {
            seed,
            shards: 1 + random.index(3),
            frame_bytes: [576, 576, 1_472, 8_972][random.index(4)],
            faults: faults(&mut random),
            clients,
            is_multi,
            actions: Vec::new(),
        };
        let operations = 10 + random.index(if is_multi { 25 } else { 60 });
        let troubles = if random.one_in(4) { 0 } else { random.index(12) };
        // They overlap more or less.
        let gap_ns = [1_000, 20_000, 200_000, 3_000_000][random.index(4)];
        let mut at_ns = 0;
        for index in 0..operations + troubles {
            at_ns += random.below(2 * gap_ns);
            let trouble =
                random.below((operations + troubles - index) as u64) < troubles_left(&plan, troubles);
            let action = if trouble { plan.trouble(&mut random) } else { plan.submit(&mut random) };
            plan.actions.push((at_ns, action));
        }
        plan
    }

    fn submit(&self, random: &mut Random) -> Action {
        let patience_ns = [300_000_000, 2_000_000_000, 10_000_000_000][random.index(3)];
        let what = if self.is_multi { multi(random) } else { single(random) };
        Action::Submit { client: random.index(self.clients.len()), what, patience_ns }
    }

    fn trouble(&self, random: &mut Random) -> Action {
        let (client, shard) = (random.index(self.clients.len()), random.index(self.shards));
        match random.below(14) {
            0 => Action::Crash(client),
            1 | 2 => Action::Rebind(client),
            3 | 4 => Action::Stall(shard, 1_000_000 + random.below(500_000_000)),
            5 | 6 => Action::Cut(client, shard),
            7 => Action::Heal,
            8 => Action::Jump([-3_000, 3_000, 1_000_000][random.index(3)]),
            9 => Action::Pass([1_000_000_000, 80_000_000_000][random.index(2)]),
            10 => Action::Forget(client),
            _ => {
                Action::Replay { which: random.index(1_000_000), spoofed: random.one_in(4).then_some(client) }
            }
        }
    }
}

fn troubles_left(plan: &Plan, troubles: usize) -> u64 {
    let had = plan.actions.iter().filter(|(_, action)| !matches!(action, Action::Submit { .. })).count();
    (troubles - had.min(troubles)) as u64
}

fn faults(random: &mut Random) -> SimFaults {
    let mut often = |choices: [u64; 4]| choices[random.index(4)];
    SimFaults {
        lose_one_in: often([0, 50, 10, 4]),
        duplicate_one_in: often([0, 50, 10, 4]),
        corrupt_one_in: often([0, 0, 50, 10]),
        join_one_in: often([0, 2, 2, 4]),
        block_one_in: often([0, 0, 10, 50]),
        delay_ns: often([1_000, 10_000, 100_000, 1_000_000]),
        jitter_ns: often([0, 10_000, 1_000_000, 20_000_000]),
        late_ns: often([0, 10_000_000, 1_000_000_000, 20_000_000_000]),
        ..SimFaults::none(0)
    }
}

/// On one key.
fn single(random: &mut Random) -> What {
    let key = random.index(usize::from(REGISTERS)).to_le_bytes()[0];
    match random.below(16) {
        0..=3 => What::Get(key),
        4 | 5 => What::Put(key, length(random)),
        6 => What::PutIfAbsent(key),
        7 => What::PutIfPresent(key),
        8 | 9 => What::Swap(key),
        10 => What::Delete(key),
        11 => What::Take(key),
        12 => What::Touch(key),
        13 | 14 => What::Add(COUNTER, i8::from_le_bytes([random.index(9).to_le_bytes()[0]]) - 2),
        _ => What::Append(LOG, if random.one_in(10) { length(random) } else { 0 }),
    }
}

/// On one key or several.
fn multi(random: &mut Random) -> What {
    let mut key = || random.index(usize::from(REGISTERS)).to_le_bytes()[0];
    let keys = [key(), key(), key()];
    match random.below(12) {
        0..=2 => What::MultiGet(keys[0], keys[1], keys[2]),
        3..=5 => What::MultiPut(keys[0], keys[1], random.one_in(4)),
        6 => What::Scan(keys[0]),
        _ => single(random),
    }
}

/// The length of a value beyond its first bytes: most are short, some take several frames, few take blocks.
fn length(random: &mut Random) -> u32 {
    match random.below(20) {
        0..=13 => 0,
        14..=16 => u32::try_from(random.below(2_000)).unwrap_or(0),
        17 | 18 => u32::try_from(random.below(20_000)).unwrap_or(0),
        _ => 60_000 + u32::try_from(random.below(100_000)).unwrap_or(0),
    }
}

/// Keys that are written and read: 0, 1, 2.
pub const REGISTERS: u8 = 3;
/// The key that is only added to.
pub const COUNTER: u8 = 3;
/// The key that is only appended to.
pub const LOG: u8 = 4;
/// Number of keys.
pub const KEYS: u8 = 5;
