//! Helpers on elements beside plain sums of wide integers.

use adit_function::helper::{Failure, SIGNATURES};
use adit_function::records::Records;
use adit_function::trap::Refused;

use crate::flat::{Limits, on};

/// Elements of each type: its name, its bytes, whether it has a sign.
const TYPES: [(&str, usize, bool); 8] = [
    ("i8", 1, true),
    ("i16", 2, true),
    ("i32", 4, true),
    ("i64", 8, true),
    ("u8", 1, false),
    ("u16", 2, false),
    ("u32", 4, false),
    ("u64", 8, false),
];

fn number(name: &str) -> u32 {
    SIGNATURES.iter().find(|helper| helper.name == name).unwrap_or_else(|| panic!("{name}")).number
}

/// Elements of so many bytes, the least and the greatest among them.
fn values(bytes: usize, is_signed: bool) -> Vec<i128> {
    let bits = 8 * u32::try_from(bytes).expect("a small number");
    let (least, most) =
        if is_signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) };
    let mut values = vec![least, most, least, 0, 1, 2, 3, 50, 50, most - 1, least + 1, most, most];
    values.extend((0..30).map(|index| least + index * 0x9e37_79b9_7f4a_7c15 % (most - least)));
    values
}

fn bytes_of(values: &[i128], bytes: usize) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()[..bytes].to_vec()).collect()
}

/// The lower 64 bits.
fn cut(sum: i128) -> u64 {
    (sum.cast_unsigned() & u128::from(u64::MAX)).try_into().expect("64 bits")
}

#[test]
fn elements_are_added_compared_and_found() {
    for (name, bytes, is_signed) in TYPES {
        let all = values(bytes, is_signed);
        on(&Records::new(0), &Limits::default(), |running| {
            for count in 0..=all.len() {
                let values = &all[..count];
                let at = running.memory.set(3, &bytes_of(values, bytes));
                let mut helper = |kind: &str, more: &[u64]| {
                    running
                        .helper(number(&format!("adit_{kind}_{name}")), &[&[at, count as u64], more].concat())
                };
                let (least, most) = (all.iter().min().copied(), all.iter().max().copied());
                assert_eq!(helper("sum", &[]), Ok(cut(values.iter().sum())), "{name}");
                assert_eq!(helper("min", &[]).ok(), values.iter().min().copied().or(most).map(cut), "{name}");
                assert_eq!(
                    helper("max", &[]).ok(),
                    values.iter().max().copied().or(least).map(cut),
                    "{name}"
                );
                // Thresholds beyond the type of the elements count as well, as far as 64 bits have them.
                let (from, to) =
                    if is_signed { (i64::MIN.into(), i64::MAX.into()) } else { (0, u64::MAX.into()) };
                for threshold in
                    all.iter().copied().chain([from, to, -1, 300, 70_000].into_iter().filter(|n| *n >= from))
                {
                    let above: Vec<(usize, i128)> =
                        values.iter().copied().enumerate().filter(|(_, value)| *value > threshold).collect();
                    let equal = values.iter().filter(|value| **value == threshold).count();
                    let sum = above.iter().map(|(_, value)| value).sum();
                    assert_eq!(helper("count_above", &[cut(threshold)]), Ok(above.len() as u64), "{name}");
                    assert_eq!(helper("count_equal", &[cut(threshold)]), Ok(equal as u64), "{name}");
                    assert_eq!(helper("sum_above", &[cut(threshold)]), Ok(cut(sum)), "{name}");
                }
            }
        });
    }
}

#[test]
fn indexes_fill_their_room() {
    on(&Records::new(0), &Limits::default(), |running| {
        for (name, bytes, _) in TYPES {
            let at = running.memory.set(1, &bytes_of(&[5, 1, 7, 3, 9], bytes));
            let select = number(&format!("adit_select_above_{name}"));
            let out = running.memory.set(1000, &[0xee; 32]);
            assert_eq!(running.result(select, &[at, 5, 4, out, 5]), 3);
            let words: Vec<u64> = (0..4).map(|index| running.memory.word(out + index * 8)).collect();
            assert_eq!(words[..2], [2 << 32, 4], "{name}: 0, 2, 4, and the rest is 0");
            assert_eq!(words[2], 0xeeee_eeee_0000_0000, "{name}: nothing behind the room is written");
            assert_eq!(running.result(select, &[at, 5, 4, out, 3]), 3);
            assert_eq!(
                running.helper(select, &[at, 5, 4, out, 2]),
                Err(Failure::Refused(Refused::Count)),
                "{name}"
            );
            assert_eq!(running.result(select, &[at, 5, 100, out, 0]), 0);
        }
    });
}

#[test]
fn products_are_added_up() {
    for (name, bytes, out_bytes) in [("i8", 1, 4), ("i16", 2, 8), ("i32", 4, 8)] {
        let all = values(bytes, true);
        on(&Records::new(0), &Limits::default(), |running| {
            let at = running.memory.set(1, &bytes_of(&all, bytes));
            for columns in 0..12 {
                let rows = 3_usize;
                let (vector, out) = (&all[5..5 + columns], 2000);
                let vector_at = at + 5 * bytes as u64;
                let dot = |row: &[i128]| cut(row.iter().zip(vector).map(|(left, right)| left * right).sum());
                let result =
                    running.helper(number(&format!("adit_dot_{name}")), &[at, vector_at, columns as u64]);
                assert_eq!(result, Ok(dot(&all[..columns])), "{name}");
                let arguments = [at, rows as u64, columns as u64, vector_at, out];
                assert_eq!(running.result(number(&format!("adit_gemv_{name}")), &arguments), 0);
                for row in 0..rows {
                    let expected = dot(&all[row * columns..][..columns]);
                    let sum = running.memory.word(out + row as u64 * out_bytes);
                    let bits = 64 - 8 * out_bytes;
                    assert_eq!(sum << bits, expected << bits, "{name}: row {row} of {columns}");
                }
            }
        });
    }
}
