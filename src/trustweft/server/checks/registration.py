"""Who wants to register a software, and whether a directory and the software's own key stand behind it (RFC 7591)."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from trustweft.crypto.keys import KeySet
from trustweft.net.networks import network_of
from trustweft.protocol import registration_request, software_statement
from trustweft.protocol.software_certificate import verify_certificate_of_software
from trustweft.runtime.errors import Reject, reason
from trustweft.server.exchange import Submitted
from trustweft.server.login.rate_limit import Limit
from trustweft.server.registrations import SECONDS_A_DAY

if TYPE_CHECKING:
    from trustweft.crypto.jws import Unverified
    from trustweft.protocol.software_statement import SoftwareStatement
    from trustweft.server.clients import PublishedKeys
    from trustweft.server.exchange import Exchange

NOT_OFFERED = reason(
    "registration.not-offered",
    error="invalid_request",
    public="Clients cannot register themselves here.",
    status=404,
)
TOO_MANY = reason(
    "registration.too-many-attempts",
    error="invalid_request",
    public="There were too many requests to register from your network.",
    status=429,
)
NO_PROOF = reason(
    "registration.no-proof",
    error="invalid_software_statement",
    public="Nothing proves that the software itself sent this: sign the request with its key, or show its certificate.",
)
NO_CERTIFICATE = reason(
    "registration.no-certificate",
    error="invalid_client",
    public="Registrations are made and looked after with the certificate of the software, and none came.",
    status=401,
)
BAD_KEYS = reason(
    "registration.software-keys",
    error="invalid_software_statement",
    public="The jwks of the software statement is not a set of public keys.",
)


def check_registration_offered(exchange: Exchange) -> None:
    """An operator has named the directories whose software may register; otherwise there is no such endpoint."""
    offered = exchange.deployment.registrations
    if offered is None:
        raise NOT_OFFERED.reject()
    exchange.registrations = offered


async def count_registration_attempt(exchange: Exchange) -> None:
    """Count this attempt, before anything is verified, and refuse it if it is one too many of its network."""
    rules, now = exchange.registrations.rules, exchange.now
    limit = Limit("registration-address", rules.attempts_per_address, rules.attempts_window)
    whose = network_of(exchange.request.peer)
    ends = limit.window_ends(now)
    count = await exchange.deployment.store.count_attempt(limit.key(whose, now=now), window_ends=ends)
    if count > limit.attempts:
        raise TOO_MANY.reject(f"{count} from {whose[:80]}", headers=(("retry-after", str(ceil(ends - now))),))


def read_software_request(exchange: Exchange) -> None:
    """Read the request and the shape of its statement; nothing is believed yet."""
    request = exchange.request
    exchange.registration_request = registration_request.read_registration_request(
        request.body, content_type=request.header("content-type")
    )


async def verify_statement(exchange: Exchange) -> None:
    """A directory that this server accepts signed the statement, lately."""
    unverified, limits = exchange.registration_request.statement, exchange.deployment.profile.limits
    issuer = unverified.claimed_issuer
    directory = exchange.registrations.directories.get(issuer)
    if directory is None:
        raise software_statement.ISSUER.reject(issuer[:200])
    exchange.statement = software_statement.verify_software_statement(
        unverified,
        keys=await directory.key_set(unverified.token),
        issuer=issuer,
        algorithms=limits.signing_algorithms,
        now=exchange.now,
        future_tolerance=limits.future_tolerance,
        maximum_age=limits.software_statement_max_age,
    )


def check_software_standing(exchange: Exchange) -> None:
    """Organisation and software are in good standing."""
    software_statement.check_standing(exchange.statement)


async def verify_request_signature(exchange: Exchange) -> None:
    """A request that came as a signed token was signed with a key that the statement vouches for."""
    token, deployment = exchange.registration_request.token, exchange.deployment
    exchange.signed_request = None
    if token is None:
        return  # verify_proof_of_software sees to it
    limits = deployment.profile.limits
    exchange.signed_request = registration_request.verify_signed_request(
        token,
        software_id=exchange.statement.software_id,
        keys=await _keys_of(exchange, exchange.statement, token),
        issuer=deployment.config.issuer,
        algorithms=limits.signing_algorithms,
        now=exchange.now,
        future_tolerance=limits.future_tolerance,
        maximum_lifetime=limits.client_assertion_max_lifetime,
    )


async def _keys_of(exchange: Exchange, statement: SoftwareStatement, token: Unverified) -> KeySet:
    if statement.jwks_uri is None:
        try:
            return KeySet.read(statement.jwks or {})
        except Reject as cause:
            raise BAD_KEYS.reject(cause.reason.id) from cause

    def serves(known: PublishedKeys) -> bool:
        try:
            known.keys.find(key_id=token.key_id, algorithm=token.algorithm)
        except Reject:
            return False
        return True

    # Only now: an address is asked because a directory vouches for it, never because a stranger names it.
    published = await exchange.deployment.client_keys.find(
        statement.jwks_uri, method="private_key_jwt", serves=serves
    )
    return published.keys


async def verify_proof_of_software(exchange: Exchange) -> None:
    """The software itself is there: it signed the request, or shows its certificate; always that where the profile asks.

    A statement alone is no proof: whoever came by one could otherwise become the client, or take its place.
    """
    asked = exchange.deployment.profile.duties.require_certificate_at_registration
    if not asked and exchange.registration_request.token is not None:
        return
    if exchange.request.client_certificate is None:
        raise (NO_CERTIFICATE if asked else NO_PROOF).reject(exchange.statement.software_id)
    await _verify_certificate(exchange, exchange.statement)


async def verify_certificate_where_asked(exchange: Exchange) -> None:
    """Where the profile asks for it, the certificate is one that the new statement names."""
    if exchange.deployment.profile.duties.require_certificate_at_registration:
        await _verify_certificate(exchange, exchange.statement)


async def verify_kept_certificate(exchange: Exchange) -> None:
    """Where the profile asks for it, the certificate is one that the statement of the registration named."""
    if exchange.deployment.profile.duties.require_certificate_at_registration:
        kept = exchange.client.metadata.software_statement or ""
        await _verify_certificate(exchange, software_statement.read_kept_statement(kept))


async def _verify_certificate(exchange: Exchange, statement: SoftwareStatement) -> None:
    shown = exchange.request.client_certificate
    if shown is None:
        raise NO_CERTIFICATE.reject(statement.software_id)
    verified = await exchange.deployment.client_certificates.verify(
        shown, intermediates=exchange.request.client_certificate_chain, now=exchange.now
    )
    verify_certificate_of_software(shown, verified.certificate, statement)


def remember_statement(exchange: Exchange) -> None:
    """Submit the statement's identifier to the replay memory: it is good for one registration.

    Remembered for a day longer than it can be good, so that a profile that allows more cannot bring it back.
    """
    maximum_age = exchange.deployment.profile.limits.software_statement_max_age
    outcome = exchange.deployment.store.remember_jti(
        space="software-statement",
        key=exchange.statement.replay_key,
        expires_at=exchange.now + maximum_age + SECONDS_A_DAY,
    )
    exchange.submitted.append(Submitted(outcome, software_statement.REPLAYED))


def remember_signed_request(exchange: Exchange) -> None:
    """Submit the identifier of a signed request: it is good once, at one endpoint."""
    signed = exchange.signed_request
    if signed is None:
        return  # a certificate was shown: its key took part in this very connection
    outcome = exchange.deployment.store.remember_jti(
        space="registration-request", key=signed.replay_key, expires_at=signed.expires_at
    )
    exchange.submitted.append(Submitted(outcome, registration_request.REPLAYED))
