"""Revocation: who may end a token, and that it then is at its end (RFC 7009).

What ends here is what the check itself began. There are servers that end everything between a client and a user with
one token, so that these checks run after the others, one by one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from trustweft.audit.access import read_access
from trustweft.audit.answers import served
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed
from trustweft.audit.checks.introspection import active
from trustweft.audit.checks.refresh import refreshable
from trustweft.audit.clients import client_that, has_credentials, other_client, refreshes, revokes
from trustweft.audit.exchange import Request, form_request
from trustweft.audit.parties import unauthenticated
from trustweft.audit.protected import protected
from trustweft.audit.token_reading import introspecting, introspector
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trustweft.audit.access import Access
    from trustweft.audit.check import Outcome
    from trustweft.audit.clients import Ability
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.parties import Party
    from trustweft.audit.trial import Trial

_REFUSALS: Final = frozenset({400, 401, 403})  # a token that is at its end; anything else says something else


def revoking(trial: Trial, party: Party, token: str, hint: str | None = None) -> Request:
    """Return a client's authenticated request to end a token (RFC 7009 section 2.1).

    Raises:
        NotApplicable: the server offers no revocation.
    """
    url = trial.deployment.plan(party).endpoint("revocation_endpoint", party)
    hints = () if hint is None else (("token_type_hint", hint),)
    return party.authenticate(form_request(url, ("token", token), *hints))


def revoking_client(trial: Trial, *abilities: Ability) -> Party:
    """Return the first client that the revocation endpoint lets in; the first of all where it lets in none."""
    try:
        return client_that(trial, *abilities, revokes, lacking="no client is let in")
    except (Inconclusive, NotApplicable):
        return trial.deployment.party()


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
    access = _proven(trial, has_credentials)
    sight = _sight(trial, access)
    bare = unauthenticated(revoking(trial, access.party, access.refresh_token), access.party)
    trial.attack("No credentials", bare)
    named = bare.with_parameters(("client_id", access.party.client_id))
    trial.attack("client_id alone", named)
    trial.attack("client_id alone, for the access token", named.with_parameters(("token", access.token)))
    return _survives(trial, access, sight, "A token was revoked without its client's credentials.")


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
    """RFC 7009 section 2.1: a token of another client is not revoked. The check then uses the tokens.

    What the endpoint answers does not count: it says 200 to tokens that are none as well (section 2.2).
    """
    _offered(trial)
    access = _proven(trial)
    stranger = other_client(trial, access.party, able=revokes)
    sight = _sight(trial, access)
    trial.attack("Another client revokes the refresh token", revoking(trial, stranger, access.refresh_token))
    trial.attack("Another client revokes the access token", revoking(trial, stranger, access.token))
    return _survives(trial, access, sight, "Another client ended the client's token.")


def _refreshable_and_revocable(trial: Trial, *abilities: Ability) -> Access:
    lacking = "no client that this could be tried with gets a refresh token and can revoke it"
    return refreshable(trial, client_that(trial, *abilities, refreshes, revokes, lacking=lacking))


def _proven(trial: Trial, *abilities: Ability) -> Access:
    """Return tokens whose refresh token is known to work: it was used once, and is the one that came for it.

    Raises:
        Inconclusive: the client's refresh tokens do not work.
        NotApplicable: it gets none.
    """
    access = _refreshable_and_revocable(trial, *abilities)
    answer = trial.control(
        "A refresh token used by its client", _refreshed(trial, access), good=lambda each: each.issued
    )
    renewed = read_access(
        answer, party=access.party, user=access.user, flow=access.flow, now=trial.deployment.clock.now()
    )
    return replace(
        renewed,
        refresh_token=renewed.refresh_token or access.refresh_token,  # it may not have been replaced
        id_token=renewed.id_token or access.id_token,
    )


def _survives(trial: Trial, access: Access, sight: _Sight | None, failure: str) -> Outcome:
    """Say whether tokens work as before; without ``sight`` the refresh token alone tells.

    The access token is looked at before its refresh token is used: there are servers that end it with that.
    """
    trial.need_clear([each.exchange for each in trial.evidence if each.kind == "attack"])
    ended = sight is not None and sight.ended(trial)
    after = trial.observe("The refresh token afterwards", _refreshed(trial, access))
    trial.need_clear([after])
    if not after.issued or ended:
        return failed(failure)
    token = after.text("refresh_token") or access.refresh_token
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
    """A person who disconnects a client believes that it is over (RFC 7009 section 2).

    The refresh token has worked before, so that a refusal is for the revocation.
    """
    _offered(trial)
    access = _proven(trial)
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
    ``unsupported_token_type``. Whether APIs hear of it is another question (RS-10): their refusal proves that the token
    ended, and that they serve it proves nothing of the server.
    """
    _offered(trial)
    access = trial.deployment.fresh_access(revoking_client(trial))
    sight = _sight_before(trial, access)
    revoked = trial.deployment.wire.send(revoking(trial, access.party, access.token, "access_token"))
    if revoked.text("error") == "unsupported_token_type":
        raise NotApplicable("the server says that it cannot revoke access tokens")
    trial.control("The revocation", revoked)
    if sight.ended(trial):
        return passed("The access token was refused after its revocation.")
    trial.need(sight.of_server, "only an API could tell, and it need not have heard of it: see RS-10")
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
    access = _refreshable_and_revocable(trial)
    sight = _sight_before(trial, access)
    revoked = trial.deployment.wire.send(revoking(trial, access.party, access.refresh_token, "refresh_token"))
    trial.control("The revocation of the refresh token", revoked)
    if sight.ended(trial):
        return passed("The access token was refused after its refresh token was revoked.")
    trial.need(sight.of_server, "only an API could tell, and it need not have heard of it: see RS-10")
    return failed("The access token works after its refresh token was revoked.")


@check(
    "RV-03",
    title="Revoking what is no token succeeds",
    sends="the revocation of an invented token",
    fix="Answer 200 to tokens that are unknown or already at their end (RFC 7009 section 2.2).",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-203",
    alone=True,  # with the good token a server may end all that its client and user have
)
def unknown_token_is_revoked(trial: Trial) -> Outcome:
    """The wish is fulfilled already; another answer would tell tokens from guesses, and make clients retry for nothing."""
    _offered(trial)
    party = revoking_client(trial)
    known = trial.deployment.fresh_access(party).token
    # Whoever may not revoke at all is refused for that, and not for the token.
    trial.control("A good token of this client", trial.deployment.wire.send(revoking(trial, party, known)))
    token = trial.deployment.entropy.token()
    answer = trial.observe("An invented token", trial.deployment.wire.send(revoking(trial, party, token)))
    trial.need_clear([answer])
    if answer.ok:
        return passed(f"An invented token was answered with {answer.status}.")
    return failed(f"An invented token was answered with {answer.says}.")


_INTROSPECTION: Final = "Introspection of the access token"


@dataclass(frozen=True, slots=True)
class _Sight:
    """Where it can be seen whether an access token works.

    Attributes:
        name: of what is asked, in words.
        of_server: whether the authorization server itself answers there.
        says_so: whether the answer itself says that a token has ended, and is a good answer then too.
        ask: sends the token there.
        works: whether an answer says that the token is good.
    """

    name: str
    of_server: bool
    says_so: bool
    ask: Callable[[], Exchange]
    works: Callable[[Exchange], bool]

    def ended(self, trial: Trial) -> bool:
        """Ask again, and tell whether the token is refused now.

        Raises:
            Inconclusive: the answer says neither.
        """
        answer = trial.observe(f"{self.name} afterwards", self.ask())
        trial.need_clear([answer])
        if self.works(answer):
            return False
        if self.says_so:
            return True
        # What another call shows is other data, and no refusal.
        if answer.status not in _REFUSALS:
            raise Inconclusive(f"{self.name} answered {answer.status}, which says nothing of the token")
        return True


def _sight_before(trial: Trial, access: Access) -> _Sight:
    sight = _sight(trial, access)
    if sight is None:
        raise Inconclusive("a good access token is refused before its revocation, or nothing can tell")
    return sight


def _sight(trial: Trial, access: Access) -> _Sight | None:
    """Return introspection, else userinfo, else an API where the token works now; None where it works nowhere."""
    for name, of_server, ask, by in _places(trial, access):
        before = trial.observe(f"{name} before", ask())
        if by(before, before):
            return _Sight(name, of_server, name == _INTROSPECTION, ask, partial(_compared, by, before))
    return None


def _compared(by: Callable[[Exchange, Exchange], bool], before: Exchange, answer: Exchange) -> bool:
    return by(answer, before)


def _places(
    trial: Trial, access: Access
) -> Iterator[tuple[str, bool, Callable[[], Exchange], Callable[[Exchange, Exchange], bool]]]:
    """Return what can be asked: its name, whose it is, how it is asked, and how an answer compares with the first."""
    deployment = trial.deployment

    def call(request: Request) -> Exchange:
        return deployment.send_call(deployment.using(request, access), access)

    if deployment.discovery.text("introspection_endpoint"):
        party = introspector(deployment, access.party)
        yield (
            _INTROSPECTION,
            True,
            lambda: deployment.wire.send(introspecting(deployment, party, access.token)),
            lambda answer, _before: active(answer),
        )
    if deployment.discovery.text("userinfo_endpoint") and access.id_token:
        url = deployment.plan(access.party).endpoint("userinfo_endpoint", access.party)
        yield "Userinfo", True, lambda: call(Request(method="GET", url=url)), served
    with suppress(NotApplicable):
        operation = protected(trial, 1, with_userinfo=False)[0]
        yield operation.name, False, lambda: call(operation.request()), served
