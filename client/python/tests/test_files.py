"""Values as files."""

from __future__ import annotations

import gc
import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Server

import adit

LARGE = 32 << 20


def contents(length: int) -> bytes:
    """Bytes of which no two MiB are the same."""
    blocks = (hashlib.sha256(number.to_bytes(8, "little")).digest() for number in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def test_a_large_value_from_file_to_file(client: adit.Client, key: bytes, tmp_path: Path) -> None:
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(contents(LARGE))
    with source.open("rb") as file:
        version = client.put_file(key, file)
    value = client.get_value(key)
    assert value is not None
    assert (value.version, value.data == source.read_bytes()) == (version, True)
    with copy.open("wb") as file:
        assert client.get_file(key, file) == LARGE
    assert copy.read_bytes() == source.read_bytes()


def test_put_file_goes_on_where_the_file_is(client: adit.Client, key: bytes) -> None:
    file = io.BytesIO(b"skipped, and this")
    file.seek(9)
    client.put_file(key, file)
    assert client.get(key) == b"and this"
    file.seek(0)
    client.put_file(key, file, length=7, ttl=100)
    value = client.get_value(key)
    assert value is not None
    assert (value.data, value.expires_at is None) == (b"skipped", False)
    assert file.tell() == 7
    client.put_file(key, io.BytesIO())
    assert client.get(key) == b""


def test_files_that_are_not_what_they_seem(client: adit.Client, key: bytes) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"from a pipe")
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        with pytest.raises(ValueError, match="length"):
            client.put_file(key, pipe)
        client.put_file(key, pipe, length=11)
    assert client.get(key) == b"from a pipe"
    with pytest.raises(EOFError):
        client.put_file(key, io.BytesIO(b"short"), length=6)
    assert client.get(key) == b"from a pipe", "a file that ended early was not written"
    assert client.get_file("nobody", io.BytesIO()) is None
    with pytest.raises(TypeError):
        client.put_file(key, io.StringIO("text"), length=2)  # type: ignore[arg-type]
    assert client.get(key) == b"from a pipe"


def test_reading_as_a_file(client: adit.Client, key: bytes) -> None:
    value = contents(3_000_000)
    version = client.put(key, value, ttl=100)
    with client.open(key, "rb") as file:
        assert (file.readable(), file.writable(), file.seekable()) == (True, False, False)
        assert file.read(10) == value[:10]
        assert client.get("nobody") is None, "other calls go on meanwhile"
        assert file.read(2_000_000) == value[10:2_000_010]
        room = bytearray(500)
        assert file.readinto(room) == 500
        assert room == value[2_000_010:2_000_510]
        assert file.read() == value[2_000_510:]
        assert file.read(1) == b""
        raw = file.raw
        assert isinstance(raw, adit.ValueReader)
        assert (raw.length, raw.version, raw.expires_at is None) == (3_000_000, version, False)
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        file.read(1)
    with client.open(key) as file:
        assert file.read(1) == value[:1]
    with pytest.raises(adit.NotFound) as missing:
        client.open("nobody")
    assert missing.value.code == 248


def test_writing_as_a_file(client: adit.Client, key: bytes) -> None:
    value = contents(3_000_000)
    with client.open(key, "wb", length=len(value), ttl=100) as file:
        assert (file.readable(), file.writable(), file.seekable()) == (False, True, False)
        for start in range(0, len(value), 70_001):
            part = memoryview(value)[start : start + 70_001]
            assert file.write(part) == len(part)
        assert client.get(key) is None, "it is not there before the end"
        assert file.tell() == len(value)
    got = client.get_value(key)
    assert got is not None
    assert (got.data == value, got.version) == (True, file.version)
    assert got.expires_at is not None
    with pytest.raises(ValueError, match="closed"):
        file.write(b"late")


def test_what_is_not_written_to_its_end(client: adit.Client, key: bytes) -> None:
    client.put(key, b"before")
    with pytest.raises(ZeroDivisionError), client.open(key, "wb", length=100_000) as file:
        file.write(bytes(100_000))
        1 / 0  # noqa: B018
    with pytest.raises(ValueError, match="1 of 2 bytes"), client.open(key, "wb", length=2) as file:
        file.write(b"1")
    with pytest.raises(ValueError, match="longer"), client.open(key, "wb", length=2) as file:
        file.write(b"123")
    forgotten = client.open(key, "wb", length=100_000)
    forgotten.write(bytes(50_000))
    del forgotten
    gc.collect()
    assert client.get(key) == b"before"
    with client.open(key, "wb", length=5) as file:
        file.write(b"after")
    assert client.get(key) == b"after"


def test_conditions_of_files(client: adit.Client, key: bytes) -> None:
    with client.open(key, "wb", length=3, if_absent=True) as file:
        file.write(b"one")
    with (
        pytest.raises(adit.ConditionFailed) as there,
        client.open(key, "wb", length=3, if_absent=True) as file,
    ):
        file.write(b"two")
    assert there.value.version > 0
    assert client.get(key) == b"one"
    with pytest.raises(adit.CallerError), client.open(key, "wb", length=1 << 30) as file:
        file.write(b"")
    with pytest.raises(ValueError, match="mode"):
        client.open(key, "r")  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        client.open(key, "wb")  # type: ignore[call-overload]


def test_several_files_at_a_time(client: adit.Client, key: bytes) -> None:
    value = contents(1_000_000)
    names = [key + b"-%d" % number for number in range(4)]
    files = [client.open(name, "wb", length=len(value)) for name in names]
    for start in range(0, len(value), 100_000):
        for file in files:
            file.write(value[start : start + 100_000])
    for file in files:
        file.close()
    readers = [client.open(name) for name in names]
    for start in range(0, len(value), 100_000):
        for reader in readers:
            assert reader.read(100_000) == value[start : start + 100_000]
    for reader in readers:
        reader.close()


def test_files_of_a_client_that_is_closed(server: Server, key: bytes) -> None:
    client = server.connect()
    client.put(key, bytes(5 << 20))
    reader, writer = client.open(key), client.open(key, "wb", length=1)
    assert reader.read(1) == b"\0"
    client.close()
    with pytest.raises(adit.ClosedError):
        reader.read()
    with pytest.raises(adit.ClosedError):
        writer.write(b"1")
    reader.close()
    assert writer.closed


def test_little_is_in_memory(server: Server, transport: adit.Transport, key: bytes) -> None:
    program = f"""
import adit
client = adit.connect({server.address!r}, transport={transport!r}, deadline=60)
with open("/dev/zero", "rb") as zeros, open("/dev/null", "wb") as nowhere:
    client.put_file({key!r}, zeros, length=96 << 20)
    assert client.get_file({key!r}, nowhere) == 96 << 20
assert client.delete({key!r})
with open("/proc/self/status") as status:
    print(next(line for line in status if line.startswith("VmHWM:")).split()[1])
"""
    ended = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert int(ended.stdout) < 64 << 10, "KiB at most, Python itself included"
