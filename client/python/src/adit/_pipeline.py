"""Operations that are under way together: submitted one after the other, answered in any order."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Generic, TypeVar, cast

from adit._abi import ffi
from adit._errors import CLOSED, NOT_FOUND, UNCERTAIN_CLOSED
from adit._library import Bytes, Key, Seconds, error, key_bytes, lib, time_to_live, view
from adit._values import Pairs, Value, keys_of, pairs_of, put_options, take_bytes, take_items, take_value

if TYPE_CHECKING:
    from typing_extensions import Self

    from adit._client import Client

T = TypeVar("T")


class Pending(Generic[T]):
    """The result of an operation of a pipeline, when it is there."""

    __slots__ = ("_client", "_error", "_is_write", "_read", "_value", "done")

    def __init__(self, client: Client, read: Callable[[Any], T], is_write: bool) -> None:
        self._client = client
        self._read = read
        self._is_write = is_write
        self._value: T | None = None
        self._error: Exception | None = None
        self.done = False

    def result(self) -> T:
        """The result; waits for it until the deadline.

        Raises:
            AditError: What the operation failed with.
        """
        self._client._wait(self)
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def _complete(self, completion: Any) -> None:
        """Takes its result."""
        code = int(completion.error)
        try:
            if code not in (0, NOT_FOUND):
                self._error = error(code, int(completion.number))
            else:
                self._value = self._read(completion)
        except Exception as fault:
            # Such as too little memory for the value: it is the caller of `result` who has to know.
            self._error = fault
        self.done = True

    def _abandon(self) -> None:
        """Its client is closed."""
        self._error = error(UNCERTAIN_CLOSED if self._is_write else CLOSED)
        self.done = True


class Pipeline:
    """Operations of a client that are under way together, as many at a time as its window allows.

    Each call begins one and gives its `Pending` result. Calls on different keys may be answered in any order, and two calls
    on one key may be applied in any order: wait for the first if that matters. `with` waits for all in the end, and raises
    the first error there is, unless the pipeline was made with `raise_errors=False`. If the block itself raises, what was
    begun in it is done or not.

    Values are copied when a call begins.
    """

    def __init__(self, client: Client, raise_errors: bool) -> None:
        self._client = client
        self._raise_errors = raise_errors
        self._all: list[Pending[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.results()

    def __len__(self) -> int:
        return len(self._all)

    def results(self) -> list[Any]:
        """Waits for all results, and gives them in the order of the calls.

        Raises:
            AditError: The first error; with `raise_errors=False` errors stand in the list instead.
        """
        for pending in self._all:
            self._client._wait(pending)
        errors = (pending._error for pending in self._all if pending._error is not None)
        first = next(errors, None)
        if first is not None and self._raise_errors:
            raise first
        return [pending._value if pending._error is None else pending._error for pending in self._all]

    def get(self, key: Key, bucket: int = 0) -> Pending[bytes | None]:
        """As `Client.get`."""
        name = key_bytes(key)
        return self._begin(_bytes, False, lib.adit_submit_get, bucket, name, len(name), ffi.NULL, 0)

    def get_value(self, key: Key, bucket: int = 0) -> Pending[Value | None]:
        """As `Client.get_value`."""
        name = key_bytes(key)
        return self._begin(_value, False, lib.adit_submit_get, bucket, name, len(name), ffi.NULL, 0)

    def take(self, key: Key, bucket: int = 0) -> Pending[bytes | None]:
        """As `Client.take`."""
        name = key_bytes(key)
        return self._begin(_bytes, True, lib.adit_submit_take, bucket, name, len(name))

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
    ) -> Pending[int]:
        """As `Client.put`."""
        options = put_options(ttl, keep_ttl, if_absent, if_present, if_version)
        name, data = key_bytes(key), view(value)
        arguments = (bucket, name, len(name), data, len(data), options)
        return self._begin(_number, True, lib.adit_submit_put, *arguments)

    def delete(self, key: Key, bucket: int = 0) -> Pending[bool]:
        """As `Client.delete`."""
        name = key_bytes(key)
        return self._begin(_found, True, lib.adit_submit_delete, bucket, name, len(name))

    def touch(self, key: Key, ttl: Seconds | None, bucket: int = 0) -> Pending[bool]:
        """As `Client.touch`."""
        name = key_bytes(key)
        return self._begin(_found, True, lib.adit_submit_touch, bucket, name, len(name), time_to_live(ttl))

    def add(self, key: Key, number: int = 1, bucket: int = 0) -> Pending[int]:
        """As `Client.add`."""
        name = key_bytes(key)
        return self._begin(_signed, True, lib.adit_submit_add, bucket, name, len(name), number)

    def append(self, key: Key, tail: Bytes, bucket: int = 0) -> Pending[int]:
        """As `Client.append`."""
        name, data = key_bytes(key), view(tail)
        return self._begin(_number, True, lib.adit_submit_append, bucket, name, len(name), data, len(data))

    def multi_get(self, keys: Iterable[Key], bucket: int = 0) -> Pending[list[bytes | None]]:
        """As `Client.multi_get`."""
        slices, count, _kept = keys_of(keys)
        return self._begin(_items, False, lib.adit_submit_multi_get, bucket, slices, count)

    def multi_put(self, values: Pairs, *, if_absent: bool = False, bucket: int = 0) -> Pending[None]:
        """As `Client.multi_put`."""
        pairs, count, _kept = pairs_of(values)
        return self._begin(_nothing, True, lib.adit_submit_multi_put, bucket, pairs, count, if_absent)

    def _begin(self, read: Callable[[Any], T], is_write: bool, function: Any, *arguments: Any) -> Pending[T]:
        pending = Pending(self._client, read, is_write)
        self._client._submit(pending, function, *arguments)
        self._all.append(pending)
        return pending


def _bytes(completion: Any) -> bytes | None:
    return None if completion.error else take_bytes(ffi.addressof(completion, "value"))


def _value(completion: Any) -> Value | None:
    return None if completion.error else take_value(ffi.addressof(completion, "value"))


def _found(completion: Any) -> bool:
    return not completion.error


def _number(completion: Any) -> int:
    return int(completion.number)


def _signed(completion: Any) -> int:
    return int(ffi.cast("int64_t", completion.number))


def _items(completion: Any) -> list[bytes | None]:
    return take_items(ffi.addressof(completion, "values"))


def _nothing(_completion: Any) -> None:
    return None
