"""Refusals: a catalogue of reasons, each with a stable id, and the exception that carries one.

A reason is declared once, at module level, beside the check that uses it. Its id is shared by code, tests,
metrics, audit checks and the manual, and never changes its meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

__all__ = ["Reason", "Reject", "Shown", "all_reasons", "reason"]

_ID = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
# What RFC 6749 section 5.2 lets error_description hold: no quotation mark, no backslash, no control character.
_PUBLIC = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
_CATALOGUE: dict[str, Reason] = {}


class Shown(Enum):
    """Where a refusal may be shown."""

    JSON = "json"  # to the caller, as a JSON object
    PAGE = "page"  # to the person at the browser, never as a redirect
    REDIRECT = "redirect"  # to the client, through the browser; only once its redirect URI is verified


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is refused.

    Attributes:
        id: stable, `area.what`, for example ``dpop.htu-mismatch``.
        error: the error code of the protocol, for example ``invalid_dpop_proof`` (RFC 9449).
        public: one sentence that may be shown to anybody.
        status: the HTTP status of a JSON answer or a page.
        shown: where the refusal may be shown.
    """

    id: str
    error: str
    public: str
    status: int
    shown: Shown

    def reject(self, detail: str = "", *, headers: tuple[tuple[str, str], ...] = ()) -> Reject:
        """Build the exception; ``detail`` is for the operator's log only and never reaches the wire."""
        return Reject(self, detail=detail, headers=headers)


class Reject(Exception):  # noqa: N818  # a refusal is a normal outcome here, not an error of ours
    """A request, token or message is refused.

    Attributes:
        reason: what is wrong, from the catalogue.
        detail: private detail for the log.
        headers: response headers that the refusal needs, for example a fresh ``DPoP-Nonce``.
    """

    def __init__(self, why: Reason, *, detail: str = "", headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(f"{why.id}: {why.public}" + (f" ({detail})" if detail else ""))
        self.reason = why
        self.detail = detail
        self.headers = headers


def reason(  # a declaration, always by keyword
    identifier: str, /, *, error: str, public: str, status: int = 400, shown: Shown = Shown.JSON
) -> Reason:
    """Declare a reason at module level and enter it into the catalogue.

    Raises:
        ValueError: the id is malformed or taken, or the public text could not be sent as it is.
    """
    if not _ID.fullmatch(identifier):
        raise ValueError(f"{identifier!r} is not of the form area.what")
    if not _PUBLIC.fullmatch(public):
        raise ValueError(f"{identifier}: the public text has characters that RFC 6749 section 5.2 excludes")
    if identifier in _CATALOGUE:
        raise ValueError(f"the reason {identifier} is declared twice")
    declared = Reason(identifier, error, public, status, shown)
    _CATALOGUE[identifier] = declared
    return declared


def all_reasons() -> tuple[Reason, ...]:
    """Return every reason of the modules imported so far, by id."""
    return tuple(_CATALOGUE[identifier] for identifier in sorted(_CATALOGUE))
