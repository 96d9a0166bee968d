"""Profiles as files: the packaged one with other values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trustweft.profile.loading import profile_octets

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["changed_profile"]

_BASE: Final = "fapi2-security"


def changed_profile(path: Path, **changes: object) -> Path:
    """Write the packaged profile with other values, and return where it is."""
    text = profile_octets(_BASE).decode().replace(f'name = "{_BASE}"', f'name = "{path.stem}"', 1)
    for name, value in changes.items():
        said = str(value).lower() if isinstance(value, bool | int) else repr(value)
        text, found = re.subn(
            rf"^{name} = \{{ value = (\[[^\]]*\]|[^,]*),",
            f"{name} = {{ value = {said},",
            text,
            flags=re.MULTILINE,
        )
        assert found == 1, name
    path.write_text(text, encoding="utf-8")
    return path
