"""The client of Adit: key-value requests whose writes are applied exactly once, over UDP or TCP.

with adit.connect("127.0.0.1:7400") as client:
    client.put("greeting", b"hello")
    print(client.get("greeting"))
"""

from adit._client import Client, Transport, connect
from adit._errors import (
    AditError,
    Busy,
    CallerError,
    ClosedError,
    ConditionFailed,
    DeviceError,
    LibraryError,
    NotAnInteger,
    NotFound,
    OutOfMemory,
    Overflow,
    StateError,
    UncertainError,
    UnreachableError,
)
from adit._library import Bytes, Key, Seconds
from adit._pipeline import Pending, Pipeline
from adit._streams import ValueReader, ValueWriter
from adit._values import Value

__all__ = [
    "AditError",
    "Busy",
    "Bytes",
    "CallerError",
    "Client",
    "ClosedError",
    "ConditionFailed",
    "DeviceError",
    "Key",
    "LibraryError",
    "NotAnInteger",
    "NotFound",
    "OutOfMemory",
    "Overflow",
    "Pending",
    "Pipeline",
    "Seconds",
    "StateError",
    "Transport",
    "UncertainError",
    "UnreachableError",
    "Value",
    "ValueReader",
    "ValueWriter",
    "connect",
]
