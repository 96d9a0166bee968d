"""One application with clients at several authorization servers, and one callback for all of them.

Which server an answer is for is never read from the answer: the authorization that the browser began says it, from the
session of that browser. The client of that server then holds ``iss`` of the answer against it (RFC 9207), so that a
server that was mixed up with another gets no code of it (RFC 9700 section 4.4).

    clients = Clients([client_of_a, client_of_b])
    started = clients.at(issuer_that_the_person_chose).begin()
    ...
    clients.of(pending).finish(pending, query_of_the_callback, name="alice at a")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from trustweft.client.configuration import Dpop
from trustweft.client.drivers import AsyncClient, Client
from trustweft.crypto.keys import thumbprint
from trustweft.runtime.enforces import enforces
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trustweft.client.configuration import ClientConfiguration
    from trustweft.client.pending import PendingAuthorization

__all__ = ["Clients"]

C = TypeVar("C", Client, AsyncClient)

UNKNOWN = reason(
    "client.unknown-server",
    error="invalid_request",
    public="There is no client of ours at this authorization server.",
)


class Clients(Generic[C]):
    """The clients of one application, by issuer.

    Raises:
        ValueError: two are at the same server, or two bind their tokens to the same key.
    """

    @enforces("RFC9207-4-p1.1", "RFC9207-4-p1.2")
    def __init__(self, clients: Iterable[C]) -> None:
        self._clients: dict[str, C] = {}
        for client in clients:
            issuer = client.core.configuration.issuer
            if issuer in self._clients:
                raise ValueError(f"there are two clients at {issuer}")
            self._clients[issuer] = client
        _check_keys([client.core.configuration for client in self._clients.values()])

    def at(self, issuer: str) -> C:
        """Return the client at this server, whom the person chose.

        Raises:
            Reject: ``client.unknown-server``.
        """
        client = self._clients.get(issuer)
        if client is None:
            raise UNKNOWN.reject(repr(issuer)[:200])
        return client

    def of(self, pending: PendingAuthorization) -> C:
        """Return the client that began what is pending in this browser.

        Raises:
            Reject: ``client.unknown-server``.
        """
        return self.at(pending.issuer)


@enforces("FAPI2-SP-6.3-1", "RFC9700-UPDATE-2.1.2.3-1")
def _check_keys(configurations: Iterable[ClientConfiguration]) -> None:
    # With one key for all, a token that was stolen from one server's side could be slipped in as another's.
    keys = [
        thumbprint(configuration.sender_constraint.proof_signer.public_key)
        for configuration in configurations
        if isinstance(configuration.sender_constraint, Dpop)
    ]
    if len(set(keys)) != len(keys):
        raise ValueError("each authorization server gets a proof key of its own")
