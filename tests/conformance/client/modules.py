"""The 24 modules of the suite's plan ``fapi2-security-profile-final-client-test-plan`` (release 5.2.4)."""

from __future__ import annotations

from typing import Final

from conformance.catalogue import Module

__all__ = ["MODULES", "PREFIX", "module_of"]

PREFIX: Final = "fapi2-security-profile-final-client-test-"
_TESTS: Final = "tests/conformance/client/test_modules.py::"


def _module(name: str, *, mutant: str) -> Module:
    function = f"test_{name.replace('-', '_')}"
    return Module(name=f"{PREFIX}{name}", role="client", test=f"{_TESTS}{function}", mutant=mutant)


def _elsewhere(name: str, why: str) -> Module:
    return Module(name=name, role="client", test="", mutant="", not_applicable=why)


MODULES: Final[tuple[Module, ...]] = (
    _module("happy-path", mutant="the code challenge is the verifier itself"),
    _module("discovery-issuer-mismatch", mutant="the issuer in the metadata is not compared"),
    _module("invalid-iss", mutant="the iss of the ID token is not compared"),
    _module("invalid-aud", mutant="the aud of the ID token is not compared"),
    _module("invalid-secondary-aud", mutant="further audiences of the ID token are trusted"),
    _module("invalid-null-alg", mutant="the signature of the ID token is not verified"),
    _module("invalid-alternate-alg", mutant="RS256 with the right key is good enough"),
    _module("invalid-expired-exp", mutant="the exp of the ID token is not compared"),
    _module("invalid-missing-exp", mutant="an ID token without exp lasts"),
    _module("invalid-missing-aud", mutant="an ID token without aud is for everybody"),
    _module("invalid-missing-iss", mutant="an ID token without iss is the server's"),
    _module("valid-aud-as-array", mutant="the aud of the ID token has to be a string"),
    _module("invalid-nonce", mutant="the nonce of the ID token is not compared"),
    _module("invalid-missing-nonce", mutant="an ID token without nonce is of this request"),
    _module("invalid-authorization-response-iss", mutant="the iss of the response is not compared"),
    _module("remove-authorization-response-iss", mutant="a response without iss is the server's"),
    _module(
        "ensure-authorization-response-with-invalid-state-fails",
        mutant="the state of the response is not compared",
    ),
    _module(
        "ensure-authorization-response-with-invalid-missing-state-fails",
        mutant="a response without state is of this request",
    ),
    _module("token-endpoint-response-without-expires_in", mutant="expires_in is demanded"),
    _module("token-type-case-insensitivity", mutant="the token type is compared octet by octet"),
    _module("rs-dpop-auth-scheme-case-insensitivity", mutant="the challenge is compared octet by octet"),
    _module("happy-path-no-dpop-nonce", mutant="every proof has the same jti"),
    _elsewhere(
        f"{PREFIX}invalid-openbanking-intent-id",
        "Open Banking UK and Consumer Data Right alone: plain FAPI knows no openbanking_intent_id.",
    ),
    _elsewhere(
        "fapi2-security-profile-final-client-refresh-token-test",
        "Brazil, CBUAE and KSA alone. What it asks for, refreshing twice with rotation, is in"
        " tests/unit/client/test_refreshing.py.",
    ),
)
_BY_FUNCTION: Final = {module.test.removeprefix(_TESTS): module for module in MODULES if module.test}


def module_of(function: str) -> Module:
    """Return the module that a test function does."""
    return _BY_FUNCTION[function]
