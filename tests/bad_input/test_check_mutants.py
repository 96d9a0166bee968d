"""With any one check taken out of the pages' pipelines, somebody gets what they should not, or nobody gets anything.

The tour shows the same for whatever it passes (tests/flows/test_tour_mutants.py); here are passkeys, and what only a
store that changes under a visitor can show.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from argon2 import PasswordHasher

from flows.test_tour_mutants import DIRECTORY, FEDERATION, PASSKEYS, UNSEEN
from support.authority import make_authority
from support.bombarding import all_endpoints
from support.bombardment import bombard
from support.details import PAYMENT, RATES, changed, detail, sent
from support.ecosystem_stories import CHECKED, EcosystemStory
from support.federated import federation_endpoints
from support.registration_stories import REGISTRATION_STORIES
from support.requests import (
    code_request,
    credentials_request,
    introspection_request,
    pushed_request,
    refresh_request,
    revocation_request,
)
from support.signed_request_stories import SIGNED_REQUEST_CHECKS
from support.visits import authorization_request, begin_visit, enrol_passkey, push
from trustweft.server.pipeline import without
from trustweft.server.pipelines import PIPELINES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from support.authority import Authority
    from support.drafts import Draft
    from support.visits import Visit

pytestmark = pytest.mark.anyio

CHECKS = [
    (name, check.__name__)
    for name, pipeline in PIPELINES.items()
    for check in pipeline
    if name in PASSKEYS | DIRECTORY | FEDERATION
]
# Seen elsewhere: by test_a_weak_hash_is_made_anew_at_the_next_login, by tests/unit/resource/test_guard_attacks.py, and by
# tests/unit/server/test_federation.py.
ELSEWHERE = {
    ("login", "renew_password_hash"),
    ("guard", "check_details"),
    ("guard", "check_participation"),
    *((name, "register_federated_client") for name in PIPELINES),
}
LOGGED_IN = {"passkeys", "passkey_registration_options", "passkey_registration"}


async def visit_of(
    authority: Authority, endpoint: str, *, logged_in: bool = False, methods: tuple[str, ...] | None = None
) -> Visit:
    """Come to where the endpoint is used."""
    logged_in = logged_in or endpoint in LOGGED_IN
    authenticator = await enrol_passkey(authority) if endpoint == "passkey" else None
    visit = begin_visit if methods is None else partial(begin_visit, methods=methods)
    return await visit(authority, logged_in=logged_in, challenged=True, authenticator=authenticator)


def request_of(visit: Visit, endpoint: str) -> Draft:
    """Return the good request of a visitor."""
    match endpoint:
        case "passkey":
            return visit.use_passkey()
        case "passkey_registration":
            return visit.add_passkey()
        case "passkeys":
            return visit.page("/passkeys")
        case "interaction":
            return visit.page()
        case "login":
            return visit.log_in()
        case _:
            return visit.submit(f"/{endpoint}")


async def _request_was_answered(authority: Authority, endpoint: str) -> str | None:
    visit = await visit_of(authority, endpoint)
    draft = request_of(visit, endpoint)
    await authority.store.spend_pushed_request(visit.push.digest, now=authority.clock.now())
    return (await authority.send(draft)).reason


async def _client_is_gone(authority: Authority, endpoint: str) -> str | None:
    draft = request_of(await visit_of(authority, endpoint), endpoint)
    await authority.store.remove_client("moneyview", now=authority.clock.now())
    return (await authority.send(draft)).reason


async def _may_ask_no_more(authority: Authority, endpoint: str) -> str | None:
    if endpoint == "authorization":
        draft = authorization_request(await push(authority))
    else:
        draft = request_of(await visit_of(authority, endpoint, logged_in=endpoint == "decision"), endpoint)
    await authority.reregister(authority.moneyview, redirect_uris=["https://localhost:8444/other"])
    return (await authority.send(draft)).reason


async def _is_logged_in_already(authority: Authority, endpoint: str) -> str | None:
    visit = await visit_of(authority, endpoint, logged_in=True)
    return (await authority.send(request_of(visit, endpoint))).reason


async def _has_no_password_login(authority: Authority, endpoint: str) -> str | None:
    visit = await visit_of(authority, endpoint, methods=("hwk", "user"))
    return (await authority.send(request_of(visit, endpoint))).reason


async def _comes_twice(authority: Authority, endpoint: str) -> str | None:
    visit = await visit_of(authority, endpoint)
    sent = request_of(visit, endpoint).finish()
    await authority.send(sent)
    # As if both had been read before either was answered.
    await authority.store.save_interaction(visit.cookie.digest, visit.interaction)
    if endpoint == "passkey_registration":  # another device, or it would be known
        authority.store._passkeys.clear()
    return (await authority.send(sent)).reason


async def _is_a_copy(authority: Authority, endpoint: str) -> str | None:
    authenticator = await enrol_passkey(authority)
    for seen in (5, 3):
        authenticator.sign_count = seen
        visit = await begin_visit(authority, challenged=True, authenticator=authenticator)
        answer = await authority.send(visit.use_passkey())
    return answer.reason


async def _has_twenty(authority: Authority, endpoint: str) -> str | None:
    for _ in range(21):
        answer = await authority.send((await visit_of(authority, endpoint)).add_passkey())
    return answer.reason


async def _scope_is_out_of_service(authority: Authority, endpoint: str) -> str | None:
    if endpoint == "token:refresh_token":
        draft = refresh_request(authority, (await authority.issue_refresh_token(scope=("accounts",)))[0])
    else:
        draft = code_request(authority, await authority.issue_code(scope=("accounts",)))
    authority.stop_offering("accounts")
    return (await authority.send(draft)).reason


async def _has_no_certificate(authority: Authority, endpoint: str) -> str | None:
    certified = authority.parties["certified"]
    match endpoint:
        case "introspection":
            draft = introspection_request(authority, "a token", authority.parties["certified-bank"])
        case "revocation":
            draft = revocation_request(authority, "a token", certified)
        case "token":
            draft = credentials_request(authority, certified)
        case _:
            draft = pushed_request(authority, certified)
    draft.certificate = None
    return (await authority.send(draft)).reason


async def _ask_for_details(authority: Authority, endpoint: str, party: str, document: Any) -> str | None:
    """Ask for one detail: for a person's grant, or for the client itself."""
    request = pushed_request if endpoint == "pushed_authorization_request" else credentials_request
    draft = request(authority, authority.parties[party], authorization_details=sent(document))
    return (await authority.send(draft)).reason


async def _asks_for_what_fits_no_type(authority: Authority, endpoint: str) -> str | None:
    return await _ask_for_details(authority, endpoint, "moneyview", {**RATES, "admin": True})


async def _asks_for_a_type_of_others(authority: Authority, endpoint: str) -> str | None:
    return await _ask_for_details(authority, endpoint, "otherapp", RATES)


async def _asks_for_a_payment_of_nobody(authority: Authority, endpoint: str) -> str | None:
    return await _ask_for_details(authority, endpoint, "moneyview", PAYMENT)


async def _widens_details(authority: Authority, endpoint: str) -> str | None:
    wider = sent(changed(PAYMENT, instructedAmount__amount="1000.00"))
    if endpoint == "token:refresh_token":
        token, _ = await authority.issue_refresh_token(details=(detail(PAYMENT),))
        draft = refresh_request(authority, token, authorization_details=wider)
    else:
        issued = await authority.issue_code(authorization_details=(detail(PAYMENT),))
        draft = code_request(authority, issued, authorization_details=wider)
    return (await authority.send(draft)).reason


async def _registration_was_never_used(authority: Authority, endpoint: str) -> str | None:
    return (await REGISTRATION_STORIES["registration.expired"](authority, endpoint)).reason


async def _belongs_to_no_federation(authority: Authority, _endpoint: str) -> str | None:
    draft, _ = await federation_endpoints(authority)[0].prepare()
    authority.deployment = replace(authority.deployment, federation=None)
    authority.mutant(authority.server.pipelines)
    return (await authority.send(draft)).reason


# What a check refuses that no change to a good request shows.
STORIES: dict[str, tuple[Callable[[Authority, str], Awaitable[str | None]], str]] = {
    "find_interaction_request": (_request_was_answered, "request-uri.spent"),
    "find_interaction_client": (_client_is_gone, "interaction.client-gone"),
    "refuse_withdrawn_request": (_may_ask_no_more, "request-uri.withdrawn"),
    "refuse_second_login": (_is_logged_in_already, "login.second"),
    "require_password_login": (_has_no_password_login, "passkey.needs-password"),
    "refuse_replayed_challenge": (_comes_twice, "passkey.challenge-replayed"),
    "advance_passkey_counter": (_is_a_copy, "passkey.cloned"),
    "verify_client_certificate": (_has_no_certificate, "mtls.certificate-missing"),
    "keep_offered_scope": (_scope_is_out_of_service, "scope.no-longer-offered"),
    "check_detail_types": (_asks_for_what_fits_no_type, "authorization-details.schema"),
    "check_registered_details": (_asks_for_a_type_of_others, "authorization-details.not-registered"),
    "refuse_personal_details": (_asks_for_a_payment_of_nobody, "authorization-details.needs-a-person"),
    "narrow_details": (_widens_details, "authorization-details.wider"),
    "use_registration": (_registration_was_never_used, "registration.expired"),
    "check_federation": (_belongs_to_no_federation, "federated-client.no-federation"),
    "refuse_too_many_passkeys": (_has_twenty, "passkey.too-many"),
}


def _reason_of(story: EcosystemStory) -> Callable[[Authority, str], Awaitable[str | None]]:
    async def tell(authority: Authority, endpoint: str) -> str | None:
        return (await story(authority, endpoint)).reason

    return tell


STORIES |= {check: (_reason_of(story), reason) for check, (story, reason) in CHECKED.items()}


@asynccontextmanager
async def server(directory: Path) -> AsyncIterator[Authority]:
    """Run a server that is whole."""
    authority = await make_authority(directory / "keys")
    try:
        yield authority
    finally:
        authority.close()


@pytest.mark.parametrize(("endpoint", "check"), CHECKS + sorted(UNSEEN - ELSEWHERE))
async def test_without_a_check_somebody_gets_what_they_should_not(
    tmp_path: Path, endpoint: str, check: str
) -> None:
    """A story that ended with the check's reason ends otherwise, or the bombardment finds what was let through."""
    mutant = without(PIPELINES, endpoint, check)
    if (endpoint, check) in SIGNED_REQUEST_CHECKS or check in STORIES:
        story, reason = SIGNED_REQUEST_CHECKS.get((endpoint, check), (None, ""))
        tell, reason = STORIES[check] if story is None else (_reason_of(story), reason)
        async with server(tmp_path / "whole") as whole, server(tmp_path / "mutant") as broken:
            assert await tell(whole, endpoint) == reason
            broken.mutant(mutant)
            assert await tell(broken, endpoint) != reason
        return
    async with server(tmp_path) as broken:
        broken.mutant(mutant)
        target, send = (await all_endpoints(broken))[endpoint]
        with pytest.raises(AssertionError):
            await bombard(target, send, broken.hearing)


async def test_a_weak_hash_is_made_anew_at_the_next_login(tmp_path: Path) -> None:
    """The check that refuses nothing: without it a hash would stay as weak as it was made."""
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    stronger = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
    kept: dict[bool, str] = {}
    for whole in (True, False):
        async with server(tmp_path / str(whole)) as authority:
            if not whole:
                authority.mutant(without(PIPELINES, "login", "renew_password_hash"))
            passwords = authority.deployment.passwords
            passwords._hasher = weak
            user = await authority.enrol("carol")
            passwords._hasher = stronger
            assert (await authority.send((await begin_visit(authority)).log_in("carol"))).reason is None
            found = await authority.store.find_user("carol")
            assert found is not None
            kept[whole] = "renewed" if found.password_hash != user.password_hash else "as it was"
    assert kept == {True: "renewed", False: "as it was"}
