"""Many operations under way, from one thread and from several."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Server

import adit


def test_results_come_in_order(client: adit.Client, key: bytes) -> None:
    count = 5_000
    with client.pipeline() as pipe:
        for number in range(count):
            pipe.put(key + b"-%d" % number, b"%d" % number)
    assert len(pipe) == count
    assert all(version > 0 for version in pipe.results())
    with client.pipeline() as pipe:
        pending = [pipe.get(key + b"-%d" % number) for number in range(count + 1)]
    assert pipe.results() == [b"%d" % number for number in range(count)] + [None]
    assert pending[7].result() == b"7"


def test_every_operation(client: adit.Client, key: bytes) -> None:
    client.put(key + b"taken", b"taken")
    client.put(key + b"gone", b"gone")
    with client.pipeline() as pipe:
        put = pipe.put(key, b"value", ttl=100, if_absent=True)
        added = pipe.add(key + b"number", 5)
        appended = pipe.append(key + b"tail", b"tail")
        taken = pipe.take(key + b"taken")
        deleted = [pipe.delete(key + b"gone"), pipe.delete(key + b"never")]
    assert put.result() > 0
    assert (added.result(), appended.result(), taken.result()) == (5, 4, b"taken")
    assert [one.result() for one in deleted] == [True, False]
    with client.pipeline() as pipe:
        touched = pipe.touch(key, None)
        missing = pipe.touch(key + b"never", 1)
        values = pipe.multi_get([key + b"number", key + b"never"])
        pipe.multi_put({key + b"one": b"1", key + b"two": b"2"}, if_absent=True)
        assert touched.result()
        value = pipe.get_value(key)
    assert (touched.result(), missing.result()) == (True, False)
    assert values.result() == [b"5", None]
    assert client.multi_get([key + b"one", key + b"two"]) == [b"1", b"2"]
    got = value.result()
    assert got is not None
    assert (got.data, got.version > put.result()) == (b"value", True)


def test_large_values(client: adit.Client, key: bytes) -> None:
    values = [bytes([number]) * 1_000_000 for number in range(8)]
    with client.pipeline() as pipe:
        for number, value in enumerate(values):
            pipe.put(key + b"-%d" % number, value)
    with client.pipeline() as pipe:
        for number in range(8):
            pipe.get(key + b"-%d" % number)
    assert pipe.results() == values


def test_values_may_change_once_they_were_given(client: adit.Client, key: bytes) -> None:
    value = bytearray(b"first")
    with client.pipeline() as pipe:
        pipe.put(key, value)
        value[:] = b"later on"
    assert client.get(key) == b"first"


def test_a_result_is_there_before_the_end(client: adit.Client, key: bytes) -> None:
    pipe = client.pipeline()
    assert pipe.add(key).result() == 1
    assert client.add(key) == 2
    assert pipe.add(key).result() == 3
    assert pipe.results() == [1, 3]


def test_errors_of_a_pipeline(client: adit.Client, key: bytes) -> None:
    client.put(key, b"words")
    with pytest.raises(adit.NotAnInteger), client.pipeline() as pipe:
        pipe.add(key)
        pipe.add(key + b"other")
    assert client.get(key + b"other") == b"1"
    with client.pipeline(raise_errors=False) as pipe:
        failed = pipe.put(key, b"", if_absent=True)
        pipe.get(key)
    error, value = pipe.results()
    assert isinstance(error, adit.ConditionFailed)
    assert (value, error.version > 0) == (b"words", True)
    with pytest.raises(adit.ConditionFailed):
        failed.result()
    with pytest.raises(adit.CallerError), client.pipeline() as pipe:
        pipe.get("key", bucket=99)
    with pytest.raises(ZeroDivisionError), client.pipeline() as pipe:
        pipe.add(key)
        1 / 0  # noqa: B018


def test_what_is_under_way_at_a_close(server: Server, key: bytes) -> None:
    client = server.connect()
    pipe = client.pipeline()
    read, written = pipe.get(key), pipe.put(key, b"")
    client.close()
    with pytest.raises(adit.ClosedError):
        read.result()
    with pytest.raises(adit.UncertainError):
        written.result()


def test_a_small_window(server: Server, transport: adit.Transport, key: bytes) -> None:
    with server.connect(transport=transport, window=4) as client:
        with client.pipeline() as pipe:
            for _ in range(100):
                pipe.add(key)
        assert sorted(pipe.results()) == list(range(1, 101))


def test_threads_share_a_client(client: adit.Client, key: bytes) -> None:
    start = threading.Barrier(8)

    def work(number: int) -> int:
        start.wait()
        for _ in range(100):
            client.add(key)
            client.update(key + b"swapped", lambda old: b"%d" % (int(old or 0) + 1))
        with client.pipeline() as pipe:
            for _ in range(300):
                pipe.add(key)
        return number

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))
    assert client.get(key) == b"%d" % (8 * 400)
    assert client.get(key + b"swapped") == b"800"


def test_threads_with_a_client_each(server: Server, key: bytes) -> None:
    def work(_: int) -> None:
        with server.connect() as client:
            for _ in range(200):
                client.add(key)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    with server.connect() as client:
        assert client.add(key, 0) == 1_600


def test_other_threads_run_while_one_waits() -> None:
    ticks = 0
    done = threading.Event()

    def tick() -> None:
        nonlocal ticks
        while not done.wait(0.01):
            ticks += 1

    ticker = threading.Thread(target=tick)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        ticker.start()
        with pytest.raises(adit.UnreachableError):
            adit.connect(f"127.0.0.1:{silent.getsockname()[1]}", deadline=1)
    done.set()
    ticker.join()
    assert ticks > 3
