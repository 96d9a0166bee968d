"""What the server knows and remembers: clients, users, sessions, codes, tokens. All in memory, under one lock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection

    from .rsa import Key

__all__ = ["Client", "Code", "Grant", "Pending", "Refresh", "State", "User", "decoded", "encoded", "scrypt"]

CODE_SECONDS: Final = 60
KEY_ID: Final = "2026"


@dataclass(frozen=True)
class Client:
    """A registered client."""

    id: str
    secret: str
    redirect_uri: str
    scopes: frozenset[str]
    grants: frozenset[str] = frozenset({"authorization_code", "refresh_token"})


@dataclass(frozen=True)
class User:
    """Somebody with a password."""

    id: str
    name: str
    email: str
    password: str


@dataclass(eq=False)
class Grant:
    """What a user agreed to; everything that comes of it dies with it."""

    client: str
    user: str
    scopes: frozenset[str]
    audience: str
    alive: bool = True


@dataclass(frozen=True)
class Pending:
    """An authorization request that waits for login and consent, in the browser that brought it."""

    asked: dict[str, str]
    browser: str


@dataclass(eq=False)
class Code:
    """An authorization code."""

    grant: Grant
    redirect_uri: str
    challenge: str
    until: float
    used: bool = False


@dataclass(eq=False)
class Refresh:
    """A refresh token; each is used once, and what comes after a second use is the end of the grant."""

    grant: Grant
    used: bool = False


@dataclass
class State:
    """Everything.

    Attributes:
        issuer: base address of the authorization server.
        api: base address of the API with the orders, and the audience of tokens where no resource is named.
        audiences: all that tokens can be for.
        lifetime: of access tokens, in seconds.
        opaque: what access tokens that say nothing stand for, where tokens are such; None where they are JWTs.
        objects_first: orders are looked up before the scope is looked at: a habit, and no flaw.
        pending: authorization requests that wait for login and consent, by their number in the address.
        sessions: user ids by the session cookie.
        revoked: identifiers of access tokens that were revoked one by one.
    """

    issuer: str
    api: str
    audiences: tuple[str, ...]
    lifetime: int
    opaque: dict[str, dict[str, Any]] | None
    key: Key
    flaws: Collection[str]
    clients: dict[str, Client]
    users: dict[str, User]
    objects_first: bool = False
    pending: dict[str, Pending] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    refreshes: dict[str, Refresh] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    form_key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    counter: int = 1000
    lock: threading.RLock = field(default_factory=threading.RLock)

    def user_named(self, name: str, password: str) -> User | None:
        """Return the user whose name and password these are; takes as long for a name that nobody has."""
        found = next((each for each in self.users.values() if each.name == name), None)
        expected = found.password if found else "0" * 64
        same = hmac.compare_digest(scrypt(password), expected)
        return found if same else None

    def sign_form(self, session: str, number: str) -> str:
        """Return what proves that a form was made for this session and request."""
        return hmac.digest(self.form_key, f"{session}|{number}".encode(), "sha256").hex()

    def new_code(self, code: Code) -> str:
        """Keep a code and return its name."""
        with self.lock:
            self.counter += 1
            name = str(self.counter) if "codes-guessable" in self.flaws else secrets.token_urlsafe(32)
            self.codes[name] = code
            return name

    def access_token(self, grant: Grant, scopes: Collection[str], *, subject: str) -> str:
        """Return an access token: signed (RFC 9068), or one that says nothing."""
        now, identifier = int(time.time()), secrets.token_urlsafe(16)
        with self.lock:
            self.grants[identifier] = grant
        claims = {
            "iss": self.issuer,
            "aud": grant.audience,
            "sub": subject,
            "client_id": grant.client,
            "scope": " ".join(sorted(scopes)),
            "iat": now,
            "exp": now + self.lifetime,
            "jti": identifier,
        }
        claims |= self._told_of(subject)
        if self.opaque is not None:
            name = secrets.token_urlsafe(32)
            self.opaque[name] = claims
            return name
        header = {"alg": "RS256", "typ": "at+jwt", "kid": KEY_ID}
        signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
        return f"{signed}.{encoded(self.key.sign(signed.encode()))}"

    def _told_of(self, subject: str) -> dict[str, str]:
        """Return what a token tells of a person; nothing, where it should tell nothing."""
        user = self.users.get(subject)
        if user is None:
            return {}
        told = {"hash-in-tokens": {"password_hash": user.password}, "person-in-tokens": {"email": user.email}}
        return {
            name: value for flaw, each in told.items() if flaw in self.flaws for name, value in each.items()
        }

    def claims(self, token: str, audience: str) -> dict[str, Any] | None:
        """Return what a good access token for this audience says; None for any other."""
        try:
            if self.opaque is not None:
                claims = self.opaque.get(token)
                return claims if claims is not None and self._meant(claims, audience) else None
            head, body, tail = token.split(".")
            header, claims = json.loads(decoded(head)), json.loads(decoded(body))
            good = self._signed(header, f"{head}.{body}".encode(), decoded(tail)) and self._meant(
                claims, audience
            )
        except (ValueError, TypeError, AttributeError, KeyError):
            return None
        return claims if good else None

    def _signed(self, header: dict[str, Any], message: bytes, signature: bytes) -> bool:
        if "signature-unchecked" in self.flaws:
            return True
        if "alg-none" in self.flaws and str(header["alg"]).lower() == "none":
            return True
        if "alg-confusion" in self.flaws and header["alg"] == "HS256":
            return hmac.compare_digest(hmac.digest(self.public_pem(), message, "sha256"), signature)
        if header.get("alg") != "RS256" or header.get("typ") != "at+jwt" or header.get("crit"):
            return False
        return self.key.verify(message, signature)

    def _meant(self, claims: dict[str, Any], audience: str) -> bool:
        if claims["iss"] != self.issuer:
            return False
        if "no-aud" not in self.flaws and claims["aud"] != audience:
            return False
        if "no-exp" not in self.flaws and claims["exp"] <= time.time():
            return False
        with self.lock:
            grant = self.grants.get(claims["jti"])
            if claims["jti"] in self.revoked:
                return False
            return grant is None or grant.alive

    def public_pem(self) -> bytes:
        """Return the public key as PEM."""
        text = base64.encodebytes(self.key.public_der()).decode().replace("\n", "")
        lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
        return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n".encode()

    def key_set(self) -> dict[str, object]:
        """Return the public key as a JWK Set."""
        modulus = encoded(self.key.modulus.to_bytes(256))
        member = {"kty": "RSA", "n": modulus, "e": "AQAB", "kid": KEY_ID, "use": "sig", "alg": "RS256"}
        return {"keys": [member]}


def scrypt(password: str) -> str:
    """Return what is kept of a password; one salt is enough for a server in a test."""
    return hashlib.scrypt(password.encode(), salt=b"plain", n=1024, r=8, p=1, dklen=32).hex()


def encoded(octets: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return what base64url without padding stands for.

    Raises:
        ValueError: it is none.
    """
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encoded(octets) != text:
        raise ValueError("not canonical")
    return octets
