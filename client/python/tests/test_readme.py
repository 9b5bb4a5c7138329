"""The README does what it says: its examples are run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Server

import adit

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_examples(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    genuine = adit.connect

    def connect(address: str = "127.0.0.1:7400", **options: Any) -> adit.Client:
        # Where a reader's server is, that of the tests is not; and a busy machine may take longer.
        assert address == "127.0.0.1:7400"
        return genuine(server.address, **{**options, "deadline": 60})

    monkeypatch.setattr(adit, "connect", connect)
    names: dict[str, Any] = {}
    exec(BLOCKS[0], names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:3] == ["b'hello'", "None", "1"]
    assert {"b'greeting'", "b'visits'"} <= set(printed[3:])
    assert len(BLOCKS[0].splitlines()) <= 10
    for block in BLOCKS[1:]:
        exec(block, names)
    assert "the colour has version" in capsys.readouterr().out
    assert names["client"].closed
