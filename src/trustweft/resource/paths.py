"""Paths that everybody reads alike (RFC 3986 section 6.2.2).

The guard judges the path as it was sent, applications route by the decoded one, and a proxy may have its own idea.
Where two readers differ, an attacker picks the one that asks for less. So a path that has a second reading is
refused: dot segments, empty segments, path parameters on dots, encoded characters that need no encoding, encoded
separators, control characters, a percent sign that may be decoded twice, and anything that is no path.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from trustweft.protocol.oauth import INVALID_REQUEST
from trustweft.runtime.errors import reason

__all__ = ["check_path"]

MAXIMUM_PATH: Final = 2_048  # our choice: what browsers and proxies carry everywhere
# An encoded octet that no reader changes: not a control character, not unreserved, none of % . / \ and DEL.
_ENCODED: Final = r"%(?:2[0-46-9ABCabc]|3[A-Fa-f]|40|5[BDEbde]|60|7[BCDbcd]|[89A-Fa-f][0-9A-Fa-f])"
_SEGMENT: Final = rf"(?!\.{{1,2}}(?:[/;]|%3[Bb]|\Z))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|{_ENCODED})+"
_PATH: Final = re.compile(rf"/(?:{_SEGMENT}(?:/{_SEGMENT})*/?)?")

AMBIGUOUS = reason(
    "guard.ambiguous-path",
    error=INVALID_REQUEST,
    public="The path can be read in more than one way; send it in its plain form.",
)


@lru_cache(maxsize=1024)  # the same few paths are asked for again and again; refusals are not kept
def check_path(path: str) -> None:
    """Refuse a path that two readers could take for different ones.

    Raises:
        Reject: ``guard.ambiguous-path``.
    """
    if len(path) > MAXIMUM_PATH or not _PATH.fullmatch(path):
        raise AMBIGUOUS.reject(f"{path!r:.200}")
