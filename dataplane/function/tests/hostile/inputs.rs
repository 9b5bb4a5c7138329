//! Inputs that were chosen to hurt: memory whose lengths lie around the numbers of the program, and a store in which values are absent, empty or
//! too short.

use adit_function::call::{Call, Means};
use adit_function::helper::SCALAR;
use adit_function::hook::{FieldKind, Hook, Inputs, RegionBytes};
use adit_function::instruction::{Instruction, Operand};
use adit_function::interpret::Stop;
use adit_function::program::Program;
use adit_function::stage::Room;
use adit_function::store::{Found, Store, Unready};

use super::Random;

/// The memory that programs are called on.
pub struct Arena {
    /// Lengths that matter to the program.
    lengths: Vec<usize>,
    numbers: Vec<u64>,
    memory: Vec<Vec<u8>>,
    lens: Vec<usize>,
    store: Values,
    room: Room,
    output: Vec<u8>,
    fuel: u64,
    work: u64,
}

/// What a call left behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Its result.
    pub result: Result<u64, Stop>,
    /// How many bytes of output there are; what they are, and what was staged, is asked of the arena.
    pub output_bytes: usize,
}

impl Arena {
    /// Memory for all hooks.
    pub fn new() -> Self {
        Self {
            lengths: Vec::new(),
            numbers: Vec::new(),
            memory: vec![vec![0; REGION_BYTES]; 4],
            lens: vec![0; 4],
            store: Values { seed: 0, lengths: Vec::new(), bytes: vec![0; REGION_BYTES] },
            room: Room::new(128),
            output: vec![0; 64],
            fuel: 0,
            work: 0,
        }
    }

    /// Looks for the numbers of a program.
    pub fn learn(&mut self, program: &Program) {
        self.lengths.clear();
        self.lengths.extend([0, 1, 7, 8, 9, 16]);
        let mut add = |number: i64| {
            let number = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
            if number < REGION_BYTES && self.lengths.len() < LENGTHS_MAX {
                self.lengths.extend([number.saturating_sub(1), number, number + 1]);
            }
        };
        for instruction in &program.instructions {
            match *instruction {
                Instruction::Arithmetic { source: Operand::Immediate(number), .. }
                | Instruction::Move { source: Operand::Immediate(number), .. }
                | Instruction::Branch { right: Operand::Immediate(number), .. } => add(number.into()),
                Instruction::Load { offset, size, .. } => add(i64::from(offset) + i64::from(size.bytes())),
                Instruction::Store { offset, .. } => add(offset.into()),
                _ => {}
            }
        }
    }

    /// Makes the inputs of a seed.
    pub fn prepare(&mut self, hook: &Hook, seed: u64) {
        let mut random = Random::new(seed);
        self.numbers.clear();
        for field in hook.fields {
            if matches!(field.kind, FieldKind::Number(_)) {
                let number = self.length(&mut random) as u64;
                let others = [random.next(), u64::MAX, 1 << 31, 1 << 63, edge(number, &mut random)];
                self.numbers.push(match random.below(8) {
                    0 | 1 => number,
                    // Cut to 32 bits it is the same.
                    2 => number | random.next() << 32,
                    _ => random.pick(&others),
                });
            }
        }
        for index in 0..hook.regions.len() {
            self.lens[index] = self.length(&mut random);
            fill(&mut self.memory[index][..self.lens[index]], &mut random);
        }
        self.store.seed = random.next();
        self.store.lengths.clone_from(&self.lengths);
        let used = REGION_BYTES / 4;
        fill(&mut self.store.bytes[..used], &mut random);
        self.fuel = random.pick(&[100, 300, 1000, 1000]);
        self.work = random.pick(&[1000, 20_000]);
    }

    /// A length that matters, or any.
    fn length(&self, random: &mut Random) -> usize {
        let length = match random.below(8) {
            0 => random.below(64),
            1 => random.pick(&self.lengths) * (1 + random.below(4)),
            2 => random.pick(&self.lengths) + random.pick(&self.lengths),
            _ => random.pick(&self.lengths),
        };
        length.min(REGION_BYTES)
    }

    /// Calls something on the inputs.
    pub fn run(
        &mut self,
        hook: &Hook,
        run: impl FnOnce(Inputs<'_>, u64, &mut Call<'_>) -> Result<u64, Stop>,
    ) -> Outcome {
        let Self { memory, lens, numbers, store, room, output, fuel, work, .. } = self;
        let mut regions: [RegionBytes<'_>; 4] = [const { RegionBytes::Read(&[]) }; 4];
        for (((region, memory), len), slot) in hook.regions.iter().zip(memory).zip(lens).zip(&mut regions) {
            *slot = if region.writable {
                RegionBytes::Write(&mut memory[..*len])
            } else {
                RegionBytes::Read(&memory[..*len])
            };
        }
        let inputs = Inputs { numbers, regions: &mut regions[..hook.regions.len()] };
        let mut call = Call::new(Means {
            store,
            room,
            output,
            now_ms: 1_700_000_000_000,
            kernels: &SCALAR,
            work: *work,
        });
        let result = run(inputs, *fuel, &mut call);
        let output_bytes = if result.is_ok() { call.finish().output_bytes } else { 0 };
        Outcome { result, output_bytes }
    }

    /// The output of the last call.
    pub fn output(&self, outcome: &Outcome) -> &[u8] {
        &self.output[..outcome.output_bytes]
    }

    /// What the last call staged, if it succeeded.
    pub fn staged(&self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.room.writes().map(|write| (write.key.to_vec(), write.value.map(<[u8]>::to_vec))).collect()
    }

    /// The memory of the regions.
    pub fn regions(&self) -> impl Iterator<Item = &[u8]> {
        self.memory.iter().zip(&self.lens).map(|(memory, len)| &memory[..*len])
    }
}

/// Fills memory with numbers of one kind.
fn fill(memory: &mut [u8], random: &mut Random) {
    let kind = random.below(7);
    let len = memory.len() as u64;
    for word in memory.chunks_mut(8) {
        let number = match kind {
            0 => 0,
            1 => u64::MAX,
            2 => random.next() >> 61,
            3 => random.next() & 0x0f0f_0f0f_0f0f_0f0f,
            4 => edge(len, random),
            // Two numbers of 32 bits.
            5 => edge(len, random) << 32 | edge(len, random) & 0xffff_ffff,
            _ => random.next(),
        };
        word.copy_from_slice(&number.to_le_bytes()[..word.len()]);
    }
}

/// A number where something overflows, or ends.
fn edge(len: u64, random: &mut Random) -> u64 {
    let near = match random.below(4) {
        0 => len,
        1 => 0,
        2 => random.pick(&[1 << 31, 1 << 32, 1 << 63, 1 << 15, 1 << 16, 1 << 7, 1 << 8]),
        _ => 1 << random.below(64),
    };
    near.wrapping_add_signed(random.within(-9, 9))
}

/// A store that has a value for most keys, of lengths that matter; the same key always has the same.
struct Values {
    seed: u64,
    lengths: Vec<usize>,
    bytes: Vec<u8>,
}

impl Store for Values {
    fn get<'s>(&'s self, key: &[u8], offset: u64) -> Result<Option<Found<'s>>, Unready> {
        let mut hash = self.seed;
        for chunk in key.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash = Random::new(hash ^ u64::from_le_bytes(word)).next();
        }
        let mut random = Random::new(hash ^ key.len() as u64);
        if random.once_in(5) {
            return Ok(None);
        }
        if random.once_in(64) {
            return Err(Unready::Away);
        }
        let length = random.pick(&self.lengths).min(self.bytes.len());
        let start = random.below(8).min(self.bytes.len() - length);
        let value = &self.bytes[start..start + length];
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(value.len());
        Ok(Some(Found {
            bytes: &value[from..],
            value_bytes: value.len() as u64,
            version: 1 + random.next() % 3,
        }))
    }

    fn reserve(&self, _key: &[u8], _value_bytes: u64) -> Result<(), Unready> {
        Ok(())
    }

    fn release(&self) {}
}

/// Most bytes of a region or a value.
const REGION_BYTES: usize = 1040;
/// Most lengths that are tried.
const LENGTHS_MAX: usize = 96;
