"""Refresh tokens: whose they are, what they are good for, and what they become when they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.audit.check import Inconclusive, check, failed, passed, suspected
from trustweft.audit.checks.token_grants import granted_scope
from trustweft.audit.clients import client_that, has_credentials, other_client, refreshes
from trustweft.audit.forging import read_parts, with_claims, without_signature
from trustweft.audit.parties import unauthenticated
from trustweft.audit.token_reading import token_claims
from trustweft.audit.verdict import Reach, Role, Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.audit.access import Access
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

_NOT_REFRESHED: Final = "the server gave no refresh token to a client that this could be tried with"


@check(
    "TK-12",
    title="A refresh token works only for the client that it was issued to",
    sends="a client's refresh token, as another client",
    fix="Compare the authenticated client with the one that the refresh token was issued to.",
    requirements=("RFC9700-4.14.2-p4",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A5",),
    cwe="CWE-863",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def refresh_token_belongs_to_client(trial: Trial) -> Outcome:
    """A refresh token is a standing permission; another client that finds it must get nothing for it.

    RFC 6749 section 10.4 has the server keep the binding between a refresh token and its client. The check uses one
    as a second client with that client's own authentication and proof.
    """
    deployment = trial.deployment
    access = refreshable(trial)
    stranger = other_client(trial, access.party, able=refreshes)
    attack = trial.attack(
        "The refresh token used by another client",
        deployment.send_bound(deployment.refreshing(access, party=stranger), stranger),
    )
    return _with_control(
        trial,
        access,
        [attack],
        failure="Another client used the refresh token.",
        success="The refresh token was refused to another client.",
    )


@check(
    "TK-12-unauthenticated",
    title="A confidential client's refresh token does not work without its credentials",
    sends="a client's refresh token with nothing but its client_id",
    fix="Authenticate confidential clients at every grant, refreshing included.",
    requirements=("FAPI2-SP-5.3.2.1-6",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    cwe="CWE-306",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def refreshing_is_authenticated(trial: Trial) -> Outcome:
    """RFC 6749 section 6: a client with credentials authenticates when it refreshes.

    Servers that treat the refresh token itself as the credential hand new access tokens to whoever stole it.
    """
    deployment = trial.deployment
    access = refreshable(trial, client_that(trial, has_credentials, refreshes, lacking=_NOT_REFRESHED))
    bare = unauthenticated(deployment.refreshing(access), access.party).with_parameters(
        ("client_id", access.party.client_id)
    )
    attack = trial.attack("The refresh token without client authentication", bare)
    return _with_control(
        trial,
        access,
        [attack],
        failure="A refresh token was used without the client's credentials.",
        success="Without the client's credentials the refresh token was refused.",
    )


@check(
    "TK-12-public-key",
    title="A public client's refresh token works only with its key",
    sends="a public client's refresh token with the proof of another key",
    fix="Bind the refresh tokens of public clients to the key of the first proof, and check it.",
    requirements=("RFC9449-5-p5.1", "RFC9449-5-p5.2", "RFC9700-2.2.2-p1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    cwe="CWE-345",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def public_refresh_token_is_bound(trial: Trial) -> Outcome:
    """Without credentials the proof's key is all that ties a refresh token to its client (RFC 9449 section 5).

    Confidential clients may change the key, since they authenticate; this is about public ones alone.
    """
    deployment = trial.deployment
    party = _public(trial)
    trial.need(deployment.plan(party).binding == "dpop", "the server does not know DPoP")
    access = refreshable(trial, party)
    request = deployment.refreshing(access)
    proof = party.proof(
        "POST", request.url, nonce=deployment.wire.nonce(request.url), signer=party.other_signer
    )
    attack = trial.attack(
        "The refresh token with another key's proof",
        deployment.send_bound(request.with_header("dpop", proof), party, signer=party.other_signer),
    )
    return _with_control(
        trial,
        access,
        [attack],
        failure="A public client's refresh token worked with another key.",
        success="The refresh token was refused with another key.",
    )


@check(
    "TK-12-forged",
    title="A refresh token that was changed is refused",
    sends="a refresh token with a changed character, and unsigned where it is a JWT",
    fix="Keep refresh tokens as random handles, or verify the signature of those that say something.",
    requirements=("RFC9700-4.14.2-2.1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    cwe="CWE-345",
    owasp="API2:2023",
    gives=("foreign-data",),
)
def refresh_tokens_cannot_be_made(trial: Trial) -> Outcome:
    """A refresh token that says in itself whose grant it stands for must be protected against change.

    The check changes one character in its middle; of a JWT it also changes the subject under the old signature and
    takes the signature away.
    """
    deployment = trial.deployment
    access = refreshable(trial)
    token = access.refresh_token
    middle = len(token) // 2
    other = "A" if token[middle] != "A" else "B"
    forged = [("A changed character", token[:middle] + other + token[middle + 1 :])]
    if read_parts(token)[1]:
        forged += [
            ("Another subject under the old signature", with_claims(token, sub="somebody-else")),
            ("No signature", without_signature(token)),
        ]
    attacks = []
    for label, value in forged:
        request = deployment.refreshing(access).with_parameters(("refresh_token", value))
        attacks.append(trial.attack(label, deployment.send_bound(request, access.party)))
    return _with_control(
        trial,
        access,
        attacks,
        failure="A changed refresh token was accepted.",
        success="Changed refresh tokens were refused.",
    )


@check(
    "TK-12-other-kind",
    title="An access token or an ID token is no refresh token",
    sends="an access token, an ID token and a used code as refresh_token",
    fix="Tell the kinds of tokens apart: look refresh tokens up among refresh tokens alone.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    cwe="CWE-843",
    owasp="API2:2023",
    gives=("outlives",),
)
def other_tokens_do_not_refresh(trial: Trial) -> Outcome:
    """Where an access token can be traded for the next one, it never ends, and every resource server can do it."""
    deployment = trial.deployment
    access = refreshable(trial)
    code = next(
        (value for name, value in access.answer.request.form or () if name == "code"),
        "",
    )
    attacks = []
    for label, value in (
        ("The access token", access.token),
        ("The ID token", access.id_token),
        ("The used code", code),
    ):
        if value:
            request = deployment.refreshing(access).with_parameters(("refresh_token", value))
            attacks.append(trial.attack(label, deployment.send_bound(request, access.party)))
    return _with_control(
        trial,
        access,
        attacks,
        failure="Something that is no refresh token was accepted as one.",
        success="Other tokens were refused as refresh tokens.",
    )


@check(
    "TK-13",
    title="A confidential client's refresh token keeps its value",
    sends="a refresh token, twice",
    fix="Do not rotate refresh tokens of confidential clients; the binding to the client protects them.",
    requirements=("FAPI2-SP-5.3.2.1-9",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.FAPI_ALONE,
    cwe="CWE-440",
)
def refresh_tokens_are_not_rotated(trial: Trial) -> Outcome:
    """A client whose connection breaks at the wrong moment has lost the new refresh token, and so its user's consent.

    FAPI 2.0 section 5.3.2.1 therefore forbids rotation: the binding to an authenticated client already protects the
    token. Elsewhere rotation is a good choice, and nothing is said against it.
    """
    deployment = trial.deployment
    trial.need(deployment.claims_fapi, "the server does not claim FAPI, and rotation is a choice elsewhere")
    access = refreshable(trial, client_that(trial, has_credentials, refreshes, lacking=_NOT_REFRESHED))
    first = _refresh(trial, access)
    trial.control("The refresh token used once", first, good=lambda each: each.issued)
    new = first.text("refresh_token")
    if new and new != access.refresh_token:
        return failed("Each use of a refresh token gives a new one.")
    again = trial.observe("The same refresh token again", _refresh(trial, access))
    trial.need_clear([again])
    if again.issued:
        return passed("The refresh token kept its value, and worked twice.")
    return failed("The refresh token worked once, and no new one came.")


@check(
    "TK-13-reuse",
    title="A public client's refresh token is bound to its key, or replaced with each use",
    sends="a public client's refresh token twice, then the token that came of it",
    fix="Rotate the refresh tokens of public clients and end the grant when an old one comes, or bind them to a key.",
    requirements=("RFC9700-2.2.2-p1", "RFC9700-4.14.2-p4"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A5",),
    cwe="CWE-294",
    owasp="API2:2023",
    gives=("client-impersonated",),
)
def public_refresh_tokens_are_noticed(trial: Trial) -> Outcome:
    """Nobody can tell a thief from a public client, but two users of one token can be told from one.

    RFC 9700 section 4.14.2: such refresh tokens are bound to a key or replaced with each use; an old one that comes
    again ends the grant.
    """
    deployment = trial.deployment
    party = _public(trial)
    access = refreshable(trial, party)
    bound = _bound_how(trial, access)
    if bound:
        return passed(bound)
    first = _refresh(trial, access)
    trial.control("The refresh token used once", first, good=lambda each: each.issued)
    again = trial.attack("The same refresh token again", _refresh(trial, access))
    trial.need_clear([again])
    if again.issued and first.text("refresh_token") not in ("", access.refresh_token):
        return suspected(
            "A refresh token of a public client works beside the one that replaced it: for a moment, or for ever."
        )
    if again.issued:
        return failed("A public client's refresh token works again and again, for whoever has it.")
    if not first.text("refresh_token"):
        return passed("The refresh token worked once.")
    request = deployment.refreshing(access).with_parameters(("refresh_token", first.text("refresh_token")))
    after = trial.attack("The new refresh token after the old one came again", request)
    if after.issued:
        return failed("The old refresh token was refused, but its reuse did not end the new one.")
    return passed("The old refresh token was refused, and its reuse ended the grant.")


def _bound_how(trial: Trial, access: Access) -> str:
    """Say to what a public client's tokens are bound; empty where they are bound to nothing.

    A refresh token is bound to the certificate where the access token is (RFC 8705 section 4), which names it.

    Raises:
        Inconclusive: the client shows a certificate, and its token names none or cannot be read.
    """
    binding = trial.deployment.plan(access.party).binding
    if binding == "dpop" and access.scheme == "DPoP":
        return "Tokens of this client are bound to a key; TK-12-public-key tries whether that holds."
    if binding != "mtls":
        return ""
    confirmation = token_claims(trial.deployment, access).get("cnf")
    if not isinstance(confirmation, dict) or "x5t#S256" not in confirmation:
        raise Inconclusive("the client has a certificate, and nothing shows that its tokens are bound to it")
    return "Tokens of this client name the certificate that they are bound to (cnf x5t#S256)."


@check(
    "TK-14",
    title="Refreshing does not widen the scope",
    sends="a refresh token of a narrow scope, asking for a wider one",
    fix="Refuse a scope beyond that of the refresh token with invalid_scope.",
    requirements=("RFC9700-4.14.2-p2",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-269",
    owasp="API5:2023",
    gives=("rights-widened",),
)
def refreshing_does_not_widen(trial: Trial) -> Outcome:
    """What the user agreed to bounds every token of the grant (RFC 6749 section 6).

    The check lets the user agree to a narrow scope, and asks for the client's whole scope when it refreshes.
    """
    deployment = trial.deployment
    party = client_that(
        trial, _can_ask_for_less, refreshes, lacking="no client gets a refresh token and can ask for less"
    )
    wide, narrow = party.entry.scope, narrow_scope(party)
    access = refreshable(trial, party, scope=narrow)
    attack = trial.attack(
        "A refresh with the wider scope",
        deployment.send_bound(deployment.refreshing(access, ("scope", wide)), party),
    )
    beyond = set(wide.split()) - set(access.scope.split())
    if not beyond:
        raise Inconclusive("the server gave the whole scope although a part was asked for")
    return _with_control(
        trial,
        access,
        [attack],
        accepted=lambda each: each.issued and bool(beyond & set(granted_scope(each, wide))),
        failure=f"Refreshing gave what the user had not agreed to: {' '.join(sorted(beyond))}.",
        success="Refreshing did not widen the scope.",
    )


def _can_ask_for_less(_trial: Trial, party: Party) -> bool:
    return set(narrow_scope(party).split()) < set(party.entry.scope.split())


def narrow_scope(party: Party) -> str:
    """Return a part of the client's scope: the one that the target file names, else its first value."""
    return party.entry.narrow_scope or (party.entry.scope.split() or [""])[0]


def refreshable(trial: Trial, party: Party | None = None, *, scope: str | None = None) -> Access:
    """Obtain an access token with a refresh token that no other check uses; of the first client that gets one.

    Raises:
        Inconclusive: no token came.
        NotApplicable: the client may not use codes, or the server gives no refresh tokens.
    """
    party = party or client_that(trial, refreshes, lacking=_NOT_REFRESHED)
    trial.need(refreshes(trial, party), _NOT_REFRESHED)
    access = trial.deployment.fresh_access(party, scope=scope)
    trial.need(access.refresh_token, _NOT_REFRESHED)
    return access


def _refresh(trial: Trial, access: Access) -> Exchange:
    return trial.deployment.send_bound(trial.deployment.refreshing(access), access.party)


def _with_control(
    trial: Trial,
    access: Access,
    attacks: list[Exchange],
    *,
    failure: str,
    success: str,
    accepted: Callable[[Exchange], bool] = lambda each: each.issued,
) -> Outcome:
    """Judge the attacks; where each was refused, the refresh token itself must still be good for something.

    A server may have taken it as spent by the attack: then another one shows that this client can refresh at all.
    """
    outcome = trial.judge(attacks, accepted=accepted, failure=failure, success=success)
    if outcome.verdict is Verdict.PASS:
        again = trial.observe("The same refresh token used by its client", _refresh(trial, access))
        if not again.issued:
            trial.control(
                "Another refresh token of this client",
                _refresh(trial, refreshable(trial, access.party)),
                good=lambda each: each.issued,
            )
    return outcome


def _public(trial: Trial) -> Party:
    public = [each for each in trial.deployment.parties if each.entry.authentication == "none"]
    trial.need(public, "no client of the target file is public")
    return public[0]
