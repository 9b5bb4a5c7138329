//! Entries: what a thread needs to call functions. A shard has one.

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use adit_function::call::Call;
use adit_function::hook::{Inputs, REGION_BYTES_MAX, RegionBytes};
use adit_function::instruction::Size;
use adit_function::program::VARIABLES_BYTES_MAX;
use adit_function::trap::Trap;

use crate::arena::{Function, Installed};
use crate::context::Plan;
use crate::layout::{CONTEXT, NOTHING, SHADOWS, State, VARIABLES};
use crate::memory_of_entry::EntryMemory;
use crate::{ending, trampoline};

/// What a thread needs to call functions: their context, stack frames and variables, and the page by which a call is taken back. It stays on the thread that
/// has made it.
#[derive(Debug)]
pub struct Entry {
    memory: Arc<EntryMemory>,
    /// Where it starts.
    base: Base,
    /// The stack that the fault handler runs on is one of this thread.
    thread: PhantomData<*mut ()>,
}

/// The way to stop the calls of an entry from another thread.
#[derive(Clone, Debug)]
pub struct Revoker {
    memory: Arc<EntryMemory>,
}

/// A call of an entry, among all that it makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn(u64);

impl Entry {
    /// An entry for this thread.
    ///
    /// # Errors
    /// If the system does not give the memory, or there are too many entries.
    pub fn new() -> io::Result<Self> {
        ensure_signal_stack()?;
        let memory = Arc::new(EntryMemory::new()?);
        let base = Base { start: memory.start() };
        let entry = Self { memory, base, thread: PhantomData };
        for (cell, bound) in entry.state().nothing.iter().zip(NOTHING) {
            cell.set(bound);
        }
        Ok(entry)
    }

    /// The way to stop calls from another thread.
    pub fn revoker(&self) -> Revoker {
        Revoker { memory: Arc::clone(&self.memory) }
    }

    /// The fuel that was left when the last call ended with a result, if its code counts fuel.
    pub fn fuel_left(&self) -> u64 {
        self.state().fuel.get()
    }

    /// For tests of those who watch: as if a call began or ended.
    #[cfg(test)]
    pub(crate) fn pretend_to_run(&self, runs: bool) {
        let turn = self.memory.turn().load(Ordering::Acquire) + 1;
        assert_eq!(turn % 2 == 1, runs);
        self.memory.turn().store(turn, Ordering::Release);
    }

    /// Where the poll page is.
    #[cfg(test)]
    pub(crate) fn poll_address(&self) -> usize {
        crate::memory_of_entry::poll_page(self.memory.address()).start
    }

    #[inline]
    fn state(&self) -> &State {
        // SAFETY: the memory starts with the state, which zeroes are allowed in; this thread is the only one that looks at more than its
        // atomic fields, as the entry stays on it.
        unsafe { self.base.start.cast().as_ref() }
    }
}

/// The memory of an entry, as its thread writes to it between calls.
#[derive(Clone, Copy, Debug)]
struct Base {
    start: NonNull<u8>,
}

impl Base {
    /// Where the memory starts.
    #[inline]
    fn address(self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    /// Writes a number.
    #[inline]
    fn write<T>(self, place: i32, value: T) {
        debug_assert!(0 < place && place < VARIABLES, "there is such a place");
        // SAFETY: places of the layout lie in the memory.
        let target = unsafe { self.start.offset(place as isize) };
        // SAFETY: the memory is there as long as the entry, which has this; it may be written, and nobody refers to this part of it.
        unsafe { target.cast::<T>().write_unaligned(value) };
    }

    /// Writes the context of a call. Memory of no bytes is that at the start of the entry: its address is one that pointers can be compared with.
    #[inline(always)]
    fn write_context(self, function: &Function, inputs: &mut Inputs<'_>) {
        let Plan { regions, numbers } = &function.context;
        assert_eq!(inputs.regions.len(), regions.len(), "a call is given all memory of its hook");
        assert_eq!(inputs.numbers.len(), numbers.len(), "a call is given all numbers of its hook");
        for (plan, region) in regions.iter().zip(inputs.regions.iter_mut()) {
            let nowhere = [self.address(); 2];
            let bounds = bounds(region, plan.writable).unwrap_or(nowhere);
            self.write(plan.start, bounds[0]);
            self.write(plan.end, bounds[1]);
            if function.shadows {
                self.write(SHADOWS + 2 * (plan.start - CONTEXT), bounds);
                self.write(SHADOWS + 2 * (plan.end - CONTEXT), bounds);
            }
        }
        for ((place, size), number) in numbers.iter().zip(inputs.numbers) {
            self.write_number(*place, *size, *number);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "fields of fewer bytes take the lower ones")]
    #[inline]
    fn write_number(self, place: i32, size: Size, number: u64) {
        match size {
            Size::Byte => self.write(place, number as u8),
            Size::Half => self.write(place, number as u16),
            Size::Word => self.write(place, number as u32),
            Size::Double => self.write(place, number),
        }
    }

    /// Makes the variables anew.
    fn write_variables(self, variables: &[u8]) {
        assert!(variables.len() <= VARIABLES_BYTES_MAX, "programs have no more");
        // SAFETY: the variables lie in the memory.
        let target = unsafe { self.start.offset(VARIABLES as isize) };
        // SAFETY: there is room for so many, and nobody refers to that part of the memory.
        unsafe { target.as_ptr().copy_from_nonoverlapping(variables.as_ptr(), variables.len()) };
    }
}

impl Installed {
    /// Calls the program. Its code counts `fuel`, or polls and is stopped by a [`crate::Watchdog`], as it was compiled.
    ///
    /// # Errors
    /// If it has no result. Nothing of the call may remain then: drop `call` without [`Call::finish`], and what was written to memory that is
    /// writable at its hook is worth nothing.
    ///
    /// # Panics
    /// If the inputs are not those of its hook, or longer than [`REGION_BYTES_MAX`].
    #[inline(always)]
    pub fn call(
        &self,
        entry: &mut Entry,
        mut inputs: Inputs<'_>,
        fuel: u64,
        call: &mut Call<'_>,
    ) -> Result<u64, Trap> {
        let function = &*self.function;
        entry.base.write_context(function, &mut inputs);
        if !function.variables.is_empty() {
            entry.base.write_variables(&function.variables);
        }
        let state = entry.state();
        state.fuel.set(fuel);
        state.host.set(std::ptr::from_mut(call).cast());
        state.data.set(function.data_start);
        let turn = state.turn.load(Ordering::Relaxed) + 1;
        state.turn.store(turn, Ordering::Release);
        let context = entry.base.address() + u64::from(CONTEXT.unsigned_abs());
        // SAFETY: the code lies in the arena as long as the handle is there, and was compiled from what the verifier has accepted for this
        // hook; the context is that of the hook, and what it points to is borrowed by the inputs; the call is borrowed and
        // nobody refers to it.
        let returned = unsafe { trampoline::enter(state, context, function.start) };
        state.turn.store(turn + 1, Ordering::Release);
        if returned.ending == 0 { Ok(returned.result) } else { Err(ending::trap(returned.ending)) }
    }
}

impl Revoker {
    /// The call that runs now, if one does.
    pub fn running(&self) -> Option<Turn> {
        let turn = self.memory.turn().load(Ordering::Acquire);
        (turn % 2 == 1).then_some(Turn(turn))
    }

    /// Ends a call that [`Self::running`] has told of, with [`Trap::Revoked`], the next time that it polls; helpers run to their end. If the call is
    /// over nothing happens. The revocation is lost if it comes while the entry recovers from an earlier one: if the call still
    /// runs after a while it has to be revoked again.
    pub fn revoke(&self, turn: Turn) {
        self.memory.revoke(turn.0);
    }

    /// The processor time that the thread of the entry has used; nothing once that has ended.
    pub fn thread_time(&self) -> Option<Duration> {
        self.memory.thread_time()
    }

    /// For tests: revokes the call that was the last one to end.
    #[cfg(test)]
    pub(crate) fn revoke_last(&self) {
        self.memory.revoke(self.memory.turn().load(Ordering::Acquire) - 1);
    }
}

/// The first byte of memory of a region and one behind the last, if it has any.
#[inline(always)]
fn bounds(region: &mut RegionBytes<'_>, writable: bool) -> Option<[u64; 2]> {
    let (start, bytes) = match region {
        RegionBytes::Read(bytes) => {
            assert!(!writable, "memory that programs write is lent for that");
            (bytes.as_ptr().expose_provenance(), bytes.len())
        }
        RegionBytes::Write(bytes) => (bytes.as_mut_ptr().expose_provenance(), bytes.len()),
    };
    assert!(bytes <= REGION_BYTES_MAX as usize, "the verifier relies on it");
    (bytes > 0).then(|| [start as u64, (start + bytes) as u64])
}

/// Makes sure that this thread has a stack of its own for signals, as threads of the standard library have.
fn ensure_signal_stack() -> io::Result<()> {
    // SAFETY: the structure has numbers and a pointer, for all of which zero is allowed.
    let mut stack: libc::stack_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the system only tells what there is, in a structure of ours.
    let result = unsafe { libc::sigaltstack(std::ptr::null(), &raw mut stack) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if stack.ss_flags & libc::SS_DISABLE == 0 {
        return Ok(());
    }
    // It stays for as long as the thread, so that it is never given back.
    let bytes = Box::leak(vec![0_u8; SIGNAL_STACK_BYTES].into_boxed_slice());
    stack = libc::stack_t { ss_sp: bytes.as_mut_ptr().cast(), ss_flags: 0, ss_size: bytes.len() };
    // SAFETY: the memory is there for ever, and nobody else uses it.
    let result = unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Room for the registers of a processor with wide vectors, and for the handler.
const SIGNAL_STACK_BYTES: usize = 64 << 10;
