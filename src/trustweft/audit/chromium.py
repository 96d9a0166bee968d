"""Pages with scripts, walked by Chromium: it fills the same fields and presses the same buttons as the form reader."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from trustweft.audit.attempts import Attempts
from trustweft.audit.check import Inconclusive
from trustweft.audit.exchange import Exchange, Request
from trustweft.audit.pages import read_page

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from trustweft.audit.target import LoginRecipe, LoginStep, User

__all__ = ["ChromiumVisit", "visit_by_chromium"]

PAGE_MILLISECONDS: Final = 10_000
SETTLE_MILLISECONDS: Final = 5_000
MAXIMUM_STEPS: Final = 12
# By where it goes, without the query, and the names of its fields: a form is the same with another token in it.
_FORM: Final = """field => {
  const form = field.form, action = form && form.getAttribute("action");
  const address = new URL(action || location.href, location.href);
  const names = [...(form ? form.elements : [field])].map(each => each.name);
  return [address.origin + address.pathname, ...names.sort()];
}"""


class ChromiumVisit:
    """Where Chromium went.

    Attributes:
        exchanges: the documents that it was shown.
        called: how the client was called; None where it was not.
        cut_off: hosts that pages wanted and nobody had named.
        refused: whether a form asked again for the password after it had been sent, or pages did again and again.
    """

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.called: Request | None = None
        self.cut_off: set[str] = set()
        self.refused = False


def visit_by_chromium(
    url: str,
    user: User,
    *,
    recipe: LoginRecipe,
    redirect_uri: str,
    trust: str | None,
    hosts: Collection[str],
) -> ChromiumVisit:
    """Let Chromium open a URL and do whatever the pages ask for, until the client is called or nothing helps.

    Args:
        url: where it begins.
        user: who logs in.
        recipe: for pages that do not explain themselves.
        redirect_uri: whose calls are kept; nothing is sent there.
        trust: PEM file of authorities, besides the system's.
        hosts: names that pages may load from and send to; everything else is cut off.

    Raises:
        Inconclusive: there is no Chromium, no way to make it trust the authorities of the target, or no sandbox.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as cause:
        raise Inconclusive("pages with scripts need Chromium: install trustweft[browser]") from cause
    root = os.geteuid() == 0
    if root and not recipe.dev_unsafe_no_sandbox:
        # The pages are those of whoever is audited, and may be hostile.
        raise Inconclusive(
            "Chromium has no sandbox for root: run as another user, or set dev_unsafe_no_sandbox"
        )
    visit = ChromiumVisit()
    with _home(trust) as home, sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
                env={**os.environ, "HOME": home},
                args=[*_confined(hosts), *(["--no-sandbox"] if root else [])],
            )
            context = browser.new_context(storage_state=user.cookies)
            page = context.new_page()
            page.set_default_timeout(PAGE_MILLISECONDS)
            page.on("response", lambda answer: _keep(visit, answer))
            context.on("requestfailed", lambda failed: _tell(visit, failed.url, redirect_uri, hosts))
            context.route("**/*", lambda route: _direct(visit, route, redirect_uri, hosts))
            _walk(page, visit, url, user, recipe)
            browser.close()
        except Error as cause:
            raise Inconclusive(f"Chromium could not go on: {str(cause).splitlines()[0]}") from cause
    return visit


def _walk(page: Any, visit: ChromiumVisit, url: str, user: User, recipe: LoginRecipe) -> None:
    page.goto(url, wait_until="domcontentloaded")
    seen: set[str] = set()
    attempts = Attempts()
    for _ in range(MAXIMUM_STEPS):
        page.wait_for_timeout(100)  # a script may fill the page a moment later
        page.wait_for_load_state("networkidle", timeout=SETTLE_MILLISECONDS)
        if visit.called is not None:
            return
        content = page.content()
        step = attempts.step_for(content, recipe.steps)
        form = _wants_password(page, step)
        secret = form is not None
        visit.refused = not attempts.ordered(step) and attempts.refused(form, secret=secret)
        if visit.refused or (content in seen and not attempts.ordered(step)):
            return
        if not _act(page, content, user, step):
            return
        attempts.note(step, form, secret=secret)
        seen.add(content)


def _wants_password(page: Any, step: LoginStep | None) -> object:
    """Return what is known again of whatever asks for the password: a step, or a form; None where nothing does."""
    if step is not None:
        return step.when if any("{password}" in value for value in step.fields.values()) else None
    secret = page.locator('input[type="password"]:visible')
    return tuple(secret.first.evaluate(_FORM)) if secret.count() else None


def _act(page: Any, content: str, user: User, step: LoginStep | None) -> bool:
    """Do what the page asks for; return whether there was anything to do."""
    if step is not None:
        for name, value in step.fields.items():
            filled = value.replace("{username}", user.username).replace("{password}", user.password)
            page.locator(f'[name="{name}"]').first.fill(filled)
        if step.press is not None:
            page.get_by_text(step.press, exact=True).or_(page.locator(f'[name="{step.press}"]')).first.click()
        return True
    secret = page.locator('input[type="password"]:visible')
    names = page.locator('input[type="text"]:visible, input[type="email"]:visible, input:not([type]):visible')
    if names.count():
        names.first.fill(user.username)
    if secret.count():
        secret.first.fill(user.password)
    for box in page.locator('input[type="checkbox"]:visible').all():
        box.check()
    return _press(page, content)


def _press(page: Any, content: str) -> bool:
    for form in read_page(content).forms:
        button = form.agreeing_button()
        if button is None:
            continue
        named = page.get_by_role("button", name=button.text.strip(), exact=True)
        if button.text.strip() and named.count():
            named.first.click()
            return True
        submit = page.locator('button[type="submit"]:visible, input[type="submit"]:visible')
        if submit.count():
            submit.first.click()
            return True
    loose = page.locator("button:visible")
    if not loose.count():
        return False
    loose.first.click()
    return True


def _direct(visit: ChromiumVisit, route: Any, redirect_uri: str, hosts: Collection[str]) -> None:
    """Let a request pass, keep it where it calls the client, or cut it off where nobody named its host."""
    address = route.request.url
    if address.partition("#")[0].partition("?")[0] == redirect_uri.partition("?")[0]:
        _call(visit, route)
    elif (urlsplit(address).hostname or "").lower() in hosts:
        route.continue_()
    else:
        _tell(visit, address, redirect_uri, hosts)
        route.abort("blockedbyclient")


def _confined(hosts: Collection[str]) -> list[str]:
    """Return the arguments that keep Chromium to the hosts, whatever asks: redirects, workers and sockets are not routed."""
    allowed = ", ".join(f"EXCLUDE {host}" for host in sorted(hosts))
    return [
        f"--host-resolver-rules=MAP * ~NOTFOUND{', ' if allowed else ''}{allowed}",
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--no-proxy-server",  # one of the system's would resolve names itself
    ]


def _tell(visit: ChromiumVisit, address: str, redirect_uri: str, hosts: Collection[str]) -> None:
    host = (urlsplit(address).hostname or "").lower()
    if host and host not in hosts and host != (urlsplit(redirect_uri).hostname or "").lower():
        visit.cut_off.add(host)


def _call(visit: ChromiumVisit, route: Any) -> None:
    """Keep how the client was called, and answer in its place."""
    request = route.request
    form = tuple((request.post_data_json or {}).items()) if request.method == "POST" else None
    visit.called = Request(method=request.method, url=request.url, form=form)
    route.fulfill(status=204)


def _keep(visit: ChromiumVisit, answer: Any) -> None:
    if answer.request.resource_type != "document" or not urlsplit(answer.url).scheme.startswith("http"):
        return
    visit.exchanges.append(
        Exchange(
            request=Request(method=answer.request.method, url=answer.url),
            status=answer.status,
            headers=tuple((name.lower(), value) for name, value in answer.headers.items()),
            body=b"",
            seconds=0.0,
        )
    )


@contextmanager
def _home(trust: str | None) -> Iterator[str]:
    """Make a home directory whose certificate database trusts the target's authorities."""
    with tempfile.TemporaryDirectory(prefix="trustweft-chromium-") as home:
        if trust is not None:
            certutil = shutil.which("certutil")
            if certutil is None:
                raise Inconclusive(
                    "Chromium trusts the target's authorities by certutil: install libnss3-tools"
                )
            database = Path(home) / ".pki" / "nssdb"
            database.mkdir(parents=True)
            place = ("-d", f"sql:{database}")
            subprocess.run([certutil, "-N", "--empty-password", *place], check=True)  # noqa: S603
            subprocess.run(  # noqa: S603
                [certutil, "-A", "-t", "C,,", "-n", "target", "-i", trust, *place], check=True
            )
        yield home
