"""What cannot be meant: limits and duties of one profile that contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.profile.schema import Duties, Limits, Profile

__all__ = ["contradictions"]

# What is wrong, and when it is.
_RULES: Final[tuple[tuple[str, Callable[[Limits, Duties], bool]], ...]] = (
    (
        "client_assertion_lifetime is longer than client_assertion_max_lifetime, so a client's own assertions are refused",
        lambda limits, _: limits.client_assertion_lifetime > limits.client_assertion_max_lifetime,
    ),
    (
        "access_token_lifetime is longer than grant_lifetime, and a token dies with its grant",
        lambda limits, _: limits.access_token_lifetime > limits.grant_lifetime,
    ),
    (
        "refresh_token_lifetime is longer than grant_lifetime, and a token dies with its grant",
        lambda limits, _: limits.refresh_token_lifetime > limits.grant_lifetime,
    ),
    (
        "refresh_token_lifetime is shorter than access_token_lifetime, so a refresh token is dead before it is needed",
        lambda limits, _: limits.refresh_token_lifetime < limits.access_token_lifetime,
    ),
    (
        "grant_types has refresh_token without authorization_code, so nothing hands out a refresh token",
        lambda limits, _: (
            "refresh_token" in limits.grant_types and "authorization_code" not in limits.grant_types
        ),
    ),
    (
        "response_types has code without authorization_code in grant_types, so nobody can redeem a code",
        lambda limits, _: "code" in limits.response_types and "authorization_code" not in limits.grant_types,
    ),
    (
        "minimum_elliptic_curve_key_bits is above 256, and every elliptic-curve algorithm in signing_algorithms has 256",
        lambda limits, _: (
            limits.minimum_elliptic_curve_key_bits > 256  # noqa: PLR2004  # P-256 and Ed25519
            and bool({"ES256", "EdDSA"} & set(limits.signing_algorithms))
        ),
    ),
    (
        "require_client_authentication_at_par is asked for without confidential_clients_only: others cannot authenticate",
        lambda _, duties: (
            duties.require_client_authentication_at_par and not duties.confidential_clients_only
        ),
    ),
)


def contradictions(profile: Profile) -> tuple[str, ...]:
    """Return what is wrong, as sentences without a stop; nothing for a profile that can be meant."""
    return tuple(text for text, wrong in _RULES if wrong(profile.limits, profile.duties))
