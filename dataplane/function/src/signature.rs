//! What a helper takes and gives: the rules from which the verifier, the checks at run time, the documentation and the header in C are made. The
//! helpers themselves stand in `helper`.

/// What a helper takes, gives and costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature {
    /// Its number in a call instruction; never used for another one.
    pub number: u32,
    /// Its name in C.
    pub name: &'static str,
    /// What it does: the comment in the header, in lines of at most 100 columns.
    pub about: &'static str,
    /// Its arguments, five at most.
    pub arguments: &'static [Argument],
    /// The type of its result in C.
    pub c_result: &'static str,
    /// The least its result can be, as a signed number.
    pub result_min: i64,
    /// The most it can be.
    pub result_max: i64,
    /// Whether it stages writes to the store: only for hooks that may.
    pub writes: bool,
}

/// An argument of a helper.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Argument {
    /// Its name in C.
    pub name: &'static str,
    /// Its type in C.
    pub c_type: &'static str,
    /// What may be handed in.
    pub kind: ArgumentKind,
}

/// What may be handed in as an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgumentKind {
    /// Any number.
    Number,
    /// A number that the verifier knows, from 1 to this.
    Constant(u32),
    /// Initialised memory of any kind but the context.
    Readable(Extent),
    /// Memory that may be written; stack is initialised by it.
    Writable(Extent),
    /// Room on the stack for as many views as the argument of this index says, which is a `Constant`; or for one. A view is two pointers, the
    /// first byte and one behind the last; all of them are written, those of nothing as two null pointers.
    Views(Option<u8>),
}

/// How many bytes an argument points to: `unit_bytes` times the arguments of these indexes, which are numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Bytes of one element.
    pub unit_bytes: u32,
    /// Arguments that are multiplied with it.
    pub factors: &'static [u8],
}

/// Bytes of a view.
pub const VIEW_BYTES: u32 = 16;
/// Most views that a helper writes at once.
pub const VIEWS_MAX: u32 = 16;
