"""The outside tools that some tests need."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

__all__ = ["NODE_FOLDER", "need"]

NODE_FOLDER = Path(__file__).parent / "interop" / "node"


def need(tool: str, *, package: str) -> str:
    """Return where a tool or a file is; a test without it is skipped here and fails in continuous integration."""
    path = (
        f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # where Debian puts servers, for everybody to run
    )
    found = tool if Path(tool).is_file() else shutil.which(tool, path=path)
    if found is None:
        message = f"{tool} is missing (Debian: apt-get install {package}); script/test installs it"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found
