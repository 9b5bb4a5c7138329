//! What a register or a slot of the stack may hold, and the memory that pointers point into.

use crate::hook::REGION_BYTES_MAX;

use super::facts::Interval;
use super::form::Form;

/// What a register or a slot of the stack holds. The form of a pointer is its distance from the start of its memory, modulo 2^64 and taken
/// as a signed number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    /// Nothing that may be used.
    Nothing(Absence),
    Number(Form),
    Pointer(Place, Form),
    /// The number 0, or a pointer into a region.
    Maybe(u16, Form),
    /// The lower 32 bits of a pointer, which may be subtracted from those of another one.
    Half(Place, Form),
    /// The first byte of a view, or one behind its last, as a helper wrote it to the stack: which view it is, is settled when it is loaded.
    View(Edge),
}

/// Why there is nothing that may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absence {
    /// It was not written.
    Unset,
    /// A call has overwritten it.
    Called,
    /// There are different kinds of things on the ways that lead here.
    Mixed,
    /// It pointed into the frame of a function that has returned.
    Returned,
}

/// An end of a view.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edge {
    Start,
    End,
}

/// What a pointer points into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Context,
    /// The stack frame of the function that is so deep; distances are from its end, register 10.
    Stack(u8),
    /// A region, by its index in the state.
    Memory(u16),
}

/// Memory that holds numbers only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Region {
    pub(super) kind: RegionKind,
    /// Its length in bytes.
    pub(super) length: Form,
    pub(super) writable: bool,
}

/// What a region is, for messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegionKind {
    /// Region `Hook::regions[i]`.
    Input(u8),
    /// Read-only data of the program.
    Data,
    /// Variables of the program.
    Variables,
    /// A view that a helper gave.
    View,
    /// Different ones on the ways that lead here.
    Mixed,
}

impl Region {
    /// Whether what it holds may change while the program runs. Of different regions in one, one may be writable.
    pub(super) const fn changes(&self) -> bool {
        self.writable || matches!(self.kind, RegionKind::Mixed)
    }
}

impl Value {
    pub(super) const UNSET: Self = Self::Nothing(Absence::Unset);

    pub(super) const fn constant(number: i64) -> Self {
        Self::Number(Form::constant(number))
    }

    pub(super) const fn form(&self) -> Option<&Form> {
        match self {
            Self::Number(form) | Self::Pointer(_, form) | Self::Maybe(_, form) | Self::Half(_, form) => {
                Some(form)
            }
            Self::Nothing(_) | Self::View(_) => None,
        }
    }

    pub(super) const fn form_mut(&mut self) -> Option<&mut Form> {
        match self {
            Self::Number(form) | Self::Pointer(_, form) | Self::Maybe(_, form) | Self::Half(_, form) => {
                Some(form)
            }
            Self::Nothing(_) | Self::View(_) => None,
        }
    }

    /// The region that it points into, or may.
    pub(super) const fn region_mut(&mut self) -> Option<&mut u16> {
        match self {
            Self::Pointer(Place::Memory(region), _)
            | Self::Half(Place::Memory(region), _)
            | Self::Maybe(region, _) => Some(region),
            _ => None,
        }
    }

    /// Whether it is the number 0, and nothing else.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Number(form) if form.as_constant() == Some(0))
    }

    /// Whether its bytes are those of a pointer, which nothing but a pointer may be made of.
    pub(super) const fn is_pointer(&self) -> bool {
        !matches!(self, Self::Number(_) | Self::Nothing(_))
    }
}

/// The lengths that memory handed to a function may have.
pub(super) const LENGTHS: Interval = Interval::new(0, LENGTH_MAX);
/// The greatest of them.
pub(super) const LENGTH_MAX: i64 = REGION_BYTES_MAX as i64;
/// Numbers of 32 bits, as unsigned ones.
pub(super) const WORD: Interval = Interval::new(0, 0xffff_ffff);
/// Numbers of 32 bits, as signed ones.
pub(super) const SIGNED_WORD: Interval = Interval::new(-(1 << 31), (1 << 31) - 1);
