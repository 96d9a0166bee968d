"""What goes over the wire on the tour, captured as it was sent; what would still work for a thief is masked."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import httpx2
import msgspec

from trustweft.protocol.dpop_nonces import NONCE_HEADER

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

__all__ = ["Capture", "Draft", "Pairs", "Wire", "WireRequest", "WireResponse", "origin_of"]

Pairs = tuple[tuple[str, str], ...]

TIMEOUT_SECONDS: Final = 15.0
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_MASK: Final = "****"
# Passwords and cookies outlive the tour. Tokens do not: it revokes them, and their keys were never stored.
_SECRET_PARAMETER: Final = re.compile(r"\b(password|csrf)=[^&]+")
_SECRET_FIELD: Final = re.compile(r'(name="csrf" value=")[^"]+')
_SECRET_COOKIE: Final = re.compile(r"(__Host-[^=;\s]+)=[^;]+")
_COOKIE_HEADERS: Final = frozenset({"cookie", "set-cookie"})
# What the HTTP library adds says nothing about the protocol.
_NOISE: Final = frozenset({"accept-encoding", "connection", "user-agent", "accept"})


class WireRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it was sent."""

    method: str
    url: str
    headers: Pairs
    body: str


class WireResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A response as it came."""

    status: int
    headers: Pairs
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A request that is about to be sent; tests of a check send it with one thing changed.

    Attributes:
        certificate: the name of the client certificate that the connection shows.
    """

    method: str
    url: str
    headers: Pairs = ()
    form: Pairs | None = None
    certificate: str | None = None

    def with_parameters(self, *parameters: tuple[str, str]) -> Draft:
        """Return the draft with parameters set: one that is there is replaced, another is added."""
        names = {name for name, _ in parameters}
        kept = tuple(pair for pair in self.form or () if pair[0] not in names)
        return replace(self, form=(*kept, *parameters))

    def without_parameters(self, *names: str) -> Draft:
        """Return the draft with parameters left out."""
        return replace(self, form=tuple(pair for pair in self.form or () if pair[0] not in names))

    def with_header(self, name: str, value: str | None) -> Draft:
        """Return the draft with one header set, or left out."""
        kept = tuple(pair for pair in self.headers if pair[0] != name)
        return replace(self, headers=kept if value is None else (*kept, (name, value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One exchange: as it is shown, and what the tour reads on from."""

    request: WireRequest
    response: WireResponse
    answer: httpx2.Response

    @property
    def status(self) -> int:
        """The status of the answer."""
        return self.response.status

    def header(self, name: str) -> str | None:
        """Return a header of the answer."""
        value: str | None = self.answer.headers.get(name)
        return value

    def document(self) -> dict[str, object]:
        """Return the answer's JSON object, empty where it is none."""
        try:
            return msgspec.json.decode(self.answer.content, type=dict[str, object])
        except msgspec.MsgspecError:
            return {}


def origin_of(url: str) -> str:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Wire:
    """Sends drafts over TLS, never follows a redirect, and learns each server's nonce.

    Args:
        trust: for connections without a client certificate.
        certificates: by name, for connections with one.
    """

    def __init__(self, trust: ssl.SSLContext, *, certificates: Mapping[str, ssl.SSLContext]) -> None:
        self._http: dict[str | None, httpx2.Client] = {
            name: httpx2.Client(verify=context, timeout=TIMEOUT_SECONDS, follow_redirects=False)
            for name, context in ((None, trust), *certificates.items())
        }
        self.nonces: dict[str, str] = {}

    def close(self) -> None:
        """Close the connections."""
        for http in self._http.values():
            http.close()

    def send(self, draft: Draft) -> Capture:
        """Send the draft and return what happened.

        Raises:
            httpx2.HTTPError: nobody answered.
        """
        headers = list(draft.headers)
        content = None
        if draft.form is not None:
            headers.append(("content-type", _FORM_TYPE))
            content = urlencode(draft.form).encode()
        http = self._http[draft.certificate]
        answer = http.request(draft.method, draft.url, headers=headers, content=content)
        http.cookies.clear()  # cookies are the browser's, and the tour has only one browser
        nonce = answer.headers.get(NONCE_HEADER)
        if nonce is not None:
            self.nonces[origin_of(draft.url)] = nonce
        return Capture(
            request=_shown_request(answer.request), response=_shown_response(answer), answer=answer
        )


def _shown_request(request: httpx2.Request) -> WireRequest:
    return WireRequest(
        method=request.method,
        url=str(request.url),
        headers=_shown_headers(request.headers),
        body=_SECRET_PARAMETER.sub(rf"\1={_MASK}", request.content.decode("utf-8", "replace")),
    )


def _shown_response(answer: httpx2.Response) -> WireResponse:
    return WireResponse(
        status=answer.status_code,
        headers=_shown_headers(answer.headers),
        body=_SECRET_FIELD.sub(rf"\1{_MASK}", answer.text),
    )


def _shown_headers(headers: httpx2.Headers) -> Pairs:
    return tuple(
        (
            name.lower(),
            _SECRET_COOKIE.sub(rf"\1={_MASK}", value) if name.lower() in _COOKIE_HEADERS else value,
        )
        for name, value in headers.multi_items()
        if name.lower() not in _NOISE
    )
