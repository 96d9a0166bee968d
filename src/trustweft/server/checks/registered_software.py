"""What a software is registered as: composed of statement and request, held to the profile, changed and looked after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from trustweft.protocol.bearer import Scheme, read_presented_token
from trustweft.protocol.registered_software import Terms, compose_registration, with_defaults
from trustweft.protocol.registration import DEFAULT_ALGORITHM, read_client_metadata
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import Reject, reason
from trustweft.server import clients
from trustweft.server.checks.form import METHOD_NOT_ALLOWED
from trustweft.server.records import RegistrationUse

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from trustweft.server.exchange import Exchange
    from trustweft.server.registrations import Registrations

_ERROR: Final = "invalid_client_metadata"  # RFC 7591 section 3.2.2
_IDENTIFIER_OCTETS: Final = 16
_METHODS: Final = ("GET", "PUT", "DELETE")
_CHALLENGE: Final = (("www-authenticate", 'Bearer realm="client registration"'),)
# What a server says and a client never does (RFC 7592 section 2.2).
_OF_THE_SERVER: Final = frozenset(
    (
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    )
)

BEYOND_PROFILE = reason(
    "registration.beyond-profile",
    error=_ERROR,
    public="A way to authenticate, to bind tokens or to sign that the client asks for is not allowed here.",
)
TOKEN = reason(
    "registration.token",
    error="invalid_token",
    public="The registration access token is missing, or is not that of this registration.",
    status=401,
)
OTHER_SOFTWARE = reason(
    "registration.statement-mismatch",
    error="invalid_software_statement",
    public="The software statement is about another software or organisation than the registration, or of another directory.",
)
OTHER_CLIENT = reason(
    "registration.other-client",
    error=_ERROR,
    public="The client_id in the request must be that of the registration.",
)
OF_THE_SERVER = reason(
    "registration.server-member",
    error=_ERROR,
    public="The request holds a member that only the server can give: leave out registration_access_token and the like.",
)
NOT_REGISTERED = reason(
    "registration.unknown-software",
    error="invalid_software_statement",
    public="The software is not registered here: register it.",
)
EXPIRED = reason(
    "registration.expired",
    error="invalid_client",
    public="The registration was not used in time and has ended: register anew.",
    status=401,
)


def compose_new_client(exchange: Exchange) -> None:
    """Say what is registered under a new identifier, which nobody chooses: 128 random bits, without a dot."""
    octets = exchange.deployment.entropy.octets(_IDENTIFIER_OCTETS)
    _compose(exchange, client_id=f"software-{octets.hex()}")


def compose_changed_client(exchange: Exchange) -> None:
    """Say what is registered from now on; what the request leaves out is as if it had never been said."""
    _compose(exchange, client_id=exchange.client_id)


def _compose(exchange: Exchange, *, client_id: str) -> None:
    request = exchange.registration_request
    document = compose_registration(
        request.document,
        exchange.statement,
        software_statement=request.statement.compact,
        client_id=client_id,
        terms=_terms(exchange),
    )
    metadata = read_client_metadata(document)
    exchange.client_id = client_id
    exchange.new_metadata = metadata
    exchange.new_registered = msgspec.json.encode(with_defaults(document, metadata))


def _terms(exchange: Exchange) -> Terms:
    deployment = exchange.deployment
    limits, duties = deployment.profile.limits, deployment.profile.duties
    signs = (each for each in deployment.keys.algorithms if each in limits.signing_algorithms)
    defaults: dict[str, object] = {"id_token_signed_response_alg": next(signs, DEFAULT_ALGORITHM)}
    if DEFAULT_ALGORITHM not in limits.signing_algorithms:
        defaults["token_endpoint_auth_signing_alg"] = limits.signing_algorithms[0]
    if "dpop" not in limits.sender_constraint_methods:
        defaults["tls_client_certificate_bound_access_tokens"] = True
    return Terms(
        scope=tuple(definition.name for definition in deployment.config.scopes),
        roles=exchange.registrations.rules.roles,
        detail_types=tuple(deployment.detail_types.definitions),
        keys_by_reference=duties.require_client_keys_by_reference,
        defaults=defaults,
    )


def check_registered_ways(exchange: Exchange) -> None:
    """The profile allows every way that the client is registered for, and the server signs as it was promised."""
    deployment, metadata = exchange.deployment, exchange.new_metadata
    beyond = clients.ways_beyond(deployment.profile.limits, metadata)
    if metadata.id_token_signed_response_alg not in deployment.keys.algorithms:
        beyond = (*beyond, metadata.id_token_signed_response_alg)
    if beyond:
        raise BEYOND_PROFILE.reject(" ".join(beyond))


async def find_software_to_recover(exchange: Exchange) -> None:
    """Find the registration of the software that has proven to be there."""
    statement = exchange.statement
    found = await exchange.deployment.store.find_registered_software(
        directory=statement.issuer, software_id=statement.software_id, now=exchange.now
    )
    client = (
        None
        if found is None
        else await clients.find_client(exchange.deployment.store, found.client_id, now=exchange.now)
    )
    if found is None or client is None:
        raise NOT_REGISTERED.reject(statement.software_id)
    exchange.registration, exchange.client, exchange.client_id = found, client, found.client_id


def check_configuration_method(exchange: Exchange) -> None:
    """A registration is read, replaced or removed (RFC 7592 section 2)."""
    if exchange.request.method not in _METHODS:
        raise METHOD_NOT_ALLOWED.reject(
            exchange.request.method[:20], headers=(("allow", ", ".join(_METHODS)),)
        )


def read_registration_token(exchange: Exchange) -> None:
    """Read the bearer token (RFC 7592 section 2); it is of no other kind than that."""
    try:
        exchange.presented = read_presented_token(exchange.request)
    except Reject as cause:
        raise TOKEN.reject(cause.reason.id, headers=_CHALLENGE) from cause
    if exchange.presented.scheme is not Scheme.BEARER:
        raise TOKEN.reject("another scheme", headers=_CHALLENGE)


async def find_own_registration(exchange: Exchange) -> None:
    """The token is that of the registration at this address; of one that does not exist the same is said."""
    store, client_id = exchange.deployment.store, exchange.handle
    found = await store.find_registration(client_id, now=exchange.now)
    if found is None or found.token != digest_of(exchange.presented.token):
        raise TOKEN.reject(f"client_id={client_id[:80]!r}", headers=_CHALLENGE)
    client = await clients.find_client(store, client_id, now=exchange.now)
    if client is None:  # it went between the two questions
        raise TOKEN.reject(f"client_id={client_id[:80]!r} is gone", headers=_CHALLENGE)
    exchange.registration, exchange.client, exchange.client_id = found, client, client_id


def check_same_software(exchange: Exchange) -> None:
    """The statement is of the same directory, about the same software of the same organisation, as the registration."""
    kept, statement = exchange.registration, exchange.statement
    new = (statement.issuer, statement.software_id, statement.organisation_id)
    if new != (kept.directory, kept.software_id, kept.organisation_id):
        raise OTHER_SOFTWARE.reject(f"{statement.software_id} of {statement.organisation_id}")


def check_named_client(exchange: Exchange) -> None:
    """The request names the client that it is about, and nothing that only a server says (RFC 7592 section 2.2)."""
    document = exchange.registration_request.document
    if document.get("client_id") != exchange.client_id:
        raise OTHER_CLIENT.reject(f"{document.get('client_id')!r:.100}")
    if not _OF_THE_SERVER.isdisjoint(document):
        raise OF_THE_SERVER.reject(" ".join(sorted(_OF_THE_SERVER.intersection(document))))


def use_registration(exchange: Exchange) -> Awaitable[None] | None:
    """A client that registered itself is still registered; that it was there is written down, once a day."""
    registrations = exchange.deployment.registrations
    if registrations is None or exchange.client.metadata.software_statement is None:
        return None  # an operator registered it
    if registrations.uses.is_noted(exchange.client_id, now=exchange.now):
        return None
    return _write_down(exchange, registrations)


async def _write_down(exchange: Exchange, registrations: Registrations) -> None:
    client_id, now = exchange.client_id, exchange.now
    outcome = await exchange.deployment.store.use_registration(
        client_id, now=now, keep_until=registrations.rules.next_end(now)
    )
    if outcome is RegistrationUse.EXPIRED:
        raise EXPIRED.reject(f"client_id={client_id}")
    registrations.uses.note(client_id, now=now)
