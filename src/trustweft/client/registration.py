"""Becoming a client (RFC 7591), and looking after the registration (RFC 7592), before there is any client.

Each function is a conversation: it yields ``Call`` and is sent the answers. ``drive`` and ``drive_async`` of
``trustweft.client.driving`` carry one out. The token that looks after a registration is a ``Secret``: whoever keeps it writes it where tokens are kept. A
change brings a new one; where an answer is lost, so is the token, and ``recover`` brings another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.client.errors import ServerRefusedError
from trustweft.client.wire import Call
from trustweft.protocol.oauth import read_error_response
from trustweft.protocol.registration_request import JSON_TYPE, SIGNED_TYPE, create_signed_request
from trustweft.protocol.url import parse_url
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.secret import Secret
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trustweft.client.wire import Flow
    from trustweft.crypto.keys import Signer
    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy

__all__ = ["ClientRegistration", "Software", "delete", "read", "recover", "register", "update"]

MAXIMUM_ANSWER: Final = 262_144
REQUEST_LIFETIME: Final = 60.0  # our choice: made for one request and used at once
_OK: Final = 200
_CREATED: Final = 201
_NO_CONTENT: Final = 204
# What the server says of itself in its answer, and what is no metadata to be sent back.
_OF_THE_SERVER: Final = frozenset(
    ("registration_access_token", "registration_client_uri", "client_id_issued_at", "software_statement")
)

BAD_ANSWER = reason(
    "client.bad-registration",
    error="server_error",
    public="The answer of the server is no client registration.",
    status=502,
)


class ClientRegistration(msgspec.Struct, frozen=True, kw_only=True):
    """A registration as its server tells it.

    Attributes:
        client_id: chosen by the server.
        metadata: all that is registered, which may be less than was asked for.
        registration_client_uri: where the registration is looked after.
        registration_access_token: proves who may do so.
    """

    client_id: str
    metadata: dict[str, object]
    registration_client_uri: str
    registration_access_token: Secret


class Software(msgspec.Struct, frozen=True, kw_only=True):
    """A software that has keys, and a directory that vouches for them.

    Attributes:
        software_id: of the directory.
        signer: signs requests; None where the software shows its certificate instead.
    """

    software_id: str
    clock: Clock
    entropy: Entropy
    signer: Signer | None = None

    def sign(
        self, document: Mapping[str, object], *, software_statement: str, issuer: str
    ) -> tuple[str, bytes]:
        """Return content type and body of a request."""
        if self.signer is None:
            return JSON_TYPE, msgspec.json.encode({**document, "software_statement": software_statement})
        signed = create_signed_request(
            document,
            software_statement=software_statement,
            software_id=self.software_id,
            issuer=issuer,
            signer=self.signer,
            now=self.clock.now(),
            lifetime=REQUEST_LIFETIME,
            jti=self.entropy.token(),
        )
        return SIGNED_TYPE, signed.encode()


def register(
    software: Software,
    *,
    endpoint: str,
    issuer: str,
    software_statement: str,
    metadata: Mapping[str, object] | None = None,
) -> Flow[ClientRegistration]:
    """Become a client.

    Args:
        software: who asks.
        endpoint: the ``registration_endpoint``, or its alias where a certificate is shown.
        issuer: of the authorization server.
        software_statement: fresh from the directory; it is good for one request.
        metadata: what to choose within the statement; what it says itself is taken from there.

    Raises:
        Reject: ``client.bad-registration``. ServerRefusedError: the server refuses.
    """
    kind, body = software.sign(metadata or {}, software_statement=software_statement, issuer=issuer)
    response = yield Call(method="POST", url=endpoint, headers=_headers(kind), body=body)
    return _read(response, status=_CREATED, under=endpoint)


def recover(
    software: Software, *, endpoint: str, issuer: str, software_statement: str
) -> Flow[ClientRegistration]:
    """Find the registration of a software that lost its client identifier, or the token; the lost token ends.

    Args:
        software: who asks.
        endpoint: the ``registration_recovery_endpoint``, or its alias where a certificate is shown.
        issuer: of the authorization server.
        software_statement: fresh from the directory.

    Raises:
        Reject: ``client.bad-registration``. ServerRefusedError: the server refuses.
    """
    kind, body = software.sign({}, software_statement=software_statement, issuer=issuer)
    response = yield Call(method="POST", url=endpoint, headers=_headers(kind), body=body)
    return _read(response, status=_OK, under=endpoint)


def read(registration: ClientRegistration) -> Flow[ClientRegistration]:
    """Return the registration as it is now.

    Raises:
        Reject: ``client.bad-registration``. ServerRefusedError: the server refuses.
    """
    response = yield _manage("GET", registration)
    return _same(_read(response, status=_OK, under=registration.registration_client_uri), registration)


def update(
    software: Software,
    registration: ClientRegistration,
    *,
    issuer: str,
    software_statement: str,
    metadata: Mapping[str, object],
) -> Flow[ClientRegistration]:
    """Replace the registration; what ``metadata`` leaves out is as if it had never been said.

    Raises:
        Reject: ``client.bad-registration``. ServerRefusedError: the server refuses.
    """
    document = {name: value for name, value in metadata.items() if name not in _OF_THE_SERVER}
    kind, body = software.sign(
        {**document, "client_id": registration.client_id},
        software_statement=software_statement,
        issuer=issuer,
    )
    response = yield _manage("PUT", registration, kind, body)
    return _same(_read(response, status=_OK, under=registration.registration_client_uri), registration)


def delete(registration: ClientRegistration) -> Flow[None]:
    """End the registration, and with it every permission that people gave.

    Raises:
        ServerRefusedError: the server refuses.
    """
    response = yield _manage("DELETE", registration)
    if response.status != _NO_CONTENT:
        raise _refusal(response)


def _headers(kind: str) -> tuple[tuple[str, str], ...]:
    return (("content-type", kind), ("accept", "application/json"))


def _manage(method: str, registration: ClientRegistration, kind: str = "", body: bytes = b"") -> Call:
    token = registration.registration_access_token.reveal()
    headers = (("accept", "application/json"), ("authorization", f"Bearer {token}"))
    content = (("content-type", kind),) if kind else ()
    return Call(
        method=method, url=registration.registration_client_uri, headers=(*headers, *content), body=body
    )


def _read(response: HttpResponse, *, status: int, under: str) -> ClientRegistration:
    """Read a registration (RFC 7592 section 3)."""
    if response.status != status:
        raise _refusal(response)
    try:
        document = load_object(response.body, limit=MAXIMUM_ANSWER)
    except Reject as cause:
        raise BAD_ANSWER.reject(cause.reason.id) from cause
    names = ("client_id", "registration_client_uri", "registration_access_token")
    client_id, uri, token = (document.pop(name, None) for name in names)
    if not isinstance(client_id, str) or not isinstance(uri, str) or not isinstance(token, str):
        raise BAD_ANSWER.reject("a member is missing")
    url, asked = parse_url(uri), parse_url(under)
    # On the host that was asked, whatever the port: a token for one server is not sent to another.
    if url is None or asked is None or (url.scheme, url.host) != ("https", asked.host):
        raise BAD_ANSWER.reject(f"{uri[:200]!r}, from {under[:200]!r}")
    return ClientRegistration(
        client_id=client_id,
        metadata=document,
        registration_client_uri=uri,
        registration_access_token=Secret(token),
    )


def _same(answered: ClientRegistration, asked: ClientRegistration) -> ClientRegistration:
    if answered.client_id != asked.client_id:
        raise BAD_ANSWER.reject("another client")
    return answered


def _refusal(response: HttpResponse) -> ServerRefusedError:
    error = read_error_response(response.body)
    return ServerRefusedError(error.error, error.description, response.status)
