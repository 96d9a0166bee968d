"""The modules of the outside suite's three plans for OpenID Federation: every name, in its order.

Read from the source of the OpenID Foundation's conformance suite, as of 2026-08-20: the plans
`openid-federation-deployed-entity-test-plan`, `openid-federation-entity-joined-to-test-federation-op-test-plan` and
`openid-federation-entity-joined-to-test-federation-rp-test-plan`. The names stand here and not beside the tests, so
that a test that is lost is missed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLIENT_MODULES", "ENTITY_MODULES", "SERVER_MODULES", "TESTED", "module"]

Test = TypeVar("Test", bound="Callable[..., object]")
_PREFIX: Final = "openid-federation-"
_AUTOMATIC: Final = f"{_PREFIX}automatic-client-registration-"
_CLIENT: Final = f"{_PREFIX}client-"

ENTITY_MODULES: Final = tuple(
    _PREFIX + name
    for name in (
        "entity-configuration",
        "ensure-fetch-with-invalid-sub-fails",
        "ensure-fetch-with-iss-as-sub-fails",
        "preconfigured-keys-match-trust-anchors-keys",
        "compare-trust-chain-to-resolve",
    )
)

SERVER_MODULES: Final = tuple(
    _AUTOMATIC + name
    for name in (
        "with-jar-and-get",
        "with-jar-and-post",
        "with-par",
        "with-jar-and-get-and-trust-chain",
        "with-jar-and-post-and-trust-chain",
        "with-par-and-trust-chain",
        "with-jar-and-encrypted-request-object",
        "invalid-client-id-in-request-object",
        "invalid-client-id-in-query-parameters",
        "invalid-signature-on-request-object",
        "invalid-signature-with-other-keys-on-request-object",
        "invalid-request-object-exp",
        "invalid-request-object-iss",
        "invalid-request-object-aud",
        "invalid-request-object-sub",
        "invalid-missing-request-object-jti",
        "invalid-missing-request-object-exp",
        "invalid-missing-request-object-iss",
        "invalid-missing-request-object-aud",
        "invalid-duplicate-request-object-jti",
        # In the suite, but commented out of its plan.
        "invalid-iss-in-entity-configuration",
        "expect-entity-configuration-request",
    )
)

CLIENT_MODULES: Final = tuple(
    _CLIENT + name
    for name in (
        "invalid-iss-in-entity-configuration",
        "invalid-sub-in-entity-configuration",
        "invalid-missing-exp-in-entity-configuration",
        "invalid-missing-iat-in-entity-configuration",
        "invalid-missing-client-registration-types-supported",
        "invalid-empty-client-registration-types-supported",
        "test",
        "valid-unknown-client-registration-types-supported",
        "invalid-aud-in-id-token",
        "invalid-iss-in-id-token",
    )
)

TESTED: Final[dict[str, str]] = {}


def module(name: str) -> Callable[[Test], Test]:
    """Tell which module a test is."""

    def keep(test: Test) -> Test:
        TESTED[name] = test.__name__
        return test

    return keep
