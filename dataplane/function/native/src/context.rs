//! How the context of a call is written: what a hook says of its fields, in the order of the inputs.

use adit_function::hook::{FieldKind, Hook};
use adit_function::instruction::Size;

use crate::layout::CONTEXT;

/// Where the inputs of a hook go.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Of each region.
    pub(crate) regions: Box<[RegionPlan]>,
    /// Of each number, its place in the entry and its size.
    pub(crate) numbers: Box<[(i32, Size)]>,
}

/// Where the bounds of a region go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegionPlan {
    /// The place in the entry of its start, and of its end.
    pub(crate) start: i32,
    pub(crate) end: i32,
    pub(crate) writable: bool,
}

impl Plan {
    /// The plan of a hook.
    ///
    /// # Panics
    /// If a region has no start or no end in the context.
    pub(crate) fn of(hook: &Hook) -> Self {
        let place = |offset: u32| CONTEXT + offset.cast_signed();
        let place_of = |kind: FieldKind| {
            let field = hook.fields.iter().find(|field| field.kind == kind);
            place(field.expect("a region has a start and an end").offset)
        };
        let region = |(index, region): (u8, &adit_function::hook::Region)| RegionPlan {
            start: place_of(FieldKind::Start(index)),
            end: place_of(FieldKind::End(index)),
            writable: region.writable,
        };
        let number = |field: &adit_function::hook::Field| match field.kind {
            FieldKind::Number(size) => Some((place(field.offset), size)),
            FieldKind::Start(_) | FieldKind::End(_) => None,
        };
        Self {
            regions: (0..).zip(hook.regions).map(region).collect(),
            numbers: hook.fields.iter().filter_map(number).collect(),
        }
    }
}
