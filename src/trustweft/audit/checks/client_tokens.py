"""The client and its tokens: which it accepts, where it sends them, and when it gives up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.forging import read_parts
from trustweft.audit.hostile.resource_server import presented_token
from trustweft.audit.hostile.scenarios.tokens import LOOP_LIMIT, NONCE
from trustweft.audit.relying.playing import control, must_not_finish, play
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.relying.under_test import Flow
    from trustweft.audit.trial import Trial

_token = partial(check, role=Role.CLIENT, severity=Severity.MEDIUM, owasp="API10:2023")


def _needs_proofs(trial: Trial) -> Flow:
    flow = control(trial)
    trial.need(any(each.request.header("dpop") for each in flow.redeemed), "the client sends no proofs")
    return flow


@_token(
    "RP-09-token-type",
    title="The client that asked for a bound token does not use one that is bound to nothing",
    sends="a token answer with token_type Bearer to a request with a proof",
    fix="Refuse an answer whose `token_type` is not DPoP where a proof was sent.",
    requirements=("RFC9449-5-p7",),
    cwe="CWE-757",
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    gives=("token-usable-by-thief",),
)
def downgraded_token_is_refused(trial: Trial) -> Outcome:
    """A token that comes unbound can be used by whoever finds it; the client that expected better must say no.

    RFC 9449 section 5: where the answer's `token_type` is not DPoP, a client that counts on the binding discards it.
    """
    _needs_proofs(trial)
    return must_not_finish(
        trial,
        "RP-09-token-type",
        label="A bearer token in answer to a proof",
        failure="The client accepted a bearer token where it had asked for a bound one.",
        success="The client refused the bearer token.",
    )


@_token(
    "RP-09-unknown-type",
    title="The client uses no token of a type that it does not know",
    sends="a token answer with a token_type that nobody knows",
    fix="Compare `token_type` with the types that the client can use, without regard to case.",
    cwe="CWE-436",
)
def unknown_token_type_is_refused(trial: Trial) -> Outcome:
    """RFC 6749 section 7.1: a client must not use an access token whose type it does not understand.

    Whoever ignores the type shows the token in a way that its issuer did not mean.
    """
    return must_not_finish(
        trial,
        "RP-09-unknown-type",
        label="A token of an unknown type",
        failure="The client used a token of an unknown type.",
        success="The client refused the token of an unknown type.",
    )


@_token(
    "RP-10-nonce-loop",
    title="The client gives up where the server asks for nonces for ever",
    sends=f"{LOOP_LIMIT} demands for another nonce",
    fix="Send a request again once for a nonce, and give up where the server asks for another.",
    cwe="CWE-835",
)
def nonce_loop_ends(trial: Trial) -> Outcome:
    """A server that never has enough must not keep a client busy, which sends code and assertion each time.

    The hostile token endpoint answers every proof with `use_dpop_nonce` and a new nonce.
    """
    _needs_proofs(trial)
    flow = play(trial, "RP-10-nonce-loop", label="A demand for another nonce")
    count = len(flow.redeemed)
    if count >= LOOP_LIMIT:
        return failed(f"The client sent the token request {count} times.")
    return passed(f"The client gave up after {count} requests.")


@_token(
    "RP-10-refusal-loop",
    title="The client gives up where an API refuses every token",
    sends=f"up to {LOOP_LIMIT} refusals of the access token",
    fix="Send a request again once for a nonce, and give up where the API asks for another.",
    cwe="CWE-835",
)
def refusal_loop_ends(trial: Trial) -> Outcome:
    """The same at the API: each refusal brings a new nonce, and the next attempt is refused as well."""
    trial.need(_needs_proofs(trial).at("userinfo", "api"), "the client calls no API that could be seen")
    flow = play(trial, "RP-10-refusal-loop", label="A refusal of the API")
    count = max(len(flow.at("userinfo")), len(flow.at("api")))
    if count >= LOOP_LIMIT:
        return failed(f"The client called the API {count} times.")
    return passed(f"The client gave up after {count} calls.")


@_token(
    "RP-10-nonce-used",
    title="The client puts the server's nonce into its next proof",
    sends="one demand for a nonce at the token endpoint",
    fix="Keep the latest DPoP-Nonce of each server, and put it into the next proof.",
    requirements=("FAPI2-SP-5.3.3.1-8", "RFC9449-4.2-p4", "RFC9449-8.2-p3"),
    cwe="CWE-294",
)
def nonce_is_used(trial: Trial) -> Outcome:
    """With nonces a server bounds how long a proof is good for; a client that cannot use them locks itself out.

    The hostile token endpoint asks once. The next token request must have a proof with exactly that nonce.
    """
    _needs_proofs(trial)
    flow = play(trial, "RP-10-nonce-used", label="A demand for a nonce")
    proofs = [read_parts(each.request.header("dpop") or "")[1] for each in flow.redeemed]
    if any(each.get("nonce") == NONCE for each in proofs[1:]):
        return passed("The next proof had the nonce.")
    return failed("No later proof had the nonce that the server handed out.")


@_token(
    "RP-11-redirected-token",
    title="The client does not carry its access token where an API redirects it",
    sends="a redirect from the API to another origin",
    fix="Follow no redirects of APIs, or drop Authorization and DPoP where the origin changes.",
    severity=Severity.HIGH,
    cwe="CWE-601",
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    gives=("token-leaks",),
)
def token_stays_with_its_api(trial: Trial) -> Outcome:
    """A counterfeit resource server collects tokens from clients that go where they are sent (RFC 9700 section 4.9.1).

    Userinfo and API answer with 307 to another origin of the hostile server. It counts whether a token arrives there.
    """
    trial.need(control(trial).at("userinfo", "api"), "the client calls no API that could be seen")
    flow = play(trial, "RP-11-redirected-token", label="A redirect of the API")
    if any(presented_token(each.request.headers)[1] for each in flow.at("counterfeit")):
        return failed("The client sent its access token to the counterfeit API.")
    return passed("No token came to the counterfeit API.")


@_token(
    "RP-11-token-in-header",
    title="The client sends access tokens in the Authorization header and nowhere else",
    sends="nothing: the client's requests to userinfo and API are read",
    fix="Send the access token in the Authorization header alone.",
    severity=Severity.HIGH,
    requirements=("FAPI2-SP-5.3.3.1-3", "RFC9700-4.3.2-1"),
    cwe="CWE-598",
    gives=("token-leaks",),
)
def token_is_in_the_header(trial: Trial) -> Outcome:
    """What stands in an address is in logs and histories (RFC 9700 section 4.3.2)."""
    flow = control(trial)
    calls = flow.at("userinfo", "api")
    trial.need(calls, "the client calls no API that could be seen")
    for each in calls:
        trial.observe("A call of the client", each)
        query = dict(parse_qsl(urlsplit(each.request.url).query))
        if "access_token" in query or each.request.parameter("access_token"):
            return failed("The access token came in the address or in the body.")
    return passed("Each call had its token in the Authorization header.")


@_token(
    "RP-11-bound-token",
    title="The client's access tokens are bound to a key of its own",
    sends="nothing: the client's token request is read",
    fix="Send a DPoP proof with each token request, or connect with the client's certificate.",
    requirements=("FAPI2-SP-5.3.3.1-1",),
    reach=Reach.FAPI,
    cwe="CWE-294",
    rfc9700_attackers=("A5",),
    fapi_attackers=("A5",),
    gives=("token-usable-by-thief",),
)
def tokens_are_bound(trial: Trial) -> Outcome:
    """A token that needs no key works for whoever finds it (FAPI 2.0 SP section 5.3.3.1 item 1)."""
    trial.need(
        trial.deployment.claims_fapi, "bound tokens are demanded by FAPI 2.0, which is not claimed here"
    )
    for each in control(trial).redeemed:
        if not each.request.header("dpop") and each.request.certificate is None:
            return failed("The client asked for tokens without proof and without certificate.")
    return passed("The client asked for tokens that are bound to its key.")


@_token(
    "RP-19-tokens-not-shown",
    title="No token stands in an address or in a readable cookie of the client",
    sends="nothing: what the browser saw in the honest flow is searched for the tokens",
    fix="Keep tokens on the server's side, under a session whose cookie scripts cannot read.",
    severity=Severity.HIGH,
    cwe="CWE-598",
    gives=("token-leaks",),
)
def tokens_stay_out_of_sight(trial: Trial) -> Outcome:
    """A token in an address is in histories, logs and referrers; one in a readable cookie is any script's.

    The tokens that the hostile server gave out are looked for in every redirect, address and cookie of the flow.
    """
    flow = control(trial)
    seen = flow.ride.exchanges
    trial.need(seen, "the client has no pages")
    tokens = [each.text("access_token") for each in flow.redeemed]
    tokens += [value for each in flow.redeemed if (value := each.text("refresh_token"))]
    if not any(tokens):
        raise Inconclusive("no token was given out")
    for each in seen:
        trial.observe("What the browser saw", each)
        cookies = [value for value in each.all_headers("set-cookie") if "httponly" not in value.lower()]
        shown = (each.request.url, each.location, *cookies)
        if any(token and token in text for token in tokens for text in shown):
            return failed(f"A token stands in an address or cookie at {each.request.url.partition('?')[0]}.")
    return passed(f"None of {len(seen)} answers had a token in an address or a readable cookie.")
