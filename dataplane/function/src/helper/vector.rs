//! Helpers on elements: integers of one type, one behind the other, aligned or not. Those of a processor's vector units are done by the kernels of the call.

use std::marker::PhantomData;

use super::kernels::{Element, Factor};
use super::{Failure, Helper, bounded, elements, extent, number, readable, writable};
use crate::call::Call;
use crate::memory::Memory;
use crate::signature::{Argument, Signature};
use crate::trap::Refused;

/// The sum of elements.
#[derive(Debug)]
pub struct Sum<T>(PhantomData<T>);
/// The least of elements.
#[derive(Debug)]
pub struct Min<T>(PhantomData<T>);
/// The greatest of elements.
#[derive(Debug)]
pub struct Max<T>(PhantomData<T>);
/// How many elements are above a threshold.
#[derive(Debug)]
pub struct CountAbove<T>(PhantomData<T>);
/// How many elements equal a number.
#[derive(Debug)]
pub struct CountEqual<T>(PhantomData<T>);
/// The sum of elements above a threshold.
#[derive(Debug)]
pub struct SumAbove<T>(PhantomData<T>);
/// Where elements above a threshold are.
#[derive(Debug)]
pub struct SelectAbove<T>(PhantomData<T>);
/// The sum of products.
#[derive(Debug)]
pub struct Dot<T>(PhantomData<T>);
/// A matrix times a vector.
#[derive(Debug)]
pub struct Gemv<T>(PhantomData<T>);

/// What the elements that argument 0 points to are made a number of, by a kernel that may be given argument 2 as well.
macro_rules! reduction {
    ($helper:ident<$type:ty>, $kernel:ident($($more:literal)?), $signature:expr) => {
        impl Helper for $helper<$type> {
            const SIGNATURE: Signature = $signature;

            #[inline]
            fn call<'s>(
                arguments: [u64; 5],
                memory: &mut impl Memory<'s>,
                call: &mut Call<'s>,
            ) -> Result<u64, Failure> {
                let values = elements(0, arguments, size_of::<$type>() as u64, &[arguments[1]])?;
                call.charge(values.bytes)?;
                let kernel = call.kernels.lanes[<$type as Element>::INDEX].$kernel;
                Ok(kernel(memory.read(values)? $(, arguments[$more])?))
            }
        }
    };
}

/// The helpers for elements of each type: its place, its array and a number in C, what its elements may be, and the least and the most of them in words.
macro_rules! reductions {
    ($(
        $type:ty: $index:literal, $values:literal, $wide:literal, [$min:expr, $max:expr], $least:literal, $most:literal;
    )+) => {$(
        reduction!(Sum<$type>, sum(), Signature {
            number: SUM + $index,
            name: concat!("adit_sum_", stringify!($type)),
            about: "Gives the sum of `count` elements, cut to 64 bits.",
            arguments: &[values::<$type>($values), COUNT],
            c_result: $wide,
            ..ANY
        });

        reduction!(Min<$type>, min(), Signature {
            number: MIN + $index,
            name: concat!("adit_min_", stringify!($type)),
            about: concat!("Gives the least of `count` elements; ", $most, " of none."),
            arguments: &[values::<$type>($values), COUNT],
            c_result: $wide,
            result_min: $min,
            result_max: $max,
            ..ANY
        });

        reduction!(Max<$type>, max(), Signature {
            number: MAX + $index,
            name: concat!("adit_max_", stringify!($type)),
            about: concat!("Gives the greatest of `count` elements; ", $least, " of none."),
            arguments: &[values::<$type>($values), COUNT],
            c_result: $wide,
            result_min: $min,
            result_max: $max,
            ..ANY
        });

        reduction!(CountAbove<$type>, count_above(2), Signature {
            number: COUNT_ABOVE + $index,
            name: concat!("adit_count_above_", stringify!($type)),
            about: "Gives how many of `count` elements are greater than `threshold`.",
            arguments: &[values::<$type>($values), COUNT, number("threshold", $wide)],
            result_min: 0,
            ..ANY
        });

        reduction!(CountEqual<$type>, count_equal(2), Signature {
            number: COUNT_EQUAL + $index,
            name: concat!("adit_count_equal_", stringify!($type)),
            about: "Gives how many of `count` elements equal `number`.",
            arguments: &[values::<$type>($values), COUNT, number("number", $wide)],
            result_min: 0,
            ..ANY
        });

        reduction!(SumAbove<$type>, sum_above(2), Signature {
            number: SUM_ABOVE + $index,
            name: concat!("adit_sum_above_", stringify!($type)),
            about: "Gives the sum of those of `count` elements that are greater than `threshold`, cut to 64 bits.",
            arguments: &[values::<$type>($values), COUNT, number("threshold", $wide)],
            c_result: $wide,
            ..ANY
        });

        impl Helper for SelectAbove<$type> {
            const SIGNATURE: Signature = Signature {
                number: SELECT_ABOVE + $index,
                name: concat!("adit_select_above_", stringify!($type)),
                about: "Writes the indexes of those of `count` elements that are greater than `threshold` to `indexes`,\n\
                    which has room for `room` of them; the rest of it is set to 0. Gives how many there are. If\n\
                    there are more than that the function ends.",
                arguments: &[
                    values::<$type>($values),
                    COUNT,
                    number("threshold", $wide),
                    writable("indexes", "__u32 *", extent(4, &[4])),
                    number("room", "__u64"),
                ],
                result_min: 0,
                result_max: u32::MAX as i64,
                ..ANY
            };

            #[inline]
            fn call<'s>(
                arguments: [u64; 5],
                memory: &mut impl Memory<'s>,
                call: &mut Call<'s>,
            ) -> Result<u64, Failure> {
                let [_, count, threshold, _, room] = arguments;
                let values = elements(0, arguments, size_of::<$type>() as u64, &[count])?;
                let indexes = elements(3, arguments, 4, &[room])?;
                call.charge(values.bytes.saturating_add(indexes.bytes))?;
                let ([values], indexes) = memory.read_and_write([values], indexes)?;
                let select = call.kernels.lanes[<$type as Element>::INDEX].select_above;
                let selected = select(values, threshold, indexes).ok_or(Refused::Count)?;
                indexes[bounded(selected) * 4..].fill(0);
                Ok(selected)
            }
        }
    )+};
}

reductions! {
    i8: 0, "const __s8 *", "__s64", [i8::MIN as i64, i8::MAX as i64], "-128", "127";
    i16: 1, "const __s16 *", "__s64", [i16::MIN as i64, i16::MAX as i64], "-32768", "32767";
    i32: 2, "const __s32 *", "__s64", [i32::MIN as i64, i32::MAX as i64], "-2147483648", "2147483647";
    i64: 3, "const __s64 *", "__s64", [i64::MIN, i64::MAX], "-2^63", "2^63 - 1";
    u8: 4, "const __u8 *", "__u64", [0, u8::MAX as i64], "0", "255";
    u16: 5, "const __u16 *", "__u64", [0, u16::MAX as i64], "0", "65535";
    u32: 6, "const __u32 *", "__u64", [0, u32::MAX as i64], "0", "4294967295";
    u64: 7, "const __u64 *", "__u64", [i64::MIN, i64::MAX], "0", "2^64 - 1";
}

/// Elements of two places are multiplied.
macro_rules! products {
    ($($type:ty: $index:literal, $values:literal, $out:ty, $out_type:literal, $bits:literal;)+) => {$(
        impl Helper for Dot<$type> {
            const SIGNATURE: Signature = Signature {
                number: DOT + $index,
                name: concat!("adit_dot_", stringify!($type)),
                about: "Gives the sum of the products of `count` pairs of elements, cut to 64 bits.",
                arguments: &[
                    readable("left", $values, extent(unit_bytes::<$type>(), &[2])),
                    readable("right", $values, extent(unit_bytes::<$type>(), &[2])),
                    COUNT,
                ],
                c_result: "__s64",
                ..ANY
            };

            #[inline]
            fn call<'s>(
                arguments: [u64; 5],
                memory: &mut impl Memory<'s>,
                call: &mut Call<'s>,
            ) -> Result<u64, Failure> {
                let unit_bytes = size_of::<$type>() as u64;
                let left = elements(0, arguments, unit_bytes, &[arguments[2]])?;
                let right = elements(1, arguments, unit_bytes, &[arguments[2]])?;
                call.charge(left.bytes.saturating_add(right.bytes))?;
                let dot = call.kernels.products[<$type as Factor>::INDEX].dot;
                Ok(dot(memory.read(left)?, memory.read(right)?))
            }
        }

        impl Helper for Gemv<$type> {
            const SIGNATURE: Signature = Signature {
                number: GEMV + $index,
                name: concat!("adit_gemv_", stringify!($type)),
                about: concat!(
                    "Multiplies a matrix, which lies row by row, with a vector of `columns` elements and writes `rows`\n\
                    sums, cut to ", $bits, " bits. Gives 0."
                ),
                arguments: &[
                    readable("matrix", $values, extent(unit_bytes::<$type>(), &[1, 2])),
                    number("rows", "__u64"),
                    number("columns", "__u64"),
                    readable("vector", $values, extent(unit_bytes::<$type>(), &[2])),
                    writable("sums", $out_type, extent(unit_bytes::<$out>(), &[1])),
                ],
                c_result: "__s64",
                result_min: 0,
                result_max: 0,
                ..ANY
            };

            #[inline]
            fn call<'s>(
                arguments: [u64; 5],
                memory: &mut impl Memory<'s>,
                call: &mut Call<'s>,
            ) -> Result<u64, Failure> {
                let [_, rows, columns, ..] = arguments;
                let unit_bytes = size_of::<$type>() as u64;
                let matrix = elements(0, arguments, unit_bytes, &[rows, columns])?;
                let vector = elements(3, arguments, unit_bytes, &[columns])?;
                let sums = elements(4, arguments, size_of::<$out>() as u64, &[rows])?;
                call.charge(matrix.bytes.saturating_add(vector.bytes).saturating_add(sums.bytes))?;
                let ([matrix, vector], sums) = memory.read_and_write([matrix, vector], sums)?;
                (call.kernels.products[<$type as Factor>::INDEX].gemv)(matrix, vector, sums);
                Ok(0)
            }
        }
    )+};
}

products! {
    i8: 0, "const __s8 *", i32, "__s32 *", "32";
    i16: 1, "const __s16 *", i64, "__s64 *", "64";
    i32: 2, "const __s32 *", i64, "__s64 *", "64";
}

const fn values<T>(c_type: &'static str) -> Argument {
    readable("values", c_type, extent(unit_bytes::<T>(), &[1]))
}

/// Bytes of an element.
#[expect(clippy::cast_possible_truncation, reason = "elements have 8 bytes at most")]
const fn unit_bytes<T>() -> u32 {
    size_of::<T>() as u32
}

const COUNT: Argument = number("count", "__u64");
/// What helpers here have in common: they write nothing into the store, and their result may be any number.
const ANY: Signature = Signature {
    number: 0,
    name: "",
    about: "",
    arguments: &[],
    c_result: "__u64",
    result_min: i64::MIN,
    result_max: i64::MAX,
    writes: false,
};

/// The numbers of helpers for elements: that of the first type, see `Element::INDEX`.
const SUM: u32 = 32;
const MIN: u32 = 40;
const MAX: u32 = 48;
const COUNT_ABOVE: u32 = 56;
const COUNT_EQUAL: u32 = 64;
const SUM_ABOVE: u32 = 72;
const SELECT_ABOVE: u32 = 80;
const DOT: u32 = 88;
const GEMV: u32 = 96;
