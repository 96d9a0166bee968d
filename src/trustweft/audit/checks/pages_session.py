"""Login and consent belong to one browser: forms that others send, plant or take along change nothing."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

from trustweft.audit.asking import Reply, good_request, judge_replies, reply_of
from trustweft.audit.check import Inconclusive, NotApplicable, check, failed, passed
from trustweft.audit.consenting import REMEMBERED, ask_for_consent
from trustweft.audit.forgery import forged, send_cross_site
from trustweft.audit.interaction import (
    agreement,
    asks_for_credentials,
    copy_cookies,
    filled_login,
    login_page,
    stop_at_consent,
    stop_at_login,
)
from trustweft.audit.verdict import Role, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from http.cookiejar import Cookie

    from trustweft.audit.check import Outcome
    from trustweft.audit.consenting import Asked
    from trustweft.audit.exchange import Exchange, Request
    from trustweft.audit.parties import Party
    from trustweft.audit.target import User
    from trustweft.audit.trial import Trial
    from trustweft.audit.user_agent import UserAgent, Visit


def _attacker(trial: Trial) -> User:
    """Return the second user, as the attacker; the only one where there is no second."""
    return trial.deployment.user(1 if len(trial.deployment.users) > 1 else 0)


def _browser(trial: Trial) -> UserAgent:
    return trial.deployment.browser(trial.deployment.party())


def _filled(page: Exchange, user: User) -> Request:
    """Return the login form of a page as ``user`` sends it."""
    form = login_page(page)
    if form is None:
        raise Inconclusive("the login page has no form any more")
    return filled_login(page, form, user)


def _without_credentials(browser: UserAgent, url: str, nobody: User) -> Visit:
    """Open a URL and go on as long as no page asks who somebody is."""
    return browser.go_on(browser.open(url), nobody, until=asks_for_credentials)


@check(
    "AZ-16-login",
    title="A foreign page cannot log a browser in",
    sends="the attacker's login form, as a foreign page makes the victim's browser send it",
    fix="Tie the login form to the browser with a token, and give the session's cookie SameSite=Lax.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-352",
    owasp="API8:2023",
    gives=("login-forced",),
)
def login_cannot_be_forged(trial: Trial) -> Outcome:
    """Logged in as the attacker without noticing, the victim connects applications to the attacker's account.

    The check sends what a foreign page can: fields that are the same in every browser, the attacker's name and
    password, and cookies that browsers let come along. Then it looks whether the browser is taken for logged in.
    """
    deployment = trial.deployment
    good_request(trial)
    flow = deployment.flow()
    url = flow.start_url()
    victim, attacker = _browser(trial), _attacker(trial)
    shown = stop_at_login(victim, url, attacker).last
    trial.observe("The login page in the victim's browser", shown)
    mine = _filled(_elsewhere(trial, stop_at_login, url, attacker).last, attacker)
    form = _filled(shown, attacker)
    names = dict(form.form or ())
    knows = {name: value for name, value in names.items() if value in (attacker.username, attacker.password)}
    request = forged(form, mine, knows=knows)
    if request is None:
        return passed(
            "The address of the login form is another in each browser, so a foreign page cannot know it."
        )
    trial.attack("The login form as a foreign page sends it", send_cross_site(victim, request))
    visit = _without_credentials(victim, deployment.flow().start_url(), attacker)
    trial.observe("The next request in the victim's browser", visit.last)
    if visit.callback is None and asks_for_credentials(visit.last):
        return passed("After the forged form the browser is still asked to log in.")
    return failed("A foreign page logged the browser in.")


@check(
    "AZ-16-consent",
    title="A foreign page cannot agree in the user's name",
    sends="the consent form, as a foreign page makes the victim's browser send it",
    fix="Give the consent form a token that only the user's own page has.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-352",
    owasp="API8:2023",
    gives=("rights-widened", "login-forced"),
    agrees=True,
)
def consent_cannot_be_forged(trial: Trial) -> Outcome:
    """Whoever is logged in could be made to agree to anything by a page that they happen to visit.

    The check sends the consent form with what a foreign page can know: fields that are the same in the attacker's
    browser; and once as the attacker's own form. Cookies come along as browsers let them.
    """
    deployment = trial.deployment
    good_request(trial)
    asked = ask_for_consent(deployment)
    victim = asked.flow.browser
    attacker, shown = _shown_to_attacker(trial, asked)
    mine = agreement(shown)
    attempts = []
    request = forged(agreement(asked.page), mine, knows={})
    if request is not None:
        attempts.append(("The consent form as a foreign page sends it", request))
    if attacker.username != asked.user.username:
        attempts.append(("The attacker's own form, sent by the victim's browser", mine))
    if not attempts:
        return passed(
            "The address of the consent form is another in each browser, so a foreign page cannot know it."
        )
    replies = [
        (label, Reply(exchanges=(send_cross_site(victim, each),), callback=None)) for label, each in attempts
    ]
    return judge_replies(
        trial,
        replies,
        accepted=_redirects_with_code,
        failure="A foreign page agreed in the user's name.",
        success="Consent that a foreign page sends was refused.",
    )


def _elsewhere(
    trial: Trial,
    stop: Callable[[UserAgent, str, User], Visit],
    url: str,
    user: User,
    party: Party | None = None,
) -> Visit:
    """Come to the same page in another browser: by the same link, or by a new one where the first is tied to a browser."""
    deployment = trial.deployment
    party = party or deployment.party()
    try:
        return stop(deployment.browser(party), url, user)
    except (Inconclusive, NotApplicable):
        return stop(deployment.browser(party), deployment.flow(party).start_url(), user)


def _shown_to_attacker(trial: Trial, asked: Asked) -> tuple[User, Exchange]:
    """Return who else is shown the page of the same request, and the page; the user where no attacker is asked.

    Another browser of the user's shows which fields differ from browser to browser. Its form is the user's own.
    """
    others = [each for each in trial.deployment.users if each.username != asked.user.username]
    for user in (*others[:1], asked.user):
        try:
            return user, _elsewhere(trial, stop_at_consent, asked.url, user, asked.flow.party).last
        except NotApplicable:
            continue
    raise Inconclusive(REMEMBERED)


def _redirects_with_code(reply: Reply) -> bool:
    return bool(reply.decisive.location_parameters().get("code"))


@check(
    "AZ-16-fixation",
    title="Cookies from before a login open nothing after it",
    sends="logins in browsers whose cookies another browser has copied, or planted, before",
    fix="Give the browser a new session when somebody logs in.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-384",
    owasp="API2:2023",
    gives=("login-forced",),
)
def session_is_renewed(trial: Trial) -> Outcome:
    """Who can plant a cookie, from a sibling domain or on a shared computer, waits for the victim to log in with it.

    The check copies a browser's cookies before the login, and afterwards opens what the victim sees, and a new
    request, with the copy. Then it plants a value of its own under the name of each cookie that only the login brought,
    and does the same. No page may let it on without asking who it is. Where a planted value spoils the victim's own
    login, what it opens elsewhere says nothing, and does not count.
    """
    deployment = trial.deployment
    good_request(trial)
    victim, thief = _browser(trial), _browser(trial)
    after = _logged_in(trial, victim, lambda: copy_cookies(victim, thief))
    early = {cookie.name for cookie in thief.cookies.jar}
    addresses = [] if after is None or after.callback else [("what the victim sees", after.last.request.url)]
    addresses.append(("a new request", deployment.flow().start_url()))
    replies = [
        (f"The copied cookies open {label}", reply_of(_without_credentials(thief, url, deployment.user())))
        for label, url in (addresses if early else ())
    ]
    late = [cookie for cookie in victim.cookies.jar if cookie.name not in early and cookie.value]
    planted = _planted(trial, late) if late else None
    if planted is not None:
        replies.append(("The planted cookies open a new request", planted))
    if late and not replies:
        raise Inconclusive("nobody could be logged in with planted cookies, and none are set before a login")
    trial.need(replies, "the server sets no cookie")
    return judge_replies(
        trial,
        replies,
        failure="Cookies from before the login were logged in after it.",
        success="Cookies from before the login opened nothing after it.",
    )


def _logged_in(trial: Trial, browser: UserAgent, before: Callable[[], None]) -> Visit | None:
    """Log the user in; what is to happen ``before`` happens while the login page is shown."""
    user = trial.deployment.user()
    shown = stop_at_login(browser, trial.deployment.flow().start_url(), user)
    trial.observe("The login page", shown.last)
    before()
    return browser.step(shown, user)


def _planted(trial: Trial, cookies: Sequence[Cookie]) -> Reply | None:
    """Log the user in with cookies that somebody planted, and return what these open elsewhere.

    None where they spoil the login, for example because the server signs its cookies: then they open nothing anyway.
    """
    victim, thief = _browser(trial), _browser(trial)
    for cookie in cookies:
        planted = copy(cookie)
        length = len(cookie.value or "")
        planted.value = trial.deployment.entropy.octets(length).hex()[:length]  # what any session store takes
        victim.cookies.jar.set_cookie(planted)
        thief.cookies.jar.set_cookie(copy(planted))
    try:
        _logged_in(trial, victim, lambda: None)
        opened, own = (_opens(trial, each) for each in (thief, victim))
    except (Inconclusive, NotApplicable):
        return None
    return opened if opened.code or own.code else None


def _opens(trial: Trial, browser: UserAgent) -> Reply:
    """Return what a new request comes to in a browser as it is."""
    deployment = trial.deployment
    return reply_of(_without_credentials(browser, deployment.flow().start_url(), deployment.user()))


@check(
    "AZ-18",
    title="Consent is given in the browser that logged in",
    sends="the address and the form of a consent page, from a browser without its cookies",
    fix="Tie each interaction to its browser with a secret in a cookie, and refuse it elsewhere.",
    requirements=("FAPI2-SP-6.5-p3",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1", "A4"),
    fapi_attackers=("A1", "A3a"),
    cwe="CWE-384",
    owasp="API2:2023",
    gives=("login-forced",),
    alone=True,  # what it is about may count as a yes, which a server may keep
)
def interaction_stays_in_its_browser(trial: Trial) -> Outcome:
    """An attacker who begins a flow and lets the victim finish it, or the reverse, has swapped browsers.

    The check logs in with one browser, then opens the consent page's address in another, and sends its form from
    there. Neither browser may finish what the other began.
    """
    deployment = trial.deployment
    good_request(trial)
    asked = ask_for_consent(deployment)
    trial.observe("The consent page in its browser", asked.page)
    first, second = (deployment.browser(asked.flow.party) for _ in range(2))
    opened = _without_credentials(first, asked.page.request.url, asked.user)
    sent = Reply(exchanges=(second.send(agreement(asked.page)),), callback=None)
    replies = [("Its address in another browser", reply_of(opened)), ("Its form from another browser", sent)]
    return judge_replies(
        trial,
        replies,
        accepted=lambda reply: bool(reply.code) or _redirects_with_code(reply),
        failure="Another browser finished the flow.",
        success="No other browser could finish the flow.",
    )


@check(
    "AZ-17-form",
    title="A consent form cannot change what was asked for",
    sends="a consent form with another scope, redirect URI, client and state added",
    fix="Take scope, redirect URI, client and state from the request as it was checked, never from the form.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-472",
    owasp="API3:2023",
    gives=("code-leaks",),
    agrees=True,
)
def consent_form_changes_nothing(trial: Trial) -> Outcome:
    """What a form carries, whoever touches the form decides; the server has checked the request, not the form.

    The check adds a foreign redirect URI, another state and another client to the form with which a user agrees.
    """
    deployment = trial.deployment
    good_request(trial)
    asked = ask_for_consent(deployment)
    foreign = "https://attacker.example/callback"
    state = deployment.entropy.token()
    changed = agreement(asked.page).with_parameters(("redirect_uri", foreign), ("state", state))
    reply = Reply(exchanges=(asked.flow.browser.send(changed),), callback=None)
    return judge_replies(
        trial,
        [("The consent form with another redirect URI and state", reply)],
        accepted=lambda each: (
            each.decisive.location.startswith(foreign)
            or each.decisive.location_parameters().get("state") == state
        ),
        failure="The consent form changed where the response goes or what is in it.",
        success="Parameters in the consent form changed nothing, or were refused.",
    )


@check(
    "AZ-17-scope",
    title="A consent form cannot widen what was asked for",
    sends="a consent form with a wider scope than the request had",
    fix="Grant at most the scope of the request; a form may take away, never add.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-472",
    owasp="API3:2023",
    gives=("rights-widened",),
    alone=True,  # it may agree, but to the smallest scope only, which leaves the rest to be asked for
)
def consent_form_adds_no_scope(trial: Trial) -> Outcome:
    """The client asked for little and gets much: neither was registered for it nor did anybody check it.

    The check asks for the smallest scope, adds the rest to the consent form, and looks at what the token has; where it has more,
    it asks again with the form as it is, whose token must have less.
    """
    deployment = trial.deployment
    widening = any(_beyond(each)[1] for each in deployment.parties)
    trial.need(widening, "the client has no scope beyond its smallest one")
    good_request(trial)
    asked = ask_for_consent(
        deployment,
        changes=lambda each: {"scope": " ".join(_beyond(each)[0])} if _beyond(each)[1] else None,
    )
    flow = asked.flow
    narrow, added = _beyond(flow.party)
    request = agreement(asked.page).with_parameters(("scope", " ".join([*narrow, *added])))
    answer = trial.attack("The consent form with a wider scope", flow.browser.send(request))
    code = answer.location_parameters().get("code", "")
    if not code:
        return judge_replies(
            trial,
            [("The consent form with a wider scope", Reply(exchanges=(answer,), callback=None))],
            failure="",
            success="A consent form with a wider scope was refused.",
        )
    token = trial.attack("The token", deployment.send_bound(flow.token_request(code), flow.party))
    more = set(token.text("scope").split()) & set(added) if token.issued else set()
    if not more:
        return passed("The token has no more than the request asked for.")
    # Some servers grant what is registered whatever is asked, or add what was agreed to earlier.
    more -= set(deployment.fresh_access(flow.party, asked.user, scope=" ".join(narrow)).scope.split())
    if not more:
        raise Inconclusive("the server grants as much where the form is left as it is")
    return failed(f"The consent form added {', '.join(sorted(more))} to the scope.")


def _beyond(party: Party) -> tuple[list[str], list[str]]:
    """Return a client's smallest scope, and what it may ask for besides."""
    wide = party.entry.scope.split()
    narrow = (party.entry.narrow_scope or wide[0]).split() if wide else []
    return narrow, [each for each in wide if each not in narrow and each not in ("openid", "offline_access")]
