//! All loops give what the scalar ones give.

use adit_function::helper::kernels::{Element, SCALAR};

use super::all;

/// Numbers that look random, from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 27
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("a small number")
    }

    /// Bytes of one of four kinds: random, the least and the greatest signed numbers, all ones, few different ones.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let kind = self.below(4);
        let byte = |random: u64, index: usize| match kind {
            0 => random.to_le_bytes()[0],
            1 if random & 1 == 0 => 0x80,
            1 => [0xff, 0x7f][index & 1],
            2 => 0xff,
            _ => u8::from(random & 7 == 0),
        };
        (0..len).map(|index| byte(self.next(), index)).collect()
    }
}

/// Lengths around the rows and registers of all loops, and some in between.
fn lengths(random: &mut Random) -> Vec<usize> {
    let around = |len: usize| [len.saturating_sub(1), len, len + 1];
    let edges = [0, 8, 16, 32, 64, 128, 192, 256, 512, 1024, 4096].into_iter().flat_map(around);
    edges.chain((0..40).map(|_| random.below(3000))).collect()
}

#[test]
fn loops_on_elements_equal_the_scalar_ones() {
    fn check<T: Element>(random: &mut Random) {
        let scalar = SCALAR.lanes[T::INDEX];
        for count in lengths(random) {
            let start = random.below(8);
            let bytes = random.bytes(start + count * size_of::<T>());
            let values = &bytes[start..];
            let some = T::all(values).nth(count / 2).map_or(0, T::wide);
            let thresholds =
                [some, some.wrapping_sub(1), T::LEAST.wide(), T::MOST.wide(), random.next(), 0, u64::MAX];
            for (name, kernels) in all() {
                let lanes = kernels.lanes[T::INDEX];
                assert_eq!((lanes.sum)(values), (scalar.sum)(values), "{name} {count}");
                assert_eq!((lanes.min)(values), (scalar.min)(values), "{name} {count}");
                assert_eq!((lanes.max)(values), (scalar.max)(values), "{name} {count}");
                for number in thresholds {
                    let both = (lanes.count_above, scalar.count_above);
                    assert_eq!(
                        (both.0)(values, number),
                        (both.1)(values, number),
                        "{name} {count} > {number}"
                    );
                    let both = (lanes.count_equal, scalar.count_equal);
                    assert_eq!(
                        (both.0)(values, number),
                        (both.1)(values, number),
                        "{name} {count} = {number}"
                    );
                    let both = (lanes.sum_above, scalar.sum_above);
                    assert_eq!(
                        (both.0)(values, number),
                        (both.1)(values, number),
                        "{name} {count} > {number}"
                    );
                    let room = random.below(count + 2);
                    let (mut left, mut right) = (vec![0; room * 4], vec![0; room * 4]);
                    let selected = (scalar.select_above)(values, number, &mut left);
                    assert_eq!(
                        (lanes.select_above)(values, number, &mut right),
                        selected,
                        "{name} {count} > {number}"
                    );
                    let len = selected.map_or(0, |selected| usize::try_from(selected).expect("few") * 4);
                    assert_eq!(right[..len], left[..len], "{name} {count} > {number}");
                }
            }
        }
    }
    let random = &mut Random(1);
    check::<i8>(random);
    check::<i16>(random);
    check::<i32>(random);
    check::<i64>(random);
    check::<u8>(random);
    check::<u16>(random);
    check::<u32>(random);
    check::<u64>(random);
}

#[test]
fn narrow_sums_do_not_overflow_in_long_arrays() {
    for byte in [0x80, 0x7f, 0xff, 0x00] {
        let values = vec![byte; (1 << 21) + 3];
        for (name, kernels) in all() {
            for (lanes, scalar) in kernels.lanes.iter().zip(&SCALAR.lanes) {
                assert_eq!((lanes.sum)(&values), (scalar.sum)(&values), "{name}");
                assert_eq!((lanes.count_equal)(&values, 0), (scalar.count_equal)(&values, 0), "{name}");
                let least = u64::MAX << 20;
                assert_eq!((lanes.sum_above)(&values, least), (scalar.sum_above)(&values, least), "{name}");
                let least = i64::from(i8::MIN).cast_unsigned();
                assert_eq!((lanes.sum_above)(&values, least), (scalar.sum_above)(&values, least), "{name}");
                assert_eq!((lanes.count_above)(&values, 1), (scalar.count_above)(&values, 1), "{name}");
            }
            for (products, scalar) in kernels.products.iter().zip(&SCALAR.products) {
                assert_eq!((products.dot)(&values, &values), (scalar.dot)(&values, &values), "{name}");
            }
        }
    }
}

#[test]
fn products_equal_the_scalar_ones() {
    let random = &mut Random(2);
    for columns in lengths(random) {
        for (index, bytes) in [1, 2, 4].into_iter().enumerate() {
            let (rows, start) = (random.below(9), random.below(8));
            let matrix = random.bytes(start + rows * columns * bytes);
            let vector = random.bytes(start + columns * bytes);
            let (matrix, vector) = (&matrix[start..], &vector[start..]);
            let mut expected = vec![0; rows * if index == 0 { 4 } else { 8 }];
            (SCALAR.products[index].gemv)(matrix, vector, &mut expected);
            for (name, kernels) in all() {
                let mut sums = vec![0xff; expected.len()];
                (kernels.products[index].gemv)(matrix, vector, &mut sums);
                assert_eq!(sums, expected, "{name} {rows}x{columns} of {bytes}");
                if rows > 0 {
                    let row = &matrix[..vector.len()];
                    let dot = (SCALAR.products[index].dot)(row, vector);
                    assert_eq!(
                        (kernels.products[index].dot)(row, vector),
                        dot,
                        "{name} {columns} of {bytes}"
                    );
                }
            }
        }
    }
    // More columns than a block of i8 has.
    let (matrix, vector) = (random.bytes(2 * 70_000), random.bytes(70_000));
    let mut expected = [0; 8];
    (SCALAR.products[0].gemv)(&matrix, &vector, &mut expected);
    for (name, kernels) in all() {
        let mut sums = [0; 8];
        (kernels.products[0].gemv)(&matrix, &vector, &mut sums);
        assert_eq!(sums, expected, "{name}");
    }
}

#[test]
fn sums_of_bytes_equal_the_scalar_ones() {
    let random = &mut Random(3);
    for len in lengths(random).into_iter().chain([2048, 5000, 65_537]) {
        let start = random.below(8);
        let bytes = &random.bytes(start + len)[start..];
        let before = if len % 2 == 0 { 0 } else { (SCALAR.crc32c)(0, b"before") };
        for (name, kernels) in all() {
            assert_eq!((kernels.crc32c)(before, bytes), (SCALAR.crc32c)(before, bytes), "{name} {len}");
            for seed in [0, 1, u64::MAX, random.next()] {
                assert_eq!((kernels.hash)(bytes, seed), (SCALAR.hash)(bytes, seed), "{name} {len} {seed}");
            }
        }
    }
}

#[test]
fn what_is_found_equals_what_the_scalar_one_finds() {
    let random = &mut Random(4);
    for len in lengths(random) {
        let start = random.below(8);
        let data = &random.bytes(start + len)[start..];
        // Parts of the data at its start, its end and in between, the same with one byte changed, and data that is like itself everywhere.
        for _ in 0..12 {
            let limit = [2, 4, 20, 300, len + 2][random.below(5)];
            let part_len = random.below(limit);
            let places = [0, len.saturating_sub(part_len), random.below(len + 1)];
            let at = places[random.below(3)];
            let mut part = data[at..].iter().copied().take(part_len).collect::<Vec<u8>>();
            if !part.is_empty() && random.below(2) == 0 {
                let changed = random.below(part.len());
                part[changed] ^= 1;
            }
            let alike = vec![7; len];
            let mut almost = vec![7; part_len];
            if !almost.is_empty() {
                let changed = random.below(part_len);
                almost[changed] = 8;
            }
            for (data, part) in [(data, &part[..]), (&alike, &almost), (&alike, &alike[..part_len.min(len)])]
            {
                let found = data.windows(part.len().max(1)).position(|window| window.starts_with(part));
                let found = if part.is_empty() { Some(0) } else { found };
                for (name, kernels) in all() {
                    assert_eq!((kernels.find)(data, part), found, "{name}: {part:?} in {data:?}");
                }
            }
        }
    }
}
