"""What the directory says of its events (Shared Signals Framework 1.0 section 7), and whether they arrive (8.1.4).

Whom events go to is a matter of the register, where each participant names its endpoint: streams are not made here,
and there is nothing to configure. Each participant has one, which tells everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trustweft.directory.authenticating import authenticate_participant
from trustweft.protocol.http import HttpResponse, json_response
from trustweft.runtime.errors import reason
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from trustweft.directory.application import Directory
    from trustweft.protocol.http import HttpRequest

__all__ = ["ask_for_verification", "tell_transmitter_configuration"]

PUSH: Final = "urn:ietf:rfc:8935"
_BODY_LIMIT: Final = 4_096
_LONGEST: Final = 1_024

STREAM = reason(
    "verification.stream",
    error="not_found",
    public="The stream_id must be that of the participant itself: its identifier in the directory.",
    status=404,
)
STATE = reason(
    "verification.state",
    error="invalid_request",
    public="The state must be text of 1 to 1024 characters.",
)
MEDIA = reason(
    "verification.media-type",
    error="invalid_request",
    public="The content type of a request for verification must be application/json.",
    status=415,
)


async def tell_transmitter_configuration(directory: Directory, _request: HttpRequest) -> HttpResponse:
    """Say how events are delivered (section 7.1)."""
    config = directory.config
    return json_response(
        {
            "spec_version": "1_0",
            "issuer": config.issuer,
            "jwks_uri": config.endpoint("jwks"),
            "delivery_methods_supported": [PUSH],
            "verification_endpoint": config.endpoint("verification"),
            "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:7523"}],
            "default_subjects": "ALL",
        }
    )


async def ask_for_verification(directory: Directory, request: HttpRequest) -> HttpResponse:
    """Send a verification event to the participant that asks for one."""
    directory.pace.check(request.peer)
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise MEDIA.reject(media_type[:80])
    participant = await authenticate_participant(directory, request.header("authorization"))
    asked = load_object(request.body, limit=_BODY_LIMIT)
    if asked.get("stream_id") != participant.identifier:
        raise STREAM.reject(f"{asked.get('stream_id')!r:.200}")
    state = asked.get("state", directory.entropy.token())
    if not isinstance(state, str) or not 0 < len(state) <= _LONGEST:
        raise STATE.reject()
    directory.deliveries.verify(participant.identifier, state)
    return HttpResponse(204)
