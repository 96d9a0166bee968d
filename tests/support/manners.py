"""What every answer must keep to, whatever was asked: checked on octets, for the server and for the guard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from support.authority import ISSUER
from support.hostile import MARKUP
from trustweft.runtime.errors import Shown, all_reasons

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.wire import Answer, Sent
    from trustweft.runtime.errors import Reason

__all__ = ["check_manners", "check_redirect"]

_NAME: Final = re.compile(r"[a-z0-9-]+")
_VALUE: Final = re.compile(r"[\x20-\x7e]*")
_PUBLIC: Final = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
_PAGE: Final = re.compile(r"/interaction/[A-Za-z0-9_-]{22}(?:/passkeys)?")
_PROOF_ERRORS: Final = {"invalid_dpop_proof", "use_dpop_nonce"}
_REFUSED: Final = 400
_UNAUTHORIZED: Final = 401
_BROKEN: Final = 500
_REDIRECTS: Final = (300, 301, 302, 303, 307, 308)
_SEE_OTHER: Final = 303
_EVENTS: Final = b"/ecosystem/events"
_DELIVERY_ERRORS: Final = {
    "invalid_request",
    "invalid_key",
    "invalid_issuer",
    "invalid_audience",
    "authentication_failed",
    "access_denied",
}


def check_manners(sent: Sent, answer: Answer, *, protected: bool) -> None:
    """Hold an answer to what all answers keep to.

    Args:
        sent: the request.
        answer: to it.
        protected: whether a protected resource answers, which challenges.
    """
    assert answer.status < _BROKEN, "the server broke"
    _check_headers(sent, answer)
    if answer.status >= _REFUSED:
        _check_refusal(sent, answer, protected=protected)
    if answer.status in _REDIRECTS:
        assert answer.status == _SEE_OTHER, "another redirect than 303"
    if answer.values("content-type") != ["application/json"]:
        assert MARKUP.encode() not in answer.body, "markup of a stranger in a page"


def _check_headers(sent: Sent, answer: Answer) -> None:
    names = [name for name, _ in answer.headers]
    for name, value in answer.headers:
        assert _NAME.fullmatch(name), f"{name!r} is no header name"
        assert _VALUE.fullmatch(value), f"{name} holds {value!r}"
        assert not name.startswith("access-control-"), "another origin is invited"
    for name in (
        "content-type",
        "content-length",
        "location",
        "trustweft-reason",
        "dpop-nonce",
        "cache-control",
    ):
        assert names.count(name) <= 1, f"{name} occurs twice"
    # To HEAD an application may answer as to GET: what serves it drops the body.
    if "content-length" in names and (sent.method != "HEAD" or answer.body):
        assert answer.header("content-length") == str(len(answer.body)), "another length"


def _check_refusal(sent: Sent, answer: Answer, *, protected: bool) -> None:
    why = next((each for each in all_reasons() if each.id == answer.reason), None)
    assert why is not None, f"refused without a reason: {answer.values('trustweft-reason')}"
    if (
        sent.path == _EVENTS
        and answer.header("content-type") == "application/json"
        and b'"err"' in answer.body
    ):
        _check_delivery_error(answer, why)
        return
    proof_at_resource = protected and why.error in _PROOF_ERRORS
    assert answer.status == (_UNAUTHORIZED if proof_at_resource else why.status), (
        "the status is not the reason's"
    )
    assert why.shown is not Shown.REDIRECT, "what belongs to the client was shown to somebody else"
    assert answer.values("cache-control") == ["no-store"], "a refusal may be stored"
    if answer.header("content-type").startswith("text/html"):
        assert "frame-ancestors 'none'" in answer.header("content-security-policy"), "a page may be framed"
    elif sent.method != "HEAD":
        assert answer.header("content-type") == "application/json"
        assert answer.json == {"error": why.error, "error_description": why.public}
        assert _PUBLIC.fullmatch(why.public)
    if answer.status == _UNAUTHORIZED:
        if protected:
            assert answer.header("www-authenticate").startswith(("DPoP ", "Bearer ")), "no challenge"
        else:
            assert why.error == "invalid_client", "401 without invalid_client"


def _check_delivery_error(answer: Answer, why: Reason) -> None:
    """A transmitter of events is told in its own words what was wrong (RFC 8935 section 2.3)."""
    assert answer.status == why.status, "the status is not the reason's"
    assert answer.values("cache-control") == ["no-store"], "a refusal may be stored"
    assert answer.json["err"] in _DELIVERY_ERRORS
    assert answer.json == {"err": answer.json["err"], "description": why.public}
    assert _PUBLIC.fullmatch(why.public)


def check_redirect(answer: Answer, *, redirect_uris: Iterable[str]) -> str:
    """Return where a redirect of the server goes: ``own`` page, or ``client`` for a registered redirect URI."""
    location = answer.header("location")
    parts = urlsplit(location)
    if location.startswith(ISSUER + "/"):
        assert _PAGE.fullmatch(parts.path), f"a redirect to {location}"
        assert f"{parts.scheme}://{parts.netloc}" == ISSUER
        return "own"
    for registered in redirect_uris:
        if location.startswith(registered + ("&" if "?" in registered else "?")) and not parts.fragment:
            return "client"
    raise AssertionError(f"a redirect to {location}, which nobody registered")
