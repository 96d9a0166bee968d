"""The examiner of one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.client.hosting import hosting

pytest.register_assert_rewrite("conformance.client.walking")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.client.hosting import Host


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Two addresses with TLS on this machine."""
    with hosting(tmp_path_factory.mktemp("examiner")) as serving:
        yield serving
