"""Authorization details are kept as they were granted, and records of before they existed can still be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec.structs import replace

from contract.samples import code, digest, grant, pushed_request, refresh_token
from trustweft.protocol.rar import create_authorization_detail
from trustweft.server.records import AuthorizationCode, Grant, PushedRequest, RefreshToken
from trustweft.store.sqlite.part import encode

if TYPE_CHECKING:
    from trustweft.server.storage import ServerStore

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
DETAILS = (
    create_authorization_detail(
        {"type": "payment", "amount": "20.00", "to": "Åke", "calls": 9_007_199_254_740_991, "share": 0.1}
    ),
    create_authorization_detail({"type": "accounts", "actions": ["read"]}),
)


async def test_details_come_back_as_they_were_saved(store: ServerStore) -> None:
    """In whatever hangs off a grant."""
    await store.save_grant(replace(grant(), authorization_details=DETAILS))
    await store.save_code(digest("code"), replace(code(), authorization_details=DETAILS))
    await store.save_refresh_token(digest("token"), replace(refresh_token(), authorization_details=DETAILS))
    await store.save_pushed_request(
        digest("request"), replace(pushed_request(), authorization_details=DETAILS)
    )
    found = (
        await store.find_grant("grant"),
        await store.find_code(digest("code")),
        await store.find_refresh_token(digest("token"), now=NOW),
        await store.find_pushed_request(digest("request")),
    )
    for record in found:
        assert record is not None
        assert record.authorization_details == DETAILS


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (grant(), Grant),
        (code(), AuthorizationCode),
        (refresh_token(), RefreshToken),
        (pushed_request(), PushedRequest),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_record_of_before_has_none(record: Any, kind: type[Any]) -> None:
    """Written by a version that knew no such member."""
    members = msgspec.msgpack.decode(encode(record))
    del members["authorization_details"]
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(members), type=kind) == record
