"""Registration, its recovery, and the client configuration endpoint (RFC 7591 section 3, RFC 7592 section 2).

The token that looks after a registration is kept as a digest. Each change gives a new one, and so does a recovery;
the one before it ends there and then. Whoever loses an answer recovers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from trustweft.protocol.http import HttpResponse, json_response
from trustweft.protocol.registered_software import create_client_information
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import reason
from trustweft.server.records import Registration, RegistrationOutcome

if TYPE_CHECKING:
    from trustweft.server.exchange import Exchange

_CREATED: Final = 201
_NO_CONTENT: Final = 204

SOFTWARE_TAKEN = reason(
    "registration.software-registered",
    error="invalid_software_statement",
    public="The software is registered already: change that registration, or recover it at the registration_recovery_endpoint.",
)
QUOTA = reason(
    "registration.quota",
    error="unapproved_software_statement",
    public="The organisation has as many registrations as one may have here.",
)
CHANGED = reason(
    "registration.changed",
    error="invalid_client_metadata",
    public="The registration was changed or removed by somebody else just now: read it, and try again.",
    status=409,
)


async def save_registration(exchange: Exchange) -> None:
    """Register client and software at once: one registration per software, and no more than the quota."""
    statement, rules, now = exchange.statement, exchange.registrations.rules, exchange.now
    exchange.registration_token = exchange.deployment.entropy.token()
    exchange.registered = exchange.new_registered
    exchange.registration = Registration(
        client_id=exchange.client_id,
        directory=statement.issuer,
        software_id=statement.software_id,
        organisation_id=statement.organisation_id,
        token=digest_of(exchange.registration_token),
        registered_at=now,
        expires_at=rules.first_end(now),
    )
    outcome = await exchange.deployment.store.register_software(
        exchange.registration, exchange.registered, quota=rules.maximum_per_organisation, now=now
    )
    match outcome:
        case RegistrationOutcome.REGISTERED:
            _tell(exchange, "software registered")
        case RegistrationOutcome.SOFTWARE_TAKEN:
            raise SOFTWARE_TAKEN.reject(statement.software_id)
        case RegistrationOutcome.QUOTA:
            raise QUOTA.reject(f"{statement.organisation_id} has {rules.maximum_per_organisation}")
        case _ as never:
            assert_never(never)


async def renew_registration_token(exchange: Exchange) -> None:
    """Give the software that was recovered a new token; the one that it lost ends."""
    await _read_registered(exchange)
    exchange.registration_token = exchange.deployment.entropy.token()
    renewed = await exchange.deployment.store.replace_registration_token(
        exchange.client_id,
        token=exchange.registration.token,
        new_token=digest_of(exchange.registration_token),
    )
    if not renewed:
        raise CHANGED.reject(f"client_id={exchange.client_id}")
    _tell(exchange, "registration recovered")


async def replace_registration(exchange: Exchange) -> None:
    """Put the new registration in the place of the one that was read, with a new token; grants stay."""
    await _read_registered(exchange)
    exchange.registration_token = exchange.deployment.entropy.token()
    replaced = await exchange.deployment.store.replace_registration(
        exchange.client_id,
        token=exchange.registration.token,
        new_token=digest_of(exchange.registration_token),
        old=exchange.registered,
        new=exchange.new_registered,
    )
    if not replaced:
        raise CHANGED.reject(f"client_id={exchange.client_id}")
    exchange.registered = exchange.new_registered
    _tell(exchange, "registration changed")


async def remove_registration(exchange: Exchange) -> None:
    """Remove the client and all that it was granted (RFC 7592 section 2.3)."""
    removed = await exchange.deployment.store.remove_registration(
        exchange.client_id, token=exchange.registration.token, now=exchange.now
    )
    if not removed:
        raise CHANGED.reject(f"client_id={exchange.client_id}")
    _tell(exchange, "registration removed")
    exchange.response = HttpResponse(_NO_CONTENT, (("cache-control", "no-store"),))


def _tell(exchange: Exchange, event: str) -> None:
    """Tell operators who came, changed or went: the identifiers, never the token."""
    about = exchange.registration
    exchange.deployment.observer.happened(
        "server",
        event,
        client_id=about.client_id,
        software_id=about.software_id,
        organisation_id=about.organisation_id,
        directory=about.directory,
    )


async def read_registration(exchange: Exchange) -> None:
    """Read what is registered; the token stays, and is told back as RFC 7592 section 3 asks, out of the request."""
    await _read_registered(exchange)
    exchange.registration_token = exchange.presented.token


async def _read_registered(exchange: Exchange) -> None:
    stored = await exchange.deployment.store.find_client(exchange.client_id)
    if stored is None:
        raise CHANGED.reject(f"client_id={exchange.client_id}")
    exchange.registered = stored


def answer_registration(exchange: Exchange) -> None:
    """Tell a new client what it is registered as (RFC 7591 section 3.2.1)."""
    exchange.response = _information(exchange, status=_CREATED)


def answer_client_information(exchange: Exchange) -> None:
    """Tell a client what it is registered as (RFC 7592 section 3)."""
    exchange.response = _information(exchange, status=200)


def _information(exchange: Exchange, *, status: int) -> HttpResponse:
    config = exchange.deployment.config
    certified = exchange.deployment.profile.duties.require_certificate_at_registration
    document = create_client_information(
        exchange.registered,
        registration_access_token=exchange.registration_token,
        registration_client_uri=config.registration_client_uri(exchange.client_id, certified=certified),
        issued_at=exchange.registration.registered_at,
    )
    return json_response(document, status=status)
