"""Every reason that server and guard can refuse for is seen in an answer at least once.

Most of them come up when good requests are spoilt (test_bombardment.py). Those here need a story: another client, a
second time, a later hour, a part that is away.
"""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

import trustweft
from support.authority import CALLBACK, Authority, make_authority, make_certified, make_party
from support.bombarding import ENDPOINTS, outcome_of
from support.details import ACCOUNTS, PAYMENT, changed, detail, sent
from support.drafts import PROOF, TOKEN, Draft
from support.ecosystem_stories import ENDINGS
from support.harbour import make_harbour
from support.participants import make_member
from support.registration_stories import REGISTRATION_STORIES, RegistrationStory
from support.requests import (
    access_token,
    code_request,
    credentials_request,
    introspection_request,
    protected_request,
    pushed_request,
    refresh_request,
    revocation_request,
)
from support.signed_request_stories import SIGNED_REQUEST_STORIES, SignedRequestStory
from support.visits import authorization_request, begin_visit, enrol_passkey, push
from trustweft.resource.introspecting import UNAVAILABLE as NO_STATUS
from trustweft.resource.issuer_keys import UNAVAILABLE as NO_KEYS
from trustweft.resource.memory import MemoryReplays
from trustweft.resource.participation import Participation, ParticipationConfig
from trustweft.runtime.encoding import encode_base64url
from trustweft.server.login.rate_limit import PER_ADDRESS, PER_USERNAME
from trustweft.store.errors import unavailable

if TYPE_CHECKING:
    from support.harbour import Harbour
    from support.wire import Answer
    from trustweft.protocol.ecosystem_status import Effect

pytestmark = pytest.mark.anyio


@dataclass
class World:
    """The server, and the bank that believes it."""

    authority: Authority
    harbour: Harbour

    async def again(self, draft: Draft) -> Answer:
        """Send the very same octets twice."""
        sent = draft.finish()
        await self.authority.send(sent)
        return await self.authority.send(sent)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.authority.clock.advance(seconds)


Story = Callable[[World], Awaitable["Answer"]]
Ending = Callable[[Authority], Awaitable["Answer"]]
STORIES: Final[dict[str, Story]] = {}


def story(reason: str) -> Callable[[Story], Story]:
    """Tell which reason a story ends with."""

    def keep(told: Story) -> Story:
        STORIES[reason] = told
        return told

    return keep


# Clients with certificates.


@story("client.authentication-method")
async def _a_signature_where_a_certificate_is_registered(world: World) -> Answer:
    party = replace(world.authority.parties["certified"], authentication=None)
    return await world.authority.send(pushed_request(world.authority, party))


@story("client.beyond-profile")
async def _a_way_to_authenticate_that_another_profile_allowed(world: World) -> Answer:
    authority = world.authority
    other = authority.deployment.profile.with_limits(client_authentication_methods=("tls_client_auth",))
    authority.server.adopt(other)
    return await authority.send(pushed_request(authority))


@story("mtls.certificate-missing")
async def _no_certificate(world: World) -> Answer:
    draft = pushed_request(world.authority, world.authority.parties["certified"])
    draft.certificate = None
    return await world.authority.send(draft)


@story("mtls.other-name")
async def _the_certificate_of_another_client_of_the_same_authority(world: World) -> Answer:
    draft = pushed_request(world.authority, world.authority.parties["certified"])
    draft.certificate = world.authority.parties["certified-bank"].certificate
    return await world.authority.send(draft)


@story("certificate.untrusted")
async def _a_certificate_with_the_right_name_from_nobody(world: World) -> Answer:
    draft = pushed_request(world.authority, world.authority.parties["certified"])
    draft.certificate = make_certified("certified", now=world.authority.clock.now()).certificate
    return await world.authority.send(draft)


@story("certificate.malformed")
async def _no_certificate_at_all(world: World) -> Answer:
    draft = pushed_request(world.authority, world.authority.parties["certified"])
    draft.certificate = b"0" * 100
    return await world.authority.send(draft)


@story("certificate.revoked")
async def _a_certificate_that_its_authority_took_back(world: World) -> Answer:
    certified = world.authority.parties["certified"]
    await world.authority.look_up_revocations(world.authority.parties["certified-bank"])
    assert (await world.authority.send(pushed_request(world.authority, certified))).status == 201
    await world.authority.look_up_revocations(certified)
    return await world.authority.send(pushed_request(world.authority, certified))


@story("certificate.revocation-unknown")
async def _a_certificate_whose_authority_has_gone_silent(world: World) -> Answer:
    await world.authority.look_up_revocations()
    world.later(86_400)
    return await world.authority.send(pushed_request(world.authority, world.authority.parties["certified"]))


@story("mtls.not-registered")
async def _another_certificate_that_vouches_for_itself(world: World) -> Answer:
    draft = pushed_request(world.authority, world.authority.parties["selfsigned"])
    draft.certificate = make_certified("selfsigned", now=world.authority.clock.now()).certificate
    return await world.authority.send(draft)


@story("mtls.out-of-date")
async def _a_certificate_of_last_year(world: World) -> Answer:
    draft = pushed_request(world.authority, world.authority.parties["selfsigned"])
    world.later(366 * 86_400)
    return await world.authority.send(draft)


@story("mtls.binding-missing")
async def _nothing_to_bind_the_token_to(world: World) -> Answer:
    authority = world.authority
    party = replace(make_party("bound", grant_types=("client_credentials",)), scope=("accounts",))
    await authority.register(replace(party, certificate_bound=True))
    return await authority.send(credentials_request(authority, replace(party, certificate_bound=True)))


@story("dpop.certificate-bound")
async def _two_bindings(world: World) -> Answer:
    party = world.authority.parties["certified"]
    return await world.authority.send(pushed_request(world.authority, party, dpop_jkt=party.jkt))


# Clients among themselves.


@story("authorization-request.grant-type")
async def _no_code_for_a_machine(world: World) -> Answer:
    machine = replace(world.authority.parties["machine"], redirect_uris=(CALLBACK,))
    return await world.authority.send(pushed_request(world.authority, machine))


@story("grant-type.not-registered")
async def _a_grant_that_was_not_registered(world: World) -> Answer:
    return await world.authority.send(
        credentials_request(world.authority, world.authority.parties["codeonly"])
    )


@story("scope.needs-a-person")
async def _a_person_without_a_person(world: World) -> Answer:
    return await world.authority.send(credentials_request(world.authority, scope="openid"))


@story("dpop.jkt-mismatch")
async def _two_keys_for_one_code(world: World) -> Answer:
    return await world.authority.send(pushed_request(world.authority, dpop_jkt=world.authority.otherapp.jkt))


@story("code.other-client")
async def _a_stolen_code(world: World) -> Answer:
    issued = await world.authority.issue_code(world.authority.otherapp)
    draft = code_request(world.authority, issued)
    mine = code_request(world.authority, await world.authority.issue_code())
    return await world.authority.send(mine.put("code", draft.get("code")))


@story("code.key-mismatch")
async def _another_key_for_the_code(world: World) -> Answer:
    return await world.authority.send(
        code_request(world.authority, await world.authority.issue_code(dpop_jkt="A" * 43))
    )


@story("code.expired")
async def _an_old_code(world: World) -> Answer:
    issued = await world.authority.issue_code()
    world.later(60)
    return await world.authority.send(code_request(world.authority, issued))


@story("code.replayed")
async def _a_code_twice(world: World) -> Answer:
    issued = await world.authority.issue_code()
    assert (await world.authority.send(code_request(world.authority, issued))).status == 200
    return await world.authority.send(code_request(world.authority, issued))


@story("scope.no-longer-offered")
async def _a_code_for_what_is_out_of_service(world: World) -> Answer:
    draft = code_request(world.authority, await world.authority.issue_code(scope=("accounts",)))
    world.authority.stop_offering("accounts")
    return await world.authority.send(draft)


@story("code.redirect-uri-withdrawn")
async def _a_code_sent_to_where_the_client_is_no_more(world: World) -> Answer:
    issued = await world.authority.issue_code()
    elsewhere = ["https://localhost:8444/other"]
    await world.authority.reregister(world.authority.moneyview, redirect_uris=elsewhere)
    return await world.authority.send(code_request(world.authority, issued))


@story("client-keys.unavailable")
async def _a_client_whose_host_is_away(world: World) -> Answer:
    machine = world.authority.parties["machine"]
    address = "https://machine.example/jwks"
    world.authority.hosts.away[address] = OSError("no route")
    await world.authority.reregister(machine, jwks=None, jwks_uri=address)
    return await world.authority.send(credentials_request(world.authority, machine))


@story("authorization-request.prompt")
async def _a_prompt_with_a_gap(world: World) -> Answer:
    return await world.authority.send(pushed_request(world.authority, prompt="login  consent"))


@story("code.grant-ended")
async def _a_code_of_a_grant_that_ended(world: World) -> Answer:
    issued = await world.authority.issue_code()
    await world.authority.store.revoke_grant(issued.record.grant_id, now=world.authority.clock.now())
    return await world.authority.send(code_request(world.authority, issued))


@story("refresh-token.other-client")
async def _a_stolen_refresh_token(world: World) -> Answer:
    token, _ = await world.authority.issue_refresh_token()
    return await world.authority.send(refresh_request(world.authority, token, world.authority.otherapp))


@story("refresh-token.grant-ended")
async def _a_refresh_token_of_a_grant_that_ended(world: World) -> Answer:
    token, record = await world.authority.issue_refresh_token()
    await world.authority.store.revoke_grant(record.grant_id, now=world.authority.clock.now())
    return await world.authority.send(refresh_request(world.authority, token))


@story("revocation.other-client")
async def _somebody_elses_token_revoked(world: World) -> Answer:
    token, _ = await world.authority.issue_refresh_token()
    return await world.authority.send(revocation_request(world.authority, token, world.authority.otherapp))


@story("introspection.not-a-resource-server")
async def _a_client_that_asks_about_tokens(world: World) -> Answer:
    return await world.authority.send(introspection_request(world.authority, "x", world.authority.moneyview))


@story("jwk.weak")
async def _a_short_key_in_a_proof(world: World) -> Answer:
    number = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key().public_numbers().n  # noqa: S505  # that is the point
    draft = credentials_request(world.authority)
    weak = {"kty": "RSA", "e": "AQAB", "n": encode_base64url(number.to_bytes(128, "big"))}
    return await world.authority.send(draft.head(PROOF, jwk=weak, alg="PS256"))


@story("jws.key-mismatch")
async def _an_algorithm_of_another_key(world: World) -> Answer:
    return await world.authority.send(credentials_request(world.authority).head(PROOF, alg="PS256"))


@story("store.unavailable")
async def _a_store_that_is_away(world: World) -> Answer:
    def away(*_: object, **__: object) -> None:
        raise unavailable("SQLITE_IOERR")

    world.authority.store.remember_jti = away  # type: ignore[assignment,method-assign]  # a disk that fails
    return await world.authority.send(credentials_request(world.authority))


# Authorization details.


def _ask(world: World, details: str, party: str = "moneyview") -> Draft:
    return pushed_request(world.authority, world.authority.parties[party], authorization_details=details)


SENT: Final = {
    "authorization-details.malformed": "[1]",
    "json.not-an-array": "{}",
    "json.duplicate-member": '[{"type":"a","type":"b"}]',
    "authorization-details.count": "[]",
    "authorization-details.member-name": '[{"type":"a","__proto__":{}}]',
    "authorization-details.number": '[{"type":"a","b":1e30}]',
    "authorization-details.unprintable": '[{"type":"a","b":"\\u202e"}]',
    "authorization-details.lookalike": '[{"type":"a","b":"B\\u043eb"}]',
    "authorization-details.unknown-type": '[{"type":"everything"}]',
    "authorization-details.schema": sent({**PAYMENT, "purpose": "gift"}),
    "authorization-details.location": sent({**PAYMENT, "locations": ["https://other.example"]}),
}
for _reason, _details in SENT.items():

    @story(_reason)
    async def _broken_details(world: World, details: str = _details) -> Answer:
        return await world.authority.send(_ask(world, details))


@story("authorization-details.not-registered")
async def _a_type_of_others(world: World) -> Answer:
    return await world.authority.send(_ask(world, sent(ACCOUNTS), "codeonly"))


@story("authorization-details.beyond-registration")
async def _more_than_registered(world: World) -> Answer:
    return await world.authority.send(_ask(world, sent(PAYMENT), "otherapp"))


@story("authorization-details.wider")
async def _more_than_granted(world: World) -> Answer:
    token, _ = await world.authority.issue_refresh_token(details=(detail(PAYMENT),))
    more = changed(PAYMENT, instructedAmount__amount="1000.00")
    return await world.authority.send(
        refresh_request(world.authority, token, authorization_details=sent(more))
    )


@story("authorization-details.needs-a-person")
async def _a_payment_without_a_person(world: World) -> Answer:
    return await world.authority.send(
        credentials_request(world.authority, authorization_details=sent(PAYMENT))
    )


# The browser's way.


@story("request-uri.expired")
async def _a_request_opened_late(world: World) -> Answer:
    pushed = await push(world.authority)
    world.later(60)
    return await world.authority.send(authorization_request(pushed))


@story("request-uri.withdrawn")
async def _a_request_that_is_allowed_no_more(world: World) -> Answer:
    pushed = await push(world.authority)
    await world.authority.reregister(world.authority.moneyview, scope="openid")
    return await world.authority.send(authorization_request(pushed))


@story("request-uri.foreign-client")
async def _a_request_of_another_client(world: World) -> Answer:
    draft = authorization_request(await push(world.authority))
    draft.query = draft.query.replace("client_id=moneyview", "client_id=otherapp")
    return await world.authority.send(draft)


@story("request-uri.spent")
async def _a_request_that_was_answered_elsewhere(world: World) -> Answer:
    pushed = await push(world.authority)
    first = await begin_visit(world.authority, logged_in=True, pushed=pushed)
    second = await begin_visit(world.authority, logged_in=True, pushed=pushed)
    await world.authority.send(first.decide())
    return await world.authority.send(second.decide())


@story("prompt.login-required")
async def _a_silent_login(world: World) -> Answer:
    return await world.authority.send(authorization_request(await push(world.authority, prompt=("none",))))


@story("prompt.unsupported")
async def _a_prompt_for_something_else(world: World) -> Answer:
    return await world.authority.send(authorization_request(await push(world.authority, prompt=("create",))))


@story("consent.denied")
async def _a_person_who_says_no(world: World) -> Answer:
    return await world.authority.send((await begin_visit(world.authority, logged_in=True)).decide("deny"))


@story("interaction.ended")
async def _a_page_that_was_left_alone(world: World) -> Answer:
    visit = await begin_visit(world.authority)
    world.later(600)
    return await world.authority.send(visit.page())


@story("interaction.client-gone")
async def _an_application_that_was_removed(world: World) -> Answer:
    visit = await begin_visit(world.authority)
    await world.authority.store.remove_client("moneyview", now=world.authority.clock.now())
    return await world.authority.send(visit.page())


@story("login.person-gone")
async def _a_person_who_was_removed(world: World) -> Answer:
    visit = await begin_visit(world.authority, logged_in=True)
    await world.authority.store.remove_user("alice", now=world.authority.clock.now())
    return await world.authority.send(visit.decide())


@story("login.required")
async def _a_consent_without_a_login(world: World) -> Answer:
    return await world.authority.send((await begin_visit(world.authority)).decide())


@story("login.second")
async def _a_second_login(world: World) -> Answer:
    return await world.authority.send((await begin_visit(world.authority, logged_in=True)).log_in())


@story("login.busy")
async def _a_login_when_many_others_log_in(world: World) -> Answer:
    world.authority.deployment.passwords._allowed = 0
    return await world.authority.send((await begin_visit(world.authority)).log_in())


async def _too_many(world: World, attempts: int, names: Callable[[], str]) -> Answer:
    visit = await begin_visit(world.authority)
    store, now = world.authority.store, world.authority.clock.now()
    limit = PER_USERNAME if attempts == PER_USERNAME.attempts else PER_ADDRESS
    whose = names() if limit is PER_USERNAME else "192.0.2.1"
    for _ in range(attempts):
        await store.count_attempt(limit.key(whose, now=now), window_ends=limit.window_ends(now))
    return await world.authority.send(visit.log_in(names()))


@story("login.too-many-attempts")
async def _one_name_guessed_at(world: World) -> Answer:
    return await _too_many(world, PER_USERNAME.attempts, lambda: "alice")


@story("login.too-many-attempts-from-address")
async def _one_address_that_tries_many_names(world: World) -> Answer:
    number = count().__next__
    return await _too_many(world, PER_ADDRESS.attempts, lambda: f"somebody-{number()}")


# Passkeys.


@story("passkey.no-challenge")
async def _a_passkey_without_a_question(world: World) -> Answer:
    authenticator = await enrol_passkey(world.authority)
    asked = await begin_visit(world.authority, challenged=True, authenticator=authenticator)
    credential = asked.use_passkey().get("credential")
    unasked = await begin_visit(world.authority, authenticator=authenticator)
    return await world.authority.send(unasked.submit("/passkey", credential=credential))


@story("passkey.challenge-replayed")
async def _a_passkey_twice(world: World) -> Answer:
    authenticator = await enrol_passkey(world.authority)
    visit = await begin_visit(world.authority, challenged=True, authenticator=authenticator)
    return await world.again(visit.use_passkey())


@story("passkey.cloned")
async def _a_passkey_whose_counter_stands_still(world: World) -> Answer:
    authenticator = await enrol_passkey(world.authority)
    authenticator.sign_count = 5
    first = await begin_visit(world.authority, challenged=True, authenticator=authenticator)
    await world.authority.send(first.use_passkey())
    authenticator.sign_count = 3
    second = await begin_visit(world.authority, challenged=True, authenticator=authenticator)
    return await world.authority.send(second.use_passkey())


@story("passkey.known")
async def _a_passkey_registered_twice(world: World) -> Answer:
    authenticator = await enrol_passkey(world.authority)
    visit = await begin_visit(world.authority, logged_in=True, challenged=True, authenticator=authenticator)
    return await world.authority.send(visit.add_passkey())


@story("passkey.needs-password")
async def _a_passkey_added_by_a_passkey(world: World) -> Answer:
    visit = await begin_visit(world.authority, logged_in=True, challenged=True, methods=("hwk", "user"))
    return await world.authority.send(visit.add_passkey())


@story("passkey.too-many")
async def _too_many_passkeys(world: World) -> Answer:
    for _ in range(20):
        visit = await begin_visit(world.authority, logged_in=True, challenged=True)
        assert (await world.authority.send(visit.add_passkey())).reason is None
    visit = await begin_visit(world.authority, logged_in=True, challenged=True)
    return await world.authority.send(visit.add_passkey())


# Software that registers itself.


for _reason, _told in REGISTRATION_STORIES.items():

    @story(_reason)
    async def _registration(world: World, told: RegistrationStory = _told) -> Answer:
        return await told(world.authority, "registration")


# Requests that are signed.


for _signed, _fate in SIGNED_REQUEST_STORIES.items():

    @story(_signed)
    async def _signed_request(world: World, told: SignedRequestStory = _fate) -> Answer:
        return await told(world.authority, "pushed_authorization_request")


# An ecosystem with a directory.


for _ending, _tale in ENDINGS.items():

    @story(_ending)
    async def _participation(world: World, told: Ending = _tale) -> Answer:
        return await told(world.authority)


@story("ecosystem-events.not-offered")
async def _an_event_where_no_directory_is_known(world: World) -> Answer:
    return await world.authority.send(Draft("POST", "/ecosystem/events"))


async def _at_the_bank(world: World, effect: Effect) -> Answer:
    member = make_member(world.authority.clock)
    member.directory.say("software:moneyview", effect, cause="revoked")
    assert await member.reader.poll()
    participation = Participation(member.reader, ParticipationConfig())
    harbour = make_harbour(world.authority, participation=participation)
    return await harbour.send(await harbour.call("GET", "/accounts"))


@story("guard.participant-suspended")
async def _suspended_software_at_the_bank(world: World) -> Answer:
    return await _at_the_bank(world, "suspended")


@story("guard.participant-ended")
async def _software_that_ended_at_the_bank(world: World) -> Answer:
    return await _at_the_bank(world, "ended")


# The guard.


@story("bearer.bound")
async def _a_downgrade(world: World) -> Answer:
    return await world.harbour.send(
        (await world.harbour.call("GET", "/accounts")).with_header("authorization", f"Bearer {TOKEN}")
    )


@story("bearer.not-bound")
async def _an_upgrade(world: World) -> Answer:
    draft = await world.harbour.call("GET", "/accounts")
    return await world.harbour.send(draft.claim(TOKEN, cnf={"x5t#S256": "A" * 43}))


@story("mtls.binding-without-certificate")
async def _a_bound_token_without_the_certificate(world: World) -> Answer:
    draft = (await world.harbour.call("GET", "/accounts")).with_header("authorization", f"Bearer {TOKEN}")
    return await world.harbour.send(draft.claim(TOKEN, cnf={"x5t#S256": "A" * 43}))


@story("mtls.binding-mismatch")
async def _a_stolen_token_with_another_certificate(world: World) -> Answer:
    authority = world.authority
    draft = await world.harbour.call("GET", "/accounts", party=authority.parties["certified"])
    draft.certificate = authority.parties["selfsigned"].certificate
    return await world.harbour.send(draft)


@story("bearer.in-body")
async def _a_token_in_a_form(world: World) -> Answer:
    draft = await world.harbour.pay()
    draft.with_header("content-type", "application/x-www-form-urlencoded").body = b"access_token=x"
    return await world.harbour.send(draft)


@story("bearer.insufficient-authorization-details")
async def _a_payment_that_was_not_allowed(world: World) -> Answer:
    return await world.harbour.send(
        await world.harbour.pay(scope=(), details=(detail(PAYMENT),), reference="X")
    )


@story("dpop.key-mismatch")
async def _a_stolen_token(world: World) -> Answer:
    authority, harbour = world.authority, world.harbour
    token = access_token(authority, grant=await authority.grant(authority.moneyview), jkt="A" * 43)
    url = f"{authority.deployment.config.issuer}/userinfo"
    return await authority.send(
        protected_request(authority, token, party=authority.moneyview, url=url, nonce=harbour.authority.nonce)
    )


@story("guard.token-revoked")
async def _a_revoked_token(world: World) -> Answer:
    draft = await world.harbour.call("GET", "/accounts")
    await world.authority.store.remove_client("moneyview", now=world.authority.clock.now())
    return await world.harbour.send(draft)


@story("guard.replay-memory-full")
async def _a_memory_that_is_full(world: World) -> Answer:
    small = MemoryReplays(clock=world.authority.clock, maximum=1)
    harbour = make_harbour(world.authority, replays=small)
    assert (await harbour.send(await harbour.call("GET", "/accounts"))).status == 200
    return await harbour.send(await harbour.call("GET", "/accounts"))


class _Away:
    """A part of the ecosystem that cannot be reached."""

    async def key_set(self, _token: str) -> Any:
        raise NO_KEYS.reject()

    async def is_active(self, *_: object, **__: object) -> bool:
        raise NO_STATUS.reject()


@story("issuer-keys.unavailable")
async def _an_issuer_whose_keys_cannot_be_had(world: World) -> Answer:
    harbour = make_harbour(world.authority, keys=_Away())
    return await harbour.send(await harbour.call("GET", "/accounts"))


@story("revocation.unavailable")
async def _an_issuer_that_cannot_be_asked(world: World) -> Answer:
    harbour = make_harbour(world.authority, revocations=_Away())
    return await harbour.send(await harbour.call("GET", "/accounts"))


@pytest.mark.parametrize("reason", STORIES)
async def test_the_story_ends_with_its_reason(tmp_path: Path, reason: str) -> None:
    """Each is refused for what is wrong with it, or for what caused that, and nothing broke."""
    world = await make_world(tmp_path)
    try:
        answer = await STORIES[reason](world)
    finally:
        world.authority.close()
    assert answer.reason is not None
    assert reason in world.authority.hearing.causes
    assert world.authority.hearing.failures == []


async def make_world(directory: Path) -> World:
    """Build both in one process."""
    authority = await make_authority(directory / "keys")
    return World(authority, make_harbour(authority))


# Reasons that no request to server or guard can bring about, and where they are tested.
ELSEWHERE: Final = {
    "client-metadata.": "what may be registered at all: tests/unit/protocol/test_registration.py",
    "redirect-uri.ipv6": "likewise: tests/unit/protocol/test_redirect_uri.py",
    "redirect-uri.not-registrable": "likewise",
    "redirect-uri.private-scheme": "likewise",
    "redirect-uri.unencrypted": "likewise",
    "console.": "the directory's console: tests/unit/web/console",
    "page.form-target": "no such address can be registered: tests/unit/web/test_registered_targets.py",
    "mtls.bad-": "likewise: tests/unit/protocol/test_mtls.py",
    "distinguished-name.": "likewise: tests/unit/protocol/test_distinguished_name.py",
    "proxy-headers.": "a trusted proxy stands in front: tests/unit/net/test_proxy_headers.py",
    "issuer.": "the client compares the issuer of a response: tests/unit/protocol",
    "bearer.bad-challenge": "the client reads challenges: tests/unit/protocol",
    "introspection.": "whoever reads an introspection response: tests/unit/protocol",
    "federated-client.": "a server that is a member of a federation: tests/unit/server/test_federation.py",
    "federation.": "a signed message between members of a federation: tests/unit/protocol/test_federation_*.py",
    "metadata-policy.": "a superior's policy meets an entity's metadata: tests/unit/protocol/test_metadata_policy.py",
    "status.": "the directory's list, and its keys: tests/unit/net/test_status_reader.py",
    "security-event.": "what the directory pushes: tests/unit/net/test_event_receiver.py",
    "order.": "likewise, and tests/unit/protocol/test_offboarding.py",
    "receipt.": "what the directory is sent: tests/unit/protocol/test_offboarding.py",
    "probe.": "likewise: tests/unit/protocol/test_offboarding_probe.py",
    "receipt-keys.": "an address beside the guard, for the directory: tests/unit/resource/test_participation.py",
    "key-proof.": "a key is brought to the directory: tests/unit/protocol/test_key_proof.py",
    "certificate-request.": "likewise: tests/unit/crypto/test_brought_certificates.py",
    "certificate-file.": "likewise",
    "certificate.weak-key": "likewise",
    "certificate.self-signed-not-allowed": "likewise",
    "certificate.not-for-clients": "likewise",
    "jwks.malformed": "a key set comes from an operator or an issuer: tests/unit/crypto",
}
PARTICIPANTS: Final = {"server", "resource", "protocol", "crypto", "net", "runtime", "store", "web"}
UPSTREAM: Final = 502


def declared() -> dict[str, int | None]:
    """Return the reasons, with their status if they state one, that server, guard and what they stand on declare."""
    source = Path(trustweft.__file__).parent
    found: dict[str, int | None] = {}
    for package in PARTICIPANTS:
        for file in (source / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id == "reason"
                ):
                    (first, *_) = node.args
                    status = next((word.value for word in node.keywords if word.arg == "status"), None)
                    assert isinstance(first, ast.Constant)
                    found[str(first.value)] = ast.literal_eval(status) if status is not None else None
    return found


async def test_every_reason_of_server_and_guard_is_produced() -> None:
    """Refusals of an upstream answer (502) are the client's and the fetcher's; the others are all seen here."""
    expected = {reason for reason, status in declared().items() if status != UPSTREAM}
    elsewhere = {reason for reason in expected if reason.startswith(tuple(ELSEWHERE))}
    seen = set(STORIES)
    for name in ENDPOINTS:
        seen |= (await outcome_of(name)).heard
    assert expected - elsewhere - seen == set()
    assert elsewhere & set(STORIES) == {
        "federated-client.other-chain",
        "introspection.not-a-resource-server",
        "status.stale",
    }
