"""The modules of the outside suite's two plans for the FAPI 2.0 Security Profile (Final): every name, in its order.

Read from the source of the OpenID Foundation's conformance suite, release 5.2.4: the plans
`fapi2-security-profile-final-test-plan` and `fapi2-security-profile-final-client-test-plan`. The names stand here and
not beside the tests, so that a test that is lost is missed.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CLIENT_MODULES", "SERVER_MODULES"]

_PREFIX: Final = "fapi2-security-profile-final-"

SERVER_MODULES: Final = tuple(
    _PREFIX + name
    for name in (
        "discovery-end-point-verification",
        "happy-flow",
        "user-rejects-authentication",
        "ensure-authorization-request-without-state-success",
        "ensure-authorization-request-without-nonce-success",
        "ensure-authorization-request-with-64-char-nonce-success",
        "ensure-other-scope-order-succeeds",
        "test-claims-parameter-identity-claims",
        "access-token-type-header-case-sensitivity",
        "check-dpop-proof-nbf-exp",
        "ensure-dpopproof-with-iat-10seconds-before-succeeds",
        "ensure-dpopproof-with-iat-10seconds-after-succeeds",
        "ensure-mismatched-dpop-jkt-fails",
        "ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt",
        "ensure-token-endpoint-fails-with-mismatched-dpop-jkt",
        "ensure-dpopproof-at-par-endpoint-binding-success",
        "ensure-dpop-auth-code-binding-success",
        "ensure-different-nonce-inside-and-outside-request-object",
        "ensure-different-state-inside-and-outside-request-object",
        "ensure-authorization-request-with-long-nonce",
        "ensure-authorization-request-with-long-state",
        "state-only-outside-request-object-not-used",
        "ensure-request-object-without-redirect-uri-fails",
        "ensure-registered-redirect-uri",
        "plain-fapi-tolerate-unregistered-redirect-uri",
        "ensure-unsigned-authorization-request-without-using-par-fails",
        "ensure-redirect-uri-in-authorization-request",
        "ensure-response-type-code-idtoken-fails",
        "australia-connectid-ensure-invalid-purpose-fails",
        "ensure-response-type-token-fails",
        "ensure-client-id-in-token-endpoint",
        "ensure-holder-of-key-required",
        "ensure-authorization-code-is-bound-to-client",
        "attempt-reuse-authorization-code-after-one-second",
        "ensure-token-endpoint-fails-with-expired-auth-code",
        "ensure-signed-client-assertion-with-RS256-fails",
        "ensure-client-assertion-in-token-endpoint",
        "ensure-client-assertion-with-exp-is-5-minutes-in-past-fails",
        "ensure-client-assertion-with-wrong-aud-fails",
        "ensure-client-assertion-with-no-sub-fails",
        "dpop-negative-tests",
        "refresh-token",
        "ensure-server-handles-non-matching-intent-id",
        "test-essential-acr-sca-claim",
        "brazil-ensure-bad-payment-signature-fails",
        "australia-connectid-test-claims-parameter-idtoken-identity-claims",
        "par-ensure-reused-request-uri-prior-to-auth-completion-succeeds",
        "par-attempt-reuse-request_uri",
        "par-attempt-to-use-expired-request_uri",
        "par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted",
        "par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails",
        "par-attempt-to-use-request_uri-for-different-client",
        "par-authorization-request-containing-request_uri-form-param",
        "par-attempt-invalid-http-method",
        "par-ensure-pkce-required",
        "ensure-pkce-code-verifier-required",
        "incorrect-pkce-code-verifier-rejected",
        "par-plain-pkce-rejected",
        "par-without-duplicate-parameters",
        "par-test-array-as-audience-fails",
        "par-test-par-endpoint-url-as-audience-fails",
        "par-test-token-endpoint-url-as-audience-fails",
    )
)

CLIENT_MODULES: Final = tuple(
    _PREFIX + name
    for name in (
        "client-test-happy-path",
        "client-test-discovery-issuer-mismatch",
        "client-test-invalid-iss",
        "client-test-invalid-aud",
        "client-test-invalid-secondary-aud",
        "client-test-invalid-null-alg",
        "client-test-invalid-alternate-alg",
        "client-test-invalid-expired-exp",
        "client-test-invalid-missing-exp",
        "client-test-invalid-missing-aud",
        "client-test-invalid-missing-iss",
        "client-test-valid-aud-as-array",
        "client-test-invalid-nonce",
        "client-test-invalid-missing-nonce",
        "client-test-invalid-authorization-response-iss",
        "client-test-remove-authorization-response-iss",
        "client-test-ensure-authorization-response-with-invalid-state-fails",
        "client-test-ensure-authorization-response-with-invalid-missing-state-fails",
        "client-test-token-endpoint-response-without-expires_in",
        "client-test-token-type-case-insensitivity",
        "client-test-rs-dpop-auth-scheme-case-insensitivity",
        "client-test-happy-path-no-dpop-nonce",
        "client-test-invalid-openbanking-intent-id",
        "client-refresh-token-test",
    )
)
