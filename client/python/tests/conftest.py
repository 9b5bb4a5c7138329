"""A real `adit serve` for each test session: the program that ADIT_BINARY names, on free ports, with two shards."""

from __future__ import annotations

import itertools
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import adit

PASSWORD = "between us"


class Server:
    """A running `adit serve`."""

    def __init__(
        self, *flags: str, shards: int = 2, memory: str = "512MiB", native: str = "127.0.0.1:0"
    ) -> None:
        self.process = subprocess.Popen(
            [
                *(binary(), "serve", "--resp", "127.0.0.1:0", "--native", native),
                *("--memory", memory, "--shards", str(shards), *flags),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self._address()
        # What it prints later is read too, or it would wait for us some day.
        self.drain = threading.Thread(target=self._drain, daemon=True)
        self.drain.start()

    def connect(self, **options: Any) -> adit.Client:
        """A client with time enough for a busy machine."""
        return adit.connect(self.address, **{"deadline": 60, **options})

    def stop(self) -> None:
        """Kills it, and waits for that."""
        self.process.kill()
        self.process.wait()
        self.drain.join()

    def _address(self) -> str:
        assert self.process.stdout is not None
        native = ""
        for line in self.process.stdout:
            if line.startswith("serving native clients on "):
                native = line.split()[4]
            if line.startswith("serving Redis clients on "):
                return native
        pytest.fail(f"adit serve ended with {self.process.wait()} before it served")

    def _drain(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for _ in lines:
                pass


def binary() -> str:
    """The program under test."""
    path = os.environ.get("ADIT_BINARY", "")
    if not Path(path).is_file():
        pytest.exit("name the program in ADIT_BINARY=target/release/adit (cargo build --release)", 2)
    return path


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for all tests that leave it alive."""
    running = Server()
    yield running
    alive = running.process.poll()
    running.stop()
    assert alive is None, "the server ended during the tests"


@pytest.fixture(params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest) -> adit.Transport:
    """Both ways to a server."""
    return "udp" if request.param == "udp" else "tcp"


@pytest.fixture
def client(server: Server, transport: adit.Transport) -> Iterator[adit.Client]:
    """A client over each transport."""
    with server.connect(transport=transport) as connected:
        yield connected


_numbers = itertools.count()


@pytest.fixture
def key() -> bytes:
    """A key that no other test has."""
    return b"key-%d" % next(_numbers)
