"""What the server publishes about itself: both documents, where they are, and whether they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from trustweft.audit.check import check, failed, passed
from trustweft.audit.verdict import Reach, Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

# Members that decide what a client does; two documents that differ in one send clients two ways.
_DECISIVE: Final = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "pushed_authorization_request_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
    "tls_client_certificate_bound_access_tokens",
    "mtls_endpoint_aliases",
    "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
    "dpop_signing_alg_values_supported",
)


def documents(trial: Trial) -> dict[str, Exchange]:
    """Return the documents that the server publishes, by a name for each, and keep them as evidence.

    Raises:
        NotApplicable: there is none.
    """
    discovery = trial.deployment.discovery
    named = {
        "the metadata of RFC 8414": discovery.oauth,
        "the metadata of OpenID Connect": discovery.openid,
    }
    found = {name: each for name, each in named.items() if each is not None and each.ok and each.document()}
    trial.need(found, "the server publishes no metadata")
    for name, each in found.items():
        trial.observe(name, each)
    return found


@check(
    "META-01",
    title="The server publishes its metadata",
    sends="requests for both well-known documents",
    fix="Publish the metadata at the well-known addresses of RFC 8414 and OpenID Connect Discovery.",
    requirements=("FAPI2-SP-5.3.2.1-1", "RFC9700-2.6-p2.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    reach=Reach.FAPI_ALONE,
    safety=Safety.PASSIVE,
    cwe="CWE-1059",
    owasp="API9:2023",
)
def metadata_is_published(trial: Trial) -> Outcome:
    """Clients that read endpoints and abilities of the server cannot be misled by a page, a mail or a mistyped address.

    FAPI 2.0 demands the document, and RFC 9700 section 2.6 recommends it.
    """
    deployment = trial.deployment
    trial.need(
        deployment.claims_fapi or deployment.discovery.published,
        "the server publishes no metadata, and does not claim FAPI, which would demand it",
    )
    missing = []
    for name, each in (
        ("RFC 8414", deployment.discovery.oauth),
        ("OpenID Connect Discovery", deployment.discovery.openid),
    ):
        if each is not None:
            trial.observe(f"The well-known address of {name}", each)
        if each is None or not each.ok or not each.document():
            missing.append(name)
    if not deployment.discovery.published:
        return failed("The server publishes no metadata at either well-known address.")
    return passed(
        "The server publishes its metadata."
        if not missing
        else f"The server publishes its metadata, but not where {missing[0]} puts it."
    )


@check(
    "META-01-members",
    title="The metadata has what clients need",
    sends="requests for both well-known documents",
    fix="Publish issuer, response_types_supported and every endpoint that the grants need, as JSON.",
    requirements=("FAPI2-SP-5.3.2.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.PASSIVE,
    cwe="CWE-1059",
    owasp="API9:2023",
)
def metadata_is_complete(trial: Trial) -> Outcome:
    """RFC 8414 section 2 names what must be there; a client that has to guess the rest can be told the wrong thing."""
    wrong = []
    for name, each in documents(trial).items():
        document = each.document()
        required = ["issuer", "response_types_supported"]
        grants = document.get("grant_types_supported", ["authorization_code", "implicit"])
        if isinstance(grants, list) and "authorization_code" in grants:
            required += ["authorization_endpoint", "token_endpoint"]
        if "OpenID" in name:
            required += ["jwks_uri", "subject_types_supported", "id_token_signing_alg_values_supported"]
        wrong += [f"{name} has no {member}" for member in required if not document.get(member)]
        if not (each.header("content-type") or "").lower().startswith("application/json"):
            wrong.append(f"{name} is sent as {each.header('content-type')}")
    if wrong:
        return failed(f"{'; '.join(wrong)}.")
    return passed("Each document has what its specification demands.")


@check(
    "META-02",
    title="The metadata names the issuer that it was asked of",
    sends="requests for both well-known documents",
    fix="Publish as issuer exactly the identifier under which the document is found.",
    requirements=("RFC9207-2.3-p1", "RFC9207-2.3-1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-346",
    owasp="API8:2023",
)
def issuer_is_its_own(trial: Trial) -> Outcome:
    """A client tells servers apart by the issuer; RFC 8414 section 3.3 wants it equal, octet by octet.

    Clients that compare refuse such a server. Clients that gave up comparing because of it can be mixed up.
    """
    issuer = trial.deployment.target.issuer
    wrong = [
        f"{name} says {each.document().get('issuer')!r}"
        for name, each in documents(trial).items()
        if each.document().get("issuer") != issuer
    ]
    if wrong:
        return failed(f"The issuer is {issuer}, and {'; '.join(wrong)}.")
    return passed(f"Each document names the issuer {issuer}.")


@check(
    "META-02-form",
    title="The issuer is an https URL without query and fragment",
    sends="requests for both well-known documents",
    fix="Use an https URL without query and fragment as the issuer identifier.",
    requirements=("RFC9207-2-p2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-319",
    owasp="API8:2023",
)
def issuer_is_a_good_url(trial: Trial) -> Outcome:
    """RFC 8414 section 2: everything else is fetched from what this URL names, so it must not be fetched in the clear."""
    wrong = []
    for name, each in documents(trial).items():
        issuer = str(each.document().get("issuer", ""))
        if not issuer.startswith("https://") or "?" in issuer or "#" in issuer:
            wrong.append(f"{name} says {issuer!r}")
    if wrong:
        return failed(f"{'; '.join(wrong)}.")
    return passed("The issuer is an https URL without query and fragment.")


@check(
    "META-03",
    title="Both metadata documents say the same",
    sends="requests for both well-known documents",
    fix="Make both documents from one source.",
    requirements=("FAPI2-SP-5.3.2.1-1", "RFC9068-4-p2.3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.PASSIVE,
    cwe="CWE-436",
    owasp="API9:2023",
)
def documents_agree(trial: Trial) -> Outcome:
    """Clients read one or the other. Where they differ, one of them describes a server that is not there.

    Compared are the members that decide what a client does: endpoints, keys, methods and flags. A member that only
    one document has is no contradiction.
    """
    found = list(documents(trial).values())
    trial.need(len(found) > 1, "the server publishes one document only")
    first, second = (each.document() for each in found)
    differing = [
        name
        for name in _DECISIVE
        if name in first and name in second and _comparable(first[name]) != _comparable(second[name])
    ]
    if differing:
        return failed(f"The documents differ in {', '.join(differing)}.")
    return passed("Both documents say the same.")


def _comparable(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, list) else value


@check(
    "META-04",
    title="Every published endpoint is reached over TLS",
    sends="requests for both well-known documents",
    fix="Publish https URLs alone, and serve nothing over plain http.",
    requirements=("FAPI2-SP-5.2.1-1", "RFC9126-2-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-319",
    owasp="API8:2023",
    gives=("code-leaks", "token-leaks"),
)
def endpoints_are_encrypted(trial: Trial) -> Outcome:
    """A client goes where the metadata sends it. One http address is enough for whoever is on the way.

    Looked at are all members that name endpoints or keys, and the aliases for mutual TLS.
    """
    discovery = trial.deployment.discovery
    trial.need(discovery.published, "the server publishes no metadata")
    for each in (discovery.oauth, discovery.openid):
        if each is not None and each.ok:
            trial.observe("A metadata document", each)
    addresses = {name: value for name, value in discovery.metadata.items() if isinstance(value, str)}
    aliases = discovery.metadata.get("mtls_endpoint_aliases")
    if isinstance(aliases, dict):
        addresses |= {f"the alias of {name}": str(value) for name, value in aliases.items()}
    endpoints = {
        name: value for name, value in addresses.items() if name.endswith("_endpoint") or name == "jwks_uri"
    }
    wrong = [f"{name} ({value})" for name, value in endpoints.items() if urlsplit(value).scheme != "https"]
    if wrong:
        return failed(f"Not https: {', '.join(wrong)}.")
    return passed(f"All {len(endpoints)} addresses are https.")
