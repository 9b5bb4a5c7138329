"""Why a call failed, sorted by whose fault it is. The codes are those of the library and never change."""

from __future__ import annotations


class AditError(Exception):
    """Why a call failed.

    Attributes:
        code: Its number in every language: 1xx the caller's, 2xx the state's, 3xx uncertain, 4xx unreachable,
            5xx the device's.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[AditError], tuple[object, ...]]:
        """Exceptions travel between processes, with their code."""
        return type(self), (self.args[0], self.code)


class CallerError(AditError):
    """The caller asked for what cannot be done; nothing was done."""


class ClosedError(CallerError):
    """The client or the stream is closed."""


class StateError(AditError):
    """What is stored, or the state of the shard, does not allow it; nothing was done."""


class NotFound(StateError):
    """The key does not exist; of `open`. Other calls say it by what they return."""


class ConditionFailed(StateError):
    """The condition of a put does not hold.

    Attributes:
        version: The version that the key has; 0 if it does not exist, or if several were put.
    """

    def __init__(self, message: str, code: int, version: int = 0) -> None:
        super().__init__(message, code)
        self.version = version

    def __reduce__(self) -> tuple[type[AditError], tuple[object, ...]]:
        """As of every error, with the version."""
        return type(self), (self.args[0], self.code, self.version)


class NotAnInteger(StateError):
    """The value is not a decimal number of 64 bits."""


class Overflow(StateError):
    """The sum does not fit 64 bits."""


class OutOfMemory(StateError):
    """The memory of the shard is full."""


class Busy(StateError):
    """The shard refused to begin until the deadline had passed."""


class UncertainError(AditError):
    """A write may have been applied, once, or not at all: look before writing again."""


class UnreachableError(AditError):
    """There was no answer; nothing was done."""


class DeviceError(AditError):
    """The device of the shard failed: the write is not durable."""


class LibraryError(AditError):
    """The library found a fault of its own; the client cannot be used any more."""


def error_of(code: int, message: str, version: int = 0) -> AditError:
    """The exception of a code that is not 0."""
    if code == CONDITION_FAILED:
        return ConditionFailed(message, code, version)
    kind = _KINDS.get(code) or _FAULTS.get(code // 100, LibraryError)
    return kind(message, code)


FULL = 101
CLOSED = 102
NOT_FOUND = 248
CONDITION_FAILED = 249
UNCERTAIN_CLOSED = 303
_KINDS: dict[int, type[AditError]] = {
    CLOSED: ClosedError,
    141: ClosedError,
    190: LibraryError,
    NOT_FOUND: NotFound,
    250: NotAnInteger,
    251: Overflow,
    252: OutOfMemory,
    253: Busy,
}
_FAULTS: dict[int, type[AditError]] = {
    1: CallerError,
    2: StateError,
    3: UncertainError,
    4: UnreachableError,
    5: DeviceError,
}
