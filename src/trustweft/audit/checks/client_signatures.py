"""The client and the signature of the ID token, and what it believes of userinfo."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, check, failed, passed
from trustweft.audit.checks.client_identity import judge_identity
from trustweft.audit.relying.playing import client_of, control, play
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.trial import Trial

_signature = partial(
    check,
    role=Role.CLIENT,
    severity=Severity.HIGH,
    cwe="CWE-347",
    owasp="API2:2023",
    gives=("identity-forged",),
)
_FIX = (
    "Verify ID tokens with the registered algorithm and a key of the issuer's key set, and with nothing else."
)


@_signature(
    "RP-06-unsigned",
    title="The client refuses an ID token that says it needs no signature",
    sends="an ID token with alg none",
    fix=_FIX,
)
def none_is_refused(trial: Trial) -> Outcome:
    """`alg: none` is the sender's wish not to be verified.

    OpenID Connect Core section 2 allows it only where the client registered it; a client that never did must take the
    algorithm that it registered and no other, even where TLS vouches for the token endpoint.
    """
    return judge_identity(trial, "RP-06-unsigned", what="with alg none")


@_signature(
    "RP-06-public-key-as-secret",
    title="The client does not take the server's public key for a shared secret",
    sends="an ID token signed with HS256 and the server's public key",
    fix=_FIX,
)
def algorithms_are_not_confused(trial: Trial) -> Outcome:
    """Where the token chooses the algorithm, an attacker chooses HMAC, with the public key as its secret.

    RFC 8725 section 3.1: the verifier says which algorithm, never the token.
    """
    return judge_identity(trial, "RP-06-public-key-as-secret", what="signed with HS256 and the public key")


@_signature(
    "RP-06-signature",
    title="The client that fetches the server's keys refuses an ID token that none of them signed",
    sends="an ID token signed with an unknown key",
    requirements=("FAPI2-MS-5.6.2-1",),
    fix=_FIX,
)
def signature_is_verified(trial: Trial) -> Outcome:
    """A signature that nobody verifies is a decoration, and worse: people rely on it.

    OpenID Connect Core section 3.1.3.7 item 6 lets a client do without where the token came over TLS from the token
    endpoint (FAPI 2.0 Message Signing does not). A client that fetches the keys means to verify: it is shown a token
    with the published `kid` and another key's signature.
    """
    if (
        not client_of(trial).honest().at("jwks")
        and trial.deployment.target.profile != "fapi2-message-signing"
    ):
        control(trial)
        return passed("The client never asks for keys: it relies on TLS, which the code flow allows.")
    return judge_identity(trial, "RP-06-signature", what="signed with an unknown key")


@_signature(
    "RP-07-own-key",
    title="The client takes no key from the ID token itself",
    sends="an ID token with its own key in the header jwk",
    fix="Take keys from the issuer's key set alone; ignore the header parameters jwk, jku, x5u and x5c.",
)
def key_in_the_token_is_ignored(trial: Trial) -> Outcome:
    """A token that brings its own key proves that whoever made it had a key (RFC 8725 section 3.10)."""
    client = client_of(trial)
    trial.need(client.honest().at("jwks"), "the client verifies no signature of ID tokens")
    return judge_identity(trial, "RP-07-own-key", what="that brings its own key")


@_signature(
    "RP-07-key-elsewhere",
    title="The client fetches no key from where an ID token says",
    sends="an ID token whose jku and x5u lead to another origin",
    requirements=("FAPI2-SP-5.4.2-2",),
    cwe="CWE-918",
    severity=Severity.HIGH,
    fix="Take keys from the issuer's key set alone; ignore the header parameters jwk, jku, x5u and x5c.",
)
def key_elsewhere_is_not_fetched(trial: Trial) -> Outcome:
    """`jku` and `x5u` let the sender say where the verifier gets its key, and make it fetch any address.

    The header names an address of the hostile server; whether anything arrives there is what counts.
    """
    trial.need(
        "openid" in control(trial).parameters().get("scope", "").split(), "the client asks for no ID token"
    )
    flow = play(trial, "RP-07-key-elsewhere", label="An ID token that says where its key is")
    if flow.at("counterfeit"):
        return failed("The client fetched the address that the header of the ID token named.")
    return passed("The client fetched nothing that the token named.")


@_signature(
    "RP-15-userinfo-subject",
    title="The client uses no userinfo about another user than the ID token names",
    sends="userinfo with another sub than the ID token's",
    cwe="CWE-287",
    fix="Compare `sub` of userinfo with that of the ID token, and use nothing of it where they differ.",
)
def userinfo_is_about_the_same_user(trial: Trial) -> Outcome:
    """OpenID Connect Core section 5.3.2: where the two differ, the answer must not be used.

    Otherwise a token that was swapped, or an answer meant for another, logs one user in with another's claims.
    """
    flow = control(trial)
    trial.need(flow.at("userinfo"), "the client does not ask for userinfo")
    trial.need("openid" in flow.parameters().get("scope", "").split(), "the client asks for no ID token")
    played = play(trial, "RP-15-userinfo-subject", label="Userinfo about another user")
    completed = client_of(trial).completed(played)
    if completed:
        return failed(
            "The flow ended as an honest one does, with claims about another user than the ID token's."
        )
    if completed is None:
        raise Inconclusive("the client ends alike whether or not it is refused")
    return passed("The client refused userinfo about another user.")
