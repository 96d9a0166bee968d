"""A Security Event Token, changed in any single way, is refused with the code of RFC 8935 for that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.directory import DIRECTORY, NOW, TestDirectory, new_signer
from trustweft.crypto import jws
from trustweft.protocol.http import HttpRequest
from trustweft.protocol.security_event import (
    MEDIA_TYPE,
    STATUS_CHANGE,
    SecurityEvent,
    StatusChange,
    Verification,
    create_delivery_error,
    create_delivery_response,
    create_verification,
    read_delivery,
    verify_security_event,
)
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

Claims = dict[str, Any]
BANK = "https://bank.example"


def verify(directory: TestDirectory, token: str) -> SecurityEvent:
    """Read a token as a participant does."""
    return verify_security_event(
        token, keys=directory.keys(), issuer=DIRECTORY, audience=BANK, now=NOW, tolerance=60
    )


def refusal(directory: TestDirectory, token: str) -> Reject:
    """Return why a token is refused."""
    with pytest.raises(Reject) as refused:
        verify(directory, token)
    return refused.value


@pytest.fixture
def directory() -> TestDirectory:
    """Return a directory that has just ended a software."""
    directory = TestDirectory()
    directory.say("software:moneyview", "ended", cause="revoked")
    return directory


def resign(directory: TestDirectory, change: Callable[[Claims], object], kind: str = "secevent+jwt") -> str:
    """Return the directory's token with something changed, and signed nevertheless."""
    order = directory.order("software:moneyview", "revoke")
    claims = jws.parse(directory.event(BANK, "software:moneyview", order=order)).unverified_claims()
    change(claims)
    return jws.sign(claims, signer=directory.signer, header={"typ": kind})


def event_of(claims: Claims) -> Claims:
    """Return the event in the claims."""
    event: Claims = claims["events"][STATUS_CHANGE]
    return event


def test_a_status_change_and_its_order_arrive(directory: TestDirectory) -> None:
    """A verified token says which subject counts as what, and brings the order along."""
    order = directory.order("software:moneyview", "revoke")
    event = verify(directory, directory.event(BANK, "software:moneyview", order=order)).event
    assert isinstance(event, StatusChange)
    assert event.status == directory.subjects["software:moneyview"]
    assert (event.order, event.order_token is not None) == ("order-1", True)
    alone = verify(directory, directory.event(BANK, "software:moneyview")).event
    assert isinstance(alone, StatusChange)
    assert (alone.order, alone.order_token) == (None, None)


def test_a_verification_event_says_its_state(directory: TestDirectory) -> None:
    """The verification event of the Shared Signals Framework arrives with its state."""
    token = create_verification(
        directory.signer, issuer=DIRECTORY, audience=BANK, jti="v1", now=NOW, state="abc"
    )
    assert verify(directory, token).event == Verification(state="abc")


@pytest.mark.parametrize(
    ("change", "reason", "code"),
    [
        (lambda claims: claims.update(iss="https://evil.example"), "issuer", "invalid_issuer"),
        (lambda claims: claims.update(aud="https://other.example"), "audience", "invalid_audience"),
        (lambda claims: claims.pop("aud"), "audience", "invalid_audience"),
        (lambda claims: claims.update(iat=NOW + 61), "from-future", "invalid_request"),
        (lambda claims: claims.pop("iat"), "malformed", "invalid_request"),
        (lambda claims: claims.pop("jti"), "identifier", "invalid_request"),
        (lambda claims: claims.update(jti="a b"), "identifier", "invalid_request"),
        (lambda claims: claims.update(events={}), "unknown-event", "invalid_request"),
        (lambda claims: claims["events"].update(x={}), "unknown-event", "invalid_request"),
        (lambda claims: claims.update(events={"x": {}}), "unknown-event", "invalid_request"),
        (lambda claims: claims.update(events={STATUS_CHANGE: 1}), "bad-event", "invalid_request"),
        (lambda claims: event_of(claims).update(subject="robot:x"), "bad-event", "invalid_request"),
        (lambda claims: event_of(claims).update(effect="gone"), "bad-event", "invalid_request"),
        (lambda claims: event_of(claims).update(revision="1"), "bad-event", "invalid_request"),
        (lambda claims: event_of(claims).update(order="a b"), "bad-event", "invalid_request"),
        (lambda claims: event_of(claims).pop("order"), "bad-event", "invalid_request"),
        (lambda claims: claims.pop("order"), "bad-event", "invalid_request"),
        (lambda claims: claims.update(order=1), "bad-event", "invalid_request"),
    ],
)
def test_a_changed_token_is_refused(
    directory: TestDirectory, change: Callable[[Claims], object], reason: str, code: str
) -> None:
    """A token that is signed, but wrong in one way, is refused with the reason and the code for that."""
    refused = refusal(directory, resign(directory, change))
    assert (refused.reason.id, refused.reason.error) == (f"security-event.{reason}", code)


def test_a_token_of_another_kind_or_key_is_refused(directory: TestDirectory) -> None:
    """Another token of the directory is no event; neither a forged one nor one by a removed key is believed."""
    token = directory.event(BANK, "software:moneyview")
    assert (
        refusal(directory, resign(directory, lambda _: None, "jwt")).reason.id == "security-event.wrong-type"
    )
    assert refusal(directory, "no token").reason.id == "security-event.malformed"
    directory.signer = new_signer("d1")
    assert refusal(directory, token).reason.error == "authentication_failed"
    directory.signer = new_signer("d2")
    assert refusal(directory, token).reason.error == "invalid_key"


def test_a_delivery_is_a_post_of_one_token() -> None:
    """The body is the token, its media type is the one of RFC 8935, and the answers are as section 2 has them."""
    headers = (("content-type", MEDIA_TYPE),)
    assert read_delivery(HttpRequest("POST", "/", headers=headers, body=b"a.b.c")) == "a.b.c"
    with pytest.raises(Reject, match=r"security-event\.malformed"):
        read_delivery(HttpRequest("POST", "/", headers=headers, body=b"\xff"))
    with pytest.raises(Reject, match=r"security-event\.media-type") as refused:
        read_delivery(HttpRequest("POST", "/", body=b"a.b.c"))
    assert (create_delivery_response().status, create_delivery_response().body) == (202, b"")
    answer = create_delivery_error(refused.value)
    assert (answer.status, json.loads(answer.body)["err"]) == (400, "invalid_request")
