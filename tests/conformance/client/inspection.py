"""What the examiner looks at in every request that the client sends, by other code than the client's own.

What is wrong is noted, not answered with an error: as in the suite, the flow goes on and the module fails in the end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

if TYPE_CHECKING:
    from trustweft.protocol.http import HttpRequest

__all__ = ["Inspection", "header_of"]

ALGORITHMS: Final = ["PS256", "ES256", "EdDSA"]
KINDS: Final[dict[str, type[ECKey | RSAKey | OKPKey]]] = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}
WINDOW: Final = 300.0  # seconds that a proof's time may be off, as in the suite
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def header_of(token: str) -> dict[str, Any]:
    """Return the JOSE header of a token."""
    segment = token.partition(".")[0]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return found


@dataclass
class Inspection:
    """Notes what is wrong with a client's requests.

    Attributes:
        issuer: of the examiner.
        client_id: as registered.
        assertion_key: the registered key.
        certificate: the registered certificate, DER.
        problems: what was found.
    """

    issuer: str
    client_id: str
    assertion_key: ECKey
    certificate: bytes
    problems: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def now(self) -> float:
        """Return the examiner's time."""
        return time.time()

    def demand(self, what: str, *, holds: bool) -> None:
        """Note what does not hold."""
        if not holds:
            self.problems.append(what)

    def authentication(self, request: HttpRequest, form: dict[str, str], *, method: str) -> None:
        """Look at how the client authenticates."""
        self.demand("client_id", holds=form.get("client_id") == self.client_id)
        if method == "mtls":
            self.shown_certificate(request)
            self.demand("no assertion beside a certificate", holds="client_assertion" not in form)
            return
        self.demand("the type of the assertion", holds=form.get("client_assertion_type") == ASSERTION_TYPE)
        self._assertion(form.get("client_assertion", ""))

    def shown_certificate(self, request: HttpRequest) -> None:
        """Look at the certificate of the connection."""
        self.demand(
            f"the registered certificate at {request.path}",
            holds=request.client_certificate == self.certificate,
        )

    def _assertion(self, assertion: str) -> None:
        try:
            claims = jwt.decode(assertion, self.assertion_key, algorithms=["ES256"]).claims
        except (JoseError, ValueError) as cause:
            self.problems.append(f"the assertion does not verify: {cause!r}")
            return
        self.demand("aud is the issuer, as a string", holds=claims.get("aud") == self.issuer)
        self.demand(
            "iss and sub are the client", holds=claims.get("iss") == claims.get("sub") == self.client_id
        )
        self.demand("an assertion that lasts", holds=self.now() < claims.get("exp", 0) < self.now() + 300)
        self.demand("an assertion of now", holds=abs(self.now() - claims.get("iat", 0)) < 10)
        self._fresh(claims)

    def proof(
        self, request: HttpRequest, url: str, *, access_token: str | None = None
    ) -> dict[str, Any] | None:
        """Look at the DPoP proof; return its claims."""
        values = request.header_values("dpop")
        self.demand(f"one proof at {request.path}", holds=len(values) == 1)
        if len(values) != 1:
            return None
        header = header_of(values[0])
        jwk: dict[str, Any] = header.get("jwk", {})
        try:
            key = KINDS[jwk["kty"]].import_key(jwk)
            claims: dict[str, Any] = jwt.decode(values[0], key, algorithms=ALGORITHMS).claims
        except (JoseError, KeyError, ValueError) as cause:
            self.problems.append(f"the proof does not verify: {cause!r}")
            return None
        self.demand("typ dpop+jwt", holds=header.get("typ") == "dpop+jwt")
        self.demand("a public key in the proof", holds=not {"d", "p", "q", "k"} & set(jwk))
        self.demand("htm", holds=claims.get("htm") == request.method)
        self.demand(f"htu is {url}", holds=claims.get("htu") == url)
        self.demand("a proof of now", holds=abs(self.now() - claims.get("iat", 0)) <= WINDOW)
        expected = None if access_token is None else _hash(access_token)
        self.demand("ath at resources, and only there", holds=claims.get("ath") == expected)
        self._fresh(claims)
        return claims

    def _fresh(self, claims: dict[str, Any]) -> None:
        jti = claims.get("jti", "")
        self.demand("a jti of its own", holds=bool(jti) and jti not in self._seen)
        self._seen.add(jti)


def _hash(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
