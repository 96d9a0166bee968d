"""The style sheet, script and pictures, read once and named by their content, so that they may be cached for ever."""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["StaticFile", "load_static"]

_CONTENT_TYPES = {
    "svg": "image/svg+xml",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
}
_REFERENCE = re.compile(rb'url\("([a-z.-]+)"\)')


class StaticFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to serve under its versioned path.

    Attributes:
        name: what templates call it, for example ``trustweft.css``.
        path: where it is served, for example ``/static/trustweft.0123456789abcdef.css``.
        etag: a strong validator (RFC 9110 section 8.8.3), quotes included.
    """

    name: str
    path: str
    body: bytes
    content_type: str
    etag: str

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The headers of a 200 answer; on a matching ``If-None-Match`` send 304 with the same but the first two."""
        return (
            ("content-type", self.content_type),
            ("content-length", str(len(self.body))),
            ("etag", self.etag),
            # The path changes with the content (RFC 8246).
            ("cache-control", "public, max-age=31536000, immutable"),
            # A picture that is opened on its own is a document: it may load and run nothing.
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cross-origin-resource-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
        )


def load_static() -> Mapping[str, StaticFile]:
    """Read the files of this package; the keys are the versioned paths."""
    found = {
        entry.name: entry.read_bytes()
        for entry in files("trustweft.web").joinpath("static").iterdir()
        if entry.name.rpartition(".")[2] in _CONTENT_TYPES
    }
    paths: dict[str, str] = {}
    loaded: dict[str, StaticFile] = {}
    # Style sheets come last: they name the pictures by their versioned paths.
    for name in sorted(found, key=lambda name: (name.endswith(".css"), name)):
        entry = _static_file(name, _with_versioned_references(found[name], paths))
        paths[name] = entry.path
        loaded[entry.path] = entry
    return MappingProxyType(loaded)


def _static_file(name: str, body: bytes) -> StaticFile:
    digest = hashlib.sha256(body).hexdigest()
    stem, _, suffix = name.rpartition(".")
    return StaticFile(
        name=name,
        path=f"/static/{stem}.{digest[:16]}.{suffix}",
        body=body,
        content_type=_CONTENT_TYPES[suffix],
        etag=f'"{digest[:32]}"',
    )


def _with_versioned_references(body: bytes, paths: Mapping[str, str]) -> bytes:
    return _REFERENCE.sub(lambda match: f'url("{paths[match[1].decode()]}")'.encode(), body)
