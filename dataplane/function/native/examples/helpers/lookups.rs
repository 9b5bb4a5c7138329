//! Functions that find records. The value of each record is the key of another one: one function goes along a chain, where each look-up waits for the one before;
//! the other goes along sixteen chains by `adit_get_many`. A thousand records lie in the caches, a million do not.

use adit_function::records::Records;
use adit_native::{Arena, Installed};

use crate::compiled::{END, install, time};
use crate::measure::summary;

/// Prints a table.
pub(crate) fn print() {
    let mut arena = Arena::new(1 << 20).expect("memory for code");
    let (small, large) = (ring(1 << 10, 8), ring(1 << 20, 8));
    let words = ring(1 << 10, 24);
    let (chain, chain_of_words) = (install(&mut arena, &chain(8)), install(&mut arena, &chain(24)));
    let chains = install(&mut arena, &chains());
    let rows: [(&str, &Installed, &Records, usize, u64, u64); 5] = [
        ("one chain, 1 K records", &chain, &small, 8, 1, 1 << 10),
        ("one chain, 1 K, keys of 24 bytes", &chain_of_words, &words, 24, 1, 1 << 10),
        ("16 chains, 1 K", &chains, &small, 8, 16, 1 << 10),
        ("one chain, 1 M", &chain, &large, 8, 1, 1 << 20),
        ("16 chains, 1 M", &chains, &large, 8, 16, 1 << 20),
    ];
    let mut times = [const { Vec::new() }; 5];
    for round in 0..ROUNDS {
        for (index, ((_, program, records, key_bytes, chains, count), times)) in
            (0..).zip(rows.iter().zip(&mut times))
        {
            // No round finds what another has left in the caches, where the records do not fit them.
            let start = round * 7_919 + index * 4_001;
            let keys: Vec<u8> =
                (0..*chains).flat_map(|chain| key((start + chain * 65_521) % count, *key_bytes)).collect();
            let input = [keys, (LOOKUPS / chains).to_le_bytes().to_vec()].concat();
            if *count < 1 << 20 {
                time(program, records, &input);
            }
            times.push(time(program, records, &input) / LOOKUPS as f64);
        }
    }
    println!("{:<36}{:>12}{:>8}{:>8}", "records", "ns a record", "least", "most");
    for ((name, ..), times) in rows.iter().zip(times) {
        let (median, least, most) = summary(times);
        println!("{name:<36}{median:>12.1}{least:>8.1}{most:>8.1}");
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

/// A function that follows keys of so many bytes; its input is the first key and a count.
fn chain(key_bytes: usize) -> String {
    let key = -isize::try_from(key_bytes).expect("a small number");
    let view = key - 16;
    let follow = follow(key_bytes, view, key);
    format!(
        "{}
        again:
        mov %r1, %r10
        add %r1, {key}
        mov %r2, {key_bytes}
        mov %r3, 0
        mov %r4, %r10
        add %r4, {view}
        call 1
        {follow}
        {END}",
        begin(key_bytes, key)
    )
}

/// A function that follows sixteen keys of eight bytes; its input is the first ones and a count.
fn chains() -> String {
    let follow: Vec<String> = (0..16).map(|index| follow(8, index * 16 - 384, index * 8 - 128)).collect();
    format!(
        "{}
        again:
        mov %r1, %r10
        add %r1, -128
        mov %r2, 8
        mov %r3, 16
        mov %r4, %r10
        add %r4, -384
        mov %r5, 16
        call 2
        {}
        {END}",
        begin(128, -128),
        follow.concat()
    )
}

/// Copies so many bytes of the input to the stack, and the count behind them to r7.
fn begin(bytes: usize, to: isize) -> String {
    let copy = copy(bytes, to);
    format!(
        "
        ldxdw %r2, [%r1+8]
        ldxdw %r1, [%r1]
        mov %r3, %r1
        add %r3, {}
        jgt %r3, %r2, bad
        {copy}
        ldxdw %r7, [%r1+{bytes}]",
        bytes + 8
    )
}

/// Copies so many bytes that a view on the stack shows.
fn follow(bytes: usize, view: isize, to: isize) -> String {
    let (end, copy) = (view + 8, copy(bytes, to));
    format!(
        "
        ldxdw %r1, [%r10{view}]
        ldxdw %r2, [%r10{end}]
        mov %r3, %r1
        add %r3, {bytes}
        jgt %r3, %r2, bad
        {copy}"
    )
}

fn copy(bytes: usize, to: isize) -> String {
    let word = |at: usize| {
        let to = to + isize::try_from(at).expect("a small number");
        format!("ldxdw %r4, [%r1+{at}]\nstxdw [%r10{to}], %r4\n")
    };
    (0..bytes).step_by(8).map(word).collect()
}

const LOOKUPS: u64 = 16_000;
const ROUNDS: u64 = 101;
