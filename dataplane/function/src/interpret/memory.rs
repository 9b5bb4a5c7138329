//! The memory of a call as the interpreter sees it: where an address leads, what may be done there, and the same for helpers.

use std::cell::Cell;

use super::FaultKind;
use super::frame::{Frame, read};
use super::tag::{Tag, Target};
use crate::helper::Failure;
use crate::hook::RegionBytes;
use crate::instruction::Size;
use crate::memory::{Memory, Place, refuse_overlap};
use crate::program::{DEPTH_MAX, FRAME_BYTES};

/// What the memory of a call is made of.
#[derive(Debug)]
pub(super) struct Storage<'r, 'a> {
    pub(super) frames: &'r mut [Frame; DEPTH_MAX],
    pub(super) context: &'r Frame,
    pub(super) context_bytes: usize,
    pub(super) data: &'r [u8],
    pub(super) variables: &'r mut [u8],
    pub(super) regions: &'r mut [RegionBytes<'a>],
}

/// The memory of a call.
#[derive(Debug)]
pub(super) struct Segments<'r, 'a, 's> {
    places: Places<'r, 'a, 's>,
    /// Copies of what helpers read while they write.
    scratch: &'r mut Vec<u8>,
    /// What the arguments of the helper point to that is called.
    arguments: [Tag; 5],
    /// Why the memory of an argument was refused.
    refused: Cell<Option<FaultKind>>,
}

#[derive(Debug)]
struct Places<'r, 'a, 's> {
    storage: Storage<'r, 'a>,
    /// How many frames there are, and pointers to each.
    depth: usize,
    frame_tags: [Tag; DEPTH_MAX],
    /// How many there were.
    frame_count: u32,
    /// What helpers have lent.
    views: Vec<&'s [u8]>,
}

/// Where an address leads: memory, and an offset in it.
#[derive(Clone, Copy, Debug)]
enum Spot {
    Nowhere,
    Context(usize),
    Data(usize),
    Variables(usize),
    Region(usize, usize),
    Frame(usize, usize),
    View(usize, usize),
}

impl<'r, 'a, 's> Segments<'r, 'a, 's> {
    pub(super) fn new(storage: Storage<'r, 'a>, scratch: &'r mut Vec<u8>) -> Self {
        let places = Places {
            storage,
            depth: 0,
            frame_tags: [Tag::NOTHING; DEPTH_MAX],
            frame_count: 0,
            views: Vec::new(),
        };
        Self { places, scratch, arguments: [Tag::NOTHING; 5], refused: Cell::new(None) }
    }

    /// Makes a frame, whose bytes in `zeroed` (offsets from its end) are 0, and gives a pointer to its end.
    pub(super) fn push_frame(&mut self, zeroed: (i16, i16)) -> (u64, Tag) {
        let places = &mut self.places;
        let frame = &mut places.storage.frames[places.depth];
        frame.clear();
        let (low, high) = (from_end(zeroed.0), from_end(zeroed.1));
        if low < high {
            frame.overwrite(low, high - low).fill(0);
        }
        let tag = Tag::frame(places.frame_count);
        places.frame_tags[places.depth] = tag;
        places.depth += 1;
        places.frame_count = places.frame_count.wrapping_add(1);
        self.last_frame()
    }

    /// The end of the last frame.
    pub(super) const fn last_frame(&self) -> (u64, Tag) {
        let tag = self.places.frame_tags[self.places.depth - 1];
        (tag.base() + FRAME_BYTES as u64, tag)
    }

    /// Drops the last frame.
    pub(super) const fn pop_frame(&mut self) {
        self.places.depth -= 1;
    }

    /// Whether this is a pointer to the last frame.
    pub(super) fn is_own_frame(&self, tag: Tag) -> bool {
        self.places.depth > 0 && self.places.frame_tags[self.places.depth - 1] == tag
    }

    /// Reads a number or a pointer.
    #[inline]
    pub(super) fn load(&self, address: u64, tag: Tag, size: Size) -> Result<(u64, Tag), FaultKind> {
        let len = size.bytes() as usize;
        let places = &self.places;
        let number = |bytes: &[u8], offset: usize| Ok((read(&bytes[offset..offset + len]), Tag::NUMBER));
        match places.find(address, tag, len)? {
            Spot::Frame(depth, offset) => places.storage.frames[depth].load(offset, size),
            Spot::Context(offset) => places.storage.context.load(offset, size),
            Spot::Region(index, offset) => number(places.storage.regions[index].bytes(), offset),
            Spot::View(index, offset) => number(places.views[index], offset),
            Spot::Data(offset) => number(places.storage.data, offset),
            Spot::Variables(offset) => number(places.storage.variables, offset),
            Spot::Nowhere => Err(FaultKind::OutOfBounds),
        }
    }

    /// Writes a number, or a pointer to a stack frame.
    #[inline]
    pub(super) fn store(
        &mut self,
        (address, tag): (u64, Tag),
        size: Size,
        value: u64,
        value_tag: Tag,
    ) -> Result<(), FaultKind> {
        let len = size.bytes() as usize;
        let spot = self.places.find(address, tag, len)?;
        if let Spot::Frame(depth, offset) = spot {
            self.places.storage.frames[depth].store(offset, size, value, value_tag);
            return Ok(());
        }
        let bytes = self.places.at_mut(spot, len)?;
        if value_tag != Tag::NUMBER && !(value_tag == Tag::NULL && value == 0) {
            return Err(FaultKind::Leak);
        }
        bytes.copy_from_slice(&value.to_le_bytes()[..len]);
        Ok(())
    }

    /// Says what the arguments of the helper are that is called next.
    pub(super) fn set_arguments(&mut self, arguments: [Tag; 5]) {
        self.arguments = arguments;
        self.refused.set(None);
    }

    /// Why the memory of an argument was refused, for which the last helper failed.
    pub(super) fn refused(&self) -> FaultKind {
        self.refused.get().unwrap_or(FaultKind::OutOfBounds)
    }

    /// Where an argument leads to, and how many bytes are meant.
    fn find(&self, place: Place) -> Result<(Spot, usize), Failure> {
        let len = usize::try_from(place.bytes).unwrap_or(usize::MAX);
        if len == 0 {
            return Ok((Spot::Nowhere, 0));
        }
        let tag = self.arguments[usize::from(place.argument)];
        let spot = self.places.find(place.address, tag, len).map_err(|kind| self.refuse(place, kind))?;
        Ok((spot, len))
    }

    fn refuse(&self, place: Place, kind: FaultKind) -> Failure {
        self.refused.set(Some(kind));
        Failure::Argument(place.argument)
    }
}

impl Places<'_, '_, '_> {
    /// Where an address leads, if there are `len` bytes there.
    #[inline]
    fn find(&self, address: u64, tag: Tag, len: usize) -> Result<Spot, FaultKind> {
        let offset = usize::try_from(address.wrapping_sub(tag.base())).unwrap_or(usize::MAX);
        let within = |bytes: usize| {
            if offset <= bytes && len <= bytes - offset { Ok(offset) } else { Err(FaultKind::OutOfBounds) }
        };
        Ok(match tag.target() {
            Target::Frame => {
                let depth = self.frame_tags[..self.depth].iter().rposition(|frame| *frame == tag);
                Spot::Frame(depth.ok_or(FaultKind::OutOfBounds)?, within(FRAME_BYTES as usize)?)
            }
            Target::Region(index) => Spot::Region(index, within(self.storage.regions[index].bytes().len())?),
            Target::View(index) => Spot::View(index, within(self.views[index].len())?),
            Target::Context => Spot::Context(within(self.storage.context_bytes)?),
            Target::Variables => Spot::Variables(within(self.storage.variables.len())?),
            Target::Data => Spot::Data(within(self.storage.data.len())?),
            Target::Null => return Err(FaultKind::OutOfBounds),
            Target::Nothing => return Err(FaultKind::NoPointer),
        })
    }

    /// Bytes that may be shown to others.
    fn at(&self, spot: Spot, len: usize) -> Result<&[u8], FaultKind> {
        match spot {
            Spot::Frame(depth, offset) => self.storage.frames[depth].read(offset, len),
            Spot::Region(index, offset) => Ok(&self.storage.regions[index].bytes()[offset..offset + len]),
            Spot::View(index, offset) => Ok(&self.views[index][offset..offset + len]),
            Spot::Data(offset) => Ok(&self.storage.data[offset..offset + len]),
            Spot::Variables(offset) => Ok(&self.storage.variables[offset..offset + len]),
            Spot::Context(_) => Err(FaultKind::Leak),
            Spot::Nowhere => Ok(&[]),
        }
    }

    /// Bytes that are written, all of them.
    fn at_mut(&mut self, spot: Spot, len: usize) -> Result<&mut [u8], FaultKind> {
        match spot {
            Spot::Frame(depth, offset) => Ok(self.storage.frames[depth].overwrite(offset, len)),
            Spot::Variables(offset) => Ok(&mut self.storage.variables[offset..offset + len]),
            Spot::Region(index, offset) => match &mut self.storage.regions[index] {
                RegionBytes::Write(bytes) => Ok(&mut bytes[offset..offset + len]),
                RegionBytes::Read(_) => Err(FaultKind::ReadOnly),
            },
            Spot::View(..) | Spot::Data(_) | Spot::Context(_) => Err(FaultKind::ReadOnly),
            Spot::Nowhere => Ok(&mut []),
        }
    }
}

impl<'s> Memory<'s> for Segments<'_, '_, 's> {
    fn read(&self, place: Place) -> Result<&[u8], Failure> {
        let (spot, len) = self.find(place)?;
        self.places.at(spot, len).map_err(|kind| self.refuse(place, kind))
    }

    fn write(&mut self, place: Place) -> Result<&mut [u8], Failure> {
        let (spot, len) = self.find(place)?;
        let refused = &self.refused;
        self.places.at_mut(spot, len).map_err(|kind| {
            refused.set(Some(kind));
            Failure::Argument(place.argument)
        })
    }

    fn read_and_write<const N: usize>(
        &mut self,
        read: [Place; N],
        write: Place,
    ) -> Result<([&[u8]; N], &mut [u8]), Failure> {
        let mut ends = [0; N];
        let mut scratch = std::mem::take(self.scratch);
        scratch.clear();
        for (place, end) in read.iter().zip(&mut ends) {
            scratch.extend_from_slice(self.read(*place)?);
            *end = scratch.len();
        }
        *self.scratch = scratch;
        let (spot, len) = self.find(write)?;
        refuse_overlap(&read, write)?;
        let Self { places, scratch, refused, .. } = self;
        let written = places.at_mut(spot, len).map_err(|kind| {
            refused.set(Some(kind));
            Failure::Argument(write.argument)
        })?;
        let mut start = 0;
        let copies = ends.map(|end| {
            let copy = &scratch[start..end];
            start = end;
            copy
        });
        Ok((copies, written))
    }

    fn copy(&mut self, from: Place, to: Place) -> Result<(), Failure> {
        let mut scratch = std::mem::take(self.scratch);
        scratch.clear();
        scratch.extend_from_slice(self.read(from)?);
        self.write(to)?.copy_from_slice(&scratch);
        *self.scratch = scratch;
        Ok(())
    }

    fn write_view(&mut self, place: Place, view: Option<&'s [u8]>) -> Result<(), Failure> {
        let (Spot::Frame(depth, offset), _) = self.find(place)? else {
            return Err(self.refuse(place, FaultKind::Leak));
        };
        let (tag, bytes) = match view {
            Some(bytes) => {
                self.places.views.push(bytes);
                (Tag::view(self.places.views.len() - 1), bytes.len() as u64)
            }
            None => (Tag::NULL, 0),
        };
        let frame = &mut self.places.storage.frames[depth];
        frame.store(offset, Size::Double, tag.base(), tag);
        frame.store(offset + 8, Size::Double, tag.base() + bytes, tag);
        Ok(())
    }
}

/// A byte of a frame by its offset from the end.
fn from_end(offset: i16) -> usize {
    usize::try_from(i64::from(FRAME_BYTES) + i64::from(offset)).unwrap_or(0)
}
