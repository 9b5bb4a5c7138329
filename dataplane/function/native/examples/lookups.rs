//! How fast helpers find records: `cargo run --release -p adit-native --example lookups`. First records in the caches, by one key after the other; then a
//! million records, more than the caches hold. Each value is the key of another record: in one chain each look-up waits for the one before; `adit_get_many`
//! goes along sixteen chains side by side. All take turns; printed are medians, least and most,
//! in time of the processor.

use std::hint::black_box;

use adit_function::call::{Call, Means};
use adit_function::helper::{Failure, Get, GetMany, Helper};
use adit_function::memory::{Memory, Place};
use adit_function::records::Records;
use adit_function::stage::Room;
use adit_native::kernels;
use rustix::time::{ClockId, clock_gettime};

fn main() {
    let (small, large) = (ring(1 << 10, 8), ring(1 << 20, 8));
    let words = ring(1 << 10, 24);
    let mut times: [Vec<f64>; 4] = Default::default();
    for round in 0..ROUNDS as u64 {
        time(&small, |running| running.chain::<8>(round));
        times[0].push(time(&small, |running| running.chain::<8>(round)));
        time(&words, |running| running.chain::<24>(round));
        times[1].push(time(&words, |running| running.chain::<24>(round)));
        // No round finds what the last one has left in the caches.
        times[2].push(time(&large, |running| running.chain::<8>(round * 7_919)));
        times[3].push(time(&large, |running| running.chains(round * 7_919 + 4_000)));
    }
    let names = ["get, 1 K", "get, 1 K, keys of 24 bytes", "get, 1 M, one chain", "get_many, 1 M, 16 chains"];
    for (name, times) in names.into_iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let (least, median, most) = (times[0], times[ROUNDS / 2], times[ROUNDS - 1]);
        println!("{name:<30}{median:>8.1} ns a record ({least:.1} to {most:.1})");
    }
}

/// Records whose values are keys of others: one ring, in an order that has nothing to do with memory.
fn ring(count: u64, key_bytes: usize) -> Records {
    let mut records = Records::new(usize::try_from(count).expect("it fits"));
    for number in 0..count {
        records.put(&key(number, key_bytes), &key((number * 5 + 12_345) % count, key_bytes));
    }
    records
}

/// The key of a record: a number, as often as it fits.
fn key(number: u64, bytes: usize) -> Vec<u8> {
    number.wrapping_mul(0xd6e8_feb8_6659_fd93).to_le_bytes().repeat(bytes / 8)
}

/// Nanoseconds for a record.
fn time(records: &Records, run: impl Fn(&mut Running<'_>)) -> f64 {
    let (mut room, mut output) = (Room::new(0), []);
    let call = Call::new(Means {
        store: records,
        room: &mut room,
        output: &mut output,
        now_ms: 0,
        kernels: kernels::best(),
        work: u64::MAX,
    });
    let mut running = Running { memory: Lanes { keys: [0; KEYS_BYTES], lent: [&[]; CHAINS] }, call };
    let start = cpu_ns();
    run(&mut running);
    (cpu_ns() - start) / f64::from(LOOKUPS)
}

/// Nanoseconds that this thread has run for.
fn cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// A call and its memory.
struct Running<'s> {
    memory: Lanes<'s>,
    call: Call<'s>,
}

impl Running<'_> {
    /// Goes from record to record.
    fn chain<const KEY_BYTES: usize>(&mut self, start: u64) {
        self.memory.keys[..KEY_BYTES].copy_from_slice(&key(start, KEY_BYTES));
        for _ in 0..LOOKUPS {
            let arguments = black_box([0, KEY_BYTES as u64, 0, VIEWS, 0]);
            let found = Get::call(arguments, &mut self.memory, &mut self.call);
            assert_eq!(found.ok(), Some(KEY_BYTES as u64), "a record of the ring");
            let next: &[u8; KEY_BYTES] = self.memory.lent[0].as_array().expect("the length that was told");
            self.memory.keys[..KEY_BYTES].copy_from_slice(next);
        }
    }

    /// Goes along sixteen chains at a time.
    fn chains(&mut self, start: u64) {
        for (index, chain) in (0..).zip(self.memory.keys.chunks_exact_mut(8)) {
            chain.copy_from_slice(&key((start + index * 65_521) % (1 << 20), 8));
        }
        for _ in 0..LOOKUPS / 16 {
            let arguments = black_box([0, 8, CHAINS as u64, VIEWS, CHAINS as u64]);
            let found = GetMany::call(arguments, &mut self.memory, &mut self.call);
            assert_eq!(found.ok(), Some(CHAINS as u64), "records of the ring");
            for (chain, lent) in self.memory.keys.chunks_exact_mut(8).zip(&self.memory.lent) {
                chain.copy_from_slice(lent.as_array::<8>().expect("a key"));
            }
        }
    }
}

/// A memory of keys and, at their own addresses, of views.
struct Lanes<'s> {
    keys: [u8; KEYS_BYTES],
    lent: [&'s [u8]; CHAINS],
}

impl<'s> Memory<'s> for Lanes<'s> {
    #[inline]
    fn read(&self, place: Place) -> Result<&[u8], Failure> {
        let start = usize::try_from(place.address).unwrap_or(usize::MAX);
        let bytes = usize::try_from(place.bytes).unwrap_or(usize::MAX);
        self.keys.get(start..start + bytes).ok_or(Failure::Argument(place.argument))
    }

    #[inline]
    fn write_view(&mut self, place: Place, view: Option<&'s [u8]>) -> Result<(), Failure> {
        let index = usize::try_from((place.address - VIEWS) / 16).unwrap_or(usize::MAX);
        self.lent[index] = view.unwrap_or(&[]);
        Ok(())
    }

    fn write(&mut self, place: Place) -> Result<&mut [u8], Failure> {
        Err(Failure::Argument(place.argument))
    }

    fn read_and_write<const N: usize>(
        &mut self,
        _read: [Place; N],
        write: Place,
    ) -> Result<([&[u8]; N], &mut [u8]), Failure> {
        Err(Failure::Argument(write.argument))
    }

    fn copy(&mut self, _from: Place, to: Place) -> Result<(), Failure> {
        Err(Failure::Argument(to.argument))
    }
}

const CHAINS: usize = 16;
const KEYS_BYTES: usize = 8 * CHAINS;
/// Where views lie.
const VIEWS: u64 = 4096;
const LOOKUPS: u32 = 16_000;
const ROUNDS: usize = 101;
