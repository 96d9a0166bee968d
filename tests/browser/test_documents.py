"""The pages that commands write to files, in Chromium: readable on any screen, in any scheme, with no network and no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from accessibility import violations
from ecosystem import run_trustweft
from looks import DESKTOP, PHONE, save_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from ecosystem import Ecosystem

LOOKS: Final = {
    f"{screen}-{scheme}": {**options, "color_scheme": scheme}
    for screen, options in (("desktop", DESKTOP), ("phone", PHONE))
    for scheme in ("light", "dark")
}
# By name, the command that writes the page; {order} is one that was given before.
COMMANDS: Final = {
    "tour": ("tour", "--data", "{data}"),
    "profile": ("profile", "show", "uk-open-banking"),
    "proof": ("prove", "oauth2-bcp"),
    "audit": ("check", "--only", "TK", "--data", "{data}"),
    "off-boarding": ("offboard", "report", "{order}", "--data", "{data}"),
}


@pytest.fixture(scope="module")
def documents(ecosystem: Ecosystem, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page, written once."""
    folder, data = tmp_path_factory.mktemp("documents"), str(ecosystem.data)
    why = ("tour-stranger", "--reason", "in a test", "--data", data)
    given = run_trustweft("offboard", *why, "--kind", "suspend")
    order = given.stdout.rpartition("trustweft offboard report ")[2].strip()
    written = {}
    for name, words in COMMANDS.items():
        written[name] = folder / f"{name}.html"
        typed = [word.format(data=data, order=order) for word in words]
        done = run_trustweft(*typed, "--html", str(written[name]))
        assert written[name].exists(), done.stdout + done.stderr
    run_trustweft("offboard", "resume", *why)
    return written


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", COMMANDS)
def test_every_document_is_accessible_and_fits(
    name: str, look: str, documents: dict[str, Path], open_page: Callable[..., Page], axe: str
) -> None:
    """axe-core objects to nothing, nothing is wider than the screen, and nothing is fetched."""
    page = open_page(**LOOKS[look])
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(documents[name].as_uri())
    save_picture(page, f"document-{name}-{look}")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert (violations(page, axe), wide, fetched) == ([], 0, [documents[name].as_uri()])


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_printed_is_dark_on_white(
    name: str, documents: dict[str, Path], open_page: Callable[..., Page]
) -> None:
    """Also where the reader's screen is dark."""
    page = open_page(color_scheme="dark")
    page.emulate_media(media="print")
    page.goto(documents[name].as_uri())
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    body = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.body).color")
    assert {ground, body} <= {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}
    assert max(int(part) for part in ink.strip("rgb()").split(",")) < 80
