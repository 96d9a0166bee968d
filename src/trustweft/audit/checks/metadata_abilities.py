"""What the metadata offers: nothing that is known to be weak, and nothing that FAPI 2.0 leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import check, failed, passed
from trustweft.audit.checks.metadata import documents
from trustweft.audit.verdict import Reach, Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_STRONG: Final = frozenset({"PS256", "ES256", "EdDSA", "Ed25519"})
_ASYMMETRIC: Final = frozenset({"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"})
_ENDPOINTS: Final = ("token", "introspection", "revocation")


def _lists(trial: Trial, ending: str) -> dict[str, tuple[str, ...]]:
    """Return the published lists whose names end in ``ending``."""
    discovery = trial.deployment.discovery
    documents(trial)
    found = {name: discovery.list(name) for name in sorted(discovery.metadata) if name.endswith(ending)}
    return {name: values for name, values in found.items() if values is not None}


def _unwanted(lists: dict[str, tuple[str, ...]], wanted: frozenset[str]) -> list[str]:
    return [
        f"{name}: {', '.join(sorted(set(values) - wanted))}"
        for name, values in lists.items()
        if set(values) - wanted
    ]


@check(
    "META-05-pushed",
    title="The metadata says that requests must be pushed",
    sends="requests for both well-known documents",
    fix="Publish pushed_authorization_request_endpoint, and require_pushed_authorization_requests as true.",
    requirements=("RFC9126-2-p2", "FAPI2-SP-5.3.2.2-2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    safety=Safety.PASSIVE,
    cwe="CWE-1059",
    owasp="API9:2023",
)
def metadata_demands_pushing(trial: Trial) -> Outcome:
    """A client that does not know better sends its parameters through the browser, where anybody reads and changes them."""
    discovery = trial.deployment.discovery
    trial.need(trial.deployment.claims_fapi, "the server does not claim FAPI")
    documents(trial)
    if not discovery.text("pushed_authorization_request_endpoint"):
        return failed("The metadata names no pushed_authorization_request_endpoint.")
    if not discovery.flag("require_pushed_authorization_requests"):
        return failed("The metadata does not say require_pushed_authorization_requests.")
    return passed("The metadata says that requests must be pushed, and where.")


@check(
    "META-05-iss",
    title="The metadata says that responses name their issuer",
    sends="requests for both well-known documents",
    fix="Send iss with every authorization response, and publish authorization_response_iss_parameter_supported.",
    requirements=("RFC9207-2.3-2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-346",
    owasp="API8:2023",
)
def metadata_announces_issuer(trial: Trial) -> Outcome:
    """A client that knows that iss comes can refuse a response without it, and so cannot be mixed up (RFC 9207)."""
    trial.need(trial.deployment.claims_fapi, "the server does not claim FAPI")
    documents(trial)
    if not trial.deployment.discovery.flag("authorization_response_iss_parameter_supported"):
        return failed("The metadata does not say authorization_response_iss_parameter_supported.")
    return passed("The metadata says that responses name their issuer.")


@check(
    "META-06",
    title="Clients are authenticated by asymmetric cryptography alone",
    sends="requests for both well-known documents",
    fix="Offer private_key_jwt and mutual TLS, and nothing else.",
    requirements=("FAPI2-SP-5.3.2.1-6", "FAPI2-SP-5.3.2.1-3", "RFC9700-2.5-p2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-287",
    owasp="API2:2023",
)
def methods_are_asymmetric(trial: Trial) -> Outcome:
    """A secret that both sides know leaks on either side, and travels with every request.

    RFC 9700 section 2.5 recommends private_key_jwt or mutual TLS, and FAPI 2.0 permits nothing else. Without a list
    the method is client_secret_basic (RFC 8414 section 2).
    """
    lists = _lists(trial, "_endpoint_auth_methods_supported")
    relevant = {
        f"{name}_endpoint_auth_methods_supported": lists.get(
            f"{name}_endpoint_auth_methods_supported",
            ("client_secret_basic",) if name == "token" else (),
        )
        for name in _ENDPOINTS
    }
    wrong = _unwanted(relevant, _ASYMMETRIC)
    if wrong:
        return failed(f"The server offers {'; '.join(wrong)}.")
    return passed("The server offers asymmetric methods alone.")


@check(
    "META-07",
    title="The metadata says that PKCE is supported, with S256",
    sends="requests for both well-known documents",
    fix="Support PKCE with S256, and publish code_challenge_methods_supported.",
    requirements=("RFC9700-2.1.1-p8.1", "RFC9700-2.1.1-p8.2", "RFC9700-4.7.1-p3.1", "RFC9700-4.7.1-p3.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1", "A3"),
    cwe="CWE-1059",
    owasp="API8:2023",
)
def metadata_offers_pkce(trial: Trial) -> Outcome:
    """A client that relies on PKCE must find out whether the server does it (RFC 9700 section 2.1.1).

    A server without PKCE ignores the parameters, and the client believes itself protected.
    """
    documents(trial)
    methods = trial.deployment.discovery.list("code_challenge_methods_supported")
    if methods is None or "S256" not in methods:
        return failed(f"code_challenge_methods_supported is {list(methods) if methods else 'missing'}.")
    return passed("The metadata offers S256.")


@check(
    "META-07-plain",
    title="The metadata offers no PKCE method but S256",
    sends="requests for both well-known documents",
    fix="Take plain out of code_challenge_methods_supported, and refuse it.",
    requirements=("FAPI2-SP-5.3.2.2-5",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A4",),
    fapi_attackers=("A3a",),
    cwe="CWE-757",
    owasp="API8:2023",
)
def metadata_offers_no_plain(trial: Trial) -> Outcome:
    """With plain, the challenge is the verifier: whoever reads the request can redeem the code."""
    documents(trial)
    methods = trial.deployment.discovery.list("code_challenge_methods_supported")
    trial.need(methods, "the server names no PKCE methods")
    others = sorted(set(methods or ()) - {"S256"})
    if others:
        return failed(f"The server offers {', '.join(others)}.")
    return passed("The server offers S256 alone.")


@check(
    "META-08-password",
    title="The password grant is not offered",
    sends="requests for both well-known documents",
    fix="Take password out of grant_types_supported, and refuse it at the token endpoint.",
    requirements=("RFC9700-2.4-p1", "FAPI2-SP-5.3.2.1-2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    cwe="CWE-522",
    owasp="API2:2023",
)
def password_grant_is_not_offered(trial: Trial) -> Outcome:
    """The password grant teaches people to give their password to applications (RFC 9700 section 2.4: MUST NOT)."""
    documents(trial)
    grants = trial.deployment.discovery.list("grant_types_supported") or ()
    if "password" in grants:
        return failed("The server offers the grant type password.")
    return passed(f"The server offers {', '.join(grants) or 'no grant types by name'}.")


@check(
    "META-08-implicit",
    title="No response type that puts a token into the address is offered",
    sends="requests for both well-known documents",
    fix="Offer the response type code alone.",
    requirements=("FAPI2-SP-5.3.2.2-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1", "A3"),
    fapi_attackers=("A1", "A3b"),
    cwe="CWE-598",
    owasp="API2:2023",
)
def implicit_is_not_offered(trial: Trial) -> Outcome:
    """Access tokens in addresses stay in histories and leak to scripts and referrers (RFC 9700 section 2.1.2).

    FAPI 2.0 permits code alone; elsewhere, response types with token in them are the finding.
    """
    documents(trial)
    types = trial.deployment.discovery.list("response_types_supported") or ()
    if trial.deployment.claims_fapi:
        wrong = [each for each in types if each != "code"]
    else:
        wrong = [each for each in types if "token" in each.split()]
    if wrong:
        return failed(f"The server offers the response types {'; '.join(wrong)}.")
    return passed(f"The server offers {'; '.join(types) or 'no response types by name'}.")


@check(
    "META-09",
    title="No algorithm but PS256, ES256 and EdDSA is offered",
    sends="requests for both well-known documents",
    fix="Offer PS256, ES256 and Ed25519 in every list of signing algorithms.",
    requirements=("FAPI2-SP-5.4.1-1.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI_ALONE,
    safety=Safety.PASSIVE,
    cwe="CWE-327",
    owasp="API8:2023",
)
def algorithms_are_strong(trial: Trial) -> Outcome:
    """FAPI 2.0 leaves out PKCS #1 v1.5, whose verifiers were fooled before, and shared secrets (section 5.4.1)."""
    trial.need(trial.deployment.claims_fapi, "the server does not claim FAPI, which names the algorithms")
    lists = _lists(trial, "_signing_alg_values_supported")
    trial.need(lists, "the server names no signing algorithms")
    wrong = _unwanted(lists, _STRONG)
    if wrong:
        return failed(f"The server offers {'; '.join(wrong)}.")
    return passed(f"All {len(lists)} lists have PS256, ES256 and EdDSA alone.")


@check(
    "META-09-none",
    title="The algorithm none is not offered for authentication and proofs",
    sends="requests for both well-known documents",
    fix="Take none, and for proofs every symmetric algorithm, out of the lists.",
    requirements=("FAPI2-SP-5.4.1-1.3", "RFC9449-11.6-p1.1", "RFC9449-11.6-p1.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
)
def none_is_not_offered(trial: Trial) -> Outcome:
    """A signature that may be missing proves nothing.

    RFC 8414 section 2 forbids it for client assertions, RFC 9449 section 5.1 for proofs, where symmetric algorithms
    make as little sense.
    """
    lists = _lists(trial, "_signing_alg_values_supported")
    relevant = {name: values for name, values in lists.items() if "auth_signing" in name or "dpop" in name}
    trial.need(relevant, "the server names no algorithms for authentication and proofs")
    wrong = [
        f"{name}: {value}"
        for name, values in relevant.items()
        for value in values
        if value.lower() == "none" or ("dpop" in name and value.startswith("HS"))
    ]
    if wrong:
        return failed(f"The server offers {'; '.join(wrong)}.")
    return passed("The server offers no algorithm that proves nothing.")
