"""The guard's checks, in the order of ``PIPELINE`` (FAPI 2.0 SP section 5.3.4, RFC 9449 section 7).

Reading first, then signatures, then what must be asked of others, and the replay memory last: a proof is used up
only by a request that passes everything else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from trustweft.protocol import bearer, dpop
from trustweft.protocol.sender_constraint import verify_sender
from trustweft.resource import paths
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.resource.inspection import Inspection

__all__ = ["PIPELINE", "GuardCheck"]

REVOKED = reason(
    "guard.token-revoked", error="invalid_token", public="The access token is revoked.", status=401
)


class GuardCheck(Protocol):
    """Establishes a fact about the request, or raises ``Reject``."""

    @property
    def __name__(self) -> str: ...

    def __call__(self, inspection: Inspection, /) -> Awaitable[None] | None:
        """Read the inspection, add to it, or refuse the request."""
        ...


def check_path(inspection: Inspection) -> None:
    """The path means the same to whoever reads it: the guard, the application, a proxy between them."""
    paths.check_path(inspection.request.path)


def read_token(inspection: Inspection) -> None:
    """The token stands in the one Authorization header, never in the query or the body."""
    inspection.presented = bearer.read_presented_token(inspection.request)


@enforces("RFC9068-4-p4")
async def verify_token(inspection: Inspection) -> None:
    """The token is the issuer's, for this resource server, and has not expired."""
    protection, presented = inspection.protection, inspection.presented.token
    keys = await protection.keys.key_set(presented)
    if protection.participation is not None:
        keys = protection.participation.believed(keys)
    inspection.token = protection.tokens.verify(
        presented,
        keys=keys,
        issuer=protection.issuer,
        audience=protection.audience,
        now=inspection.now,
        future_tolerance=protection.future_tolerance,
    )


def check_scheme(inspection: Inspection) -> None:
    """A bound token never comes as a bearer token (RFC 9449 section 7.2)."""
    bearer.check_scheme(inspection.presented, inspection.token)


@enforces("RFC9449-4.3-12", "RFC9449-7.1-p2")
def verify_proof(inspection: Inspection) -> None:
    """The proof was made for this request: its method, its configured URL, this token, now.

    A token that is bound to a certificate alone needs none: a proof beside it says nothing and is not looked at.
    """
    if inspection.token.jkt is None:
        inspection.proof = None
        return
    protection, request = inspection.protection, inspection.request
    inspection.proof = dpop.verify_proof(
        dpop.parse_proof_header(request.header_values("dpop")),
        method=request.method,
        urls=_urls(protection.base_urls, request.path),
        now=inspection.now,
        future_tolerance=protection.future_tolerance,
        maximum_age=protection.proof_maximum_age,
        algorithms=protection.signing_algorithms,
        access_token=inspection.presented.token,
    )


@lru_cache(maxsize=1024)
def _urls(base_urls: tuple[str, ...], path: str) -> tuple[str, ...]:
    return tuple(base + path for base in base_urls)


@enforces("RFC8705-3-p4.1")
def check_binding(inspection: Inspection) -> None:
    """The sender holds every key that the token is bound to: that of the proof, that of the certificate."""
    verify_sender(
        inspection.token.confirmation,
        proof=inspection.proof,
        client_certificate=inspection.request.client_certificate,
    )


@enforces("FAPI2-SP-6.2-1")
def check_nonce(inspection: Inspection) -> None:
    """The proof holds a nonce of this resource server, so it was not made in advance."""
    if inspection.proof is not None and inspection.protection.require_nonce:
        inspection.protection.nonces.check(inspection.proof.nonce, now=inspection.now)


def check_scope(inspection: Inspection) -> None:
    """The token covers what this request needs, or has details in place of the scope where the application judges."""
    wanted = inspection.detail_type
    if wanted is None or not any(detail.type == wanted for detail in inspection.details_here()):
        bearer.check_scope(inspection.token, inspection.scope)


def check_details(inspection: Inspection) -> None:
    """The token's authorization details, of those that are meant for this place, cover what this request needs."""
    if inspection.details:
        held = inspection.details_here()
        bearer.check_details(held, inspection.details, inspection.protection.detail_types)


def check_participation(inspection: Inspection) -> None:
    """Client, issuer, person and key of the token take part in the ecosystem, whatever the token says."""
    participation = inspection.protection.participation
    if participation is not None:
        kinds = [detail.type for detail in inspection.details]
        if inspection.detail_type is not None:
            kinds.append(inspection.detail_type)
        participation.check(inspection.token, scope=inspection.scope, kinds=kinds)


@enforces("FAPI2-SP-5.3.4-3")
async def check_status(inspection: Inspection) -> None:
    """Neither the token nor what it hangs off is revoked: the last that is asked about it after ``verify_token``."""
    active = await inspection.protection.revocations.is_active(
        inspection.token, presented=inspection.presented.token
    )
    if not active:
        raise REVOKED.reject(f"client_id={inspection.token.client_id}")


@enforces("FAPI2-SP-6.2-2")
async def remember_proof(inspection: Inspection) -> None:
    """The proof is used for the first time."""
    proof = inspection.proof
    if proof is None:
        return
    if not await inspection.protection.replays.first_use(key=proof.replay_key, expires_at=proof.expires_at):
        raise dpop.REPLAYED.reject(f"client_id={inspection.token.client_id}")


PIPELINE: Final[tuple[GuardCheck, ...]] = (
    check_path,
    read_token,
    verify_token,
    check_scheme,
    verify_proof,
    check_binding,
    check_nonce,
    check_scope,
    check_details,
    check_participation,
    check_status,
    remember_proof,
)
