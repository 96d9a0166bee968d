"""Using the token: at the bank, at the userinfo endpoint, and what the bank learns about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from trustweft.cli.tour.attempts import expect_careful_endpoint, expect_no_replay
from trustweft.cli.tour.wire import Draft
from trustweft.protocol.bearer import Scheme, create_authorization

if TYPE_CHECKING:
    from trustweft.cli.tour.context import Tour
    from trustweft.cli.tour.recording import Step

_HEADER: Final = ("FAPI2-SP-5.3.4-1",)
_QUERY: Final = ("FAPI2-SP-5.3.4-2",)
_VALIDITY: Final = ("FAPI2-SP-5.3.4-3",)
_SCOPE: Final = ("FAPI2-SP-5.3.4-4",)
_BINDING: Final = ("FAPI2-SP-5.3.4-5", "FAPI2-SP-5.3.4-5.2")
_NONCE: Final = ("FAPI2-SP-6.2-1",)
_REPLAY: Final = ("FAPI2-SP-6.2-2",)


def call_bank(tour: Tour, step: Step) -> None:
    """Read the accounts; a token alone, or a proof alone, opens nothing."""
    url, token = f"{tour.bank}/accounts", tour.flow.access_token
    step.expect_refused(
        "A call that can be read as another one",
        tour.call(f"{tour.bank}//accounts", token),
        "guard.ambiguous-path",
    )
    _expect_strict_resource(tour, step, url)
    step.expect_refused(
        "A token with one letter of its signature changed",
        tour.call(url, _tampered(token)),
        "access-token.bad-signature",
        clauses=_VALIDITY,
    )
    step.expect_refused(
        "A payment, which nobody allowed",
        tour.call(f"{tour.bank}/payments", token, method="POST"),
        "bearer.insufficient-scope",
        clauses=_SCOPE,
    )
    sent = tour.call(url, token)
    capture = step.send(sent, status=200)
    step.expect("the accounts come", holds="accounts" in capture.document())
    step.expect_refused("The same call again", sent, "dpop.replayed", clauses=_REPLAY)


def read_userinfo(tour: Tour, step: Step) -> None:
    """Ask who the person is (OpenID Connect Core section 5.3)."""
    url = tour.metadata.userinfo_endpoint or f"{tour.issuer}/userinfo"
    _expect_strict_resource(tour, step, url)
    step.expect_refused(
        "The same with DELETE",
        tour.call(url, tour.flow.access_token, method="DELETE"),
        "http.method-not-allowed",
    )
    sent = tour.call(url, tour.flow.access_token)
    found = step.send(sent, status=200).document()
    step.expect("the name is told, as the scope asks", holds=found.get("name") == tour.person.name)
    step.expect("the email address is not, since the scope does not", holds="email" not in found)
    step.expect_refused("The same call again", sent, "dpop.replayed", clauses=_REPLAY)


def _expect_strict_resource(tour: Tour, step: Step, url: str) -> None:
    token = tour.flow.access_token
    step.expect_refused("No token", Draft(method="GET", url=url), "bearer.missing", clauses=_HEADER)
    step.expect_refused(
        "The token in the address",
        Draft(method="GET", url=f"{url}?access_token={token}"),
        "bearer.in-query",
        clauses=_QUERY,
    )
    stolen = Draft(method="GET", url=url, headers=(create_authorization(token, scheme=Scheme.BEARER),))
    step.expect_refused("A stolen token as a bearer token", stolen, "bearer.bound", clauses=_BINDING)
    step.expect_refused(
        "A stolen token without a proof",
        tour.call(url, token).with_header("dpop", None),
        "dpop.missing",
        clauses=_BINDING,
    )
    step.expect_refused(
        "A stolen token with a proof of the thief's key",
        tour.call(url, token, signer=tour.client.other_signer),
        "dpop.key-mismatch",
        clauses=_BINDING,
    )
    step.expect_refused(
        "A proof without the server's nonce",
        tour.call(url, token, use_nonce=False),
        "dpop.nonce-required",
        clauses=_NONCE,
    )
    elsewhere = replace(tour.call(f"{url}/other", token), url=url)
    step.expect_refused(
        "A proof that was made for another address", elsewhere, "dpop.htu-mismatch", clauses=_BINDING
    )


def introspect_token(tour: Tour, step: Step) -> None:
    """Ask about a token as the bank does (RFC 7662)."""
    url = tour.metadata.introspection_endpoint or f"{tour.issuer}/introspect"
    bank = tour.resource_server
    draft = tour.form_request(url, ("token", tour.flow.access_token), party=bank, proof=False)
    expect_careful_endpoint(step, tour, draft, party=bank)
    step.expect_refused(
        "A client that asks about tokens",
        tour.form_request(url, ("token", tour.flow.access_token), proof=False),
        "introspection.not-a-resource-server",
    )
    sent = tour.with_fresh_assertion(draft, party=bank)
    found = step.send(sent, status=200).document()
    step.expect("the token is active", holds=found.get("active") is True)
    step.expect("the answer says whose it is", holds=found.get("client_id") == tour.client.client_id)
    expect_no_replay(step, tour, sent, party=bank, proof=False)
    other = tour.form_request(url, ("token", tour.narrow_token), party=bank, proof=False)
    step.expect(
        "of a token for somebody else the bank learns nothing",
        holds=step.send_aside(other, status=200).document() == {"active": False},
    )


def _tampered(token: str) -> str:
    """Change a letter in the middle of the signature: its last one may hold bits that mean nothing."""
    at = token.rindex(".") + 10
    return f"{token[:at]}{'A' if token[at] != 'A' else 'B'}{token[at + 1 :]}"
