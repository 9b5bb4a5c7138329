//! Helpers on bytes without a type.

use std::cmp::Ordering;

use super::{Failure, Helper, extent, number, place, readable, writable};
use crate::call::Call;
use crate::memory::Memory;
use crate::signature::{Argument, Signature};

/// Compares bytes.
#[derive(Debug)]
pub struct Compare;

impl Helper for Compare {
    const SIGNATURE: Signature = Signature {
        number: 112,
        name: "adit_compare",
        about: "Compares bytes as memcmp does; where one is the beginning of the other the longer is greater.\n\
            Gives -1, 0 or 1 as `left` is less, equal or greater.",
        arguments: &[
            readable("left", "const void *", extent(1, &[1])),
            number("left_bytes", "__u64"),
            readable("right", "const void *", extent(1, &[3])),
            number("right_bytes", "__u64"),
        ],
        c_result: "__s64",
        result_min: -1,
        result_max: 1,
        writes: false,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        let [_, left, _, right, _] = arguments;
        call.charge(left.saturating_add(right))?;
        let order = memory.read(place(0, arguments, left))?.cmp(memory.read(place(2, arguments, right))?);
        Ok(match order {
            Ordering::Less => u64::MAX,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        })
    }
}

/// Copies bytes.
#[derive(Debug)]
pub struct Copy;

impl Helper for Copy {
    const SIGNATURE: Signature = Signature {
        number: 113,
        name: "adit_copy",
        about: "Copies bytes as memmove does: they may overlap. Gives 0.",
        arguments: &[
            writable("to", "void *", extent(1, &[2])),
            readable("from", "const void *", extent(1, &[2])),
            BYTES,
        ],
        c_result: "__s64",
        result_min: 0,
        result_max: 0,
        writes: false,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        call.charge(arguments[2])?;
        memory.copy(place(1, arguments, arguments[2]), place(0, arguments, arguments[2]))?;
        Ok(0)
    }
}

/// Sets bytes.
#[derive(Debug)]
pub struct Fill;

impl Helper for Fill {
    const SIGNATURE: Signature = Signature {
        number: 114,
        name: "adit_fill",
        about: "Sets bytes to the lowest byte of `value`, as memset does. Gives 0.",
        arguments: &[writable("to", "void *", extent(1, &[2])), number("value", "__u64"), BYTES],
        c_result: "__s64",
        result_min: 0,
        result_max: 0,
        writes: false,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        call.charge(arguments[2])?;
        memory.write(place(0, arguments, arguments[2]))?.fill((arguments[1] & 0xff) as u8);
        Ok(0)
    }
}

/// Finds bytes in others.
#[derive(Debug)]
pub struct Find;

impl Helper for Find {
    const SIGNATURE: Signature = Signature {
        number: 115,
        name: "adit_find",
        about: "Gives where `part` first occurs in `data`, counted in bytes; -1 if it does not.",
        arguments: &[
            DATA,
            BYTES,
            readable("part", "const void *", extent(1, &[3])),
            number("part_bytes", "__u64"),
        ],
        c_result: "__s64",
        result_min: -1,
        result_max: i64::MAX,
        writes: false,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        let [_, bytes, _, part_bytes, _] = arguments;
        call.charge(bytes.saturating_add(part_bytes))?;
        let (data, part) =
            (memory.read(place(0, arguments, bytes))?, memory.read(place(2, arguments, part_bytes))?);
        Ok((call.kernels.find)(data, part).map_or(u64::MAX, |index| index as u64))
    }
}

/// Finds a byte in others.
#[derive(Debug)]
pub struct FindByte;

impl Helper for FindByte {
    const SIGNATURE: Signature = Signature {
        number: 116,
        name: "adit_find_byte",
        about: "Gives where the lowest byte of `value` first occurs in `data`; -1 if it does not.",
        arguments: &[DATA, BYTES, number("value", "__u64")],
        c_result: "__s64",
        result_min: -1,
        result_max: i64::MAX,
        writes: false,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        call.charge(arguments[1])?;
        let data = memory.read(place(0, arguments, arguments[1]))?;
        Ok(memchr::memchr((arguments[2] & 0xff) as u8, data).map_or(u64::MAX, |index| index as u64))
    }
}

/// Hashes bytes.
#[derive(Debug)]
pub struct Hash;

impl Helper for Hash {
    const SIGNATURE: Signature = Signature {
        number: 117,
        name: "adit_hash",
        about: "Gives the 64 bits of XXH3 of bytes and a seed: the same everywhere and for ever. Who knows the seed\n\
            can find collisions.",
        arguments: &[DATA, BYTES, number("seed", "__u64")],
        c_result: "__u64",
        result_min: i64::MIN,
        result_max: i64::MAX,
        writes: false,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        call.charge(arguments[1])?;
        let data = memory.read(place(0, arguments, arguments[1]))?;
        Ok((call.kernels.hash)(data, arguments[2]))
    }
}

/// Sums bytes up to detect errors.
#[derive(Debug)]
pub struct Crc32c;

impl Helper for Crc32c {
    const SIGNATURE: Signature = Signature {
        number: 118,
        name: "adit_crc32c",
        about: "Gives the CRC32C of bytes that follow those whose CRC32C is `before`, which is 0 at the start.",
        arguments: &[DATA, BYTES, number("before", "__u64")],
        c_result: "__u64",
        result_min: 0,
        result_max: u32::MAX as i64,
        writes: false,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        call.charge(arguments[1])?;
        let data = memory.read(place(0, arguments, arguments[1]))?;
        #[expect(clippy::cast_possible_truncation, reason = "a CRC32C has 32 bits")]
        let before = arguments[2] as u32;
        Ok((call.kernels.crc32c)(before, data).into())
    }
}

const DATA: Argument = readable("data", "const void *", extent(1, &[1]));
const BYTES: Argument = number("bytes", "__u64");
