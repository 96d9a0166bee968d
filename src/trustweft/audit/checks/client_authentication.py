"""Client authentication as such: that it is asked for, that it is of the registered kind, and that it is strong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from trustweft.audit.check import NotApplicable, check, failed, passed
from trustweft.audit.checks.client_assertion_forged import signing_door
from trustweft.audit.door import open_door, with_assertion
from trustweft.audit.exchange import form_request
from trustweft.audit.parties import basic, unauthenticated
from trustweft.audit.token_reading import introspector
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Request
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

SECRET_BITS: Final = 120.0  # RFC 6749 section 10.10 asks for 128; the estimate is a rough one
RSA_BITS: Final = 2048
CURVE_BITS: Final = 224
_ASYMMETRIC: Final = frozenset({"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"})
_SECRET: Final = frozenset({"client_secret_basic", "client_secret_post", "client_secret_jwt"})


@check(
    "CA-01",
    title="Nobody is taken for a client without its credentials",
    sends="a client's request with its client_id alone, and without anything",
    fix="Demand of each client the authentication that it is registered for.",
    requirements=("FAPI2-SP-5.3.2.1-3", "FAPI2-SP-5.3.2.1-6", "RFC9700-2.5-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-306",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def credentials_are_demanded(trial: Trial) -> Outcome:
    """A ``client_id`` is no secret: it stands in every authorization request (RFC 6749 section 2.2).

    The check sends a request that the client's credentials open, once with the client_id alone and once without.
    """
    door = open_door(trial)
    named = ("client_id", door.party.client_id)

    def bare(request: Request) -> Request:
        return unauthenticated(request, door.party)

    attacks = [
        door.knock("client_id alone", lambda request: bare(request).with_parameters(named)),
        door.knock("No client at all", bare),
        door.knock(
            "An empty assertion",
            lambda request: bare(request).with_parameters(
                named, ("client_assertion", ""), ("client_assertion_type", "")
            ),
        ),
    ]
    return trial.judge(
        attacks,
        accepted=door.entered,
        failure="A request without the client's credentials went through.",
        success="Without credentials the requests were refused.",
    )


@check(
    "CA-02",
    title="Clients authenticate with keys, not with shared secrets",
    sends="a good token request",
    fix="Register keys or certificates for clients: private_key_jwt or mutual TLS.",
    requirements=("FAPI2-SP-5.3.2.1-3", "FAPI2-SP-5.3.2.1-6", "RFC9700-2.5-p2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    reach=Reach.FAPI,
    rfc9700_attackers=("A5",),
    cwe="CWE-522",
    owasp="API2:2023",
    gives=("secret-shared",),
)
def clients_have_keys(trial: Trial) -> Outcome:
    """A secret is sent with every request and known to both sides: a log or a database of either gives it away.

    RFC 9700 section 2.5 advises asymmetric authentication, FAPI 2.0 demands it. The check sees how the clients of the
    target file really obtain tokens. A public client has nothing to share, which FAPI alone forbids.
    """
    weak: dict[str, str] = {}
    deployment = trial.deployment
    judged = [
        each for each in deployment.parties if deployment.claims_fapi or each.entry.authentication != "none"
    ]
    if deployment.parties and not judged:
        raise NotApplicable("every client of the target file is a public one")
    for party in judged:
        access = deployment.access(party)
        trial.observe(f"A token request of {party.client_id}", access.answer)
        if party.entry.authentication not in _ASYMMETRIC:
            weak[party.client_id] = party.entry.authentication
    trial.need(judged, "the target file names no client")
    if weak:
        named = ", ".join(f"{client} ({method})" for client, method in weak.items())
        return failed(f"Clients obtain tokens without an asymmetric credential: {named}.")
    return passed("Each client authenticates with a key or a certificate.")


@check(
    "CA-02-secret",
    title="A client that registered keys cannot authenticate with a secret",
    sends="a request of a client with keys, with empty and guessed client secrets",
    fix="Accept for each client only the one method that it is registered for.",
    requirements=("FAPI2-SP-5.3.2.1-6",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    cwe="CWE-287",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def no_secret_beside_keys(trial: Trial) -> Outcome:
    """Where the sender chooses the method, the weakest is the one that counts.

    A client without a secret has an empty one in many databases; the check sends that, and the client_id as a secret,
    in the header and in the form.
    """
    strong = [each for each in trial.deployment.parties if each.entry.authentication in _ASYMMETRIC]
    trial.need(strong, "no client of the target file authenticates with a key or a certificate")
    return _guess(trial, strong[0], ("", strong[0].client_id, "secret", "null"))


@check(
    "CA-02-wrong-secret",
    title="Only the whole and exact secret authenticates a client",
    sends="a client's request with an empty, a shortened and a changed secret",
    fix="Compare client secrets as a whole, in constant time.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-287",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def secrets_are_compared(trial: Trial) -> Outcome:
    """A comparison that ends early, ignores case or accepts nothing at all makes a secret worthless."""
    sharing = [each for each in trial.deployment.parties if each.entry.secret]
    trial.need(sharing, "no client of the target file has a secret")
    party = sharing[0]
    secret = party.entry.secret or ""
    guesses = {
        "",
        secret[:-1],
        f"{secret}x",
        secret.swapcase(),
        secret[:-1] + ("a" if secret[-1:] != "a" else "b"),
    }
    return _guess(trial, party, tuple(sorted(guesses - {secret})))


@check(
    "CA-08-issuer",
    title="The issuer of a client assertion is the client",
    sends="a client assertion whose iss is somebody else",
    fix="Demand that iss and sub are both the client_id.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-345",
    owasp="API2:2023",
)
def issuer_is_the_client(trial: Trial) -> Outcome:
    """In ``private_key_jwt`` the client speaks of itself (OpenID Connect Core section 9); another ``iss`` is another statement."""
    door, _ = signing_door(trial)
    attack = door.knock("Another iss", with_assertion(door.party, iss="https://attacker.example"))
    return trial.judge(
        [attack],
        accepted=door.entered,
        failure="An assertion with another iss authenticated the client.",
        success="An assertion with another iss was refused.",
    )


@check(
    "CA-08-client",
    title="A client cannot authenticate as itself and act as another",
    sends="a client's own assertion with another client's client_id, and with another client as sub",
    fix="Refuse a request whose client_id is not that of the authenticated client.",
    requirements=("FAPI2-SP-5.3.2.1-6",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-863",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def one_client_per_request(trial: Trial) -> Outcome:
    """RFC 7521 section 4.2: a ``client_id`` beside an assertion names the same client.

    Where one part of the server believes the assertion and another the parameter, a client acts as any other. The
    check also names another client as ``sub`` of an assertion that the first one issued and signed.
    """
    other = trial.deployment.party(1)
    door, _ = signing_door(trial)
    party = door.party if door.party is not other else trial.deployment.party()
    make = with_assertion(party)
    attacks = [
        door.knock(
            "Another client's client_id",
            lambda request: make(request).with_parameters(("client_id", other.client_id)),
        ),
        door.knock("Another client as sub", with_assertion(party, sub=other.client_id)),
    ]
    return trial.judge(
        attacks,
        accepted=door.entered,
        failure="A request named two clients and went through.",
        success="Requests that name two clients were refused.",
    )


@check(
    "CA-08-endpoints",
    title="No endpoint takes a request that names two clients",
    sends="introspection and revocation requests with another client's client_id",
    fix="Compare client_id with the authenticated client at every endpoint.",
    requirements=("FAPI2-SP-5.3.2.1-6",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-863",
)
def one_client_at_every_endpoint(trial: Trial) -> Outcome:
    """RFC 7521 section 4.2 holds wherever a client authenticates: what is said twice is never used in two senses."""
    deployment = trial.deployment
    other = ("client_id", "trustweft-check-somebody-else")
    attacks = []
    for name, party in (
        ("introspection_endpoint", introspector(deployment)),
        ("revocation_endpoint", deployment.party()),
    ):
        if not deployment.discovery.text(name) or party.entry.authentication != "private_key_jwt":
            continue
        url = deployment.plan(party).endpoint(name, party)
        asked = form_request(url, ("token", party.entropy.token()))
        trial.control(f"A good request to the {name}", deployment.wire.send(party.authenticate(asked)))
        attacks.append(
            trial.attack(f"Another client_id at the {name}", party.authenticate(asked).with_parameters(other))
        )
    trial.need(attacks, "no other endpoint than the token endpoint takes client assertions")
    return trial.judge(
        attacks,
        accepted=lambda each: each.ok,
        failure="An endpoint took a request that names two clients.",
        success="Requests that name two clients were refused.",
    )


@check(
    "CA-08-type",
    title="A client assertion comes with its type",
    sends="a client assertion with another client_assertion_type, and without",
    fix="Demand the client_assertion_type of RFC 7523.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-843",
)
def assertion_type_is_demanded(trial: Trial) -> Outcome:
    """RFC 7521 section 4.2 requires the parameter; it says by which rules the assertion is read."""
    door, _ = signing_door(trial)
    make = with_assertion(door.party)
    saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
    attacks = [
        door.knock(
            "The type of SAML", lambda request: make(request).with_parameters(("client_assertion_type", saml))
        ),
        door.knock("No type", lambda request: make(request).without_parameters("client_assertion_type")),
    ]
    return trial.judge(
        attacks,
        accepted=door.entered,
        failure="An assertion of another type authenticated the client.",
        success="Assertions of another type were refused.",
    )


@check(
    "CA-12",
    title="Clients' credentials are strong",
    sends="nothing: looks at the credentials in the target file",
    fix="Use secrets of 128 random bits or more, RSA keys of 2048 bits or more, curves of 224 bits or more.",
    requirements=("FAPI2-SP-5.4.1-2", "FAPI2-SP-5.4.1-3", "FAPI2-SP-5.4.1-4"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-521",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def credentials_are_strong(trial: Trial) -> Outcome:
    """A secret that a person made up is guessed (RFC 6749 section 10.10); FAPI 2.0 section 5.4.1 bounds keys.

    The server let this credential be registered, and takes it: the check first sees it obtain a token.
    """
    weak = []
    for party in trial.deployment.parties:
        answer = trial.deployment.access(party).answer
        trial.observe(f"A token request of {party.client_id}", answer)
        weakness = _weakness(party)
        if weakness:
            weak.append(f"{party.client_id}: {weakness}")
    if weak:
        return failed(f"Weak credentials are accepted: {'; '.join(weak)}.")
    return passed("No secret is short and no key is small.")


def _weakness(party: Party) -> str | None:
    if party.entry.authentication in _SECRET:
        bits = secret_bits(party.entry.secret or "")
        return f"a secret of about {bits:.0f} bits at most" if bits < SECRET_BITS else None
    key = party.key
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < RSA_BITS:
        return f"an RSA key of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size < CURVE_BITS:
        return f"a curve of {key.curve.key_size} bits"
    return None


def secret_bits(secret: str) -> float:
    """Return how many bits a secret can have at most, by its length and its kinds of characters."""
    kinds = (
        (str.isdigit, 10),
        (str.islower, 26),
        (str.isupper, 26),
        (lambda character: not character.isalnum(), 32),
    )
    symbols = sum(size for is_kind, size in kinds if any(map(is_kind, secret)))
    if set(secret.lower()) <= set("0123456789abcdef-"):
        symbols = 16
    return len(secret) * math.log2(symbols) if symbols else 0.0


def _guess(trial: Trial, party: Party, secrets: tuple[str, ...]) -> Outcome:
    door = open_door(trial, party)

    def in_header(secret: str) -> Callable[[Request], Request]:
        return lambda request: unauthenticated(request, party).with_header(
            "authorization", basic(party.client_id, secret)
        )

    def in_form(secret: str) -> Callable[[Request], Request]:
        return lambda request: unauthenticated(request, party).with_parameters(
            ("client_id", party.client_id), ("client_secret", secret)
        )

    attacks = []
    for secret in secrets:
        what = "an empty secret" if not secret else f"a wrong secret of {len(secret)} characters"
        attacks.append(door.knock(f"In the header, {what}", in_header(secret)))
        attacks.append(door.knock(f"In the form, {what}", in_form(secret)))
    return trial.judge(
        attacks,
        accepted=door.entered,
        failure="A wrong secret authenticated the client.",
        success="Wrong secrets were refused.",
    )
