//! Pointers of the caller: each is checked where it comes in, and is a safe thing from then on. What no check can tell,
//! that the memory is there and nobody else changes it during the call, is what the header asks of the caller.

use std::ffi::{c_char, c_void};
use std::ptr::NonNull;

use crate::errors::{Code, adit_error};

/// A place that the caller wants something written to.
#[derive(Debug)]
pub(crate) struct Out<T>(NonNull<T>);

/// Bytes of the caller that are written to later: with [`Room::fill`], before the caller has them back.
#[derive(Debug)]
pub(crate) struct Room {
    data: NonNull<u8>,
    capacity: usize,
}

// SAFETY: the caller gives the bytes to the library until the operation completes (the header says so), whichever thread
// polls for it. Before and after that they are the caller's.
unsafe impl Send for Room {}

/// Bytes that the caller lends the library for reading, for longer than a call.
pub(crate) struct Lent(&'static [u8]);

/// A list of places that the caller wants written to, one after the other.
pub(crate) struct OutList<T> {
    data: NonNull<T>,
    capacity: usize,
    count: usize,
}

impl<T> Out<T> {
    /// A place that must be there.
    ///
    /// # Safety
    /// If `data` is neither null nor unaligned, it can be written to as long as this lives.
    pub(crate) unsafe fn new(data: *mut T) -> Result<Self, Code> {
        aligned(data).map(Self)
    }

    /// A place that need not be there.
    ///
    /// # Safety
    /// As [`Out::new`].
    pub(crate) unsafe fn optional(data: *mut T) -> Result<Option<Self>, Code> {
        if data.is_null() { Ok(None) } else { aligned(data).map(|data| Some(Self(data))) }
    }

    /// Writes to it. What was there before is not looked at, it may be no `T`.
    #[inline]
    pub(crate) fn set(&self, value: T) {
        // SAFETY: `new` was promised that it can be written to, and checked that it is aligned and not null.
        unsafe { self.0.write(value) };
    }

    /// Takes what is there, and leaves `value`.
    ///
    /// # Safety
    /// There is a `T`.
    pub(crate) unsafe fn replace(&self, value: T) -> T {
        // SAFETY: as in `set`; the caller vouches for the value that is there.
        unsafe { self.0.replace(value) }
    }
}

impl<T> OutList<T> {
    /// A list with room for `capacity`, one at least.
    ///
    /// # Safety
    /// If `data` is neither null nor unaligned, `capacity` of `T` behind it can be written to as long as this lives.
    pub(crate) unsafe fn new(data: *mut T, capacity: usize) -> Result<Self, Code> {
        let data = aligned(data)?;
        if capacity == 0 || !is_object(data.as_ptr().cast(), capacity.saturating_mul(size_of::<T>())) {
            return Err(adit_error::ADIT_E_ARGUMENT.into());
        }
        Ok(Self { data, capacity, count: 0 })
    }

    /// How many more there is room for.
    pub(crate) fn room(&self) -> usize {
        self.capacity - self.count
    }

    /// The next place.
    #[inline]
    pub(crate) fn next(&mut self) -> Out<T> {
        assert!(self.count < self.capacity, "whoever asks for a place knows that there is one");
        // SAFETY: `count` is below `capacity`, and `new` was promised that many, within one object.
        let place = unsafe { self.data.add(self.count) };
        self.count += 1;
        Out(place)
    }
}

impl Lent {
    /// Takes bytes for as long as this lives.
    ///
    /// # Safety
    /// They can be read, and nobody changes them, until this is dropped.
    pub(crate) unsafe fn new(bytes: &[u8]) -> Self {
        // SAFETY: the same bytes, which the caller keeps as long as they are looked at: nothing gives them away but a
        // borrow of `self`.
        Self(unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) })
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl Room {
    /// Bytes that must be there, unless there are none.
    ///
    /// # Safety
    /// If `data` is not null, `capacity` bytes behind it can be written to until this is dropped or filled, and nobody else
    /// reads or writes them meanwhile.
    pub(crate) unsafe fn new(data: *mut c_void, capacity: usize) -> Result<Self, Code> {
        let Some(data) = NonNull::new(data.cast::<u8>()) else {
            return if capacity == 0 {
                Ok(Self { data: NonNull::dangling(), capacity })
            } else {
                Err(adit_error::ADIT_E_NULL.into())
            };
        };
        if !is_object(data.as_ptr(), capacity) {
            return Err(adit_error::ADIT_E_ARGUMENT.into());
        }
        Ok(Self { data, capacity })
    }

    /// Where they are.
    pub(crate) fn data(&self) -> *const u8 {
        self.data.as_ptr()
    }

    /// All of it, to be written to.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: `new` was promised these bytes alone, within one object. They are memory of another language: whatever lies
        // there is some byte.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.capacity) }
    }

    /// Copies bytes to its start. Says whether they had room.
    #[inline]
    pub(crate) fn fill(&self, bytes: &[u8]) -> bool {
        if bytes.len() > self.capacity {
            return false;
        }
        // SAFETY: `new` was promised `capacity` bytes that nobody else looks at, and `bytes` is a borrow of other memory: what
        // the library owns.
        unsafe { self.data.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        true
    }
}

/// Bytes of the caller; `too_long` if they are more than `len_max`.
///
/// # Safety
/// If `data` is not null, `len` bytes behind it can be read, and nobody changes them as long as the slice lives.
#[inline]
pub(crate) unsafe fn bytes<'a>(
    data: *const c_void,
    len: usize,
    len_max: usize,
    too_long: adit_error,
) -> Result<&'a [u8], Code> {
    if len > len_max {
        return Err(too_long.into());
    }
    // SAFETY: the caller of this function promises what `list` asks for, since bytes are always aligned and valid.
    unsafe { list(data.cast::<u8>(), len) }
}

/// Structures of the caller.
///
/// # Safety
/// If `data` is neither null nor unaligned, there are `count` of `T`, and nobody changes them as long as the slice lives.
#[inline]
pub(crate) unsafe fn list<'a, T>(data: *const T, count: usize) -> Result<&'a [T], Code> {
    if count == 0 {
        return Ok(&[]);
    }
    let data = aligned(data.cast_mut())?;
    if !is_object(data.as_ptr().cast(), count.saturating_mul(size_of::<T>())) {
        return Err(adit_error::ADIT_E_ARGUMENT.into());
    }
    // SAFETY: not null, aligned, not longer than memory can be; the caller promises the rest.
    Ok(unsafe { std::slice::from_raw_parts(data.as_ptr(), count) })
}

/// A structure of the caller that begins with its size. What a shorter one lacks is an error; what a longer one has more
/// must be zero: it was made for a later version of the library, which would do something else with it.
///
/// # Safety
/// If `data` is neither null nor unaligned, there is a `usize`, and as many bytes as it says, which nobody changes meanwhile
/// and whose start is a `T`.
pub(crate) unsafe fn sized<'a, T>(data: *const T) -> Result<Option<&'a T>, Code> {
    if data.is_null() {
        return Ok(None);
    }
    let data = aligned(data.cast_mut())?;
    // SAFETY: not null and aligned, at least for a usize; the caller promises that there is one.
    let size = unsafe { data.cast::<usize>().read() };
    if size < size_of::<T>() || size > SIZE_MAX {
        return Err(adit_error::ADIT_E_ARGUMENT.into());
    }
    // SAFETY: the caller promises `size` bytes.
    let all = unsafe { std::slice::from_raw_parts(data.as_ptr().cast::<u8>(), size) };
    if all[size_of::<T>()..].iter().any(|byte| *byte != 0) {
        return Err(adit_error::ADIT_E_ARGUMENT.into());
    }
    // SAFETY: not null, aligned, long enough; the caller promises a T.
    Ok(Some(unsafe { data.as_ref() }))
}

/// A string of the caller, without its end; nothing if it is null. At most `len_max` bytes.
///
/// # Safety
/// If `data` is not null, there are bytes up to a zero, or `len_max` and one more, that nobody changes meanwhile.
pub(crate) unsafe fn text<'a>(data: *const c_char, len_max: usize) -> Result<Option<&'a str>, Code> {
    if data.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller promises bytes up to a zero or to one behind `len_max`, and strnlen reads no further.
    let len = unsafe { libc::strnlen(data, len_max + 1) };
    // SAFETY: so many bytes were just read, none of which is zero.
    let bytes = unsafe { bytes(data.cast(), len, len_max, adit_error::ADIT_E_ARGUMENT) }?;
    std::str::from_utf8(bytes).map(Some).map_err(|_| adit_error::ADIT_E_ARGUMENT.into())
}

/// A pointer that is not null, and where a `T` may be.
fn aligned<T>(data: *mut T) -> Result<NonNull<T>, Code> {
    let data = NonNull::new(data).ok_or(adit_error::ADIT_E_NULL)?;
    if data.is_aligned() { Ok(data) } else { Err(adit_error::ADIT_E_ARGUMENT.into()) }
}

/// Whether so many bytes can be one piece of memory.
fn is_object(data: *const u8, len_bytes: usize) -> bool {
    isize::try_from(len_bytes).is_ok() && data.addr().checked_add(len_bytes).is_some()
}

/// No structure will ever be longer.
const SIZE_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use std::ptr::{null, null_mut};

    use super::*;

    const NULL: Code = Code(adit_error::ADIT_E_NULL as i32);
    const ARGUMENT: Code = Code(adit_error::ADIT_E_ARGUMENT as i32);

    #[repr(C)]
    struct Sized {
        size: usize,
        number: u64,
    }

    fn slice(data: *const u8, len: usize) -> Result<&'static [u8], Code> {
        // SAFETY: each test gives either what is there or what is refused before it is read.
        unsafe { bytes(data.cast(), len, usize::MAX, adit_error::ADIT_E_KEY_TOO_LONG) }
    }

    #[test]
    fn null_is_nothing_only_without_a_length() {
        assert_eq!(slice(null(), 0), Ok(&[][..]));
        assert_eq!(slice(null(), 1), Err(NULL));
        assert_eq!(slice(b"bytes".as_ptr(), 5), Ok(&b"bytes"[..]));
        // SAFETY: null is refused.
        assert_eq!(unsafe { Out::<u64>::new(null_mut()) }.err(), Some(NULL));
        // SAFETY: null is nothing.
        assert!(unsafe { Out::<u64>::optional(null_mut()) }.is_ok_and(|out| out.is_none()));
        // SAFETY: null is refused, or has no bytes.
        let room = |capacity| unsafe { Room::new(null_mut(), capacity) };
        assert!(room(0).is_ok_and(|room| room.fill(b"") && !room.fill(b"x")));
        assert_eq!(room(1).err(), Some(NULL));
    }

    #[test]
    fn lengths_that_no_memory_has_are_refused() {
        let data = b"x".as_ptr();
        for len in [isize::MAX as usize + 1, usize::MAX, usize::MAX - data.addr() + 1] {
            assert_eq!(slice(data, len), Err(ARGUMENT), "{len}");
        }
        let numbers = [0_u64; 2];
        // SAFETY: the product does not fit, which is refused.
        assert_eq!(unsafe { list(numbers.as_ptr(), usize::MAX / 8 + 2) }, Err(ARGUMENT));
        // SAFETY: the limit is refused before anything is read.
        let limited = unsafe { bytes(data.cast(), 2, 1, adit_error::ADIT_E_KEY_TOO_LONG) };
        assert_eq!(limited, Err(adit_error::ADIT_E_KEY_TOO_LONG.into()));
    }

    #[test]
    fn crooked_pointers_are_refused() {
        let mut numbers = [0_u64; 2];
        let crooked = numbers.as_mut_ptr().wrapping_byte_add(1);
        // SAFETY: it is refused because it is not aligned.
        assert_eq!(unsafe { Out::new(crooked) }.err(), Some(ARGUMENT));
        // SAFETY: it is refused because it is not aligned.
        assert_eq!(unsafe { list(crooked, 1) }.err(), Some(ARGUMENT));
    }

    #[test]
    fn a_structure_is_as_long_as_it_says() {
        // SAFETY: there are as many bytes as any of these says.
        let size_of = |list: &[Sized; 2]| unsafe { sized(list.as_ptr()) }.map(|first| first.unwrap().number);
        let with = |size, next| [Sized { size, number: 7 }, Sized { size: next, number: 0 }];
        assert_eq!(size_of(&with(16, 9)), Ok(7));
        assert_eq!(size_of(&with(15, 9)), Err(ARGUMENT), "too short");
        assert_eq!(size_of(&with(32, 0)), Ok(7), "of a later version that asks for nothing new");
        assert_eq!(size_of(&with(32, 1)), Err(ARGUMENT), "of a later version that asks for more");
        assert_eq!(size_of(&with(usize::MAX, 0)), Err(ARGUMENT));
    }

    #[test]
    fn strings_are_bounded_and_utf_8() {
        // SAFETY: each ends with a zero.
        let text = |bytes: &'static std::ffi::CStr, max| unsafe { text(bytes.as_ptr(), max) };
        assert_eq!(text(c"four", 4), Ok(Some("four")));
        assert_eq!(text(c"four", 3), Err(ARGUMENT));
        assert_eq!(text(c"\xFF", 3), Err(ARGUMENT));
    }
}
