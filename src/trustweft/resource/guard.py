"""The guard: ``await guard.verify(request, scope=…)`` returns the proof of authorization, or refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.protocol.bearer import INSUFFICIENT_SCOPE, create_challenge
from trustweft.protocol.dpop_nonces import NONCE_HEADER
from trustweft.protocol.http import HttpResponse, json_response
from trustweft.protocol.oauth import error_fields
from trustweft.resource.checks import PIPELINE
from trustweft.resource.inspection import AuthorizationContext, Inspection
from trustweft.runtime.enforces import enforces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustweft.profile import Profile
    from trustweft.protocol.http import HttpRequest
    from trustweft.protocol.rar import AuthorizationDetail
    from trustweft.resource.checks import GuardCheck
    from trustweft.resource.inspection import Protection
    from trustweft.runtime.errors import Reject

__all__ = ["REASON_HEADER", "Guard"]

REASON_HEADER: Final = "trustweft-reason"  # the reason id, for people who must find out why
_PROOF_ERRORS: Final = frozenset({"invalid_dpop_proof", "use_dpop_nonce"})
_UNAUTHORIZED: Final = 401
_CHALLENGED: Final = frozenset({400, 401, 403})  # the others are not about the credentials


class Guard:
    """Verifies requests to one resource server.

    The order of the checks is that of ``checks.PIPELINE``; a test can pass another pipeline to see what is lost.
    """

    def __init__(self, protection: Protection, *, pipeline: Sequence[GuardCheck] = PIPELINE) -> None:
        self.protection = protection
        self._pipeline = tuple(pipeline)

    def adopt(self, profile: Profile) -> None:
        """Act by another profile: requests that arrive from now on; those under way end by the one they began with."""
        self.protection = self.protection.with_profile(profile)

    @enforces("RFC9449-7.1-p3")
    async def verify(
        self,
        request: HttpRequest,
        *,
        scope: Sequence[str] = (),
        details: Sequence[AuthorizationDetail] = (),
        detail_type: str | None = None,
    ) -> AuthorizationContext:
        """Return who acts, for which client, with which scope and authorization details.

        Args:
            request: as it arrived; the body is looked at only where it is a form.
            scope: every scope value that this request needs.
            details: every authorization detail that it needs: the token must hold one that is as wide or wider.
            detail_type: a type of which one detail may stand in place of the scope. The application MUST then check
                that one of ``authorization_details`` covers the request, once it has read it (``bearer.check_details``).

        Raises:
            Reject: ``bearer.*``, ``access-token.*``, ``dpop.*``, ``guard.*``, or from the sources of keys and status.
        """
        inspection = Inspection(self.protection, request, tuple(scope), tuple(details), detail_type)
        for check in self._pipeline:
            under_way = check(inspection)
            if under_way is not None:
                await under_way
        token = inspection.token
        return AuthorizationContext(
            token.subject, token.client_id, token.scope, token.grant_id, token, inspection.details_here()
        )

    @enforces("RFC9068-4-p5.1", "RFC9068-4-p5.2")
    def refusal(
        self, refused: Reject, *, scope: Sequence[str] = (), request: HttpRequest | None = None
    ) -> HttpResponse:
        """Return the answer to a refused request (RFC 6750 section 3, RFC 9449 sections 7.1 and 9).

        Args:
            refused: why.
            scope: every scope value that the request needs.
            request: which one; the challenge has its scheme.
        """
        why = refused.reason
        # RFC 9449 section 7.1: a bad proof at a resource is a 401, where the server's own endpoints say 400.
        status = _UNAUTHORIZED if why.error in _PROOF_ERRORS else why.status
        headers = (*refused.headers, (REASON_HEADER, why.id))
        if status in _CHALLENGED:
            challenge = create_challenge(
                why,
                resource_metadata=self.protection.resource_metadata,
                scope=scope if why is INSUFFICIENT_SCOPE else (),
                request=request,
            )
            headers = (challenge, *headers)
        if not any(name == NONCE_HEADER for name, _ in headers):
            headers = (*headers, *self.nonce_header())
        return json_response(error_fields(refused), status=status, headers=headers)

    def nonce_header(self) -> tuple[tuple[str, str], ...]:
        """Return the header that every answer brings: the nonce for the next proof (RFC 9449 section 9)."""
        if not self.protection.require_nonce:
            return ()
        return ((NONCE_HEADER, self.protection.nonces.current(self.protection.clock.now())),)
