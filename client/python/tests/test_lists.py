"""Calls on several keys, and on shards."""

from __future__ import annotations

import pytest

import adit


def test_several_keys_on_all_shards(client: adit.Client, key: bytes) -> None:
    keys = [key + b"-%d" % number for number in range(100)]
    client.multi_put({name: name * 2 for name in keys})
    assert client.multi_get([keys[3], "nobody", keys[99]]) == [keys[3] * 2, None, keys[99] * 2]
    assert client.multi_get(iter(keys)) == [name * 2 for name in keys]
    client.multi_put([(keys[0], b""), (keys[1], bytearray(b"pairs"))])
    assert client.multi_get(keys[:2]) == [b"", b"pairs"]


def test_nothing_is_put_if_any_exists(client: adit.Client, key: bytes) -> None:
    pairs = {key + b"1": b"1", key + b"2": b"2"}
    client.put(key + b"2", b"there")
    with pytest.raises(adit.ConditionFailed):
        client.multi_put(pairs, if_absent=True)
    assert client.multi_get(pairs) == [None, b"there"]
    assert client.delete(key + b"2")
    client.multi_put(pairs, if_absent=True)
    assert client.multi_get(pairs) == [b"1", b"2"]


def test_lists_that_are_refused(client: adit.Client) -> None:
    with pytest.raises(adit.CallerError) as none:
        client.multi_get([])
    assert none.value.code == 106
    with pytest.raises(adit.CallerError):
        client.multi_put({})
    with pytest.raises(adit.CallerError) as long:
        client.multi_put({"key": bytes(1 << 20)})
    assert long.value.code == 121


def test_scan_finds_all_keys(client: adit.Client, key: bytes) -> None:
    keys = {key + b"-%d" % number for number in range(1_500)}
    with client.pipeline() as pipe:
        for name in keys:
            pipe.put(name, b"", bucket=7)
    assert keys <= set(client.scan(bucket=7))
    assert next(client.scan(bucket=14), None) is None


def test_shards_and_their_counters(client: adit.Client) -> None:
    assert client.shard_count == 2
    for shard in range(2):
        stats = client.stats(shard)
        assert all(isinstance(number, int) for number in stats.values())
        assert stats["NativeFrames"] > 0
    with pytest.raises(adit.CallerError) as missing:
        client.stats(2)
    assert missing.value.code == 103
