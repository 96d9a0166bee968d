"""Requests that are sent for what is not there."""

from __future__ import annotations

import pytest

from trustweft.audit.api import Operation
from trustweft.audit.protected import harmless
from trustweft.audit.target import Api


@pytest.mark.parametrize(
    ("url", "places", "expected"),
    [
        ("/shops/10/items/1", (("item", "1"),), "/shops/10/items/0"),
        ("/shops/1/items/1", (("shop", "1"), ("item", "1")), "/shops/0/items/0"),
        ("/orders/1", (("order", "1"),), "/orders/0"),
        ("/files/a%2Fb/a%2Fb-c", (("file", "a/b"),), "/files/trustweft-nothing/a%2Fb-c"),
    ],
)
def test_an_identifier_is_replaced_and_nothing_that_begins_like_it(
    url: str, places: tuple[tuple[str, str], ...], expected: str
) -> None:
    """The host stays too, whatever digits are in it."""
    base = "https://10.0.0.1"
    operation = Operation(
        api=Api(url=base), name="DELETE", method="DELETE", url=f"{base}{url}", described={}, places=places
    )
    assert harmless(operation).url == f"{base}{expected}"
