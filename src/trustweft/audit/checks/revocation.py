"""Revocation: who may end a token, and that it then is at its end (RFC 7009).

What ends here is what the check itself began. There are servers that end everything between a client and a user with
one token, so that these checks run after the others, one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed
from trustweft.audit.checks.introspection import active
from trustweft.audit.checks.refresh import refreshable
from trustweft.audit.door import unauthenticated
from trustweft.audit.exchange import Request, form_request
from trustweft.audit.token_reading import introspecting, introspector
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.access import Access
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial


def revoking(trial: Trial, party: Party, token: str, hint: str | None = None) -> Request:
    """Return a client's authenticated request to end a token (RFC 7009 section 2.1).

    Raises:
        NotApplicable: the server offers no revocation.
    """
    url = trial.deployment.plan(party).endpoint("revocation_endpoint", party)
    hints = () if hint is None else (("token_type_hint", hint),)
    return party.authenticate(form_request(url, ("token", token), *hints))


def _offered(trial: Trial) -> None:
    trial.need(
        trial.deployment.discovery.text("revocation_endpoint"), "the server names no revocation_endpoint"
    )


def _refreshed(trial: Trial, access: Access) -> Exchange:
    return trial.deployment.send_bound(trial.deployment.refreshing(access), access.party)


@check(
    "RV-01",
    title="Nobody can end a client's tokens without its credentials",
    sends="a revocation request without client authentication",
    fix="Authenticate the client at the revocation endpoint.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-306",
    owasp="API2:2023",
    alone=True,
)
def revoking_needs_credentials(trial: Trial) -> Outcome:
    """Whoever finds a token could cut its user off; RFC 7009 section 2.1 has the client authenticate first.

    The check tries to end a refresh token of its own without credentials, and then uses it.
    """
    _offered(trial)
    trial.need(trial.deployment.party().entry.authentication != "none", "the client has no credentials")
    access = refreshable(trial)
    alive = _dead_at(trial, access) is False
    bare = unauthenticated(revoking(trial, access.party, access.refresh_token))
    trial.attack("No credentials", bare)
    trial.attack("client_id alone", bare.with_parameters(("client_id", access.party.client_id)))
    return _survives(trial, access, alive, "A token was revoked without its client's credentials.")


@check(
    "RV-01-client",
    title="A client cannot end another client's tokens",
    sends="a client's revocation request for another client's tokens",
    fix="Compare the authenticated client with the one that the token was issued to.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A5",),
    cwe="CWE-863",
    owasp="API1:2023",
    alone=True,
)
def clients_end_their_own(trial: Trial) -> Outcome:
    """RFC 7009 section 2.1: a token of another client is not revoked. The check then uses the refresh token."""
    _offered(trial)
    stranger = trial.deployment.party(1)
    access = refreshable(trial)
    alive = _dead_at(trial, access) is False
    trial.attack("Another client revokes the refresh token", revoking(trial, stranger, access.refresh_token))
    trial.attack("Another client revokes the access token", revoking(trial, stranger, access.token))
    return _survives(trial, access, alive, "Another client ended the client's token.")


def _survives(trial: Trial, access: Access, alive: bool, failure: str) -> Outcome:  # noqa: FBT001  # of the two
    """Say whether tokens work as before; ``alive`` is whether the access token could be seen to."""
    trial.need_clear([each.exchange for each in trial.evidence if each.kind == "attack"])
    after = trial.observe("The refresh token afterwards", _refreshed(trial, access))
    trial.need_clear([after])
    if not after.issued or (alive and _dead_at(trial, access)):
        return failed(failure)
    token = after.text("refresh_token") or access.refresh_token  # it may have been replaced
    trial.control(
        "The client revokes it itself",
        trial.deployment.wire.send(revoking(trial, access.party, token, "refresh_token")),
    )
    again = trial.deployment.refreshing(access).with_parameters(("refresh_token", token))
    trial.control(
        "The refresh token after its client revoked it",
        trial.deployment.send_bound(again, access.party),
        good=lambda each: not each.issued,
    )
    return passed("The tokens went on working until their client revoked them.")


@check(
    "RV-02",
    title="A refresh token that was revoked is at its end",
    sends="the revocation of a refresh token, then the token",
    fix="Delete or mark the refresh token, and look at the mark when it comes.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("outlives",),
    alone=True,
)
def revoked_refresh_token(trial: Trial) -> Outcome:
    """A person who disconnects a client believes that it is over (RFC 7009 section 2)."""
    _offered(trial)
    access = refreshable(trial)
    revoked = trial.deployment.wire.send(revoking(trial, access.party, access.refresh_token, "refresh_token"))
    trial.control("The revocation", revoked)
    attack = trial.attack("The refresh token after its revocation", _refreshed(trial, access))
    return trial.tokens_refused(
        [attack],
        failure="The refresh token works after its revocation.",
        success="The refresh token was refused after its revocation.",
    )


@check(
    "RV-02-access",
    title="An access token that was revoked is at its end",
    sends="the revocation of an access token, then a request with it",
    fix="Remember revoked access tokens until they expire, and look there at introspection and userinfo.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("outlives",),
    alone=True,
)
def revoked_access_token(trial: Trial) -> Outcome:
    """A server that answers 200 has said that the token is dead; a client relies on it (RFC 7009 section 2.2).

    The check asks introspection, or else userinfo. A server that cannot revoke access tokens says
    ``unsupported_token_type``.
    """
    _offered(trial)
    access = trial.deployment.fresh_access()
    if _dead_at(trial, access) is not False:
        raise Inconclusive("a good access token is refused before its revocation, or nothing can tell")
    revoked = trial.deployment.wire.send(revoking(trial, access.party, access.token, "access_token"))
    if revoked.text("error") == "unsupported_token_type":
        raise NotApplicable("the server says that it cannot revoke access tokens")
    trial.control("The revocation", revoked)
    if _dead_at(trial, access):
        return passed("The access token was refused after its revocation.")
    return failed("The access token works after its revocation, which the server had confirmed.")


@check(
    "RV-02-cascade",
    title="With its refresh token an access token ends",
    sends="the revocation of a refresh token, then a request with its access token",
    fix="End the whole grant when its refresh token is revoked.",
    requirements=("FAPI2-SP-6.8-4",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-613",
    owasp="API2:2023",
    gives=("outlives",),
    alone=True,
)
def revocation_takes_the_grant(trial: Trial) -> Outcome:
    """RFC 7009 section 2.1: where access tokens can be revoked, they should go with the refresh token."""
    _offered(trial)
    access = refreshable(trial)
    if _dead_at(trial, access) is not False:
        raise Inconclusive("a good access token is refused before its revocation, or nothing can tell")
    revoked = trial.deployment.wire.send(revoking(trial, access.party, access.refresh_token, "refresh_token"))
    trial.control("The revocation of the refresh token", revoked)
    if _dead_at(trial, access):
        return passed("The access token was refused after its refresh token was revoked.")
    return failed("The access token works after its refresh token was revoked.")


@check(
    "RV-03",
    title="Revoking what is no token succeeds",
    sends="the revocation of an invented token",
    fix="Answer 200 to tokens that are unknown or already at their end (RFC 7009 section 2.2).",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-203",
)
def unknown_token_is_revoked(trial: Trial) -> Outcome:
    """The wish is fulfilled already; another answer would tell tokens from guesses, and make clients retry for nothing."""
    _offered(trial)
    party = trial.deployment.party()
    token = trial.deployment.entropy.token()
    answer = trial.observe("An invented token", trial.deployment.wire.send(revoking(trial, party, token)))
    trial.need_clear([answer])
    if answer.status == 200:  # noqa: PLR2004  # RFC 7009 section 2.2
        return passed("An invented token was answered with 200.")
    return failed(f"An invented token was answered with {answer.status} {answer.error}.")


def _dead_at(trial: Trial, access: Access) -> bool | None:
    """Return whether introspection, else userinfo, else an API refuses a token; None where nothing can tell."""
    deployment = trial.deployment
    if deployment.discovery.text("introspection_endpoint"):
        answer = deployment.wire.send(introspecting(deployment, introspector(deployment), access.token))
        trial.observe("Introspection of the access token", answer)
        if answer.ok:
            return not active(answer)
    if deployment.discovery.text("userinfo_endpoint") and access.id_token:
        url = deployment.plan(access.party).endpoint("userinfo_endpoint", access.party)
        request = Request(method="GET", url=url)
    else:
        protected = [each for each in deployment.operations if each.safe and not each.public]
        if not protected:
            return None
        request = protected[0].request()
    answer = deployment.send_call(deployment.using(request, access), access)
    trial.observe("A request with the access token", answer)
    trial.need_clear([answer])
    return not answer.ok
