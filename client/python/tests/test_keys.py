"""Calls on one key, and what they tell."""

from __future__ import annotations

import array
import time
from datetime import timedelta

import pytest
from conftest import Server

import adit


def test_a_value_comes_back(client: adit.Client, key: bytes) -> None:
    assert client.get(key) is None
    version = client.put(key, b"value")
    assert version > 0
    assert client.get(key) == b"value"
    assert client.get_value(key) == adit.Value(b"value", version, None)


@pytest.mark.parametrize("length", [0, 1, 1_400, 1_500, 70_000, 3_000_000])
def test_values_of_all_lengths(client: adit.Client, key: bytes, length: int) -> None:
    value = bytes(i % 251 for i in range(min(length, 1_000))).ljust(length, b"x")
    client.put(key, value)
    assert client.get(key) == value


def test_values_are_any_bytes(client: adit.Client, key: bytes) -> None:
    numbers = array.array("I", [1, 2, 3])
    for value in (bytearray(b"bytes"), memoryview(b"more bytes")[2:6], numbers, b"\0\xff"):
        client.put(key, value)
        assert client.get(key) == bytes(memoryview(value))
    with pytest.raises(TypeError, match="encode"):
        client.put(key, "text")  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError, BufferError)):
        client.put(key, memoryview(b"abcd")[::2])


def test_keys_are_text_or_bytes(client: adit.Client, key: bytes) -> None:
    client.put("grün" + key.decode(), b"text")
    assert client.get("grün".encode() + key) == b"text"
    assert client.get(bytearray("grün".encode() + key)) == b"text"
    client.put(b"", b"the empty key")
    assert client.take("") == b"the empty key"
    with pytest.raises(TypeError):
        client.get(7)  # type: ignore[arg-type]


def test_buckets_are_apart(client: adit.Client, key: bytes) -> None:
    client.put(key, b"zero")
    client.put(key, b"fifteen", bucket=15)
    assert client.get(key) == b"zero"
    assert client.get(key, 15) == b"fifteen"
    assert client.get(key, bucket=1) is None


def test_conditions(client: adit.Client, key: bytes) -> None:
    with pytest.raises(adit.ConditionFailed) as absent:
        client.put(key, b"1", if_present=True)
    assert (absent.value.version, absent.value.code) == (0, 249)
    first = client.put(key, b"1", if_absent=True)
    with pytest.raises(adit.ConditionFailed) as present:
        client.put(key, b"2", if_absent=True)
    assert present.value.version == first
    second = client.put(key, b"2", if_version=first)
    assert second > first
    with pytest.raises(adit.ConditionFailed) as late:
        client.put(key, b"3", if_version=first)
    assert late.value.version == second
    assert client.put(key, b"3", if_present=True) > second
    with pytest.raises(ValueError, match="one condition"):
        client.put(key, b"4", if_present=True, if_absent=True)


def test_expiry(client: adit.Client, key: bytes) -> None:
    client.put(key, b"value", ttl=100)
    value = client.get_value(key)
    assert value is not None
    assert value.expires_at == pytest.approx(time.time() + 100, abs=30)
    client.put(key, b"kept", keep_ttl=True)
    assert client.get_value(key) == adit.Value(b"kept", value.version + 1, value.expires_at)
    assert client.touch(key, None)
    assert client.put(key, b"ever") > value.version
    value = client.get_value(key)
    assert value is not None
    assert value.expires_at is None
    assert client.touch(key, timedelta(milliseconds=1))
    while client.get(key) is not None:
        time.sleep(0.001)
    assert not client.touch(key, 1)


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), 1e300, timedelta(0)])
def test_times_to_live_that_are_none(client: adit.Client, key: bytes, ttl: adit.Seconds) -> None:
    with pytest.raises(ValueError, match="time to live"):
        client.put(key, b"value", ttl=ttl)
    with pytest.raises(ValueError, match="ttl"):
        client.put(key, b"value", ttl=1, keep_ttl=True)


def test_delete_and_take(client: adit.Client, key: bytes) -> None:
    client.put(key, b"value")
    assert client.delete(key) is True
    assert client.delete(key) is False
    client.put(key, b"value")
    assert client.take(key) == b"value"
    assert client.take(key) is None


def test_add(client: adit.Client, key: bytes) -> None:
    assert client.add(key) == 1
    assert client.add(key, -3) == -2
    assert client.get(key) == b"-2"
    client.put(key, b"%d" % (2**63 - 1))
    with pytest.raises(adit.Overflow):
        client.add(key)
    client.put(key, b"words")
    with pytest.raises(adit.NotAnInteger) as words:
        client.add(key)
    assert words.value.code == 250
    with pytest.raises(OverflowError):
        client.add(key, 2**63)


def test_append(client: adit.Client, key: bytes) -> None:
    assert client.append(key, b"one") == 3
    assert client.append(key, memoryview(b" two")) == 7
    assert client.get(key) == b"one two"


def test_update(client: adit.Client, key: bytes) -> None:
    assert client.update(key, lambda old: old) is None
    client.update(key, lambda old: b"%d" % (int(old or 0) + 1))
    client.touch(key, 1_000)
    version = client.update(key, lambda old: b"%d" % (int(old or 0) + 1))
    value = client.get_value(key)
    assert value is not None
    assert (value.data, value.version) == (b"2", version)
    assert value.expires_at is not None
    calls = 0

    def disturbed(old: bytes | None) -> bytes:
        nonlocal calls
        calls += 1
        if calls < 3:
            client.put(key, b"%d" % (10 * calls))
        return (old or b"") + b"!"

    client.update(key, disturbed)
    assert (calls, client.get(key)) == (3, b"20!")


def test_an_update_has_a_deadline(server: Server, key: bytes) -> None:
    with server.connect(deadline=1) as client:

        def disturbed(_: bytes | None) -> bytes:
            client.add(key)
            return b"late"

        with pytest.raises(adit.ConditionFailed):
            client.update(key, disturbed)
