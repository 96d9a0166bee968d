"""One request as the guard inspects it, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from trustweft.crypto.algorithms import ALGORITHMS
from trustweft.protocol.rar import holds_at
from trustweft.resource.tokens import TokenCache

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from trustweft.crypto.keys import KeySet
    from trustweft.profile import Profile
    from trustweft.protocol.access_token import AccessToken
    from trustweft.protocol.bearer import PresentedToken
    from trustweft.protocol.dpop import Proof
    from trustweft.protocol.dpop_nonces import Nonces
    from trustweft.protocol.http import HttpRequest
    from trustweft.protocol.rar import AuthorizationDetail, DetailType
    from trustweft.resource.participation import Participation
    from trustweft.resource.storage import ReplayMemory, RevocationSource
    from trustweft.runtime.clock import Clock

__all__ = ["AuthorizationContext", "Inspection", "IssuerKeys", "Protection"]


class IssuerKeys(Protocol):
    """Knows the keys of the authorization server."""

    def key_set(self, token: str) -> Awaitable[KeySet]:
        """Return the key set for this token; it is fetched anew, within bounds, where the token names an unknown key.

        Raises:
            Reject: ``issuer-keys.unavailable``: the guard fails closed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """What the guard of one resource server goes by.

    Attributes:
        issuer: the one authorization server whose tokens are accepted.
        audience: the resource server's own identifier, as it stands in ``aud``.
        base_urls: the public URLs that clients reach it by, without a trailing slash: what ``htu`` begins with.
        resource_metadata: the URL of its description (RFC 9728), told in every challenge.
        future_tolerance: seconds that ``iat`` may be ahead.
        proof_maximum_age: seconds that a proof may be old.
        tokens: the tokens that verified lately.
        require_nonce: whether proofs must hold a nonce of ours (RFC 9449 section 9).
        signing_algorithms: those that proofs may be signed with, by their canonical names.
        participation: says who takes part; None where no directory does.
        detail_types: how authorization details of each type compare (RFC 9396); their schemas are not looked at here.
    """

    issuer: str
    audience: str
    base_urls: tuple[str, ...]
    resource_metadata: str | None
    keys: IssuerKeys
    replays: ReplayMemory
    revocations: RevocationSource
    nonces: Nonces
    clock: Clock
    future_tolerance: float
    proof_maximum_age: float
    require_nonce: bool = True
    signing_algorithms: tuple[str, ...] = ALGORITHMS
    tokens: TokenCache = field(default_factory=TokenCache)
    participation: Participation | None = None
    detail_types: Mapping[str, DetailType] = field(default_factory=dict)

    def with_profile(self, profile: Profile) -> Protection:
        """Return the same with the limits and duties of another profile."""
        limits = profile.limits
        return replace(
            self,
            nonces=self.nonces.every(limits.dpop_nonce_step),
            future_tolerance=limits.future_tolerance,
            proof_maximum_age=limits.dpop_proof_max_age,
            require_nonce=profile.duties.require_dpop_nonce,
            signing_algorithms=limits.signing_algorithms,
        )


class AuthorizationContext(Struct, frozen=True):
    """What the application behind the guard may rely on.

    Attributes:
        authorization_details: those of the token that are meant for this place.
    """

    subject: str
    client_id: str
    scope: tuple[str, ...]
    grant_id: str | None
    token: AccessToken
    authorization_details: tuple[AuthorizationDetail, ...] = ()


class Inspection:
    """The facts of one request; a fact that nobody established raises ``AttributeError``: a hole fails closed."""

    __slots__ = (
        "detail_type",
        "details",
        "now",
        "presented",
        "proof",
        "protection",
        "request",
        "scope",
        "token",
    )

    protection: Protection
    request: HttpRequest
    scope: tuple[str, ...]
    details: tuple[AuthorizationDetail, ...]
    detail_type: str | None
    now: float
    presented: PresentedToken  # read_token
    token: AccessToken  # verify_token
    proof: Proof | None  # verify_proof; None where a certificate alone binds the token

    def __init__(
        self,
        protection: Protection,
        request: HttpRequest,
        scope: tuple[str, ...],
        details: tuple[AuthorizationDetail, ...] = (),
        detail_type: str | None = None,
    ) -> None:
        self.protection = protection
        self.request = request
        self.scope = scope
        self.details = details
        self.detail_type = detail_type
        self.now = protection.clock.now()

    def details_here(self) -> tuple[AuthorizationDetail, ...]:
        """Return the authorization details of the token that are meant for this place."""
        held, protection = self.token.authorization_details, self.protection
        if not held:
            return ()
        urls = [base + self.request.path for base in (protection.audience, *protection.base_urls)]
        return tuple(detail for detail in held if holds_at(detail, audience=protection.audience, urls=urls))
