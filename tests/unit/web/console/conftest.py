"""A console with people of each part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.console import make_site, two_people_town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.console import Site, Visitor


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The directory of a town where two people stop a software; in the end nothing broke unforeseen."""
    made = await make_site(tmp_path, town=two_people_town())
    yield made
    await made.accounts.close()
    assert made.hearing.failures == []


@pytest.fixture
async def olga(site: Site) -> Visitor:
    """An operator's browser."""
    return await site.signed_in("olga", "operator")


@pytest.fixture
async def mia(site: Site) -> Visitor:
    """The browser of the administrator of MoneyView, who is in the register already."""
    return await site.signed_in("mia", "administrator", "moneyview")


@pytest.fixture
async def ada(site: Site) -> Visitor:
    """An auditor's browser."""
    return await site.signed_in("ada", "auditor")
