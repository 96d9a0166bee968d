"""The cookies of the authorization server, as all exchanges of the run have shown them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trustweft.audit.check import check, failed, passed
from trustweft.audit.checks.pages_headers import the_login_page
from trustweft.audit.exchange import origin_of
from trustweft.audit.verdict import Reach, Role, Safety, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

_SHORTEST_SECRET: Final = 16  # characters; what is shorter says something, it does not prove anything
# Cookies that scripts are meant to read, or that hold nothing that somebody could want.
_HARMLESS: Final = re.compile(r"csrf|xsrf|lang|locale|theme|consent|banner|timezone|_ga", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Cookie:
    """A cookie that carries a secret, and the answer that set it."""

    name: str
    attributes: frozenset[str]
    seen: Exchange

    def value_of(self, attribute: str) -> str:
        return next(
            (each.partition("=")[2] for each in self.attributes if each.startswith(f"{attribute}=")), ""
        )


def _cookies(trial: Trial) -> dict[str, _Cookie]:
    """Return the cookies of the server that look as if they carried a session, by name."""
    page = the_login_page(trial)
    server = origin_of(page.request.url)
    found: dict[str, _Cookie] = {}
    for exchange in tuple(trial.deployment.wire.exchanges):
        if origin_of(exchange.request.url) != server:
            continue
        for header in exchange.all_headers("set-cookie"):
            pair, *attributes = header.split(";")
            name, _, value = pair.strip().partition("=")
            if len(value) < _SHORTEST_SECRET or _HARMLESS.search(name):
                continue
            found[name] = _Cookie(name, frozenset(each.strip().lower() for each in attributes), exchange)
    trial.need(found, "the server sets no cookie that carries a session")
    return found


def _judge(trial: Trial, wrong: list[_Cookie], *, failure: str, success: str) -> Outcome:
    if wrong:
        trial.observe(f"The answer that sets {wrong[0].name}", wrong[0].seen)
        return failed(f"{failure}: {', '.join(sorted({each.name[:60] for each in wrong})[:5])}.")
    return passed(success)


@check(
    "AZ-24-secure",
    title="Session cookies are sent over TLS alone",
    sends="nothing of its own: it reads the cookies of this run",
    fix="Set Secure on every cookie.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A2",),
    fapi_attackers=("A2",),
    cwe="CWE-614",
    owasp="API8:2023",
    passive=True,
)
def cookies_are_secure(trial: Trial) -> Outcome:
    """A cookie without Secure goes along with any http address that somebody makes the browser open."""
    cookies = _cookies(trial)
    encrypted = trial.deployment.target.issuer.startswith("https://")
    trial.need(encrypted, "the server speaks plain http, where Secure cannot be set")
    return _judge(
        trial,
        [each for each in cookies.values() if "secure" not in each.attributes],
        failure="Without Secure",
        success=f"All {len(cookies)} session cookies are Secure.",
    )


@check(
    "AZ-24-script",
    title="Scripts cannot read session cookies",
    sends="nothing of its own: it reads the cookies of this run",
    fix="Set HttpOnly on every cookie that carries a session.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    cwe="CWE-1004",
    owasp="API8:2023",
    passive=True,
)
def scripts_read_no_cookies(trial: Trial) -> Outcome:
    """One injected script takes a readable session away for good; with HttpOnly it has to stay and work there."""
    cookies = _cookies(trial)
    return _judge(
        trial,
        [each for each in cookies.values() if "httponly" not in each.attributes],
        failure="Without HttpOnly",
        success=f"All {len(cookies)} session cookies are HttpOnly.",
    )


@check(
    "AZ-24-site",
    title="Session cookies do not come along with forms of other sites",
    sends="nothing of its own: it reads the cookies of this run",
    fix="Set SameSite=Lax on session cookies.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    cwe="CWE-1275",
    passive=True,
)
def cookies_stay_at_home(trial: Trial) -> Outcome:
    """SameSite is a second line behind tokens in forms; the attacks on those are checks of their own."""
    cookies = _cookies(trial)
    return _judge(
        trial,
        [each for each in cookies.values() if each.value_of("samesite") not in ("lax", "strict")],
        failure="Without SameSite=Lax or Strict",
        success=f"All {len(cookies)} session cookies stay at home.",
    )


@check(
    "AZ-24-hosts",
    title="Session cookies belong to one host",
    sends="nothing of its own: it reads the cookies of this run",
    fix="Leave the attribute Domain out, and begin the name with __Host-.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    safety=Safety.PASSIVE,
    rfc9700_attackers=("A1",),
    cwe="CWE-565",
    owasp="API8:2023",
    passive=True,
)
def cookies_belong_to_one_host(trial: Trial) -> Outcome:
    """With Domain a cookie goes to every sibling host, and whoever has one of those has the session."""
    cookies = _cookies(trial)
    return _judge(
        trial,
        [each for each in cookies.values() if each.value_of("domain")],
        failure="With a Domain that is more than one host",
        success=f"None of {len(cookies)} session cookies goes to other hosts.",
    )
