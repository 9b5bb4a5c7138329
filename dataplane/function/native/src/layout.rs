//! Where everything lies in the memory of an entry: what compiled code reaches through its first argument, at distances that are known
//! when it is compiled.
//!
//! ```text
//! 0       512       1024              5120              14336    16384       20480                86016
//! | state | context | frames, 8 x 512 | shadows of both |        | poll page | variables           |
//! ```
//!
//! The context and the frames are the only memory that holds pointers. The shadow of a pointer (the start and the end of the memory
//! that it was made for) lies as far behind `SHADOWS`, twice, as the pointer behind `CONTEXT`.

use core::cell::Cell;
use core::mem::offset_of;
use core::sync::atomic::AtomicU64;

use adit_function::program::{DEPTH_MAX, FRAME_BYTES, VARIABLES_BYTES_MAX};

/// What compiled code, the trampoline, the fault handler and the watchdog tell each other. All but the atomic fields belong to the thread of
/// the entry.
#[repr(C)]
pub(crate) struct State {
    /// The stack pointer of the trampoline, which a call that is taken back returns to; below it lies where that goes on.
    pub(crate) save: Cell<u64>,
    /// The fuel left, whenever another function of the program is called, and at the end.
    pub(crate) fuel: Cell<u64>,
    /// The read-only data of the program that runs.
    pub(crate) data: Cell<u64>,
    /// What helpers work on; of the call that runs.
    pub(crate) host: Cell<*mut ()>,
    /// Odd while a call runs, one more at each start and end.
    pub(crate) turn: AtomicU64,
    /// The turn that was told to stop; 0 if none ever was.
    pub(crate) revoked: AtomicU64,
    /// The shadow of what is no pointer: no access fits between its start and its end.
    pub(crate) nothing: [Cell<u64>; 2],
    /// Where shadows go that nobody needs, and what a clamped access touches.
    pub(crate) sink: [Cell<u64>; 2],
    /// Which arguments of a helper that is called have to be checked against their shadows: bit i for argument i.
    pub(crate) guarded: Cell<u64>,
    /// The shadows of the arguments of a helper or of a function of the program that is called.
    pub(crate) arguments: [[Cell<u64>; 2]; 5],
    /// The shadow of its result.
    pub(crate) result: [Cell<u64>; 2],
}

/// A shadow that no access fits into.
pub(crate) const NOTHING: [u64; 2] = [0, 0];

pub(crate) const TURN: usize = offset_of!(State, turn);
pub(crate) const REVOKED: usize = offset_of!(State, revoked);
pub(crate) const FUEL: i32 = offset(offset_of!(State, fuel));
pub(crate) const DATA: i32 = offset(offset_of!(State, data));
pub(crate) const NOTHING_SHADOW: i32 = offset(offset_of!(State, nothing));
pub(crate) const SINK: i32 = offset(offset_of!(State, sink));
pub(crate) const GUARDED: i32 = offset(offset_of!(State, guarded));
pub(crate) const ARGUMENT_SHADOWS: i32 = offset(offset_of!(State, arguments));
pub(crate) const RESULT_SHADOW: i32 = offset(offset_of!(State, result));

/// Where the context lies.
pub(crate) const CONTEXT: i32 = 512;
/// Most bytes of a context.
pub(crate) const CONTEXT_BYTES_MAX: u32 = 512;
/// Where the stack frames lie; the one of a function that is called from another one lies in front of that one's.
pub(crate) const FRAMES: i32 = CONTEXT + cast(CONTEXT_BYTES_MAX);
/// Bytes of all frames.
pub(crate) const FRAMES_BYTES: u32 = FRAME_BYTES * count(DEPTH_MAX);
/// Bytes that may hold pointers: the context and the frames.
pub(crate) const POINTERS_BYTES: u32 = CONTEXT_BYTES_MAX + FRAMES_BYTES;
/// Where the shadows lie, 16 bytes for each 8 of context and frames.
pub(crate) const SHADOWS: i32 = FRAMES + cast(FRAMES_BYTES);
/// The page that loop heads load from.
pub(crate) const POLL: i32 = 4 * cast(PAGE_BYTES);
/// Where the variables of the program lie.
pub(crate) const VARIABLES: i32 = POLL + cast(PAGE_BYTES);
/// Bytes of all of it.
pub(crate) const ENTRY_BYTES: usize = VARIABLES as usize + VARIABLES_BYTES_MAX;
/// Bytes of a page of this processor.
pub(crate) const PAGE_BYTES: u32 = 4096;

const _: () = assert!(size_of::<State>() <= CONTEXT as usize, "the state ends before the context");
const _: () = assert!(SHADOWS + 2 * cast(POINTERS_BYTES) <= POLL, "the shadows end before the poll page");
const _: () = assert!(VARIABLES_BYTES_MAX.is_multiple_of(PAGE_BYTES as usize), "all of it is whole pages");

/// The end of the frame of a function that is called `depth` functions deep.
pub(crate) const fn frame_end(depth: u32) -> i32 {
    SHADOWS - cast(depth * FRAME_BYTES)
}

/// Whether this distance from the start of the entry is in the context.
pub(crate) const fn is_context(place: i32) -> bool {
    CONTEXT <= place && place < FRAMES
}

const fn offset(bytes: usize) -> i32 {
    assert!(bytes < 4096, "fields of the state are near");
    cast(count(bytes))
}

#[expect(clippy::cast_possible_truncation, reason = "asserted")]
const fn count(bytes: usize) -> u32 {
    assert!(bytes <= u32::MAX as usize, "distances in an entry are short");
    bytes as u32
}

const fn cast(bytes: u32) -> i32 {
    assert!(bytes <= i32::MAX as u32, "distances in an entry are short");
    bytes.cast_signed()
}
