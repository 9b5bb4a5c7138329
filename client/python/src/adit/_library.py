"""The C library, as it is called: arguments in, codes out. Nothing here knows a client."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from adit._abi import ffi
from adit._errors import AditError, error_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Bytes = Buffer
else:
    Bytes = Union[bytes, bytearray, memoryview]

Key = Union[str, Bytes]
Seconds = Union[float, timedelta]

lib: Any = ffi.dlopen(str(Path(__file__).with_name("libadit.so")))


def key_bytes(key: Key) -> bytes:
    """The bytes of a key."""
    if isinstance(key, bytes):
        return key
    return key.encode() if isinstance(key, str) else bytes(memoryview(key))


def view(value: Bytes) -> Any:
    """The memory of a value, which stays where it is as long as this lives."""
    if isinstance(value, str):
        raise TypeError("values are bytes: encode the str first, as with .encode()")
    return ffi.from_buffer(value)


def milliseconds(seconds: Seconds, what: str, most: float) -> int:
    """A time for the library."""
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    if not 0 < seconds <= most:
        raise ValueError(f"a {what} is more than 0 and at most {most:.0f} seconds, not {seconds}")
    return math.ceil(seconds * 1000)


def time_to_live(seconds: Seconds | None) -> int:
    """Milliseconds; 0 is for ever."""
    return 0 if seconds is None else milliseconds(seconds, "time to live", _TTL_MAX)


def text(code: int) -> str:
    """What a code means, and what to do about it."""
    words: bytes = ffi.string(lib.adit_error_text(code))
    return words.decode()


def error(code: int, version: int = 0) -> AditError:
    """The exception of a code."""
    return error_of(code, text(code), version)


def check(code: int) -> None:
    """Raises what a code says."""
    if code:
        raise error(code)


# 100,000 years: as milliseconds since 1970 still far below what 64 bits hold.
_TTL_MAX = 100_000 * 366 * 86_400
