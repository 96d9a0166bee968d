"""How requests leave: authenticated, with their proof, and once more where the server says what was missing.

What a server can say so is its nonce (RFC 9449 sections 8 and 9) and, where it refuses what is dated wrongly, its
time. Each is a reason to send a request again once, with everything fresh; a server that never has enough is an error,
not a loop.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, assert_never
from urllib.parse import urlsplit

from trustweft.client.configuration import CertificateBound, ClientCertificate, Dpop, PrivateKeyJwt
from trustweft.client.nonces import NonceCache
from trustweft.client.server_time import ServerTime
from trustweft.client.wire import Call, header_values
from trustweft.protocol.bearer import Scheme, create_authorization, read_challenges
from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.dpop import create_proof
from trustweft.protocol.jar import create_request_object
from trustweft.protocol.oauth import FORM_CONTENT_TYPE, encode_form
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.client.configuration import ClientConfiguration
    from trustweft.client.wire import Flow
    from trustweft.crypto.keys import Signer
    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["Missing", "Sending"]

MAXIMUM_ERROR: Final = 65_536
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401

UNENCRYPTED = reason(
    "client.unencrypted",
    error="invalid_request",
    public="A token is sent to an https address without user information only.",
)


class Missing(Enum):
    """What a refused request lacked, and we have now."""

    NONCE = "nonce"
    TIME = "time"


class Sending:
    """Makes the requests of one client, and remembers each server's nonce and time."""

    def __init__(self, configuration: ClientConfiguration, *, clock: Clock, entropy: Entropy) -> None:
        self.time = ServerTime(clock)
        self._configuration = configuration
        self._entropy = entropy
        self._nonces = NonceCache()

    def fetch(self, url: str) -> Flow[HttpResponse]:
        """Get a public document."""
        response = yield Call(method="GET", url=url, headers=(("accept", "application/json"),))
        self.time.learn(url, response)
        return response

    def post(
        self, url: str, form: dict[str, str], *, with_proof: bool, signed: bool = False
    ) -> Flow[HttpResponse]:
        """Post a form to the authorization server.

        Args:
            url: an endpoint of the metadata.
            form: without what authenticates the client.
            with_proof: whether tokens come of it, which are bound to our proof key if we have one.
            signed: whether the form is an authorization request, which we sign if we have keys for that.

        Raises:
            Reject: the server's nonce is malformed.
        """

        def make() -> Call:
            sent = self._signed_request(url, form) if signed else form
            return self._authenticated(url, sent, with_proof=with_proof)

        return (yield from self._repeated(url, make))

    def call(self, call: Call, access_token: str) -> Flow[HttpResponse]:
        """Send one request to a protected resource.

        Raises:
            Reject: ``client.unencrypted``; the server's nonce is malformed.
        """
        return (yield from self._repeated(call.url, lambda: self.signed(call, access_token)))

    def _repeated(self, url: str, make: Callable[[], Call]) -> Flow[HttpResponse]:
        had: set[Missing] = set()
        while True:
            response = yield make()
            missing = self.learn(url, response)
            if missing is None or missing in had:
                return response
            had.add(missing)

    def learn(self, url: str, response: HttpResponse) -> Missing | None:
        """Learn nonce and time from an answer; return which of them, now known, it was refused for.

        Raises:
            Reject: ``dpop.bad-nonce-header``.
        """
        corrected = self.time.learn(url, response)
        self._nonces.learn(url, response)
        if isinstance(self._configuration.sender_constraint, Dpop) and _wants_nonce(response):
            return Missing.NONCE
        return Missing.TIME if corrected and _may_be_for_its_time(response) else None

    @enforces("FAPI2-SP-5.3.3.1-1.1", "RFC9449-7-p1.1", "RFC9449-7.3-p1")
    def signed(self, call: Call, access_token: str) -> Call:
        """Return the call with the token, and a fresh proof for it where the token is bound to our key.

        Raises:
            Reject: ``client.unencrypted``: a token never leaves but over TLS, to a plainly named host.
        """
        _check_target(call.url)
        match self._configuration.sender_constraint:
            case Dpop(signer):
                proof = self._proof(signer, method=call.method, url=call.url, access_token=access_token)
                shown = [create_authorization(access_token), ("dpop", proof)]
            case CertificateBound():  # the connection is the proof
                shown = [create_authorization(access_token, scheme=Scheme.BEARER)]
            case _ as never:
                assert_never(never)
        return Call(method=call.method, url=call.url, headers=(*call.headers, *shown), body=call.body)

    @enforces("RFC9101-5-1", "RFC9101-5-3", "RFC9101-5-p6.1", "RFC9101-10.5-p5", "RFC9126-3-p1.2")
    def _signed_request(self, url: str, form: dict[str, str]) -> dict[str, str]:
        """Return the request as one object where requests are signed: beside it stand our credentials and nothing else."""
        configuration = self._configuration
        if configuration.request_keys is None:
            return form
        request = create_request_object(
            configuration.request_keys.signer(),
            client_id=configuration.client_id,
            issuer=configuration.issuer,
            parameters=form,
            now=self.time.now(url),
            lifetime=configuration.assertion_lifetime,
            jti=self._entropy.token(),
        )
        return {"request": request}

    @enforces("RFC9449-5-p1", "RFC8705-2-p3.1")
    def _authenticated(self, url: str, form: dict[str, str], *, with_proof: bool) -> Call:
        body = encode_form({**form, "client_id": self._configuration.client_id, **self._credentials(url)})
        headers = [("content-type", FORM_CONTENT_TYPE), ("accept", "application/json")]
        constraint = self._configuration.sender_constraint
        if with_proof and isinstance(constraint, Dpop):
            headers.append(("dpop", self._proof(constraint.proof_signer, method="POST", url=url)))
        return Call(method="POST", url=url, headers=tuple(headers), body=body)

    @enforces("FAPI2-SP-5.3.3.1-2.1")
    def _credentials(self, url: str) -> dict[str, str]:
        """Return what the form says besides ``client_id``: where the connection authenticates, nothing."""
        configuration = self._configuration
        match configuration.authentication:
            case PrivateKeyJwt(keys):
                assertion = create_client_assertion(
                    keys.signer(),
                    client_id=configuration.client_id,
                    issuer=configuration.issuer,
                    now=self.time.now(url),
                    lifetime=configuration.assertion_lifetime,
                    jti=self._entropy.token(),
                )
                return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
            case ClientCertificate():
                return {}
            case _ as never:
                assert_never(never)

    @enforces("RFC9449-4.2-4")
    def _proof(self, signer: Signer, *, method: str, url: str, access_token: str | None = None) -> str:
        return create_proof(
            signer,
            method=method,
            url=url,  # the one that is really called, an alias included
            now=self.time.now(url),
            jti=self._entropy.token(),
            access_token=access_token,
            nonce=self._nonces.current(url),
        )


def _check_target(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise UNENCRYPTED.reject(parts.scheme[:20])


def _wants_nonce(response: HttpResponse) -> bool:
    """Tell whether the response asks for a server nonce (RFC 9449 sections 8 and 9)."""
    if response.status == _BAD_REQUEST:  # section 8: at the server, in the body
        return _error_of(response) == "use_dpop_nonce"
    if response.status != _UNAUTHORIZED:  # section 9: at a resource, in the challenge
        return False
    try:
        challenges = read_challenges(header_values(response, "www-authenticate"))
    except Reject:
        return False
    return any(
        challenge.scheme == "dpop" and challenge.parameters.get("error") == "use_dpop_nonce"
        for challenge in challenges
    )


def _may_be_for_its_time(response: HttpResponse) -> bool:
    """Tell whether an assertion, a proof or a token was refused, and with it nothing done."""
    return response.status == _UNAUTHORIZED or (
        response.status == _BAD_REQUEST and _error_of(response) in {"invalid_client", "invalid_dpop_proof"}
    )


def _error_of(response: HttpResponse) -> object:
    try:
        return load_object(response.body, limit=MAXIMUM_ERROR).get("error")
    except Reject:
        return None
