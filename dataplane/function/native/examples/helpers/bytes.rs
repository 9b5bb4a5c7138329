//! Helpers on 4 KiB in the first cache, beside one that does next to nothing.

use adit_function::helper::SIGNATURES;
use adit_function::records::Records;
use adit_native::Arena;

use crate::compiled::{END, WRITTEN, install, time};
use crate::measure::summary;

/// Prints a table.
pub(crate) fn print() {
    let mut arena = Arena::new(1 << 20).expect("memory for code");
    // Two halves that are the same, so that all of them is compared; 0 is nowhere in them.
    let byte = |index: u64| 1 + (index * 2_654_435_761).to_le_bytes()[2] % 128;
    let half: Vec<u8> = (0..BYTES).map(byte).collect();
    let input = [half.clone(), half, CALLS.to_le_bytes().to_vec()].concat();
    let programs: Vec<_> = ROWS.iter().map(|row| install(&mut arena, &text(row))).collect();
    let mut times = vec![Vec::new(); ROWS.len()];
    for _ in 0..ROUNDS {
        for (program, times) in programs.iter().zip(&mut times) {
            time(program, &Records::new(0), &input);
            times.push(time(program, &Records::new(0), &input) / CALLS as f64);
        }
    }
    println!("{:<28}{:>10}{:>10}{:>10}", "helper", "ns", "least", "GB/s");
    for ((name, _, bytes), times) in ROWS.iter().zip(times) {
        let (median, least, _) = summary(times);
        println!("{name:<28}{median:>10.1}{least:>10.1}{:>10.0}", *bytes as f64 / median);
    }
}

/// A function that calls a helper again and again.
fn text((name, arguments, _): &Row) -> String {
    let number = SIGNATURES.iter().find(|helper| helper.name == *name).map(|helper| helper.number);
    let number = number.unwrap_or_else(|| panic!("no helper is called {name}"));
    format!(
        "
        ldxdw %r2, [%r1+8]
        ldxdw %r6, [%r1]
        mov %r3, %r6
        add %r3, {}
        jgt %r3, %r2, bad
        ldxdw %r7, [%r6+{}]
        ldxdw %r2, [%r1+24]
        ldxdw %r8, [%r1+16]
        mov %r3, %r8
        add %r3, {WRITTEN}
        jgt %r3, %r2, bad
        again:
        {arguments}
        call {number}
        {END}",
        2 * BYTES + 8,
        2 * BYTES
    )
}

/// A helper, how its arguments are set where r6 points to the bytes and r8 to memory to write to, and how many of them it goes through.
type Row = (&'static str, &'static str, u64);

const ROWS: &[Row] = &[
    ("adit_now_ms", "", 0),
    ("adit_sum_u8", "mov %r1, %r6\nmov %r2, 4096", BYTES),
    ("adit_sum_u32", "mov %r1, %r6\nmov %r2, 1024", BYTES),
    ("adit_sum_u64", "mov %r1, %r6\nmov %r2, 512", BYTES),
    ("adit_min_i32", "mov %r1, %r6\nmov %r2, 1024", BYTES),
    ("adit_max_u64", "mov %r1, %r6\nmov %r2, 512", BYTES),
    ("adit_count_above_u32", "mov %r1, %r6\nmov %r2, 1024\nmov %r3, 0x40000000", BYTES),
    ("adit_count_equal_u8", "mov %r1, %r6\nmov %r2, 4096\nmov %r3, 77", BYTES),
    ("adit_sum_above_u32", "mov %r1, %r6\nmov %r2, 1024\nmov %r3, 0x40000000", BYTES),
    ("adit_sum_above_u64", "mov %r1, %r6\nmov %r2, 512\nmov %r3, 0x40000000", BYTES),
    ("adit_dot_i8", "mov %r1, %r6\nmov %r2, %r6\nadd %r2, 4096\nmov %r3, 4096", 2 * BYTES),
    (
        "adit_gemv_i8",
        "mov %r1, %r6\nmov %r2, 16\nmov %r3, 64\nmov %r4, %r6\nadd %r4, 4096\nmov %r5, %r10\nadd %r5, -64",
        16 * 64,
    ),
    (
        "adit_gemv_i8",
        "mov %r1, %r6\nmov %r2, 16\nmov %r3, 256\nmov %r4, %r6\nadd %r4, 4096\nmov %r5, %r8",
        BYTES,
    ),
    (
        "adit_select_above_u32",
        "mov %r1, %r6\nmov %r2, 1024\nmov %r3, 0x40000000\nmov %r4, %r8\nmov %r5, 1024",
        BYTES,
    ),
    ("adit_compare", "mov %r1, %r6\nmov %r2, 4096\nmov %r3, %r6\nadd %r3, 4096\nmov %r4, 4096", 2 * BYTES),
    ("adit_find_byte", "mov %r1, %r6\nmov %r2, 4096\nmov %r3, 0", BYTES),
    (
        "adit_find",
        "stdw [%r10-8], 0\nmov %r1, %r6\nmov %r2, 4096\nmov %r3, %r10\nadd %r3, -8\nmov %r4, 8",
        BYTES,
    ),
    ("adit_hash", "mov %r1, %r6\nmov %r2, 4096\nmov %r3, 0", BYTES),
    ("adit_crc32c", "mov %r1, %r6\nmov %r2, 4096\nmov %r3, 0", BYTES),
    ("adit_fill", "mov %r1, %r8\nmov %r2, 7\nmov %r3, 4096", BYTES),
    ("adit_copy", "mov %r1, %r8\nmov %r2, %r6\nmov %r3, 4096", BYTES),
    ("adit_copy", "mov %r1, %r8\nmov %r2, %r6\nmov %r3, 512", 512),
    ("adit_exp_q16", "mov %r1, 0x23456", 0),
    ("adit_sigmoid_q16", "mov %r1, 0x23456", 0),
    ("adit_tanh_q16", "mov %r1, 0x23456", 0),
];
const BYTES: u64 = 4096;
const CALLS: u64 = 4000;
const ROUNDS: usize = 31;
