"""Processes tell what they do as long as they live, and not a moment longer."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from trustweft.runtime.presence import Presence, present

if TYPE_CHECKING:
    from pathlib import Path

_DIES: str = """
import os, pathlib, sys
from trustweft.runtime.presence import Presence
with Presence(pathlib.Path(sys.argv[1]), participant="server") as presence:
    presence.say(digest="abc")
    print("there", flush=True)
    sys.stdin.read()
    os._exit(9)
"""


def test_whoever_is_there_is_heard(tmp_path: Path) -> None:
    """What is said last counts; each participant of a process speaks for itself."""
    folder = tmp_path / "there"
    assert present(folder) == []
    with (
        Presence(folder, participant="resource") as resource,
        Presence(folder, participant="server") as server,
    ):
        assert present(folder) == [{}, {}]
        resource.say(digest="a much longer text than the next")
        server.say(digest="b")
        resource.say(digest="c")
        assert [each["digest"] for each in present(folder)] == ["c", "b"]
    assert present(folder) == []
    assert list(folder.iterdir()) == []


def test_the_dead_are_not_heard(tmp_path: Path) -> None:
    """However a process ends, what it left is removed and speaks of nobody."""
    with subprocess.Popen(
        [sys.executable, "-c", _DIES, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        assert present(tmp_path) == [{"process": process.pid, "digest": "abc"}]
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 9
    assert len(list(tmp_path.iterdir())) == 1
    assert present(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
