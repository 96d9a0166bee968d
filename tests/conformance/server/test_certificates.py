"""Mutual TLS beyond what the suite tries: whose certificate it must be, at the server and at resources (RFC 8705)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.examiner import judging
from conformance.examiner.certificates import CertificateAuthority
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.certificates import ClientCertificate
    from conformance.examiner.examination import Examination
    from conformance.examiner.parties import Party


@examines("tokens-are-bound-to-certificates")
def test_tokens_are_bound_to_certificates(examination: Examination) -> None:
    """A token that a certificate binds opens nothing with another one, with none, or with a proof instead."""
    conversation = examination.begin()
    conversation.completed()
    authorization = ("Authorization", f"Bearer {conversation.access_token}")
    other = _with_certificate(
        examination.first, CertificateAuthority.self_signed(examination.first.client_id)
    )
    for url in examination.resources:
        for wire in (examination.wire, examination.subject.wire(other)):
            judging.check_status(wire.get(url, (authorization,)), {401})
        proof = conversation.proof("GET", url, access_token=conversation.access_token)
        proven = (("Authorization", f"DPoP {conversation.access_token}"), ("DPoP", proof))
        judging.check_status(examination.wire.get(url, proven), {400, 401})
    conversation.used()


@examines("certificates-authenticate-their-client-alone")
def test_certificates_authenticate_their_client_alone(examination: Examination) -> None:
    """A client's name with another's certificate, a look-alike, or none, is nobody, wherever clients authenticate."""
    first, second = examination.first, examination.second
    own, issue = CertificateAuthority, examination.subject.issue_certificate
    for pretender in (
        _with_certificate(first, second.certificate),
        _with_certificate(first, own.self_signed(first.client_id)),
        _with_certificate(
            first, own().issue(first.client_id)
        ),  # of an authority that the server does not know
        _with_certificate(first, issue(second.client_id)),
        _with_certificate(first, None),
        _with_certificate(second, first.certificate),
        _with_certificate(second, own.self_signed(second.client_id)),
        _with_certificate(second, issue(second.client_id)),
    ):
        conversation = examination.begin(pretender)
        judging.check_pushed_error(conversation.push(), "invalid_client")
        form = {"grant_type": "client_credentials", "scope": "accounts"}
        judging.check_token_error(conversation.ask_for_tokens(form), "invalid_client")
        for endpoint in ("revocation", "introspection"):
            judging.check_token_error(conversation.post(endpoint, {"token": "any"}), "invalid_client")
    examination.begin().completed()
    examination.begin(second).completed()


def _with_certificate(party: Party, certificate: ClientCertificate | None) -> Party:
    return replace(party, certificate=certificate)
