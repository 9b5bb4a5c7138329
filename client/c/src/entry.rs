//! What a handle stands for, and the wall around every call: no panic gets out, and none leaves a client behind that may be
//! half changed.

use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::adit_client::{Client, Completion, Ticket};

use crate::errors::{Code, adit_error};
use crate::pending::Pending;
use crate::stream::Way;
use crate::table::{Refusal, Table};

/// A client with what C needs beside it.
pub(crate) struct Entry {
    pub(crate) client: Client,
    /// The operations that were submitted and whose completions the caller does not have.
    pub(crate) pending: Pending,
    /// The values that are written or read in pieces.
    pub(crate) streams: Vec<(Ticket, Way)>,
    /// Completions of these that had no room in the caller's list.
    pub(crate) completions: Vec<Completion>,
    /// Operations that may be in `pending`, and more than there may be streams.
    pub(crate) window: usize,
}

impl Entry {
    pub(crate) fn new(client: Client, window: usize) -> Self {
        Self {
            client,
            pending: Pending::new(window),
            streams: Vec::new(),
            completions: Vec::with_capacity(window),
            window,
        }
    }
}

/// Does something with the client of a handle. A panic closes it.
#[inline]
pub(crate) fn with(handle: u64, call: impl FnOnce(&mut Entry) -> Result<(), Code>) -> i32 {
    with_one_of(&CLIENTS, handle, |entry| call(entry))
}

#[inline]
fn with_one_of<T, const N: usize>(
    table: &Table<T, N>,
    handle: u64,
    call: impl FnOnce(&mut T) -> Result<(), Code>,
) -> i32 {
    let mut taken = match table.take(handle) {
        Ok(taken) => taken,
        Err(refusal) => return Code::from(refusal).0,
    };
    let result = match taken.value() {
        Some(value) => catch_unwind(AssertUnwindSafe(|| call(value))),
        None => Ok(Err(adit_error::ADIT_E_HANDLE.into())),
    };
    match result {
        Ok(result) => {
            taken.give_back();
            Code::of(result)
        }
        Err(fault) => {
            discard(fault);
            discard(taken.vacate());
            adit_error::ADIT_E_PANIC as i32
        }
    }
}

/// Does something without a client.
pub(crate) fn guard(call: impl FnOnce() -> Result<(), Code>) -> i32 {
    catch_unwind(AssertUnwindSafe(call)).map_or_else(
        |fault| {
            discard(fault);
            adit_error::ADIT_E_PANIC as i32
        },
        Code::of,
    )
}

/// Drops something that may panic in it.
fn discard<T>(value: T) {
    if let Err(fault) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // What a panic carries may panic as well. It is a few bytes, once.
        forget(fault);
    }
}

impl From<Refusal> for Code {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Wrong => adit_error::ADIT_E_HANDLE.into(),
            Refusal::InUse => adit_error::ADIT_E_IN_USE.into(),
        }
    }
}

/// All clients of this process.
pub(crate) static CLIENTS: Table<Box<Entry>, CLIENTS_MAX> = Table::new();
/// Clients that a process may have.
const CLIENTS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    struct Touchy;

    impl Drop for Touchy {
        fn drop(&mut self) {
            panic!("dropping panics too");
        }
    }

    #[test]
    fn a_panic_is_a_code() {
        assert_eq!(guard(|| panic!("a fault")), 190);
        assert_eq!(guard(|| std::panic::panic_any(Touchy)), 190, "what it carries panics when dropped");
        assert_eq!(guard(|| Err(adit_error::ADIT_E_NULL.into())), 140);
        assert_eq!(guard(|| Ok(())), 0);
    }

    #[test]
    fn a_panic_closes_the_client_that_it_happened_to() {
        let table = Table::<Touchy, 2>::new();
        let (handle, other) = (table.reserve().unwrap().fill(Touchy), table.reserve().unwrap().fill(Touchy));
        assert_eq!(with_one_of(&table, handle, |_| Err(adit_error::ADIT_E_NULL.into())), 140);
        assert_eq!(with_one_of(&table, handle, |_| Ok(())), 0, "an error closes nothing");
        assert_eq!(with_one_of(&table, handle, |_| panic!("a fault")), 190, "dropping it panics too");
        assert_eq!(with_one_of(&table, handle, |_| Ok(())), 141);
        assert_eq!(with_one_of(&table, other, |_| Ok(())), 0, "others go on");
        assert!(table.reserve().is_some(), "its slot is free again");
        forget(table);
    }
}
