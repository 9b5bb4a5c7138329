"""Values as binary files."""

from __future__ import annotations

import contextlib
import io
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from adit._abi import ffi
from adit._errors import CONDITION_FAILED, AditError
from adit._library import check, error, lib, view
from adit._values import expiry

if TYPE_CHECKING:
    from typing_extensions import Buffer, Self

    from adit._client import Client

STREAM_BYTES = 1 << 20


class Readable(Protocol):
    """What `put_file` reads from."""

    def read(self, size: int, /) -> bytes:
        """Reads up to so many bytes; none at the end."""
        ...


class Writable(Protocol):
    """What `get_file` writes to."""

    def write(self, data: memoryview, /) -> int | None:
        """Writes bytes, and says how many; None is all."""
        ...


class ValueReader(io.RawIOBase):
    """A value that is read from its start to its end; the `raw` of what `Client.open` gives.

    Attributes:
        length: Bytes of the value.
        version: The version of the key.
        expires_at: When the key expires, in seconds since 1970; None for never.
    """

    def __init__(self, client: Client, key: bytes, bucket: int) -> None:
        super().__init__()
        self._client = client
        self._stream = 0
        stream, length, meta = ffi.new("uint64_t *"), ffi.new("uint64_t *"), ffi.new("struct adit_meta *")
        check(client._call(lib.adit_read_begin, bucket, key, len(key), stream, length, meta))
        self._stream = int(stream[0])
        self._offset = 0
        self.length = int(length[0])
        self.version = int(meta.version)
        self.expires_at = expiry(meta.expiry_ms)

    def __repr__(self) -> str:
        return f"<adit.ValueReader of {self.length} bytes>"

    def readable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How many bytes were read."""
        self._check_open()
        return self._offset

    def readinto(self, buffer: Buffer, /) -> int:
        """Reads into a buffer, and says how many bytes; 0 at the end. May be fewer than there is room for."""
        self._check_open()
        room, count = ffi.from_buffer(buffer, require_writable=True), ffi.new("size_t *")
        if self._offset < self.length and len(room):
            check(self._client._call(lib.adit_read, self._stream, room, len(room), count))
            self._offset += int(count[0])
        return int(count[0])

    def readall(self) -> bytes:
        """Reads all that is left."""
        self._check_open()
        data = memoryview(bytearray(self.length - self._offset))
        start = 0
        while start < len(data):
            start += self.readinto(data[start : start + STREAM_BYTES])
        return bytes(data)

    def close(self) -> None:
        """Ends reading, wherever it is."""
        stream, self._stream = self._stream, 0
        abort(self._client, stream)
        super().close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the file is closed")


class ValueWriter(io.BufferedIOBase):
    """A value that is written from its start to its end, and is there when it is closed.

    Until then the key has the value it had. If it is not closed, or an exception ends its `with`, nothing is written.

    Attributes:
        length: Bytes of the value.
        version: The version that was written; None before it is closed.
    """

    def __init__(self, client: Client, key: bytes, length: int, options: Any, bucket: int) -> None:
        super().__init__()
        self._client = client
        self._stream = 0
        self._offset = 0
        self.length = length
        self.version: int | None = None
        stream = ffi.new("uint64_t *")
        check(client._call(lib.adit_write_begin, bucket, key, len(key), length, options, stream))
        self._stream = int(stream[0])

    def __repr__(self) -> str:
        return f"<adit.ValueWriter of {self.length} bytes>"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abort()
        self.close()

    def __enter__(self) -> Self:
        return self

    def __del__(self) -> None:
        # Who wants the value to be written closes the file.
        with contextlib.suppress(Exception):
            self.abort()

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How many bytes were written."""
        self._check_open()
        return self._offset

    def write(self, data: Buffer, /) -> int:
        """Writes all of some bytes, and says how many they are.

        Raises:
            ValueError: They are more than the length has left; the value is not written.
        """
        self._check_open()
        piece = view(data)
        length = len(piece)
        if self._offset + length > self.length:
            self.abort()
            raise ValueError(f"the value is longer than {self.length} bytes, and is not written")
        for start in range(0, length, STREAM_BYTES):
            count = min(STREAM_BYTES, length - start)
            try:
                check(self._client._call(lib.adit_write, self._stream, piece + start, count))
            except AditError:
                self.abort()
                raise
            self._offset += count
        return length

    def abort(self) -> None:
        """Closes the file without writing the value."""
        stream, self._stream = self._stream, 0
        abort(self._client, stream)
        super().close()

    def close(self) -> None:
        """Writes the value.

        Raises:
            ConditionFailed: The condition does not hold.
            ValueError: Bytes are missing; the value is not written.
        """
        if self.closed:
            return
        if self._offset < self.length:
            self.abort()
            raise ValueError(f"{self._offset} of {self.length} bytes came, and the value is not written")
        stream, self._stream = self._stream, 0
        version = ffi.new("uint64_t *")
        super().close()
        code = self._client._call(lib.adit_write_end, stream, version)
        if code:
            raise error(code, version[0] if code == CONDITION_FAILED else 0)
        self.version = int(version[0])

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the file is closed")


def abort(client: Client, stream: int) -> None:
    """Ends a stream, if there is one; a client that is closed has none."""
    if stream:
        with contextlib.suppress(AditError):
            client._call(lib.adit_stream_abort, stream)


def send(file: Readable, out: ValueWriter) -> None:
    """Copies a file to a value."""
    while (left := out.length - out.tell()) > 0:
        piece = file.read(min(left, STREAM_BYTES))
        if not piece:
            raise EOFError(f"the file ended {left} bytes early, and the value is not written")
        out.write(piece)


def receive(value: ValueReader, file: Writable) -> None:
    """Copies a value to a file."""
    buffer = memoryview(bytearray(min(STREAM_BYTES, value.length)))
    while count := value.readinto(buffer):
        piece = buffer[:count]
        while piece:
            written = file.write(piece)
            piece = piece[len(piece) if written is None else written :]


def rest_of(file: object) -> int:
    """How many bytes a file has from where it is."""
    try:
        start: int = file.tell()  # type: ignore[attr-defined]
        end: int = file.seek(0, io.SEEK_END)  # type: ignore[attr-defined]
        file.seek(start)  # type: ignore[attr-defined]
    except (AttributeError, OSError) as fault:
        raise ValueError("the file cannot seek: pass its length in bytes") from fault
    return end - start
