"""What metadata of every kind have in common: lists of words, algorithms, https URLs, and how they are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.crypto.algorithms import ALGORITHMS
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENDPOINT", "ERROR", "MALFORMED", "UNSUPPORTED", "allowed_algorithms", "is_https", "texts_of"]

_MAXIMUM_LIST: Final = 1_000

ERROR: Final = "invalid_metadata"  # no code of an RFC: the refusal stays on the reader's side
ENDPOINT = reason(
    "metadata.endpoint",
    error=ERROR,
    public="An endpoint of the metadata is missing or is no https URL.",
    status=502,
)
MALFORMED = reason(
    "metadata.malformed", error=ERROR, public="A member of the metadata has the wrong type.", status=502
)
UNSUPPORTED = reason(
    "metadata.unsupported",
    error=ERROR,
    public="The metadata does not offer what FAPI 2.0 requires.",
    status=502,
)


def allowed_algorithms(document: Mapping[str, object], member: str) -> tuple[str, ...]:
    """Return those of a member that are allowed; others may be offered to clients of other profiles.

    Raises:
        Reject: ``metadata.malformed``.
    """
    return tuple(name for name in texts_of(document, member) if name in ALGORITHMS)


def texts_of(document: Mapping[str, object], member: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return a member that is a list of texts, or what it means where it is left out.

    Raises:
        Reject: ``metadata.malformed``.
    """
    if member not in document:
        return default
    values = document[member]
    if (
        not isinstance(values, list)
        or len(values) > _MAXIMUM_LIST
        or not all(isinstance(value, str) for value in values)
    ):
        raise MALFORMED.reject(member)
    return tuple(values)


def is_https(url: str) -> bool:
    """Say whether a URL is https, and has no fragment."""
    parts = parse_url(url)
    return parts is not None and parts.scheme == "https" and parts.fragment is None
