"""A client of one server: calls that block until they are answered."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Literal, cast, overload

from adit._abi import ffi
from adit._errors import CLOSED, CONDITION_FAILED, FULL, NOT_FOUND, ConditionFailed, NotFound
from adit._library import (
    Bytes,
    Key,
    Seconds,
    check,
    error,
    key_bytes,
    lib,
    milliseconds,
    time_to_live,
    view,
)
from adit._pipeline import Pending, Pipeline
from adit._streams import (
    STREAM_BYTES,
    Readable,
    ValueReader,
    ValueWriter,
    Writable,
    receive,
    rest_of,
    send,
)
from adit._values import Pairs, Value, keys_of, pairs_of, put_options, take_bytes, take_items, take_value

if TYPE_CHECKING:
    from typing_extensions import Self

Transport = Literal["udp", "tcp"]


def connect(
    address: str = "127.0.0.1:7400",
    *,
    transport: Transport = "udp",
    password: str | None = None,
    tenant: str = "default",
    deadline: float = 5.0,
    window: int | None = None,
    frame_bytes: int | None = None,
    reply_bytes_max: int | None = None,
) -> Client:
    """Opens a session at a server.

    Args:
        address: Address and port of its first shard, which tells where the others are.
        transport: "udp", or "tcp" where a network does not let UDP through.
        password: What the server was given as its password.
        tenant: Today there is "default" only.
        deadline: Seconds that a call may take, this one too.
        window: Operations and files that are under way at a time, 1 to 1,024; a file needs room for two.
        frame_bytes: The longest datagram that is taken, 576 to 16,384.
        reply_bytes_max: The longest reply that is taken.

    Raises:
        UnreachableError: Nobody answers.
        CallerError: The server refuses tenant or password.
    """
    config = ffi.new("struct adit_config *")
    check(lib.adit_config_init(config))
    if transport not in _TRANSPORTS:
        raise ValueError(f'the transport is "udp" or "tcp", not {transport!r}')
    # The structure has the addresses of these, so they live until the call is over.
    texts = [_text(address, "address"), _text(tenant, "tenant"), _text(password or "", "password")]
    config.address, config.tenant, config.password = texts
    config.transport = _TRANSPORTS[transport]
    config.deadline_ms = milliseconds(deadline, "deadline", _DEADLINE_MAX)
    if window is not None:
        config.window = window
    if frame_bytes is not None:
        config.frame_bytes = frame_bytes
    if reply_bytes_max is not None:
        config.reply_bytes_max = reply_bytes_max
    handle = ffi.new("adit_client *")
    check(lib.adit_connect(config, handle))
    return Client(handle[0], config.deadline_ms / 1000)


class Client:
    """A client of one server, made by `connect`.

    Threads may share it: one call is made at a time, others wait for it, and Python runs meanwhile. Threads that are to
    wait for the server side by side have a client each. A process that was forked has to connect anew.

    Every call may raise any of the errors of this package but `NotFound`; what is said of a call is what it raises beyond
    that, or for reasons of its own.
    """

    def __init__(self, handle: int, deadline: float) -> None:
        self._handle = handle
        self._deadline = deadline
        # Reentrant: a finalizer may run, and make a call, in a thread that is about to make one.
        self._lock = threading.RLock()
        # What was submitted, by its tag; completions come in blocks, of which those up to `_next` were given away.
        self._waiting: dict[int, Pending[Any]] = {}
        self._last_tag = 0
        self._completions = ffi.new("struct adit_completion[]", _COMPLETIONS)
        self._count = ffi.new("size_t *")
        self._next = 0
        _clients.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # While the interpreter ends, anything may be gone.
        with contextlib.suppress(Exception):
            self.close()

    def __repr__(self) -> str:
        return f"<adit.Client {'open' if self._handle else 'closed'}>"

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return not self._handle

    def close(self) -> None:
        """Ends the session; waits for the server for a second at most. A closed client may be closed again."""
        with self._lock:
            handle, self._handle = self._handle, 0
            if handle:
                lib.adit_close(handle)
                self._give()
            while self._waiting:
                self._waiting.popitem()[1]._abandon()

    def get(self, key: Key, bucket: int = 0) -> bytes | None:
        """The value of a key; None if it does not exist."""
        value = self.get_value(key, bucket)
        return None if value is None else value.data

    def get_value(self, key: Key, bucket: int = 0) -> Value | None:
        """The value of a key, with its version and expiry; None if it does not exist."""
        return self._value(lib.adit_get_value, key, bucket)

    def take(self, key: Key, bucket: int = 0) -> bytes | None:
        """Reads the value of a key and removes it; None if it does not exist."""
        value = self._value(lib.adit_take, key, bucket)
        return None if value is None else value.data

    def put(
        self,
        key: Key,
        value: Bytes,
        *,
        ttl: Seconds | None = None,
        keep_ttl: bool = False,
        if_absent: bool = False,
        if_present: bool = False,
        if_version: int | None = None,
        bucket: int = 0,
    ) -> int:
        """Writes the value of a key.

        Args:
            key: The key, up to 64 KiB.
            value: Any bytes, up to 512 MiB.
            ttl: The key expires after so many seconds; without it never.
            keep_ttl: The key keeps the expiry that it has.
            if_absent: Only if the key does not exist.
            if_present: Only if the key exists.
            if_version: Only if the key has this version.
            bucket: 0 to 15.

        Returns:
            The version that was written.

        Raises:
            ConditionFailed: The condition does not hold; with the version that the key has.
        """
        options = put_options(ttl, keep_ttl, if_absent, if_present, if_version)
        name, data, version = key_bytes(key), view(value), ffi.new("uint64_t *")
        code = self._call(lib.adit_put, bucket, name, len(name), data, len(data), options, version)
        if code:
            raise error(code, version[0] if code == CONDITION_FAILED else 0)
        return int(version[0])

    def update(
        self, key: Key, function: Callable[[bytes | None], Bytes | None], bucket: int = 0
    ) -> int | None:
        """Changes a value by compare-and-swap.

        Reads it, calls `function` with it (None without the key), and writes what that gives if nobody wrote meanwhile;
        else begins again, so `function` may be called several times. The key keeps its expiry.

        Returns:
            The version that was written; None if `function` gave None, and nothing was.

        Raises:
            ConditionFailed: Others were faster each time, until the deadline.
        """
        until = time.monotonic() + self._deadline
        while True:
            old = self.get_value(key, bucket)
            new = function(None if old is None else old.data)
            if new is None:
                return None
            try:
                if old is None:
                    return self.put(key, new, if_absent=True, bucket=bucket)
                return self.put(key, new, if_version=old.version, keep_ttl=True, bucket=bucket)
            except ConditionFailed:
                if time.monotonic() > until:
                    raise

    def delete(self, key: Key, bucket: int = 0) -> bool:
        """Removes a key. Says whether it was there."""
        name = key_bytes(key)
        return self._found(self._call(lib.adit_delete, bucket, name, len(name)))

    def touch(self, key: Key, ttl: Seconds | None, bucket: int = 0) -> bool:
        """Lets a key expire after so many seconds, or never with None. Says whether it was there."""
        name = key_bytes(key)
        return self._found(self._call(lib.adit_touch, bucket, name, len(name), time_to_live(ttl)))

    def add(self, key: Key, number: int = 1, bucket: int = 0) -> int:
        """Adds to the decimal number that the value is, 0 without the key.

        Returns:
            The sum.

        Raises:
            NotAnInteger: The value is no decimal number of 64 bits.
            Overflow: The sum does not fit 64 bits.
        """
        name, total = key_bytes(key), ffi.new("int64_t *")
        check(self._call(lib.adit_add, bucket, name, len(name), number, total))
        return int(total[0])

    def append(self, key: Key, tail: Bytes, bucket: int = 0) -> int:
        """Adds bytes at the end of a value. Gives its new length in bytes."""
        name, data, length = key_bytes(key), view(tail), ffi.new("uint64_t *")
        check(self._call(lib.adit_append, bucket, name, len(name), data, len(data), length))
        return int(length[0])

    def multi_get(self, keys: Iterable[Key], bucket: int = 0) -> list[bytes | None]:
        """The values of keys at one moment, in their order; None for those that do not exist.

        Raises:
            CallerError: There are no keys, or they have more than 1 MiB, or their values more than 64 MiB.
        """
        slices, count, _kept = keys_of(keys)
        values = ffi.new("struct adit_values *")
        check(self._call(lib.adit_multi_get, bucket, slices, count, values))
        return take_items(values)

    def multi_put(self, values: Pairs, *, if_absent: bool = False, bucket: int = 0) -> None:
        """Writes values at one moment.

        Args:
            values: The values by their keys, or pairs of both.
            if_absent: Nothing is written if any of the keys exists.
            bucket: 0 to 15.

        Raises:
            ConditionFailed: With `if_absent`, one of the keys exists.
            CallerError: There are no keys, or keys and values have more than 1 MiB.
        """
        pairs, count, _kept = pairs_of(values)
        check(self._call(lib.adit_multi_put, bucket, pairs, count, if_absent))

    def scan(self, bucket: int = 0) -> Iterator[bytes]:
        """The keys of a bucket, in no order: at least those that exist from the first to the last, some perhaps twice."""
        for shard in range(self.shard_count):
            cursor, is_done = 0, False
            while not is_done:
                following, keys = ffi.new("uint64_t *"), ffi.new("struct adit_values *")
                check(self._call(lib.adit_scan, bucket, shard, cursor, _SCAN_KEYS, following, keys))
                cursor = int(following[0])
                is_done = cursor == 0
                yield from (key for key in take_items(keys) if key is not None)

    @property
    def shard_count(self) -> int:
        """Number of shards."""
        count = ffi.new("uint16_t *")
        check(self._call(lib.adit_shard_count, count))
        return int(count[0])

    def stats(self, shard: int = 0) -> dict[str, int]:
        """The counters of a shard."""
        lines = ffi.new("struct adit_value *")
        check(self._call(lib.adit_stats, shard, lines))
        pairs = (line.split() for line in take_bytes(lines).decode().splitlines())
        return {name: int(number) for name, number in pairs}

    def pipeline(self, *, raise_errors: bool = True) -> Pipeline:
        """Operations that are under way together: see `Pipeline`."""
        return Pipeline(self, raise_errors)

    def put_file(
        self,
        key: Key,
        file: Readable,
        length: int | None = None,
        *,
        ttl: Seconds | None = None,
        keep_ttl: bool = False,
        if_absent: bool = False,
        if_present: bool = False,
        if_version: int | None = None,
        bucket: int = 0,
    ) -> int:
        """Writes what a binary file has from where it is, and no more than a piece of it is in memory at a time.

        Args:
            key: The key.
            file: Anything with a `read`.
            length: Bytes to read from it; may be left out if it can seek, and is read to its end.
            ttl: As of `put`, and so on.
            keep_ttl: As of `put`.
            if_absent: As of `put`.
            if_present: As of `put`.
            if_version: As of `put`.
            bucket: 0 to 15.

        Returns:
            The version that was written.

        Raises:
            ConditionFailed: The condition does not hold.
            EOFError: The file has fewer bytes; nothing was written.
        """
        options = put_options(ttl, keep_ttl, if_absent, if_present, if_version)
        length = rest_of(file) if length is None else length
        with ValueWriter(self, key_bytes(key), length, options, bucket) as out:
            send(file, out)
        return cast("int", out.version)

    def get_file(self, key: Key, file: Writable, bucket: int = 0) -> int | None:
        """Writes the value of a key to a binary file, and no more than a piece of it is in memory at a time.

        Args:
            key: The key.
            file: Anything with a `write`. If the call fails, it has a part of the value.
            bucket: 0 to 15.

        Returns:
            The length of the value in bytes; None if the key does not exist.
        """
        try:
            value = ValueReader(self, key_bytes(key), bucket)
        except NotFound:
            return None
        with value:
            receive(value, file)
        return value.length

    @overload
    def open(self, key: Key, mode: Literal["rb"] = "rb", *, bucket: int = 0) -> io.BufferedReader: ...

    @overload
    def open(
        self,
        key: Key,
        mode: Literal["wb"],
        *,
        length: int,
        ttl: Seconds | None = None,
        keep_ttl: bool = False,
        if_absent: bool = False,
        if_present: bool = False,
        if_version: int | None = None,
        bucket: int = 0,
    ) -> ValueWriter: ...

    def open(
        self,
        key: Key,
        mode: Literal["rb", "wb"] = "rb",
        *,
        length: int | None = None,
        ttl: Seconds | None = None,
        keep_ttl: bool = False,
        if_absent: bool = False,
        if_present: bool = False,
        if_version: int | None = None,
        bucket: int = 0,
    ) -> io.BufferedReader | ValueWriter:
        """A value as a binary file, of which no more than a piece is in memory at a time.

        Other calls may be made while the file is open, a few hundred at most. A shard gives up a value of which it hears
        nothing for 60 seconds, with an `UnreachableError`: begin again.

        Args:
            key: The key.
            mode: "rb" to read the value, "wb" to write it. It is written when the file is closed, and not at all
                if an exception ends the `with` of the file.
            length: Of "wb": bytes of the value.
            ttl: Of "wb", as of `put`, and so on.
            keep_ttl: Of "wb", as of `put`.
            if_absent: Of "wb", as of `put`.
            if_present: Of "wb", as of `put`.
            if_version: Of "wb", as of `put`.
            bucket: 0 to 15.

        Raises:
            NotFound: The key that is to be read does not exist.
        """
        if mode == "rb":
            return io.BufferedReader(ValueReader(self, key_bytes(key), bucket), STREAM_BYTES)
        if mode != "wb":
            raise ValueError(f'the mode is "rb" or "wb", not {mode!r}')
        if length is None:
            raise TypeError("a value is written with its length in bytes")
        options = put_options(ttl, keep_ttl, if_absent, if_present, if_version)
        return ValueWriter(self, key_bytes(key), length, options, bucket)

    def _value(self, function: Any, key: Key, bucket: int) -> Value | None:
        name, value = key_bytes(key), ffi.new("struct adit_value *")
        if not self._found(self._call(function, bucket, name, len(name), value)):
            return None
        return take_value(value)

    @staticmethod
    def _found(code: int) -> bool:
        if code == NOT_FOUND:
            return False
        check(code)
        return True

    def _call(self, function: Any, *arguments: Any) -> int:
        """Calls the library, which lets other threads of Python run meanwhile, but takes one call of a client at a time."""
        with self._lock:
            if not self._handle:
                raise error(CLOSED)
            return int(function(self._handle, *arguments))

    def _submit(self, pending: Pending[Any], function: Any, *arguments: Any) -> None:
        """Begins an operation; makes room for it first if the window is full."""
        with self._lock:
            self._last_tag += 1
            tag = self._last_tag
            # Before the call: whatever interrupts it, what was submitted has a place to go to.
            self._waiting[tag] = pending
            while (code := self._call(function, *arguments, tag)) == FULL:
                self._poll()
            if code:
                del self._waiting[tag]
                raise error(code)

    def _wait(self, pending: Pending[Any]) -> None:
        """Waits for the result of an operation."""
        while not pending.done:
            with self._lock:
                if not pending.done:
                    self._poll()

    def _poll(self) -> None:
        """Waits until something is complete, and gives it away."""
        self._give()
        self._next = 0
        check(self._call(lib.adit_poll, self._completions, _COMPLETIONS, -1, self._count))
        self._give()

    def _give(self) -> None:
        """Gives completions to those who wait. An interrupt may come anywhere in here: the next call goes on there."""
        while self._next < self._count[0]:
            completion = self._completions[self._next]
            pending = self._waiting.get(completion.tag)
            if pending is not None and not pending.done:
                pending._complete(completion)
            self._waiting.pop(completion.tag, None)
            self._next += 1


def _text(text: str, what: str) -> Any:
    """A string of C."""
    encoded = text.encode()
    if b"\0" in encoded:
        raise ValueError(f"a {what} has no zero byte in it")
    return ffi.new("char[]", encoded)


def _forget() -> None:
    """In the child of a fork: sockets and session are those of the parent, who goes on with them."""
    for client in list(_clients):
        client._handle = 0
        # Another thread may have held it, which the child does not have.
        client._lock = threading.RLock()


_clients: weakref.WeakSet[Client] = weakref.WeakSet()
os.register_at_fork(after_in_child=_forget)

_TRANSPORTS = {"udp": 0, "tcp": 1}
_COMPLETIONS = 64
_SCAN_KEYS = 256
# What 32 bits hold in milliseconds.
_DEADLINE_MAX = 4_294_967
