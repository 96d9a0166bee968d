"""What a client sends is its own: nothing of another client's credentials stays in a request that it makes its own."""

from __future__ import annotations

import pytest

from trustweft.audit.exchange import Request, form_request
from trustweft.audit.parties import Party, basic, unauthenticated
from trustweft.audit.target import Authentication, ClientEntry
from trustweft.crypto.keys import generate_private_key
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy
from unit.audit.samples import exchange

METHODS: tuple[Authentication, ...] = (
    "private_key_jwt",
    "client_secret_basic",
    "client_secret_post",
    "tls_client_auth",
    "none",
)


def party(method: Authentication, name: str) -> Party:
    """Return a client that authenticates so."""
    return Party(
        entry=ClientEntry(client_id=name, authentication=method, secret=f"secret-of-{name}"),
        issuer="https://login.example",
        clock=SystemClock(),
        entropy=SystemEntropy(),
        key=generate_private_key("ES256"),
        certificate=name if method == "tls_client_auth" else None,
    )


def credentials(request: Request) -> dict[str, object]:
    """Return what of a request authenticates a client."""
    names = ("client_secret", "client_assertion", "client_assertion_type")
    return {
        **{name: request.parameter(name) for name in names if request.parameter(name)},
        **({"header": request.header("authorization")} if request.header("authorization") else {}),
        **({"certificate": request.certificate} if request.certificate else {}),
    }


@pytest.mark.parametrize("stranger", METHODS)
@pytest.mark.parametrize("owner", METHODS)
def test_a_stranger_keeps_nothing_of_the_owners(owner: Authentication, stranger: Authentication) -> None:
    asked = form_request("https://login.example/token", ("code", "c"))
    other = party(stranger, "stranger")
    owned = party(owner, "owner").authenticate(asked)
    stolen = other.authenticate(unauthenticated(owned, party(owner, "owner")))
    assert set(credentials(stolen)) == set(credentials(other.authenticate(asked)))
    assert "owner" not in repr(stolen)
    assert basic("owner", "secret-of-owner") not in repr(stolen)


@pytest.mark.parametrize("owner", METHODS)
def test_without_authentication_nothing_of_it_is_left(owner: Authentication) -> None:
    asked = form_request("https://login.example/token", ("code", "c"))
    bare = unauthenticated(party(owner, "owner").authenticate(asked), party(owner, "owner"))
    assert credentials(bare) == {}
    assert bare.parameter("client_id") is None


@pytest.mark.parametrize(
    ("body", "ok"),
    [
        (b'{"error": "invalid_token"}', False),
        (b'{"error": {"code": 401}}', False),
        (b'{"errors": [{"message": "no"}]}', False),
        (b'{"success": false}', False),
        (b'{"status": "error", "message": "no"}', False),
        (b'{"error": null, "data": {"id": 1}}', True),
        (b'{"errors": [], "id": 1}', True),
        (b'{"status": "failed", "payment": 7}', True),
        (b'{"id": "pay-1", "iban": "DE1", "status": "error"}', True),
        (b'{"id": "pay-2", "success": false, "amount": 120}', True),
        (b'{"data": {"id": 1}, "error": {"code": "ok"}}', True),
        (b'{"success": false, "message": "no", "errors": ["no"]}', False),
        (b"<html>error</html>", True),
    ],
)
def test_an_error_is_none_the_less_one_with_status_200(body: bytes, *, ok: bool) -> None:
    answer = exchange(body=body)
    assert answer.ok is ok
    assert answer.refused is not ok
