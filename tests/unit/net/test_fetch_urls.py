"""Any URL at all is either fetched or refused with a reason."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import effort
from trustweft.net.fetch import Fetcher
from trustweft.runtime.errors import Reject

GOOD = "https://user@bank.example:8443/a/b?c=d#e"
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it verifies, and trusts no authority


async def resolve_inside(host: str, port: int) -> list[str]:
    """Lead every name to a private address."""
    return ["10.0.0.1"]


@pytest.mark.parametrize("host", ["a..b", ".example", "a" * 64 + ".example"])
def test_a_name_that_cannot_be_looked_up_is_a_refusal_with_a_reason(host: str) -> None:
    """The system's resolver raises errors of its own kind for a label that is empty or too long."""
    with pytest.raises(Reject) as refused:
        asyncio.run(Fetcher(trust=NOBODY).get(f"https://{host}/"))
    assert refused.value.reason.id == "fetch.unresolved"


@settings(max_examples=effort(50, 2_000), deadline=None)
@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, len(GOOD) - 1),
            st.one_of(st.characters(), st.sampled_from(["xn--", "..", "%00", "%5b", "\ud800", "\u3002"])),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_no_url_makes_anything_but_a_refusal(changes: list[tuple[int, str]]) -> None:
    """A URL changed anywhere, in any way, is refused with a reason before anybody is connected to."""
    letters = list(GOOD)
    for position, character in changes:
        letters[position] = character
    with pytest.raises(Reject) as refused:
        asyncio.run(Fetcher(trust=NOBODY, resolve=resolve_inside).get("".join(letters)))
    assert refused.value.reason.id in {"fetch.not-https", "fetch.address"}
