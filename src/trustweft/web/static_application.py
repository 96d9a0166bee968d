"""Serves the style sheet, script and pictures in front of any participant's application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustweft.web.static_files import load_static

if TYPE_CHECKING:
    from trustweft.net.asgi import Application, Message, Receive, Send

__all__ = ["with_static_files"]


def with_static_files(application: Application) -> Application:
    """Return an application that answers for the static files itself and leaves the rest to ``application``."""
    files = {
        path: (file, [(name.encode(), value.encode()) for name, value in file.headers])
        for path, file in load_static().items()
    }

    async def run(scope: Message, receive: Receive, send: Send) -> None:
        found = files.get(scope.get("path", "")) if scope["type"] == "http" else None
        if found is None or scope["method"] not in {"GET", "HEAD"}:
            await application(scope, receive, send)
            return
        file, headers = found
        known = file.etag.encode() in dict(scope["headers"]).get(b"if-none-match", b"")
        status, body = (304, b"") if known else (200, file.body)
        sent = [pair for pair in headers if not (known and pair[0] in {b"content-type", b"content-length"})]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return run
