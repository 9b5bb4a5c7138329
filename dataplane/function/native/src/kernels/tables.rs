//! The loops compiled for each kind of vector unit, in tables.

use adit_function::helper::Kernels;
use adit_function::helper::kernels::{self, Lanes, Products};

use super::{crc, dot, find, hash, narrow, select, wide};

/// The tables that this processor can run, the fastest last.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static Kernels)> {
    let has_avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt");
    let has_avx512 = has_avx2
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni");
    let has_clmul = has_avx512
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("sse4.2")
        && is_x86_feature_detected!("vpclmulqdq");
    let tables = [
        (has_avx2, "avx2", &AVX2),
        (has_avx512, "avx512", &AVX512),
        (has_clmul, "avx512 with carry-less products", &AVX512_CLMUL),
    ];
    tables.into_iter().filter(|(is_there, ..)| *is_there).map(|(_, name, kernels)| (name, kernels))
}

/// A function compiled for vector units whose body is safe code.
macro_rules! compiled {
    ($features:literal, ($($argument:ident: $type:ty),+) -> $result:ty, $body:expr) => {{
        #[target_feature(enable = $features)]
        fn compiled($($argument: $type),+) -> $result {
            $body($($argument),+)
        }
        fn entry($($argument: $type),+) -> $result {
            // SAFETY: the processor has what this needs: else `all` had not handed out the table that it stands in, and nobody else does.
            unsafe { compiled($($argument),+) }
        }
        entry
    }};
}

macro_rules! lanes {
    (
        $features:literal, $sum:expr, $min:expr, $max:expr, $count_above:expr, $count_equal:expr, $sum_above:expr,
        $select:expr
    ) => {
        Lanes {
            sum: compiled!($features, (values: &[u8]) -> u64, $sum),
            min: compiled!($features, (values: &[u8]) -> u64, $min),
            max: compiled!($features, (values: &[u8]) -> u64, $max),
            count_above: compiled!($features, (values: &[u8], threshold: u64) -> u64, $count_above),
            count_equal: compiled!($features, (values: &[u8], number: u64) -> u64, $count_equal),
            sum_above: compiled!($features, (values: &[u8], threshold: u64) -> u64, $sum_above),
            select_above: compiled!(
                $features,
                (values: &[u8], threshold: u64, indexes: &mut [u8]) -> Option<u64>,
                $select
            ),
        }
    };
}

/// Loops in rows of so many elements: where sums are wider than elements, and where they are not.
macro_rules! rows {
    ($features:literal, $type:ty, $sums:literal, $lanes:literal, $sum_above:expr, $select:expr) => {
        lanes!(
            $features,
            wide::sum::<$type, $sums>,
            wide::min::<$type, $lanes>,
            wide::max::<$type, $lanes>,
            wide::count_above::<$type, $lanes>,
            wide::count_equal::<$type, $lanes>,
            $sum_above,
            $select
        )
    };
}

/// Loops as they are written for one element after the other: wide elements need no rows.
macro_rules! plain {
    ($features:literal, $type:ty, $select:expr) => {
        lanes!(
            $features,
            kernels::sum::<$type>,
            kernels::min::<$type>,
            kernels::max::<$type>,
            kernels::count_above::<$type>,
            kernels::count_equal::<$type>,
            kernels::sum_above::<$type>,
            $select
        )
    };
}

macro_rules! products {
    ($features:literal, $dot:expr, $gemv:expr) => {
        Products {
            dot: compiled!($features, (left: &[u8], right: &[u8]) -> u64, $dot),
            gemv: compiled!($features, (matrix: &[u8], vector: &[u8], sums: &mut [u8]) -> (), $gemv),
        }
    };
}

/// A part of a table, compiled for AVX2 and what comes with it. Each feature here is one that `all` asks for.
macro_rules! avx2 {
    ($part:ident, $($arguments:tt)+) => {
        $part!("avx2,bmi1,bmi2,lzcnt,popcnt", $($arguments)+)
    };
}

/// A part of a table, compiled for AVX-512 and what comes with it. Each feature here is one that `all` asks for.
macro_rules! avx512 {
    ($part:ident, $($arguments:tt)+) => {
        $part!("avx2,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni", $($arguments)+)
    };
}

static AVX2: Kernels = Kernels {
    lanes: [
        avx2!(rows, i8, 64, 128, wide::sum_above::<i8, 64>, kernels::select_above::<i8>),
        avx2!(rows, i16, 32, 64, wide::sum_above::<i16, 32>, kernels::select_above::<i16>),
        avx2!(plain, i32, kernels::select_above::<i32>),
        avx2!(plain, i64, kernels::select_above::<i64>),
        avx2!(rows, u8, 64, 128, wide::sum_above::<u8, 64>, kernels::select_above::<u8>),
        avx2!(rows, u16, 32, 64, wide::sum_above::<u16, 32>, kernels::select_above::<u16>),
        avx2!(plain, u32, kernels::select_above::<u32>),
        avx2!(plain, u64, kernels::select_above::<u64>),
    ],
    products: [
        avx2!(products, wide::dot_i8, wide::gemv_i8),
        avx2!(products, kernels::dot::<i16>, kernels::gemv::<i16>),
        avx2!(products, kernels::dot::<i32>, kernels::gemv::<i32>),
    ],
    crc32c: crc::by_parts,
    hash: kernels::hash,
    find: kernels::find,
};

const WITH_AVX512: Kernels = Kernels {
    lanes: [
        avx512!(rows, i8, 128, 256, narrow::i8, select::i8),
        avx512!(rows, i16, 64, 128, narrow::i16, select::i16),
        avx512!(plain, i32, select::i32),
        avx512!(plain, i64, select::i64),
        avx512!(rows, u8, 128, 256, narrow::u8, select::u8),
        avx512!(rows, u16, 64, 128, narrow::u16, select::u16),
        avx512!(plain, u32, select::u32),
        avx512!(plain, u64, select::u64),
    ],
    products: [
        avx512!(products, dot::dot, dot::gemv),
        avx512!(products, kernels::dot::<i16>, kernels::gemv::<i16>),
        avx512!(products, kernels::dot::<i32>, kernels::gemv::<i32>),
    ],
    crc32c: crc::by_parts,
    hash: avx512!(compiled, (bytes: &[u8], seed: u64) -> u64, hash::hash),
    find: avx512!(compiled, (data: &[u8], part: &[u8]) -> Option<usize>, find::find),
};

static AVX512: Kernels = WITH_AVX512;

static AVX512_CLMUL: Kernels = Kernels {
    crc32c: compiled!("avx2,avx512f,pclmulqdq,sse4.2,vpclmulqdq", (before: u32, bytes: &[u8]) -> u32, crc::by_blocks),
    ..WITH_AVX512
};
