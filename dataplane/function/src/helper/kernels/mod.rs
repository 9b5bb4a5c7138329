//! The loops of helpers: what goes through bytes of which it is known that they are there. These here are safe code without a word about the
//! processor (but for the crate that hashes, which looks at it by itself), and the ones that all others are compared with; `native/` compiles
//! them for the vector units of the processor, or has better ones.

mod crc;
mod find;
mod hash;
mod lanes;
mod products;

pub use crc::crc32c;
pub use find::find;
pub use hash::hash;
pub use lanes::{Element, count_above, count_equal, max, min, select_above, sum, sum_above};
pub use products::{Factor, dot, gemv};

/// Loops for one processor.
#[derive(Debug)]
pub struct Kernels {
    /// On elements, by `Element::INDEX`.
    pub lanes: [Lanes; 8],
    /// On pairs of elements, by `Factor::INDEX`.
    pub products: [Products; 3],
    /// The CRC32C of bytes that follow those of another one.
    pub crc32c: fn(u32, &[u8]) -> u32,
    /// The XXH3 of bytes with a seed.
    pub hash: fn(&[u8], u64) -> u64,
    /// Where the second bytes first occur in the first.
    pub find: fn(&[u8], &[u8]) -> Option<usize>,
}

/// Loops on the elements of one type, which are little-endian and not aligned. Numbers are handed in and given as 64 bits, of signed types with their sign.
#[derive(Clone, Copy, Debug)]
pub struct Lanes {
    /// The sum, cut to 64 bits.
    pub sum: fn(&[u8]) -> u64,
    /// The least, or the greatest of the type if there is none.
    pub min: fn(&[u8]) -> u64,
    /// The greatest, or the least of the type if there is none.
    pub max: fn(&[u8]) -> u64,
    /// How many are greater than a number.
    pub count_above: fn(&[u8], u64) -> u64,
    /// How many equal a number.
    pub count_equal: fn(&[u8], u64) -> u64,
    /// The sum of those that are greater than a number, cut to 64 bits.
    pub sum_above: fn(&[u8], u64) -> u64,
    /// Writes the indexes of those that are greater than a number, 4 bytes each, and says how many there are, or nothing if there are more than fit. What is
    /// behind them may be overwritten.
    pub select_above: fn(&[u8], u64, &mut [u8]) -> Option<u64>,
}

/// Loops on pairs of elements of one type.
#[derive(Clone, Copy, Debug)]
pub struct Products {
    /// The sum of products, cut to 64 bits.
    pub dot: fn(&[u8], &[u8]) -> u64,
    /// The rows of a matrix times a vector, one sum for each: of 4 bytes for `i8`, else 8.
    pub gemv: fn(&[u8], &[u8], &mut [u8]),
}

impl Lanes {
    /// Those of this module.
    pub const fn scalar<T: Element>() -> Self {
        Self {
            sum: sum::<T>,
            min: min::<T>,
            max: max::<T>,
            count_above: count_above::<T>,
            count_equal: count_equal::<T>,
            sum_above: sum_above::<T>,
            select_above: select_above::<T>,
        }
    }
}

impl Products {
    /// Those of this module.
    pub const fn scalar<T: Factor>() -> Self {
        Self { dot: dot::<T>, gemv: gemv::<T> }
    }
}

/// The loops of this module.
pub static SCALAR: Kernels = Kernels {
    lanes: [
        Lanes::scalar::<i8>(),
        Lanes::scalar::<i16>(),
        Lanes::scalar::<i32>(),
        Lanes::scalar::<i64>(),
        Lanes::scalar::<u8>(),
        Lanes::scalar::<u16>(),
        Lanes::scalar::<u32>(),
        Lanes::scalar::<u64>(),
    ],
    products: [Products::scalar::<i8>(), Products::scalar::<i16>(), Products::scalar::<i32>()],
    crc32c,
    hash,
    find,
};
