"""Client assertions that somebody else made: unsigned, signed with what is public, or with a key that they bring along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import check
from trustweft.audit.door import open_door
from trustweft.audit.forging import forge, forge_with_secret, public_pem, unsigned, with_claims
from trustweft.audit.parties import assertion_parameters
from trustweft.audit.verdict import Reach, Role, Severity
from trustweft.crypto.keys import generate_private_key, public_jwk
from trustweft.runtime.encoding import encode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.check import Outcome
    from trustweft.audit.door import Door
    from trustweft.audit.exchange import Request
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial
    from trustweft.crypto.algorithms import PrivateKey

P256_SIGNATURE = 64


def signing_door(trial: Trial) -> tuple[Door, PrivateKey]:
    """Return where the first client that signs assertions authenticates, and its key.

    Raises:
        NotApplicable: no client signs assertions with a key of its own.
    """
    signing = [each for each in trial.deployment.parties if each.entry.authentication == "private_key_jwt"]
    trial.need(signing, "no client of the target file authenticates with private_key_jwt")
    party = signing[0]
    if party.key is None:  # load_party refuses such an entry
        raise AssertionError(party.client_id)
    return open_door(trial, party), party.key


def carrying(make: Callable[[], str]) -> Callable[[Request], Request]:
    """Return what adds a fresh assertion to a request."""
    return lambda request: request.with_parameters(*assertion_parameters(make()))


def _refused(trial: Trial, door: Door, assertions: dict[str, Callable[[], str]], *, flaw: str) -> Outcome:
    attacks = [door.knock(label, carrying(make)) for label, make in assertions.items()]
    return trial.judge(
        attacks, accepted=door.entered, failure=flaw, success="The forged assertions were refused."
    )


@check(
    "CA-03-none",
    title="A client assertion without a signature is refused",
    sends="client assertions with alg none and with the signature taken off",
    fix="Allow a fixed list of asymmetric algorithms, and verify every assertion.",
    requirements=("FAPI2-SP-5.3.2.1-6.2", "FAPI2-SP-5.4.1-1.3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def unsigned_assertion(trial: Trial) -> Outcome:
    """``alg: none`` says that nothing needs to be verified; a library that obeys lets anybody be any client.

    RFC 8725 section 3.1 and 3.2. The check sends good claims with ``none`` in three spellings, and the client's own
    header with an empty signature.
    """
    door, _ = signing_door(trial)
    party = door.party
    assertions: dict[str, Callable[[], str]] = {
        f"alg {name}": lambda name=name: unsigned(  # type: ignore[misc]
            {**party.assertion_header(), "alg": name}, party.assertion_claims()
        )
        for name in ("none", "None", "NONE")
    }
    assertions["An empty signature"] = lambda: unsigned(party.assertion_header(), party.assertion_claims())
    return _refused(
        trial, door, assertions, flaw="An assertion without a signature authenticated the client."
    )


@check(
    "CA-03-hmac",
    title="A client's public key is no shared secret",
    sends="client assertions with HS256 whose secret is the client's public key, its id, or empty",
    fix="Bind each key to its algorithm; refuse symmetric algorithms for clients that registered keys.",
    requirements=("FAPI2-SP-5.3.2.1-6.2", "FAPI2-SP-5.4.1-1.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def public_key_as_secret(trial: Trial) -> Outcome:
    """A verifier that lets the header choose the algorithm uses the public key as an HMAC secret; everybody has that key.

    RFC 8725 section 2.1. The check signs good claims with HS256 and with what is public: the key as PEM, the client_id
    and nothing.
    """
    door, key = signing_door(trial)
    party = door.party
    header = {**party.assertion_header(), "alg": "HS256"}
    secrets = {
        "The public key as PEM": public_pem(key.public_key()),
        "The public key as PEM without its last line break": public_pem(key.public_key()).rstrip(b"\n"),
        "The client_id as secret": party.client_id.encode(),
        "An empty secret": b"",
    }
    return _refused(
        trial,
        door,
        {
            label: lambda secret=secret: forge_with_secret(header, party.assertion_claims(), secret=secret)  # type: ignore[misc]
            for label, secret in secrets.items()
        },
        flaw="An assertion that was signed with something public authenticated the client.",
    )


@check(
    "CA-03-other-key",
    title="A client assertion that another key signed is refused",
    sends="client assertions signed with a new key, and with another client's key",
    fix="Verify client assertions with the keys that the client registered, and with no other.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def assertion_of_another_key(trial: Trial) -> Outcome:
    """The signature must be that of the client named in ``sub``, not of any key that the server knows.

    RFC 7523 section 3: a signature that does not verify with the issuer's key is refused.
    """
    door, _ = signing_door(trial)
    party = door.party
    keys: dict[str, PrivateKey] = {"A new key": generate_private_key(party.algorithm)}
    for other in trial.deployment.parties:
        if other.key is not None and other is not party and other.algorithm == party.algorithm:
            keys[f"The key of {other.client_id}"] = other.key
    return _refused(
        trial,
        door,
        {
            label: lambda key=key: forge(party.assertion_header(), party.assertion_claims(), key=key)  # type: ignore[misc]
            for label, key in keys.items()
        },
        flaw="Another key's signature authenticated the client.",
    )


@check(
    "CA-03-changed",
    title="A client assertion that was changed after signing is refused",
    sends="a client assertion with other claims under the old signature, and with a signature of zeros",
    fix="Verify the signature over exactly the octets that came.",
    requirements=("FAPI2-SP-5.3.2.1-6.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def changed_assertion(trial: Trial) -> Outcome:
    """An old assertion that somebody found becomes a new one with another ``jti`` and ``exp``.

    A signature of zeros passed the verification of several libraries (CVE-2022-21449).
    """
    door, _ = signing_door(trial)
    party = door.party

    def zeros() -> str:
        return f"{party.assertion().rpartition('.')[0]}.{encode_base64url(bytes(P256_SIGNATURE))}"

    return _refused(
        trial,
        door,
        {
            "Another jti under the old signature": lambda: with_claims(
                party.assertion(), jti=party.entropy.token()
            ),
            "A signature of zeros": zeros,
        },
        flaw="An assertion whose signature does not fit authenticated the client.",
    )


@check(
    "CA-03-own-key",
    title="A key that an assertion brings along is not believed",
    sends="client assertions with jwk and jku headers, signed with a key of the attacker's",
    fix="Ignore jwk, jku, x5u and x5c of client assertions; take keys from the registration alone.",
    requirements=("FAPI2-SP-5.3.2.1-6.2", "FAPI2-SP-5.4.2-2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def key_in_the_header(trial: Trial) -> Outcome:
    """A signature that is verified with the key beside it proves nothing but that somebody has a key (RFC 8725 section 3.10)."""
    door, _ = signing_door(trial)
    party = door.party
    key = generate_private_key(party.algorithm)
    jwk = public_jwk(key.public_key())

    def bringing(**members: object) -> Callable[[], str]:
        header = {name: value for name, value in party.assertion_header().items() if name != "kid"}
        return lambda: forge({**header, **members}, party.assertion_claims(), key=key)

    return _refused(
        trial,
        door,
        {
            "jwk": bringing(jwk=jwk),
            "jwk with the client's kid": bringing(jwk=jwk, kid=party.key_id or "key"),
            "jku": bringing(jku="https://attacker.example/jwks", kid="attacker"),
        },
        flaw="The key that the assertion brought along authenticated the client.",
    )


@check(
    "CA-09",
    title="The kid of a client assertion is no path and no query",
    sends="client assertions whose kid leads to an empty file, or into a query",
    fix="Compare kid as a string with those of the client's registered keys.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-22",
    owasp="API8:2023",
    gives=("client-impersonated",),
)
def kid_is_only_compared(trial: Trial) -> Outcome:
    """A ``kid`` that is used as a file name or in a statement lets the sender choose the key.

    The check names an empty file and signs with an empty secret, and slips a secret of its own into a statement.
    """
    door, _ = signing_door(trial)
    party = door.party

    def with_kid(kid: str, secret: bytes) -> Callable[[], str]:
        header = {"alg": "HS256", "typ": "JWT", "kid": kid}
        return lambda: forge_with_secret(header, party.assertion_claims(), secret=secret)

    return _refused(
        trial,
        door,
        {
            "kid leads to an empty file": with_kid("../../../../../../dev/null", b""),
            "kid ends a statement": with_kid("x' UNION SELECT 'secret' -- ", b"secret"),
        },
        flaw="The kid of an assertion chose the key that it was verified with.",
    )


@check(
    "CA-03-algorithm",
    title="Client assertions are signed with PS256, ES256 or EdDSA",
    sends="a client assertion signed with RS256, or with the hash of another size",
    fix="Allow PS256, ES256 and EdDSA (Ed25519) alone, and of an RSA key no RS256.",
    requirements=("FAPI2-SP-5.4.1-1.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    cwe="CWE-327",
)
def algorithms_of_the_profile(trial: Trial) -> Outcome:
    """FAPI 2.0 section 5.4.1 names three algorithms; PKCS#1 v1.5 padding (RS256) is not among them."""
    door, key = signing_door(trial)
    party = door.party
    other = "RS256" if _is_rsa(party) else "ES384"
    header = {**party.assertion_header(), "alg": other}
    return _refused(
        trial,
        door,
        {other: lambda: forge(header, party.assertion_claims(), key=key)},
        flaw="An algorithm that FAPI does not allow authenticated the client.",
    )


def _is_rsa(party: Party) -> bool:
    return party.algorithm.startswith(("RS", "PS"))
