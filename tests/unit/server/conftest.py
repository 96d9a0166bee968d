from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browsing import Browser, Site, make_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A server with two clients and two people."""
    made = make_site(tmp_path)
    await made.register("moneyview")
    await made.register("otherapp", name="Other App")
    await made.enrol("alice")
    await made.enrol("bob")
    yield made
    made.deployment.passwords.close()


@pytest.fixture
async def browser(site: Site) -> Browser:
    """A browser that has never been here."""
    return Browser(site)


@pytest.fixture
async def at_login(site: Site, browser: Browser) -> Browser:
    """A browser that is shown the login form."""
    response = await browser.open(await site.push())
    assert response.status == 200
    return browser


@pytest.fixture
async def at_consent(at_login: Browser) -> Browser:
    """A browser in which Alice has logged in, and is shown the question."""
    response = await at_login.follow(await at_login.log_in())
    assert response.status == 200
    return at_login
