"""The clients that the auditor acts as: how each authenticates, and the keys that its tokens are bound to."""

from __future__ import annotations

import ssl
from base64 import b64encode
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trustweft.audit.forging import forge, forge_with_secret
from trustweft.audit.target import TargetError
from trustweft.crypto.keys import LocalSigner, generate_private_key, read_private_jwk
from trustweft.protocol.client_assertion import ASSERTION_TYPE
from trustweft.protocol.dpop import create_proof
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from trustweft.audit.exchange import Pairs, Request
    from trustweft.audit.target import ClientEntry
    from trustweft.crypto.algorithms import PrivateKey
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = [
    "Party",
    "assertion_parameters",
    "basic",
    "client_context",
    "load_party",
    "unauthenticated",
]

ASSERTION_SECONDS: Final = 60
_BASIC: Final = "client_secret_basic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A client with what it authenticates with.

    Attributes:
        name: of its certificate on the wire, where it has one.
        proof_signer: the key that its tokens are bound to.
        other_signer: a key that nothing is bound to.
    """

    entry: ClientEntry
    issuer: str
    clock: Clock
    entropy: Entropy
    key: PrivateKey | None = None
    algorithm: str = "ES256"
    key_id: str | None = None
    certificate: str | None = None
    proof_signer: LocalSigner = field(
        default_factory=lambda: LocalSigner("ES256", generate_private_key("ES256"))
    )
    other_signer: LocalSigner = field(
        default_factory=lambda: LocalSigner("ES256", generate_private_key("ES256"))
    )

    @property
    def client_id(self) -> str:
        """The client's identifier."""
        return self.entry.client_id

    def assertion_header(self) -> dict[str, object]:
        """Return the header of its client assertions."""
        kid = {} if self.key_id is None else {"kid": self.key_id}
        return {"alg": self.algorithm, "typ": "JWT", **kid}

    def assertion_claims(self, **changes: object) -> dict[str, object]:
        """Return the claims of a fresh client assertion (RFC 7523 section 3); a change to None leaves one out."""
        now = int(self.clock.now())
        claims: dict[str, object] = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.entry.assertion_audience or self.issuer,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": self.entropy.token(),
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def assertion(self, **changes: object) -> str:
        """Return a fresh client assertion, with claims changed or (None) left out.

        Raises:
            TargetError: the client has neither a key nor a secret to sign with.
        """
        claims = self.assertion_claims(**changes)
        if self.entry.authentication == "client_secret_jwt":
            secret = (self.entry.secret or "").encode()
            return forge_with_secret({"alg": "HS256", "typ": "JWT"}, claims, secret=secret)
        if self.key is None:
            raise TargetError(f"client {self.client_id} has no key to sign with")
        return forge(self.assertion_header(), claims, key=self.key)

    def authenticate(self, request: Request) -> Request:
        """Return the request with this client's fresh authentication, and with nothing left of anybody else's.

        What is to come from a stranger was often built as its owner's: a header or certificate of the owner that stayed
        would let the attack in, or have it refused for the contradiction.
        """
        request = _without_credentials(request)
        if request.certificate != self.certificate:
            request = replace(request, certificate=None)
        method = self.entry.authentication
        if method in ("private_key_jwt", "client_secret_jwt"):
            return request.with_parameters(*assertion_parameters(self.assertion()))
        if method == _BASIC:
            return request.with_header("authorization", basic(self.client_id, self.entry.secret or ""))
        named = request.with_parameters(("client_id", self.client_id))
        if method == "client_secret_post":
            return named.with_parameters(("client_secret", self.entry.secret or ""))
        if method in ("tls_client_auth", "self_signed_tls_client_auth"):
            return replace(named, certificate=self.certificate)
        return named

    def proof(  # each is one thing that an attack changes
        self,
        method: str,
        url: str,
        *,
        nonce: str | None = None,
        access_token: str | None = None,
        signer: LocalSigner | None = None,
        jti: str | None = None,
        issued_at: float | None = None,
    ) -> str:
        """Return a fresh DPoP proof (RFC 9449 section 4.2)."""
        return create_proof(
            signer or self.proof_signer,
            method=method,
            url=url,
            now=self.clock.now() if issued_at is None else issued_at,
            jti=jti or self.entropy.token(),
            access_token=access_token,
            nonce=nonce,
        )


def unauthenticated(request: Request, party: Party) -> Request:
    """Return a request of ``party`` without any client authentication, its ``client_id`` included.

    A certificate goes where it is what authenticates the client, and stays where it only binds tokens.
    """
    bare = _without_credentials(request).without_parameters("client_id")
    return replace(bare, certificate=None) if "tls_client_auth" in party.entry.authentication else bare


def _without_credentials(request: Request) -> Request:
    bare = request.without_parameters("client_secret", "client_assertion", "client_assertion_type")
    return bare.with_header("authorization", None)


def assertion_parameters(assertion: str) -> Pairs:
    """Return the parameters that carry a client assertion (RFC 7521 section 4.2)."""
    return (("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion))


def basic(client_id: str, secret: str) -> str:
    """Return the Authorization header of RFC 6749 section 2.3.1, which encodes both parts as in a form first."""
    return "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def load_party(entry: ClientEntry, *, issuer: str, clock: Clock, entropy: Entropy) -> Party:
    """Return a client of the target file, with its key read.

    Raises:
        TargetError: the key or the certificate cannot be read, or is missing.
    """
    if entry.authentication == "private_key_jwt" and entry.key is None:
        raise TargetError(f"client {entry.client_id}: private_key_jwt needs a key")
    if "tls_client_auth" in entry.authentication and entry.certificate is None:
        raise TargetError(f"client {entry.client_id}: {entry.authentication} needs a certificate")
    key, algorithm, key_id = (None, "ES256", None) if entry.key is None else _read_key(Path(entry.key))
    return Party(
        entry=entry,
        issuer=issuer,
        clock=clock,
        entropy=entropy,
        key=key,
        algorithm=entry.algorithm or algorithm,
        key_id=entry.key_id or key_id,
        certificate=None if entry.certificate is None else entry.client_id,
    )


def client_context(trust: ssl.SSLContext, entry: ClientEntry) -> ssl.SSLContext:
    """Load a client's certificate into a TLS context and return it.

    Raises:
        TargetError: it cannot be read.
    """
    try:
        trust.load_cert_chain(entry.certificate or "")
    except (OSError, ssl.SSLError) as cause:
        raise TargetError(f"{entry.certificate} cannot be read: {cause}") from cause
    return trust


def _read_key(path: Path) -> tuple[PrivateKey, str, str | None]:
    try:
        octets = path.read_bytes()
        if octets.lstrip().startswith(b"{"):
            document = msgspec.json.decode(octets, type=dict[str, object])
            keys = document.get("keys")
            chosen = keys[0] if isinstance(keys, list) and keys and isinstance(keys[0], dict) else document
            key, kid = read_private_jwk(chosen), chosen.get("kid")
            named = chosen.get("alg")
            return (
                key,
                named if isinstance(named, str) else _algorithm_of(key),
                kid if isinstance(kid, str) else None,
            )
        loaded = load_pem_private_key(octets, password=None)
    except (OSError, ValueError, msgspec.MsgspecError, Reject) as cause:
        raise TargetError(f"{path} holds no usable private key: {type(cause).__name__}") from cause
    if not isinstance(loaded, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        raise TargetError(f"{path} holds a private key of another kind than RSA, EC or Ed25519")
    return loaded, _algorithm_of(loaded), None


def _algorithm_of(key: PrivateKey) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "ES256"
    return "PS256" if isinstance(key, rsa.RSAPrivateKey) else "EdDSA"
