//! Results that the library owns until they are freed.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use ::adit_client::{Items, Value};

use crate::errors::{Code, adit_error};
use crate::memory::Out;

/// A value. What a function wrote here is freed with `adit_value_free`, also after a failure, when there is nothing.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct adit_value {
    /// The bytes. They are the library's: read them until they are freed.
    pub data: *const u8,
    /// How many there are.
    pub len: usize,
    /// The version of the key.
    pub version: u64,
    /// When the key expires, in milliseconds since 1970; 0 for never.
    pub expiry_ms: u64,
    /// What the library frees. NULL if the bytes are the caller's.
    pub owner: *mut c_void,
}

/// One of several values or keys.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct adit_item {
    /// The bytes, NULL if the key does not exist. They are the library's.
    pub data: *const u8,
    /// How many there are.
    pub len: usize,
}

/// Several values or keys. What a function wrote here is freed with `adit_values_free`, also after a failure, when there is
/// nothing.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct adit_values {
    /// How many there are.
    pub count: usize,
    /// The items. They are the library's: read them until they are freed.
    pub items: *const adit_item,
    /// What the library frees.
    pub owner: *mut c_void,
}

/// What is known of a value beside its bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct adit_meta {
    /// The version of the key.
    pub version: u64,
    /// When the key expires, in milliseconds since 1970; 0 for never.
    pub expiry_ms: u64,
}

/// Frees a value, and makes it empty: NULL, an empty one and one that is freed already are left as they are. A copy of the
/// structure is not a second value. Does not block; any thread may do it, also after the client is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_value_free(value: *mut adit_value) {
    // SAFETY: the caller of C has a value there that a function of this library wrote, or NULL.
    let Ok(place) = (unsafe { Out::new(value) }) else { return };
    // SAFETY: as above.
    let value = unsafe { place.replace(adit_value::EMPTY) };
    if !value.owner.is_null() {
        // SAFETY: an owner that is not null was made by `adit_value::give`; it is freed once, since it was just removed.
        drop(unsafe { Box::from_raw(value.owner.cast::<Owner>()) });
    }
}

/// The same for several.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adit_values_free(values: *mut adit_values) {
    // SAFETY: the caller of C has values there that a function of this library wrote, or NULL.
    let Ok(place) = (unsafe { Out::new(values) }) else { return };
    // SAFETY: as above.
    let values = unsafe { place.replace(adit_values::EMPTY) };
    if !values.owner.is_null() {
        // SAFETY: an owner that is not null was made by `adit_values::give`; it is freed once, since it was just removed.
        drop(unsafe { Box::from_raw(values.owner.cast::<OwnerOfItems>()) });
    }
}

/// What keeps the bytes of an [`adit_value`].
enum Owner {
    Value(Value),
    Text(String),
}

/// What keeps the items of [`adit_values`], and their bytes.
struct OwnerOfItems {
    _list: Vec<adit_item>,
    _bytes: Items,
}

impl adit_value {
    pub(crate) const EMPTY: Self = Self { data: null(), len: 0, version: 0, expiry_ms: 0, owner: null_mut() };

    /// A value that the caller has to free.
    pub(crate) fn give(value: Value) -> Self {
        let adit_meta { version, expiry_ms } = adit_meta::of(&value);
        Self { version, expiry_ms, ..Self::own(Owner::Value(value)) }
    }

    /// The same of a text.
    pub(crate) fn give_text(text: String) -> Self {
        Self::own(Owner::Text(text))
    }

    fn own(owner: Owner) -> Self {
        // The bytes lie on the heap, and stay there when their owner moves.
        let bytes = match &owner {
            Owner::Value(value) => value.bytes(),
            Owner::Text(text) => text.as_bytes(),
        };
        let (data, len) = (bytes.as_ptr(), bytes.len());
        Self { data, len, owner: Box::into_raw(Box::new(owner)).cast(), ..Self::EMPTY }
    }
}

impl adit_values {
    pub(crate) const EMPTY: Self = Self { count: 0, items: null(), owner: null_mut() };

    /// Values that the caller has to free.
    pub(crate) fn give(bytes: Items) -> Result<Self, Code> {
        let mut list = Vec::new();
        // Sixteen bytes for each of up to 262,144: a process that is short of memory is told so.
        list.try_reserve_exact(bytes.iter().count()).map_err(|_| adit_error::ADIT_E_REPLY_TOO_LONG)?;
        list.extend(bytes.iter().map(adit_item::of));
        let (count, items) = (list.len(), list.as_ptr());
        let owner = Box::new(OwnerOfItems { _list: list, _bytes: bytes });
        Ok(Self { count, items, owner: Box::into_raw(owner).cast() })
    }
}

impl adit_item {
    fn of(bytes: Option<&[u8]>) -> Self {
        bytes.map_or(Self { data: null(), len: 0 }, |bytes| Self { data: bytes.as_ptr(), len: bytes.len() })
    }
}

impl adit_meta {
    pub(crate) fn of(value: &Value) -> Self {
        Self { version: value.version, expiry_ms: value.expiry_ms.unwrap_or(0) }
    }
}
