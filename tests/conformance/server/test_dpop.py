"""DPoP at the server: proofs of clocks that differ, and codes that are bound to a key (RFC 9449)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.examiner import judging
from conformance.examiner.keys import Key, decode, encode
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.examination import Examination
    from conformance.examiner.keys import Token

_MISMATCH = ("invalid_request", "invalid_grant", "invalid_dpop_proof")


def _other_thumbprint(key: Key) -> str:
    """Return the key's thumbprint with bits turned, as the suite does."""
    return encode(bytes(octet ^ 0x5A for octet in decode(key.thumbprint)))


@examines("check-dpop-proof-nbf-exp")
def test_check_dpop_proof_nbf_exp(examination: Examination) -> None:
    """A proof may hold nbf and exp (RFC 9449 section 4.2)."""
    conversation = examination.begin()

    def edit(proof: Token) -> None:
        proof.claims |= {"nbf": examination.now(), "exp": examination.now() + 300}

    conversation.edit_proof = edit
    conversation.completed()


@examines("ensure-dpopproof-with-iat-10seconds-before-succeeds")
def test_ensure_dpopproof_with_iat_10seconds_before_succeeds(examination: Examination) -> None:
    """A client whose clock is ten seconds late is heard, at every endpoint."""
    _complete_with_clock(examination, -10)


@examines("ensure-dpopproof-with-iat-10seconds-after-succeeds")
def test_ensure_dpopproof_with_iat_10seconds_after_succeeds(examination: Examination) -> None:
    """A client whose clock is ahead is heard, at every endpoint: eight seconds, as the suite sends them, and ten."""
    _complete_with_clock(examination, 8)
    _complete_with_clock(examination, 10)


def _complete_with_clock(examination: Examination, seconds: int) -> None:
    conversation = examination.begin()
    conversation.proves_at_par = True

    def edit(proof: Token) -> None:
        proof.claims["iat"] += seconds

    conversation.edit_proof = edit
    conversation.completed()


@examines("ensure-mismatched-dpop-jkt-fails")
def test_ensure_mismatched_dpop_jkt_fails(examination: Examination) -> None:
    """A dpop_jkt that is not that of the proof beside it is refused (RFC 9449 section 10.1)."""
    conversation = examination.begin()
    conversation.proves_at_par = True
    conversation.request["dpop_jkt"] = _other_thumbprint(conversation.proof_key)
    judging.check_pushed_error(conversation.push(), "invalid_request", "invalid_dpop_proof")


@examines("ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt")
def test_ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt(examination: Examination) -> None:
    """A code that was bound by a proof is worth nothing with another key."""
    conversation = examination.begin()
    conversation.proves_at_par = True
    conversation.get_code()
    conversation.proof_key = Key.make()
    judging.check_token_error(conversation.ask_for_tokens(), *_MISMATCH)


@examines("ensure-token-endpoint-fails-with-mismatched-dpop-jkt")
def test_ensure_token_endpoint_fails_with_mismatched_dpop_jkt(examination: Examination) -> None:
    """A code that was bound by dpop_jkt is worth nothing with another key."""
    conversation = examination.begin()
    conversation.request["dpop_jkt"] = _other_thumbprint(conversation.proof_key)
    conversation.get_code()
    judging.check_token_error(conversation.ask_for_tokens(), *_MISMATCH)


@examines("ensure-dpopproof-at-par-endpoint-binding-success")
def test_ensure_dpopproof_at_par_endpoint_binding_success(examination: Examination) -> None:
    """A code that was bound by a proof is redeemed with the same key."""
    conversation = examination.begin()
    conversation.proves_at_par = True
    conversation.completed()


@examines("ensure-dpop-auth-code-binding-success")
def test_ensure_dpop_auth_code_binding_success(examination: Examination) -> None:
    """A proof and the dpop_jkt that fits it bind a code together."""
    conversation = examination.begin()
    conversation.proves_at_par = True
    conversation.request["dpop_jkt"] = conversation.proof_key.thumbprint
    conversation.completed()
