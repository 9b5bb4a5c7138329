"""What callers are told when something is wrong."""

from __future__ import annotations

import gc
import os
import pickle
import socket
import time

import pytest
from conftest import PASSWORD, Server

import adit


def test_use_after_close(server: Server, transport: adit.Transport) -> None:
    client = server.connect(transport=transport)
    scan, pipe = client.scan(), client.pipeline()
    assert not client.closed
    client.close()
    client.close()
    assert client.closed
    assert repr(client) == "<adit.Client closed>"
    for call in (
        lambda: client.get("key"),
        lambda: client.put("key", b""),
        lambda: client.multi_get(["key"]),
        lambda: next(scan),
        lambda: pipe.get("key"),
        lambda: client.open("key"),
        lambda: client.shard_count,
    ):
        with pytest.raises(adit.ClosedError) as closed:
            call()
        assert closed.value.code == 102


def test_with_closes(server: Server) -> None:
    with pytest.raises(ZeroDivisionError), server.connect() as client:
        1 / 0  # noqa: B018
    assert client.closed


def test_clients_that_are_forgotten_are_closed(server: Server) -> None:
    for _ in range(300):
        server.connect().put("key", b"")
    gc.collect()


def test_the_callers_faults(client: adit.Client) -> None:
    with pytest.raises(adit.CallerError) as long:
        client.get(bytes((1 << 16) + 1))
    assert (long.value.code, "64 KiB" in str(long.value)) == (119, True)
    with pytest.raises(adit.CallerError) as bucket:
        client.get("key", 16)
    assert bucket.value.code == 122


def test_a_password(transport: adit.Transport) -> None:
    server = Server("--password", PASSWORD, shards=1)
    try:
        with server.connect(transport=transport, password=PASSWORD) as client:
            client.put("key", b"")
        for wrong in ("wrong", None, ""):
            with pytest.raises(adit.CallerError) as refused:
                server.connect(transport=transport, password=wrong)
            assert refused.value.code == 123
        with pytest.raises(adit.CallerError):
            server.connect(transport=transport, password=PASSWORD, tenant="another")
    finally:
        server.stop()


def test_nobody_answers(transport: adit.Transport) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        start = time.monotonic()
        with pytest.raises(adit.UnreachableError) as nobody:
            adit.connect(f"127.0.0.1:{silent.getsockname()[1]}", transport=transport, deadline=0.2)
        assert nobody.value.code in (401, 402)
        assert time.monotonic() - start < 60


def test_arguments_of_connect(server: Server) -> None:
    with pytest.raises(adit.CallerError):
        adit.connect("nonsense")
    with pytest.raises(ValueError, match="transport"):
        server.connect(transport="pigeon")
    with pytest.raises(ValueError, match="password"):
        server.connect(password="with\0zero")
    with pytest.raises(ValueError, match="deadline"):
        server.connect(deadline=0)
    with pytest.raises(adit.CallerError):
        server.connect(window=5_000)
    with server.connect(window=1, frame_bytes=8_000, reply_bytes_max=1 << 20) as client:
        client.put("key", bytes(2 << 20))
        with pytest.raises(adit.CallerError) as long:
            client.get("key")
        assert long.value.code == 104


def test_a_server_that_goes_away(transport: adit.Transport) -> None:
    server = Server(shards=1)
    with server.connect(transport=transport, deadline=3) as client:
        client.put("key", b"value")
        server.stop()
        with pytest.raises(adit.UnreachableError):
            client.get("key")
        # A write that may have arrived.
        with pytest.raises((adit.UncertainError, adit.UnreachableError)):
            client.put("key", b"value")


def test_a_server_that_comes_back(transport: adit.Transport) -> None:
    server = Server(shards=1)
    with server.connect(transport=transport) as client:
        assert client.add("visits") == 1
        server.stop()
        server = Server(shards=1, native=server.address)
        try:
            with pytest.raises(adit.UncertainError) as lost:
                client.add("visits")
            assert lost.value.code == 301
            assert client.get("visits") is None
            assert client.add("visits") == 1
        finally:
            server.stop()


def test_full_memory(transport: adit.Transport) -> None:
    server = Server(shards=1, memory="32MiB")
    try:
        with server.connect(transport=transport) as client:
            with pytest.raises(adit.OutOfMemory) as full:
                for number in range(64):
                    client.put(f"key-{number}", bytes(1 << 20))
            assert full.value.code == 252
            assert client.get("key-0") == bytes(1 << 20)
    finally:
        server.stop()


def test_errors_are_sorted_and_travel() -> None:
    assert issubclass(adit.NotFound, adit.StateError)
    for kind in (
        adit.CallerError,
        adit.StateError,
        adit.UncertainError,
        adit.UnreachableError,
        adit.DeviceError,
    ):
        assert issubclass(kind, adit.AditError)
    failed = pickle.loads(pickle.dumps(adit.ConditionFailed("no", 249, 7)))
    assert (type(failed), str(failed), failed.code, failed.version) == (adit.ConditionFailed, "no", 249, 7)
    error = pickle.loads(pickle.dumps(adit.Busy("later", 253)))
    assert (type(error), str(error), error.code) == (adit.Busy, "later", 253)


def test_the_child_of_a_fork_has_no_client(client: adit.Client, key: bytes) -> None:
    client.put(key, b"value")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            client.get(key)
        except adit.ClosedError:
            client.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client.get(key) == b"value"
