//! The C interface of the client: `adit.h`, libadit.so and libadit.a. It holds what C needs beyond the Rust client:
//! handles that may be wrong, pointers that may be null, memory with an owner, and a wall that no panic passes.
//!
//! What callers have to know stands in the header; its opening words are in `cbindgen.toml`, the rest is generated from
//! the public items of this crate. `abi.txt` is the list of what must never change.
//!
//! | file | what |
//! |---|---|
//! | `table.rs` | handles: slots with a generation and a state in one word |
//! | `entry.rs` | what a handle stands for; the wall around every call |
//! | `memory.rs` | pointers of the caller, checked |
//! | `errors.rs` | codes and texts |
//! | `config.rs` | connecting and closing |
//! | `values.rs` | results that the library owns |
//! | `keys.rs`, `lists.rs` | calls that block, on one key and on several |
//! | `submit.rs`, `poll.rs`, `pending.rs` | the completion queue |
//! | `stream.rs` | long values in pieces |
//! | `events.rs` | waiting in the caller's own loop |
#![expect(
    clippy::missing_safety_doc,
    reason = "the rules for pointers are the same for all functions: the header opens with them"
)]
#![expect(non_camel_case_types, reason = "types that C sees have the names of C")]

// In the order in which the header has what they hold.
mod config;
mod errors;

mod values;

mod keys;
mod lists;

mod submit;

mod poll;

mod stream;

mod events;

mod entry;
mod memory;
mod pending;
mod table;

pub use config::*;
pub use errors::*;
pub use events::*;
pub use keys::*;
pub use lists::*;
pub use poll::*;
pub use stream::*;
pub use submit::*;
pub use values::*;
