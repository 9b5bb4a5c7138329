//! What compiled code calls where a program calls a helper: one function of the C ABI for each helper and kind of program.

use adit_function::call::Call;
use adit_function::for_each_helper;
use adit_function::helper::{Failure, Helper};

use crate::ending;
use crate::layout::State;
use crate::reach::Reach;
use crate::trampoline::Returned;

/// What kind of program calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// All of its accesses are proven.
    Plain,
    /// The bounds of its pointers are carried along.
    Shadowed,
    /// So they are, and nothing may be reached by speculation.
    Hardened,
}

/// Where the function for a helper starts, if there is that helper.
pub(crate) fn address(number: u32, kind: Kind) -> Option<usize> {
    let index = THUNKS.binary_search_by_key(&number, |thunks| thunks.number).ok()?;
    let thunks = &THUNKS[index];
    let thunk = match kind {
        Kind::Plain => thunks.plain,
        Kind::Shadowed => thunks.shadowed,
        Kind::Hardened => thunks.hardened,
    };
    Some((thunk as *const ()).expose_provenance())
}

/// A function for a helper. Its safety is that of [`thunk`].
type Thunk = unsafe extern "sysv64" fn(*const State, u64, u64, u64, u64, u64) -> Returned;

/// The functions for a helper.
struct Thunks {
    number: u32,
    plain: Thunk,
    shadowed: Thunk,
    hardened: Thunk,
}

macro_rules! thunks {
    ($($helper:ty),+ $(,)?) => {
        /// All of them, ascending by number.
        static THUNKS: &[Thunks] = &[$(Thunks {
            number: <$helper as Helper>::NUMBER,
            plain: thunk::<$helper, false, false>,
            shadowed: thunk::<$helper, true, false>,
            hardened: thunk::<$helper, true, true>,
        }),+];
    };
}

for_each_helper!(thunks);

/// Calls helper `H`.
///
/// # Safety
/// Called by compiled code only: `state` is that of its entry, whose `host` is the [`Call`] of the running call, which nobody else refers to, and the
/// arguments are what the verifier has proven or what the shadows in the entry are for.
unsafe extern "sysv64" fn thunk<H: Helper, const SHADOWED: bool, const HARDENED: bool>(
    state: *const State,
    first: u64,
    second: u64,
    third: u64,
    fourth: u64,
    fifth: u64,
) -> Returned {
    if HARDENED {
        // No branch in front of the call is open any more when the helper reaches for memory.
        // SAFETY: all processors of this architecture have the instruction.
        unsafe { std::arch::x86_64::_mm_lfence() };
    }
    // SAFETY: the caller says that it is the state of the entry, which belongs to this thread.
    let host = unsafe { &*state }.host.get();
    // SAFETY: the caller says that the host is the call that runs, and that nobody else refers to it.
    let call: &mut Call<'_> = unsafe { &mut *host.cast() };
    // SAFETY: the caller says that the entry is the one of the call, and that arguments are proven or have shadows.
    let mut reach = unsafe { Reach::<'_, SHADOWED>::new(state) };
    let arguments = [first, second, third, fourth, fifth];
    match H::call(arguments, &mut reach, call) {
        Ok(result) => Returned { result, ending: 0 },
        Err(Failure::Refused(refusal)) => Returned { result: 0, ending: ending::refusal(refusal) },
        Err(Failure::Argument(argument)) => Returned { result: 0, ending: reach.ending_of(argument) },
    }
}
