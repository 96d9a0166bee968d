"""The status feed: everything, or what changed after a revision; at once, or when there is something new.

``GET /status?since=REVISION&wait=SECONDS``, with ``If-None-Match``. The entity tag is the revision.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from trustweft.protocol.ecosystem_status import MAXIMUM_REVISION, STATUS_TYPE
from trustweft.protocol.http import HttpResponse
from trustweft.protocol.oauth import parse_query
from trustweft.runtime.errors import reason

if TYPE_CHECKING:
    from trustweft.directory.application import Directory
    from trustweft.protocol.http import HttpRequest
    from trustweft.protocol.oauth import Form

__all__ = ["tell_status"]

MAXIMUM_WAIT: Final = 30.0  # seconds; our choice: shorter than what proxies cut off
_NUMBER: Final = re.compile(r"[0-9]{1,16}")
_NOT_MODIFIED: Final = 304

PARAMETER = reason(
    "feed.parameter",
    error="invalid_request",
    public="since must be a revision, and wait a number of seconds.",
)


async def tell_status(directory: Directory, request: HttpRequest) -> HttpResponse:
    """Answer with a signed list; with 304 where the reader has all of it; after a while where it waits."""
    form = parse_query(request.query)
    form.refuse_duplicates()
    since, wait = _number(form, "since"), _number(form, "wait") or 0
    known = request.header("if-none-match")
    feed = directory.feed
    revision = feed.revision
    if wait and (known == _tag(revision) or since == revision):
        await feed.wait_for_news(revision, seconds=min(wait, MAXIMUM_WAIT))
    if known == _tag(feed.revision):
        return HttpResponse(_NOT_MODIFIED, _headers(feed.revision))
    told = feed.current(since)
    content_type = ("content-type", f"application/{STATUS_TYPE}")
    return HttpResponse(200, (content_type, *_headers(told.revision)), told.token.encode("ascii"))


def _headers(revision: int) -> tuple[tuple[str, str], ...]:
    return ("etag", _tag(revision)), ("cache-control", "no-cache")


def _tag(revision: int) -> str:
    return f'"{revision}"'


def _number(form: Form, name: str) -> int | None:
    text = form.get(name)
    if text is None:
        return None
    if not _NUMBER.fullmatch(text) or int(text) > MAXIMUM_REVISION:
        raise PARAMETER.reject(f"{name}={text!r:.40}")
    return int(text)
