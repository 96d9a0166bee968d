"""Requests to be registered: JSON, or signed with the software's key; each change to the latter is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mutations import Message, Mutation, change, change_header, drop, sign_with
from support.client_hosts import jwk_of
from trustweft.crypto import jws
from trustweft.crypto.keys import KeySet, LocalSigner, generate_private_key, thumbprint
from trustweft.protocol.registration_request import (
    SignedRequest,
    create_signed_request,
    read_registration_request,
    verify_signed_request,
)
from trustweft.runtime.errors import Reject

NOW = 1_800_000_000.0
ISSUER = "https://as.example"
SIGNER = LocalSigner("ES256", generate_private_key("ES256"), "planner")
STRANGER = LocalSigner("ES256", generate_private_key("ES256"), "planner")
STATEMENT = jws.sign(
    {"iss": "https://directory.example"}, signer=SIGNER, header={"typ": "software-statement+jwt"}
)


def signed() -> str:
    """Return the good request."""
    return create_signed_request(
        {"scope": "openid"},
        software_statement=STATEMENT,
        software_id="planner",
        issuer=ISSUER,
        signer=SIGNER,
        now=NOW,
        lifetime=60,
        jti="1",
    )


def message() -> Message:
    """Return the good request, not signed yet."""
    token = jws.parse(signed())
    return Message(dict(token.header), token.unverified_claims(), SIGNER)


def verify(compact: str, **changes: Any) -> SignedRequest:
    """Read and verify as a server does."""
    request = read_registration_request(compact.encode(), content_type="application/jwt")
    assert request.token is not None
    how: dict[str, Any] = {
        "software_id": "planner",
        "keys": KeySet.read({"keys": [jwk_of(SIGNER)]}),
        "issuer": ISSUER,
        "algorithms": ("ES256", "PS256"),
        "now": NOW,
        "future_tolerance": 30,
        "maximum_lifetime": 300,
    }
    return verify_signed_request(request.token, **(how | changes))


def test_a_request_is_read_in_both_forms() -> None:
    """What belongs to the envelope is no metadata; JSON has no envelope."""
    document = {"scope": "openid", "software_statement": STATEMENT}
    plain = read_registration_request(msgspec.json.encode(document), content_type="application/json")
    assert (plain.document, plain.statement.compact, plain.token) == ({"scope": "openid"}, STATEMENT, None)
    for kind in ("application/jwt", "application/jose", "Application/JWT"):
        read = read_registration_request(signed().encode(), content_type=kind)
        assert (read.document, read.statement.compact) == ({"scope": "openid"}, STATEMENT)
    assert verify(signed()) == SignedRequest(
        software_id="planner", jti="1", expires_at=NOW + 90, key_thumbprint=thumbprint(SIGNER.public_key)
    )


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"{}", None, "registration.content-type"),
        (b"{}", "application/x-www-form-urlencoded", "registration.content-type"),
        (b"{}", "application/json; charset=latin-1", "registration.content-type"),
        (b"[]", "application/json", "registration.malformed"),
        (b'{"a":1,"a":2}', "application/json", "registration.malformed"),
        (b"{" + b" " * 70_000 + b"}", "application/json", "registration.malformed"),
        (b"\xff", "application/jwt", "registration.malformed"),
        (b"a.b.c", "application/jwt", "registration.malformed"),
        (b"{}", "application/json", "registration.no-statement"),
        (b'{"software_statement": 5}', "application/json", "registration.no-statement"),
        (b'{"software_statement": "x"}', "application/json", "software-statement.malformed"),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, kind: str | None, reason: str) -> None:
    """By its type, its shape, or for want of a statement."""
    with pytest.raises(Reject) as refused:
        read_registration_request(body, content_type=kind)
    assert refused.value.reason.id == reason


@pytest.mark.parametrize(
    "mutation",
    [
        change_header("registration.malformed", typ="dpop+jwt"),
        change_header("registration.malformed", typ=5),
        change_header("registration.algorithm", alg="none"),
        change_header("registration.no-key", kid="other"),
        sign_with("registration.bad-signature", STRANGER),
        change("registration.other-software", iss="planner-2"),
        drop("registration.other-software", "iss"),
        change("registration.audience", aud="https://other.example"),
        change("registration.audience", aud=[ISSUER]),
        drop("registration.bad-time", "exp"),
        change("registration.bad-time", iat="now"),
        change("registration.request-expired", exp=NOW),
        change("registration.request-expired", exp=NOW + 331),
        change("registration.from-future", iat=NOW + 31),
        drop("registration.bad-jti", "jti"),
        change("registration.bad-jti", jti=""),
        change("registration.bad-jti", jti="x" * 257),
    ],
    ids=str,
)
def test_a_request_changed_in_one_way_is_refused(mutation: Mutation) -> None:
    """Each for what is wrong with it."""
    with pytest.raises(Reject) as refused:
        verify(mutation.apply(message()))
    assert refused.value.reason.id == mutation.expected


def test_an_algorithm_that_the_profile_leaves_out_is_refused() -> None:
    """Also where the key would fit."""
    with pytest.raises(Reject, match=r"registration\.algorithm"):
        verify(signed(), algorithms=("PS256",))


def test_software_does_not_use_up_the_identifiers_of_others() -> None:
    """What is remembered names the software too."""
    one, other = (
        SignedRequest(software_id=name, jti="1", expires_at=0.0, key_thumbprint="k") for name in ("a", "b")
    )
    assert one.replay_key != other.replay_key
