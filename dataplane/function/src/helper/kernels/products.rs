//! Loops on pairs of elements.

use super::Element;

/// A type of elements that are multiplied.
pub trait Factor: Element {
    /// Its place in `Kernels::products`.
    const INDEX: usize;
    /// Bytes of a sum in what `gemv` writes.
    const SUM_BYTES: usize;

    /// The product, in 64 bits.
    fn times(self, other: Self) -> u64;
}

macro_rules! factor {
    ($($type:ty: $index:literal, $sum_bytes:literal;)+) => {$(
        impl Factor for $type {
            const INDEX: usize = $index;
            const SUM_BYTES: usize = $sum_bytes;

            #[inline(always)]
            fn times(self, other: Self) -> u64 {
                (i64::from(self) * i64::from(other)).cast_unsigned()
            }
        }
    )+};
}

factor! {
    i8: 0, 4;
    i16: 1, 8;
    i32: 2, 8;
}

/// See [`Products::dot`](super::Products::dot).
#[inline(always)]
pub fn dot<T: Factor>(left: &[u8], right: &[u8]) -> u64 {
    T::all(left).zip(T::all(right)).fold(0, |sum: u64, (left, right)| sum.wrapping_add(left.times(right)))
}

/// See [`Products::gemv`](super::Products::gemv).
#[inline(always)]
pub fn gemv<T: Factor>(matrix: &[u8], vector: &[u8], sums: &mut [u8]) {
    for (row, out) in sums.chunks_exact_mut(T::SUM_BYTES).enumerate() {
        let row = &matrix[row * vector.len()..][..vector.len()];
        out.copy_from_slice(&dot::<T>(row, vector).to_le_bytes()[..T::SUM_BYTES]);
    }
}
