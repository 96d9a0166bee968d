"""Users are logged in by forms, by Chromium, by a program, or with a saved browser state."""

from __future__ import annotations

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar, Final

import msgspec
import pytest

from targets.foreign_server import ForeignServer
from targets.node_provider import node_provider
from tools import need
from trustweft.audit.check import Inconclusive, LoginFailed
from trustweft.audit.chromium import visit_by_chromium
from trustweft.audit.preflight import open_wire, prepare
from trustweft.audit.target import LoginRecipe, Target, User
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from pathlib import Path

    from peers import Peers

BY_PROGRAM = """
import os, sys, ssl, urllib.request
sys.path[:0] = {path!r}
import httpx2
from peers import REDIRECT_URI, sign_in
context = ssl.create_default_context(cafile={trust!r})
with httpx2.Client(verify=context) as browser:
    print(sign_in(browser, sys.argv[-1], password=os.environ["TRUSTWEFT_PASSWORD"]))
"""


def logged_in(target: Target) -> str:
    """Log the first user in; return the type of the token that comes of it."""
    with open_wire(target) as wire:
        deployment = prepare(target, wire, clock=SystemClock(), entropy=SystemEntropy())
        return deployment.access().scheme


def test_chromium_walks_pages(peers: Peers, tmp_path: Path) -> None:
    need("chromium", package="chromium")
    need("certutil", package="libnss3-tools")
    with node_provider(peers, tmp_path) as target:
        assert (
            logged_in(
                msgspec.structs.replace(
                    target, login=LoginRecipe(kind="browser", dev_unsafe_no_sandbox=os.geteuid() == 0)
                )
            )
            == "DPoP"
        )


STEP: Final = {
    "when": "Log in",
    "fields": {"user_login": "{username}", "user_pass": "{password}"},
    "press": "Log in »",
}


def by_chromium(foreign: ForeignServer, *steps: object, password: str | None = None) -> Target:
    recipe = {"kind": "browser", "steps": steps, "dev_unsafe_no_sandbox": os.geteuid() == 0}
    target = foreign.target()
    first = target.users[0]
    user = msgspec.structs.replace(first, password=first.password if password is None else password)
    return msgspec.structs.replace(target, users=(user,), login=msgspec.convert(recipe, LoginRecipe))


def test_chromium_sends_a_password_to_each_form_that_asks_for_it() -> None:
    need("chromium", package="chromium")
    with ForeignServer(traits=frozenset({"fresh-tokens", "confirms-consent"})) as foreign:
        assert logged_in(by_chromium(foreign, STEP)) == "Bearer"
        assert foreign.failed_logins == 0


@pytest.mark.parametrize("steps", [(), (STEP,)], ids=["unasked", "by a step"])
def test_chromium_sends_a_wrong_password_once(steps: tuple[object, ...]) -> None:
    need("chromium", package="chromium")
    with ForeignServer(traits=frozenset({"fresh-tokens"})) as foreign:
        with pytest.raises(LoginFailed):
            logged_in(by_chromium(foreign, *steps, password="wrong"))  # which is the point
        assert foreign.failed_logins == 1


def test_a_program_logs_in(peers: Peers, tmp_path: Path) -> None:
    with node_provider(peers, tmp_path) as target:
        program = tmp_path / "login.py"
        program.write_text(BY_PROGRAM.format(path=sys.path, trust=target.trust))
        recipe = LoginRecipe(kind="command", command=(sys.executable, str(program)))
        assert logged_in(msgspec.structs.replace(target, login=recipe)) == "DPoP"


@pytest.mark.parametrize("when", ["Sign in", "User name"])
def test_steps_say_what_a_page_does_not(when: str, peers: Peers, tmp_path: Path) -> None:
    step = {"when": when, "fields": {"username": "{username}", "password": "{password}"}, "press": "Sign in"}
    recipe = msgspec.convert({"steps": [step]}, LoginRecipe)
    with node_provider(peers, tmp_path) as target:
        assert logged_in(msgspec.structs.replace(target, login=recipe)) == "DPoP"


ELSEWHERE = """
<img src="{there}/elsewhere"><img src="/here"><img src="/away"><iframe src="/away?frame"></iframe>
<script>
  new WebSocket("{there}/socket".replace("http", "ws"));
  fetch("/away?fetch", {{mode: "no-cors"}}).catch(() => 0);
  navigator.sendBeacon("{there}/beacon");
  navigator.serviceWorker.register("/worker.js");
  const link = document.createElement("link");
  link.rel = "prefetch"; link.href = "{there}/prefetch"; document.head.append(link);
</script>
"""


class Page(BaseHTTPRequestHandler):
    """A page that wants much of a host that nobody named, by redirect too; remembers what is asked of that host."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:  # the library's name
        """Answer with the page, a redirect away, or a worker, and write down who was asked."""
        there = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        named = self.headers.get("host", "").startswith("localhost")
        self.asked.append(self.path if named else f"elsewhere {self.path}")
        away = self.path.startswith("/away")
        worker = self.path == "/worker.js"
        body = f'fetch("{there}/worker")' if worker else ELSEWHERE.format(there=there)
        self.send_response(302 if away else 200)
        self.send_header("location" if away else "x-page", f"{there}/redirected")
        self.send_header("content-type", "text/javascript" if worker else "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET  # noqa: N815  # the library's name

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_chromium_asks_no_host_that_nobody_named_and_tells_of_it() -> None:
    need("chromium", package="chromium")
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        visit = visit_by_chromium(
            f"http://localhost:{server.server_port}/",
            User(username="alice"),
            recipe=LoginRecipe(kind="browser", dev_unsafe_no_sandbox=os.geteuid() == 0),
            redirect_uri="https://client.example/callback",
            trust=None,
            hosts={"localhost"},
        )
        server.shutdown()
    assert {"/here", "/away", "/away?fetch", "/worker.js"} <= set(Page.asked)
    assert [each for each in Page.asked if each.startswith("elsewhere")] == []
    assert visit.cut_off == {"127.0.0.1"}


def test_root_does_not_walk_pages_without_a_sandbox_unless_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Inconclusive, match="dev_unsafe_no_sandbox"):
        visit_by_chromium(
            "https://login.example/",
            User(username="alice"),
            recipe=LoginRecipe(kind="browser"),
            redirect_uri="https://client.example/callback",
            trust=None,
            hosts=(),
        )
