"""From the pushed request to the code: what the browser sees, and what it never sees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

import httpx2

from trustweft.cli.tour.attempts import (
    expect_careful_endpoint,
    expect_no_replay,
    expect_nonce,
    expect_own_forms_only,
)
from trustweft.cli.tour.wire import Draft
from trustweft.crypto.keys import thumbprint
from trustweft.protocol.issuer import check_response_issuer
from trustweft.protocol.jar import create_request_object
from trustweft.protocol.par import CREATED, create_authorization_url
from trustweft.server.login.rate_limit import PER_USERNAME

if TYPE_CHECKING:
    from trustweft.cli.tour.context import Flow, Tour
    from trustweft.cli.tour.recording import Step
    from trustweft.cli.tour.wire import Capture

SEE_OTHER: Final = 303
_MAXIMUM_LIFETIME: Final = 600
_WRONG_PASSWORD: Final = "not the password"  # noqa: S105  # it opens nothing, and that is the point


def push_request(tour: Tour, step: Step) -> None:
    """Push the request (RFC 9126), bound to the key that will redeem the code (RFC 9449 section 10)."""
    url = tour.metadata.pushed_authorization_request_endpoint or f"{tour.issuer}/par"
    draft = tour.form_request(url, *tour.authorization_request(tour.flow))
    expect_careful_endpoint(step, tour, draft, party=tour.client)
    draft = tour.with_fresh_proof(draft)
    _expect_strict_requests(tour, step, draft)
    _expect_strict_keys(tour, step, draft)
    sent = tour.with_fresh_proof(draft)
    answer = step.send(sent, status=CREATED).document()
    lifetime = answer.get("expires_in")
    step.expect(
        f"the request_uri lives less than {_MAXIMUM_LIFETIME} seconds",
        holds=isinstance(lifetime, int) and 0 < lifetime < _MAXIMUM_LIFETIME,
    )
    expect_no_replay(step, tour, sent, party=tour.client)
    tour.flow.authorization = _authorization_address(tour, answer)


def push_aside(tour: Tour, step: Step, flow: Flow, *extra: tuple[str, str]) -> None:
    """Push a request for another flow."""
    url = tour.metadata.pushed_authorization_request_endpoint or f"{tour.issuer}/par"
    draft = tour.form_request(url, *tour.authorization_request(flow), *extra)
    flow.authorization = _authorization_address(tour, step.send_aside(draft, status=CREATED).document())


def _authorization_endpoint(tour: Tour) -> str:
    return tour.metadata.authorization_endpoint or f"{tour.issuer}/authorize"


def _authorization_address(tour: Tour, answer: dict[str, object]) -> Draft:
    url = create_authorization_url(
        _authorization_endpoint(tour),
        client_id=tour.client.client_id,
        request_uri=str(answer.get("request_uri")),  # type: ignore[arg-type]  # read as it came: the tour tests it
    )
    return Draft(method="GET", url=url)


def _expect_strict_requests(tour: Tour, step: Step, draft: Draft) -> None:
    """Each authorization request differs from a good one in one parameter."""
    challenge = ("FAPI2-SP-5.3.2.2-5",)
    attempts = (
        ("A request that points at another one", ("request_uri", "urn:x"), "par.nested-request-uri", ()),
        ("A request object without a signature", ("request", "e30.e30."), "request-object.algorithm", ()),
        (
            "A parameter that would widen it",
            ("claims", "{}"),
            "authorization-request.unsupported-parameter",
            (),
        ),
        (
            "Tokens from the front channel",
            ("response_type", "code id_token"),
            "authorization-request.response-type",
            ("FAPI2-SP-5.3.2.2-1",),
        ),
        (
            "An answer in the fragment",
            ("response_mode", "fragment"),
            "authorization-request.response-mode",
            (),
        ),
        (
            "A redirect URI with one more character",
            ("redirect_uri", f"{tour.redirect_uri}/"),
            "redirect-uri.not-registered",
            ("FAPI2-SP-5.3.2.1-7",),
        ),
        ("A plain code challenge", ("code_challenge_method", "plain"), "pkce.method-not-s256", challenge),
        ("A scope that is not registered", ("scope", "openid admin"), "scope.not-allowed", ()),
        (
            "A state that is too long",
            ("state", "s" * (tour.limits.state_max_length + 1)),
            "authorization-request.too-long",
            (),
        ),
    )
    for name, parameter, reason, clauses in attempts:
        step.expect_refused(name, draft.with_parameters(parameter), reason, clauses=clauses)
    forged = create_request_object(
        tour.client.other_signer,
        client_id=tour.client.client_id,
        issuer=tour.issuer,
        parameters=dict(tour.authorization_request(tour.flow)),
        now=tour.clock.now(),
        lifetime=60,
        jti=tour.entropy.token(),
    )
    step.expect_refused(
        "A request object of a key that is not the client's",
        draft.with_parameters(("request", forged)),
        "request-object.bad-signature",
    )
    step.expect_refused(
        "No code challenge",
        draft.without_parameters("code_challenge"),
        "pkce.challenge-missing",
        clauses=challenge,
    )
    step.expect_refused(
        "No redirect URI",
        draft.without_parameters("redirect_uri"),
        "redirect-uri.missing",
        clauses=("FAPI2-SP-5.3.2.2-6",),
    )


def _expect_strict_keys(tour: Tour, step: Step, draft: Draft) -> None:
    """A proof is optional here, but never wrong."""
    elsewhere = tour.with_fresh_proof(replace(draft, url=tour.metadata.token_endpoint))
    step.expect_refused(
        "A proof that was made for another endpoint", replace(elsewhere, url=draft.url), "dpop.htu-mismatch"
    )
    expect_nonce(step, tour, draft, party=tour.client)
    other = thumbprint(tour.client.other_signer.public_key)
    step.expect_refused(
        "A proof and the thumbprint of another key",
        tour.with_fresh_proof(draft).with_parameters(("dpop_jkt", other)),
        "dpop.jkt-mismatch",
        clauses=("FAPI2-SP-5.3.2.1-12",),
    )


def open_authorization(tour: Tour, step: Step) -> None:
    """Open the authorization endpoint; loading it twice, as software that previews links does, spends nothing."""
    endpoint = _authorization_endpoint(tour)
    draft = _opened(tour.flow)
    foreign, unknown = (
        draft.url.replace("client_id=tour", f"client_id={name}") for name in ("tour-stranger", "no")
    )
    step.expect_refused(
        "A request that was not pushed",
        Draft(method="GET", url=f"{endpoint}?client_id=tour&response_type=code"),
        "par.request-uri-missing",
        clauses=("FAPI2-SP-5.3.2.2-3",),
    )
    step.expect_refused(
        "Another client's name with it", Draft(method="GET", url=foreign), "request-uri.foreign-client"
    )
    step.expect_refused(
        "A client that nobody knows", Draft(method="GET", url=unknown), "authorization.client-unknown"
    )
    step.send_aside(draft, status=SEE_OTHER)
    capture = step.send(draft.with_header("origin", "https://attacker.example"), status=SEE_OTHER)
    step.expect("no script may read it", holds=capture.header("access-control-allow-origin") is None)
    secret = capture.header("set-cookie") or ""
    step.expect("the browser gets a secret of its own", holds=secret.startswith("__Host-"))
    step.expect("it goes on within the server", holds=_location(capture).startswith(f"{tour.issuer}/"))
    tour.flow.browser.take_in(capture)
    tour.pushed = tour.flow.browser.draft(_location(capture))


def see_login(tour: Tour, step: Step) -> None:
    """See the login page; the address alone opens nothing."""
    page = tour.pushed
    step.expect_refused(
        "The same address in another browser", page.with_header("cookie", None), "interaction.no-cookie"
    )
    step.expect_refused("The page with DELETE", replace(page, method="DELETE"), "http.method-not-allowed")
    tour.flow.browser.take_in(step.send(page, status=200))
    decision = tour.flow.browser.form("login")
    step.expect_refused(
        "A consent without a login",
        replace(decision, url=decision.url.removesuffix("login") + "decision").with_parameters(
            ("decision", "approve")
        ),
        "login.required",
    )


def log_in(tour: Tour, step: Step) -> None:
    """Send name and password; guessing is refused before long."""
    form = tour.flow.browser.form(
        "login", ("username", tour.person.username), ("password", tour.person.password)
    )
    expect_own_forms_only(step, form)
    guess = form.with_parameters(("username", tour.entropy.token()), ("password", _WRONG_PASSWORD))
    step.expect_refused(
        "A wrong password",
        form.with_parameters(("password", _WRONG_PASSWORD)),
        "login.wrong-credentials",
    )
    step.expect_refused_in_the_end(
        "One guess too many for a name",
        guess,
        "login.too-many-attempts",
        # Twice as many: guesses count in windows, and a new one may begin while we guess.
        attempts=2 * PER_USERNAME.attempts + 1,
    )
    tour.flow.browser.take_in(step.send(form, status=SEE_OTHER))


def see_consent(tour: Tour, step: Step) -> None:
    """See who asks for what; whoever is logged in stays who it is."""
    capture = step.send(tour.flow.browser.draft(tour.pushed.url), status=200)
    tour.flow.browser.take_in(capture)
    page = capture.answer.text
    step.expect("the page names the application", holds="Trustweft tour" in page)
    step.expect("the page has its two answers", holds='id="approve"' in page and 'id="deny"' in page)
    policy = capture.header("content-security-policy") or ""
    step.expect("nobody may frame the page", holds="frame-ancestors 'none'" in policy)
    decision = tour.flow.browser.form("decision")
    second = replace(decision, url=decision.url.removesuffix("decision") + "login").with_parameters(
        ("username", tour.person.username), ("password", tour.person.password)
    )
    step.expect_refused("A second login in its place", second, "login.second")


def answer_consent(tour: Tour, step: Step) -> None:
    """Approve: the request is answered once, with a code, the state and the issuer."""
    flow = tour.flow
    form = flow.browser.form("decision", ("decision", "approve"))
    expect_own_forms_only(step, form)
    step.expect_refused(
        "An answer that is none", form.with_parameters(("decision", "perhaps")), "consent.decision"
    )
    capture = step.send(form, status=SEE_OTHER)
    take_callback(flow, capture)
    step.expect("a code comes back", holds=bool(flow.callback.get("code")))
    expect_client_answer(tour, step, flow, capture)
    expect_answered(step, flow, form)


def return_to_client(tour: Tour, step: Step) -> None:
    """Compare before believing (RFC 9207 section 2.4, RFC 6749 section 10.12)."""
    flow = tour.flow
    step.send(Draft(method="GET", url=flow.callback_url), status=200)
    step.expect("the state is the one that the client sent", holds=flow.callback.get("state") == flow.state)
    step.expect_accepted(
        "the answer is from the server that was asked",
        lambda: check_response_issuer(flow.callback.get("iss"), expected=tour.issuer),
    )


def enter(step: Step, flow: Flow) -> None:
    """Open the login page of another flow."""
    capture = step.send_aside(_opened(flow), status=SEE_OTHER)
    flow.browser.take_in(capture)
    flow.browser.take_in(step.send_aside(flow.browser.draft(_location(capture)), status=200))


def enter_and_log_in(tour: Tour, step: Step, flow: Flow) -> None:
    """Come as far as the consent page of another flow."""
    enter(step, flow)
    form = flow.browser.form("login", ("username", tour.person.username), ("password", tour.person.password))
    capture = step.send_aside(form, status=SEE_OTHER)
    flow.browser.take_in(capture)
    flow.browser.take_in(step.send_aside(flow.browser.draft(_location(capture)), status=200))


def obtain_code(tour: Tour, step: Step, flow: Flow) -> None:
    """Come to a code by the same way, without a word."""
    push_aside(tour, step, flow)
    enter_and_log_in(tour, step, flow)
    form = flow.browser.form("decision", ("decision", "approve"))
    take_callback(flow, step.send_aside(form, status=SEE_OTHER))


def take_callback(flow: Flow, capture: Capture) -> None:
    """Read where the browser is sent, and with what."""
    flow.callback_url = _location(capture)
    flow.callback = dict(parse_qsl(urlsplit(flow.callback_url).query, keep_blank_values=True))


def expect_client_answer(tour: Tour, step: Step, flow: Flow, capture: Capture) -> None:
    """The answer goes to the registered address, with state and issuer, over TLS."""
    target = httpx2.URL(_location(capture)).copy_with(query=None)
    step.expect("the browser goes to the registered address", holds=str(target) == tour.redirect_uri)
    step.expect("the state comes back", holds=flow.callback.get("state") == flow.state)
    step.expect("the answer names its issuer", holds=flow.callback.get("iss") == tour.issuer)


def expect_answered(step: Step, flow: Flow, form: Draft) -> None:
    """A request that was answered is not answered again, neither from this page nor from a new one."""
    once = ("FAPI2-SP-6.4-1",)
    step.expect_refused("The same answer once more", form, "interaction.ended")
    step.expect_refused(
        "The same request in a new browser", _opened(flow), "request-uri.unknown", clauses=once
    )


def _opened(flow: Flow) -> Draft:
    if flow.authorization is None:
        raise AssertionError("the request is pushed first")
    return flow.authorization


def _location(capture: Capture) -> str:
    return capture.header("location") or ""
