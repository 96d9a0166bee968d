"""What the pages of login and consent say to browsers: no frames, no leaks, no foreign scripts, no reading across origins."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from trustweft.audit.check import check, failed, passed
from trustweft.audit.consenting import ask_for_consent
from trustweft.audit.exchange import Request, origin_of
from trustweft.audit.interaction import stop_at_login
from trustweft.audit.pages import read_page
from trustweft.audit.verdict import Reach, Role, Severity

if TYPE_CHECKING:
    from trustweft.audit.check import Outcome
    from trustweft.audit.exchange import Exchange
    from trustweft.audit.trial import Trial

_EVIL: Final = "https://attacker.example"
_ALLOW_ORIGIN: Final = "access-control-allow-origin"
_SCRIPT: Final = re.compile(r"<script\b[^>]*>", re.IGNORECASE)
_SOURCE: Final = re.compile(r"""\bsrc\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)
_LEAKING: Final = frozenset({"unsafe-url", "no-referrer-when-downgrade"})
_META_POLICY: Final = re.compile(
    r"""<meta\b[^>]*\bname=["']?referrer["']?[^>]*\bcontent=["']?([\w-]+)""", re.IGNORECASE
)


def the_login_page(trial: Trial) -> Exchange:
    """Return the page that asks for a password, kept as evidence; fetched once for all checks."""
    deployment = trial.deployment

    def find() -> Exchange:
        flow = deployment.flow()
        return stop_at_login(flow.browser, flow.start_url(), deployment.user()).last

    return trial.observe("The login page", deployment.once.find("the login page", find))


def the_consent_page(trial: Trial) -> Exchange:
    """Return the page that asks for consent, kept as evidence; fetched once for all checks."""
    deployment = trial.deployment

    page = deployment.once.find("the consent page", lambda: ask_for_consent(deployment).page)
    return trial.observe("The consent page", page)


def _framing(page: Exchange) -> Outcome:
    policies = " ; ".join(page.all_headers("content-security-policy"))
    ancestors = re.findall(r"frame-ancestors\s+([^;,]*)", policies, re.IGNORECASE)
    options = (page.header("x-frame-options") or "").strip().upper()
    if ancestors:
        sources = {source.lower() for each in ancestors for source in each.split()}
        open_to_all = sources & {"*", "https:", "http:", "https://*", "http://*"}
        if open_to_all:
            return failed(f"frame-ancestors permits {', '.join(sorted(open_to_all))}.")
        return passed(f"Only {', '.join(sorted(sources)) or 'nobody'} may frame the page.")
    if options in ("DENY", "SAMEORIGIN"):
        return passed(f"X-Frame-Options is {options}.")
    return failed("The page has neither frame-ancestors nor X-Frame-Options: everybody may frame it.")


@check(
    "AZ-10-login",
    title="The login page cannot be framed",
    sends="a request for the login page",
    fix="Send Content-Security-Policy: frame-ancestors 'none', and X-Frame-Options: DENY for old browsers.",
    requirements=("RFC9700-4.16-p3.1", "RFC9700-4.16-p3.2", "RFC9700-4.16-p4.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-1021",
    owasp="API8:2023",
    gives=("page-abused",),
)
def login_page_is_not_framed(trial: Trial) -> Outcome:
    """In a frame of the attacker's, people type and click where they cannot see (RFC 9700 section 4.16)."""
    return _framing(the_login_page(trial))


@check(
    "AZ-10-consent",
    title="The consent page cannot be framed",
    sends="a request for the consent page",
    fix="Send Content-Security-Policy: frame-ancestors 'none', and X-Frame-Options: DENY for old browsers.",
    requirements=("RFC9700-4.16-p3.1", "RFC9700-4.16-p3.2", "RFC9700-4.16-p4.1"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    cwe="CWE-1021",
    owasp="API8:2023",
    gives=("page-abused",),
)
def consent_page_is_not_framed(trial: Trial) -> Outcome:
    """One click agrees, and that click can be stolen: the frame is invisible, the button beneath it is not."""
    return _framing(the_consent_page(trial))


@check(
    "AZ-11-referrer",
    title="The pages do not tell other sites their address",
    sends="requests for the login page and the consent page",
    fix="Send Referrer-Policy: no-referrer with every page.",
    requirements=("RFC9700-4.2.4-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-200",
    owasp="API8:2023",
)
def pages_keep_their_address(trial: Trial) -> Outcome:
    """The address of such a page can hold request URIs, state and codes; a policy that sends it along gives them away.

    Today's browsers keep it back unless a page asks otherwise (RFC 9700 section 4.2), so a page that says nothing
    passes.
    """
    page = the_login_page(trial)
    meta = _META_POLICY.search(page.page())
    policy = (page.header("referrer-policy") or (meta[1] if meta else "")).lower()
    leaking = _LEAKING & set(re.split(r"[,\s]+", policy))
    if leaking:
        return failed(f"The page asks browsers for {', '.join(sorted(leaking))}.")
    return passed(f"Referrer-Policy is {policy or 'the default of the browser'}.")


@check(
    "AZ-11-scripts",
    title="No script of a third party runs where people log in",
    sends="a request for the login page",
    fix="Serve scripts yourself, or name their hash with integrity.",
    requirements=("RFC9700-4.2.4-p1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    rfc9700_attackers=("A1",),
    cwe="CWE-829",
    owasp="API8:2023",
    gives=("page-abused",),
)
def scripts_are_own(trial: Trial) -> Outcome:
    """A script on the login page reads the password. Who serves it, or breaks in there, has them all."""
    page = the_login_page(trial)
    foreign = [
        urljoin(page.request.url, source[1])
        for tag in _SCRIPT.findall(page.page())
        if (source := _SOURCE.search(tag)) and "integrity" not in tag.lower()
    ]
    foreign = [each for each in foreign if _site(each) != _site(page.request.url)]
    if foreign:
        return failed(f"The login page runs {', '.join(foreign)[:300]}.")
    return passed("Every script of the login page is the server's own.")


@check(
    "AZ-11-resources",
    title="The pages load nothing from third parties",
    sends="requests for the login page and the consent page",
    fix="Serve pictures, styles and fonts yourself.",
    requirements=("RFC9700-4.2.4-p1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    reach=Reach.ADVICE,
    rfc9700_attackers=("A1",),
    cwe="CWE-200",
)
def resources_are_own(trial: Trial) -> Outcome:
    """Each foreign picture or style tells its owner that somebody logs in, when, and from where."""
    page = the_login_page(trial)
    loaded = [urljoin(page.request.url, each) for each in read_page(page.page()).resources]
    foreign = [each for each in loaded if each.startswith("http") and _site(each) != _site(page.request.url)]
    if foreign:
        return failed(f"The login page loads {', '.join(foreign)[:300]}.")
    return passed("The login page loads nothing from other sites.")


def _site(url: str) -> str:
    """Return the last two labels of a host, which tell most sites apart."""
    return ".".join((urlsplit(url).hostname or "").split(".")[-2:])


@check(
    "AZ-12",
    title="Caches do not keep pages that are for one person",
    sends="requests for the login page and the consent page",
    fix="Send Cache-Control: no-store with every page of login and consent.",
    requirements=("RFC9700-4.3.1-1",),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.LOW,
    cwe="CWE-525",
    owasp="API8:2023",
)
def pages_are_not_cached(trial: Trial) -> Outcome:
    """A cache that keeps such a page shows one person's name, rights and tokens to the next.

    Blamed is what says that caches may keep it: public, or a time without private. A page that says nothing may not be
    kept by a shared cache for long, and passes.
    """
    deployment = trial.deployment
    pages = {"the login page": the_login_page(trial)}
    answer = deployment.once.find("a good redirect", lambda: _redirect(trial))
    if answer is not None:
        pages["the redirect with the code"] = trial.observe("The redirect with the code", answer)
    wrong = [
        f"{name} ({page.header('cache-control')})"
        for name, page in pages.items()
        if _may_be_kept(page.header("cache-control") or "")
    ]
    if wrong:
        return failed(f"Caches may keep {', '.join(wrong)}.")
    return passed(f"Caches are told to keep neither {' nor '.join(pages)}.")


def _redirect(trial: Trial) -> Exchange | None:
    """Return a redirect to the client that carries a code."""
    deployment = trial.deployment
    flow = deployment.flow()
    visit = flow.log_in(deployment.user())
    return visit.last if visit.code and visit.last.location else None


def _may_be_kept(control: str) -> bool:
    directives = {part.strip().lower() for part in control.split(",")}
    timed = any(each.startswith(("max-age=", "s-maxage=")) and not each.endswith("=0") for each in directives)
    return "public" in directives or (timed and not directives & {"private", "no-store", "no-cache"})


def _asked_across(url: str) -> tuple[Request, Request]:
    """Return what a browser sends for a script of another site: the request, and the question before it."""
    simple = Request(method="GET", url=url, headers=(("origin", _EVIL), ("sec-fetch-mode", "cors")))
    preflight = Request(
        method="OPTIONS",
        url=url,
        headers=(
            ("origin", _EVIL),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization"),
        ),
    )
    return simple, preflight


@check(
    "AZ-13",
    title="The authorization endpoint answers no script of another site",
    sends="requests to the authorization endpoint as a script of another site makes them",
    fix="Send no CORS headers from the authorization endpoint.",
    requirements=("FAPI2-SP-5.2.3-3", "RFC9700-2.6-p7.2"),
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.MEDIUM,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-942",
    owasp="API8:2023",
)
def no_script_reads_the_authorization_endpoint(trial: Trial) -> Outcome:
    """Browsers are sent to this endpoint; nobody calls it. A script that may read its answers reads codes with it."""
    simple, preflight = _asked_across(trial.deployment.flow().start_url())
    attempts = [
        trial.attack("A request of a script of another site", simple),
        trial.attack("The question before such a request", preflight),
    ]
    trial.observe("The login page", the_login_page(trial))
    return trial.judge(
        attempts,
        accepted=lambda each: each.header(_ALLOW_ORIGIN) is not None,
        failure="The authorization endpoint answers scripts of other sites.",
        success="The authorization endpoint has no CORS headers.",
    )


@check(
    "AZ-13-credentials",
    title="No endpoint lets every site read answers with the user's cookies",
    sends="requests to every endpoint as a script of another site makes them",
    fix="Name the origins that may read with credentials; never reflect whatever comes.",
    role=Role.AUTHORIZATION_SERVER,
    severity=Severity.HIGH,
    rfc9700_attackers=("A1",),
    fapi_attackers=("A1",),
    cwe="CWE-942",
    owasp="API8:2023",
    gives=("page-abused",),
)
def no_script_reads_with_cookies(trial: Trial) -> Outcome:
    """With Access-Control-Allow-Credentials beside the asker's own origin, any page reads what the user may read."""
    discovery = trial.deployment.discovery
    page = the_login_page(trial)
    addresses = {
        name: value
        for name, value in discovery.metadata.items()
        if isinstance(value, str)
        and (name.endswith("_endpoint") or name == "jwks_uri")
        and origin_of(value) == origin_of(page.request.url)
    }
    addresses["the login page"] = page.request.url
    attempts = []
    for name, url in addresses.items():
        attempts += [trial.attack(name, request) for request in _asked_across(url)]
    return trial.judge(
        [each for each in attempts if not each.broke],
        accepted=lambda each: (
            each.header(_ALLOW_ORIGIN) in (_EVIL, "null")
            and (each.header("access-control-allow-credentials") or "").lower() == "true"
        ),
        failure="Every site may read answers with the user's cookies.",
        success=f"None of {len(addresses)} addresses lets a foreign site read with cookies.",
    )
