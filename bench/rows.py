"""What is measured at the authorization servers: one row of the table each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from bench.loader import Expected, ask
from bench.signing import http_request
from trustweft.protocol.pkce import CodeVerifier, create_challenge

if TYPE_CHECKING:
    from bench.sides import Side
    from bench.signing import Workshop

__all__ = ["ROWS", "Row", "code_requests", "current_nonce"]


class Prepare(Protocol):
    """Signs the requests of one measurement."""

    def __call__(self, workshop: Workshop, side: Side, *, count: int, nonce: str | None) -> list[bytes]:
        """Return ``count`` requests, each good once."""
        ...


class Row(NamedTuple):
    """One endpoint, asked in one way.

    Attributes:
        verifications: how many signatures every answer costs at least.
        signatures: how many it makes.
        target: the ratio to the peer that the durable server must reach.
    """

    name: str
    prepare: Prepare
    expected: Expected
    verifications: int
    signatures: int
    target: float | None = None


def current_nonce(workshop: Workshop, side: Side) -> str | None:
    """Return the nonce that the side demands now, as it tells whoever comes without one."""
    request = workshop.client_credentials(side.endpoints, 0, nonce=None)
    return ask(request, port=side.endpoints.port, trust=side.trust).header("dpop-nonce")


def _pushed(workshop: Workshop, side: Side, *, count: int, nonce: str | None) -> list[bytes]:
    return [workshop.pushed(side.endpoints, n, nonce=nonce, proven=False) for n in range(count)]


def _pushed_and_proven(workshop: Workshop, side: Side, *, count: int, nonce: str | None) -> list[bytes]:
    return [workshop.pushed(side.endpoints, n, nonce=nonce, proven=True) for n in range(count)]


def _client_credentials(workshop: Workshop, side: Side, *, count: int, nonce: str | None) -> list[bytes]:
    return [workshop.client_credentials(side.endpoints, n, nonce=nonce) for n in range(count)]


def code_requests(workshop: Workshop, side: Side, *, count: int, nonce: str | None) -> list[bytes]:
    """Return token requests with codes that the side has just issued."""
    verifiers = workshop.verifiers(count)
    items = [
        {"code_challenge": create_challenge(CodeVerifier(verifier)), "dpop_jkt": workshop.thumbprint(number)}
        for number, verifier in enumerate(verifiers)
    ]
    clients = len(workshop.identities.clients)
    codes = [""] * count
    for first in range(min(clients, count)):  # a code belongs to one client
        codes[first::clients] = side.codes(workshop.client(first).client_id, items[first::clients])
    return [
        workshop.code_exchange(side.endpoints, number, code=code, verifier=verifier, nonce=nonce)
        for number, (code, verifier) in enumerate(zip(codes, verifiers, strict=True))
    ]


def _discovery(workshop: Workshop, side: Side, *, count: int, nonce: str | None) -> list[bytes]:  # noqa: ARG001  # nothing to sign
    at = side.endpoints
    return [http_request("GET", at.discovery, port=at.port, headers={})] * count


ROWS: Final = (
    Row("PAR, private_key_jwt", _pushed, Expected(201, b'"request_uri"'), 1, 0, target=1.25),
    Row(
        "PAR, private_key_jwt + DPoP", _pushed_and_proven, Expected(201, b'"request_uri"'), 2, 0, target=1.25
    ),
    Row("token, client_credentials", _client_credentials, Expected(200, b'"access_token"'), 2, 1, target=1.6),
    Row("token, authorization_code", code_requests, Expected(200, b'"id_token"'), 2, 2, target=1.6),
    Row("discovery", _discovery, Expected(200, b'"token_endpoint"'), 0, 0),
)
