"""OAuth 2.0 Demonstrating Proof of Possession (RFC 9449): proofs, and the keys that tokens are bound to."""

from __future__ import annotations

import hashlib
import hmac
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.crypto import jws
from trustweft.crypto.algorithms import ALGORITHMS
from trustweft.crypto.keys import public_jwk, read_public_jwk, thumbprint
from trustweft.protocol.signed_token import check_not_in_future, optional_time, restate
from trustweft.protocol.url import normalise
from trustweft.runtime.encoding import decode_base64url, sha256_base64url
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reason, Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from trustweft.crypto.algorithms import PublicKey
    from trustweft.crypto.keys import Signer

__all__ = [
    "KEY_MISMATCH",
    "REPLAYED",
    "Proof",
    "check_thumbprint",
    "create_proof",
    "parse_proof_header",
    "verify_key_binding",
    "verify_proof",
]

Urls = tuple[str, ...] | frozenset[str]  # no plain string: it would contain its own parts

MAXIMUM_HEADER: Final = 4_096  # our choice: an RSA-4096 key takes about 1,000 characters
MAXIMUM_IDENTIFIER: Final = 256  # our choice: what must be remembered of a proof stays small
_TYPE: Final = "dpop+jwt"
_SHA256: Final = re.compile(r"[A-Za-z0-9_-]{43}")

_ERROR: Final = "invalid_dpop_proof"
MISSING = reason("dpop.missing", error=_ERROR, public="The DPoP header is required.")
REPEATED = reason("dpop.repeated-header", error=_ERROR, public="There is more than one DPoP proof.")
MALFORMED = reason("dpop.malformed", error=_ERROR, public="The DPoP proof is not a well-formed signed token.")
WRONG_TYPE = reason("dpop.typ", error=_ERROR, public="The typ of the DPoP proof must be dpop+jwt.")
ALGORITHM = reason(
    "dpop.algorithm",
    error=_ERROR,
    public="The alg of the DPoP proof must be PS256, ES256 or EdDSA, and fit its key.",
)
BAD_KEY = reason("dpop.bad-key", error=_ERROR, public="The jwk of the DPoP proof is not a usable public key.")
PRIVATE_KEY = reason(
    "dpop.private-key", error=_ERROR, public="The jwk of the DPoP proof shows a private key."
)
BAD_SIGNATURE = reason(
    "dpop.bad-signature", error=_ERROR, public="The signature of the DPoP proof does not verify with its jwk."
)
METHOD = reason(
    "dpop.htm-mismatch", error=_ERROR, public="The htm of the DPoP proof is not the request's method."
)
URL = reason(
    "dpop.htu-mismatch", error=_ERROR, public="The htu of the DPoP proof is not the URL of this endpoint."
)
BAD_TIME = reason(
    "dpop.bad-time", error=_ERROR, public="The DPoP proof has no iat, or a time in it that is not a number."
)
FROM_FUTURE = reason("dpop.from-future", error=_ERROR, public="The DPoP proof comes from the future.")
EXPIRED = reason("dpop.expired", error=_ERROR, public="The DPoP proof is too old.")
BAD_IDENTIFIER = reason(
    "dpop.bad-jti", error=_ERROR, public="The jti of the DPoP proof must be a string of 1 to 256 characters."
)
TOKEN_HASH = reason(
    "dpop.ath-mismatch", error=_ERROR, public="The ath of the DPoP proof does not belong to the access token."
)
BAD_NONCE = reason("dpop.bad-nonce", error=_ERROR, public="The nonce of the DPoP proof must be a string.")
REPLAYED = reason("dpop.replayed", error=_ERROR, public="The DPoP proof was used before.")
KEY_MISMATCH = reason("dpop.key-mismatch", error=_ERROR, public="The DPoP proof was made with another key.")
BAD_THUMBPRINT = reason(
    "dpop.bad-jkt", error="invalid_request", public="The dpop_jkt is not a SHA-256 thumbprint in base64url."
)
_WORDS: Final[Mapping[str, Reason]] = {
    "jws.algorithm": ALGORITHM,
    "jws.key-mismatch": ALGORITHM,
    "jws.bad-signature": BAD_SIGNATURE,
    "jwk.private": PRIVATE_KEY,
    "jwk.malformed": BAD_KEY,
    "jwk.unsupported": BAD_KEY,
    "jwk.weak": BAD_KEY,
    "jwk.algorithm": BAD_KEY,
}


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A verified proof. Whoever verified it must still see to replay, and to the nonce where one is required.

    Attributes:
        jkt: thumbprint of the key that signed (RFC 7638).
        jti: the proof's identifier; unique for its key only.
        issued_at: its ``iat``.
        nonce: the server nonce in it, not yet judged.
        expires_at: until when a replay must be remembered; later the proof is refused for its age.
    """

    jkt: str
    jti: str
    issued_at: float
    nonce: str | None
    expires_at: float

    @property
    @enforces("RFC9449-11.1-p3")
    def replay_key(self) -> bytes:
        """Return what to remember (32 octets): with the key in it, so that nobody can use up another's ``jti``."""
        return hashlib.sha256(f"{self.jkt}.{self.jti}".encode()).digest()


@enforces(
    "FAPI2-SP-5.3.3.1-1",
    "FAPI2-SP-5.3.3.1-1.2",
    "RFC9449-4.2-p1",
    "RFC9449-4.2-3",
    "RFC9449-4.2-p2",
    "RFC9449-4.2-p3",
    "RFC9449-4.2-8",
    "RFC9449-7-p1.2",
)
def create_proof(
    signer: Signer,
    *,
    method: str,
    url: str,
    now: float,
    jti: str,
    access_token: str | None = None,
    nonce: str | None = None,
) -> str:
    """Return a proof for one request (section 4.2); ``htu`` is ``url`` without query and fragment."""
    claims: dict[str, object] = {
        "jti": jti,
        "htm": method,
        "htu": url.partition("#")[0].partition("?")[0],
        "iat": int(now),
    }
    if access_token is not None:
        claims["ath"] = sha256_base64url(access_token)
    if nonce is not None:
        claims["nonce"] = nonce
    return jws.sign(claims, signer=signer, header={"typ": _TYPE, "jwk": public_jwk(signer.public_key)})


@enforces("RFC9449-4.3-1")
def parse_proof_header(values: Sequence[str]) -> str:
    """Return the only value of the DPoP header (section 4.3, item 1).

    Raises:
        Reject: ``dpop.missing`` or ``dpop.repeated-header``.
    """
    if not values:
        raise MISSING.reject()
    if len(values) > 1 or "," in values[0]:  # a proxy may have joined two headers with a comma
        raise REPEATED.reject(f"{len(values)} headers")
    return values[0]


@enforces(
    "FAPI2-SP-5.3.2.1-5.2",
    "RFC9449-4.3-p1",
    "RFC9449-4.3-2",
    "RFC9449-4.3-3",
    "RFC9449-4.3-5",
    "RFC9449-4.3-6",
    "RFC9449-4.3-7",
    "RFC9449-4.3-8",
)
def verify_proof(
    proof: str,
    *,
    method: str,
    urls: Urls,
    now: float,
    future_tolerance: float,
    maximum_age: float,
    access_token: str | None = None,
    algorithms: Collection[str] = ALGORITHMS,
) -> Proof:
    """Verify a proof (section 4.3).

    (1) shape, and an allowed asymmetric ``alg`` (2) ``typ`` (3) ``jwk``, public (4) signature (5) ``htm`` (6) ``htu``
    (7) ``iat``, and ``nbf`` and ``exp`` where present (8) ``jti`` (9) ``ath``. The caller MUST do (10) the nonce, with
    ``dpop_nonces.Nonces.check`` (11) the key that is expected, with ``verify_key_binding`` (12) replay, with
    ``replay_key``.

    Args:
        proof: what ``parse_proof_header`` returned.
        method: the method of the request, as sent.
        urls: every configured public URL of the endpoint, never anything that the request says.
        now: the time.
        future_tolerance: how many seconds ``iat`` and ``nbf`` may be ahead.
        maximum_age: how many seconds ago ``iat`` may be.
        access_token: the token that comes with the request, which ``ath`` must then belong to.
        algorithms: those that are allowed here, by their canonical names.

    Raises:
        Reject: ``dpop.*``.
    """
    try:
        parsed = jws.parse(proof)  # (1)
        if parsed.algorithm not in algorithms:
            raise ALGORITHM.reject(f"alg={parsed.algorithm}")
        _check_type(parsed)  # (2)
        key, jkt = _key_of(parsed.header_segment)  # (3)
        claims = jws.verify(parsed, key=key)  # (4)
    except Reject as cause:
        if cause.reason.id.startswith("dpop."):
            raise
        raise restate(cause, _WORDS, otherwise=MALFORMED) from cause
    if claims.get("htm") != method:  # (5)
        raise METHOD.reject(f"got {claims.get('htm')!r:.40}, expected {method!r:.40}")
    _check_url(claims.get("htu"), urls)  # (6)
    issued_at = _check_times(
        claims, now=now, future_tolerance=future_tolerance, maximum_age=maximum_age
    )  # (7)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAXIMUM_IDENTIFIER:  # (8)
        raise BAD_IDENTIFIER.reject()
    if access_token is not None:
        _check_token_hash(claims.get("ath"), access_token)  # (9)
    return Proof(
        jkt=jkt,
        jti=jti,
        issued_at=issued_at,
        nonce=_nonce_of(claims),
        # The tolerance says how far clocks may differ: those of our own machines as well.
        expires_at=issued_at + maximum_age + future_tolerance,
    )


@enforces("RFC9449-4.3-4", "RFC9449-11.5-p1")
def _check_type(parsed: jws.Unverified) -> None:
    if parsed.type != _TYPE:
        raise WRONG_TYPE.reject(repr(parsed.header.get("typ"))[:80])
    if len(parsed.header_segment) > MAXIMUM_HEADER:  # bounds the cache of keys as well
        raise MALFORMED.reject("header too large")


@lru_cache(maxsize=1024)
def _key_of(header_segment: str) -> tuple[PublicKey, str]:
    """Return the key of a header and its thumbprint; refusals are not kept.

    Building a key costs a tenth of a verification, and a client sends the same header with every proof.
    """
    document = load_object(decode_base64url(header_segment), limit=MAXIMUM_HEADER).get("jwk")
    if not isinstance(document, dict):
        raise BAD_KEY.reject("jwk is missing")
    key = read_public_jwk(document)
    return key, thumbprint(key)


@enforces("RFC9449-4.3-9", "RFC9449-4.3-p2")
def _check_url(presented: object, urls: Urls) -> None:
    if isinstance(presented, str):
        if presented in urls:  # nearly always; the rest spells it in another way
            return
        spelling = normalise(presented)
        if spelling is not None and any(spelling == normalise(url) for url in urls):
            return
    raise URL.reject(f"got {presented!r:.200}, expected {urls!r:.400}")


@enforces("RFC9449-4.3-11", "RFC9449-11.1-p1")
def _check_times(
    claims: Mapping[str, object], *, now: float, future_tolerance: float, maximum_age: float
) -> float:
    issued_at = optional_time(claims, "iat", malformed=BAD_TIME)
    if issued_at is None:
        raise BAD_TIME.reject("iat is missing")
    check_not_in_future(claims, now=now, tolerance=future_tolerance, malformed=BAD_TIME, refused=FROM_FUTURE)
    expires_at = optional_time(claims, "exp", malformed=BAD_TIME)
    if issued_at < now - maximum_age or (expires_at is not None and expires_at <= now):
        raise EXPIRED.reject(f"iat is {now - issued_at:.0f} s ago")
    return issued_at


@enforces("RFC9449-4.3-12.1")
def _check_token_hash(presented: object, access_token: str) -> None:
    if (
        not isinstance(presented, str)
        or not presented.isascii()
        or not hmac.compare_digest(presented, _token_hash(access_token))
    ):
        raise TOKEN_HASH.reject()


@lru_cache(maxsize=1024)
def _token_hash(access_token: str) -> str:
    """Return the ``ath`` of a token; a client sends the same one with many proofs."""
    return sha256_base64url(access_token)


def _nonce_of(claims: Mapping[str, object]) -> str | None:
    nonce = claims.get("nonce")
    if nonce is not None and not isinstance(nonce, str):
        raise BAD_NONCE.reject()
    return nonce


def verify_key_binding(proof: Proof, *, expected_jkt: str, mismatch: Reason = KEY_MISMATCH) -> None:
    """Hold that the proof was made with the key that a code, a request or a token is bound to (sections 6 and 10).

    Raises:
        Reject: ``mismatch``, by default ``dpop.key-mismatch``.
    """
    # In constant time although thumbprints are public: one idiom for all comparisons of this kind.
    if not hmac.compare_digest(proof.jkt.encode(), expected_jkt.encode("utf-8", "surrogatepass")):
        raise mismatch.reject(f"got {proof.jkt}, expected {expected_jkt}")


def check_thumbprint(presented: str) -> str:
    """Return a ``dpop_jkt`` parameter if it has the form of a thumbprint (section 10).

    Raises:
        Reject: ``dpop.bad-jkt``.
    """
    if not _SHA256.fullmatch(presented):
        raise BAD_THUMBPRINT.reject(repr(presented)[:80])
    return presented
