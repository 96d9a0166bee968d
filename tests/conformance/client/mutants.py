"""Our client minus one check, for each module that must notice."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec.structs import replace

from conformance.client import walking
from conformance.client.examiner import Variant
from conformance.client.modules import MODULES
from conformance.client.walking import CLIENT_ID
from trustweft.client import ClientConfiguration, core, sending, tls_context, tokens
from trustweft.protocol import dpop, metadata, oidc, par, pkce
from trustweft.protocol.bearer import Scheme, create_authorization
from trustweft.protocol.client_assertion import create_client_assertion
from trustweft.protocol.issuer import check_response_issuer
from trustweft.protocol.par import create_authorization_url
from trustweft.runtime.encoding import decode_base64url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    import pytest

    from trustweft.crypto.keys import KeySet
    from trustweft.protocol.http import HttpResponse

    Patch = Callable[[pytest.MonkeyPatch], None]

__all__ = ["MUTANTS", "SLIPS"]


def _claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decode_base64url(token.split(".")[1]))
    return found


def _replacing(module: object, name: str, replacement: object) -> Patch:
    """Return the patch that puts ``replacement`` in place of a function."""
    return lambda patching: patching.setattr(module, name, replacement)


def _repairing(repair: Callable[[dict[str, Any]], dict[str, Any]]) -> Patch:
    """Return the patch after which the claims of an ID token, once verified, are what the check wants to see."""
    verify = oidc._verify_signature

    def lenient(token: str, **arguments: Any) -> dict[str, Any]:
        return repair(verify(token, **arguments))

    return _replacing(oidc, "_verify_signature", lenient)


def _expecting(member: str, *, only_missing: bool = False) -> Patch:
    """Return the patch after which whatever the ID token says is what was expected."""
    verify = oidc.verify_id_token

    def lenient(token: str, *, expected: oidc.ExpectedIdToken, **arguments: Any) -> oidc.IdToken:
        said = _claims_of(token).get("iss" if member == "issuer" else member)
        if not only_missing or said is None:
            expected = replace(expected, **{member: said})
        return verify(token, expected=expected, **arguments)

    return _replacing(oidc, "verify_id_token", lenient)


def _unless(missing: Callable[..., object]) -> Callable[..., object]:
    """Return the check, which lets pass what is missing."""

    def lenient(presented: str | None, **arguments: Any) -> object:
        return None if presented is None else missing(presented, **arguments)

    return lenient


def _for_us_too(claims: dict[str, Any]) -> dict[str, Any]:
    return {**claims, "aud": CLIENT_ID} if CLIENT_ID in claims["aud"] else claims


def _read_without_key(token: str, **_arguments: Any) -> dict[str, Any]:
    return _claims_of(token)


def _verify_rs256(token: str, *, keys: KeySet, **_arguments: Any) -> dict[str, Any]:
    signed, _, signature = token.rpartition(".")
    key = keys.find(key_id="examiner", algorithm="PS256").key
    assert isinstance(key, RSAPublicKey)
    key.verify(decode_base64url(signature), signed.encode(), PKCS1v15(), SHA256())
    return _claims_of(token)


def _only_a_string(value: object) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else ()


def _demanded_lifetime(value: object) -> float:
    if not isinstance(value, int):
        raise tokens.BAD_RESPONSE.reject("expires_in")
    return float(value)


def _exact_type(presented: object, expected: Scheme) -> None:
    if presented != expected.value:
        raise tokens.NOT_BOUND.reject()


def _exact_scheme(response: HttpResponse) -> bool:
    challenges = " ".join(value for name, value in response.headers if name == "www-authenticate")
    return b"use_dpop_nonce" in response.body or 'DPoP error="use_dpop_nonce"' in challenges


def _same_jti(*arguments: Any, **named: Any) -> str:
    return dpop.create_proof(*arguments, **{**named, "jti": "always-this-one"})


_PATCHES: Final[dict[str, Patch]] = {
    "the code challenge is the verifier itself": _replacing(pkce, "create_challenge", str),
    "the issuer in the metadata is not compared": _replacing(metadata, "_check_issuer", lambda *_: None),
    "the iss of the ID token is not compared": _expecting("issuer"),
    "the aud of the ID token is not compared": _repairing(lambda claims: {**claims, "aud": CLIENT_ID}),
    "further audiences of the ID token are trusted": _repairing(_for_us_too),
    "the signature of the ID token is not verified": _replacing(oidc, "_verify_signature", _read_without_key),
    "RS256 with the right key is good enough": _replacing(oidc, "_verify_signature", _verify_rs256),
    "the exp of the ID token is not compared": _repairing(
        lambda claims: {**claims, "exp": time.time() + 300} if "exp" in claims else claims
    ),
    "an ID token without exp lasts": _repairing(lambda claims: {"exp": time.time() + 300, **claims}),
    "an ID token without aud is for everybody": _repairing(lambda claims: {"aud": CLIENT_ID, **claims}),
    "an ID token without iss is the server's": _expecting("issuer", only_missing=True),
    "the aud of the ID token has to be a string": _replacing(oidc, "read_audience", _only_a_string),
    "the nonce of the ID token is not compared": _expecting("nonce"),
    "an ID token without nonce is of this request": _expecting("nonce", only_missing=True),
    "the iss of the response is not compared": _replacing(
        core, "check_response_issuer", lambda *_, **__: None
    ),
    "a response without iss is the server's": _replacing(
        core, "check_response_issuer", _unless(check_response_issuer)
    ),
    "the state of the response is not compared": _replacing(core, "_check_state", lambda *_, **__: None),
    "a response without state is of this request": _replacing(
        core, "_check_state", _unless(core._check_state)
    ),
    "expires_in is demanded": _replacing(tokens, "_lifetime", _demanded_lifetime),
    "the token type is compared octet by octet": _replacing(tokens, "_check_type", _exact_type),
    "the challenge is compared octet by octet": _replacing(sending, "_wants_nonce", _exact_scheme),
    "every proof has the same jti": _replacing(sending, "create_proof", _same_jti),
}

# The module that must notice, with the mutant's name and how the client is changed.
MUTANTS: Final[dict[str, tuple[str, Patch]]] = {
    module.name: (module.mutant, _PATCHES[module.mutant])
    for module in MODULES
    if module.not_applicable is None
}


def _assertion(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Patch:
    return _replacing(
        sending,
        "create_client_assertion",
        lambda signer, **named: create_client_assertion(signer, **{**named, **change(named)}),
    )


def _proof(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Patch:
    return _replacing(
        sending, "create_proof", lambda signer, **named: dpop.create_proof(signer, **change(named))
    )


def _below_alias(named: dict[str, Any]) -> dict[str, Any]:
    """Have the proof name the first of the examiner's two ports, whichever is called."""
    head, _, path = named["url"].partition("/test/")
    host, _, port = head.rpartition(":")
    return {**named, "url": f"{host}:{int(port) - 1}/test/{path}"}


def _without_certificate(**named: Any) -> ssl.SSLContext:
    return tls_context(authorities=named["authorities"])


def _more_in_the_browser(endpoint: str, **named: Any) -> str:
    return f"{create_authorization_url(endpoint, **named)}&scope=accounts"


def _as_bearer(token: str, **_named: Any) -> tuple[str, str]:
    return create_authorization(token, scheme=Scheme.BEARER)


_JWT_AND_DPOP: Final = Variant("oidc", "private_key_jwt", "dpop")
_ALL_BY_CERTIFICATE: Final = Variant("oidc", "mtls", "mtls")
_CERTIFICATE_AND_DPOP: Final = Variant("plain_oauth", "mtls", "dpop")

# What the examiner looks at on the way: slips of a client that would come to the end of the happy path all the same.
SLIPS: Final[dict[str, tuple[Variant, Patch]]] = {
    "aud in an array": (_JWT_AND_DPOP, _assertion(lambda named: {"issuer": [named["issuer"]]})),
    "an assertion for ten minutes": (_JWT_AND_DPOP, _assertion(lambda _: {"lifetime": 600})),
    "an assertion that serves twice": (_JWT_AND_DPOP, _assertion(lambda _: {"jti": "always-this-one"})),
    "another client's assertion": (_JWT_AND_DPOP, _assertion(lambda _: {"client_id": "another"})),
    "a proof for no token": (_JWT_AND_DPOP, _proof(lambda named: {**named, "access_token": None})),
    "a proof for another method": (_JWT_AND_DPOP, _proof(lambda named: {**named, "method": "PUT"})),
    "an old proof": (_JWT_AND_DPOP, _proof(lambda named: {**named, "now": named["now"] - 400})),
    "a proof for the top-level address": (_CERTIFICATE_AND_DPOP, _proof(_below_alias)),
    "a bound token shown as bearer token": (
        _JWT_AND_DPOP,
        _replacing(sending, "create_authorization", _as_bearer),
    ),
    "a parameter too many": (
        _JWT_AND_DPOP,
        _replacing(par, "create_authorization_url", _more_in_the_browser),
    ),
    "aliases that are not taken": (
        _ALL_BY_CERTIFICATE,
        _replacing(ClientConfiguration, "takes_aliases", property(lambda _: False)),
    ),
    "aliases that are taken without need": (
        _JWT_AND_DPOP,
        _replacing(ClientConfiguration, "takes_aliases", property(lambda _: True)),
    ),
    "no certificate": (_ALL_BY_CERTIFICATE, _replacing(walking, "tls_context", _without_certificate)),
}
