"""The login: the right password, no hints about who has an account, and an end to guessing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trustweft.audit.asking import good_request, judge_replies, reply_of
from trustweft.audit.check import Inconclusive, check, failed, passed, suspected
from trustweft.audit.interaction import asks_for_credentials, consent_form, try_password
from trustweft.audit.pages import read_page
from trustweft.audit.verdict import Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.target import User
    from trustweft.audit.trial import Trial
    from trustweft.audit.user_agent import Visit

_GUESSES: Final = 15
_TOO_MANY: Final = 429


def _try(trial: Trial, user: User) -> Visit:
    deployment = trial.deployment
    return try_password(deployment.browser(deployment.party()), deployment.flow().start_url(), user)


def _wrong(trial: Trial, user: User) -> User:
    return replace(user, password=f"not-{trial.deployment.entropy.token()}")


@check(
    "AZ-23-password",
    title="Nobody logs in with a wrong password",
    sends="one login with a wrong password, and one without",
    fix="Compare the password with the stored hash, and go no further where it differs.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.CRITICAL,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-287",
    owasp="API2:2023",
    gives=("foreign-data",),
)
def wrong_password_is_refused(trial: Trial) -> Outcome:
    """All that follows rests on who logged in. The check tries a wrong password, and an empty one."""
    deployment = trial.deployment
    trial.need(deployment.user().password, "the target file has no password for the user")
    good_request(trial)
    attempts = []
    for label, user in (
        ("a wrong password", _wrong(trial, deployment.user())),
        ("an empty password", replace(deployment.user(), password="")),
    ):
        visit = _try(trial, user)
        attempts.append((label, reply_of(visit)))
    return judge_replies(
        trial,
        attempts,
        accepted=lambda reply: bool(reply.code) or consent_form(reply.decisive) is not None,
        failure="Somebody logged in without the password.",
        success="Without the right password nobody was logged in.",
    )


@check(
    "AZ-23-names",
    title="The login does not tell who has an account",
    sends="one login with a wrong password, and one of somebody who does not exist",
    fix="Answer unknown names and wrong passwords with the same words and the same status.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-204",
    owasp="API2:2023",
)
def login_names_nobody(trial: Trial) -> Outcome:
    """Who knows which names exist needs to guess passwords only.

    The check compares the answers to a wrong password and to an unknown name: status, address, and words.
    """
    deployment = trial.deployment
    trial.need(deployment.user().password, "the target file has no password for the user")
    good_request(trial)
    known = _wrong(trial, deployment.user())
    nobody = replace(known, username=_like(known.username))
    first = trial.observe("A wrong password", _try(trial, known).last)
    second = trial.attack("A name that does not exist", _try(trial, nobody).last)
    if first.broke or second.broke or _TOO_MANY in (first.status, second.status):
        raise Inconclusive("the login did not answer as it does to one attempt")
    if first.status != second.status:
        return failed(
            f"A wrong password is answered with {first.status}, an unknown name with {second.status}."
        )
    if _words(first, known.username) != _words(second, nobody.username):
        return failed("A wrong password and an unknown name are answered with different words.")
    return passed("A wrong password and an unknown name get the same answer.")


def _like(name: str) -> str:
    """Return a name of the same form that nobody has."""
    local, separator, domain = name.partition("@")
    return f"{local}zq{len(local)}x{separator}{domain}"


def _words(page: Exchange, name: str) -> str:
    """Return the words of a page, without the name and without whatever differs from page to page."""
    text = read_page(page.page()).text.replace(name, "")
    return " ".join(re.sub(r"[\w-]{20,}|\d+", "", text).split())


@check(
    "AZ-23-guessing",
    title="Guessing passwords comes to an end",
    sends=f"{_GUESSES} logins with wrong passwords, of somebody who does not exist",
    fix="Slow down or refuse further attempts after a few, by name and by address.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.STATE,
    rfc9700_attackers=("A1",),
    cwe="CWE-307",
    owasp="API2:2023",
    alone=True,
)
def guessing_ends(trial: Trial) -> Outcome:
    """Most passwords fall to a short list, unless the server stops counting on patience.

    The check guesses for a name that nobody has, so that nobody is locked out, and looks for a sign of a brake: a
    status of 429, a wait, or other words than before. Seeing none is a suspicion, since the limit may be higher.
    """
    deployment = trial.deployment
    good_request(trial)
    user = _wrong(trial, replace(deployment.user(), username=_like(deployment.user().username)))
    pages = [trial.attack(f"Guess {number + 1}", _try(trial, user).last) for number in range(_GUESSES)]
    first, last = pages[0], pages[-1]
    slower = last.status == _TOO_MANY or last.header("retry-after") is not None
    if (
        slower
        or _words(first, user.username) != _words(last, user.username)
        or not asks_for_credentials(last)
    ):
        return passed(f"After {_GUESSES} wrong passwords the server answers differently ({last.status}).")
    return suspected(f"{_GUESSES} wrong passwords in a row met no brake.")
