"""A real Chromium that trusts the ecosystem's authority the way a person's does: by its trust store."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from looks import DESKTOP
from tools import NODE_FOLDER, need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page

    from ecosystem import Ecosystem

# Chromium looks for its makers' servers at every start; there is nothing outside that a test should reach.
QUIET = (
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def trusting_home(ecosystem: Ecosystem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's home folder whose trust store has the local authority."""
    certutil = need("certutil", package="libnss3-tools")
    home = tmp_path_factory.mktemp("browser-home")
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    subprocess.run([certutil, "-d", f"sql:{database}", "-N", "--empty-password"], check=True)
    subprocess.run(
        [certutil, "-d", f"sql:{database}", "-A", "-t", "C,,", "-n", "trustweft", "-i", ecosystem.authority],
        check=True,
    )
    return home


@pytest.fixture(scope="module")
def chromium(trusting_home: Path) -> Iterator[Browser]:
    """Debian's Chromium, and no flag that ignores certificates.

    Playwright keeps an event loop running in this thread until it ends, and asynchronous tests cannot run meanwhile:
    so it lives no longer than a module.
    """
    executable = need("chromium", package="chromium")
    # Root may not use Chromium's sandbox; nobody but our own pages is visited.
    arguments = [*QUIET, "--no-sandbox"] if os.geteuid() == 0 else list(QUIET)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=arguments, env={**os.environ, "HOME": str(trusting_home)}
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages in contexts of their own; an error on a console, or a page that broke, fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(*, allow_console: tuple[str, ...] = (), **options: object) -> Page:
        context = chromium.new_context(**{**DESKTOP, **options})
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type == "error" and not any(known in message.text for known in allow_console)
                else None
            ),
        )
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def axe(node: str) -> str:
    """The source of axe-core, the accessibility checker."""
    return (NODE_FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
