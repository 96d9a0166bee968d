"""A command whose reader went away ends quietly, and not as if it had found something."""

from __future__ import annotations

import os
import subprocess
import sys


def test_a_closed_pipe_is_no_verdict() -> None:
    """Status 141, as for every program of a shell that SIGPIPE ended; 1 would be an attack, and 0 would be none."""
    reading, writing = os.pipe()
    os.close(reading)
    arguments = [sys.executable, "-m", "trustweft", "prove", "au-cdr", "--attackers", "a1"]
    try:
        done = subprocess.run(arguments, stdout=writing, stderr=subprocess.PIPE, check=False)  # our own
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""
