"""Headers that say where a key is: never written, never followed (FAPI 2.0 SP section 5.4.2 item 2, RFC 8725 3.10)."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from trustweft.crypto import jws
from trustweft.crypto.keys import KeySet, LocalSigner, generate_private_key, public_jwk
from trustweft.protocol.access_token import Confirmation, NewAccessToken, create_access_token
from trustweft.protocol.client_assertion import (
    ASSERTION_TYPE,
    create_client_assertion,
    parse_client_assertion,
    verify_client_assertion,
)
from trustweft.protocol.dpop import create_proof
from trustweft.protocol.oidc import NewIdToken, create_id_token
from trustweft.runtime.encoding import decode_base64url
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_800_000_000.0
ISSUER = "https://server.example"
OURS = LocalSigner("ES256", generate_private_key("ES256"), "key-1")
STRANGER = LocalSigner("ES256", generate_private_key("ES256"), "key-1")
KEYS = KeySet.read({"keys": [{**public_jwk(OURS.public_key), "kid": "key-1"}]})
POINTERS = ("jku", "x5u")

MADE: dict[str, Callable[[], str]] = {
    "access token": lambda: create_access_token(
        NewAccessToken(
            issuer=ISSUER,
            subject="sub.alice",
            audience=("https://bank.example",),
            client_id="moneyview",
            scope=("accounts",),
            issued_at=NOW,
            expires_at=NOW + 300,
            jti="token-1",
            confirmation=Confirmation(jkt="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
        ),
        signer=OURS,
    ),
    "ID token": lambda: create_id_token(
        NewIdToken(
            issuer=ISSUER, subject="sub.alice", client_id="moneyview", issued_at=NOW, expires_at=NOW + 300
        ),
        signer=OURS,
    ),
    "client assertion": lambda: create_client_assertion(
        OURS, client_id="moneyview", issuer=ISSUER, now=NOW, lifetime=60, jti="assertion-1"
    ),
    "DPoP proof": lambda: create_proof(OURS, method="GET", url=ISSUER, now=NOW, jti="proof-1"),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_we_sign_points_nowhere(make: Callable[[], str]) -> None:
    """Whoever verifies it has the key, from where our metadata or registration says."""
    header = json.loads(decode_base64url(make().partition(".")[0]))
    assert not {*POINTERS, "x5c"} & set(header)


def _assertion(signer: LocalSigner, pointer: str) -> str:
    good = jws.parse(MADE["client assertion"]())
    address = "https://evil.example/keys"
    return jws.sign(good.unverified_claims(), signer=signer, header={pointer: address})


def _verify(assertion: str) -> None:
    verify_client_assertion(
        parse_client_assertion(assertion_type=ASSERTION_TYPE, assertion=assertion),
        client_id="moneyview",
        keys=KEYS,
        algorithm="ES256",
        issuer=ISSUER,
        now=NOW,
        future_tolerance=30,
        maximum_lifetime=300,
    )


@pytest.mark.parametrize("pointer", POINTERS)
def test_a_pointer_in_a_header_changes_nothing(pointer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registered key verifies, as without it; nobody is asked for another one."""
    monkeypatch.setattr(socket, "socket", None)  # whoever connected to anybody would fail
    _verify(_assertion(OURS, pointer))


@pytest.mark.parametrize("pointer", POINTERS)
def test_a_key_that_a_header_points_to_is_not_believed(pointer: str) -> None:
    """A stranger who publishes a key, and says in the token where, is a stranger."""
    with pytest.raises(Reject) as refused:
        _verify(_assertion(STRANGER, pointer))
    assert refused.value.reason.id == "client-assertion.bad-signature"
