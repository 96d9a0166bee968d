"""Several processes over one directory of keys, and processes that are killed at every point of a step."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.key_processes import NOW, STEPS
from trustweft.crypto.key_files import KeyDirectory
from trustweft.crypto.key_rotation import KeyStateError, retire, rotate
from trustweft.crypto.key_states import PUBLISHED_AFTER_USE, PUBLISHED_BEFORE_USE, KeyState
from trustweft.crypto.keyring import KeyRing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAM = Path(__file__).with_name("key_processes.py")
MINUTES = 75


class Worker:
    """A process of a server."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM, "serve", directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def turn_to(self, now: float) -> None:
        """Turn its clock."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{now}\n")
        self._process.stdin.flush()

    def answer(self) -> tuple[str, list[str]]:
        """Return the key that it signs with, and those that it publishes."""
        assert self._process.stdout is not None
        signer, published = json.loads(self._process.stdout.readline())
        return signer, published

    def stop(self) -> None:
        """Let it end."""
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


@contextlib.contextmanager
def working(directory: Path, count: int) -> Iterator[Callable[[float], list[tuple[str, list[str]]]]]:
    """Run workers, and return what asks all of them at one time."""
    workers = [Worker(directory) for _ in range(count)]

    def ask(now: float) -> list[tuple[str, list[str]]]:
        for worker in workers:
            worker.turn_to(now)
        return [worker.answer() for worker in workers]

    try:
        yield ask
    finally:
        for worker in workers:
            worker.stop()


def test_workers_that_start_at_once_make_one_key_of_each_kind(tmp_path: Path) -> None:
    """The first start of a server with several workers: all sign with the same key from the first request on."""
    with working(tmp_path / "keys", 4) as ask:
        answers = ask(NOW)
    assert answers == [answers[0]] * 4
    assert len(answers[0][1]) == len(list((tmp_path / "keys").glob("*.json"))) == 2


def test_processes_agree_at_every_minute_of_a_rotation(tmp_path: Path) -> None:
    """Without a word between them: who signs, and what is published, follows from the files and the clock."""
    times = [NOW + 60 * minute for minute in range(MINUTES)]
    with working(tmp_path / "keys", 2) as ask:
        ask(NOW)
        new = rotate(KeyDirectory(tmp_path / "keys"), algorithm="ES256", now=NOW).key_id
        answers = [ask(now) for now in times]
    assert [one for one, other in answers if one != other] == []
    forgotten = NOW + PUBLISHED_BEFORE_USE + PUBLISHED_AFTER_USE
    assert [(signer == new, len(published)) for (signer, published), _ in answers] == [
        (now >= NOW + PUBLISHED_BEFORE_USE, 3 if now < forgotten else 2) for now in times
    ]


@pytest.mark.parametrize("step", STEPS)
def test_wherever_a_process_is_killed_the_ring_works(tmp_path: Path, step: str) -> None:
    """Before every file that it opens or replaces.

    A server starts, signs, and verifies what it signed; the step can be done again; no half file is left, and no
    secret that is spent.
    """
    subprocess.run([sys.executable, PROGRAM, "crash", tmp_path / "all", step], check=True, timeout=60)
    left = sorted(int(path.name) for path in (tmp_path / "all").iterdir() if path.name != "start")
    assert len(left) > 4
    now = STEPS[step][0]
    for number in left:
        directory = tmp_path / "all" / str(number)
        for later in (now, now + 5):
            _check_works(directory, later)
        _do_again(directory, step, now + 5)
        _check_works(directory, now + 10)
        assert not {path.name for path in directory.iterdir() if path.name.startswith(".")} - {".lock"}
    shutil.rmtree(tmp_path / "all")


def _check_works(directory: Path, now: float) -> None:
    ring = KeyRing.load_or_create(directory, now=now)
    signer = ring.signer()
    assert ring.key_set().find(key_id=signer.key_id, algorithm="ES256").key == signer.public_key
    states = [status.state for status in ring.statuses if status.record.has_secret]
    assert set(states) <= {KeyState.ACTIVE, KeyState.PENDING}


def _do_again(directory: Path, step: str, now: float) -> None:
    """What an operator does who saw the command die."""
    keys, ring = KeyDirectory(directory), KeyRing.load_or_create(directory, now=now)
    if step == "rotate" and len(ring.statuses) == 1:
        rotate(keys, algorithm="ES256", now=now)
    elif step == "rotate":
        with pytest.raises(KeyStateError, match=r"keys\.pending"):
            rotate(keys, algorithm="ES256", now=now)
    elif step == "compromised":
        old = min(ring.statuses, key=lambda status: status.record.published_at)
        if old.record.retired_at is None:
            retire(keys, old.record.key_id, compromised=True, now=now)
        ring.reload(now + 5)
        assert old.record.key_id not in [key.key_id for key in ring.key_set().keys]
