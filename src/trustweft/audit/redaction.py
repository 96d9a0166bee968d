"""Evidence as it is shown: what would still work for a thief is replaced by a short digest, so that equal stays equal."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.audit.exchange import FORM_TYPE

if TYPE_CHECKING:
    from trustweft.audit.exchange import Pairs
    from trustweft.audit.trial import Evidence

__all__ = ["ShownEvidence", "ShownRequest", "ShownResponse", "mask", "show"]

MAXIMUM_BODY: Final = 4_000  # characters of an answer that are shown
_NAMES: Final = (
    "access_token|refresh_token|id_token|code|code_verifier|client_secret|client_assertion|password|passwd|pwd"
    "|request|request_uri|csrf|csrf_token|registration_access_token|token|assertion|subject_token|device_code"
    "|auth_req_id|secret|logout_token|id_token_hint|response|state|session|otp|pin"
    # What pages of others call the proof that a form is theirs.
    "|_csrf|_csrf_token|csrfmiddlewaretoken|xsrf|_xsrf|authenticity_token|__requestverificationtoken|_token"
    "|session_code|consent_challenge|login_challenge|consent_verifier|login_verifier"
)
_PARAMETER: Final = re.compile(rf"(?<![\w-])({_NAMES})=([^&#\s\"'<>]+)", re.IGNORECASE)
_MEMBER: Final = re.compile(rf'("(?:{_NAMES})"\s*:\s*)"([^"]+)"', re.IGNORECASE)
_FIELD: Final = re.compile(
    r"""(<input\b[^>]*\btype=["']?(?:hidden|password)\b[^>]*\bvalue=)(["'])([^"']+)\2""", re.IGNORECASE
)
_TOKEN: Final = re.compile(r"\beyJ[\w-]+\.[\w-]*\.?[\w-]*")
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "set-cookie", "dpop", "proxy-authorization"})
_COOKIE: Final = re.compile(r"([^=;\s]+)=([^;]*)")
_ATTRIBUTES: Final = frozenset({"path", "domain", "expires", "max-age", "samesite"})
_NOISE: Final = frozenset({"user-agent", "accept-encoding", "connection"})


class ShownRequest(Struct, frozen=True, kw_only=True):
    """A request as it is shown."""

    method: str
    url: str
    headers: Pairs
    body: str
    certificate: str | None


class ShownResponse(Struct, frozen=True, kw_only=True):
    """An answer as it is shown."""

    status: int
    headers: Pairs
    body: str


class ShownEvidence(Struct, frozen=True, kw_only=True):
    """One exchange as it is shown: ``kind`` is ``control``, ``attack`` or ``observation``."""

    kind: str
    label: str
    request: ShownRequest
    response: ShownResponse


def show(evidence: Evidence) -> ShownEvidence:
    """Return an exchange without what would still work for a thief."""
    request, exchange = evidence.exchange.request, evidence.exchange
    form = request.form is not None or (request.header("content-type") or "").startswith(FORM_TYPE)
    return ShownEvidence(
        kind=evidence.kind,
        label=evidence.label,
        request=ShownRequest(
            method=request.method,
            url=mask(request.url if request.target is None else f"{request.url} as {request.target}"),
            headers=_headers(request.headers),
            body=_body(request.content(), form=form),
            certificate=request.certificate,
        ),
        response=ShownResponse(
            status=exchange.status, headers=_headers(exchange.headers), body=_body(exchange.body, form=False)
        ),
    )


def mask(text: str) -> str:
    """Return a text without the secrets that stand in it, and without what no encoding can hold."""
    text = text.encode("utf-8", "replace").decode()
    text = _PARAMETER.sub(lambda found: f"{found[1]}={_digest(found[2])}", text)
    text = _MEMBER.sub(lambda found: f'{found[1]}"{_digest(found[2])}"', text)
    text = _FIELD.sub(lambda found: f"{found[1]}{found[2]}{_digest(found[3])}{found[2]}", text)
    return _TOKEN.sub(lambda found: _digest(found[0]), text)


def _digest(secret: str) -> str:
    return f"[secret {sha256(secret.encode()).hexdigest()[:8]}]"


def _headers(headers: Pairs) -> Pairs:
    return tuple(
        (name.lower(), _header(name.lower(), value)) for name, value in headers if name.lower() not in _NOISE
    )


def _header(name: str, value: str) -> str:
    if name not in _SECRET_HEADERS:
        return mask(value)
    if name in ("cookie", "set-cookie"):
        return _COOKIE.sub(
            lambda found: found[0] if found[1].lower() in _ATTRIBUTES else f"{found[1]}={_digest(found[2])}",
            value,
        )
    scheme, _, rest = value.partition(" ")
    return f"{scheme} {_digest(rest)}" if rest else _digest(value)


def _body(octets: bytes, *, form: bool) -> str:
    text = octets.decode("utf-8", "replace")
    shown = mask(text)
    if form and len(shown) > MAXIMUM_BODY:
        return shown[:MAXIMUM_BODY] + " ..."
    return (
        shown if len(shown) <= MAXIMUM_BODY else f"{shown[:MAXIMUM_BODY]} ... ({len(octets)} octets in all)"
    )
