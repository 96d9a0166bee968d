"""Processes that share a directory of signing keys: started by test_key_processes.py, each as `python key_processes.py …`.

``serve DIRECTORY``: be a worker of a server: for each time that is read, print the key that signs, and those published.
``crash DIRECTORY STEP``: for every point at which the step touches the disk, a process that is killed there.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trustweft.crypto.key_files import KeyDirectory
from trustweft.crypto.key_rotation import erase_spent, make_missing, retire, rotate
from trustweft.crypto.key_states import PUBLISHED_BEFORE_USE, KeyState, states_at
from trustweft.crypto.keyring import KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NOW", "STEPS"]

NOW: Final = 1_800_000_000.0
_TOUCHES: Final = frozenset({"open", "os.rename", "os.remove", "os.chmod", "os.mkdir", "fcntl.flock"})


def serve(directory: Path) -> None:
    """Be one worker, whose clock is turned by whoever started it."""
    ring: KeyRing | None = None
    for line in sys.stdin:
        now = float(line)
        if ring is None:
            ring = KeyRing.load_or_create(directory, algorithms=("ES256", "EdDSA"), now=now)
        ring.reload(now)
        ring.erase_spent(now)
        published = sorted(str(key.key_id) for key in ring.key_set().keys)
        print(json.dumps([ring.signer().key_id, published]), flush=True)  # noqa: T201  # the test reads it


def _signing(directory: KeyDirectory, now: float) -> str:
    return next(
        each.record.key_id for each in states_at(directory.read(), now) if each.state is KeyState.ACTIVE
    )


STEPS: Final[dict[str, tuple[float, Callable[[KeyDirectory], object]]]] = {
    "make": (NOW, lambda keys: make_missing(keys, algorithms=("ES256",), now=NOW)),
    "rotate": (NOW + 1, lambda keys: rotate(keys, algorithm="ES256", now=NOW + 1)),
    "compromised": (
        NOW + 1,
        lambda keys: retire(keys, _signing(keys, NOW + 1), compromised=True, now=NOW + 1),
    ),
    "erase": (NOW + PUBLISHED_BEFORE_USE, lambda keys: erase_spent(keys, now=NOW + PUBLISHED_BEFORE_USE)),
}


def _prepare(directory: Path, step: str) -> None:
    if step != "make":
        make_missing(KeyDirectory(directory), algorithms=("ES256",), now=NOW)
    if step == "erase":
        rotate(KeyDirectory(directory), algorithm="ES256", now=NOW)


def _killed_at(directory: Path, step: str, touch: int) -> bool:
    """Do the step in a process that is killed at this touch of the disk; say whether it came so far."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    left = touch

    def count(event: str, _arguments: object) -> None:
        nonlocal left
        if event in _TOUCHES:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    STEPS[step][1](KeyDirectory(directory))
    os._exit(0)


def crash(directory: Path, step: str) -> None:
    """Leave a directory for each point at which the step was killed, and one in which it was not."""
    start = directory / "start"
    directory.mkdir()
    _prepare(start, step)
    for touch in range(1_000):
        kept = directory / str(touch)
        if start.exists():
            shutil.copytree(start, kept)
        if not _killed_at(kept, step, touch):
            return


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(Path(sys.argv[2]))
    else:
        crash(Path(sys.argv[2]), sys.argv[3])
