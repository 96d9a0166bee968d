"""Test vectors and schemas that others publish: read from a folder beside the project, never copied into it.

``TRUSTWEFT_TEST_DATA`` names the folder; without it, it is ``../shared/data`` from the project's root. Where it is
missing, as on a user's machine, the tests that need it are skipped; with ``CI=true`` they fail instead.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

__all__ = ["published", "wycheproof"]

_ROOT = Path(__file__).parent.parent
_FOLDER = Path(os.environ.get("TRUSTWEFT_TEST_DATA") or _ROOT.parent / "shared" / "data")


def published(path: str) -> Any:
    """Return the JSON document at ``path`` in the folder of published data; skip or fail where it is missing."""
    file = _FOLDER / path
    if not file.is_file():
        message = (
            f"published test data is missing: {path} (set TRUSTWEFT_TEST_DATA to the folder that has it)"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return json.loads(file.read_text(encoding="utf-8"))


def wycheproof(name: str) -> list[dict[str, Any]]:
    """Return the test groups of one Wycheproof file."""
    groups: list[dict[str, Any]] = published(f"wycheproof/{name}.json")["testGroups"]
    return groups
