//! Helpers on records: they read through the stage of the call, and stage what they write.

use adit_wire::kv::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use adit_wire::resp::number::parse_i64;

use super::{Failure, Helper, bounded, elements, extent, number, place, readable, writable};
use crate::call::{Call, LOOKUP_WORK};
use crate::memory::{Memory, Place};
use crate::signature::{Argument, ArgumentKind, Signature, VIEW_BYTES, VIEWS_MAX};
use crate::store::{Found, STAGED_VERSION};
use crate::trap::Refused;

/// Looks a record up.
#[derive(Debug)]
pub struct Get;

impl Helper for Get {
    const SIGNATURE: Signature = Signature {
        number: 1,
        name: "adit_get",
        about: "Looks up the value of a key. `view` is set to its bytes from `offset` on, as far as they lie in\n\
            one piece: all of a value up to 64 KiB, pieces of 64 KiB of a longer one. They stay as they are\n\
            until the function ends.\n\
            Gives the bytes of the whole value; -1 if there is no such key, and a view of nothing.",
        arguments: &[
            KEY,
            KEY_BYTES,
            number("offset", "__u64"),
            Argument { name: "view", c_type: "struct adit_view *", kind: ArgumentKind::Views(None) },
        ],
        c_result: "__s64",
        result_min: -1,
        result_max: VALUE_BYTES_MAX.cast_signed(),
        writes: false,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        let [_, key_bytes, offset, ..] = arguments;
        call.charge(lookup_work(call, key_bytes, READ)?)?;
        let key = memory.read(place(0, arguments, key_bytes))?;
        // The ways stay apart to their ends: where they met in one result, that would go through memory once more.
        if call.stage.is_empty() {
            let found = call.store.get(key, offset).map_err(Refused::from)?;
            show(arguments, memory, found)
        } else {
            let found = call.find(key, offset)?;
            show(arguments, memory, found)
        }
    }
}

/// What [`Get`] gives for a record.
#[inline]
fn show<'s>(
    arguments: [u64; 5],
    memory: &mut impl Memory<'s>,
    found: Option<Found<'s>>,
) -> Result<u64, Failure> {
    memory.write_view(place(3, arguments, VIEW_BYTES.into()), found.map(|found| found.bytes))?;
    Ok(found.map_or(NONE, |found| found.value_bytes))
}

/// Looks several records up at once.
#[derive(Debug)]
pub struct GetMany;

impl Helper for GetMany {
    const SIGNATURE: Signature = Signature {
        number: 2,
        name: "adit_get_many",
        about: "Looks up `count` keys of `key_bytes` each, one behind the other, at most `room` of them, which is a\n\
            constant. All are fetched at once: where records are not in the caches of the processor this is\n\
            many times faster than one by one. Sets `room` views, those of absent keys and behind `count` to\n\
            nothing. Gives how many keys there are.",
        arguments: &[
            readable("keys", "const void *", extent(1, &[1, 2])),
            KEY_BYTES,
            number("count", "__u64"),
            Argument { name: "views", c_type: "struct adit_view *", kind: ArgumentKind::Views(Some(4)) },
            Argument { name: "room", c_type: "__u64", kind: ArgumentKind::Constant(VIEWS_MAX) },
        ],
        c_result: "__s64",
        result_min: 0,
        result_max: VIEWS_MAX as i64,
        writes: false,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        let [_, key_bytes, count, at, room] = arguments;
        if count > room || room > u64::from(VIEWS_MAX) {
            return Err(Refused::Count.into());
        }
        call.charge(LOOKUP_WORK + count * lookup_work(call, key_bytes, READ)?)?;
        let mut views = [None; VIEWS_MAX as usize];
        let wanted = &mut views[..bounded(count)];
        let keys = memory.read(elements(0, arguments, key_bytes, &[count])?)?;
        if call.stage.is_empty() {
            call.store.get_many(keys, bounded(key_bytes), wanted).map_err(Refused::from)?;
        } else {
            for (index, view) in wanted.iter_mut().enumerate() {
                let key = &keys[index * bounded(key_bytes)..][..bounded(key_bytes)];
                *view = call.find(key, 0)?.map(|found| found.bytes);
            }
        }
        for (index, view) in (0..).zip(&views[..bounded(room)]) {
            let bytes = u64::from(VIEW_BYTES);
            memory
                .write_view(Place { argument: 3, address: at.wrapping_add(index * bytes), bytes }, *view)?;
        }
        Ok(views.iter().flatten().count() as u64)
    }
}

/// Tells the version of a record.
#[derive(Debug)]
pub struct Version;

impl Helper for Version {
    const SIGNATURE: Signature = Signature {
        number: 3,
        name: "adit_version",
        about: "Gives the version of a key: it grows with each write. 0 if there is no such key, ADIT_STAGED if\n\
            this call has written it.",
        arguments: &[KEY, KEY_BYTES],
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
        call.charge(lookup_work(call, arguments[1], READ)?)?;
        Ok(version(memory.read(place(0, arguments, arguments[1]))?, call)?)
    }
}

/// Stages a value.
#[derive(Debug)]
pub struct Put;

impl Helper for Put {
    const SIGNATURE: Signature = Signature {
        number: 4,
        name: "adit_put",
        about: "Writes a value; it never expires. As all writes it is seen by this call at once, by others when\n\
            the function has succeeded, and by nobody if it has not. Gives 0.",
        arguments: &[KEY, KEY_BYTES, VALUE, VALUE_BYTES],
        c_result: "__s64",
        result_min: 0,
        result_max: 0,
        writes: true,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        let (key, value) = record(arguments, memory, call, WRITE)?;
        call.put(key, Some(value))?;
        Ok(0)
    }
}

/// Stages a value if nobody else has written the record.
#[derive(Debug)]
pub struct PutIf;

impl Helper for PutIf {
    const SIGNATURE: Signature = Signature {
        number: 5,
        name: "adit_put_if",
        about: "Writes a value if `version` is that of the key, as adit_version gives it: 0 if there must be no\n\
            such key. Gives 0; -1 if the version is another, and nothing is written.",
        arguments: &[KEY, KEY_BYTES, VALUE, VALUE_BYTES, number("version", "__u64")],
        c_result: "__s64",
        result_min: -1,
        result_max: 0,
        writes: true,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        let (key, value) = record(arguments, memory, call, READ + WRITE)?;
        if version(key, call)? != arguments[4] {
            return Ok(NONE);
        }
        call.put(key, Some(value))?;
        Ok(0)
    }
}

/// Stages that a record goes.
#[derive(Debug)]
pub struct Delete;

impl Helper for Delete {
    const SIGNATURE: Signature = Signature {
        number: 6,
        name: "adit_delete",
        about: "Deletes a key. Gives 1; 0 if there was none.",
        arguments: &[KEY, KEY_BYTES],
        c_result: "__s64",
        result_min: 0,
        result_max: 1,
        writes: true,
    };

    #[inline]
    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        call.charge(lookup_work(call, arguments[1], READ + WRITE)?)?;
        let key = memory.read(place(0, arguments, arguments[1]))?;
        if call.find(key, 0)?.is_none() {
            return Ok(0);
        }
        call.put(key, None)?;
        Ok(1)
    }
}

/// Adds to a number that is a value.
#[derive(Debug)]
pub struct Add;

impl Helper for Add {
    const SIGNATURE: Signature = Signature {
        number: 7,
        name: "adit_add",
        about: "Adds to the number that is the value of a key, in decimal digits as INCRBY and ADD have it; a key\n\
            that is not there counts as 0. `sum` is set to what it is then. Gives 0; -1 if the value is no\n\
            number of 64 bits, -2 if the sum is none: nothing is written, and `sum` is what it was, or 0.",
        arguments: &[KEY, KEY_BYTES, number("number", "__s64"), writable("sum", "__s64 *", extent(8, &[]))],
        c_result: "__s64",
        result_min: -2,
        result_max: 0,
        writes: true,
    };

    fn call<'s>(
        arguments: [u64; 5],
        memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        call.charge(lookup_work(call, arguments[1], READ + WRITE)?)?;
        let key = memory.read(place(0, arguments, arguments[1]))?;
        let before = call.find(key, 0)?.map_or(Some(0), |found| parse_i64(found.bytes));
        let after = before.and_then(|before| before.checked_add(arguments[2].cast_signed()));
        if let Some(after) = after {
            call.put(key, Some(Digits::of(after).text()))?;
        }
        let sum = after.or(before).unwrap_or(0);
        memory.write(place(3, arguments, 8))?.copy_from_slice(&sum.to_le_bytes());
        Ok(match (before, after) {
            (_, Some(_)) => 0,
            (Some(_), None) => BEYOND,
            (None, None) => NONE,
        })
    }
}

/// Appends to the output.
#[derive(Debug)]
pub struct Emit;

impl Helper for Emit {
    const SIGNATURE: Signature = Signature {
        number: 8,
        name: "adit_emit",
        about: "Appends bytes to the output of the call. Gives 0.",
        arguments: &[readable("data", "const void *", extent(1, &[1])), number("bytes", "__u64")],
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
        call.charge(arguments[1])?;
        call.emit(memory.read(place(0, arguments, arguments[1]))?)?;
        Ok(0)
    }
}

/// Tells the time.
#[derive(Debug)]
pub struct NowMs;

impl Helper for NowMs {
    const SIGNATURE: Signature = Signature {
        number: 9,
        name: "adit_now_ms",
        about: "Gives the time in milliseconds since 1970. It stands still while the function runs.",
        arguments: &[],
        c_result: "__s64",
        result_min: 0,
        result_max: i64::MAX,
        writes: false,
    };

    #[inline]
    fn call<'s>(
        _arguments: [u64; 5],
        _memory: &mut impl Memory<'s>,
        call: &mut Call<'s>,
    ) -> Result<u64, Failure> {
        Ok(call.now_ms() & i64::MAX.cast_unsigned())
    }
}

/// The work of looking up a key of this length, unless that is too long. It is compared so many times with all that are staged, which may be like it but for the
/// last byte.
#[inline]
fn lookup_work(call: &Call<'_>, key_bytes: u64, passes: u64) -> Result<u64, Refused> {
    if key_bytes > KEY_BYTES_MAX as u64 {
        return Err(Refused::TooLong);
    }
    Ok(LOOKUP_WORK + key_bytes + passes * call.stage.count() as u64 * (1 + key_bytes))
}

/// The key and the value that arguments 0 to 3 point to.
#[inline]
fn record<'m, 's>(
    arguments: [u64; 5],
    memory: &'m impl Memory<'s>,
    call: &mut Call<'s>,
    passes: u64,
) -> Result<(&'m [u8], &'m [u8]), Failure> {
    let [_, key_bytes, _, value_bytes, _] = arguments;
    if value_bytes > VALUE_BYTES_MAX {
        return Err(Refused::TooLong.into());
    }
    call.charge(lookup_work(call, key_bytes, passes)? + value_bytes)?;
    Ok((memory.read(place(0, arguments, key_bytes))?, memory.read(place(2, arguments, value_bytes))?))
}

fn version(key: &[u8], call: &Call<'_>) -> Result<u64, Refused> {
    Ok(call.find(key, 0)?.map_or(0, |found| found.version))
}

/// A number in decimal digits.
struct Digits {
    text: [u8; DIGITS_MAX],
    start: usize,
}

impl Digits {
    fn of(number: i64) -> Self {
        let mut digits = Self { text: [0; DIGITS_MAX], start: DIGITS_MAX };
        let mut rest = number.unsigned_abs();
        loop {
            digits.push(b'0' + (rest % 10) as u8);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            digits.push(b'-');
        }
        digits
    }

    fn push(&mut self, digit: u8) {
        self.start -= 1;
        self.text[self.start] = digit;
    }

    fn text(&self) -> &[u8] {
        &self.text[self.start..]
    }
}

const KEY: Argument = readable("key", "const void *", extent(1, &[1]));
const KEY_BYTES: Argument = number("key_bytes", "__u64");
const VALUE: Argument = readable("value", "const void *", extent(1, &[3]));
const VALUE_BYTES: Argument = number("value_bytes", "__u64");
/// How many times a read and a write go through what is staged.
const READ: u64 = 1;
const WRITE: u64 = 2;
/// The results -1 and -2.
const NONE: u64 = u64::MAX;
const BEYOND: u64 = u64::MAX - 1;
/// The digits of 2^63 and a sign.
const DIGITS_MAX: usize = 20;
const _: () = assert!(STAGED_VERSION == NONE);
