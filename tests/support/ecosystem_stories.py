"""What befalls a client once the directory has spoken, each told to the refusal that it ends with.

The same stories show that every reason is seen, and that somebody misses each check (tests/bad_input).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from support.federated import ANCHOR, client_metadata, join_federation, permit_requests_without_push
from support.participants import BRAND, join
from support.requests import (
    code_request,
    credentials_request,
    introspection_request,
    pushed_request,
    refresh_request,
    revocation_request,
)
from support.signed_requests import browser_request
from support.visits import authorization_request, begin_visit, push
from trustweft.crypto.keys import thumbprint

if TYPE_CHECKING:
    from support.authority import Authority
    from support.drafts import Draft
    from support.wire import Answer
    from trustweft.protocol.ecosystem_status import Effect

__all__ = ["CHECKED", "ENDINGS", "EcosystemStory"]

EcosystemStory = Callable[["Authority", str], Awaitable["Answer"]]


async def _request(authority: Authority, endpoint: str) -> Draft:
    """Return a good request of a client to this endpoint, or of a browser to this page."""
    match endpoint:
        case "pushed_authorization_request":
            return pushed_request(authority)
        case "introspection":
            return introspection_request(authority, "a token")
        case "revocation":
            return revocation_request(authority, "a token")
        case "token" | "token:client_credentials":
            return credentials_request(authority)
        case "authorization:request":
            return await _registered_by_chain(authority)
    return await _page(authority, endpoint)


async def _registered_by_chain(authority: Authority) -> Draft:
    """Return a request of a client that its superior says to be MoneyView, signed with MoneyView's proof key."""
    site = join_federation(authority)
    permit_requests_without_push(site)
    site.party = replace(site.party, signer=replace(authority.moneyview.holder, key_id="for-requests"))
    site.say(metadata={"openid_relying_party": client_metadata(site.party)})
    site.web.vouch(ANCHOR, site.client, metadata={"openid_relying_party": {"software_id": "moneyview"}})
    return browser_request(authority, site.party)


async def _page(authority: Authority, endpoint: str) -> Draft:
    if endpoint == "token:authorization_code":
        return code_request(authority, await authority.issue_code())
    if endpoint == "token:refresh_token":
        return refresh_request(authority, (await authority.issue_refresh_token())[0])
    if endpoint == "authorization":
        return authorization_request(await push(authority))
    later = {"decision", "passkeys", "passkey_registration_options", "passkey_registration"}
    visit = await begin_visit(authority, logged_in=endpoint in later, challenged=True)
    pages: dict[str, Callable[[], Draft]] = {
        "interaction": visit.page,
        "login": visit.log_in,
        "cancel": visit.cancel,
        "decision": visit.decide,
        "passkey": visit.use_passkey,
        "passkey_registration": visit.add_passkey,
        "passkeys": partial(visit.page, "/passkeys"),
    }
    return pages.get(endpoint, partial(visit.submit, f"/{endpoint}"))()


async def told(
    authority: Authority, endpoint: str, subject: str, effect: Effect = "ended", **names: Any
) -> Answer:
    """Let the directory speak of a subject, and then let a request come that was good until then."""
    member = await join(authority, **names)
    draft = await _request(authority, endpoint)
    member.directory.say(subject, effect, cause="revoked")
    assert await member.reader.poll()
    return await authority.send(draft)


async def _software_ended(authority: Authority, endpoint: str) -> Answer:
    return await told(
        authority, endpoint, "software:bank" if endpoint == "introspection" else "software:moneyview"
    )


async def _key_compromised(authority: Authority, endpoint: str) -> Answer:
    return await told(authority, endpoint, f"key:{authority.moneyview.jkt}")


async def _person_ended(authority: Authority, endpoint: str) -> Answer:
    return await told(authority, endpoint, f"user:{BRAND}~{authority.alice.subject}")


async def _api_lost(authority: Authority, endpoint: str) -> Answer:
    names = dict.fromkeys(("openid", "profile", "email", "accounts", "payments"), "everything")
    return await told(authority, endpoint, "api:moneyview~everything", apis=names)


async def _software_suspended(authority: Authority, endpoint: str) -> Answer:
    return await told(authority, endpoint, "software:moneyview", "suspended")


async def _directory_away(authority: Authority, endpoint: str) -> Answer:
    member = await join(authority)
    member.reached.away = True
    authority.clock.advance(3_601)
    assert not await member.reader.poll()
    return await authority.send(pushed_request(authority))


async def _assertion_key_ended(authority: Authority, endpoint: str) -> Answer:
    return await told(authority, endpoint, f"key:{thumbprint(authority.moneyview.signer.public_key)}")


# By the name of the check: the story, and the reason that it ends with.
CHECKED: Final[dict[str, tuple[EcosystemStory, str]]] = {
    "check_client_takes_part": (_software_ended, "participation.ended"),
    "check_client_not_ended": (_software_ended, "participation.ended"),
    "check_key_takes_part": (_key_compromised, "participation.ended"),
    "check_person_takes_part": (_person_ended, "participation.person"),
    "narrow_to_allowed_apis": (_api_lost, "participation.scope"),
    "check_application_takes_part": (_software_ended, "participation.application"),
}


# By reason, for those that see all reasons.
ENDINGS: Final[dict[str, Callable[[Authority], Awaitable[Answer]]]] = {
    "participation.suspended": lambda authority: _software_suspended(
        authority, "pushed_authorization_request"
    ),
    "participation.ended": lambda authority: _assertion_key_ended(authority, "pushed_authorization_request"),
    "participation.person": lambda authority: _person_ended(authority, "token:refresh_token"),
    "participation.scope": lambda authority: _api_lost(authority, "token:client_credentials"),
    "participation.application": lambda authority: _software_ended(authority, "authorization"),
    "status.stale": lambda authority: _directory_away(authority, ""),
}
