"""One request, as it will be sent or was sent, and what came back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

__all__ = ["FORM_TYPE", "Exchange", "Pairs", "Request", "form_request", "origin_of"]

Pairs = tuple[tuple[str, str], ...]

FORM_TYPE: Final = "application/x-www-form-urlencoded"
# Where envelopes have what was asked for; what has something there is an answer, whatever else it says.
_BROUGHT: Final = ("data", "result", "results", "items")
# Members that tell of an error, and bring nothing besides.
_ENVELOPE: Final = frozenset(
    (
        *(
            "code",
            "data",
            "detail",
            "details",
            "error",
            "error_description",
            "error_uri",
            "errors",
            "instance",
        ),
        *(
            "message",
            "msg",
            "ok",
            "path",
            "reason",
            "request_id",
            "requestId",
            "result",
            "status",
            "statusCode",
        ),
        *("status_code", "success", "timestamp", "title", "trace_id", "traceId", "type"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that is about to be sent; an attack is a copy of it with one thing changed.

    Attributes:
        headers: in the order of sending; a name may come twice.
        body: octets; where ``form`` is given, that is sent instead.
        form: parameters of a form, in order; None where the body is none.
        certificate: the name of the client certificate that the connection shows; None for none.
        target: the path and query exactly as they go over the wire; None for those of ``url``.
    """

    method: str
    url: str
    headers: Pairs = ()
    body: bytes = b""
    form: Pairs | None = None
    certificate: str | None = None
    target: str | None = None

    def with_parameters(self, *parameters: tuple[str, str]) -> Request:
        """Return a copy with parameters of the form set: one that is there is replaced, another is added."""
        names = {name for name, _ in parameters}
        kept = tuple(pair for pair in self.form or () if pair[0] not in names)
        return replace(self, form=(*kept, *parameters))

    def without_parameters(self, *names: str) -> Request:
        """Return a copy with parameters of the form left out."""
        return replace(self, form=tuple(pair for pair in self.form or () if pair[0] not in names))

    def repeating(self, name: str, value: str) -> Request:
        """Return a copy whose form has one more parameter, whether or not the name is there already."""
        return replace(self, form=(*(self.form or ()), (name, value)))

    def with_header(self, name: str, value: str | None) -> Request:
        """Return a copy with one header set, or left out."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=kept if value is None else (*kept, (name, value)))

    def header(self, name: str) -> str | None:
        """Return the first header of this name."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)

    def parameter(self, name: str) -> str | None:
        """Return the first parameter of this name in the form."""
        return next((value for each, value in self.form or () if each == name), None)

    def content(self) -> bytes:
        """Return the octets of the body."""
        return self.body if self.form is None else urlencode(self.form).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request that was sent, and the answer.

    Attributes:
        headers: of the answer, names in lower case.
        seconds: from sending to the end of the answer.
    """

    request: Request
    status: int
    headers: Pairs
    body: bytes
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx, and the body does not say that this was an error all the same."""
        return 200 <= self.status < 300 and not self.tells_error  # noqa: PLR2004  # RFC 9110 section 15.3

    @property
    def refused(self) -> bool:
        """Whether the status is 4xx, or an error comes with 2xx."""
        refusing = 400 <= self.status < 500  # noqa: PLR2004  # RFC 9110 section 15.5
        return refusing or (self.tells_error and not self.broke)

    @property
    def tells_error(self) -> bool:
        """Whether the JSON object of the answer is an error by its own account: there are APIs that know only 200."""
        document = self.document()
        error, errors = document.get("error"), document.get("errors")
        brings = any(document.get(name) for name in _BROUGHT)
        told = isinstance(error, str) and bool(error)
        enveloped = not brings and bool(
            (isinstance(error, dict) and error) or (isinstance(errors, list) and errors)
        )
        denied = (
            document.get("success") is False
            or document.get("ok") is False
            or document.get("status") == "error"
        )
        # A payment that failed is data, and says so with the same words.
        return told or enveloped or (denied and document.keys() <= _ENVELOPE)

    @property
    def broke(self) -> bool:
        """Whether the status is 5xx."""
        return self.status >= 500  # noqa: PLR2004  # RFC 9110 section 15.6

    def header(self, name: str) -> str | None:
        """Return the first header of this name."""
        return next((value for each, value in self.headers if each == name.lower()), None)

    def all_headers(self, name: str) -> tuple[str, ...]:
        """Return every header of this name."""
        return tuple(value for each, value in self.headers if each == name.lower())

    def document(self) -> dict[str, object]:
        """Return the JSON object of the answer, empty where it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return {}

    def text(self, member: str) -> str:
        """Return a member of the JSON object that is a string, empty where it is none."""
        value = self.document().get(member)
        return value if isinstance(value, str) else ""

    def page(self) -> str:
        """Return the answer as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def location(self) -> str:
        """Where the answer redirects to, as it says; empty where it does not."""
        return self.header("location") or ""

    def location_parameters(self) -> dict[str, str]:
        """Return the parameters of the redirect, of its query and its fragment."""
        parts = urlsplit(self.location)
        return dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(
            parse_qsl(parts.fragment, keep_blank_values=True)
        )

    @property
    def issued(self) -> bool:
        """Whether the answer holds an access token."""
        return self.ok and bool(self.text("access_token"))

    @property
    def error(self) -> str:
        """The ``error`` of an OAuth answer; the status where there is none."""
        return self.text("error") or str(self.status)

    @property
    def says(self) -> str:
        """The status, and the ``error`` of an OAuth answer where there is one."""
        return f"{self.status} {self.text('error')}".rstrip()

    @property
    def shows(self) -> str:
        """The status, and the beginning of what came with it."""
        return f"{self.status} {self.page()[:200]}".rstrip()


def form_request(url: str, *parameters: tuple[str, str], certificate: str | None = None) -> Request:
    """Return a POST of a form."""
    return Request(method="POST", url=url, form=parameters, certificate=certificate)


def origin_of(url: str) -> str:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
