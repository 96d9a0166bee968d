"""Results of probes on their way to the directory: kept in a file until it has them, so that none is lost."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import httpx2

from trustweft.net.fetch import trust_context
from trustweft.protocol.offboarding_probe import PROBE_MEDIA_TYPE, read_kept_probe
from trustweft.runtime.files import read_private_file, write_private_file

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.cli.data_directory import DataDirectory
    from trustweft.protocol.offboarding_probe import Probe

__all__ = ["keep_probe", "send_probes", "unsent_probes"]

FOLDER: Final = "directory/probes"
_SUFFIX: Final = ".jwt"
_TIMEOUT: Final = 10.0
_DIGITS: Final = 16


def keep_probe(data: DataDirectory, probe: Probe, token: str) -> Path:
    """Write a signed probe where the next attempt to send it finds it; return the file."""
    digest = hashlib.sha256(token.encode()).hexdigest()[:_DIGITS]
    path = data.file(f"{FOLDER}/{probe.order}-{digest}{_SUFFIX}")
    write_private_file(path, token.encode())
    return path


def unsent_probes(data: DataDirectory) -> list[Probe]:
    """Return the probes that the directory does not have yet."""
    return [read_kept_probe(token) for _, token in _kept(data)]


def _kept(data: DataDirectory) -> list[tuple[Path, str]]:
    found = sorted((data.path / FOLDER).glob(f"*{_SUFFIX}"))
    return [(path, read_private_file(path).decode("ascii")) for path in found]


def send_probes(data: DataDirectory, *, directory: str) -> list[str]:
    """Send everything that is kept; return why something could not be sent, in one sentence each.

    What the directory has is kept no longer; what it refuses is kept, and said.
    """
    problems: list[str] = []
    kept = _kept(data)
    if not kept:
        return problems
    with httpx2.Client(verify=trust_context(data.authority), timeout=_TIMEOUT, trust_env=False) as http:
        for path, token in kept:
            try:
                answer = http.post(
                    f"{directory}/probes", content=token, headers={"content-type": PROBE_MEDIA_TYPE}
                )
            except httpx2.HTTPError as cause:
                problems.append(
                    f"The directory is away ({type(cause).__name__}): the probe is kept, and sent with the next "
                    f"report."
                )
                break
            if answer.is_success:
                path.unlink()
            else:
                reason = answer.headers.get("trustweft-reason", "no reason given")
                problems.append(
                    f"The directory refused {path.name}: {answer.status_code} {reason}; it is kept."
                )
    return problems
