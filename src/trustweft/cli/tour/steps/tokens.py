"""The token endpoint: the code, the refresh token, and the client on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.cli.tour.attempts import expect_careful_endpoint, expect_no_replay, expect_nonce
from trustweft.crypto.keys import KeySet, thumbprint
from trustweft.protocol.access_token import AccessToken, verify_access_token
from trustweft.protocol.oidc import ExpectedIdToken, verify_id_token

if TYPE_CHECKING:
    from trustweft.cli.tour.context import Flow, Tour
    from trustweft.cli.tour.recording import Step
    from trustweft.cli.tour.wire import Draft

_BOUND: Final = ("FAPI2-SP-5.3.2.1-4",)


def redeem_code(tour: Tour, step: Step) -> None:
    """Redeem the code (RFC 6749 section 4.1.3). What fails before burns nothing: the code still works then."""
    flow = tour.flow
    draft = tour.form_request(tour.metadata.token_endpoint, *tour.redemption(flow))
    expect_careful_endpoint(step, tour, draft, party=tour.client)
    expect_nonce(step, tour, draft, party=tour.client)
    _expect_strict_grants(tour, step, tour.with_fresh_proof(draft))
    _expect_strict_redemption(tour, step, flow)
    sent = tour.with_fresh_proof(draft)
    answer = step.send(sent, status=200).document()
    _take_tokens(flow, answer)
    expect_no_replay(step, tour, sent, party=tour.client)
    step.expect_accepted(
        "the access token is the issuer's", lambda: _verify(tour, flow.access_token, tour.bank)
    )
    own_key = thumbprint(tour.client.proof_signer.public_key)
    bound_to = _verify(tour, flow.access_token, tour.bank).jkt
    step.expect("the access token is bound to the client's key", holds=bound_to == own_key)
    step.expect("the answer calls it a DPoP token", holds=answer.get("token_type") == "DPoP")
    step.expect_accepted(
        "the ID token is the issuer's, for this client and this request",
        lambda: verify_id_token(
            str(answer.get("id_token")),
            expected=ExpectedIdToken(
                issuer=tour.issuer,
                client_id=tour.client.client_id,
                nonce=flow.nonce,
                access_token=flow.access_token,
            ),
            keys=KeySet.read(tour.keys),
            now=tour.clock.now(),
            future_tolerance=tour.limits.future_tolerance,
        ),
    )


def _expect_strict_grants(tour: Tour, step: Step, draft: Draft) -> None:
    step.expect_refused(
        "A user's password instead of a code",
        draft.with_parameters(("grant_type", "password"), ("username", "x"), ("password", "x")),
        "grant-type.unsupported",
        clauses=("FAPI2-SP-5.3.2.1-2",),
    )
    own = tour.form_request(
        draft.url, ("grant_type", "client_credentials"), ("scope", "accounts"), party=tour.stranger
    )
    step.expect_refused("A grant that the client is not registered for", own, "grant-type.not-registered")
    step.expect_refused(
        "No proof of possession", draft.with_header("dpop", None), "dpop.missing", clauses=_BOUND
    )


def _expect_strict_redemption(tour: Tour, step: Step, flow: Flow) -> None:
    url, parameters = tour.metadata.token_endpoint, tour.redemption(flow)
    draft = tour.form_request(url, *parameters)
    step.expect_refused(
        "The code with another code verifier",
        draft.with_parameters(("code_verifier", tour.entropy.token())),
        "pkce.verifier-wrong",
        clauses=("FAPI2-SP-5.3.2.2-5",),
    )
    step.expect_refused(
        "The code with another redirect URI",
        tour.form_request(url, *parameters).with_parameters(("redirect_uri", f"{tour.redirect_uri}/")),
        "code.redirect-uri",
    )
    step.expect_refused(
        "The code in the hands of another client",
        tour.form_request(url, *parameters, party=tour.stranger),
        "code.other-client",
    )
    step.expect_refused(
        "The code with a proof of another key",
        tour.form_request(url, *parameters, signer=tour.client.other_signer),
        "code.key-mismatch",
        clauses=("FAPI2-SP-5.3.2.1-12",),
    )


def refresh_token(tour: Tour, step: Step) -> None:
    """Refresh (RFC 6749 section 6): bound to the client, not rotated, never wider."""
    parameters = _refresh(tour.flow)
    url = tour.metadata.token_endpoint
    step.expect_refused(
        "The refresh token in the hands of another client",
        tour.form_request(url, *parameters, party=tour.stranger),
        "refresh-token.other-client",
    )
    step.expect_refused(
        "A wider scope than was granted",
        tour.form_request(url, *parameters, ("scope", "openid payments")),
        "refresh-token.wider-scope",
        clauses=("FAPI2-SP-5.3.2.1-14",),
    )
    sent = tour.form_request(url, *parameters)
    answer = step.send(sent, status=200).document()
    expect_no_replay(step, tour, sent, party=tour.client)
    before, tour.flow.access_token = tour.flow.access_token, str(answer.get("access_token"))
    step.expect("the access token is a new one", holds=tour.flow.access_token != before)
    step.expect(
        "the refresh token is not rotated",
        holds=answer.get("refresh_token", tour.flow.refresh_token) == tour.flow.refresh_token,
    )
    step.expect_accepted(
        "the new token is the issuer's", lambda: _verify(tour, tour.flow.access_token, tour.bank)
    )


def narrow_token(tour: Tour, step: Step) -> None:
    """Ask for less, and get less: not the bank's data, and not even who the person is."""
    url = tour.metadata.token_endpoint
    draft = tour.form_request(url, *_refresh(tour.flow), ("scope", "profile"))
    answer = step.send(draft, status=200).document()
    tour.narrow_token = str(answer.get("access_token"))
    step.expect("the answer says what is left", holds=answer.get("scope") == "profile")
    step.expect_refused(
        "The narrower token at the bank",
        tour.call(f"{tour.bank}/accounts", tour.narrow_token),
        "access-token.audience",
        clauses=("FAPI2-SP-5.3.4-3",),
    )
    step.expect_refused(
        "The narrower token at the userinfo endpoint",
        tour.call(_userinfo(tour), tour.narrow_token),
        "bearer.insufficient-scope",
        clauses=("FAPI2-SP-5.3.4-4",),
    )


def act_for_itself(tour: Tour, step: Step) -> None:
    """Get a token without a person (RFC 6749 section 4.4)."""
    url = tour.metadata.token_endpoint
    parameters = (("grant_type", "client_credentials"), ("scope", "accounts"))
    step.expect_refused(
        "A scope that is about a person",
        tour.form_request(url, *parameters).with_parameters(("scope", "openid accounts")),
        "scope.needs-a-person",
    )
    sent = tour.form_request(url, *parameters)
    answer = step.send(sent, status=200).document()
    expect_no_replay(step, tour, sent, party=tour.client)
    tour.own_token = str(answer.get("access_token"))
    step.expect("there is no refresh token", holds="refresh_token" not in answer)
    step.expect_accepted("the token is the issuer's", lambda: _verify(tour, tour.own_token, tour.bank))
    subject = _verify(tour, tour.own_token, tour.bank).subject
    step.expect("its subject is the client", holds=subject == tour.client.client_id)


def redeem_aside(tour: Tour, step: Step, flow: Flow) -> None:
    """Redeem the code of another flow."""
    draft = tour.form_request(tour.metadata.token_endpoint, *tour.redemption(flow))
    _take_tokens(flow, step.send_aside(draft, status=200).document())


def _take_tokens(flow: Flow, answer: dict[str, object]) -> None:
    flow.access_token = str(answer.get("access_token"))
    flow.refresh_token = str(answer.get("refresh_token"))


def _refresh(flow: Flow) -> tuple[tuple[str, str], ...]:
    return (("grant_type", "refresh_token"), ("refresh_token", flow.refresh_token))


def _userinfo(tour: Tour) -> str:
    return tour.metadata.userinfo_endpoint or f"{tour.issuer}/userinfo"


def _verify(tour: Tour, token: str, audience: str) -> AccessToken:
    return verify_access_token(
        token,
        keys=KeySet.read(tour.keys),
        issuer=tour.issuer,
        audience=audience,
        now=tour.clock.now(),
        future_tolerance=tour.limits.future_tolerance,
    )
