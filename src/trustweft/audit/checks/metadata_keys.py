"""The server's published keys: public ones alone, strong enough, told apart, and those that really sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.exchange import Request
from trustweft.audit.forging import read_parts
from trustweft.audit.verdict import Reach, Role, Safety, Severity
from trustweft.audit.verifying import can_verify, verifies
from trustweft.runtime.encoding import decode_base64url
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_PRIVATE: Final = ("d", "p", "q", "dp", "dq", "qi", "oth")
_PERMITTED: Final = frozenset({"ES256", "PS256", "EdDSA", "Ed25519"})  # FAPI 2.0 SP section 5.4.1
_MINIMUM_RSA_BITS: Final = 2048
_WEAK_CURVES: Final = frozenset({"P-192", "secp192r1", "secp160r1", "secp112r1"})


def _keys(trial: Trial) -> tuple[dict[str, object], ...]:
    """Return the published keys, and keep the document as evidence."""
    discovery = trial.deployment.discovery
    address = discovery.text("jwks_uri")
    trial.need(address, "the server names no jwks_uri")
    trial.observe("The key set", trial.deployment.wire.send(Request(method="GET", url=address)))
    trial.need(discovery.keys, "the server publishes no keys")
    return discovery.keys


def _name(key: dict[str, object]) -> str:
    return f"{key.get('kty')} key {key.get('kid', 'without kid')!r}"


@check(
    "META-11-private",
    title="The key set holds public keys alone",
    sends="a request for the key set",
    fix="Take the private members out, and replace the keys: whoever read them can sign as the server.",
    requirements=("FAPI2-SP-5.4.1-1.1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-321",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def keys_are_public(trial: Trial) -> Outcome:
    """Whoever has the private key makes tokens of any user (RFC 7517 section 9.2).

    Looked for are private members of RSA and EC keys, and symmetric keys, which are secrets as a whole.
    """
    wrong = [
        _name(key) for key in _keys(trial) if key.get("kty") == "oct" or any(name in key for name in _PRIVATE)
    ]
    if wrong:
        return failed(f"The key set gives away secrets: {', '.join(wrong)}.")
    return passed("The key set holds public keys alone.")


@check(
    "META-11-names",
    title="Each published key has a name of its own",
    sends="a request for the key set",
    fix="Give each key a kid that no other key has.",
    requirements=("FAPI2-SP-5.4.3-p1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.PASSIVE,
    cwe="CWE-694",
    owasp="API8:2023",
)
def keys_are_named(trial: Trial) -> Outcome:
    """Verifiers pick a key by its kid. With two of one name, which one counts differs from verifier to verifier.

    A single key needs no name; RFC 7517 section 4.5 wants names to differ otherwise, save for keys of another kind.
    """
    keys = _keys(trial)
    names = [(key.get("kid"), key.get("kty")) for key in keys]
    wrong = sorted({repr(kid) for kid, kind in names if kid is not None and names.count((kid, kind)) > 1})
    unnamed = sum(kid is None for kid, _ in names)
    if wrong:
        return failed(f"Several keys have the kid {', '.join(wrong)}.")
    if unnamed and len(keys) > 1:
        return failed(f"{unnamed} of {len(keys)} keys have no kid.")
    return passed(f"Each of {len(keys)} keys can be told apart.")


@check(
    "META-11-strength",
    title="The server's keys are strong enough",
    sends="a request for the key set",
    fix="Use RSA keys of 2048 bits or more, or the curves P-256 and Ed25519.",
    requirements=("FAPI2-SP-5.4.1-2", "FAPI2-SP-5.4.1-3"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-326",
    owasp="API2:2023",
    gives=("forged-token-accepted",),
)
def keys_are_strong(trial: Trial) -> Outcome:
    """A short key can be broken, and who breaks it signs as the server (FAPI 2.0 section 5.4.1, RFC 7518 section 3.3)."""
    wrong = []
    for key in _keys(trial):
        if key.get("kty") == "RSA":
            bits = _bits(str(key.get("n", "")))
            if bits < _MINIMUM_RSA_BITS:
                wrong.append(f"{_name(key)} of {bits} bits")
        if key.get("crv") in _WEAK_CURVES:
            wrong.append(f"{_name(key)} on {key.get('crv')}")
    if wrong:
        return failed(f"Too weak: {', '.join(wrong)}.")
    return passed("All keys are strong enough.")


def _bits(modulus: str) -> int:
    try:
        return int.from_bytes(decode_base64url(modulus)).bit_length()
    except (ValueError, Reject):
        return 0


@check(
    "META-11-use",
    title="No key both signs and encrypts",
    sends="a request for the key set",
    fix="Say with use or alg what each key is for, and use one key for one purpose.",
    requirements=("FAPI2-SP-6.8-2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI,
    safety=Safety.PASSIVE,
    cwe="CWE-323",
    owasp="API8:2023",
)
def keys_have_one_use(trial: Trial) -> Outcome:
    """One key for two purposes lets a message of one be taken for the other (RFC 7517 section 4.2).

    A key whose members say neither use nor alg nor key_ops could be used for both, once there are keys of both kinds.
    """
    keys = _keys(trial)
    wrong = []
    for key in keys:
        operations = key.get("key_ops")
        ops = set(map(str, operations)) if isinstance(operations, list) else set()
        both = bool(ops & {"verify", "sign"}) and bool(ops & {"encrypt", "wrapKey", "deriveKey"})
        contradicts = key.get("use") == "enc" and str(key.get("alg", "")).startswith(("RS", "PS", "ES", "Ed"))
        if both or contradicts:
            wrong.append(_name(key))
    encrypting = any(key.get("use") == "enc" for key in keys)
    vague = [_name(key) for key in keys if not {"use", "alg", "key_ops"} & set(key)]
    if wrong or (encrypting and vague):
        return failed(f"For several purposes: {', '.join(wrong or vague)}.")
    return passed("No key is published for two purposes.")


@check(
    "META-12",
    title="What the server signs can be verified with the keys that it publishes",
    sends="a good flow with openid in its scope",
    fix="Publish every key before it signs, name it in kid, and sign with the algorithms of the metadata.",
    requirements=("FAPI2-SP-6.8-1", "FAPI2-SP-5.4.1-1.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-347",
    owasp="API2:2023",
)
def signatures_verify(trial: Trial) -> Outcome:
    """Clients that cannot verify an ID token with published keys end up not verifying it at all.

    The check takes an ID token of a good flow, finds its key by kid in the key set, verifies the signature, and looks
    whether its algorithm is among those that the metadata promises.
    """
    keys = _keys(trial)
    access = trial.deployment.access()
    trial.control("The answer with the tokens", access.answer, good=lambda each: each.issued)
    trial.need(access.id_token, "the server gave no ID token")
    algorithm, kid = (str(read_parts(access.id_token)[0].get(name, "")) for name in ("alg", "kid"))
    promised = trial.deployment.discovery.list("id_token_signing_alg_values_supported")
    if promised is not None and algorithm not in promised:
        return failed(f"The ID token is signed with {algorithm}, which the metadata does not name.")
    if kid and kid not in [key.get("kid") for key in keys]:
        return failed(f"The ID token names the key {kid!r}, which is not published.")
    if algorithm not in _PERMITTED and trial.deployment.claims_fapi:
        return failed(f"The ID token is signed with {algorithm}, which FAPI 2.0 does not permit.")
    if not can_verify(algorithm):
        raise Inconclusive(f"signatures with {algorithm} are not verified here")
    named = [key for key in keys if not kid or key.get("kid") == kid]
    if not any(verifies(access.id_token, algorithm=algorithm, jwk=key) for key in named):
        return failed("The ID token is not verified by the published keys.")
    return passed(f"The ID token is signed with {algorithm} and verified by a published key.")
