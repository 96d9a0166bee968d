"""Refresh tokens: bound to the client and not to a key, good for as long as they are, and for nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.examiner import judging
from conformance.examiner.id_token import check_id_token, check_same_person
from conformance.examiner.keys import Key
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.conversation import Conversation
    from conformance.examiner.examination import Examination

_ANY_REFUSAL = ("invalid_client", "invalid_grant", "invalid_request")


@examines("refresh-token")
def test_refresh_token(examination: Examination) -> None:
    """Both clients refresh, with a new key each time; without credentials, proof, or right to it, nobody does."""
    assert "refresh_token" in examination.metadata["grant_types_supported"]
    first = examination.begin()
    _get_and_refresh(first, names_scope=True)
    _check_needs_credentials(first)
    _check_needs_possession(first)
    first.used()
    second = examination.begin_second()
    _get_and_refresh(second, names_scope=False)
    second.used()
    second.useless_to(first)
    answer = first.ask_for_tokens(_refresh_form(second))
    assert answer.status == 400, answer
    judging.check_token_error(answer, "invalid_grant")


def _refresh_form(conversation: Conversation, *, names_scope: bool = True) -> dict[str, str]:
    form = {"grant_type": "refresh_token", "refresh_token": conversation.refresh_token}
    return form | ({"scope": conversation.request["scope"]} if names_scope else {})


def _get_and_refresh(conversation: Conversation, *, names_scope: bool) -> None:
    conversation.get_code()
    conversation.got_tokens()
    before = conversation.refresh_token
    _refresh(conversation, names_scope=names_scope)
    if conversation.refresh_token != before:
        # FAPI 2.0 SP 5.3.2.1-9: a client that never got the answer may try again with what it has.
        conversation.examination.wait(30)
        conversation.refresh_token = before
        _refresh(conversation, names_scope=names_scope)


def _refresh(conversation: Conversation, *, names_scope: bool) -> None:
    earlier, claims = conversation.access_token, conversation.id_claims
    conversation.examination.wait(1)
    conversation.proof_key = (
        Key.make()
    )  # the client is confidential: its refresh token is bound to it, not to a key
    answer = conversation.ask_for_tokens(_refresh_form(conversation, names_scope=names_scope))
    conversation.take(judging.check_token_response(answer, conversation.variant))
    assert conversation.access_token != earlier
    if "id_token" in conversation.tokens:
        check_same_person(claims, check_id_token(conversation))


def _check_needs_credentials(conversation: Conversation) -> None:
    variant = conversation.variant
    if not variant.signs_assertions and not variant.dpop:
        return  # the certificate is both: the next check leaves it out
    answer = conversation.ask_for_tokens(
        _refresh_form(conversation),
        authenticates=not variant.signs_assertions,
        certified=variant.signs_assertions,
    )
    judging.check_token_error(answer, *_ANY_REFUSAL)


def _check_needs_possession(conversation: Conversation) -> None:
    variant = conversation.variant
    answer = conversation.ask_for_tokens(_refresh_form(conversation), proves=False, certified=variant.dpop)
    if variant.dpop:
        assert answer.status == 400, answer
        judging.check_token_error(answer, "invalid_request", "invalid_grant", "invalid_dpop_proof")
    elif variant.signs_assertions:
        judging.check_token_error(answer, *_ANY_REFUSAL)
    else:
        judging.check_token_error(answer, "invalid_client", "invalid_request")
