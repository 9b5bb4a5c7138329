//! Memory as helpers see it: places that a program names by addresses. Each engine has addresses of its own kind, so helpers are written once,
//! over this trait.

use crate::helper::Failure;
use crate::trap::Refused;

/// Memory that an argument of a helper points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The argument, from 0 to 4.
    pub argument: u8,
    /// Where it starts.
    pub address: u64,
    /// How long it is.
    pub bytes: u64,
}

impl Place {
    /// Whether two places have a byte in common.
    #[inline]
    pub const fn overlaps(self, other: Self) -> bool {
        let (first, second) = if self.address <= other.address { (self, other) } else { (other, self) };
        second.bytes > 0 && second.address - first.address < first.bytes
    }
}

/// The memory of a call. A place of no bytes is always there, whatever its address.
///
/// Where a place is not all memory that the program may use this way the answer is [`Failure::Argument`]: an engine that checks nothing by
/// itself never says so, since the verifier or a guard has made sure of it.
pub trait Memory<'s> {
    /// The bytes of a place.
    ///
    /// # Errors
    /// If it cannot be read.
    fn read(&self, place: Place) -> Result<&[u8], Failure>;

    /// The bytes of a place, to be written, all of them.
    ///
    /// # Errors
    /// If it cannot be written.
    fn write(&mut self, place: Place) -> Result<&mut [u8], Failure>;

    /// The bytes of places, and of one more that is written, all of it.
    ///
    /// # Errors
    /// If one cannot be read or the last not be written; [`Refused::Overlap`] if that [overlaps](Place::overlaps) one of the others.
    fn read_and_write<const N: usize>(
        &mut self,
        read: [Place; N],
        write: Place,
    ) -> Result<([&[u8]; N], &mut [u8]), Failure>;

    /// Copies the bytes of a place to another one as long, which may overlap it.
    ///
    /// # Errors
    /// If one cannot be read or the other not be written.
    fn copy(&mut self, from: Place, to: Place) -> Result<(), Failure>;

    /// Makes memory of the store readable for the rest of the call and writes where it lies, or two null pointers, to a place of
    /// [`crate::signature::VIEW_BYTES`].
    ///
    /// # Errors
    /// If the place cannot be written.
    fn write_view(&mut self, place: Place, view: Option<&'s [u8]>) -> Result<(), Failure>;
}

/// Refuses places to be read that overlap one to be written; for those that implement [`Memory::read_and_write`].
///
/// # Errors
/// If one does.
#[inline]
pub fn refuse_overlap(read: &[Place], write: Place) -> Result<(), Failure> {
    let does_overlap = |place: &Place| place.overlaps(write);
    if read.iter().any(does_overlap) { Err(Failure::Refused(Refused::Overlap)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_overlap_if_they_share_a_byte() {
        let place = |address, bytes| Place { argument: 0, address, bytes };
        assert!(place(8, 8).overlaps(place(15, 1)) && place(15, 1).overlaps(place(8, 8)));
        assert!(!place(8, 8).overlaps(place(16, 1)) && !place(16, 1).overlaps(place(8, 8)));
        assert!(
            !place(8, 8).overlaps(place(10, 0)) && !place(10, 0).overlaps(place(8, 8)),
            "nothing overlaps nothing"
        );
        assert!(place(u64::MAX - 1, 8).overlaps(place(u64::MAX, 1)), "ends do not wrap");
    }
}
