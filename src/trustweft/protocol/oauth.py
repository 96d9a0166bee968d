"""The OAuth 2.0 Authorization Framework (RFC 6749): its forms, its scopes, its errors and its redirects."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes, urlencode

import msgspec

from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "ACCESS_DENIED",
    "FORM_CONTENT_TYPE",
    "INSUFFICIENT_SCOPE",
    "INVALID_CLIENT",
    "INVALID_GRANT",
    "INVALID_REQUEST",
    "INVALID_SCOPE",
    "INVALID_TOKEN",
    "SERVER_ERROR",
    "TEMPORARILY_UNAVAILABLE",
    "UNAUTHORIZED_CLIENT",
    "UNSUPPORTED_GRANT_TYPE",
    "UNSUPPORTED_RESPONSE_TYPE",
    "ErrorResponse",
    "Form",
    "authorization_redirect",
    "encode_form",
    "error_fields",
    "parse_form",
    "parse_query",
    "parse_scope",
    "read_error_response",
]

# Error codes: RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1.
ACCESS_DENIED: Final = "access_denied"
INSUFFICIENT_SCOPE: Final = "insufficient_scope"
INVALID_CLIENT: Final = "invalid_client"
INVALID_GRANT: Final = "invalid_grant"
INVALID_REQUEST: Final = "invalid_request"
INVALID_SCOPE: Final = "invalid_scope"
INVALID_TOKEN: Final = "invalid_token"  # noqa: S105  # an error code, not a password
SERVER_ERROR: Final = "server_error"
TEMPORARILY_UNAVAILABLE: Final = "temporarily_unavailable"
UNAUTHORIZED_CLIENT: Final = "unauthorized_client"
UNSUPPORTED_GRANT_TYPE: Final = "unsupported_grant_type"
UNSUPPORTED_RESPONSE_TYPE: Final = "unsupported_response_type"

FORM_CONTENT_TYPE: Final = "application/x-www-form-urlencoded"
MAXIMUM_BODY: Final = 65_536  # our choice: the largest honest request carries a few signed tokens of 16 KiB
MAXIMUM_QUERY: Final = 16_384  # our choice: what servers in front of us carry at most
MAXIMUM_PARAMETERS: Final = 100
MAXIMUM_NAME: Final = 100
MAXIMUM_SCOPE: Final = 4_096
MAXIMUM_SCOPE_VALUES: Final = 100
MAXIMUM_ERROR_BODY: Final = 65_536

_MEDIA_TYPE: Final = re.compile(
    r'application/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset[ \t]*=[ \t]*"?utf-?8"?[ \t]*)?;?[ \t]*',
    re.IGNORECASE,
)
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCOPE_VALUE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3
_ERROR_TEXT: Final = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,512}")  # RFC 6749 section 5.2
_URI_TEXT: Final = re.compile(r"[\x21-\x7e]+")

CONTENT_TYPE = reason(
    "form.content-type",
    error=INVALID_REQUEST,
    public="The body must be of type application/x-www-form-urlencoded, in UTF-8.",
)
TOO_LARGE = reason("form.too-large", error=INVALID_REQUEST, public="The parameters are too large.")
TOO_MANY = reason("form.too-many-parameters", error=INVALID_REQUEST, public="There are too many parameters.")
LONG_NAME = reason("form.long-name", error=INVALID_REQUEST, public="The name of a parameter is too long.")
NOT_UTF8 = reason("form.not-utf8", error=INVALID_REQUEST, public="The parameters are not valid UTF-8.")
NUL = reason("form.nul", error=INVALID_REQUEST, public="A parameter holds the character NUL.")
MALFORMED = reason(
    "form.malformed-encoding",
    error=INVALID_REQUEST,
    public="The percent-encoding of a parameter is malformed.",
)
REPEATED = reason(
    "form.repeated-parameter", error=INVALID_REQUEST, public="A parameter occurs more than once."
)
MALFORMED_SCOPE = reason(
    "oauth.malformed-scope",
    error=INVALID_SCOPE,
    public="The scope has characters or a length that it may not have.",
)
BAD_ERROR_RESPONSE = reason(
    "oauth.bad-error-response",
    error=SERVER_ERROR,
    public="The server refused the request with an answer that is not an OAuth error.",
    status=502,
)


class Form:
    """Parameters as they were sent: every pair, in order, so that a repeated name stays visible.

    ``get`` never chooses between two values of one name: it refuses. A parameter without a value counts as
    omitted (RFC 6749 sections 3.1 and 3.2). The representation shows names only, because values are often secrets.
    """

    __slots__ = ("_repeated", "_values", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = tuple(pairs)
        values = dict(self.pairs)
        self._repeated: frozenset[str] = frozenset()
        if len(values) != len(self.pairs):
            names = [name for name, _ in self.pairs]
            self._repeated = frozenset(name for name in values if names.count(name) > 1)
        self._values = values

    def get(self, name: str) -> str | None:
        """Return the value of ``name``, None where it is absent or empty.

        Raises:
            Reject: ``form.repeated-parameter``.
        """
        if name in self._repeated:
            raise REPEATED.reject(repr(name))
        return self._values.get(name) or None

    def get_all(self, name: str) -> tuple[str, ...]:
        """Return every value of a parameter that may be repeated, in order, without the empty ones."""
        return tuple(value for sent, value in self.pairs if sent == name and value)

    def refuse_duplicates(self, *, repeatable: frozenset[str] = frozenset()) -> None:
        """Refuse a name that occurs twice and is not ``repeatable`` (RFC 6749 sections 3.1 and 3.2).

        Raises:
            Reject: ``form.repeated-parameter``.
        """
        if self._repeated - repeatable:
            raise REPEATED.reject(", ".join(sorted(map(repr, self._repeated - repeatable))))

    def __repr__(self) -> str:
        return f"Form({', '.join(repr(name) for name, _ in self.pairs)})"


def parse_form(
    body: bytes,
    *,
    content_type: str | None,
    maximum_octets: int = MAXIMUM_BODY,
    maximum_parameters: int = MAXIMUM_PARAMETERS,
) -> Form:
    """Read a request body (RFC 6749 appendix B).

    (1) media type (2) size (3) UTF-8 (4) number (5) NUL (6) percent-encoding (7) length of names.

    Raises:
        Reject: ``form.*``.
    """
    if content_type is None or not _MEDIA_TYPE.fullmatch(content_type):  # (1)
        raise CONTENT_TYPE.reject(repr(content_type)[:80])
    return _parse(body, maximum_octets, maximum_parameters)


def parse_query(
    raw: bytes, *, maximum_octets: int = MAXIMUM_QUERY, maximum_parameters: int = MAXIMUM_PARAMETERS
) -> Form:
    """Read a query, without its question mark, under the rules of ``parse_form``.

    Raises:
        Reject: ``form.*``.
    """
    return _parse(raw, maximum_octets, maximum_parameters)


def _parse(raw: bytes, maximum_octets: int, maximum_parameters: int) -> Form:
    if len(raw) > maximum_octets:  # (2)
        raise TOO_LARGE.reject(f"{len(raw)} octets")
    try:
        text = raw.decode("utf-8")  # (3)
    except UnicodeDecodeError as cause:
        raise NOT_UTF8.reject() from cause
    if text.count("&") >= maximum_parameters:  # (4)
        raise TOO_MANY.reject(f"{text.count('&') + 1}")
    if "\0" in text or "%00" in text:  # (5)
        raise NUL.reject()
    if "%" in text and _BAD_PERCENT.search(text):  # (6)
        raise MALFORMED.reject()
    try:
        pairs = [_parse_pair(piece) for piece in text.split("&") if piece]
    except UnicodeDecodeError as cause:  # (3) again, once decoded
        raise NOT_UTF8.reject() from cause
    return Form(pairs)


def _parse_pair(piece: str) -> tuple[str, str]:
    name, _, value = piece.partition("=")
    if "%" in name or "+" in name:
        name = _decode(name)
    if "%" in value or "+" in value:
        value = _decode(value)
    if len(name) > MAXIMUM_NAME:  # (7)
        raise LONG_NAME.reject(f"{len(name)} characters")
    return name, value


def _decode(text: str) -> str:
    text = text.replace("+", " ")
    return unquote_to_bytes(text).decode("utf-8") if "%" in text else text


@lru_cache(maxsize=1024)  # a few scopes come with all requests and tokens; refusals are not kept
def parse_scope(value: str) -> tuple[str, ...]:
    """Return the values of a scope (RFC 6749 section 3.3), each once, in the order sent.

    Raises:
        Reject: ``oauth.malformed-scope``.
    """
    values = value.split(" ")
    if len(value) > MAXIMUM_SCOPE or len(values) > MAXIMUM_SCOPE_VALUES:
        raise MALFORMED_SCOPE.reject("too long")
    if not all(map(_SCOPE_VALUE.fullmatch, values)):
        raise MALFORMED_SCOPE.reject(repr(value)[:200])
    return tuple(dict.fromkeys(values))


def encode_form(parameters: Mapping[str, str]) -> bytes:
    """Return ``parameters`` as a body of type ``FORM_CONTENT_TYPE``."""
    return urlencode(parameters).encode("ascii")


def error_fields(refusal: Reject) -> dict[str, str]:
    """Return the members of an error response (RFC 6749 sections 4.1.2.1 and 5.2): public words only."""
    return {"error": refusal.reason.error, "error_description": refusal.reason.public}


def authorization_redirect(redirect_uri: str, parameters: Mapping[str, str]) -> str:
    """Return the location of an authorization response (RFC 6749 section 4.1.2).

    The redirect URI, its query included, stays byte for byte as it was verified.

    Raises:
        ValueError: the redirect URI has a fragment or a character that no verified one has.
    """
    if "#" in redirect_uri or not _URI_TEXT.fullmatch(redirect_uri):
        raise ValueError("not a redirect URI that could have been verified")
    query = urlencode(parameters, quote_via=quote, safe="")
    if "?" not in redirect_uri:
        return f"{redirect_uri}?{query}"
    return f"{redirect_uri}{query}" if redirect_uri[-1] in "?&" else f"{redirect_uri}&{query}"


class ErrorResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says when it refuses: data from outside, to be logged and shown with care."""

    error: str
    description: str | None


def read_error_response(raw: bytes) -> ErrorResponse:
    """Read the JSON body of an error response (RFC 6749 section 5.2), for clients.

    Raises:
        Reject: ``oauth.bad-error-response``.
    """
    try:
        members = load_object(raw, limit=MAXIMUM_ERROR_BODY)
    except Reject as cause:
        raise BAD_ERROR_RESPONSE.reject(cause.reason.id) from cause
    error, description = members.get("error"), members.get("error_description")
    if not isinstance(error, str) or not _ERROR_TEXT.fullmatch(error):
        raise BAD_ERROR_RESPONSE.reject("error")
    # A description with characters that it may not have is dropped: the error code alone is acted upon.
    readable = isinstance(description, str) and _ERROR_TEXT.fullmatch(description)
    return ErrorResponse(error=error, description=str(description) if readable else None)
