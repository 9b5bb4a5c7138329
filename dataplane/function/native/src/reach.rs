//! Memory as helpers see it that are called by compiled code: addresses of the process. What they point to was proven by the verifier, or is checked
//! here against the shadow of the pointer.

use std::marker::PhantomData;

use adit_function::helper::Failure;
use adit_function::hook::REGION_BYTES_MAX;
use adit_function::memory::{Memory, Place, refuse_overlap};

use crate::ending;
use crate::layout::{CONTEXT, NOTHING, POINTERS_BYTES, SHADOWS, State};

/// The memory of a call, for one helper. `SHADOWED` says whether the program has shadows.
pub(crate) struct Reach<'s, const SHADOWED: bool> {
    entry: *const State,
    lent: PhantomData<&'s [u8]>,
}

impl<const SHADOWED: bool> Reach<'_, SHADOWED> {
    /// The memory of the call that runs with this entry.
    ///
    /// # Safety
    /// As long as this lives each [`Place`] that is handed in is of an argument of the helper that compiled code is calling with this entry, and the
    /// verifier has proven it, or, with shadows, that one is marked as guarded and its shadow is there. What is lent is there until the
    /// call of the program ends.
    pub(crate) unsafe fn new(entry: *const State) -> Self {
        Self { entry, lent: PhantomData }
    }

    /// How a call ends whose argument points to memory that it may not.
    pub(crate) fn ending_of(&self, argument: u8) -> u64 {
        let is_expected = SHADOWED && self.state().guarded.get() >> (8 + argument) & 1 != 0;
        if is_expected { ending::OUT_OF_BOUNDS } else { ending::PROOF_BROKEN }
    }

    fn state(&self) -> &State {
        // SAFETY: the entry is there and its state belongs to this thread; `new` asks for that.
        unsafe { &*self.entry }
    }

    /// Whether a place is where its shadow says.
    #[inline]
    fn check(&self, place: Place) -> Result<(), Failure> {
        if !SHADOWED || place.bytes == 0 {
            return Ok(());
        }
        let state = self.state();
        if state.guarded.get() >> place.argument & 1 == 0 {
            return Ok(());
        }
        let [start, end] = [0, 1].map(|bound| state.arguments[usize::from(place.argument)][bound].get());
        let is_inside = start <= place.address && place.address <= end && place.bytes <= end - place.address;
        if is_inside { Ok(()) } else { Err(Failure::Argument(place.argument)) }
    }

    /// Keeps the shadow of a view that was written, for both of its pointers.
    fn shadow_view(&self, address: u64, shadow: [u64; 2]) {
        let first = self.entry.addr() as u64 + CONTEXT.unsigned_abs() as u64;
        let distance = address.wrapping_sub(first);
        assert!(
            distance <= u64::from(POINTERS_BYTES) - 16 && distance.is_multiple_of(8),
            "views are written to the stack"
        );
        let place = self.entry.addr() as u64 + SHADOWS.unsigned_abs() as u64 + 2 * distance;
        let place = std::ptr::with_exposed_provenance_mut::<[[u64; 2]; 2]>(bounded(place));
        // SAFETY: shadows lie there for all of context and frames, which the view is in; the memory is that of the entry, nobody refers
        // to it, and it is a multiple of 8.
        unsafe { place.write([shadow, shadow]) };
    }
}

impl<'s, const SHADOWED: bool> Memory<'s> for Reach<'s, SHADOWED> {
    #[inline]
    fn read(&self, place: Place) -> Result<&[u8], Failure> {
        self.check(place)?;
        // SAFETY: the place may be read, see `new`; nothing is written while the slice is there: that would borrow this mutably.
        Ok(unsafe { slice(place) })
    }

    #[inline]
    fn write(&mut self, place: Place) -> Result<&mut [u8], Failure> {
        self.check(place)?;
        // SAFETY: the place may be written, see `new`; nobody else refers to it while this is borrowed mutably.
        Ok(unsafe { slice_mut(place) })
    }

    #[inline]
    fn read_and_write<const N: usize>(
        &mut self,
        read: [Place; N],
        write: Place,
    ) -> Result<([&[u8]; N], &mut [u8]), Failure> {
        for place in read {
            self.check(place)?;
        }
        self.check(write)?;
        refuse_overlap(&read, write)?;
        // SAFETY: the places may be read, see `new`, and do not overlap the one that is written.
        let slices = read.map(|place| unsafe { slice(place) });
        // SAFETY: the place may be written, see `new`, and overlaps none of the others.
        Ok((slices, unsafe { slice_mut(write) }))
    }

    #[inline]
    fn copy(&mut self, from: Place, to: Place) -> Result<(), Failure> {
        self.check(from)?;
        self.check(to)?;
        let bytes = bounded(from.bytes.min(to.bytes));
        if bytes == 0 {
            return Ok(());
        }
        let source = std::ptr::with_exposed_provenance::<u8>(bounded(from.address));
        let target = std::ptr::with_exposed_provenance_mut::<u8>(bounded(to.address));
        // SAFETY: both places may be used so, see `new`; they may overlap.
        unsafe { source.copy_to(target, bytes) };
        Ok(())
    }

    #[inline]
    fn write_view(&mut self, place: Place, view: Option<&'s [u8]>) -> Result<(), Failure> {
        self.check(place)?;
        let bounds = match view {
            None => [0, 0],
            // A value of no bytes is a value: its pointers are not null.
            Some([]) => [self.entry.addr() as u64; 2],
            Some(bytes) => {
                assert!(bytes.len() <= REGION_BYTES_MAX as usize, "the verifier relies on it");
                let start = bytes.as_ptr().expose_provenance() as u64;
                [start, start + bytes.len() as u64]
            }
        };
        let target = std::ptr::with_exposed_provenance_mut::<[u64; 2]>(bounded(place.address));
        // SAFETY: the place may be written, see `new`, and has the 16 bytes of a view.
        unsafe { target.write_unaligned(bounds) };
        if SHADOWED {
            self.shadow_view(place.address, if view.is_some() { bounds } else { NOTHING });
        }
        Ok(())
    }
}

/// The bytes of a place; none if it has none, wherever that is.
///
/// # Safety
/// The place can be read as long as the slice is there, and is not written meanwhile.
#[inline]
unsafe fn slice<'a>(place: Place) -> &'a [u8] {
    if place.bytes == 0 {
        return &[];
    }
    let start = std::ptr::with_exposed_provenance(bounded(place.address));
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts(start, bounded(place.bytes)) }
}

/// The bytes of a place, to be written.
///
/// # Safety
/// The place can be written, and nobody else refers to it, as long as the slice is there.
#[inline]
unsafe fn slice_mut<'a>(place: Place) -> &'a mut [u8] {
    if place.bytes == 0 {
        return &mut [];
    }
    let start = std::ptr::with_exposed_provenance_mut(bounded(place.address));
    // SAFETY: the caller says so.
    unsafe { std::slice::from_raw_parts_mut(start, bounded(place.bytes)) }
}

/// An address or a length; both have 64 bits here.
#[inline]
fn bounded(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
