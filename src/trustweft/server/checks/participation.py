"""Nobody takes part whom the directory has suspended or ended: asked wherever something could be got.

Only revocation stays open to who is suspended, so that what a person takes back stays taken back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from trustweft.crypto.keys import thumbprint
from trustweft.crypto.x509 import certificate_thumbprint
from trustweft.net.status_reader import DATA, PAYMENTS
from trustweft.protocol.ecosystem_status import subject_of
from trustweft.runtime.errors import Reject, Shown, reason
from trustweft.server.participation import client_subjects, confirmation_subjects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from trustweft.protocol.access_token import AccessToken
    from trustweft.server.exchange import Exchange
    from trustweft.server.participation import Participation

SUSPENDED = reason(
    "participation.suspended",
    error="invalid_client",
    public="The directory has suspended the client, or somebody or something that it takes part through.",
    status=401,
)
ENDED = reason(
    "participation.ended",
    error="invalid_client",
    public="The client, or somebody or something that it took part through, takes part no more.",
    status=401,
)
PERSON = reason(
    "participation.person",
    error="invalid_grant",
    public="The person whose permission this is does not take part at this time.",
)
NOT_ALLOWED = reason(
    "participation.scope",
    error="invalid_scope",
    public="The directory does not allow the client any of what it asks for.",
)
PAGE_REFUSED = reason(
    "participation.application",
    error="unauthorized_client",
    public="The application that sent you here does not take part at this time.",
    status=403,
    shown=Shown.PAGE,
)


def check_client_takes_part(exchange: Exchange) -> None:
    """The client, the key or certificate that it authenticated with, and this server take part."""
    participation = exchange.deployment.participation
    if participation is not None:
        participation.reader.check_fresh()
        _refuse(exchange, participation, _authenticated(exchange, participation))


def check_registered_takes_part(exchange: Exchange) -> None:
    """The client whose registration is read or changed takes part."""
    _check_named(exchange, client_subjects(exchange.client.metadata))


def check_software_takes_part(exchange: Exchange) -> None:
    """The software that wants a registration takes part: a statement that was signed before it ended is no way in."""
    statement = exchange.statement
    subjects = (
        subject_of("software", statement.software_id),
        subject_of("organisation", statement.organisation_id),
    )
    _check_named(exchange, subjects)


def check_proof_takes_part(exchange: Exchange) -> None:
    """The key that signed the request, and the certificate that was shown, were not ended: they prove nothing then."""
    signed = getattr(exchange, "signed_request", None)
    key = None if signed is None else subject_of("key", signed.key_thumbprint)
    _check_named(exchange, (key, _certificate(exchange)))


def _check_named(exchange: Exchange, subjects: tuple[str | None, ...]) -> None:
    participation = exchange.deployment.participation
    if participation is None:
        return
    participation.reader.check_fresh()
    refusal = participation.reader.refusal_of((*participation.own(), *subjects))
    if refusal is not None:
        why = ENDED if refusal.effect == "ended" else SUSPENDED
        raise why.reject(f"{refusal.source} {refusal.cause}")


def check_client_not_ended(exchange: Exchange) -> None:
    """For what a suspended client may still do: take permission back. It needs no directory that answers."""
    participation = exchange.deployment.participation
    if participation is None:
        return
    refusal = participation.reader.refusal_of(_authenticated(exchange, participation))
    if refusal is not None and refusal.effect == "ended":
        raise ENDED.reject(f"{refusal.source} {refusal.cause}")


def check_key_takes_part(exchange: Exchange) -> None:
    """The keys of proof and request object were not ended: what one who has them in hands asks for is nobody's word."""
    participation = exchange.deployment.participation
    if participation is None:
        return
    proof, signed = exchange.proof, exchange.signed_parameters
    proved = None if proof is None else subject_of("key", proof.jkt)
    _refuse(
        exchange,
        participation,
        (proved, None if signed is None else subject_of("key", signed.key_thumbprint)),
    )


def check_application_takes_part(exchange: Exchange) -> None:
    """The application whose request a browser brings takes part, and so does the person once that is known."""
    participation = exchange.deployment.participation
    if participation is None:
        return
    participation.reader.check_fresh()
    subjects = (
        *participation.own(),
        *client_subjects(exchange.client.metadata),
        _person(exchange, participation),
    )
    refusal = participation.reader.refusal_of(subjects)
    if refusal is not None:
        raise PAGE_REFUSED.reject(f"{refusal.source} {refusal.effect} {refusal.cause}")


def _person(exchange: Exchange, participation: Participation) -> str | None:
    interaction = getattr(exchange, "interaction", None)
    return (
        None
        if interaction is None or interaction.subject is None
        else participation.person(interaction.subject)
    )


def check_person_takes_part(exchange: Exchange) -> None:
    """The person behind a code or a refresh token takes part."""
    participation = exchange.deployment.participation
    if participation is None:
        return
    held = getattr(exchange, "refresh_token", None) or exchange.authorization_code
    refusal = participation.reader.refusal_of((participation.person(held.subject),))
    if refusal is not None:
        raise PERSON.reject(f"{refusal.source} {refusal.effect} {refusal.cause}")


def narrow_to_allowed_apis(exchange: Exchange) -> None:
    """What the directory no longer allows the client drops out, scope values and details alike; the rest stays."""
    participation = exchange.deployment.participation
    if participation is None:
        return
    metadata = exchange.client.metadata
    asked = (*exchange.scope, *(detail.type for detail in exchange.details))
    allowed = {
        name
        for name in asked
        if participation.is_allowed(name, software=metadata.software, organisation=metadata.organisation_id)
    }
    exchange.scope = tuple(name for name in exchange.scope if name in allowed)
    exchange.details = tuple(detail for detail in exchange.details if detail.type in allowed)
    if asked and not allowed:
        raise NOT_ALLOWED.reject(" ".join(asked)[:200])
    if any(name in participation.config.payments for name in allowed):
        participation.reader.check_fresh(PAYMENTS)


def token_takes_part(exchange: Exchange, token: AccessToken) -> bool:
    """Say whether client, person and key of a token that this server issued take part.

    Raises:
        Reject: ``status.stale``.
    """
    participation = exchange.deployment.participation
    if participation is None:
        return True
    payments = participation.config.payments
    pays = any(name in payments for name in _allowing(token))
    participation.reader.check_fresh(PAYMENTS if pays else DATA)
    software, organisation = _claimed(token)
    subjects = (
        *participation.own(),
        subject_of("software", software),
        subject_of("organisation", organisation),
        participation.person(token.subject),
        *confirmation_subjects(token.confirmation),
    )
    return participation.reader.refusal_of(subjects) is None


def without_lost_apis(exchange: Exchange, token: AccessToken) -> AccessToken | None:
    """Return a token as it counts now, without what the directory has taken since; None where nothing is left of it."""
    participation = exchange.deployment.participation
    if participation is None:
        return token
    software, organisation = _claimed(token)
    allowed = {
        name
        for name in _allowing(token)
        if participation.is_allowed(name, software=software, organisation=organisation)
    }
    if allowed.issuperset(_allowing(token)):
        return token
    scope = tuple(name for name in token.scope if name in allowed)
    details = tuple(detail for detail in token.authorization_details if detail.type in allowed)
    claims = {**token.claims, "scope": " ".join(scope)} if scope else _without(token.claims, "scope")
    narrowed = replace(token, scope=scope, authorization_details=details, claims=claims)
    return narrowed if allowed else None


def _allowing(token: AccessToken) -> tuple[str, ...]:
    return (*token.scope, *(detail.type for detail in token.authorization_details))


def _without(claims: Mapping[str, object], name: str) -> dict[str, object]:
    return {each: value for each, value in claims.items() if each != name}


def _claimed(token: AccessToken) -> tuple[str, str | None]:
    """Return the software and the organisation that a token was issued to."""
    software, organisation = token.claims.get("software_id"), token.claims.get("organisation_id")
    return (
        software if isinstance(software, str) else token.client_id,
        organisation if isinstance(organisation, str) else None,
    )


def _authenticated(exchange: Exchange, participation: Participation) -> tuple[str | None, ...]:
    return (
        *participation.own(),
        *client_subjects(exchange.client.metadata),
        _assertion_key(exchange),
        _certificate(exchange),
    )


def _assertion_key(exchange: Exchange) -> str | None:
    if exchange.assertion is None or exchange.authentication is None:
        return None
    token = exchange.assertion.token
    try:
        key = exchange.client_keys.keys.find(key_id=token.key_id, algorithm=token.algorithm)
    except Reject:  # taken out in this very moment: whoever verified with it has refused it, or will
        return None
    return subject_of("key", thumbprint(key.key))


def _certificate(exchange: Exchange) -> str | None:
    certificate = exchange.request.client_certificate
    return None if certificate is None else subject_of("certificate", certificate_thumbprint(certificate))


def _refuse(exchange: Exchange, participation: Participation, subjects: Iterable[str | None]) -> None:
    refusal = participation.reader.refusal_of(subjects)
    if refusal is not None:
        why = ENDED if refusal.effect == "ended" else SUSPENDED
        raise why.reject(f"client_id={exchange.client_id} {refusal.source} {refusal.cause}")
