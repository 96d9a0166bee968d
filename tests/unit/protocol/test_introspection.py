"""RFC 7662 introspection: what is told about a token, and one good answer, every single mutation refused.

The numbers in the names are those of the list in the module's text.
"""

from __future__ import annotations

import pytest

from trustweft.protocol.access_token import AccessToken, Confirmation
from trustweft.protocol.introspection import (
    IntrospectionQuery,
    create_request,
    create_response,
    read_request,
    read_response,
)
from trustweft.protocol.oauth import Form
from trustweft.runtime.errors import Reject

ISSUER = "https://as.example"
AUDIENCE = "https://bank.example"
NOW = 1_800_000_000.0
JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
CLAIMS: dict[str, object] = {
    "iss": ISSUER,
    "sub": "sub.x",
    "aud": AUDIENCE,
    "client_id": "moneyview",
    "scope": "accounts",
    "iat": int(NOW),
    "exp": int(NOW) + 300,
    "jti": "jti-1",
    "cnf": {"jkt": JKT},
    "grant_id": "grant-1",
}
TOKEN = AccessToken(
    issuer=ISSUER,
    subject="sub.x",
    audience=(AUDIENCE,),
    client_id="moneyview",
    scope=("accounts",),
    issued_at=NOW,
    expires_at=NOW + 300,
    jti="jti-1",
    confirmation=Confirmation(jkt=JKT, certificate_thumbprint=None),
    grant_id="grant-1",
    auth_time=None,
    acr=None,
    claims={**CLAIMS, "private": "not told"},
)
GOOD = create_response(TOKEN)


def read(document: dict[str, object], *, now: float = NOW) -> AccessToken:
    return read_response(document, issuer=ISSUER, audience=AUDIENCE, now=now, future_tolerance=30.0)


def refusal(*, now: float = NOW, **changes: object) -> str:
    document = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    with pytest.raises(Reject) as caught:
        read(document, now=now)
    assert (caught.value.reason.error, caught.value.reason.status) == ("invalid_token", 401)
    return caught.value.reason.id


def test_a_request_is_read_as_it_was_made() -> None:
    """The token and the hint arrive."""
    form = Form(create_request("a.b.c").items())
    assert read_request(form) == IntrospectionQuery(token="a.b.c", hint="access_token")


@pytest.mark.parametrize(
    ("hint", "expected"), [("refresh_token", "refresh_token"), ("id_token", None), ("", None)]
)
def test_an_unknown_hint_is_ignored(hint: str, expected: str | None) -> None:
    """Section 2.1: the hint only helps."""
    form = Form([("token", "x"), ("token_type_hint", hint), ("other", "y")])
    assert read_request(form) == IntrospectionQuery(token="x", hint=expected)


@pytest.mark.parametrize(
    "pairs", [[], [("token", "")], [("Token", "x")], [("token", "x" * 20_000)]], ids=lambda p: repr(p)[:30]
)
def test_a_request_without_token_is_refused(pairs: list[tuple[str, str]]) -> None:
    """Section 2.1 requires it; it has a bounded length."""
    with pytest.raises(Reject) as caught:
        read_request(Form(pairs))
    assert caught.value.reason.id == "introspection.missing-token"


def test_two_tokens_are_refused() -> None:
    """Nobody chooses between two."""
    with pytest.raises(Reject) as caught:
        read_request(Form([("token", "x"), ("token", "y")]))
    assert caught.value.reason.id == "form.repeated-parameter"


def test_a_query_does_not_print_its_token() -> None:
    """Logs never hold a token."""
    assert "a.b.c" not in repr(IntrospectionQuery(token="a.b.c", hint=None))


def test_an_active_token_is_described() -> None:
    """Section 2.2 and RFC 9449 section 6.2; what is not meant for resource servers is left out."""
    assert GOOD == {"active": True, "token_type": "DPoP", **CLAIMS}


def test_a_token_bound_to_a_certificate_is_a_bearer_token_by_type() -> None:
    """RFC 8705 section 3: the type stays Bearer."""
    certified = AccessToken(
        **{
            **{name: getattr(TOKEN, name) for name in TOKEN.__struct_fields__},
            "confirmation": Confirmation(jkt=None, certificate_thumbprint=JKT),
        }
    )
    assert create_response(certified)["token_type"] == "Bearer"


def test_nothing_is_told_of_an_inactive_token() -> None:
    """Section 2.2: not even why."""
    assert create_response(None) == {"active": False}


def test_an_answer_gives_the_token_that_a_guard_would_have_verified() -> None:
    """Either way the guard gets the same value, but for what was not told."""
    read_token = read(GOOD)
    assert read_token.claims == GOOD
    for name in set(TOKEN.__struct_fields__) - {"claims"}:
        assert getattr(read_token, name) == getattr(TOKEN, name)


def test_members_that_may_be_left_out() -> None:
    """An opaque token of another server may have no identifier and no date of issue; the issuer is the asked one."""
    bare = {
        name: value for name, value in GOOD.items() if name not in {"iss", "iat", "jti", "scope", "grant_id"}
    }
    read_token = read({**bare, "aud": ["https://other", AUDIENCE]})
    assert (read_token.issuer, read_token.issued_at, read_token.jti) == (ISSUER, None, "")
    assert (read_token.scope, read_token.grant_id) == ((), None)
    assert read_token.audience == ("https://other", AUDIENCE)


def test_the_example_of_rfc_9449_names_no_audience_and_is_refused() -> None:
    """Section 6.2; our choice: an answer that does not say for whom is not for us."""
    document: dict[str, object] = {
        "active": True,
        "sub": "someone@example.com",
        "iss": "https://server.example.com",
        "nbf": 1562262611,
        "exp": 1562266216,
        "cnf": {"jkt": JKT},
    }
    arguments = {"issuer": "https://server.example.com", "audience": AUDIENCE}
    with pytest.raises(Reject) as caught:
        read_response(document, **arguments, now=1562262700.0, future_tolerance=30.0)
    assert caught.value.reason.id == "introspection.audience"
    document |= {"aud": AUDIENCE, "client_id": "s6BhdRkqt3"}
    assert read_response(document, **arguments, now=1562262700.0, future_tolerance=30.0).jkt == JKT


@pytest.mark.parametrize("active", [..., None, False, 1, "true", [True]], ids=repr)
def test_1_an_inactive_token_is_refused(active: object) -> None:
    """Nothing but true is true."""
    assert refusal(active=active) == "introspection.inactive"


@pytest.mark.parametrize("issuer", [None, "", ISSUER + "/", [ISSUER]], ids=repr)
def test_2_another_issuer_is_refused(issuer: object) -> None:
    """If the answer names an issuer, it is the one that was asked."""
    assert refusal(iss=issuer) == "introspection.issuer"


@pytest.mark.parametrize(
    "audience", [..., None, "", [], AUDIENCE + "/", ["https://other"], [AUDIENCE, 1]], ids=repr
)
def test_3_another_audience_is_refused(audience: object) -> None:
    """A token for another resource server is not for this one."""
    assert refusal(aud=audience) == "introspection.audience"


@pytest.mark.parametrize("expiry", [..., None, True, "1900000000", NOW, NOW - 1], ids=repr)
def test_4_an_expired_token_is_refused(expiry: object) -> None:
    """The server's word that it is active does not make it live longer."""
    assert refusal(exp=expiry) == "introspection.expired"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize("ahead", [0, 10, 30, 31, 61])
def test_5_the_future_is_tolerated_up_to_a_bound(claim: str, ahead: int) -> None:
    """The same window as for signed tokens."""
    if ahead <= 30:
        assert read({**GOOD, claim: NOW + ahead}).jti == "jti-1"
    else:
        assert refusal(**{claim: NOW + ahead}) == "introspection.future"


@pytest.mark.parametrize("changes", [{"iat": "1"}, {"iat": None}, {"nbf": True}], ids=repr)
def test_5_a_time_of_another_type_is_refused(changes: dict[str, object]) -> None:
    """What is there must be readable."""
    assert refusal(now=NOW, **changes) == "introspection.future"


@pytest.mark.parametrize(
    "changes",
    [{"sub": ...}, {"sub": ""}, {"client_id": ...}, {"client_id": 1}, {"jti": 1}, {"jti": None}, {"grant_id": []},
     {"acr": 1}, {"auth_time": "1"}],
    ids=repr,
)  # fmt: skip
def test_6_a_member_of_another_type_is_refused(changes: dict[str, object]) -> None:
    """Who and for whom are required here; the rest is readable or absent."""
    assert refusal(now=NOW, **changes) == "introspection.claims"


@pytest.mark.parametrize("confirmation", [..., None, {}, {"jkt": "short"}, JKT], ids=repr)
def test_7_a_token_that_is_not_bound_is_refused(confirmation: object) -> None:
    """A bearer token is worthless here."""
    assert refusal(cnf=confirmation) == "introspection.not-bound"


@pytest.mark.parametrize("scope", [None, 1, ["a"], "a  b"], ids=repr)
def test_8_a_malformed_scope_is_refused(scope: object) -> None:
    """RFC 6749 section 3.3 says what a scope looks like."""
    assert refusal(scope=scope) == "introspection.claims"
