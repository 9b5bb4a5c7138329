//! Helpers on records.

use adit_function::helper::Failure;
use adit_function::records::Records;
use adit_function::stage::WRITES_MAX;
use adit_function::store::{Found, Store, Unready};
use adit_function::trap::Refused;

use crate::flat::{Limits, on, succeed};

const GET: u32 = 1;
const GET_MANY: u32 = 2;
const VERSION: u32 = 3;
const PUT: u32 = 4;
const PUT_IF: u32 = 5;
const DELETE: u32 = 6;
const ADD: u32 = 7;
const EMIT: u32 = 8;
const NOW_MS: u32 = 9;
const VIEW: u64 = 2048;

fn records() -> Records {
    let mut records = Records::new(8);
    records.put(b"one", b"11");
    records.put(b"two", b"2222");
    records.put(b"nil", b"");
    records
}

#[test]
fn get_shows_values_and_says_what_is_absent() {
    on(&records(), &Limits::default(), |running| {
        let keys = running.memory.set(0, b"onetwonilnot");
        assert_eq!(running.result(GET, &[keys + 3, 3, 0, VIEW]), 4);
        assert_eq!(running.memory.view(VIEW), Some(&b"2222"[..]));
        assert_eq!(running.result(GET, &[keys, 3, 1, VIEW]), 2, "the bytes of the whole value");
        assert_eq!(running.memory.view(VIEW), Some(&b"1"[..]));
        assert_eq!(running.result(GET, &[keys, 3, u64::MAX, VIEW]), 2);
        assert_eq!(running.memory.view(VIEW), Some(&b""[..]));
        assert_eq!(running.result(GET, &[keys + 6, 3, 0, VIEW]), 0);
        assert_eq!(running.memory.view(VIEW), Some(&b""[..]), "an empty value is there");
        assert_eq!(running.result(GET, &[keys + 9, 3, 0, VIEW]), -1);
        assert_eq!(running.memory.view(VIEW), None);
        assert_eq!(running.helper(GET, &[4000, 97, 0, VIEW]), Err(Failure::Argument(0)));
        assert_eq!(running.helper(GET, &[keys, 3, 0, 4088]), Err(Failure::Argument(3)));
        assert_eq!(running.helper(GET, &[keys, 65_537, 0, VIEW]), Err(Failure::Refused(Refused::TooLong)));
    });
}

#[test]
fn get_many_fills_all_its_room() {
    on(&records(), &Limits::default(), |running| {
        let keys = running.memory.set(0, b"onenottwo");
        let views = |running: &crate::flat::Running<'_>, room: u64| {
            (0..room)
                .map(|index| running.memory.view(VIEW + 16 * index).map(<[u8]>::to_vec))
                .collect::<Vec<_>>()
        };
        let found = [Some(b"11".to_vec()), None, Some(b"2222".to_vec()), None];
        assert_eq!(running.result(GET_MANY, &[keys, 3, 3, VIEW, 4]), 2);
        assert_eq!(views(running, 4), found);
        assert_eq!(
            running.memory.word(VIEW + 64),
            0xeeee_eeee_eeee_eeee,
            "nothing behind the room is written"
        );
        assert_eq!(running.result(GET_MANY, &[keys, 3, 0, VIEW, 4]), 0);
        assert_eq!(views(running, 4), [const { None }; 4]);
        assert_eq!(running.helper(GET_MANY, &[keys, 3, 5, VIEW, 4]), Err(Failure::Refused(Refused::Count)));
        // What is staged is seen as well.
        running.result(PUT, &[keys + 3, 3, keys, 1]);
        running.result(DELETE, &[keys, 3]);
        assert_eq!(running.result(GET_MANY, &[keys, 3, 3, VIEW, 3]), 2);
        assert_eq!(views(running, 3), [None, Some(b"o".to_vec()), Some(b"2222".to_vec())]);
    });
}

#[test]
fn writes_are_seen_by_the_call_and_applied_together() {
    let mut records = records();
    let output = succeed(&mut records, |running| {
        let keys = running.memory.set(0, b"onetwonewvalue");
        assert_eq!(running.result(PUT, &[keys + 6, 3, keys + 9, 5]), 0);
        assert_eq!(running.result(GET, &[keys + 6, 3, 0, VIEW]), 5);
        assert_eq!(running.result(PUT, &[keys + 6, 3, keys + 9, 2]), 0);
        assert_eq!(running.memory.view(VIEW), Some(&b"value"[..]), "a view stays as it was");
        assert_eq!(running.result(DELETE, &[keys, 3]), 1);
        assert_eq!(running.result(DELETE, &[keys, 3]), 0);
        assert_eq!(running.result(GET, &[keys, 3, 0, VIEW]), -1);
        assert_eq!(running.result(EMIT, &[keys + 3, 3]), 0);
        assert_eq!(running.result(EMIT, &[keys, 0]), 0);
    });
    assert_eq!(output, b"two");
    assert_eq!((records.value(b"new"), records.value(b"one"), records.count()), (Some(&b"va"[..]), None, 3));
}

#[test]
fn nothing_remains_of_a_call_that_fails() {
    let records = records().with_limit(40);
    for _ in 0..3 {
        on(&records, &Limits::default(), |running| {
            let key = running.memory.set(0, b"one");
            running.result(DELETE, &[key, 3]);
            running.result(PUT, &[key, 3, key, 3]);
        });
        assert_eq!((records.value(b"one"), records.count()), (Some(&b"11"[..]), 3));
    }
    // The records have 15 bytes. What was reserved in the calls before is free again: else this would not fit.
    on(&records, &Limits::default(), |running| {
        let key = running.memory.set(0, b"k");
        assert_eq!(running.result(PUT, &[key, 1, key, 24]), 0);
        assert_eq!(running.helper(PUT, &[key, 1, key, 1]), Err(Failure::Refused(Refused::Staged)));
    });
}

#[test]
fn versions_guard_writes() {
    let mut records = records();
    let version =
        |records: &Records, key: &[u8]| records.iter().find(|record| record.0 == key).map(|record| record.2);
    let before = version(&records, b"one").expect("it is there");
    succeed(&mut records, |running| {
        let key = running.memory.set(0, b"onenew");
        let new = key + 3;
        assert_eq!(running.result(VERSION, &[key, 3]).cast_unsigned(), before);
        assert_eq!(running.result(VERSION, &[new, 3]), 0);
        assert_eq!(running.result(PUT_IF, &[key, 3, key, 1, before + 1]), -1);
        assert_eq!(running.result(PUT_IF, &[key, 3, key, 1, 0]), -1);
        assert_eq!(running.result(GET, &[key, 3, 0, VIEW]), 2, "nothing was written");
        assert_eq!(running.result(PUT_IF, &[key, 3, key, 1, before]), 0);
        assert_eq!(running.result(VERSION, &[key, 3]), -1, "ADIT_STAGED");
        assert_eq!(running.result(PUT_IF, &[key, 3, key, 2, before]), -1);
        assert_eq!(running.result(PUT_IF, &[key, 3, key, 2, u64::MAX]), 0);
        assert_eq!(running.result(PUT_IF, &[new, 3, key, 3, 0]), 0);
        assert_eq!(running.result(PUT_IF, &[new, 3, key, 3, 0]), -1);
        assert_eq!(running.result(DELETE, &[new, 3]), 1);
        assert_eq!(running.result(PUT_IF, &[new, 3, key, 2, 0]), 0, "what was deleted is absent");
    });
    assert_eq!((records.value(b"one"), records.value(b"new")), (Some(&b"on"[..]), Some(&b"on"[..])));
    assert!(version(&records, b"one") > Some(before));
}

#[test]
fn numbers_are_added_up_in_digits() {
    let mut records = records();
    records.put(b"max", i64::MAX.to_string().as_bytes());
    records.put(b"neg", b"-7");
    succeed(&mut records, |running| {
        let keys = running.memory.set(0, b"onetwomaxnilnegnew");
        let mut add = |key: u64, number: i64| {
            let result = running.result(ADD, &[keys + key, 3, number.cast_unsigned(), VIEW]);
            (result, running.memory.word(VIEW).cast_signed())
        };
        assert_eq!((add(0, 5), add(0, -20)), ((0, 16), (0, -4)));
        assert_eq!(add(6, 1), (-2, i64::MAX));
        assert_eq!(add(6, i64::MIN), (0, -1));
        assert_eq!(add(9, 1), (-1, 0), "an empty value is no number");
        assert_eq!(add(12, i64::MIN), (-2, -7));
        assert_eq!(add(12, 7), (0, 0));
        assert_eq!(add(15, i64::MIN), (0, i64::MIN));
    });
    let value = |key: &[u8]| records.value(key).map(|value| String::from_utf8_lossy(value).into_owned());
    let expected = ["-4", "-1", "0", "-9223372036854775808"].map(|text| Some(text.to_owned()));
    assert_eq!([value(b"one"), value(b"max"), value(b"neg"), value(b"new")], expected);
}

#[test]
fn limits_end_the_call() {
    let records = records();
    let limits = Limits { room_bytes: 10, output_bytes: 4, work: 10_000 };
    on(&records, &limits, |running| {
        let key = running.memory.set(0, b"one");
        assert_eq!(running.helper(EMIT, &[key, 5]), Err(Failure::Refused(Refused::Output)));
        assert_eq!((running.helper(EMIT, &[key, 4]), running.helper(EMIT, &[key, 1])), {
            (Ok(0), Err(Failure::Refused(Refused::Output)))
        });
        assert_eq!(running.helper(PUT, &[key, 3, key, 8]), Err(Failure::Refused(Refused::Staged)));
        assert_eq!(running.helper(PUT, &[key, 3, key, 7]), Ok(0));
        let too_long = Err(Failure::Refused(Refused::TooLong));
        assert_eq!(running.helper(PUT, &[key, 3, key, (512 << 20) + 1]), too_long);
        let work = running.call.work();
        assert_eq!(running.helper(112, &[key, work + 1, key, 0]), Err(Failure::Refused(Refused::Work)));
        assert_eq!(
            running.helper(112, &[key, u64::MAX, key, u64::MAX]),
            Err(Failure::Refused(Refused::Work))
        );
        assert_eq!(running.call.work(), work, "what is not done costs nothing");
        assert_eq!(running.result(NOW_MS, &[]), 1_700_000_000_000);
    });
    on(&records, &Limits { work: 258, ..Limits::default() }, |running| {
        assert_eq!(running.helper(VERSION, &[0, 3]), Err(Failure::Refused(Refused::Work)));
        assert_eq!(running.helper(VERSION, &[0, 2]), Ok(0));
    });
    // A key is compared with all that are staged: that is as much work as it is.
    on(&records, &Limits::default(), |running| {
        let spent = |running: &mut crate::flat::Running<'_>, number, arguments: &[u64]| {
            let before = running.call.work();
            assert!(running.helper(number, arguments).is_ok());
            before - running.call.work()
        };
        assert_eq!(spent(running, VERSION, &[0, 8]), 256 + 8);
        for index in 0..10_u64 {
            running.memory.set(0, &index.to_le_bytes());
            assert_eq!(spent(running, PUT, &[0, 8, 0, 1]), 256 + 8 + 1 + 2 * index * 9);
        }
        assert_eq!(spent(running, VERSION, &[0, 8]), 256 + 8 + 10 * 9);
        assert_eq!(spent(running, PUT_IF, &[0, 8, 0, 0, 0]), 256 + 8 + 3 * 10 * 9);
    });
    on(&records, &Limits::default(), |running| {
        for index in 0..WRITES_MAX as u64 {
            running.memory.set(0, &index.to_le_bytes());
            assert_eq!(running.helper(PUT, &[0, 8, 0, 1]), Ok(0));
        }
        running.memory.set(0, b"one more");
        assert_eq!(running.helper(PUT, &[0, 8, 0, 1]), Err(Failure::Refused(Refused::Staged)));
    });
}

/// A store that says the same of all records.
struct Answers(Unready);

impl Store for Answers {
    fn get<'s>(&'s self, _key: &[u8], _offset: u64) -> Result<Option<Found<'s>>, Unready> {
        Err(self.0)
    }

    fn reserve(&self, _key: &[u8], _value_bytes: u64) -> Result<(), Unready> {
        Err(self.0)
    }

    fn release(&self) {}
}

#[test]
fn records_that_are_not_ready_end_the_call() {
    for (unready, refusal) in [
        (Unready::Away, Refused::Away),
        (Unready::Elsewhere, Refused::Elsewhere),
        (Unready::Full, Refused::Staged),
        (Unready::Device, Refused::Device),
    ] {
        on(&Answers(unready), &Limits::default(), |running| {
            for number in [GET, GET_MANY, VERSION, PUT, PUT_IF, DELETE, ADD] {
                let arguments = if number == GET_MANY { [0, 1, 1, VIEW, 1] } else { [0, 1, 0, VIEW, 0] };
                let failure =
                    running.helper(number, &if number == PUT { [0, 1, 0, 1, 0] } else { arguments });
                assert_eq!(failure, Err(Failure::Refused(refusal)), "{number}");
            }
        });
    }
}
