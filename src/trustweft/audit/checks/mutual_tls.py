"""Tokens that are bound to certificates (RFC 8705), and proxies that end TLS in front of an API."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from cryptography.hazmat.primitives.serialization import Encoding

from trustweft.audit.check import check, failed, passed
from trustweft.audit.client_certificates import presented_certificate, same_name_certificate
from trustweft.audit.exchange import form_request
from trustweft.audit.forging import read_parts
from trustweft.audit.protected import EVERY, SAMPLE, as_it_is, attack_each, protected
from trustweft.audit.verdict import Role, Severity
from trustweft.audit.wire import Unreachable
from trustweft.runtime.encoding import encode_base64url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Pairs, Request
    from trustweft.audit.parties import Party
    from trustweft.audit.protected import Attack
    from trustweft.audit.trial import Trial

_PEM_HEADERS: Final = (
    "x-ssl-client-cert",
    "ssl-client-cert",
    "x-client-cert",
    "x-client-certificate",
    "x-forwarded-client-cert",
    "x-forwarded-tls-client-cert",
    "x-arr-clientcert",
    "x-amzn-mtls-clientcert",
    "x-amzn-mtls-clientcert-leaf",
    "ssl_client_cert",
)


def _bound_party(trial: Trial) -> tuple[Party, Access]:
    """Return a client whose tokens are bound to its certificate, and such a token.

    Raises:
        NotApplicable: there is none.
    """
    deployment = trial.deployment
    party = next((each for each in deployment.parties if deployment.plan(each).binding == "mtls"), None)
    trial.need(party is not None, "no client of the target file has tokens that are bound to a certificate")
    assert party is not None  # noqa: S101  # for the type: the line before left otherwise
    return party, deployment.access(party)


@check(
    "MT-01",
    title="A token that is bound to a certificate is refused without it",
    sends="a bound token over a connection without a certificate, to every reading operation",
    fix="Compare the certificate of the connection with cnf x5t#S256 in every operation.",
    requirements=("RFC8705-3-p4.1", "RFC8705-3-p4.3", "FAPI2-SP-5.3.4-5"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def certificate_is_demanded(trial: Trial) -> Outcome:
    """A thief of the token does not have the certificate's key; where no certificate is asked for, none is needed."""
    _, access = _bound_party(trial)

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        yield "without a certificate", as_it_is(_bearing(operation, access, certificate=None))

    return attack_each(
        trial,
        protected(trial, EVERY),
        attacks,
        access=access,
        failure="A bound token was taken without its certificate.",
        success="The bound token was refused without its certificate",
    )


def _bearing(operation: Operation, access: Access, *, certificate: str | None) -> Request:
    request = operation.request().with_header("authorization", f"Bearer {access.token}")
    return replace(request, certificate=certificate)


@check(
    "MT-01-other",
    title="A token that is bound to a certificate is refused with another",
    sends="a bound token over a connection with a self-made certificate of the same subject",
    fix="Compare the hash of the whole certificate, not its subject.",
    requirements=("RFC8705-3-p4.2", "FAPI2-SP-5.3.4-5"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-295",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def certificate_is_compared(trial: Trial) -> Outcome:
    """Anybody can make a certificate with any name in it. What binds the token is the hash (RFC 8705 section 3).

    A server that refuses unknown certificates in the handshake refuses as well.
    """
    party, access = _bound_party(trial)
    other = same_name_certificate(trial.deployment, party)

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        request = _bearing(operation, access, certificate=other)
        if _answered(trial, request):
            yield "with another certificate of the same name", as_it_is(request)

    return attack_each(
        trial,
        protected(trial, EVERY),
        attacks,
        access=access,
        failure="A bound token was taken with another certificate.",
        success="The bound token was refused with another certificate",
        refused_on_the_wire="Connections with another certificate are refused in the handshake.",
    )


def _answered(trial: Trial, request: Request) -> bool:
    try:
        trial.deployment.wire.send(request)
    except Unreachable:
        return False
    return True


@check(
    "MT-02",
    title="No certificate is believed that only a header shows",
    sends="a bound token without a certificate, with the holder's certificate in the headers that proxies use",
    fix="Let the proxy remove these headers from every request, and read them from its connection only.",
    requirements=("RFC8705-3-p4.1", "RFC9700-4.13-p5"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    cwe="CWE-290",
    owasp="API2:2023",
    gives=("token-usable-by-thief", "client-impersonated"),
)
def headers_show_no_certificate(trial: Trial) -> Outcome:
    """A certificate is public; what counts is the key, which only the handshake shows.

    Where TLS ends at a proxy, the certificate travels on in a header, and whoever may write that header is anybody.
    The check sends RFC 9440 and a dozen other headers from outside.
    """
    party, access = _bound_party(trial)
    demanding = (each for each in protected(trial, EVERY) if not _needs_none(trial, each, access))
    operations = list(islice(demanding, SAMPLE))
    trial.need(operations, "no operation asks for a certificate at all: see MT-01")

    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        bare = _bearing(operation, access, certificate=None)
        for label, headers in _certificate_headers(party):
            yield label, as_it_is(replace(bare, headers=(*bare.headers, *headers)))

    return attack_each(
        trial,
        operations,
        attacks,
        access=access,
        failure="A certificate was believed that only a header showed.",
        success="Certificates in headers were not believed",
    )


def _needs_none(trial: Trial, operation: Operation, access: Access) -> bool:
    """Whether an operation takes the token without any certificate: no header can make that worse."""
    without = trial.deployment.wire.send(_bearing(operation, access, certificate=None))
    return trial.observe(f"{operation.name} without a certificate", without).ok


def _certificate_headers(party: Party) -> list[tuple[str, Pairs]]:
    certificate = presented_certificate(party)
    pem = certificate.public_bytes(Encoding.PEM).decode()
    der = certificate.public_bytes(Encoding.DER)
    plain = b64encode(der).decode()
    verified: Pairs = (("x-ssl-client-verify", "SUCCESS"), ("ssl-client-verify", "SUCCESS"))
    return [
        ("the certificate by RFC 9440", (("client-cert", f":{plain}:"),)),
        (
            "the certificate as escaped PEM",
            (*((name, quote(pem, safe="")) for name in _PEM_HEADERS), *verified),
        ),
        ("the certificate in base64", (*((name, plain) for name in _PEM_HEADERS), *verified)),
        (
            "the certificate as Envoy writes it",
            (("x-forwarded-client-cert", f'Cert="{quote(pem, safe="")}"'),),
        ),
    ]


@check(
    "MT-02-token-endpoint",
    title="No client is authenticated by a certificate that only a header shows",
    sends="a token request without a certificate, with the client's certificate in the headers that proxies use",
    fix="Let the proxy remove these headers from every request, and read them from its connection only.",
    requirements=("RFC8705-2-p2", "RFC9700-4.13-p5"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-290",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def headers_authenticate_nobody(trial: Trial) -> Outcome:
    """The same at the server: with a header in place of a handshake, whoever has the certificate is the client."""
    party, good = _authenticated(trial)
    request = replace(good, certificate=None)
    attempts = [
        trial.attack(label, replace(request, headers=(*request.headers, *headers)))
        for label, headers in _certificate_headers(party)
    ]
    return trial.judge(
        attempts,
        accepted=lambda each: each.ok,
        failure="A client was authenticated by a header.",
        success=f"{len(attempts)} headers authenticated nobody.",
    )


def _authenticated(trial: Trial) -> tuple[Party, Request]:
    """Return a client that authenticates by its certificate, and a request with which that was shown to work.

    Raises:
        NotApplicable: there is none.
        Inconclusive: the request was refused.
    """
    deployment = trial.deployment
    party = next(
        (each for each in deployment.parties if "tls_client_auth" in each.entry.authentication), None
    )
    trial.need(party is not None, "no client of the target file authenticates by a certificate")
    assert party is not None  # noqa: S101  # for the type: the line before left otherwise
    if "client_credentials" in party.entry.grant_types:
        url = deployment.plan(party).endpoint("token_endpoint", party)
        own = form_request(url, ("grant_type", "client_credentials"), ("scope", party.entry.scope))
        request = party.authenticate(own)
    else:
        request = deployment.flow(party).pushed_request()
    trial.control("A request with the certificate", deployment.wire.send(request))
    return party, request


@check(
    "MT-03",
    title="A token that is bound to a certificate says to which",
    sends="nothing further: looks into an access token",
    fix="Put cnf x5t#S256, the SHA-256 hash of the DER certificate, without padding, into the token.",
    requirements=("RFC8705-3.1-p1", "RFC8705-3.1-p2.1", "RFC8705-3.1-p2.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-345",
)
def token_names_its_certificate(trial: Trial) -> Outcome:
    """A resource server can hold a token to its certificate only where the token says which (RFC 8705 section 3.1)."""
    party, access = _bound_party(trial)
    _, claims = read_parts(access.token)
    trial.need(claims, "access tokens are not JWTs here: only introspection says what binds them")
    trial.observe("The answer with the token", access.answer)
    confirmation = claims.get("cnf")
    named = confirmation.get("x5t#S256") if isinstance(confirmation, dict) else None
    expected = encode_base64url(sha256(presented_certificate(party).public_bytes(Encoding.DER)).digest())
    if named != expected:
        return failed(f"The token's cnf x5t#S256 is {named!r}, and the certificate's hash is {expected}.")
    return passed("The token's cnf x5t#S256 is the hash of the client's certificate.")


@check(
    "MT-06",
    title="A client's certificate by an unknown issuer authenticates nobody",
    sends="a pushed request with a self-made certificate of the client's name",
    fix="Verify the chain of a tls_client_auth client up to the named authorities; compare self-signed ones as a whole.",
    requirements=("RFC8705-2-p3.2", "RFC8705-7.4-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-295",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def unknown_issuers_authenticate_nobody(trial: Trial) -> Outcome:
    """The registered name is public; what makes it worth something is who signed the certificate that has it."""
    party, good = _authenticated(trial)
    request = replace(good, certificate=same_name_certificate(trial.deployment, party))
    if not _answered(trial, request):
        return passed("A connection with a self-made certificate is refused in the handshake.")
    attempt = trial.attack("The request with a self-made certificate of the same name", request)
    return trial.judge(
        [attempt],
        accepted=lambda each: each.ok,
        failure="A self-made certificate of the client's name authenticated the client.",
        success="A self-made certificate of the client's name authenticated nobody.",
    )


@check(
    "MT-04",
    title="The API behind its gateway cannot be reached past it",
    sends="operations at the origin that the target file names, without a token",
    fix="Let the origin take connections from the gateway only, and verify tokens itself.",
    requirements=("RFC9700-4.13-p6",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-288",
    owasp="API8:2023",
    gives=("anonymous-access",),
)
def origin_is_closed(trial: Trial) -> Outcome:
    """Whatever the gateway checks is not checked by whoever finds the machine behind it."""
    apis = [each for each in trial.deployment.target.apis if each.origin]
    trial.need(apis, "the target file names no origin behind a gateway")
    operations = [each for each in protected(trial, EVERY, with_userinfo=False) if each.api.origin]
    trial.need(operations, "no operation is known of an API with an origin behind a gateway")

    def attacks(operation: Operation, _access: Access) -> Iterable[Attack]:
        origin = (operation.api.origin or "").rstrip("/")
        path = operation.url.removeprefix(operation.api.url.rstrip("/"))
        request = replace(operation.request(), url=origin + path)
        if _answered(trial, request):
            yield "at its origin without a token", as_it_is(request)

    return attack_each(
        trial,
        operations,
        attacks,
        failure="The origin behind the gateway answers without a token.",
        success="The origin behind the gateway refuses as well",
        refused_on_the_wire="The origin behind the gateway does not answer.",
    )


@check(
    "MT-05",
    title="The addresses for certificates are those of the same endpoints",
    sends="nothing further: compares mtls_endpoint_aliases with the endpoints",
    fix="Name in mtls_endpoint_aliases https addresses of endpoints that the metadata names as well.",
    requirements=("RFC8705-5-p2", "FAPI2-SP-5.2.2.1-2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-16",
)
def aliases_are_coherent(trial: Trial) -> Outcome:
    """Clients with certificates go by the aliases (RFC 8705 section 5): one by http, or to nowhere, breaks or exposes them."""
    deployment = trial.deployment
    aliases = deployment.discovery.metadata.get("mtls_endpoint_aliases")
    trial.need(isinstance(aliases, dict) and aliases, "the server names no mtls_endpoint_aliases")
    assert isinstance(aliases, dict)  # noqa: S101  # for the type: the line before left otherwise
    unknown = [name for name in aliases if not deployment.discovery.text(str(name))]
    plain = [name for name, url in aliases.items() if not str(url).startswith("https://")]
    if plain or unknown:
        return failed(f"Aliases not by https: {plain}; of endpoints that are not named: {unknown}.")
    token_url = aliases.get("token_endpoint")
    if isinstance(token_url, str):
        deployment.wire.allow(token_url)
        request = form_request(token_url, ("grant_type", "client_credentials"))
        trial.observe("The token endpoint for certificates", deployment.wire.send(request))
    return passed(f"{len(aliases)} aliases are https addresses of endpoints that the metadata names.")
