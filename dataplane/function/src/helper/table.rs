//! The table of all helpers.

use super::{Failure, Helper};
use crate::call::Call;
use crate::memory::Memory;
use crate::signature::Signature;

/// Calls a macro with the types of all helpers, ascending by number: `$with!(Get, GetMany, ...)`. Each is a `Helper`.
#[macro_export]
macro_rules! for_each_helper {
    ($with:ident) => {
        $with! {
            $crate::helper::Get,
            $crate::helper::GetMany,
            $crate::helper::Version,
            $crate::helper::Put,
            $crate::helper::PutIf,
            $crate::helper::Delete,
            $crate::helper::Add,
            $crate::helper::Emit,
            $crate::helper::NowMs,
            $crate::helper::Sum<i8>,
            $crate::helper::Sum<i16>,
            $crate::helper::Sum<i32>,
            $crate::helper::Sum<i64>,
            $crate::helper::Sum<u8>,
            $crate::helper::Sum<u16>,
            $crate::helper::Sum<u32>,
            $crate::helper::Sum<u64>,
            $crate::helper::Min<i8>,
            $crate::helper::Min<i16>,
            $crate::helper::Min<i32>,
            $crate::helper::Min<i64>,
            $crate::helper::Min<u8>,
            $crate::helper::Min<u16>,
            $crate::helper::Min<u32>,
            $crate::helper::Min<u64>,
            $crate::helper::Max<i8>,
            $crate::helper::Max<i16>,
            $crate::helper::Max<i32>,
            $crate::helper::Max<i64>,
            $crate::helper::Max<u8>,
            $crate::helper::Max<u16>,
            $crate::helper::Max<u32>,
            $crate::helper::Max<u64>,
            $crate::helper::CountAbove<i8>,
            $crate::helper::CountAbove<i16>,
            $crate::helper::CountAbove<i32>,
            $crate::helper::CountAbove<i64>,
            $crate::helper::CountAbove<u8>,
            $crate::helper::CountAbove<u16>,
            $crate::helper::CountAbove<u32>,
            $crate::helper::CountAbove<u64>,
            $crate::helper::CountEqual<i8>,
            $crate::helper::CountEqual<i16>,
            $crate::helper::CountEqual<i32>,
            $crate::helper::CountEqual<i64>,
            $crate::helper::CountEqual<u8>,
            $crate::helper::CountEqual<u16>,
            $crate::helper::CountEqual<u32>,
            $crate::helper::CountEqual<u64>,
            $crate::helper::SumAbove<i8>,
            $crate::helper::SumAbove<i16>,
            $crate::helper::SumAbove<i32>,
            $crate::helper::SumAbove<i64>,
            $crate::helper::SumAbove<u8>,
            $crate::helper::SumAbove<u16>,
            $crate::helper::SumAbove<u32>,
            $crate::helper::SumAbove<u64>,
            $crate::helper::SelectAbove<i8>,
            $crate::helper::SelectAbove<i16>,
            $crate::helper::SelectAbove<i32>,
            $crate::helper::SelectAbove<i64>,
            $crate::helper::SelectAbove<u8>,
            $crate::helper::SelectAbove<u16>,
            $crate::helper::SelectAbove<u32>,
            $crate::helper::SelectAbove<u64>,
            $crate::helper::Dot<i8>,
            $crate::helper::Dot<i16>,
            $crate::helper::Dot<i32>,
            $crate::helper::Gemv<i8>,
            $crate::helper::Gemv<i16>,
            $crate::helper::Gemv<i32>,
            $crate::helper::Compare,
            $crate::helper::Copy,
            $crate::helper::Fill,
            $crate::helper::Find,
            $crate::helper::FindByte,
            $crate::helper::Hash,
            $crate::helper::Crc32c,
            $crate::helper::ExpQ16,
            $crate::helper::SigmoidQ16,
            $crate::helper::TanhQ16,
        }
    };
}

macro_rules! signatures {
    ($($helper:ty),+ $(,)?) => {
        /// What all helpers take and give, ascending by number.
        pub static SIGNATURES: &[Signature] = &[$(<$helper as Helper>::SIGNATURE),+];
    };
}

for_each_helper!(signatures);

/// What the helper of this number takes and gives, if there is one.
pub fn signature(number: u32) -> Option<&'static Signature> {
    SIGNATURES.get(*ROWS.get(number as usize)? as usize)
}

macro_rules! dispatch {
    ($($helper:ty),+ $(,)?) => {
        /// Calls the helper of this number.
        ///
        /// # Errors
        /// [`Failure`], which ends the call of the function.
        ///
        /// # Panics
        /// If there is no such helper: the verifier has refused that.
        #[inline]
        pub fn call<'s>(
            number: u32,
            arguments: [u64; 5],
            memory: &mut impl Memory<'s>,
            call: &mut Call<'s>,
        ) -> Result<u64, Failure> {
            match number {
                $(<$helper as Helper>::NUMBER => <$helper as Helper>::call(arguments, memory, call),)+
                _ => panic!("no helper has number {number}"),
            }
        }
    };
}

for_each_helper!(dispatch);

/// Where each number stands in [`SIGNATURES`]; the length of that for numbers that no helper has.
static ROWS: [u8; NUMBERS] = {
    let mut rows = [u8::MAX; NUMBERS];
    let mut row = 0;
    while (row as usize) < SIGNATURES.len() {
        rows[SIGNATURES[row as usize].number as usize] = row;
        row += 1;
    }
    rows
};
/// Numbers that may be given to helpers.
const NUMBERS: usize = 192;
const _: () = assert!(SIGNATURES.len() < u8::MAX as usize);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{ArgumentKind, VIEWS_MAX};

    #[test]
    fn numbers_ascend_and_are_found() {
        assert!(SIGNATURES.is_sorted_by(|a, b| a.number < b.number));
        for row in SIGNATURES {
            assert_eq!(signature(row.number), Some(row));
        }
        let known = (0..=300).filter_map(signature).count();
        assert_eq!((known, signature(0), signature(u32::MAX)), (SIGNATURES.len(), None, None));
    }

    #[test]
    fn rows_keep_to_the_rules_of_the_verifier() {
        for row in SIGNATURES {
            assert!(row.name.starts_with("adit_") && row.arguments.len() <= 5, "{}", row.name);
            assert!(row.about.lines().all(|line| line.chars().count() <= 100), "{}: columns", row.name);
            assert!(row.result_min <= row.result_max, "{}", row.name);
            for argument in row.arguments {
                let is_number = |index: &u8| {
                    let kind = row.arguments[*index as usize].kind;
                    matches!(kind, ArgumentKind::Number | ArgumentKind::Constant(_))
                };
                match argument.kind {
                    ArgumentKind::Readable(extent) | ArgumentKind::Writable(extent) => {
                        assert!(
                            extent.unit_bytes > 0 && extent.factors.iter().all(is_number),
                            "{}",
                            row.name
                        );
                        assert!(argument.c_type.ends_with('*'), "{}", row.name);
                    }
                    ArgumentKind::Views(Some(index)) => {
                        let kind = row.arguments[index as usize].kind;
                        assert!(matches!(kind, ArgumentKind::Constant(most) if most <= VIEWS_MAX));
                    }
                    ArgumentKind::Views(None) | ArgumentKind::Number | ArgumentKind::Constant(_) => {}
                }
            }
        }
    }
}
