"""Token introspection (RFC 7662), with ``cnf`` (RFC 9449 section 6.2, RFC 8705 section 3.2).

The order of the checks on a response, here and in the tests: (1) active (2) iss (3) aud (4) exp (5) iat and nbf
(6) required members (7) cnf (8) scope. RFC 7662 makes all but ``active`` optional; our choice: a resource server
that cannot tell whom, for whom and until when refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from trustweft.protocol.access_token import (
    AccessToken,
    read_claimed_details,
    read_confirmation,
    read_scope,
)
from trustweft.protocol.jwt import read_audience, read_text, read_time
from trustweft.protocol.oauth import INVALID_REQUEST, INVALID_TOKEN
from trustweft.protocol.signed_token import check_not_in_future, optional_time
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.protocol.access_token import Confirmation
    from trustweft.protocol.oauth import Form
    from trustweft.protocol.rar import AuthorizationDetail

__all__ = ["IntrospectionQuery", "create_request", "create_response", "read_request", "read_response"]

_MAXIMUM_TOKEN: Final = 16_384
_HINTS: Final = ("access_token", "refresh_token")
# What the server tells of a token; our tokens hold nothing else that a resource server needs.
_TOLD: Final = (
    "iss",
    "sub",
    "aud",
    "client_id",
    "scope",
    "iat",
    "exp",
    "jti",
    "cnf",
    "auth_time",
    "acr",
    "grant_id",
    "software_id",
    "organisation_id",
)

MISSING_TOKEN = reason(
    "introspection.missing-token", error=INVALID_REQUEST, public="The token parameter is missing or too long."
)
INACTIVE = reason(
    "introspection.inactive", error=INVALID_TOKEN, public="The access token is not active.", status=401
)
ISSUER = reason(
    "introspection.issuer",
    error=INVALID_TOKEN,
    public="The access token comes from another issuer.",
    status=401,
)
AUDIENCE = reason(
    "introspection.audience",
    error=INVALID_TOKEN,
    public="The access token is for another audience.",
    status=401,
)
EXPIRED = reason(
    "introspection.expired", error=INVALID_TOKEN, public="The access token has expired.", status=401
)
FUTURE = reason(
    "introspection.future", error=INVALID_TOKEN, public="The access token is dated in the future.", status=401
)
CLAIMS = reason(
    "introspection.claims",
    error=INVALID_TOKEN,
    public="The answer about the access token lacks a member, or one has the wrong type.",
    status=401,
)
NOT_BOUND = reason(
    "introspection.not-bound",
    error=INVALID_TOKEN,
    public="The access token is not bound to a key.",
    status=401,
)


class IntrospectionQuery(Struct, frozen=True, kw_only=True):
    """Which token is asked about.

    Attributes:
        token: as presented; nothing about it is verified.
        hint: the kind that the sender believes it to be; any other hint is ignored (section 2.1).
    """

    token: str
    hint: str | None

    def __repr__(self) -> str:
        return f"IntrospectionQuery(token=***, hint={self.hint!r})"


def create_request(token: str, *, hint: str = "access_token") -> dict[str, str]:
    """Return the parameters of an introspection request, client authentication aside."""
    return {"token": token, "token_type_hint": hint}


def read_request(form: Form) -> IntrospectionQuery:
    """Read the parameters of an introspection request.

    Raises:
        Reject: ``introspection.missing-token``.
    """
    token = form.get("token")
    if token is None or len(token) > _MAXIMUM_TOKEN:
        raise MISSING_TOKEN.reject()
    hint = form.get("token_type_hint")
    return IntrospectionQuery(token=token, hint=hint if hint in _HINTS else None)


@enforces("RFC9449-6.2-p3", "RFC9396-9.2-p1.1", "RFC9396-9.2-p1.2")
def create_response(
    token: AccessToken | None, *, details: tuple[AuthorizationDetail, ...] = ()
) -> dict[str, object]:
    """Return the answer about an active token; None is any other, about which nothing more is told (section 2.2).

    Args:
        token: verified by its issuer.
        details: those of the token's authorization details that concern whoever asks (RFC 9396 section 9.2).
    """
    if token is None:
        return {"active": False}
    token_type = "Bearer" if token.jkt is None else "DPoP"
    told = {name: token.claims[name] for name in _TOLD if name in token.claims}
    if details:
        told["authorization_details"] = [detail.document() for detail in details]
    return {"active": True, "token_type": token_type, **told}


def read_response(
    document: Mapping[str, object], *, issuer: str, audience: str, now: float, future_tolerance: float
) -> AccessToken:
    """Read the answer of ``issuer`` about a token that was presented to the resource server ``audience``.

    Raises:
        Reject: ``introspection.*``.
    """
    if document.get("active") is not True:  # (1)
        raise INACTIVE.reject()
    if document.get("iss", issuer) != issuer:  # (2)
        raise ISSUER.reject(f"{document.get('iss')!r:.200}")
    audiences = read_audience(document.get("aud"))
    if audiences is None or audience not in audiences:  # (3)
        raise AUDIENCE.reject(f"{document.get('aud')!r:.200}")
    expires_at = read_time(document.get("exp"))
    if expires_at is None or now >= expires_at:  # (4)
        raise EXPIRED.reject(f"{document.get('exp')!r:.40}")
    check_not_in_future(
        document, now=now, tolerance=future_tolerance, malformed=FUTURE, refused=FUTURE
    )  # (5)
    return AccessToken(
        issuer=issuer,
        subject=_text(document, "sub"),  # (6)
        audience=audiences,
        client_id=_text(document, "client_id"),
        scope=_scope(document),
        issued_at=read_time(document.get("iat")),
        expires_at=expires_at,
        jti=_optional_text(document, "jti") or "",
        confirmation=_confirmation(document),
        grant_id=_optional_text(document, "grant_id"),
        auth_time=optional_time(document, "auth_time", malformed=CLAIMS),
        acr=_optional_text(document, "acr"),
        claims=document,
        authorization_details=read_claimed_details(document, malformed=CLAIMS),
    )


def _text(document: Mapping[str, object], name: str) -> str:
    value = read_text(document.get(name))
    if value is None:
        raise CLAIMS.reject(name)
    return value


def _optional_text(document: Mapping[str, object], name: str) -> str | None:
    return _text(document, name) if name in document else None


def _confirmation(document: Mapping[str, object]) -> Confirmation:
    confirmation = read_confirmation(document.get("cnf"))
    if confirmation is None:  # (7)
        raise NOT_BOUND.reject()
    return confirmation


def _scope(document: Mapping[str, object]) -> tuple[str, ...]:
    scope = read_scope(document.get("scope", ""))
    if scope is None:  # (8)
        raise CLAIMS.reject("scope")
    return scope
