"""Starts the plain OAuth server, careful or with a flaw, and reads the target file that audits it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ecosystem import free_base_port
from trustweft.audit.target import read_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trustweft.audit.target import Target

__all__ = ["plain_server"]

HERE = Path(__file__).parent
PORTS = (9000, 9001, 9002)  # of the target file


@contextmanager
def plain_server(folder: Path, *flaws: str, options: Sequence[str] = ()) -> Iterator[Target]:
    """Serve it on free ports; its key stays in ``folder``, so that only the first start has to make one."""
    port = free_base_port()
    chosen = [*options, *(option for flaw in flaws for option in ("--flaw", flaw))]
    with subprocess.Popen(
        [sys.executable, "-m", "plain", "--port", str(port), "--key", str(folder / "key.json"), *chosen],
        cwd=HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield _target(folder, port)
        process.stdin.close()
        assert process.wait(20) == 0


def _target(folder: Path, port: int) -> Target:
    text = (HERE / "plain" / "target.toml").read_text(encoding="utf-8")
    for number, default in enumerate(PORTS):
        text = text.replace(f":{default}", f":{port + number}")
    (folder / "target.toml").write_text(text, encoding="utf-8")
    (folder / "openapi.json").write_bytes((HERE / "plain" / "openapi.json").read_bytes())
    return msgspec.structs.replace(read_target(folder / "target.toml"), rate=1000.0)
