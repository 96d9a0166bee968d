"""Properties: a single change to a signed token never verifies, and no input makes a reader crash."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from effort import effort
from trustweft.crypto import jws
from trustweft.crypto.keys import KeySet, LocalSigner, VerificationKey, generate_private_key, public_jwk
from trustweft.protocol.access_token import (
    Confirmation,
    NewAccessToken,
    create_access_token,
    verify_access_token,
)
from trustweft.protocol.bearer import create_authorization, read_challenges, read_presented_token
from trustweft.protocol.http import HttpRequest
from trustweft.protocol.introspection import create_response, read_response
from trustweft.protocol.metadata import ServerDescription, create_server_metadata, read_server_metadata
from trustweft.protocol.oidc import ExpectedIdToken, NewIdToken, create_id_token, verify_id_token
from trustweft.protocol.registration import read_client_metadata
from trustweft.protocol.resource_metadata import (
    ResourceDescription,
    create_resource_metadata,
    read_resource_metadata,
)
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

ISSUER = "https://as.example"
AUDIENCE = "https://bank.example"
SUBJECT = "sub.AAAAAAAAAAAAAAAAAAAAAA"
NOW = 1_800_000_000.0
SIGNER = LocalSigner("EdDSA", generate_private_key("EdDSA"), "as-1")
KEYS = KeySet([VerificationKey(SIGNER.public_key, "EdDSA", "as-1")])
EXPECTED = ExpectedIdToken(
    issuer=ISSUER, client_id="moneyview", nonce="nonce", algorithm="EdDSA", access_token="access", max_age=60
)
ACCESS_TOKEN = create_access_token(
    NewAccessToken(
        issuer=ISSUER,
        subject=SUBJECT,
        audience=(AUDIENCE,),
        client_id="moneyview",
        scope=("accounts",),
        issued_at=NOW,
        expires_at=NOW + 300,
        jti="jti-1",
        confirmation=Confirmation(jkt="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
        grant_id="grant-1",
    ),
    signer=SIGNER,
)
ID_TOKEN = create_id_token(
    NewIdToken(
        issuer=ISSUER,
        subject=SUBJECT,
        client_id="moneyview",
        issued_at=NOW,
        expires_at=NOW + 300,
        nonce="nonce",
        auth_time=NOW,
        access_token="access",
    ),
    signer=SIGNER,
)
SERVER = create_server_metadata(
    ServerDescription(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        pushed_authorization_request_endpoint=f"{ISSUER}/par",
        jwks_uri=f"{ISSUER}/jwks",
        scopes=("openid",),
        grant_types=("authorization_code",),
    )
)
RESOURCE = create_resource_metadata(
    ResourceDescription(resource=AUDIENCE, authorization_servers=(ISSUER,), scopes=("accounts",))
)
CLIENT: dict[str, object] = {
    "client_id": "moneyview",
    "client_name": "MoneyView",
    "organization_name": "MoneyView Ltd",
    "application_type": "web",
    "redirect_uris": ["https://moneyview.example/callback"],
    "grant_types": ["authorization_code"],
    "response_types": ["code"],
    "scope": "openid",
    "jwks": {"keys": [public_jwk(generate_private_key("ES256").public_key())]},
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES256",
    "id_token_signed_response_alg": "ES256",
    "dpop_bound_access_tokens": True,
    "resource_server_for": [],
}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        [ISSUER, AUDIENCE, SUBJECT, "moneyview", "nonce", "ES256", "code", "S256", "none", "RS256"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


def verify_access(token: str) -> object:
    return verify_access_token(
        token, keys=KEYS, issuer=ISSUER, audience=AUDIENCE, now=NOW, future_tolerance=30.0
    )


def verify_identity(token: str) -> object:
    return verify_id_token(token, expected=EXPECTED, keys=KEYS, now=NOW, future_tolerance=30.0)


VERIFIERS: list[tuple[str, Callable[[str], object]]] = [
    (ACCESS_TOKEN, verify_access),
    (ID_TOKEN, verify_identity),
]
each_kind = pytest.mark.parametrize(("good", "verify"), VERIFIERS, ids=["access token", "ID token"])


@each_kind
def test_the_good_token_verifies(good: str, verify: Callable[[str], object]) -> None:
    """The mutations below begin with a token that verifies."""
    assert verify(good) is not None


@each_kind
def test_a_token_with_any_one_character_changed_never_verifies(
    good: str, verify: Callable[[str], object]
) -> None:
    """Every character counts, the last bits of the base64url included."""
    for position, character in enumerate(good):
        for other in ("A" if character != "A" else "B", ".", "=", "\n"):
            if other == character:
                continue
            with pytest.raises(Reject):
                verify(good[:position] + other + good[position + 1 :])


@each_kind
def test_a_token_with_any_one_character_dropped_or_doubled_never_verifies(
    good: str, verify: Callable[[str], object]
) -> None:
    """Neither a shorter nor a longer token is the same token."""
    for position in range(len(good)):
        for mutated in (
            good[:position] + good[position + 1 :],
            good[: position + 1] + good[position:],
            good[:position],
        ):
            with pytest.raises(Reject):
                verify(mutated)


# What remains acceptable when a claim has another value: the claims that say nothing about who, whom and when.
FREE = {"scope", "grant_id", "sub", "client_id", "jti", "amr", "acr"}


@each_kind
@given(data=st.data())
@settings(deadline=None, max_examples=effort(40, 1_500))
def test_a_claim_with_another_value_never_verifies(
    good: str, verify: Callable[[str], object], data: st.DataObject
) -> None:
    """Even under a good signature: no claim that is compared takes another value, of whatever type."""
    claims = jws.parse(good).unverified_claims()
    name = data.draw(st.sampled_from(sorted(set(claims) - FREE)))
    value = data.draw(JSON)
    assume(value != claims[name] and value != [claims[name]])
    # An access token may be for other audiences as well; an ID token may not.
    assume(not (verify is verify_access and isinstance(value, list) and claims[name] in value))
    if name in {"iat", "exp", "auth_time"}:  # these are windows: tested at their edges elsewhere
        assume(isinstance(value, bool) or not isinstance(value, (int, float)))
    header = {"typ": jws.parse(good).header["typ"]}
    with pytest.raises(Reject):
        verify(jws.sign({**claims, name: value}, signer=SIGNER, header=header))


@each_kind
def test_a_token_without_any_one_required_claim_never_verifies(
    good: str, verify: Callable[[str], object]
) -> None:
    """Every claim is missed, but for those that the RFCs make optional and nobody asked for."""
    header = {"typ": jws.parse(good).header["typ"]}
    claims = jws.parse(good).unverified_claims()
    for name in set(claims) - {"scope", "grant_id", "at_hash"}:
        rest = {other: value for other, value in claims.items() if other != name}
        with pytest.raises(Reject):
            verify(jws.sign(rest, signer=SIGNER, header=header))


@each_kind
@given(claims=st.dictionaries(st.sampled_from(["iss", "sub", "aud", "exp", "iat", "cnf", "x"]), JSON))
@settings(deadline=None, max_examples=effort(25, 500))
def test_signed_nonsense_is_refused_and_never_crashes(
    good: str, verify: Callable[[str], object], claims: dict[str, object]
) -> None:
    """A signer that went mad gets a refusal, not a server error."""
    with pytest.raises(Reject):
        verify(jws.sign(claims, signer=SIGNER, header={"typ": jws.parse(good).header["typ"]}))


@each_kind
@given(token=st.text(max_size=200) | st.text(alphabet="abcAB_-.=", max_size=200))
@settings(deadline=None, max_examples=effort(25, 1_000))
def test_any_text_is_refused_as_a_token(good: str, verify: Callable[[str], object], token: str) -> None:
    """No text makes a verifier crash."""
    with pytest.raises(Reject):
        verify(token)


def read_server(document: dict[str, object]) -> object:
    return read_server_metadata(document, issuer=ISSUER)


def read_resource(document: dict[str, object]) -> object:
    return read_resource_metadata(document, resource=AUDIENCE)


def read_introspection(document: dict[str, object]) -> object:
    return read_response(document, issuer=ISSUER, audience=AUDIENCE, now=NOW, future_tolerance=30.0)


INTROSPECTION = create_response(
    verify_access_token(
        ACCESS_TOKEN, keys=KEYS, issuer=ISSUER, audience=AUDIENCE, now=NOW, future_tolerance=30.0
    )
)
READERS: list[tuple[dict[str, object], Callable[[dict[str, object]], object]]] = [
    (SERVER, read_server),
    (RESOURCE, read_resource),
    (CLIENT, read_client_metadata),
    (INTROSPECTION, read_introspection),
]
each_document = pytest.mark.parametrize(
    ("good", "read"), READERS, ids=["server", "resource", "client", "introspection"]
)


@each_document
@given(data=st.data())
@settings(deadline=None, max_examples=effort(50, 2_000))
def test_a_document_with_any_one_member_changed_is_read_or_refused(
    good: dict[str, object], read: Callable[[dict[str, object]], object], data: st.DataObject
) -> None:
    """Whatever a member holds, the reader answers with a value or a refusal, never with another exception."""
    assert read(good) is not None
    name = data.draw(st.sampled_from(sorted(good)))
    value = data.draw(JSON)
    try:
        read({**good, name: value})
    except Reject as refusal:
        assert refusal.reason.status in {400, 401, 502}  # noqa: PT017  # either way is right; a crash is not


MUST_NOT_CHANGE = [
    (read_server, SERVER, "issuer"),
    (read_server, SERVER, "authorization_response_iss_parameter_supported"),
    (read_resource, RESOURCE, "resource"),
    (read_client_metadata, CLIENT, "token_endpoint_auth_method"),
    (read_client_metadata, CLIENT, "dpop_bound_access_tokens"),
    (read_client_metadata, CLIENT, "response_types"),
    (read_introspection, INTROSPECTION, "active"),
    (read_introspection, INTROSPECTION, "iss"),
]


@pytest.mark.parametrize(
    ("read", "good", "member"), MUST_NOT_CHANGE, ids=lambda value: value if isinstance(value, str) else ""
)
@given(value=JSON)
@settings(deadline=None, max_examples=effort(25, 500))
def test_the_members_that_decide_take_no_other_value(
    read: Callable[[dict[str, object]], object], good: dict[str, object], member: str, value: object
) -> None:
    """One value is right and every other is refused; 1 is not true."""
    assume(not (value == good[member] and type(value) is type(good[member])))
    with pytest.raises(Reject):
        read({**good, member: value})


@given(document=st.dictionaries(st.text(max_size=10) | st.sampled_from(sorted(CLIENT)), JSON, max_size=8))
@settings(deadline=None, max_examples=effort(25, 1_000))
def test_any_object_is_refused_as_a_document(document: dict[str, object]) -> None:
    """No reader takes nonsense, and none crashes over it."""
    for _, read in READERS:
        with pytest.raises(Reject):
            read(document)


@given(value=st.text(max_size=100) | st.text(alphabet='DPoP Bearer=",\\ab1 \t', max_size=100))
@settings(deadline=None, max_examples=effort(50, 2_000))
def test_any_header_is_read_or_refused(value: str) -> None:
    """Headers from outside never crash a reader."""
    for read in (
        lambda: read_challenges([value, value]),
        lambda: read_presented_token(HttpRequest("GET", "/", headers=(("authorization", value),))),
    ):
        try:
            read()
        except Reject as refusal:
            assert refusal.reason.id.startswith("bearer.")  # noqa: PT017  # either way is right; a crash is not


PAIRS = st.lists(
    st.binary(max_size=12)
    | st.sampled_from(
        [b"access_token=x", b"%61ccess_token", b"access%5ftoken=", b"x=access_token", b"access_token2"]
    ),
    max_size=4,
).map(b"&".join)


def names_a_token(pairs: bytes) -> bool:
    """Say, by another parser than ours, whether a parameter is named access_token."""
    parsed = parse_qsl(pairs.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return any(name == "access_token" for name, _ in parsed)


@given(query=PAIRS, body=PAIRS)
@settings(deadline=None, max_examples=effort(50, 2_000))
def test_a_token_in_query_or_body_is_refused_and_nothing_else_is(query: bytes, body: bytes) -> None:
    """Whatever the octets, the refusal agrees with what another parser finds there."""
    headers = (("authorization", "DPoP abc"), ("content-type", "application/x-www-form-urlencoded"))
    request = HttpRequest("GET", "/", query, headers, body)
    try:
        found = read_presented_token(request).token
    except Reject as refusal:
        found = refusal.reason.id
    if names_a_token(query):
        expected = "bearer.in-query"
    elif names_a_token(body):
        expected = "bearer.in-body"
    else:
        expected = "abc"
    assert found == expected


@given(token=st.text(alphabet="ABCXYZabcxyz0189-._~+/", min_size=1, max_size=200))
@settings(deadline=None, max_examples=effort(25, 500))
def test_a_token_arrives_as_it_was_sent(token: str) -> None:
    """What a client presents, a guard reads."""
    assert (
        read_presented_token(HttpRequest("GET", "/", headers=(create_authorization(token),))).token == token
    )
