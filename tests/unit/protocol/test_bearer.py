"""RFC 6750 and RFC 9449 section 7: presenting tokens in the one way that is allowed, and challenges.

The numbers in the names are those of the list in the module's text.
"""

from __future__ import annotations

import pytest

from trustweft.protocol import bearer
from trustweft.protocol.access_token import AccessToken, Confirmation
from trustweft.protocol.bearer import (
    Challenge,
    PresentedToken,
    Scheme,
    check_scheme,
    check_scope,
    create_authorization,
    create_challenge,
    read_challenges,
    read_presented_token,
)
from trustweft.protocol.http import HttpRequest
from trustweft.runtime.errors import Reason, Reject, all_reasons

TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"  # RFC 9449 section 7.1
JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


def request(
    *authorization: str, query: bytes = b"", body: bytes = b"", content_type: str | None = None
) -> HttpRequest:
    headers = [("authorization", value) for value in authorization]
    if content_type is not None:
        headers.append(("content-type", content_type))
    return HttpRequest("GET", "/accounts", query, tuple(headers), body)


def refusal(refused: HttpRequest) -> tuple[str, int, str]:
    with pytest.raises(Reject) as caught:
        read_presented_token(refused)
    why = caught.value.reason
    return why.id, why.status, why.error


def verified(
    *, jkt: str | None = JKT, certificate: str | None = None, scope: tuple[str, ...] = ()
) -> AccessToken:
    return AccessToken(
        issuer="https://as.example",
        subject="sub.x",
        audience=("https://bank.example",),
        client_id="moneyview",
        scope=scope,
        issued_at=1.0,
        expires_at=2.0,
        jti="j",
        confirmation=Confirmation(jkt=jkt, certificate_thumbprint=certificate),
        grant_id=None,
        auth_time=None,
        acr=None,
        claims={},
    )


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP", "dPoP"])
def test_the_example_of_rfc_9449_is_read_in_any_case(scheme: str) -> None:
    """The scheme is compared without regard to case (RFC 9110 section 11.1)."""
    assert read_presented_token(request(f"{scheme} {TOKEN}")) == PresentedToken(Scheme.DPOP, TOKEN)


def test_the_example_of_rfc_6750_is_read() -> None:
    """RFC 6750 section 2.1; whether such a token may come as Bearer is judged once it is verified."""
    assert read_presented_token(request("Bearer mF_9.B5f-4.1JqM")) == PresentedToken(
        Scheme.BEARER, "mF_9.B5f-4.1JqM"
    )


def test_a_presented_token_does_not_print_itself() -> None:
    """Logs never hold a token."""
    assert TOKEN not in repr(read_presented_token(request(f"DPoP {TOKEN}")))


@pytest.mark.parametrize(
    "query",
    [
        b"access_token=x",
        b"a=1&access_token=x",
        b"access_token",
        b"%61ccess_token=x",
        b"a=1&access%5Ftoken=x&b",
    ],
)
def test_1_a_token_in_the_query_is_refused(query: bytes) -> None:
    """FAPI 2.0 section 5.3.4 item 2: also beside a good header, and however it is encoded."""
    assert refusal(request(f"DPoP {TOKEN}", query=query)) == ("bearer.in-query", 400, "invalid_request")
    assert refusal(request(query=query)) == ("bearer.in-query", 400, "invalid_request")


@pytest.mark.parametrize(
    "query", [b"a=access_token", b"my_access_token=1", b"access_tokens=1", b"a=%", b"a=access_token&b=1"]
)
def test_1_a_query_without_token_is_left_alone(query: bytes) -> None:
    """A parameter that only looks alike is none."""
    assert read_presented_token(request(f"DPoP {TOKEN}", query=query)).token == TOKEN


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=utf-8"]
)
def test_2_a_token_in_a_form_body_is_refused(content_type: str) -> None:
    """The header is the only place."""
    refused = request(f"DPoP {TOKEN}", body=b"a=1&access_token=x", content_type=content_type)
    assert refusal(refused) == ("bearer.in-body", 400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"a=1", "application/x-www-form-urlencoded"),
        (b"access_token=x", "text/plain"),
        (b"access_token=x", None),
    ],
)
def test_2_other_bodies_are_left_alone(body: bytes, content_type: str | None) -> None:
    """A body that is no form holds no parameters."""
    assert read_presented_token(request(f"DPoP {TOKEN}", body=body, content_type=content_type)).token == TOKEN


def test_3_a_missing_header_is_refused() -> None:
    """Without credentials there is nothing to judge."""
    assert refusal(request()) == ("bearer.missing", 401, "invalid_token")


def test_3_two_headers_are_refused() -> None:
    """Nobody chooses between two tokens."""
    assert refusal(request(f"DPoP {TOKEN}", f"DPoP {TOKEN}")) == ("bearer.repeated", 400, "invalid_request")


@pytest.mark.parametrize("value", ["", "Basic YTpi", TOKEN, "DPoPs x", "Token x", f"DPoP\t{TOKEN}"])
def test_4_another_scheme_is_refused(value: str) -> None:
    """DPoP and Bearer are the schemes that carry access tokens."""
    assert refusal(request(value)) == ("bearer.scheme", 401, "invalid_token")


@pytest.mark.parametrize(
    "value",
    ["DPoP", "DPoP ", "DPoP a b", "DPoP a,b", f"DPoP {TOKEN}, DPoP {TOKEN}", "DPoP é", "DPoP =", 'DPoP "a"', "DPoP a\0",
     "Bearer a=b", "DPoP " + "a" * 20_000],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_5_a_malformed_token_is_refused(value: str) -> None:
    """Only the b64token of RFC 6750 section 2.1, of bounded length."""
    assert refusal(request(value)) == ("bearer.malformed", 400, "invalid_request")


def test_6_a_bound_token_is_refused_as_bearer() -> None:
    """RFC 9449 section 7.2: no downgrade."""
    with pytest.raises(Reject) as caught:
        check_scheme(PresentedToken(Scheme.BEARER, TOKEN), verified())
    assert (caught.value.reason.id, caught.value.reason.status) == ("bearer.bound", 401)


def test_6_a_token_without_dpop_key_is_refused_as_dpop() -> None:
    """A proof by just any key would bind nothing."""
    with pytest.raises(Reject) as caught:
        check_scheme(PresentedToken(Scheme.DPOP, TOKEN), verified(jkt=None, certificate=JKT))
    assert (caught.value.reason.id, caught.value.reason.status) == ("bearer.not-bound", 401)


def test_6_the_fitting_scheme_passes() -> None:
    """DPoP for a key, Bearer for a certificate alone (RFC 8705 section 3)."""
    check_scheme(PresentedToken(Scheme.DPOP, TOKEN), verified())
    check_scheme(PresentedToken(Scheme.DPOP, TOKEN), verified(certificate=JKT))
    check_scheme(PresentedToken(Scheme.BEARER, TOKEN), verified(jkt=None, certificate=JKT))


def test_7_a_scope_that_suffices_passes() -> None:
    """More than is needed does no harm, and nothing may be needed."""
    check_scope(verified(scope=("a", "b")), {"a"})
    check_scope(verified(), ())


def test_7_a_scope_that_does_not_suffice_is_refused() -> None:
    """RFC 6750 section 3.1: 403 with insufficient_scope; scopes are compared whole."""
    with pytest.raises(Reject) as caught:
        check_scope(verified(scope=("accounts", "pay")), {"accounts", "payments"})
    assert caught.value.reason.status == 403
    assert caught.value.reason.error == "insufficient_scope"
    assert caught.value.detail == "lacks ['payments']"


def test_a_client_presents_its_token_in_the_header() -> None:
    """What a client makes, a guard reads."""
    name, value = create_authorization(TOKEN)
    assert (name, value) == ("authorization", f"DPoP {TOKEN}")
    assert read_presented_token(request(value)) == PresentedToken(Scheme.DPOP, TOKEN)
    assert create_authorization("a", scheme=Scheme.BEARER) == ("authorization", "Bearer a")


@pytest.mark.parametrize("token", ["", "a b", "a\r\nx: y", "é"])
def test_a_token_that_would_break_the_header_is_not_sent(token: str) -> None:
    """A server's answer cannot inject headers into the client's requests."""
    with pytest.raises(ValueError, match="header"):
        create_authorization(token)


def test_a_challenge_says_what_is_wrong() -> None:
    """RFC 9449 section 7.1 with resource_metadata of RFC 9728 section 5.1."""
    assert create_challenge(bearer.BOUND, resource_metadata="https://rs.example/.well-known/x") == (
        "www-authenticate",
        (
            'DPoP error="invalid_token", error_description="An access token that is bound to a DPoP key needs '
            'the DPoP scheme.", algs="ES256 PS256 EdDSA", resource_metadata="https://rs.example/.well-known/x"'
        ),
    )


def test_a_challenge_names_the_scope_that_is_needed() -> None:
    """RFC 6750 section 3: the scope that the request needs."""
    _, value = create_challenge(
        bearer.INSUFFICIENT_SCOPE, scope=("accounts", "payments"), algorithms=("ES256",)
    )
    assert read_challenges([value]) == (
        Challenge(
            "dpop",
            {
                "error": "insufficient_scope",
                "error_description": "The access token does not cover this request.",
                "scope": "accounts payments",
                "algs": "ES256",
            },
        ),
    )


@pytest.mark.parametrize("why", [bearer.MISSING, bearer.UNKNOWN_SCHEME], ids=lambda why: why.id)
def test_a_challenge_to_a_stranger_has_no_error(why: Reason) -> None:
    """RFC 6750 section 3.1: without credentials no error code is told."""
    assert create_challenge(why) == ("www-authenticate", 'DPoP algs="ES256 PS256 EdDSA"')


def test_a_challenge_cannot_be_broken_open() -> None:
    """A value with a quotation mark is a mistake of the configuration, not an injection."""
    with pytest.raises(ValueError, match="quoted"):
        create_challenge(bearer.MISSING, resource_metadata='https://x/"')


def test_every_reason_can_stand_in_a_challenge() -> None:
    """Whatever is refused, the refusal can be sent and read."""
    for why in all_reasons():
        _, value = create_challenge(why)
        assert read_challenges([value])[0].scheme == ("bearer" if why is bearer.NOT_BOUND else "dpop")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (  # RFC 9449 section 7.1
            ['DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256"'],
            (
                Challenge(
                    "dpop",
                    {
                        "error": "invalid_token",
                        "error_description": "Invalid DPoP key binding",
                        "algs": "ES256",
                    },
                ),
            ),
        ),
        (  # RFC 9449 section 7.2
            ['Bearer, DPoP algs="ES256 PS256"'],
            (Challenge("bearer", {}), Challenge("dpop", {"algs": "ES256 PS256"})),
        ),
        (  # RFC 9110 section 11.6.1
            ['Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""'],
            (
                Challenge("basic", {"realm": "simple"}),
                Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
            ),
        ),
        (["Negotiate abc==", "Bearer"], (Challenge("negotiate", {}), Challenge("bearer", {}))),
        (["Negotiate abc==, Bearer"], (Challenge("negotiate", {}), Challenge("bearer", {}))),
        ([" , DPoP  Error = use_dpop_nonce ,, "], (Challenge("dpop", {"error": "use_dpop_nonce"}),)),
        (['Bearer realm="a, DPoP error=\\"x\\""'], (Challenge("bearer", {"realm": 'a, DPoP error="x"'}),)),
        ([], ()),
    ],
)  # fmt: skip
def test_challenges_of_others_are_read(values: list[str], expected: tuple[Challenge, ...]) -> None:
    """Examples of the RFCs, lists, several headers, and a quoted text that looks like another challenge."""
    assert read_challenges(values) == expected


@pytest.mark.parametrize(
    "value",
    ['error="x"', 'DPoP error="x', 'DPoP error= "', 'DPoP a="1", A="2"', 'DPoP a="1" b="2"', "DPoP é", "=", "DPoP a=" + "1" * 5_000],
    ids=lambda value: value[:30],
)  # fmt: skip
def test_a_malformed_challenge_is_refused(value: str) -> None:
    """A parameter without scheme, open quotes, a repeated parameter, and absurd lengths."""
    with pytest.raises(Reject) as caught:
        read_challenges([value])
    assert caught.value.reason.id == "bearer.bad-challenge"
