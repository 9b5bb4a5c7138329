//! Loops on many elements side by side: rows of `N` elements are added up, compared, or multiplied lane by lane, in sums as narrow as they may be, and lanes
//! are brought together at the end. A row is some registers wide, so that they need not wait for each other.

use adit_function::helper::kernels::{Element, Factor};

/// A type of elements whose rows are worked on.
pub(super) trait Wide: Element {
    /// Its bytes in memory.
    type Raw: Copy;
    /// A sum of one lane over [`Self::SUM_ROWS`] rows.
    type Sum: Copy;
    /// A count of one lane over [`Self::COUNT_ROWS`] rows.
    type Count: Copy;
    const SUM_ROWS: usize;
    const COUNT_ROWS: usize;
    const NO_SUM: Self::Sum;
    const NO_COUNT: Self::Count;

    fn raw(bytes: &[u8]) -> &[Self::Raw];
    fn of(raw: Self::Raw) -> Self;
    fn add(sum: Self::Sum, value: Self) -> Self::Sum;
    fn total(sums: &[Self::Sum]) -> u64;
    /// The element, or 0.
    fn only_if(self, is_taken: bool) -> Self;
    fn count(count: Self::Count, is_counted: bool) -> Self::Count;
    fn total_count(counts: &[Self::Count]) -> u64;
}

macro_rules! wide {
    ($(
        $type:ty: $bytes:literal, $sum:ty, $sum_rows:literal, $wide_sum:ty, $count:ty, $count_rows:literal;
    )+) => {$(
        impl Wide for $type {
            type Raw = [u8; $bytes];
            type Sum = $sum;
            type Count = $count;
            const SUM_ROWS: usize = $sum_rows;
            const COUNT_ROWS: usize = $count_rows;
            const NO_SUM: Self::Sum = 0;
            const NO_COUNT: Self::Count = 0;

            #[inline(always)]
            fn raw(bytes: &[u8]) -> &[Self::Raw] {
                bytes.as_chunks().0
            }

            #[inline(always)]
            fn of(raw: Self::Raw) -> Self {
                Self::from_le_bytes(raw)
            }

            #[inline(always)]
            fn add(sum: Self::Sum, value: Self) -> Self::Sum {
                sum.wrapping_add(<$sum>::from(value))
            }

            #[inline(always)]
            fn total(sums: &[Self::Sum]) -> u64 {
                let wide = sums.iter().map(|&sum| <$wide_sum>::from(sum));
                Element::wide(wide.fold(0, <$wide_sum>::wrapping_add))
            }

            #[inline(always)]
            fn only_if(self, is_taken: bool) -> Self {
                if is_taken { self } else { 0 }
            }

            #[inline(always)]
            fn count(count: Self::Count, is_counted: bool) -> Self::Count {
                count.wrapping_add(is_counted.into())
            }

            #[inline(always)]
            fn total_count(counts: &[Self::Count]) -> u64 {
                counts.iter().fold(0, |total, &count| total + u64::from(count))
            }
        }
    )+};
}

// The most that a lane may add up decides over how many rows it does.
wide! {
    i8: 1, i16, 255, i64, u8, 255;
    i16: 2, i32, 65_535, i64, u16, 65_535;
    i32: 4, i64, 65_536, i64, u32, 65_536;
    i64: 8, i64, 65_536, i64, u64, 65_536;
    u8: 1, u16, 256, u64, u8, 255;
    u16: 2, u32, 65_536, u64, u16, 65_535;
    u32: 4, u64, 65_536, u64, u32, 65_536;
    u64: 8, u64, 65_536, u64, u64, 65_536;
}

#[inline(always)]
pub(super) fn sum<T: Wide, const N: usize>(values: &[u8]) -> u64 {
    sum_of::<T, N>(values, |value| value)
}

#[inline(always)]
pub(super) fn sum_above<T: Wide, const N: usize>(values: &[u8], threshold: u64) -> u64 {
    match T::narrow(threshold) {
        Ok(threshold) => sum_of::<T, N>(values, |value| value.only_if(value > threshold)),
        Err(true) => 0,
        Err(false) => sum::<T, N>(values),
    }
}

#[inline(always)]
pub(super) fn min<T: Wide, const N: usize>(values: &[u8]) -> u64 {
    fold::<T, N>(values, T::MOST, T::min).wide()
}

#[inline(always)]
pub(super) fn max<T: Wide, const N: usize>(values: &[u8]) -> u64 {
    fold::<T, N>(values, T::LEAST, T::max).wide()
}

#[inline(always)]
pub(super) fn count_above<T: Wide, const N: usize>(values: &[u8], threshold: u64) -> u64 {
    match T::narrow(threshold) {
        Ok(threshold) => count_of::<T, N>(values, |value| value > threshold),
        Err(true) => 0,
        Err(false) => T::raw(values).len() as u64,
    }
}

#[inline(always)]
pub(super) fn count_equal<T: Wide, const N: usize>(values: &[u8], number: u64) -> u64 {
    T::narrow(number).map_or(0, |number| count_of::<T, N>(values, |value| value == number))
}

#[inline(always)]
fn sum_of<T: Wide, const N: usize>(values: &[u8], of: impl Fn(T) -> T) -> u64 {
    let (rows, rest) = T::raw(values).as_chunks::<N>();
    let mut total = 0_u64;
    for block in rows.chunks(T::SUM_ROWS) {
        let mut sums = [T::NO_SUM; N];
        for row in block {
            for (sum, &raw) in sums.iter_mut().zip(row) {
                *sum = T::add(*sum, of(T::of(raw)));
            }
        }
        total = total.wrapping_add(T::total(&sums));
    }
    rest.iter().fold(total, |total, &raw| total.wrapping_add(of(T::of(raw)).wide()))
}

#[inline(always)]
fn fold<T: Wide, const N: usize>(values: &[u8], start: T, fold: impl Fn(T, T) -> T) -> T {
    let (rows, rest) = T::raw(values).as_chunks::<N>();
    let mut lanes = [start; N];
    for row in rows {
        for (lane, &raw) in lanes.iter_mut().zip(row) {
            *lane = fold(*lane, T::of(raw));
        }
    }
    let start = lanes.into_iter().fold(start, &fold);
    rest.iter().fold(start, |lane, &raw| fold(lane, T::of(raw)))
}

#[inline(always)]
fn count_of<T: Wide, const N: usize>(values: &[u8], is_counted: impl Fn(T) -> bool) -> u64 {
    let (rows, rest) = T::raw(values).as_chunks::<N>();
    let mut total = 0;
    for block in rows.chunks(T::COUNT_ROWS) {
        let mut counts = [T::NO_COUNT; N];
        for row in block {
            for (count, &raw) in counts.iter_mut().zip(row) {
                *count = T::count(*count, is_counted(T::of(raw)));
            }
        }
        total += T::total_count(&counts);
    }
    rest.iter().fold(total, |total, &raw| total + u64::from(is_counted(T::of(raw))))
}

/// The sum of products of `i8`: a lane adds up to 65,536 of them.
#[inline(always)]
pub(super) fn dot_i8(left: &[u8], right: &[u8]) -> u64 {
    let blocks = left.chunks(DOT_BYTES).zip(right.chunks(DOT_BYTES));
    blocks.fold(0, |total: u64, (left, right)| {
        let products =
            i8::all(left).zip(i8::all(right)).map(|(left, right)| i32::from(left) * i32::from(right));
        total.wrapping_add(i64::from(products.sum::<i32>()).cast_unsigned())
    })
}

/// The rows of a matrix of `i8` times a vector.
#[inline(always)]
pub(super) fn gemv_i8(matrix: &[u8], vector: &[u8], sums: &mut [u8]) {
    for (row, sum) in sums.chunks_exact_mut(<i8 as Factor>::SUM_BYTES).enumerate() {
        let row = &matrix[row * vector.len()..][..vector.len()];
        sum.copy_from_slice(&dot_i8(row, vector).to_le_bytes()[..<i8 as Factor>::SUM_BYTES]);
    }
}

/// Products of `i8` whose sum fits 32 bits.
const DOT_BYTES: usize = 65_536;
