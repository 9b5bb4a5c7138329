//! How fast the loops of helpers are: `cargo run --release -p adit-native --example kernels`. Each runs on 4 KiB in the first cache, that of the processor and
//! the scalar one by turns; printed are the medians, in time of the processor, and the bytes of elements per time.

use std::cell::RefCell;
use std::hint::black_box;

use adit_function::helper::Kernels;
use adit_function::helper::kernels::SCALAR;
use adit_native::kernels;

#[path = "measure/mod.rs"]
mod measure;

use measure::{cpu_ns, summary};

/// A loop with its arguments.
type Run<'a> = Box<dyn Fn(&Kernels) -> u64 + 'a>;

fn main() {
    let bytes: Vec<u8> =
        (0..2 * BYTES as u64).map(|index| (index.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    let indexes = &RefCell::new(vec![0; 4 * BYTES]);
    let (left, right) = bytes.split_at(BYTES);
    println!("{:<20}{:>10}{:>10}{:>10}{:>10}", "loop", "scalar", "ns", "GB/s", "of scalar");
    for (index, name) in ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"].into_iter().enumerate() {
        let lanes = move |kernels: &Kernels| kernels.lanes[index];
        let runs: [(&str, Run<'_>); 7] = [
            ("sum", Box::new(move |kernels| (lanes(kernels).sum)(black_box(left)))),
            ("min", Box::new(move |kernels| (lanes(kernels).min)(black_box(left)))),
            ("max", Box::new(move |kernels| (lanes(kernels).max)(black_box(left)))),
            ("count_above", Box::new(move |kernels| (lanes(kernels).count_above)(black_box(left), 50))),
            ("count_equal", Box::new(move |kernels| (lanes(kernels).count_equal)(black_box(left), 50))),
            ("sum_above", Box::new(move |kernels| (lanes(kernels).sum_above)(black_box(left), 50))),
            (
                "select_above",
                Box::new(move |kernels| {
                    (lanes(kernels).select_above)(black_box(left), 50, &mut indexes.borrow_mut()).unwrap_or(0)
                }),
            ),
        ];
        for (run, body) in runs {
            report(&format!("{run}_{name}"), BYTES, &body);
        }
    }
    for (index, name) in ["i8", "i16", "i32"].into_iter().enumerate() {
        report(&format!("dot_{name}"), 2 * BYTES, &|kernels| {
            (kernels.products[index].dot)(black_box(left), right)
        });
        let (columns, rows, bytes) = (64, 16, 1 << index);
        report(&format!("gemv_{name} 16x64"), rows * columns * bytes, &|kernels| {
            let mut sums = [0; 16 * 8];
            let sums_bytes = if index == 0 { 64 } else { 128 };
            let matrix = &left[..rows * columns * bytes];
            (kernels.products[index].gemv)(
                black_box(matrix),
                &right[..columns * bytes],
                &mut sums[..sums_bytes],
            );
            black_box(&sums);
            0
        });
    }
    report("hash", BYTES, &|kernels| (kernels.hash)(black_box(left), 0));
    report("hash with a seed", BYTES, &|kernels| (kernels.hash)(black_box(left), 5));
    let absent = [left[9], left[77], left[1], 0, 1, 2, 3, 4];
    report("find, nowhere", BYTES, &|kernels| {
        (kernels.find)(black_box(left), &absent).map_or(0, |at| at as u64)
    });
    let text = &include_bytes!("../../../../docs/functions.md")[..BYTES];
    let alike = &[7; BYTES];
    let parts: [(&[u8], &[u8]); 5] = [
        (text, b"an interesting"),
        (text, b"thermometer"),
        (text, br#""temperature":"#),
        (alike, &[7, 7, 7, 7, 7, 7, 7, 8]),
        (alike, &[&[7; 200][..], &[8], &[7; 200]].concat()),
    ];
    for (data, part) in parts {
        report(&format!("find {}: {:.8}", part.len(), part.escape_ascii().to_string()), BYTES, &|kernels| {
            (kernels.find)(black_box(data), part).map_or(0, |at| at as u64)
        });
    }
    report("crc32c", BYTES, &|kernels| (kernels.crc32c)(0, black_box(left)).into());
}

/// Prints a loop of the processor beside the scalar one.
fn report(name: &str, bytes: usize, run: &dyn Fn(&Kernels) -> u64) {
    let (best, mut scalar, mut wide) = (kernels::best(), vec![], vec![]);
    assert_eq!(run(&SCALAR), run(best), "{name}");
    for _ in 0..ROUNDS {
        scalar.push(time(&|| run(&SCALAR)));
        wide.push(time(&|| run(best)));
    }
    let ((scalar, ..), (wide, ..)) = (summary(scalar), summary(wide));
    println!("{name:<20}{scalar:>10.1}{wide:>10.1}{:>10.0}{:>10.1}", bytes as f64 / wide, scalar / wide);
}

/// Nanoseconds of a call.
fn time(run: &dyn Fn() -> u64) -> f64 {
    let start = cpu_ns();
    for _ in 0..CALLS {
        black_box(run());
    }
    (cpu_ns() - start) as f64 / f64::from(CALLS)
}

const BYTES: usize = 4096;
const ROUNDS: usize = 15;
const CALLS: u32 = 2000;
