//! The memory that machine code lies in. It is mapped twice: code is written through one mapping that cannot be executed, and runs in the other
//! one, which cannot be written.
//!
//! Programs lie close to each other, so that thousands of them need few pages. The one who owns the arena installs and frees; shards
//! hold [`Installed`] handles, and memory is used again only when none is left: whoever replaces a function sends the new handle to all
//! shards and frees the old one. Neither needs a lock, and nobody waits.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use adit_function::hook::Hook;

use crate::compile::{ALIGNMENT_BYTES, Code, PADDING};
use crate::mapping::Mapping;
use crate::ranges::Ranges;

/// Memory for machine code.
#[derive(Debug)]
pub struct Arena {
    mapping: Arc<Mapping>,
    ranges: Ranges,
    functions: Vec<Option<Arc<Function>>>,
    /// Indexes of `functions` without one.
    vacant: Vec<usize>,
}

/// A program that can be called, by any number of threads. Clones are the same program.
#[derive(Clone)]
pub struct Installed {
    pub(crate) function: Arc<Function>,
}

/// What is known of an installed program.
pub(crate) struct Function {
    /// Where it is entered.
    pub(crate) start: usize,
    pub(crate) hook: &'static Hook,
    pub(crate) data: Box<[u8]>,
    pub(crate) variables: Box<[u8]>,
    /// Whether the shadows of the context have to be there.
    pub(crate) shadows: bool,
    /// Its code, in the arena.
    range: Range<usize>,
    /// Its place in [`Arena::functions`].
    index: usize,
    /// Keeps the code there even if the arena is gone.
    _mapping: Arc<Mapping>,
}

/// Why a program cannot be installed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no room for {bytes} bytes of code: {free_bytes} are free, in {pieces} pieces")]
pub struct Full {
    /// What the program needs.
    pub bytes: usize,
    /// What the arena has left.
    pub free_bytes: usize,
    /// In how many pieces that lies.
    pub pieces: usize,
}

impl Arena {
    /// An arena of so many bytes, at most [`ARENA_BYTES_MAX`]. Pages are taken when code comes to lie in them.
    ///
    /// # Errors
    /// If the system does not give the memory, or there are too many arenas.
    pub fn new(bytes: usize) -> std::io::Result<Self> {
        if bytes > ARENA_BYTES_MAX {
            return Err(std::io::Error::other(format!(
                "an arena has at most {ARENA_BYTES_MAX} bytes, not {bytes}"
            )));
        }
        let mapping = Arc::new(Mapping::new(bytes)?);
        let ranges = Ranges::new(mapping.len_bytes());
        Ok(Self { mapping, ranges, functions: Vec::new(), vacant: Vec::new() })
    }

    /// Puts a program into the arena.
    ///
    /// # Errors
    /// If there is no room, even behind [`Self::reclaim`].
    pub fn install(&mut self, code: &Code) -> Result<Installed, Full> {
        let bytes = code.bytes.len().next_multiple_of(ALIGNMENT_BYTES).max(ALIGNMENT_BYTES);
        let range = match self.ranges.take(bytes) {
            Some(range) => range,
            None => {
                self.reclaim();
                let full = Full { bytes, free_bytes: self.free_bytes(), pieces: self.ranges.pieces() };
                self.ranges.take(bytes).ok_or(full)?
            }
        };
        self.mapping.write(range.clone(), &code.bytes, PADDING);
        let index = self.vacant.pop().unwrap_or(self.functions.len());
        let function = Arc::new(Function {
            start: self.mapping.address() + range.start,
            hook: code.hook,
            data: code.data.clone().into(),
            variables: code.variables.clone().into(),
            shadows: code.shadows,
            range,
            index,
            _mapping: Arc::clone(&self.mapping),
        });
        if index == self.functions.len() {
            self.functions.push(None);
        }
        self.functions[index] = Some(Arc::clone(&function));
        Ok(Installed { function })
    }

    /// Gives a handle back. Whether it was the last one: if so the memory of the program is free now, else at a later [`Self::reclaim`].
    ///
    /// # Panics
    /// If the program was installed in another arena.
    pub fn free(&mut self, installed: Installed) -> bool {
        let index = installed.function.index;
        let is_ours = |held: &Arc<Function>| Arc::ptr_eq(held, &installed.function);
        assert!(
            self.functions.get(index).and_then(Option::as_ref).is_some_and(is_ours),
            "a program goes back to its arena"
        );
        drop(installed);
        self.free_if_unused(index)
    }

    /// Frees the programs that nobody holds any more; how many those were.
    pub fn reclaim(&mut self) -> usize {
        (0..self.functions.len()).filter(|index| self.free_if_unused(*index)).count()
    }

    /// How many programs lie in the arena.
    pub const fn functions(&self) -> usize {
        self.functions.len() - self.vacant.len()
    }

    /// Bytes that no program has.
    pub fn free_bytes(&self) -> usize {
        self.ranges.free_len()
    }

    /// Bytes that programs have.
    pub fn used_bytes(&self) -> usize {
        self.mapping.len_bytes() - self.free_bytes()
    }

    fn free_if_unused(&mut self, index: usize) -> bool {
        // Being the only one left is what makes sure that no thread runs the code, and that what it did last lies behind us.
        let Some(function) = self.functions[index].as_mut().and_then(Arc::get_mut) else { return false };
        let range = function.range.clone();
        self.functions[index] = None;
        self.vacant.push(index);
        self.mapping.write(range.clone(), &[], PADDING);
        self.ranges.give_back(range);
        true
    }
}

impl Installed {
    /// The hook that it may be called at.
    pub fn hook(&self) -> &'static Hook {
        self.function.hook
    }

    /// The bytes of its machine code in the arena.
    pub fn len_bytes(&self) -> usize {
        self.function.range.len()
    }
}

impl fmt::Debug for Installed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes of code at {:#x}", self.len_bytes(), self.function.start)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes of code at {:#x}", self.range.len(), self.start)
    }
}

/// Most bytes of an arena: calls between functions reach 2 GiB.
pub const ARENA_BYTES_MAX: usize = 1 << 30;
