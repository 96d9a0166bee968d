"""An independent opinion on whether a request deserved what it got.

Nothing of the product is used here to read a request: forms are read by ``urllib``, JSON by the standard library,
signatures by ``cryptography``. A server that answers well where the judge objects has left out a check.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from support.authority import ISSUER, MTLS
from support.client_hosts import jwk_of

if TYPE_CHECKING:
    from support.authority import Authority, Party
    from support.software import Directory, Software
    from support.wire import Sent

__all__ = ["Judge", "Objection", "read_json", "read_pairs", "read_signed", "thumbprint_of"]

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Key = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class Objection(AssertionError):  # noqa: N818  # what a judge raises
    """The request deserved a refusal."""


def _object(text: str) -> NoReturn:
    raise Objection(text)


def _hold(condition: object, text: str) -> None:
    if not condition:
        _object(text)


def read_pairs(octets: bytes) -> dict[str, str]:
    """Return the parameters, each of which may occur once; those without a value are as good as absent."""
    try:
        pairs = parse_qsl(octets.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as cause:
        raise Objection("the parameters are no form in UTF-8") from cause
    names = [name for name, _ in pairs]
    _hold(len(names) == len(set(names)), "a parameter is repeated")
    _hold(not any("\0" in name + value for name, value in pairs), "there is a NUL")
    return {name: value for name, value in pairs if value}


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _hold(len(pairs) == len(dict(pairs)), "a member is repeated")
    return dict(pairs)


def _decode(segment: str) -> bytes:
    octets = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    _hold(base64.urlsafe_b64encode(octets).rstrip(b"=").decode() == segment, "no plain base64url")
    return octets


def _read_object(segment: str) -> dict[str, Any]:
    try:
        document = json.loads(
            _decode(segment).decode("utf-8"), object_pairs_hook=_refuse_duplicates, parse_constant=_object
        )
    except (ValueError, RecursionError) as cause:
        raise Objection("no JSON") from cause
    if not isinstance(document, dict):
        _object("no JSON object")
    return document


def _public_key(jwk: dict[str, Any]) -> Key:
    _hold(not {"d", "k", "p", "q"} & set(jwk), "a private key")
    if (jwk["kty"], jwk["crv"]) == ("EC", "P-256"):
        x, y = (int.from_bytes(_decode(jwk[name]), "big") for name in ("x", "y"))
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    _hold((jwk["kty"], jwk["crv"]) == ("OKP", "Ed25519"), "a key of another kind")
    return ed25519.Ed25519PublicKey.from_public_bytes(_decode(jwk["x"]))


def thumbprint_of(jwk: dict[str, Any]) -> str:
    """Return the thumbprint of RFC 7638."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y") if name in jwk}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def _verify(key: Key, signature: bytes, signed: bytes, algorithm: str) -> None:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            _hold(algorithm == "ES256" and len(signature) == 64, "another algorithm than that of the key")
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        else:
            _hold(algorithm in {"EdDSA", "Ed25519"}, "another algorithm than that of the key")
            key.verify(signature, signed)
    except InvalidSignature as cause:
        raise Objection("the signature is not good") from cause


def read_signed(token: str, jwk: dict[str, Any] | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims once the signature is good: of this key, or of the one in the header."""
    segments = token.split(".")
    _hold(len(segments) == 3, "no signed token")
    header, claims = _read_object(segments[0]), _read_object(segments[1])
    _hold("crit" not in header, "a critical extension")
    key = _public_key(header["jwk"] if jwk is None else jwk)
    _verify(key, _decode(segments[2]), f"{segments[0]}.{segments[1]}".encode(), header["alg"])
    return header, claims


def _type(header: dict[str, Any]) -> str:
    kind = header.get("typ", "")
    return kind.lower().removeprefix("application/") if isinstance(kind, str) else "?"


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 253_402_300_800


def _normal(url: str) -> str:
    parts = urlsplit(url)
    port = "" if parts.port in (None, 443) else f":{parts.port}"
    return f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}{port}{parts.path or '/'}"


def read_json(text: str) -> Any:
    """Return what stands in a text that everybody reads in one way."""
    try:
        return json.loads(text, object_pairs_hook=_refuse_duplicates, parse_constant=_object)
    except (ValueError, RecursionError) as cause:
        raise Objection("no JSON") from cause


class Judge:
    """Remembers what was used, so that nothing is good twice."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._seen: set[tuple[str, str, str]] = set()

    @property
    def _now(self) -> float:
        return self._authority.clock.now()

    def first(self, kind: str, owner: str, identifier: object) -> None:
        """Object to what was used before."""
        _hold(isinstance(identifier, str) and 0 < len(identifier) <= 256, "no identifier")
        key = (kind, owner, str(identifier))
        _hold(key not in self._seen, f"a replayed {kind}")
        self._seen.add(key)

    def _check_times(self, claims: dict[str, Any]) -> None:
        for name in ("iat", "nbf", "exp"):
            _hold(name not in claims or _is_time(claims[name]), f"{name} is no time")
        latest = self._now + 30
        _hold(claims.get("iat", 0) <= latest and claims.get("nbf", 0) <= latest, "from the future")

    def client(self, sent: Sent) -> tuple[Party, dict[str, str]]:
        """Return which client sent the form, and its parameters."""
        _hold(sent.method == "POST", "another method")
        types = sent.header_values("content-type")
        _hold(len(types) == 1 and types[0].lower().startswith("application/x-www-form-urlencoded"), "no form")
        pairs = read_pairs(sent.body)
        _hold(pairs.get("client_assertion_type") == ASSERTION_TYPE, "another kind of assertion")
        segments = pairs["client_assertion"].split(".")
        party = self._authority.parties[_read_object(segments[1])["sub"]]
        (jwk,) = party.metadata["jwks"]["keys"]
        header, claims = read_signed(pairs["client_assertion"], jwk)
        _hold(
            header.get("kid", jwk["kid"]) == jwk["kid"] or not isinstance(header["kid"], str), "another kid"
        )
        _hold(_type(header) in {"", "jwt", "client-authentication+jwt"}, "another typ")
        _hold(claims.get("iss") == claims.get("sub") == party.client_id, "another iss or sub")
        _hold(claims.get("aud") == ISSUER, "another aud")
        self._check_times(claims)
        _hold(self._now < claims["exp"] <= self._now + 300, "expired, or good for too long")
        _hold(pairs.get("client_id", party.client_id) == party.client_id, "another client_id")
        self.first("assertion", party.client_id, claims.get("jti"))
        return party, pairs

    def registration(
        self, sent: Sent, software: Software, directory: Directory
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what a request to be registered asks for, and what its statement says."""
        types = sent.header_values("content-type")
        _hold(len(types) == 1, "not one type")
        document = self._signed_or_certified(sent, types[0].lower(), software)
        statement = document.pop("software_statement")
        header, claims = read_signed(statement, jwk_of(directory.signer))
        _hold(_type(header) == "software-statement+jwt", "another typ of the statement")
        _hold(
            header.get("kid", directory.signer.key_id) == directory.signer.key_id
            or not isinstance(header["kid"], str),
            "another kid",
        )
        _hold(claims.get("iss") == directory.issuer, "a statement of nobody")
        self._check_times(claims)
        _hold(_is_time(claims.get("iat")) and self._now - claims["iat"] <= 300, "an old statement")
        _hold("exp" not in claims or claims["exp"] > self._now, "an expired statement")
        _hold(claims.get("organisation_status") == "active", "an organisation that is not active")
        roles = claims.get("software_roles", [])
        _hold(not roles or any(each["status"] == "active" for each in roles), "no active role")
        self.first("statement", directory.issuer, claims.get("jti"))
        return document, claims

    def _signed_or_certified(self, sent: Sent, kind: str, software: Software) -> dict[str, Any]:
        if kind.startswith("application/json"):
            _hold(sent.certificate is not None or sent.method == "PUT", "no proof of the software")
            document = read_json(sent.body.decode("utf-8"))
            _hold(isinstance(document, dict), "no object")
            return dict(document)
        _hold(kind.strip() in {"application/jwt", "application/jose"}, "another type")
        jwk = jwk_of(software.signer)
        header, claims = read_signed(sent.body.decode("ascii"), jwk)
        _hold(
            header.get("kid", jwk["kid"]) == jwk["kid"] or not isinstance(header["kid"], str), "another kid"
        )
        _hold(_type(header) in {"", "jwt", "client-registration+jwt"}, "another typ")
        _hold(claims.get("iss") == software.software_id, "another iss")
        _hold(claims.get("aud") == ISSUER, "another aud")
        self._check_times(claims)
        _hold(self._now < claims["exp"] <= self._now + 330, "expired, or good for too long")
        self.first("registration", software.software_id, claims.get("jti"))
        return claims

    def security_event(self, sent: Sent, *, issuer: str, audience: str, jwk: dict[str, Any]) -> None:
        """Object to what is not the directory's word to this server (RFC 8417, RFC 8935)."""
        _hold(sent.method == "POST", "another method")
        types = sent.header_values("content-type")
        kind = types[0].partition(";")[0].strip().lower() if len(types) == 1 else ""
        _hold(kind == "application/secevent+jwt", "another type")
        header, claims = read_signed(sent.body.decode("ascii"), jwk)
        _hold(_type(header) == "secevent+jwt", "another typ")
        _hold(claims.get("iss") == issuer, "another iss")
        heard = claims.get("aud")
        _hold(heard == audience or (isinstance(heard, list) and audience in heard), "another aud")
        _hold(isinstance(claims.get("jti"), str) and claims["jti"] != "", "no jti")
        _hold(_is_time(claims.get("iat")) and claims["iat"] <= self._now + 60, "issued in the future")
        _hold(isinstance(claims.get("events"), dict) and len(claims["events"]) == 1, "not one event")

    def federation_registration(self, sent: Sent, *, client: str, jwk: dict[str, Any]) -> None:
        """Object to what is not a client's own statement for this server."""
        _hold(sent.method == "POST", "another method")
        types = sent.header_values("content-type")
        kind = types[0].partition(";")[0].strip().lower() if len(types) == 1 else ""
        _hold(kind == "application/entity-statement+jwt", "another type")
        header, claims = read_signed(sent.body.decode("ascii"), jwk)
        _hold(header.get("typ") == "entity-statement+jwt", "another typ")
        _hold(header.get("kid") == jwk["kid"], "another kid")
        _hold(claims.get("iss") == claims.get("sub") == client, "another iss or sub")
        _hold(claims.get("aud") in (ISSUER, [ISSUER]), "another aud")
        self._check_times(claims)
        _hold(_is_time(claims.get("iat")) and claims["exp"] > self._now, "expired, or without a date")
        _hold(not {"crit", "metadata_policy", "constraints", "trust_anchor"} & set(claims), "a strange claim")
        _hold(jwk["kid"] in [key.get("kid") for key in claims["jwks"]["keys"]], "another key")

    def proof(self, sent: Sent, *bases: str, nonces: Any, access_token: str | None = None) -> str:
        """Return the thumbprint of the key that a proof for this request was made with."""
        proofs = sent.header_values("dpop")
        _hold(len(proofs) == 1, "not one proof")
        header, claims = read_signed(proofs[0])
        _hold(_type(header) == "dpop+jwt", "another typ")
        _hold(claims.get("htm") == sent.method, "another htm")
        path = sent.path.decode("latin-1")
        _hold(_normal(str(claims.get("htu"))) in {_normal(base + path) for base in bases}, "another htu")
        self._check_times(claims)
        _hold(_is_time(claims.get("iat")) and claims["iat"] >= self._now - 60, "too old")
        _hold("exp" not in claims or claims["exp"] > self._now, "expired")
        known = {nonces.current(self._now + seconds) for seconds in (-60, 0, 60)}
        _hold(claims.get("nonce") in known, "no nonce of ours")
        if access_token is not None:
            digest = hashlib.sha256(access_token.encode()).digest()
            expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            _hold(claims.get("ath") == expected, "another ath")
        jkt = thumbprint_of(header["jwk"])
        self.first("proof", jkt, claims.get("jti"))
        return jkt

    def token_proof(self, sent: Sent) -> str:
        """Return the thumbprint of the key for which one of the server's own endpoints is asked."""
        return self.proof(sent, ISSUER, MTLS, nonces=self._authority.deployment.nonces)

    def access_token(self, sent: Sent, *, audience: str) -> tuple[str, dict[str, Any]]:
        """Return the access token of a request, and its claims."""
        values = sent.header_values("authorization")
        _hold(len(values) == 1, "not one Authorization header")
        scheme, _, token = values[0].partition(" ")
        _hold(scheme.lower() == "dpop", "another scheme")
        is_form = any("x-www-form-urlencoded" in kind.lower() for kind in sent.header_values("content-type"))
        for octets in (sent.query, sent.body if is_form else b""):
            names = [name for name, _ in parse_qsl(octets.decode("latin-1"), keep_blank_values=True)]
            _hold("access_token" not in names, "a token in query or body")
        token = token.strip(" \t")
        header, claims = self.read_own(token)
        _hold(_type(header) == "at+jwt", "another typ")
        _hold(claims.get("iss") == ISSUER, "another iss")
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        _hold(audience in audiences, "another aud")
        self._check_times(claims)
        _hold("iat" in claims and claims["exp"] > self._now, "expired, or without a date")
        return token, claims

    def read_own(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return header and claims of a token that the server signed."""
        document: Any = self._authority.deployment.keys.public_jwks()
        (jwk,) = document["keys"]
        return read_signed(token, jwk)
