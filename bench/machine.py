"""What a table must say about where it was made."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.backends.openssl.backend import backend

from bench.sides import NODE_FOLDER

if TYPE_CHECKING:
    from bench.cores import Cores

__all__ = ["describe_machine", "describe_prover_machine"]

_OURS: Final = ("trustweft", "cryptography", "msgspec", "uvicorn", "uvloop", "httptools")
_PEERS: Final = ("oidc-provider", "oauth4webapi", "jose")


def describe_machine(*, node: Path, cores: Cores) -> dict[str, str]:
    """Return date, machine and versions."""
    return {
        **_here(),
        "cores": f"servers on core {cores.measured}, loader on core {cores.loader}",
        "ours": ", ".join(
            [
                f"Python {platform.python_version()}",
                *(f"{name} {version(name)}" for name in _OURS),
                backend.openssl_version_text(),
            ]
        ),
        "peers": ", ".join(
            [f"Node {_node_version(node)}", *(f"{name} {_npm_version(name)}" for name in _PEERS)]
        ),
    }


def describe_prover_machine() -> dict[str, str]:
    """Return date, machine and versions, of what the prover runs on."""
    packages = (f"{name} {version(name)}" for name in ("trustweft", "clingo"))
    return {**_here(), "ours": ", ".join([f"Python {platform.python_version()}", *packages])}


def _here() -> dict[str, str]:
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{_processor()}, {os.cpu_count()} cores, Linux {platform.release().partition('-')[0]}",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _node_version(node: Path) -> str:
    done = subprocess.run([node, "--version"], check=True, capture_output=True, text=True)
    return done.stdout.strip().removeprefix("v")


def _npm_version(name: str) -> str:
    package = json.loads((NODE_FOLDER / "node_modules" / name / "package.json").read_bytes())
    return str(package["version"])
