"""What befalls signed requests that no change of one good request shows, each told to the refusal that it ends with.

The same stories show that every reason is seen, and that somebody misses each check (tests/bad_input).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from support.details import PAYMENT, RATES
from support.federated import ANCHOR, client_metadata, join_federation, permit_requests_without_push
from support.requests import pushed_request
from support.signed_requests import REQUEST, browser_request, signed_push
from trustweft.crypto.keys import LocalSigner, generate_private_key

if TYPE_CHECKING:
    from support.authority import Authority
    from support.drafts import Draft
    from support.federated import Site
    from support.wire import Answer

__all__ = [
    "BY_VALUE",
    "SIGNED_REQUEST_CHECKS",
    "SIGNED_REQUEST_STORIES",
    "SignedRequestStory",
    "good_request",
]

SignedRequestStory = Callable[["Authority", str], Awaitable["Answer"]]
BY_VALUE: Final = "authorization:request"


def federated_site(authority: Authority, **metadata: object) -> Site:
    """Make the server a member of a federation whose clients need not push, with one that says this of itself."""
    site = join_federation(authority)
    permit_requests_without_push(site)
    said = {**client_metadata(site.party), **metadata}
    site.say(metadata={"openid_relying_party": said})
    return site


def good_request(authority: Authority, endpoint: str, **claims: Any) -> Draft:
    """Return a signed request that is pushed, or that a browser brings."""
    if endpoint == BY_VALUE:
        return browser_request(authority, federated_site(authority).party, **claims)
    return signed_push(authority, **claims)


async def _must_be_signed(authority: Authority, _endpoint: str) -> Answer:
    await authority.reregister(authority.moneyview, require_signed_request_object=True)
    return await authority.send(pushed_request(authority))


async def _twice(authority: Authority, endpoint: str) -> Answer:
    first = good_request(authority, endpoint)
    again = signed_push(authority)
    if endpoint == BY_VALUE:
        again = first
    again.tokens[REQUEST] = first.tokens[REQUEST]
    await authority.send(first)
    return await authority.send(again)


async def _of_a_client_that_pushes(authority: Authority, _endpoint: str) -> Answer:
    federated_site(authority)
    return await authority.send(browser_request(authority, authority.moneyview))


async def _with_the_chain_of_somebody_else(authority: Authority, _endpoint: str) -> Answer:
    site = federated_site(authority)
    other = replace(site.client, entity="https://other.example", now=site.web.now)
    chain = [other.configuration(), replace(ANCHOR, now=site.web.now).about(other)]
    return await authority.send(browser_request(authority, site.party).head(REQUEST, trust_chain=chain))


async def _with_a_key_that_was_just_published(authority: Authority, _endpoint: str) -> Answer:
    """The key is found, so that the request is refused for what it says."""
    party, uri = authority.moneyview, "https://moneyview.example/jwks"
    await authority.reregister(party, jwks=None, jwks_uri=uri)
    authority.hosts.publish(uri, party.signer)
    await authority.send(pushed_request(authority))
    authority.clock.advance(60)
    other = LocalSigner("ES256", generate_private_key("ES256"), "for-requests")
    authority.hosts.publish(uri, party.signer, other)
    draft = signed_push(authority, aud="https://other.example").head(REQUEST, kid="for-requests")
    draft.tokens[REQUEST] = replace(draft.message(REQUEST), signer=other)
    return await authority.send(draft)


async def _for_a_type_of_others(authority: Authority, _endpoint: str) -> Answer:
    site = federated_site(authority)
    return await authority.send(browser_request(authority, site.party, authorization_details=[RATES]))


async def _for_what_fits_no_type(authority: Authority, _endpoint: str) -> Answer:
    site = federated_site(authority, authorization_details_types=["payment_initiation"])
    broken = {**PAYMENT, "admin": True}
    return await authority.send(browser_request(authority, site.party, authorization_details=[broken]))


def _saying(**claims: object) -> SignedRequestStory:
    async def told(authority: Authority, endpoint: str) -> Answer:
        now = int(authority.clock.now())
        numbers: dict[str, Any] = {name: now + value for name, value in claims.items() if type(value) is int}
        return await authority.send(good_request(authority, endpoint, **{**claims, **numbers}))

    return told


async def _encrypted(authority: Authority, endpoint: str) -> Answer:
    draft = good_request(authority, endpoint)
    draft.tokens[REQUEST] = f"{draft.message(REQUEST).encode()}.Y2lwaGVydGV4dA.dGFn"
    return await authority.send(draft)


# By the reason that they end with; numbers are seconds from now.
SIGNED_REQUEST_STORIES: Final[dict[str, SignedRequestStory]] = {
    "request-object.required": _must_be_signed,
    "request-object.replayed": _twice,
    "request-object.not-federated": _of_a_client_that_pushes,
    "request-object.encrypted": _encrypted,
    "request-object.too-large": _saying(state="s" * 38_000),
    "request-object.lifetime": _saying(exp=3_601),
    "request-object.too-old": _saying(nbf=-3_601),
    "request-object.from-future": _saying(nbf=31),
    "request-object.nested": _saying(request_uri="urn:x"),
    "request-object.subject": _saying(sub="moneyview"),
    "request-object.bad-jti": _saying(jti=""),
    "request-object.parameter": _saying(state=True),
    "federated-client.other-chain": _with_the_chain_of_somebody_else,
}
# By endpoint and check, where a story of all endpoints would not do.
SIGNED_REQUEST_CHECKS: Final[dict[tuple[str, str], tuple[SignedRequestStory, str]]] = {
    ("pushed_authorization_request", "find_request_object_keys"): (
        _with_a_key_that_was_just_published,
        "request-object.audience",
    ),
    ("pushed_authorization_request", "remember_request_object"): (_twice, "request-object.replayed"),
    (BY_VALUE, "remember_request_object"): (_twice, "request-object.replayed"),
    (BY_VALUE, "refuse_replays"): (_twice, "request-object.replayed"),
    (BY_VALUE, "check_registered_automatically"): (_of_a_client_that_pushes, "request-object.not-federated"),
    (BY_VALUE, "check_registered_details"): (
        _for_a_type_of_others,
        "authorization-details.not-registered",
    ),
    (BY_VALUE, "refuse_unsupported_parameters"): (
        _saying(resource="https://bank.example"),
        "authorization-request.unsupported-parameter",
    ),
    (BY_VALUE, "check_response_mode"): (
        _saying(response_mode="fragment"),
        "authorization-request.response-mode",
    ),
    (BY_VALUE, "check_state_and_nonce_length"): (
        _saying(state="s" * 8_000),
        "authorization-request.too-long",
    ),
    (BY_VALUE, "check_detail_types"): (_for_what_fits_no_type, "authorization-details.schema"),
}
