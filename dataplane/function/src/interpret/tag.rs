//! What a value of the interpreter is: a number, or a pointer and which memory it was made for.

/// What a value is. As an address the memory that a tag names starts at [`Tag::base`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tag(u32);

impl Tag {
    /// A number that no pointer had a part in.
    pub(super) const NUMBER: Self = Self(0);
    /// What was calculated from a pointer, but is none.
    pub(super) const TAINTED: Self = Self(1);
    /// Nothing that may be read: what registers hold that were not written.
    pub(super) const NOTHING: Self = Self(2);
    /// A pointer to nothing, as views of absent records have it.
    pub(super) const NULL: Self = Self(3);
    /// A pointer to the context.
    pub(super) const CONTEXT: Self = Self(0x1000);
    /// A pointer to the read-only data of the program.
    pub(super) const DATA: Self = Self(0x1001);
    /// A pointer to its variables.
    pub(super) const VARIABLES: Self = Self(0x1002);

    /// A pointer to a region of the hook.
    pub(super) const fn region(index: u8) -> Self {
        Self(REGIONS + index as u32)
    }

    /// A pointer to a stack frame; those that are made one after the other differ, so that pointers to a frame that is gone lead nowhere.
    pub(super) const fn frame(number: u32) -> Self {
        Self(FRAMES + number % (VIEWS - FRAMES))
    }

    /// A pointer to memory that a helper has lent.
    pub(super) fn view(index: usize) -> Self {
        Self(VIEWS.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)).min(HALVES - 1))
    }

    /// What memory a pointer points to.
    #[inline]
    pub(super) const fn target(self) -> Target {
        match self.0 {
            HALVES.. => Target::Nothing,
            VIEWS.. => Target::View((self.0 - VIEWS) as usize),
            FRAMES.. => Target::Frame,
            REGIONS.. => Target::Region((self.0 - REGIONS) as usize),
            0x1000 => Target::Context,
            0x1001 => Target::Data,
            0x1002 => Target::Variables,
            3 => Target::Null,
            _ => Target::Nothing,
        }
    }

    #[inline]
    pub(super) const fn is_pointer(self) -> bool {
        self.0 >= Self::NULL.0 && self.0 < HALVES
    }

    /// The lower 32 bits of a pointer. They are good for one thing: to be subtracted from those of another pointer to the same memory.
    #[inline]
    pub(super) const fn half(self) -> Self {
        Self(self.0 | HALVES)
    }

    /// Whether both are pointers to the same memory, or the lower halves of such.
    #[inline]
    pub(super) const fn is_alike(self, other: Self) -> bool {
        self.0 & !HALVES == other.0 & !HALVES && self.0 & !HALVES >= Self::NULL.0
    }

    /// Whether an address is so near to the memory that it would not be cut to 64 bits wherever the memory lay. To nothing, which lies at 0, all are.
    #[inline]
    pub(super) const fn is_near(self, address: u64) -> bool {
        self.0 == Self::NULL.0 || address.wrapping_sub(self.base()).wrapping_add(NEAR) < 1 << 62
    }

    /// Where the memory starts that a pointer was made for. No two ranges of memory share the upper half of their addresses.
    #[inline]
    pub(super) const fn base(self) -> u64 {
        if self.0 <= Self::NULL.0 { 0 } else { (self.0 as u64) << 32 }
    }
}

/// What memory a pointer points to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    /// It is no pointer.
    Nothing,
    Null,
    Context,
    Data,
    Variables,
    Region(usize),
    Frame,
    View(usize),
}

/// Bytes in front of memory that an address may lie, and a bit more: in a position-independent program all memory lies above so many.
const NEAR: u64 = 1 << 33;
const REGIONS: u32 = 0x1100;
const FRAMES: u32 = 0x2000;
const VIEWS: u32 = 0x4000;
/// The lower halves of pointers.
const HALVES: u32 = 1 << 31;
