"""Forged tokens: a real one with its claims, and one thing wrong with how it is signed (RFC 8725, RFC 9068 section 4)."""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from trustweft.audit.canary import Canary
from trustweft.audit.check import check, failed, passed
from trustweft.audit.forging import (
    forge,
    forge_with_secret,
    public_pem,
    read_parts,
    with_claims,
    without_signature,
)
from trustweft.audit.protected import EVERY, SAMPLE, attack_each, protected, with_token
from trustweft.audit.verdict import Role, Severity, Verdict
from trustweft.audit.verifying import read_key
from trustweft.crypto.keys import LocalSigner, generate_private_key, public_jwk
from trustweft.crypto.local_authority import create_self_signed
from trustweft.runtime.encoding import decode_base64url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trustweft.audit.access import Access
    from trustweft.audit.api import Operation
    from trustweft.audit.check import Outcome
    from trustweft.audit.protected import Attack
    from trustweft.audit.trial import Trial

NONES: Final = ("none", "None", "NONE", "nOnE")
DAY: Final = 86_400
_STRANGE: Final = "trustweft"
_EC: Final = LocalSigner("ES256", generate_private_key("ES256"))
_RSA: Final = LocalSigner("PS256", generate_private_key("PS256"))
# What people leave in tutorials, sample configurations and container images.
_SECRETS: Final = (
    "secret", "Secret", "SECRET", "secretkey", "secret_key", "secret-key", "SECRET_KEY", "mysecret", "mysecretkey",
    "my-secret-key", "my_secret_key", "supersecret", "supersecretkey", "super-secret-key", "super_secret_key", "password",
    "Password", "passw0rd", "changeme", "change-me", "changeit", "default", "test", "testing", "test-secret", "dev",
    "dev-secret", "development", "key", "random", "jwt", "jwtsecret", "jwt_secret", "jwt-secret", "JWT_SECRET",
    "jwt_secret_key", "your-256-bit-secret", "your_secret_key", "your-secret-key", "yoursecretkey", "admin", "token",
    "123456", "1234567890", "12345678", "qwerty", "letmein", "private", "hs256", "HS256", "api", "apikey", "app",
    "example", "demo", "crapi", "gfg_jwt_secret_key", "a-string-secret-at-least-256-bits-long", "s3cr3t", "s3cret",
    "shhhhh", "shhhhhared-secret", "keyboard cat", "thisisasecret", "this-is-a-secret", "this is a secret", "abc123",
    "0", "", "null", "undefined", "insecure", "insecure-secret", "not-so-secret", "topsecret", "top-secret",
)  # fmt: skip


def _parts(trial: Trial) -> tuple[dict[str, object], dict[str, object]]:
    header, claims = read_parts(trial.deployment.access().token)
    trial.need(claims, "access tokens are not JWTs here: there is no signature to forge")
    return header, claims


def _try(
    trial: Trial, tokens: Mapping[str, str], *, failure: str, success: str, limit: int = SAMPLE
) -> Outcome:
    def attacks(operation: Operation, access: Access) -> Iterable[Attack]:
        for label, token in tokens.items():
            yield label, with_token(trial.deployment, operation, access, token)

    return attack_each(trial, protected(trial, limit), attacks, failure=failure, success=success)


def _signer(header: Mapping[str, object]) -> tuple[LocalSigner, str]:
    """Return a stranger's key that fits the algorithm of the real token."""
    algorithm = str(header.get("alg", ""))
    if algorithm.startswith("ES"):
        return _EC, "ES256"
    return _RSA, algorithm if algorithm.startswith(("RS", "PS")) else "RS256"


@check(
    "RS-04-signature",
    title="The signature of a token is verified by every operation",
    sends="a real token with a changed claim, and one signed with a stranger's key",
    fix="Verify the signature with a key of the issuer before anything of the token is used.",
    requirements=("RFC9068-4-5", "FAPI2-SP-5.3.4-3"),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def signatures_are_verified(trial: Trial) -> Outcome:
    """A token that is only decoded says whatever its sender likes.

    All claims stay as they were but one that nobody compares, so that a refusal is for the signature. Every operation
    is tried: often one of many reads the token by another way.
    """
    header, claims = _parts(trial)
    token = trial.deployment.access().token
    signer, algorithm = _signer(header)
    return _try(
        trial,
        {
            "a changed token": with_claims(token, trustweft=True),
            "a token by a stranger": forge({**header, "alg": algorithm}, claims, key=signer.private_key),
        },
        failure="A token was taken whose signature is not the issuer's.",
        success="Tokens with wrong signatures were refused",
        limit=EVERY,
    )


@check(
    "RS-04-unsigned",
    title="A token without a signature is refused",
    sends="a real token with alg none in several spellings, and with its signature cut off",
    fix="Verify tokens with an allow-list of algorithms that does not depend on what the token says.",
    requirements=("RFC9068-4-5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def unsigned_tokens_are_refused(trial: Trial) -> Outcome:
    """The algorithm ``none`` made many libraries take anything; a filter for the word often misses other spellings."""
    _parts(trial)
    token = trial.deployment.access().token
    cut = token.rpartition(".")[0]
    return _try(
        trial,
        {
            **{f"a token with alg {name}": without_signature(token, algorithm=name) for name in NONES},
            "a token with an empty signature": f"{cut}.",
            "a token with the text none as signature": f"{without_signature(token)}bm9uZQ",
        },
        failure="A token without a signature was taken.",
        success="Tokens without a signature were refused",
    )


@check(
    "RS-04-zeros",
    title="A signature of zeros is refused",
    sends="a real token with alg ES256 and a signature of zeros",
    fix="Use a library that demands r and s between 1 and the order of the curve.",
    requirements=("RFC9068-4-5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def signatures_of_zeros_are_refused(trial: Trial) -> Outcome:
    """CVE-2022-21449: with r = s = 0 some runtimes called any ECDSA signature good, whatever was signed."""
    header, claims = _parts(trial)
    signed = forge({**header, "alg": "ES256"}, claims, key=_EC.private_key).rpartition(".")[0]
    return _try(
        trial,
        {
            "64 zero octets as signature": f"{signed}.{'A' * 86}",
            "zeros in DER as signature": f"{signed}.MAYCAQACAQA",
        },
        failure="A signature of zeros was taken.",
        success="Signatures of zeros were refused",
    )


@check(
    "RS-04-symmetric",
    title="A public key is not taken for a secret",
    sends="a real token with alg HS256, made with the server's public keys as the secret",
    fix="Bind each key to its algorithm; never verify HMACs with what is published.",
    requirements=("RFC9068-4-5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def public_keys_are_no_secrets(trial: Trial) -> Outcome:
    """A verifier that lets the token choose the algorithm uses the public key as an HMAC secret (RFC 8725 section 2.1)."""
    header, claims = _parts(trial)
    secrets = _published(trial)
    trial.need(secrets, "the server publishes no keys")
    forged = {**header, "alg": "HS256"}
    return _try(
        trial,
        {
            f"a token with HS256 and {label}": forge_with_secret(forged, claims, secret=secret)
            for label, secret in secrets.items()
        },
        failure="A token was taken that is signed with a public key as the secret.",
        success="Tokens with a published key as the secret were refused",
    )


def _published(trial: Trial) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, document in enumerate(trial.deployment.discovery.keys[:2]):
        try:
            pem = public_pem(read_key(document))
        except (ValueError, KeyError):
            continue
        found[f"key {number} as PEM"] = pem
        found[f"key {number} as PEM without its last line break"] = pem.rstrip(b"\n")
        found[f"key {number} as JWK"] = msgspec.json.encode(document)
    return found


@check(
    "RS-04-embedded-key",
    title="A key that comes with the token is not believed",
    sends="a token by a stranger with the stranger's key in jwk or x5c",
    fix="Take keys from the issuer's key set only; pass over jwk, x5c, jku and x5u.",
    requirements=("RFC9068-4-5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def embedded_keys_are_not_believed(trial: Trial) -> Outcome:
    """CVE-2018-0114: a library verified the token with the key that the token itself brought along."""
    header, claims = _parts(trial)
    tokens: dict[str, str] = {}
    for label, signer in (("an EC key", _EC), ("an RSA key", _RSA)):
        jwk: dict[str, Any] = {**public_jwk(signer.public_key), "kid": "trustweft"}
        algorithm = signer.algorithm
        brought = {**header, "alg": algorithm, "kid": "trustweft", "jwk": jwk}
        tokens[f"{label} in jwk"] = forge(brought, claims, key=signer.private_key)
        kept = {**header, "alg": algorithm, "jwk": {**jwk, "kid": header.get("kid")}}
        tokens[f"{label} in jwk under the issuer's kid"] = forge(kept, claims, key=signer.private_key)
    plain = {**header, "alg": "RS256", "jwk": public_jwk(_RSA.public_key)}
    tokens["an RSA key in jwk, with RS256"] = forge(plain, claims, key=_RSA.private_key)
    return _try(
        trial,
        tokens,
        failure="A token was verified with the key that it brought along.",
        success="Keys that came with tokens were not believed",
    )


@check(
    "RS-04-key-address",
    title="A token does not say where its key is",
    sends="a token by a stranger whose jku or x5u is an address of the auditor's, where that key lies",
    fix="Take keys from the address that the issuer's metadata names; pass over jku and x5u, and fetch neither.",
    requirements=("RFC9068-4-5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def key_addresses_are_not_followed(trial: Trial) -> Outcome:
    """Whoever may name the address of the key names the key; and an API that fetches it calls whom a stranger likes.

    RFC 8725 section 3.10 warns of both. It fails where the token is taken, and where the address is called: nobody
    else knows it. Where the target file names no ``canary_host``, a call cannot be seen, and the check is not done.
    """
    header, claims = _parts(trial)
    host = trial.deployment.target.canary_host
    trial.need(host, "the target file names no canary_host that the deployment could call")
    signer, algorithm = _signer(header)
    jwk: dict[str, Any] = {**public_jwk(signer.public_key), "kid": _STRANGE, "alg": algorithm, "use": "sig"}
    with Canary(str(host), trial.deployment.entropy) as canary:
        answers = {
            "jku": ("application/json", msgspec.json.encode({"keys": [jwk]})),
            "x5u": ("application/pem-certificate-chain", _certificate_of(signer)),
        }
        tokens, names = {}, set()
        for member, (kind, body) in answers.items():
            url, name = canary.url(kind=kind, body=body)
            names.add(name)
            brought = {**header, "alg": algorithm, "kid": _STRANGE, member: url}
            tokens[f"a token with {member}"] = forge(brought, claims, key=signer.private_key)
        outcome = _try(
            trial,
            tokens,
            failure="A token was verified with a key from an address that the token itself named.",
            success="Addresses of keys in tokens, with http, were not followed",
        )
        if outcome.verdict is not Verdict.FAIL and canary.called(names):
            return failed("The API called an address that a token of a stranger named as that of its key.")
        return outcome


def _certificate_of(signer: LocalSigner) -> bytes:
    key = signer.private_key
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return public_pem(signer.public_key)
    return create_self_signed(key, common_name=_STRANGE, now=0.0, days=36_500).public_bytes(Encoding.PEM)


@check(
    "RS-04-key-id",
    title="The name of a key opens no file and no query",
    sends="tokens whose kid is a path, a piece of SQL or a command",
    fix="Look the kid up among the keys that are known; use it for nothing else.",
    requirements=("RFC9068-4-5",),
    role=Role.RESOURCE_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-22",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def key_ids_are_only_names(trial: Trial) -> Outcome:
    """A ``kid`` that names a file of known content, such as ``/dev/null``, makes that content the secret.

    The same goes for SQL: a UNION lets the sender say what the key is.
    """
    header, claims = _parts(trial)

    def made(kid: str, secret: bytes) -> str:
        return forge_with_secret({**header, "alg": "HS256", "kid": kid}, claims, secret=secret)

    return _try(
        trial,
        {
            "kid /dev/null": made("/dev/null", b""),
            "kid ../../../../../../dev/null": made("../../../../../../dev/null", b""),
            "kid with SQL": made("x' UNION SELECT 'trustweft'-- ", b"trustweft"),
            "kid with SQL in base64": made("x' UNION SELECT 'dHJ1c3R3ZWZ0", b"trustweft"),
            "an empty kid": made("", b""),
        },
        failure="A kid chose what the token was verified with.",
        success="No kid chose the key",
    )


@check(
    "RS-04-weak-secret",
    title="The secret that signs tokens cannot be guessed",
    sends="nothing unless a secret fits: tries known secrets on a real token first, then sends one",
    fix="Sign with an asymmetric key, or with a secret of at least 256 random bits that no file of the code holds.",
    requirements=("RFC9068-2.1-p1.2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-521",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def secrets_cannot_be_guessed(trial: Trial) -> Outcome:
    """With HMAC, whoever knows the secret makes tokens; and one token is enough to try secrets in peace (CWE-521)."""
    header, claims = _parts(trial)
    access = trial.deployment.access()
    trial.need(str(header.get("alg", "")).startswith("HS"), "tokens are not signed with a shared secret")
    trial.observe("The answer with the token", access.answer)
    found = next((each for each in _candidates(trial) if _signs(access.token, each)), None)
    if found is None:
        return passed(f"None of {len(_candidates(trial))} well-known secrets signs the token.")
    outcome = _try(
        trial,
        {"a token made with the guessed secret": forge_with_secret(
            {**header, "alg": "HS256"}, {**claims, "trustweft": True}, secret=found
        )},
        failure="A token was taken that the auditor made with a guessed secret.",
        success="The secret fits, and a token made with it was refused all the same",
    )  # fmt: skip
    if outcome.verdict == "FAIL":
        return outcome
    return failed(f"A well-known secret of {len(found)} characters signs the server's tokens.")


def _candidates(trial: Trial) -> tuple[bytes, ...]:
    deployment = trial.deployment
    own = [deployment.target.issuer, *(each.client_id for each in deployment.parties)]
    own += [each.entry.secret for each in deployment.parties if each.entry.secret]
    return tuple(dict.fromkeys(each.encode() for each in (*_SECRETS, *own)))


def _signs(token: str, secret: bytes) -> bool:
    signed, _, signature = token.rpartition(".")
    try:
        octets = decode_base64url(signature)
    except ValueError:
        return False
    return any(
        hmac.compare_digest(hmac.new(key, signed.encode(), sha256).digest(), octets)
        for key in (secret, b64encode(secret))
    )
