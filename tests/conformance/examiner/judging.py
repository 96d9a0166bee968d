"""What the outside suite accepts of each answer. What it only warns of is a fault here, where a server can avoid it."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from conformance.examiner.parties import RICH_REQUEST

if TYPE_CHECKING:
    from collections.abc import Collection

    from conformance.examiner.browser import Callback
    from conformance.examiner.variants import Variant
    from conformance.examiner.wire import Answer

__all__ = [
    "check_callback_error",
    "check_callback_success",
    "check_entropy",
    "check_pushed",
    "check_pushed_error",
    "check_resource",
    "check_token_error",
    "check_token_response",
]

_ERROR: Final = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 5.2
_CREDENTIAL: Final = re.compile(r"[\x20-\x7e]+")  # RFC 6749 appendix A
_CLIENT_ERRORS: Final = range(400, 500)
_BITS: Final = 128
_MEASURED_BITS: Final = 96  # a measure of one sample falls short of what it was drawn with
_SHORTEST, _LONGEST = 5, 600  # seconds: the suite's least, and what FAPI 2.0 SP 5.3.2.2-12 stays below
_SKEW: Final = 300.0


def check_entropy(text: str, *, bits: float = _MEASURED_BITS) -> None:
    """Hold that a credential is long, and that its characters are spread."""
    assert len(text) * 8 >= _BITS, f"{len(text)} characters"
    shares = [count / len(text) for count in Counter(text).values()]
    measured = -sum(share * math.log2(share) for share in shares) * len(text)
    assert measured >= bits, f"{measured:.0f} bits"


def check_pushed(answer: Answer) -> tuple[str, int]:
    """Return the request URI of a pushed request that was taken, and how long it lives (RFC 9126 section 2.2)."""
    assert answer.status == 201, answer
    body = answer.json
    assert "error" not in body, body
    uri, seconds = body["request_uri"], body["expires_in"]
    assert isinstance(uri, str), body
    assert urlsplit(uri).scheme, uri
    assert type(seconds) is int, body
    assert _SHORTEST <= seconds < _LONGEST, body
    check_entropy(uri)
    return uri, seconds


def check_pushed_error(answer: Answer, *errors: str) -> None:
    """Hold that a pushed request was refused: with 400, or 401 where the client itself was (RFC 9126 section 2.3)."""
    check_token_error(answer, *errors)


def check_token_error(answer: Answer, *errors: str) -> None:
    """Hold that the answer is one of these errors, well-formed, with the status that it has (RFC 6749 section 5.2)."""
    body = answer.json
    assert body.get("error") in errors, body
    allowed = {400, 401} if body["error"] == "invalid_client" else {400}
    assert answer.status in allowed, answer
    description = body.get("error_description")
    assert description is None or _ERROR.fullmatch(description), body
    assert "error_uri" not in body or urlsplit(body["error_uri"]).scheme, body
    assert "access_token" not in body, body


def check_token_response(answer: Answer, variant: Variant) -> dict[str, Any]:
    """Return the tokens (RFC 6749 section 5.1)."""
    assert answer.status == 200, answer
    body = answer.json
    assert "error" not in body, body
    assert "no-store" in (answer.header("cache-control") or ""), answer.headers
    token = body["access_token"]
    assert _CREDENTIAL.fullmatch(token), token
    check_entropy(token)
    assert body["token_type"].lower() == ("dpop" if variant.dpop else "bearer"), body
    expires_in = body["expires_in"]
    assert isinstance(expires_in, int), body
    assert expires_in > 0, body
    refresh_token = body.get("refresh_token")
    if refresh_token is not None:
        assert not variant.client_credentials, "a client needs no refresh token for itself (RFC 6749 4.4.3)"
        assert _CREDENTIAL.fullmatch(refresh_token), refresh_token
        check_entropy(refresh_token)
    if not variant.openid:
        assert "id_token" not in body, "nobody asked for OpenID Connect"
    if variant.rich_request:
        assert body["authorization_details"] == RICH_REQUEST, body
    return body


def check_callback_success(callback: Callback, *, redirect_uri: str, state: str | None, issuer: str) -> str:
    """Return the code of an authorization response that says nothing but what it must."""
    parameters = _check_callback(callback, redirect_uri=redirect_uri)
    expected = {"code", "iss"} | ({"state"} if state is not None else set())
    assert set(parameters) == expected, parameters
    assert parameters.get("state") == state, parameters
    assert parameters["iss"] == issuer, parameters
    check_entropy(parameters["code"])
    return parameters["code"]


def check_callback_error(
    callback: Callback, *errors: str, redirect_uri: str, state: str | None, issuer: str
) -> None:
    """Hold that an authorization response is one of these errors; the issuer names itself in it too (RFC 9207)."""
    parameters = _check_callback(callback, redirect_uri=redirect_uri)
    assert parameters.get("error") in errors, parameters
    assert parameters.get("state") == state, parameters
    assert parameters.get("iss") == issuer, parameters
    assert set(parameters) <= {"error", "error_description", "error_uri", "state", "iss"}, parameters
    assert _ERROR.fullmatch(parameters.get("error_description", "none")), parameters


def _check_callback(callback: Callback, *, redirect_uri: str) -> dict[str, str]:
    """Return the parameters that were added to the redirect URI; its own are all still there."""
    assert not callback.fragment, f"an answer in the fragment: {callback.url}"
    assert callback.target == redirect_uri.partition("?")[0], callback.url
    parameters = callback.parameters
    for name, value in parse_qsl(urlsplit(redirect_uri).query):
        assert parameters.pop(name, None) == value, callback.url
    return parameters


def check_resource(answer: Answer, *, interaction: str | None = None) -> None:
    """Hold that a protected resource answered with what it is for."""
    assert answer.status in {200, 201}, answer
    assert answer.media_type.endswith("json"), answer
    date = answer.header("date")
    assert date is not None, "no Date header"
    # The transport's, which has no hand-turned clock.
    assert abs(parsedate_to_datetime(date).timestamp() - time.time()) < _SKEW, date
    echoed = answer.header("x-fapi-interaction-id")
    assert interaction is None or echoed in {None, interaction}, echoed


def check_status(answer: Answer, statuses: Collection[int] = _CLIENT_ERRORS) -> None:
    """Hold that a request was refused."""
    assert answer.status in statuses, answer
