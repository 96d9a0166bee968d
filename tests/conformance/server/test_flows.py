"""The whole flow: what is published, what a person who allows or denies it leads to, and what resources answer."""

from __future__ import annotations

import uuid
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from conformance.examiner import judging
from conformance.examiner.discovery import check_metadata
from conformance.examiner.tls import check_tls
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.conversation import Conversation
    from conformance.examiner.examination import Examination


@examines("discovery-end-point-verification")
def test_discovery_end_point_verification(examination: Examination) -> None:
    """The metadata is the issuer's own, and offers what the profile asks for and nothing weaker."""
    check_metadata(examination)


@examines("happy-flow")
def test_happy_flow(examination: Examination) -> None:
    """Two clients get their tokens and use them; neither can use the other's."""
    first = examination.begin()
    first.get_code()
    first.got_tokens()
    for url in examination.resources:
        check_tls(url, authority=examination.subject.authority)
    interaction = str(uuid.uuid4())
    first.used(
        headers=(
            ("x-fapi-auth-date", formatdate(examination.now(), usegmt=True)),
            ("x-fapi-customer-ip-address", "198.51.100.119"),
            ("x-fapi-interaction-id", interaction),
        )
    )
    _call_in_other_ways(first)
    second = examination.begin_second()
    second.set_nonce(43)
    if examination.variant.dpop:
        second.request["dpop_jkt"] = second.proof_key.thumbprint
    if examination.variant.client_credentials:
        second.completed()
    else:
        second.pushed()
        second.authorized(second.authorization_url(backwards=True))
        second.got_tokens()
        second.used()
    second.useless_to(first)


def _call_in_other_ways(conversation: Conversation) -> None:
    """No token in the query (FAPI 2.0 SP 5.3.4-2); other addresses and other ways to ask for JSON do no harm."""
    for url in conversation.examination.resources:
        in_query = urlencode({"access_token": conversation.access_token})
        judging.check_status(conversation.call(url, scheme="", query=in_query), {400, 401, 414})
    conversation.used(
        headers=(
            ("x-fapi-customer-ip-address", "2001:DB8::1893:25c8:1946"),
            ("accept", "application/json;charset=UTF-8"),
            ("accept-charset", "UTF-8"),
        )
    )
    conversation.used(headers=(("accept", "application/json, application/*+json, */*"),))


@examines("user-rejects-authentication")
def test_user_rejects_authentication(examination: Examination) -> None:
    """A person who denies it sends both clients away with access_denied, their state and the issuer."""
    for conversation in (examination.begin(), examination.begin_second()):
        conversation.set_state(128)
        conversation.pushed()
        url, person = conversation.authorization_url(), examination.subject.person
        judging.check_callback_error(
            conversation.browser.deny(url, person),
            "access_denied",
            redirect_uri=conversation.redirect_uri,
            state=conversation.request["state"],
            issuer=examination.metadata["issuer"],
        )


@examines("access-token-type-header-case-sensitivity")
def test_access_token_type_header_case_sensitivity(examination: Examination) -> None:
    """The scheme is the same scheme in any case (RFC 9110 section 11.1)."""
    conversation = examination.begin()
    conversation.get_code()
    conversation.got_tokens()
    conversation.used(scheme=conversation.tokens["token_type"].swapcase())
