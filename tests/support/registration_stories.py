"""What befalls software that registers itself, each told to the refusal that it ends with.

The same stories show that every reason is seen, and that somebody misses each check (tests/bad_input).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from support.authority import Party, make_party
from support.requests import credentials_request, introspection_request, pushed_request, revocation_request
from support.software import (
    DIRECTORY,
    REQUEST,
    STATEMENT,
    Directory,
    Software,
    certificate_of,
    change_request,
    manage,
    plain_request,
    recovery_request,
    registered,
    registration_request,
    statement_draft,
)
from trustweft.protocol.software_statement import SoftwareRole
from trustweft.server.directory_keys import PublishedDirectoryKeys
from trustweft.server.registrations import Registrations

if TYPE_CHECKING:
    from support.authority import Authority
    from support.drafts import Draft
    from support.wire import Answer

__all__ = [
    "DIRECTORY_JWKS",
    "REGISTRATION_STORIES",
    "RegistrationStory",
    "expired_client",
    "good_request",
    "with_duties",
]

RegistrationStory = Callable[["Authority", str], Awaitable["Answer"]]
REGISTRATION_STORIES: Final[dict[str, RegistrationStory]] = {}
DIRECTORY_JWKS: Final = "https://directory.example/jwks"
A_MONTH: Final = 31 * 86_400.0


def story(reason: str) -> Callable[[RegistrationStory], RegistrationStory]:
    """Tell which reason a story ends with."""

    def keep(told: RegistrationStory) -> RegistrationStory:
        REGISTRATION_STORIES[reason] = told
        return told

    return keep


def with_duties(authority: Authority, **duties: bool) -> None:
    """Go over to a profile with these duties."""
    profile = authority.deployment.profile
    authority.server.adopt(
        msgspec.structs.replace(profile, duties=msgspec.structs.replace(profile.duties, **duties))
    )


async def good_request(authority: Authority, endpoint: str, **how: Any) -> Draft:
    """Return a good request to the endpoint, of a software that is registered where it has to be."""
    software = how.pop("software", None) or Software()
    if endpoint == "registration":
        return registration_request(authority, software, **how)
    told = await registered(authority, software)
    if endpoint == "registration_recovery":
        return recovery_request(authority, software, **how)
    client_id, token = told["client_id"], told["registration_access_token"]
    if endpoint == "client_configuration:PUT":
        return change_request(authority, software, client_id, token, **how)
    return manage(endpoint.partition(":")[2] or "GET", client_id, token)


# The statement.


def _spoilt(reason: str, **claims: object) -> None:
    @story(reason)
    async def tell(authority: Authority, _endpoint: str) -> Answer:
        return await authority.send(statement_draft(authority, Software()).claim(STATEMENT, **claims))


_spoilt("software-statement.bad-time", iat=...)
_spoilt("software-statement.too-old", iat=1_000_000_000)
_spoilt("software-statement.from-future", iat=4_000_000_000)
_spoilt("software-statement.expired", exp=1)
_spoilt("software-statement.issuer", iss="https://elsewhere.example")
_spoilt("software-statement.claims", software_id=...)
_spoilt("registration.software-keys", jwks={"keys": 5})


@story("software-statement.malformed")
async def _a_statement_that_is_no_token(authority: Authority, _endpoint: str) -> Answer:
    return await authority.send(registration_request(authority, Software(), statement="no.token"))


@story("software-statement.type")
async def _another_token_of_the_directory(authority: Authority, _endpoint: str) -> Answer:
    return await authority.send(statement_draft(authority, Software()).head(STATEMENT, typ="JWT"))


@story("software-statement.algorithm")
async def _a_statement_that_is_not_signed(authority: Authority, _endpoint: str) -> Answer:
    return await authority.send(statement_draft(authority, Software()).head(STATEMENT, alg="none"))


@story("software-statement.no-key")
async def _a_statement_signed_with_a_key_that_the_directory_has_not(
    authority: Authority, _endpoint: str
) -> Answer:
    return await authority.send(statement_draft(authority, Software()).head(STATEMENT, kid="other"))


@story("software-statement.bad-signature")
async def _a_statement_by_somebody_who_calls_himself_the_directory(
    authority: Authority, _endpoint: str
) -> Answer:
    forged = Directory().statement(Software(), now=authority.clock.now())
    return await authority.send(registration_request(authority, Software(), statement=forged))


@story("software-statement.not-active")
async def _a_software_whose_roles_are_gone(authority: Authority, endpoint: str) -> Answer:
    gone = (SoftwareRole(role="DATA", status="revoked"),)
    software = Software()
    statement = authority.directory.statement(software, now=authority.clock.now(), roles=gone)
    return await authority.send(
        await good_request(authority, endpoint, software=software, statement=statement)
    )


@story("software-statement.subjects")
async def _a_name_that_is_none(authority: Authority, _endpoint: str) -> Answer:
    software = Software()
    subjects = ("no name",)
    statement = authority.directory.statement(
        software, now=authority.clock.now(), certificate_subjects=subjects
    )
    return await authority.send(plain_request(authority, software, statement=statement))


@story("software-statement.replayed")
async def _a_statement_that_was_used(authority: Authority, endpoint: str) -> Answer:
    software = Software()
    statement = authority.directory.statement(software, now=authority.clock.now())
    if endpoint == "registration":
        told = (await authority.send(registration_request(authority, software, statement=statement))).json
        await authority.send(manage("DELETE", told["client_id"], told["registration_access_token"]))
        return await authority.send(registration_request(authority, software, statement=statement))
    first = await good_request(authority, endpoint, software=software, statement=statement)
    token = (await authority.send(first)).json["registration_access_token"]
    client_id = first.path.rpartition("/")[2]
    if endpoint == "registration_recovery":
        again: Draft = recovery_request(authority, software, statement=statement)
    else:
        again = change_request(authority, software, client_id, token, statement=statement)
    return await authority.send(again)


# The request.


@story("registration.replayed")
async def _a_request_whose_identifier_was_used(authority: Authority, endpoint: str) -> Answer:
    software = Software()
    first = await good_request(authority, endpoint, software=software, jti="once")
    told = (await authority.send(first)).json
    client_id, token = told["client_id"], told["registration_access_token"]
    if endpoint == "registration":
        await authority.send(manage("DELETE", client_id, token))
        again: Draft = registration_request(authority, software, jti="once")
    elif endpoint == "registration_recovery":
        again = recovery_request(authority, software, jti="once")
    else:
        again = change_request(authority, software, client_id, token, jti="once")
    return await authority.send(again)


@story("registration.content-type")
async def _a_form(authority: Authority, _endpoint: str) -> Answer:
    draft = registration_request(authority, Software())
    return await authority.send(draft.with_header("content-type", "application/x-www-form-urlencoded"))


@story("registration.malformed")
async def _a_token_of_another_kind(authority: Authority, _endpoint: str) -> Answer:
    return await authority.send(registration_request(authority, Software()).head(REQUEST, typ="dpop+jwt"))


@story("registration.no-statement")
async def _nobody_vouches(authority: Authority, _endpoint: str) -> Answer:
    return await authority.send(
        registration_request(authority, Software()).claim(REQUEST, software_statement=...)
    )


def _asked(reason: str, **claims: object) -> None:
    @story(reason)
    async def tell(authority: Authority, _endpoint: str) -> Answer:
        return await authority.send(registration_request(authority, Software()).claim(REQUEST, **claims))


_asked("registration.other-software", iss="planner-2")
_asked("registration.audience", aud=["https://localhost:8441"])
_asked("registration.bad-time", exp=...)
_asked("registration.request-expired", exp=4_000_000_000)
_asked("registration.from-future", iat=4_000_000_000)
_asked("registration.bad-jti", jti=5)
_asked("registration.privileged", resource_server_for=["https://localhost:8443"])
_asked("registration.other-keys", jwks_uri="https://attacker.example/jwks")
_asked("registration.redirect-uris", redirect_uris=["https://attacker.example/callback"])
_asked("registration.scope", scope="openid payments")
_asked("registration.authorization-details-types", authorization_details_types=["payment_initiation"])
_asked("registration.certificate-name", token_endpoint_auth_method="tls_client_auth")


@story("registration.algorithm")
async def _a_request_that_is_not_signed(authority: Authority, _endpoint: str) -> Answer:
    return await authority.send(registration_request(authority, Software()).head(REQUEST, alg="none"))


@story("registration.no-key")
async def _a_request_signed_with_a_key_that_nobody_vouches_for(
    authority: Authority, _endpoint: str
) -> Answer:
    return await authority.send(registration_request(authority, Software()).head(REQUEST, kid="other"))


@story("registration.bad-signature")
async def _somebody_with_the_statement_of_others(authority: Authority, endpoint: str) -> Answer:
    victim = Software()
    thief = replace(victim, signer=Software().signer)
    statement = authority.directory.statement(victim, now=authority.clock.now())
    if endpoint == "registration":
        return await authority.send(registration_request(authority, thief, statement=statement))
    told = await registered(authority, victim)
    if endpoint == "registration_recovery":
        return await authority.send(recovery_request(authority, thief, statement=statement))
    client_id, token = told["client_id"], told["registration_access_token"]
    return await authority.send(change_request(authority, thief, client_id, token, statement=statement))


# The certificate.


@story("registration.no-proof")
async def _somebody_with_a_statement_and_nothing_else(authority: Authority, endpoint: str) -> Answer:
    draft = plain_request(authority, Software())
    if endpoint == "registration_recovery":
        await registered(authority, Software())
        draft.path = "/register/recovery"
    draft.certificate = None
    return await authority.send(draft)


@story("registration.no-certificate")
async def _a_signature_where_the_profile_asks_for_a_certificate(
    authority: Authority, endpoint: str
) -> Answer:
    draft = await good_request(authority, endpoint)
    with_duties(authority, require_certificate_at_registration=True)
    return await authority.send(draft)


def _certified(reason: str, **names: str) -> None:
    @story(reason)
    async def tell(authority: Authority, _endpoint: str) -> Answer:
        draft = plain_request(authority, Software())
        draft.certificate = certificate_of(authority.ca, now=authority.clock.now(), **names)
        return await authority.send(draft)


_certified("registration.certificate-software", software="other", organisation="OFBBR-plannery")
_certified("registration.certificate-organisation", software="planner", organisation="OFBBR-other")


@story("registration.keys-by-value")
async def _keys_by_value_where_an_address_is_asked_for(authority: Authority, _endpoint: str) -> Answer:
    with_duties(authority, require_client_keys_by_reference=True)
    return await authority.send(registration_request(authority, Software()))


# The server.


@story("registration.not-offered")
async def _a_server_that_knows_no_directory(authority: Authority, endpoint: str) -> Answer:
    draft = await good_request(authority, endpoint)
    authority.offer(None)
    return await authority.send(draft)


@story("registration.too-many-attempts")
async def _a_network_that_tries_all_day(authority: Authority, endpoint: str) -> Answer:
    draft = await good_request(authority, endpoint)
    authority.offer(authority.directory.registrations(attempts_per_address=2))
    for _ in range(2):
        await authority.send(registration_request(authority, Software(), statement="no.token"))
    return await authority.send(draft)


@story("registration.beyond-profile")
async def _a_way_that_the_profile_does_not_allow(authority: Authority, endpoint: str) -> Answer:
    draft = await good_request(authority, endpoint)
    other = authority.deployment.profile.with_limits(client_authentication_methods=("tls_client_auth",))
    authority.server.adopt(other)
    return await authority.send(draft)


@story("registration.software-registered")
async def _a_second_registration(authority: Authority, _endpoint: str) -> Answer:
    await registered(authority, Software())
    return await authority.send(registration_request(authority, Software()))


@story("registration.quota")
async def _an_organisation_with_too_much_software(authority: Authority, _endpoint: str) -> Answer:
    authority.offer(authority.directory.registrations(maximum_per_organisation=1))
    software = Software()
    await registered(authority, software)
    return await authority.send(registration_request(authority, software.of("planner-2")))


@story("registration.unknown-software")
async def _nothing_to_recover(authority: Authority, _endpoint: str) -> Answer:
    return await authority.send(recovery_request(authority, Software()))


@story("registration.statement-mismatch")
async def _a_statement_about_another_software(authority: Authority, endpoint: str) -> Answer:
    software = Software()
    if endpoint == "registration_recovery":
        await registered(authority, software)
        sold = replace(software, organisation_id="other")
        return await authority.send(recovery_request(authority, sold))
    told = await registered(authority, software)
    client_id, token = told["client_id"], told["registration_access_token"]
    return await authority.send(change_request(authority, software.of("planner-2"), client_id, token))


@story("registration.other-client")
async def _a_change_that_names_another_client(authority: Authority, _endpoint: str) -> Answer:
    return await authority.send(
        await good_request(authority, "client_configuration:PUT", client_id="moneyview")
    )


@story("registration.server-member")
async def _a_change_that_says_what_the_server_says(authority: Authority, _endpoint: str) -> Answer:
    how = {"registration_access_token": "mine"}
    return await authority.send(await good_request(authority, "client_configuration:PUT", **how))


@story("registration.token")
async def _another_softwares_token(authority: Authority, _endpoint: str) -> Answer:
    software = Software()
    told = await registered(authority, software)
    other = await registered(authority, software.of("planner-2"))
    return await authority.send(manage("GET", told["client_id"], other["registration_access_token"]))


@story("registration.changed")
async def _a_change_at_the_same_time(authority: Authority, endpoint: str) -> Answer:
    draft = await good_request(authority, "client_configuration:DELETE")
    removed = authority.store.remove_registration

    def late(client_id: str, *, token: bytes, now: float) -> Awaitable[bool]:
        removed(client_id, token=token, now=now)
        return removed(client_id, token=token, now=now)

    authority.store.remove_registration = late  # type: ignore[method-assign,assignment]  # somebody was first
    return await authority.send(draft)


@story("directory-keys.unavailable")
async def _a_directory_that_is_away(authority: Authority, _endpoint: str) -> Answer:
    authority.hosts.away[DIRECTORY_JWKS] = OSError("no route")
    keys = PublishedDirectoryKeys(
        DIRECTORY_JWKS, fetch=authority.hosts.fetch, clock=authority.clock, observer=authority.hearing
    )
    authority.offer(Registrations({DIRECTORY: keys}))
    return await authority.send(registration_request(authority, Software()))


async def expired_client(authority: Authority) -> Party:
    """Return a client that registered itself, and was not there until it was too late."""
    software = Software()
    told = await registered(authority, software, grant_types=["client_credentials"], scope="accounts")
    authority.clock.advance(A_MONTH)
    party = make_party(
        told["client_id"], scope=("accounts",), redirect_uris=("https://software.example/callback",)
    )
    return replace(party, signer=software.signer)


@story("registration.expired")
async def _a_client_that_comes_too_late(authority: Authority, endpoint: str) -> Answer:
    party = await expired_client(authority)
    match endpoint:
        case "pushed_authorization_request":
            draft = pushed_request(authority, party)
        case "introspection":
            draft = introspection_request(authority, "a token", party)
        case "revocation":
            draft = revocation_request(authority, "a token", party)
        case _:
            draft = credentials_request(authority, party)
    return await authority.send(draft)
