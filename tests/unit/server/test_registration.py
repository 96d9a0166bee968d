"""Clients that register themselves (RFC 7591, RFC 7592): who becomes one, who cannot, and who can take nobody's place."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support.authority import MTLS, Party, make_authority, make_party
from support.registration_stories import with_duties
from support.requests import credentials_request, pushed_request, refresh_request
from support.software import (
    ELSEWHERE,
    Directory,
    Software,
    certificate_of,
    change_request,
    manage,
    plain_request,
    recovery_request,
    registered,
    registration_request,
)
from trustweft.runtime.encoding import digest_of
from trustweft.server.registrations import Registrations, RememberedUses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.authority import Authority
    from support.drafts import Draft

pytestmark = pytest.mark.anyio

A_DAY = 86_400.0
FLOWS = ["authorization_code", "refresh_token", "client_credentials"]


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server that knows a directory."""
    made = await make_authority(tmp_path / "keys")
    yield made
    made.close()


@pytest.fixture
def planner() -> Software:
    """A software that the directory vouches for."""
    return Software()


def as_party(told: dict[str, Any], software: Software) -> Party:
    """Return the client that came of a registration."""
    party = make_party(
        told["client_id"],
        redirect_uris=tuple(told["redirect_uris"]),
        grant_types=tuple(told["grant_types"]),
        scope=tuple(told["scope"].split(" ")),
    )
    return replace(party, signer=software.signer)


async def refused(authority: Authority, draft: Draft) -> tuple[int, str | None]:
    """Return how a request is refused."""
    answer = await authority.send(draft)
    return answer.status, answer.reason


async def test_a_software_becomes_a_client_and_uses_it(authority: Authority, planner: Software) -> None:
    """The answer is not to be stored, tells the statement unmodified, and the client works at once."""
    statement = authority.directory.statement(planner, now=authority.clock.now())
    answer = await authority.send(
        registration_request(authority, planner, statement=statement, grant_types=FLOWS)
    )
    assert (answer.status, answer.header("cache-control")) == (201, "no-store")
    told = answer.json
    assert told["software_statement"] == statement
    kept = await authority.store.find_registration(told["client_id"], now=authority.clock.now())
    assert kept is not None
    assert kept.token == digest_of(told["registration_access_token"])
    party = as_party(told, planner)
    assert (await authority.send(pushed_request(authority, party))).status == 201
    assert (await authority.send(credentials_request(authority, party))).status == 200


async def test_keys_by_reference_are_asked_for_only_once_a_directory_vouches_for_the_address(
    authority: Authority, planner: Software
) -> None:
    """Whoever makes up a statement makes us fetch nothing; with a good one the software's key is found there."""
    authority.hosts.publish(ELSEWHERE, planner.signer)
    by_reference = {"jwks": None, "jwks_uri": ELSEWHERE}
    forged = Directory().statement(planner, now=authority.clock.now(), **by_reference)
    draft = registration_request(authority, planner, statement=forged)
    assert await refused(authority, draft) == (400, "software-statement.bad-signature")
    assert authority.hosts.asked == []
    good = authority.directory.statement(planner, now=authority.clock.now(), **by_reference)
    answer = await authority.send(registration_request(authority, planner, statement=good))
    assert (answer.status, answer.json["jwks_uri"]) == (201, ELSEWHERE)
    assert authority.hosts.asked == [ELSEWHERE]


async def test_of_many_at_once_one_is_registered(authority: Authority, planner: Software) -> None:
    """One client per software, whoever was first."""
    drafts = [registration_request(authority, planner) for _ in range(10)]
    answers = await asyncio.gather(*map(authority.send, drafts))
    assert sorted(answer.status for answer in answers) == [201] + [400] * 9
    assert {answer.reason for answer in answers} == {None, "registration.software-registered"}


# Recovery, and attempts to take somebody's place.


async def test_what_was_lost_is_recovered(authority: Authority, planner: Software) -> None:
    """The same client with a new token; the lost one ends, and what people allowed stays."""
    told = await registered(authority, planner, grant_types=FLOWS)
    token, _ = await authority.issue_refresh_token(as_party(told, planner), scope=("accounts",))
    answer = await authority.send(recovery_request(authority, planner))
    assert (answer.status, answer.json["client_id"]) == (200, told["client_id"])
    lost, new = told["registration_access_token"], answer.json["registration_access_token"]
    assert await refused(authority, manage("GET", told["client_id"], lost)) == (401, "registration.token")
    assert (await authority.send(manage("GET", told["client_id"], new))).json == answer.json
    refreshed = await authority.send(refresh_request(authority, token, as_party(told, planner)))
    assert refreshed.status == 200


async def test_a_lost_answer_to_a_change_costs_nothing(authority: Authority, planner: Software) -> None:
    """The change stands, its token is lost with the answer, and recovery brings another."""
    told = await registered(authority, planner)
    await authority.send(
        change_request(
            authority, planner, told["client_id"], told["registration_access_token"], scope="openid"
        )
    )
    answer = await authority.send(recovery_request(authority, planner))
    assert (answer.json["client_id"], answer.json["scope"]) == (told["client_id"], "openid")


async def test_nobody_recovers_what_belongs_to_another(authority: Authority, planner: Software) -> None:
    """With another software's key, an old statement, one that was used, or that of another directory."""
    told = await registered(authority, planner)
    now = authority.clock.now()
    thief = replace(planner, signer=Software().signer)
    own = authority.directory.statement(planner, now=now)
    assert await refused(authority, recovery_request(authority, thief, statement=own)) == (
        400,
        "registration.bad-signature",
    )
    thiefs = authority.directory.statement(thief.of("thief"), now=now)
    attempt = recovery_request(authority, thief, statement=thiefs)
    assert await refused(authority, attempt) == (400, "registration.other-software")
    old = authority.directory.statement(planner, now=now - 301)
    assert await refused(authority, recovery_request(authority, planner, statement=old)) == (
        400,
        "software-statement.too-old",
    )
    used = authority.directory.statement(planner, now=now)
    first = await authority.send(recovery_request(authority, planner, statement=used))
    assert first.status == 200
    assert await refused(authority, recovery_request(authority, planner, statement=used)) == (
        400,
        "software-statement.replayed",
    )
    token = first.json["registration_access_token"]
    assert (await authority.send(manage("GET", told["client_id"], token))).status == 200


async def test_a_directory_has_no_say_in_the_software_of_another(
    authority: Authority, planner: Software
) -> None:
    """The same identifier in two directories is two: nothing is recovered or changed across."""
    other = Directory(issuer="https://other.example")
    both = {**authority.directory.registrations().directories, **other.registrations().directories}
    authority.offer(Registrations(both, authority.directory.registrations().rules))
    told = await registered(authority, planner)
    namesake = Software()
    foreign = other.statement(namesake, now=authority.clock.now())
    attempt = recovery_request(authority, namesake, statement=foreign)
    assert await refused(authority, attempt) == (400, "registration.unknown-software")
    foreign = other.statement(namesake, now=authority.clock.now())
    attempt = change_request(
        authority, namesake, told["client_id"], told["registration_access_token"], statement=foreign
    )
    assert await refused(authority, attempt) == (400, "registration.statement-mismatch")
    foreign = other.statement(namesake, now=authority.clock.now())
    second = await authority.send(registration_request(authority, namesake, statement=foreign))
    assert second.status == 201
    assert second.json["client_id"] != told["client_id"]


# Looking after a registration.


async def test_a_change_narrows_what_was_granted(authority: Authority, planner: Software) -> None:
    """With the next refresh, as after an operator's update; the token is another one afterwards."""
    told = await registered(authority, planner, grant_types=FLOWS)
    party = as_party(told, planner)
    refresh_token, _ = await authority.issue_refresh_token(party, scope=("openid", "accounts"))
    answer = await authority.send(
        change_request(
            authority,
            planner,
            told["client_id"],
            told["registration_access_token"],
            grant_types=FLOWS,
            scope="openid",
        )
    )
    assert (answer.status, answer.json["scope"]) == (200, "openid")
    assert answer.json["registration_access_token"] != told["registration_access_token"]
    refreshed = await authority.send(refresh_request(authority, refresh_token, party))
    assert refreshed.json["scope"] == "openid"


@pytest.mark.parametrize("operation", ["replace_registration", "replace_registration_token"])
async def test_of_two_at_once_one_is_told_to_look_again(
    authority: Authority, planner: Software, operation: str
) -> None:
    """Two changes, or two recoveries: the later one gets no token, and what the first one was told is true."""
    told = await registered(authority, planner)
    client_id, token = told["client_id"], told["registration_access_token"]

    def request() -> Draft:
        if operation == "replace_registration_token":
            return recovery_request(authority, planner)
        return change_request(authority, planner, client_id, token, scope="openid")

    carry_out, first = getattr(authority.store, operation), []

    async def late(*arguments: Any, **named: Any) -> Any:
        setattr(authority.store, operation, carry_out)
        first.append(await authority.send(request()))
        return await carry_out(*arguments, **named)

    setattr(authority.store, operation, late)
    second = await authority.send(request())
    assert (first[0].status, second.status, second.reason) == (200, 409, "registration.changed")
    good = first[0].json["registration_access_token"]
    assert (await authority.send(manage("GET", client_id, good))).json == first[0].json


async def test_a_removed_registration_takes_everything_along(authority: Authority, planner: Software) -> None:
    """Grants, the identifier for good; and the software may begin anew."""
    told = await registered(authority, planner, grant_types=FLOWS)
    party = as_party(told, planner)
    refresh_token, record = await authority.issue_refresh_token(party)
    answer = await authority.send(manage("DELETE", told["client_id"], told["registration_access_token"]))
    assert (answer.status, answer.body) == (204, b"")
    grant = await authority.store.find_grant(record.grant_id)
    assert grant is not None
    assert grant.revoked_at is not None
    attempt = refresh_request(authority, refresh_token, party)
    assert await refused(authority, attempt) == (401, "client.unknown")
    again = await registered(authority, planner)
    assert again["client_id"] != told["client_id"]


@pytest.mark.parametrize("client_id", ["moneyview", "software-0", "planner", "..", "%2e"])
async def test_what_does_not_exist_looks_like_what_is_anothers(
    authority: Authority, planner: Software, client_id: str
) -> None:
    """Also a client that an operator registered: it has no token, so none looks after it."""
    told = await registered(authority, planner)
    token = told["registration_access_token"]
    answers = [await authority.send(manage("GET", each, token)) for each in (client_id, "software-1")]
    assert {(each.status, each.reason, each.body) for each in answers} == {
        (401, "registration.token", answers[0].body)
    }
    assert answers[0].header("www-authenticate").startswith("Bearer ")


async def test_the_token_is_a_bearer_token(authority: Authority, planner: Software) -> None:
    """Under another scheme, in the query or in a form it is none."""
    told = await registered(authority, planner)
    client_id, token = told["client_id"], told["registration_access_token"]
    schemes = [
        manage("GET", client_id, token).with_header("authorization", f"DPoP {token}"),
        manage("GET", client_id, token).with_header("authorization"),
    ]
    schemes[1].query = f"access_token={token}"
    for draft in schemes:
        assert await refused(authority, draft) == (401, "registration.token")


async def test_operators_hear_who_came_and_went(authority: Authority, planner: Software) -> None:
    """With the identifiers that the directory has; never with a token."""
    told = await registered(authority, planner)
    client_id = told["client_id"]
    answer = await authority.send(recovery_request(authority, planner))
    token = answer.json["registration_access_token"]
    answer = await authority.send(change_request(authority, planner, client_id, token))
    await authority.send(manage("DELETE", client_id, answer.json["registration_access_token"]))
    about = {
        "client_id": client_id,
        "software_id": "planner",
        "organisation_id": "plannery",
        "directory": "https://directory.example",
    }
    assert authority.hearing.events == [
        f"software registered {about}",
        f"registration recovered {about}",
        f"registration changed {about}",
        f"registration removed {about}",
    ]


# How many, how often, how long.


async def test_one_organisations_quota_is_not_anothers(authority: Authority, planner: Software) -> None:
    """The third of two is refused; another organisation goes on; a removed one makes room."""
    authority.offer(authority.directory.registrations(maximum_per_organisation=2))
    first = await registered(authority, planner)
    await registered(authority, planner.of("planner-2"))
    third = registration_request(authority, planner.of("planner-3"))
    assert await refused(authority, third) == (400, "registration.quota")
    await registered(authority, Software("other", "others"))
    await authority.send(manage("DELETE", first["client_id"], first["registration_access_token"]))
    await registered(authority, planner.of("planner-3"))


async def test_a_network_that_tries_too_often_waits(authority: Authority, planner: Software) -> None:
    """Bad attempts count like good ones; others are not kept out, and with the next window it goes on."""
    authority.offer(authority.directory.registrations(attempts_per_address=2, attempts_window=600))
    for _ in range(2):
        draft = registration_request(authority, planner, statement="no.statement")
        assert (await authority.send(draft)).status == 400
    answer = await authority.send(registration_request(authority, planner))
    assert (answer.status, answer.reason) == (429, "registration.too-many-attempts")
    assert 0 < int(answer.header("retry-after")) <= 600
    elsewhere = registration_request(authority, planner)
    elsewhere.peer = "198.51.100.7"
    assert (await authority.send(elsewhere)).status == 201
    authority.clock.advance(600)
    assert (await authority.send(recovery_request(authority, planner))).status == 200


async def test_a_registration_that_was_never_used_dies(authority: Authority, planner: Software) -> None:
    """Whether or not the reaper came: the client is refused, and the software may begin anew."""
    told = await registered(authority, planner, grant_types=FLOWS)
    authority.clock.advance(30 * A_DAY)
    attempt = credentials_request(authority, as_party(told, planner))
    assert await refused(authority, attempt) == (401, "registration.expired")
    token = told["registration_access_token"]
    assert await refused(authority, manage("GET", told["client_id"], token)) == (401, "registration.token")
    assert await authority.store.reap(now=authority.clock.now(), limit=10) > 0
    assert await authority.store.find_client(told["client_id"]) is None
    await registered(authority, planner)


async def test_a_registration_that_was_used_stays(authority: Authority, planner: Software) -> None:
    """For good, unless an operator wants dormant ones to go."""
    told = await registered(authority, planner, grant_types=FLOWS)
    party = as_party(told, planner)
    authority.clock.advance(29 * A_DAY)
    assert (await authority.send(credentials_request(authority, party))).status == 200
    authority.clock.advance(3_650 * A_DAY)
    await authority.store.reap(now=authority.clock.now(), limit=100)
    assert (await authority.send(credentials_request(authority, party))).status == 200


async def test_a_dormant_registration_dies_where_the_operator_says_so(
    authority: Authority, planner: Software
) -> None:
    """Each use puts it off, and only one a day is written down."""
    authority.offer(authority.directory.registrations(dormant_days=7))
    written = []
    use = authority.store.use_registration

    def count(client_id: str, *, now: float, keep_until: float) -> Any:
        written.append(client_id)
        return use(client_id, now=now, keep_until=keep_until)

    authority.store.use_registration = count  # type: ignore[method-assign]  # it only counts
    party = as_party(await registered(authority, planner, grant_types=FLOWS), planner)
    for _ in range(3):
        for _ in range(4):
            assert (await authority.send(credentials_request(authority, party))).status == 200
        authority.clock.advance(6 * A_DAY)
    assert written == [party.client_id] * 3
    authority.clock.advance(A_DAY)
    assert await refused(authority, credentials_request(authority, party)) == (401, "registration.expired")


async def test_a_client_that_an_operator_registered_does_not_expire(authority: Authority) -> None:
    """Also one that names its software for off-boarding, and also where nobody can register."""
    party = authority.parties["machine"]
    await authority.reregister(party, software_id="machine", software_statement="kept.by.hand")
    authority.clock.advance(3_650 * A_DAY)
    assert (await authority.send(credentials_request(authority, party))).status == 200
    authority.offer(None)
    assert (await authority.send(credentials_request(authority, party))).status == 200


def test_what_is_remembered_of_uses_is_bounded() -> None:
    """The one that was longest ago goes first; where the clock was set back nobody knows."""
    uses = RememberedUses(maximum=2)
    for number, client_id in enumerate("abca"):
        uses.note(client_id, now=number)
    assert [uses.is_noted(each, now=10) for each in "abc"] == [True, False, True]
    assert not uses.is_noted("a", now=2)
    assert not uses.is_noted("a", now=3 + A_DAY)


# Certificates.


async def test_a_certificate_of_the_software_is_proof_enough(authority: Authority, planner: Software) -> None:
    """Without any signature of the request; one that another authority issued, or itself, is none."""
    stranger = authority.parties["selfsigned"].certificate
    draft = plain_request(authority, planner)
    draft.certificate = stranger
    assert await refused(authority, draft) == (401, "certificate.untrusted")
    assert (await authority.send(plain_request(authority, planner))).status == 201


async def test_a_revoked_certificate_is_no_proof(authority: Authority, planner: Software) -> None:
    """The lists that are asked about clients are asked about those who want to become one."""
    draft = plain_request(authority, planner)
    await authority.look_up_revocations(
        replace(authority.parties["certified"], certificate=draft.certificate)
    )
    assert await refused(authority, draft) == (401, "certificate.revoked")


async def test_where_the_profile_asks_for_it_everything_needs_the_certificate(
    authority: Authority, planner: Software
) -> None:
    """Registering, reading, changing and removing; that of another software of the same authority will not do."""
    with_duties(authority, require_certificate_at_registration=True)
    now = authority.clock.now()
    own = certificate_of(authority.ca, now=now, software="planner", organisation="OFBBR-plannery")
    others = certificate_of(authority.ca, now=now, software="planner-2", organisation="OFBBR-plannery")

    async def status(draft: Draft, certificate: bytes | None) -> int:
        draft.certificate = certificate
        return (await authority.send(draft)).status

    assert await status(registration_request(authority, planner), None) == 401
    assert await status(registration_request(authority, planner), others) == 400
    draft = registration_request(authority, planner)
    draft.certificate = own
    told = (await authority.send(draft)).json
    client_id, token = told["client_id"], told["registration_access_token"]
    assert told["registration_client_uri"] == f"{MTLS}/register/{client_id}"
    for method in ("GET", "DELETE"):
        assert await status(manage(method, client_id, token), None) == 401
        assert await status(manage(method, client_id, token), others) == 400
    assert await status(change_request(authority, planner, client_id, token), None) == 401
    assert await status(change_request(authority, planner, client_id, token), others) == 400
    assert await status(manage("GET", client_id, token), own) == 200
    assert await status(recovery_request(authority, planner), others) == 400
    draft = change_request(authority, planner, client_id, token)
    draft.certificate = own
    token = (await authority.send(draft)).json["registration_access_token"]
    assert await status(manage("DELETE", client_id, token), own) == 204


async def test_a_client_of_a_certificate_authority_registers_by_its_name(
    authority: Authority, planner: Software
) -> None:
    """``tls_client_auth``: the name in the statement is the one that it is known by from then on."""
    certified = authority.parties["certified"]
    statement = authority.directory.statement(
        planner, now=authority.clock.now(), certificate_subjects=("CN=certified",)
    )
    draft = plain_request(
        authority,
        planner,
        statement=statement,
        grant_types=FLOWS,
        token_endpoint_auth_method="tls_client_auth",
        tls_client_certificate_bound_access_tokens=True,
    )
    draft.certificate = certified.certificate
    answer = await authority.send(draft)
    assert (answer.status, answer.json["tls_client_auth_subject_dn"]) == (201, "CN=certified")
    party = replace(certified, client_id=answer.json["client_id"])
    assert (await authority.send(credentials_request(authority, party))).status == 200
    other = replace(party, certificate=authority.parties["certified-bank"].certificate)
    assert await refused(authority, credentials_request(authority, other)) == (401, "mtls.other-name")


async def test_a_profile_with_one_way_of_each_needs_no_words(authority: Authority, planner: Software) -> None:
    """A request that says nothing of algorithms and bindings gets those that the profile allows."""
    limits = authority.deployment.profile.with_limits(
        sender_constraint_methods=("mtls",), signing_algorithms=("ES256",)
    )
    authority.server.adopt(limits)
    told = await registered(authority, planner)
    assert told["tls_client_certificate_bound_access_tokens"] is True
    assert told["dpop_bound_access_tokens"] is False


# What the server says of itself.


async def test_the_metadata_names_the_endpoints_only_where_they_are(authority: Authority) -> None:
    """With their aliases for clients that show certificates; without a directory there is no such endpoint."""
    path = "/.well-known/oauth-authorization-server"
    found = authority.server.documents.find(path)
    assert found is not None
    assert found.body.count(b"/register") == 4
    authority.offer(None)
    found = authority.server.documents.find(path)
    assert found is not None
    assert b"/register" not in found.body
