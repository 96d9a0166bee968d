"""The server's modules on one screen: where each is tested, which variants it is for, and which mutant it notices.

Marks, as in the suite: D for tokens bound by DPoP only, P for clients that sign assertions only, O for OpenID Connect
only, C for the client credentials grant too. Beside the suite's: M for tokens bound by certificates only, T for
clients that authenticate by certificate only, S for requests by scope only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from conformance.catalogue import Module
from conformance.examiner.variants import CLIENT_CREDENTIALS, RICH_REQUESTS, VARIANTS

if TYPE_CHECKING:
    from conformance.examiner.variants import Variant

__all__ = ["BEYOND", "EXAMINED", "MODULES", "Examined"]

_PREFIX: Final = "fapi2-security-profile-final-"
_FOLDER: Final = "tests/conformance/server"


class Examined(NamedTuple):
    """One module: its name without the prefix, the file of its test, a mutant's name, and its marks."""

    name: str
    file: str
    mutant: str
    marks: str = ""

    @property
    def test(self) -> str:
        """The pytest node id."""
        function = "test_" + self.name.replace("-", "_").lower()
        return f"{_FOLDER}/{self.file}.py::{function}"

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants that the suite runs it in."""
        every = (*VARIANTS, *RICH_REQUESTS, *(CLIENT_CREDENTIALS if "C" in self.marks else ()))
        return tuple(
            variant
            for variant in every
            if ("D" not in self.marks or variant.dpop)
            and ("M" not in self.marks or not variant.dpop)
            and ("T" not in self.marks or not variant.signs_assertions)
            and ("S" not in self.marks or not variant.rich_request)
            and ("P" not in self.marks or variant.signs_assertions)
            and ("O" not in self.marks or variant.openid)
        )


EXAMINED: Final = (
    Examined("discovery-end-point-verification", "test_flows", "metadata that offers RS256", "C"),
    Examined("happy-flow", "test_flows", "a guard without check_binding", "C"),
    Examined("user-rejects-authentication", "test_flows", "a denial that nobody minds"),
    Examined("ensure-authorization-request-without-state-success", "test_authorization", "a state that nobody sent"),
    Examined("ensure-authorization-request-without-nonce-success", "test_authorization", "a nonce that nobody sent", "O"),
    Examined("ensure-authorization-request-with-64-char-nonce-success", "test_authorization", "nonces of 63 characters", "O"),
    Examined("ensure-other-scope-order-succeeds", "test_authorization", "a scope that must begin with openid", "O"),
    Examined("test-claims-parameter-identity-claims", "test_authorization", "parameters that are ignored", "O"),
    Examined("access-token-type-header-case-sensitivity", "test_flows", "schemes in one case only", "C"),
    Examined("check-dpop-proof-nbf-exp", "test_dpop", "proofs that may hold no exp", "DC"),
    Examined("ensure-dpopproof-with-iat-10seconds-before-succeeds", "test_dpop", "proofs of this second only", "DC"),
    Examined("ensure-dpopproof-with-iat-10seconds-after-succeeds", "test_dpop", "clocks that must agree", "DC"),
    Examined("ensure-mismatched-dpop-jkt-fails", "test_dpop", "pushed keys that are not compared", "D"),
    Examined("ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt", "test_dpop", "codes without a key", "D"),
    Examined("ensure-token-endpoint-fails-with-mismatched-dpop-jkt", "test_dpop", "codes without a key", "D"),
    Examined("ensure-dpopproof-at-par-endpoint-binding-success", "test_dpop", "codes bound to another key", "D"),
    Examined("ensure-dpop-auth-code-binding-success", "test_dpop", "codes bound to another key", "D"),
    Examined("ensure-different-nonce-inside-and-outside-request-object", "test_authorization", "a query that is believed", "O"),
    Examined("ensure-different-state-inside-and-outside-request-object", "test_authorization", "a query that is believed"),
    Examined("ensure-authorization-request-with-long-nonce", "test_authorization", "state and nonce that are cut", "O"),
    Examined("ensure-authorization-request-with-long-state", "test_authorization", "state and nonce that are cut"),
    Examined("state-only-outside-request-object-not-used", "test_authorization", "a query that is believed"),
    Examined("ensure-request-object-without-redirect-uri-fails", "test_authorization", "a default redirect URI"),
    Examined("ensure-registered-redirect-uri", "test_authorization", "redirect URIs that are not compared"),
    Examined("plain-fapi-tolerate-unregistered-redirect-uri", "test_authorization", "redirect URIs refused with another error"),
    Examined("ensure-unsigned-authorization-request-without-using-par-fails", "test_authorization", "requests that need not be pushed"),
    Examined("ensure-redirect-uri-in-authorization-request", "test_authorization", "a default redirect URI"),
    Examined("ensure-response-type-code-idtoken-fails", "test_authorization", "any response type"),
    Examined("ensure-response-type-token-fails", "test_authorization", "any response type"),
    Examined("ensure-client-id-in-token-endpoint", "test_token_endpoint", "credentials of anybody, codes of any client", "C"),
    Examined("ensure-holder-of-key-required", "test_token_endpoint", "tokens for whoever asks", "C"),
    Examined("ensure-authorization-code-is-bound-to-client", "test_token_endpoint", "codes of any client"),
    Examined("attempt-reuse-authorization-code-after-one-second", "test_token_endpoint", "codes that are never spent"),
    Examined("ensure-token-endpoint-fails-with-expired-auth-code", "test_token_endpoint", "codes of two minutes"),
    Examined("ensure-signed-client-assertion-with-RS256-fails", "test_client_assertions", "credentials of anybody", "PC"),
    Examined("ensure-client-assertion-in-token-endpoint", "test_client_assertions", "credentials of anybody", "PC"),
    Examined("ensure-client-assertion-with-exp-is-5-minutes-in-past-fails", "test_client_assertions", "assertions that never expire", "PC"),
    Examined("ensure-client-assertion-with-wrong-aud-fails", "test_client_assertions", "assertions for anybody", "PC"),
    Examined("ensure-client-assertion-with-no-sub-fails", "test_client_assertions", "credentials of anybody", "PC"),
    Examined("dpop-negative-tests", "test_dpop_negative", "a guard without remember_proof", "DC"),
    Examined("refresh-token", "test_refresh_token", "refresh tokens of any client"),
    Examined("par-ensure-reused-request-uri-prior-to-auth-completion-succeeds", "test_request_uri", "request URIs spent by a look"),
    Examined("par-attempt-reuse-request_uri", "test_request_uri", "request URIs that are never spent"),
    Examined("par-attempt-to-use-expired-request_uri", "test_request_uri", "request URIs that never expire"),
    Examined("par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted", "test_client_assertions", "clocks that must agree", "P"),
    Examined("par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails", "test_client_assertions", "clocks that need not agree", "P"),
    Examined("par-attempt-to-use-request_uri-for-different-client", "test_request_uri", "request URIs of any client"),
    Examined("par-authorization-request-containing-request_uri-form-param", "test_request_uri", "a request URI in a pushed request"),
    Examined("par-attempt-invalid-http-method", "test_request_uri", "any method"),
    Examined("par-ensure-pkce-required", "test_pkce", "any code challenge"),
    Examined("ensure-pkce-code-verifier-required", "test_pkce", "any code verifier"),
    Examined("incorrect-pkce-code-verifier-rejected", "test_pkce", "any code verifier"),
    Examined("par-plain-pkce-rejected", "test_pkce", "any code challenge"),
    Examined("par-without-duplicate-parameters", "test_request_uri", "a scope that must stand in the query"),
    Examined("par-test-array-as-audience-fails", "test_client_assertions", "assertions for anybody", "P"),
    Examined("par-test-par-endpoint-url-as-audience-fails", "test_client_assertions", "assertions for anybody", "P"),
    Examined("par-test-token-endpoint-url-as-audience-fails", "test_client_assertions", "assertions for anybody", "P"),
)  # fmt: skip

# What the suite has no module for.
BEYOND: Final = (
    Examined("resources-refuse-foreign-tokens", "test_resources", "tokens that anybody signed", "C"),
    Examined("resources-refuse-tokens-for-others", "test_resources", "tokens for any audience", "CS"),
    Examined("resources-refuse-a-lesser-scope", "test_resources", "a guard without check_scope", "O"),
    Examined("resources-see-a-revocation-in-five-seconds", "test_resources", "a guard without check_status"),
    Examined("resources-follow-a-new-key", "test_resources", "a guard that looks up keys once"),
    Examined("tokens-are-bound-to-certificates", "test_certificates", "a guard without check_binding", "M"),
    Examined("certificates-authenticate-their-client-alone", "test_certificates", "certificates that nobody looks at", "T"),
    Examined("redirects-are-303", "test_beyond_the_suite", "redirects with 302"),
    Examined("authorization-endpoint-sends-no-cors", "test_beyond_the_suite", "an authorization endpoint with CORS"),
    Examined("request-uris-live-less-than-600-seconds", "test_beyond_the_suite", "request URIs of ten minutes"),
    Examined("assertions-serve-once-at-all-endpoints", "test_beyond_the_suite", "assertions without a memory", "P"),
    Examined("errors-name-the-issuer", "test_beyond_the_suite", "errors of nobody"),
    Examined("codes-are-bound-to-their-redirect-uri", "test_beyond_the_suite", "codes for any redirect URI"),
    Examined("pushing-needs-credentials", "test_beyond_the_suite", "pushed requests of anybody"),
)  # fmt: skip

_ELSEWHERE: Final = {
    "australia-connectid-ensure-invalid-purpose-fails": "only for fapi_profile=connectid_au",
    "ensure-server-handles-non-matching-intent-id": "only for fapi_profile=openbanking_uk",
    "test-essential-acr-sca-claim": "only for fapi_profile=openbanking_uk",
    "brazil-ensure-bad-payment-signature-fails": "only for fapi_profile=openbanking_brazil",
    "australia-connectid-test-claims-parameter-idtoken-identity-claims": "only for fapi_profile=connectid_au",
}

MODULES: Final = (
    *(Module(name=_PREFIX + row.name, role="server", test=row.test, mutant=row.mutant) for row in EXAMINED),
    *(
        Module(name=_PREFIX + name, role="server", test="", mutant="", not_applicable=why)
        for name, why in _ELSEWHERE.items()
    ),
)
