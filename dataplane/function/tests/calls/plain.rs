//! Helpers on bytes.

use adit_function::helper::Failure;
use adit_function::records::Records;
use adit_function::trap::Refused;

use crate::flat::{Limits, Running, on};

const COMPARE: u32 = 112;
const COPY: u32 = 113;
const FILL: u32 = 114;
const FIND: u32 = 115;
const FIND_BYTE: u32 = 116;
const HASH: u32 = 117;
const CRC32C: u32 = 118;

fn run(body: impl FnOnce(&mut Running<'_>)) {
    on(&Records::new(0), &Limits::default(), body);
}

#[test]
fn bytes_are_compared_as_unsigned_ones() {
    run(|running| {
        let mut compare = |left: &[u8], right: &[u8]| {
            let (left_at, right_at) = (running.memory.set(0, left), running.memory.set(100, right));
            running.result(COMPARE, &[left_at, left.len() as u64, right_at, right.len() as u64])
        };
        assert_eq!((compare(b"abc", b"abd"), compare(b"abd", b"abc"), compare(b"abc", b"abc")), (-1, 1, 0));
        assert_eq!((compare(b"\xff", b"a"), compare(b"ab", b"abc"), compare(b"", b"")), (1, -1, 0));
    });
}

#[test]
fn copies_may_overlap() {
    run(|running| {
        let at = running.memory.set(0, b"abcdef");
        assert_eq!(running.result(COPY, &[at + 2, at, 4]), 0);
        assert_eq!(&running.memory.bytes[..6], b"ababcd");
        assert_eq!(running.result(COPY, &[at, at + 2, 4]), 0);
        assert_eq!(&running.memory.bytes[..6], b"abcdcd");
        assert_eq!(running.result(FILL, &[at + 1, 0x1_58, 2]), 0);
        assert_eq!(&running.memory.bytes[..4], b"aXXd");
        assert_eq!(running.helper(COPY, &[4095, 0, 2]), Err(Failure::Argument(0)));
        assert_eq!(running.helper(COPY, &[0, 4095, 2]), Err(Failure::Argument(1)));
        assert_eq!(running.helper(FILL, &[u64::MAX, 0, 1]), Err(Failure::Argument(0)));
        assert_eq!(running.helper(FILL, &[u64::MAX, 0, 0]), Ok(0), "no bytes are everywhere");
    });
}

#[test]
fn parts_and_bytes_are_found() {
    run(|running| {
        let (data, part) =
            (running.memory.set(0, b"{\"name\": 1, \"id\": 2}"), running.memory.set(100, b"\"id\":"));
        assert_eq!(running.result(FIND, &[data, 20, part, 5]), 12);
        assert_eq!(running.result(FIND, &[data, 16, part, 5]), -1);
        assert_eq!(running.result(FIND, &[data, 20, part, 0]), 0);
        assert_eq!(running.result(FIND, &[data, 0, part, 1]), -1);
        assert_eq!(running.result(FIND_BYTE, &[data, 20, u64::from(b'}')]), 19);
        assert_eq!(running.result(FIND_BYTE, &[data, 19, u64::from(b'}')]), -1);
    });
}

#[test]
fn hashes_are_those_of_the_specification() {
    run(|running| {
        let at = running.memory.set(0, b"123456789");
        assert_eq!(running.result(CRC32C, &[at, 9, 0]), 0xe306_9283);
        let start = running.result(CRC32C, &[at, 4, 0]).cast_unsigned();
        assert_eq!(running.result(CRC32C, &[at + 4, 5, start]), 0xe306_9283);
        // These bits are a promise: programs keep them in records.
        assert_eq!(running.helper(HASH, &[at, 9, 0]), Ok(0x72dc_b18b_67a1_7dff));
        assert_eq!(running.helper(HASH, &[at, 9, 7]), Ok(0xd445_65a4_7e51_d7cd));
        assert_eq!(running.helper(HASH, &[at, 0, 0]), Ok(0x2d06_8005_38d3_94c2));
    });
}

#[test]
fn output_that_overlaps_input_is_refused() {
    run(|running| {
        running.memory.bytes.fill(1);
        // gemv_i8 of one row and four columns.
        let gemv = |matrix, vector, out| [matrix, 1, 4, vector, out];
        assert_eq!(running.helper(96, &gemv(0, 8, 12)), Ok(0));
        for overlapping in [gemv(9, 100, 12), gemv(100, 9, 12), gemv(12, 100, 12), gemv(100, 15, 12)] {
            assert_eq!(running.helper(96, &overlapping), Err(Failure::Refused(Refused::Overlap)));
        }
        // select_above_u8.
        assert_eq!(running.helper(84, &[0, 4, 200, 3, 1]), Err(Failure::Refused(Refused::Overlap)));
        assert_eq!(running.helper(84, &[0, 4, 200, 4, 1]), Ok(0));
    });
}

#[test]
fn lengths_that_do_not_fit_are_nowhere() {
    run(|running| {
        // sum_u64, gemv_i8, dot_i32, get_many: products of more than 64 bits.
        assert_eq!(running.helper(39, &[0, 1 << 61]), Err(Failure::Argument(0)));
        assert_eq!(running.helper(96, &[0, 1 << 33, 1 << 33, 0, 0]), Err(Failure::Argument(0)));
        assert_eq!(running.helper(90, &[0, 0, 1 << 62]), Err(Failure::Argument(0)));
        // Those that fit are too much work.
        assert_eq!(running.helper(39, &[0, 1 << 60]), Err(Failure::Refused(Refused::Work)));
        assert_eq!(running.helper(96, &[0, 1 << 31, 1 << 31, 0, 0]), Err(Failure::Refused(Refused::Work)));
    });
}
