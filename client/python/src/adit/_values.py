"""Values and lists of them, on their way into the library and out of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Union

from adit._abi import ffi
from adit._library import Bytes, Key, Seconds, key_bytes, lib, time_to_live, view

Pairs = Union[Mapping[str, Bytes], Mapping[bytes, Bytes], Iterable[tuple[Key, Bytes]]]


@dataclass(frozen=True)
class Value:
    """A value with what is known of its key.

    Attributes:
        data: The bytes.
        version: The version of the key, which every write and every change of its expiry raises.
        expires_at: When the key expires, in seconds since 1970 as `time.time()` has them; None for never.
    """

    data: bytes
    version: int
    expires_at: float | None


def take_value(value: Any) -> Value:
    """Copies a value that the library owns, and frees it."""
    version, expires_at = int(value.version), expiry(value.expiry_ms)
    return Value(take_bytes(value), version, expires_at)


def take_bytes(value: Any) -> bytes:
    """The same, of its bytes only."""
    try:
        return bytes(ffi.buffer(value.data, value.len))
    finally:
        lib.adit_value_free(value)


def take_items(values: Any) -> list[bytes | None]:
    """The same of several."""
    try:
        items = values.items[0 : values.count] if values.count else ()
        return [bytes(ffi.buffer(item.data, item.len)) if item.data else None for item in items]
    finally:
        lib.adit_values_free(values)


def expiry(expiry_ms: int) -> float | None:
    """When a key expires, in seconds since 1970."""
    return int(expiry_ms) / 1000 if expiry_ms else None


def put_options(
    ttl: Seconds | None, keep_ttl: bool, if_absent: bool, if_present: bool, if_version: int | None
) -> Any:
    """When a value is written, and when it expires."""
    if if_absent + if_present + (if_version is not None) > 1:
        raise ValueError("a put has one condition: if_absent, if_present or if_version")
    if ttl is not None and keep_ttl:
        raise ValueError("a put has a ttl or keeps that of the key, not both")
    options = ffi.new("struct adit_put_options *")
    options.size = ffi.sizeof("struct adit_put_options")
    if if_absent:
        options.condition = lib.ADIT_IF_ABSENT
    elif if_present:
        options.condition = lib.ADIT_IF_PRESENT
    elif if_version is not None:
        options.condition, options.version = lib.ADIT_IF_VERSION, if_version
    if keep_ttl:
        options.expiry = lib.ADIT_KEEP
    elif ttl is not None:
        options.expiry, options.ttl_ms = lib.ADIT_AFTER_MS, time_to_live(ttl)
    return options


def keys_of(keys: Iterable[Key]) -> tuple[Any, int, object]:
    """A list of keys, how many they are, and what keeps their bytes where they are."""
    if isinstance(keys, (str, bytes)):
        raise TypeError("this is one key, not several")
    kept = [ffi.from_buffer(key_bytes(key)) for key in keys]
    slices = ffi.new("struct adit_slice[]", len(kept))
    for index, data in enumerate(kept):
        slices[index].data, slices[index].len = data, len(data)
    return slices, len(kept), kept


def pairs_of(values: Pairs) -> tuple[Any, int, object]:
    """The same of pairs."""
    listed: Iterable[tuple[Key, Bytes]] = values.items() if isinstance(values, Mapping) else values
    kept = [(ffi.from_buffer(key_bytes(key)), view(value)) for key, value in listed]
    pairs = ffi.new("struct adit_pair[]", len(kept))
    for index, (key, data) in enumerate(kept):
        pairs[index].key, pairs[index].key_len = key, len(key)
        pairs[index].value, pairs[index].value_len = data, len(data)
    return pairs, len(kept), kept
