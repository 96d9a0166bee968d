"""The participants run once for all modules: what one module leaves behind must not disturb the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.server.site import running_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.server.site import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The participants."""
    with running_site(tmp_path_factory.mktemp("conformance")) as running:
        yield running
