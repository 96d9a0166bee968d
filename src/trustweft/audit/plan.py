"""How a client talks to this server: the strictest way that both know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive

if TYPE_CHECKING:
    from trustweft.audit.discovery import Discovery
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.parties import Party
    from trustweft.audit.target import Binding

__all__ = ["Plan", "make_plan"]

# Where a token is bound to a certificate, or used with it.
_BOUND: Final = ("token_endpoint", "userinfo_endpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one client talks to the server.

    Attributes:
        pushes: authorization requests are pushed (RFC 9126).
        pkce: a challenge comes with each.
        binding: how tokens are bound.
        nonce: an OpenID Connect nonce comes with each, because ``openid`` is in the scope.
    """

    discovery: Discovery
    pushes: bool
    pkce: bool
    binding: Binding
    nonce: bool

    def endpoint(self, name: str, party: Party) -> str:
        """Return the endpoint that this party uses: an alias where its certificate must be seen (RFC 8705 section 5).

        Whoever authenticates otherwise shows the certificate only where tokens are bound to it.
        """
        bound = self.binding == "mtls" and name in _BOUND
        by_certificate = bound or "tls_client_auth" in party.entry.authentication
        return self.discovery.endpoint(name, certificate=by_certificate)

    def expect(self, exchange: Exchange, member: str, what: str) -> str:
        """Return a member of a good answer.

        Raises:
            Inconclusive: the answer is another.
        """
        value = exchange.text(member)
        if not exchange.ok or not value:
            raise Inconclusive(f"{what} was refused: {exchange.shows}")
        return value


def make_plan(discovery: Discovery, party: Party) -> Plan:
    """Return how ``party`` talks to the server that says this of itself."""
    methods = discovery.list("code_challenge_methods_supported")
    return Plan(
        discovery=discovery,
        pushes=bool(discovery.text("pushed_authorization_request_endpoint")),
        # A server that names no method may still know PKCE, and one that does not ignores it.
        pkce=methods is None or "S256" in methods,
        binding=party.entry.binding or _binding(discovery, party),
        nonce="openid" in party.entry.scope.split(),
    )


def _binding(discovery: Discovery, party: Party) -> Binding:
    if discovery.list("dpop_signing_alg_values_supported"):
        return "dpop"
    if party.certificate is not None and discovery.flag("tls_client_certificate_bound_access_tokens"):
        return "mtls"
    return "none"
