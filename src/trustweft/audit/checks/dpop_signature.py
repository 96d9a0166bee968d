"""How a proof is signed, and that there is exactly one (RFC 9449 section 4.3, items 1 to 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from trustweft.audit.check import check
from trustweft.audit.forging import forge, forge_with_secret, public_pem, unsigned
from trustweft.audit.proving import attack_proofs, places
from trustweft.audit.verdict import Reach, Role, Severity
from trustweft.crypto.keys import LocalSigner, generate_private_key, private_jwk, public_jwk

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.proving import Forgery, ProofParts
    from trustweft.audit.trial import Trial

NONES: Final = ("none", "None", "NONE", "nOnE")
STRANGER: Final = LocalSigner("ES256", generate_private_key("ES256"))
_RSA_KEYS: Final = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


@check(
    "DP-08-type",
    title="A proof says that it is one",
    sends="proofs whose typ is missing, JWT or at+jwt",
    fix="Demand typ dpop+jwt in the header of every proof.",
    requirements=("RFC9449-4.3-4", "RFC9449-11.5-p1"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-345",
    owasp="API2:2023",
)
def proof_has_its_type(trial: Trial) -> Outcome:
    """A client signs other things as well; ``typ`` is what tells a proof from an assertion or a request object.

    Where it is not compared, whatever the key ever signed may serve as a proof (RFC 8725 section 3.11).
    """
    return attack_proofs(
        trial,
        places(trial),
        [
            ("a proof of type JWT", lambda parts: (parts.heading(typ="JWT").signed(),)),
            ("a proof without a type", lambda parts: (parts.heading(typ=None).signed(),)),
            ("a proof of type at+jwt", lambda parts: (parts.heading(typ="at+jwt").signed(),)),
        ],
        failure="A proof of another type was taken.",
        success="Proofs of other types were refused",
    )


@check(
    "DP-08-unsigned",
    title="A proof that nobody signed is refused",
    sends="proofs whose alg is none, in several spellings",
    fix="Take proofs with an allow-list of asymmetric algorithms only.",
    requirements=("RFC9449-4.3-5", "RFC9449-11.6-p1.2"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    fapi_attackers=("A5",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def unsigned_proofs_are_refused(trial: Trial) -> Outcome:
    """With ``none`` anybody makes proofs of any key, and a stolen token is worth what it was worth before DPoP."""
    return attack_proofs(
        trial,
        places(trial),
        [(f"a proof with alg {name}", _unsigned(name)) for name in NONES],
        failure="A proof without a signature was taken.",
        success="Proofs without a signature were refused",
    )


def _unsigned(algorithm: str) -> Forgery:
    return lambda parts: (unsigned(parts.heading(alg=algorithm).header, parts.claims),)


@check(
    "DP-08-signature",
    title="The signature of a proof is verified",
    sends="proofs with the token's key in jwk, signed with another key or with a broken signature",
    fix="Verify the signature of each proof with the key in its jwk.",
    requirements=("RFC9449-4.3-6",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    fapi_attackers=("A5",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def signatures_are_verified(trial: Trial) -> Outcome:
    """The public key of the holder is no secret: it stands in each proof. Only the signature shows who sent it."""
    return attack_proofs(
        trial,
        places(trial),
        [
            ("a proof signed with another key", _signed_by_stranger),
            ("a proof with an empty signature", lambda parts: (parts.signed().rpartition(".")[0] + ".",)),
            ("a proof with a signature of zeros", _signed_with_zeros),
            ("a proof changed after signing", _changed_after_signing),
        ],
        failure="A proof was taken whose signature is not that of its key.",
        success="Proofs with wrong signatures were refused",
    )


def _signed_by_stranger(parts: ProofParts) -> tuple[str]:
    return (forge(parts.header, parts.claims, key=STRANGER.private_key, sign_as="ES256"),)


def _signed_with_zeros(parts: ProofParts) -> tuple[str]:
    return (parts.signed().rpartition(".")[0] + "." + "A" * 86,)


def _changed_after_signing(parts: ProofParts) -> tuple[str]:
    signature = parts.signed().rpartition(".")[2]
    return (unsigned(parts.header, {**parts.claims, "jti": f"{parts.claims['jti']}x"}) + signature,)


@check(
    "DP-08-symmetric",
    title="A proof that is signed with a shared secret is refused",
    sends="proofs with alg HS256, made with the public key as the secret",
    fix="Take proofs with an allow-list of asymmetric algorithms only, each with keys of its own kind.",
    requirements=("RFC9449-4.3-5", "RFC9449-11.6-p1.1"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.HIGH,
    fapi_attackers=("A5",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("token-usable-by-thief",),
)
def symmetric_proofs_are_refused(trial: Trial) -> Outcome:
    """A verifier that takes the algorithm from the header may use a public key as an HMAC secret (RFC 8725 section 2.1)."""
    return attack_proofs(
        trial,
        places(trial),
        [
            ("a proof with HS256 and the public key", _with_public_secret),
            ("a proof with HS256 and a secret in jwk", _with_shown_secret),
        ],
        failure="A proof with a symmetric algorithm was taken.",
        success="Proofs with a symmetric algorithm were refused",
    )


def _with_public_secret(parts: ProofParts) -> tuple[str]:
    secret = public_pem(parts.signer.public_key)
    return (forge_with_secret(parts.heading(alg="HS256").header, parts.claims, secret=secret),)


def _with_shown_secret(parts: ProofParts) -> tuple[str]:
    header = parts.heading(alg="HS256", jwk={"kty": "oct", "k": "dHJ1c3R3ZWZ0LWNoZWNr"}).header
    return (forge_with_secret(header, parts.claims, secret=b"trustweft-check"),)


@check(
    "DP-08-private-key",
    title="A proof that shows a private key is refused",
    sends="proofs whose jwk holds the private key",
    fix="Refuse proofs whose jwk has a private member.",
    requirements=("RFC9449-4.3-7",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.LOW,
    cwe="CWE-321",
)
def private_keys_are_refused(trial: Trial) -> Outcome:
    """A client that shows its private key has lost it; taking such proofs hides the accident (section 4.3 item 7)."""
    return attack_proofs(
        trial,
        places(trial),
        [("a proof with a private key", _with_private_key)],
        failure="A proof that shows its private key was taken.",
        success="Proofs that show a private key were refused",
    )


def _with_private_key(parts: ProofParts) -> tuple[str]:
    return (parts.heading(jwk=private_jwk(parts.signer.private_key)).signed(),)


@check(
    "DP-08-algorithm",
    title="Proofs are signed with PS256, ES256 or EdDSA",
    sends="proofs by an RSA key with RS256, where no token is asked for with it",
    fix="Allow PS256, ES256 and EdDSA for proofs, and nothing else.",
    requirements=("FAPI2-SP-5.4.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    cwe="CWE-327",
)
def weak_algorithms_are_refused(trial: Trial) -> Outcome:
    """FAPI 2.0 section 5.4 allows three algorithms; RS256, the common default elsewhere, is none of them.

    The key of a proof at the token endpoint is free, so a proof with RS256 is right in all but its algorithm there.
    """
    found = [each for each in places(trial) if each.token is None]
    trial.need(found, "no endpoint here reads proofs before there is a token")
    return attack_proofs(
        trial,
        found,
        [("a proof with RS256", _with_rs256)],
        failure="A proof with RS256 was taken.",
        success="Proofs with RS256 were refused",
    )


def _with_rs256(parts: ProofParts) -> tuple[str]:
    header = parts.heading(alg="RS256", jwk=public_jwk(_RSA_KEYS.public_key())).header
    return (forge(header, parts.claims, key=_RSA_KEYS),)


@check(
    "DP-08-form",
    title="What is no signed token is no proof",
    sends="headers that are empty, garbage, JSON, a token of two parts, or one with a key missing",
    fix="Read the DPoP header strictly: one JWT in compact form with a jwk in its header.",
    requirements=("RFC9449-4.3-2", "RFC9449-5-p2"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-20",
    owasp="API2:2023",
)
def malformed_proofs_are_refused(trial: Trial) -> Outcome:
    """What cannot be read must be refused with 4xx: neither passed over, nor a crash (section 4.3 item 2)."""
    return attack_proofs(
        trial,
        places(trial),
        [
            ("garbage as the proof", lambda _: ("trustweft.is-no.proof",)),
            ("a proof as JSON", lambda parts: (msgspec.json.encode(parts.claims).decode(),)),
            ("a proof of two parts", lambda parts: (parts.signed().rpartition(".")[0],)),
            ("a proof without jwk", lambda parts: (parts.heading(jwk=None).signed(),)),
            ("a proof whose jwk is a string", lambda parts: (parts.heading(jwk="key").signed(),)),
        ],
        failure="Something that is no proof was taken for one.",
        success="What is no proof was refused",
    )


@check(
    "DP-09",
    title="Two proofs are refused",
    sends="two DPoP headers: a good proof before and after a bad one; two proofs joined by a comma",
    fix="Refuse a request with more than one DPoP header, and a header with a comma in it.",
    requirements=("RFC9449-4.3-1",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-436",
    owasp="API2:2023",
)
def two_proofs_are_refused(trial: Trial) -> Outcome:
    """Where two readers of one request take different headers, one of them verifies what the other does not use."""
    return attack_proofs(
        trial,
        places(trial),
        [
            ("a good and a foreign proof", lambda parts: (parts.signed(), _foreign(parts))),
            ("a foreign and a good proof", lambda parts: (_foreign(parts), parts.signed())),
            ("two proofs joined", lambda parts: (f"{parts.signed()}, {_foreign(parts)}",)),
        ],
        failure="A request with two proofs went through.",
        success="Requests with two proofs were refused",
    )


def _foreign(parts: ProofParts) -> str:
    header = {**parts.header, "alg": "ES256", "jwk": public_jwk(STRANGER.public_key)}
    return forge(header, {**parts.claims, "jti": f"{parts.claims['jti']}y"}, key=STRANGER.private_key)
