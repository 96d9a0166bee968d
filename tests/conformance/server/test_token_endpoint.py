"""The token endpoint: codes and credentials that do not fit together, and proofs that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.examiner import judging
from conformance.examiner.tls import check_tls
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.examination import Examination
    from conformance.examiner.keys import Token


@examines("ensure-client-id-in-token-endpoint")
def test_ensure_client_id_in_token_endpoint(examination: Examination) -> None:
    """The second client's name with the first client's key or certificate is nobody."""
    conversation, second = examination.begin(), examination.second.client_id
    conversation.get_code()

    def claim_to_be_second(assertion: Token) -> None:
        assertion.claims |= {"iss": second, "sub": second}

    conversation.edit_assertion = claim_to_be_second
    answer = conversation.ask_for_tokens({**conversation.token_form(), "client_id": second})
    judging.check_token_error(answer, "invalid_client", "invalid_grant")


@examines("ensure-holder-of-key-required")
def test_ensure_holder_of_key_required(examination: Examination) -> None:
    """Nobody gets a token that is bound to nothing; and each endpoint speaks TLS as it should."""
    metadata = examination.metadata
    endpoints = [url for name, url in metadata.items() if name.endswith("_endpoint")]
    for url in (*endpoints, *metadata.get("mtls_endpoint_aliases", {}).values()):
        check_tls(url, authority=examination.subject.authority)
    conversation = examination.begin()
    conversation.get_code()
    variant = examination.variant
    answer = conversation.ask_for_tokens(proves=False, certified=variant.dpop)
    if variant.dpop:
        judging.check_token_error(answer, "invalid_request", "invalid_grant", "invalid_dpop_proof")
    elif variant.signs_assertions:
        judging.check_token_error(answer, "invalid_request", "invalid_grant", "invalid_client")
    else:
        judging.check_token_error(answer, "invalid_request", "invalid_client")


@examines("ensure-authorization-code-is-bound-to-client")
def test_ensure_authorization_code_is_bound_to_client(examination: Examination) -> None:
    """The first client's code is worth nothing to the second."""
    first, second = examination.begin(), examination.begin(examination.second)
    first.get_code()
    answer = second.ask_for_tokens(first.token_form())
    assert answer.status == 400, answer
    judging.check_token_error(answer, "invalid_grant")


@examines("attempt-reuse-authorization-code-after-one-second")
def test_attempt_reuse_authorization_code_after_one_second(examination: Examination) -> None:
    """A code serves once; whoever brings it again ends what it gave (RFC 6749 section 4.1.2)."""
    conversation = examination.begin()
    conversation.completed()
    examination.wait(1)
    answer = conversation.ask_for_tokens()
    assert answer.status == 400, answer
    judging.check_token_error(answer, "invalid_grant")
    refreshing = {"grant_type": "refresh_token", "refresh_token": conversation.refresh_token}
    judging.check_token_error(conversation.ask_for_tokens(refreshing), "invalid_grant")
    examination.wait(5)  # the bank asks the server about a token, and believes an answer that long
    for url in examination.resources:
        judging.check_status(conversation.call(url))


@examines("ensure-token-endpoint-fails-with-expired-auth-code")
def test_ensure_token_endpoint_fails_with_expired_auth_code(examination: Examination) -> None:
    """A code of 62 seconds is dead (FAPI 2.0 SP 5.3.2.1-11)."""
    conversation = examination.begin()
    conversation.get_code()
    examination.wait(62)
    answer = conversation.ask_for_tokens()
    assert answer.status == 400, answer
    judging.check_token_error(answer, "invalid_grant")
