"""Asking the issuer whether a token is still good (RFC 7662), for resource servers outside the box.

The token was verified already, so one thing is asked: is it active? Answers are kept for at most five seconds: that
long a revoked token may live on. No answer means no access.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from trustweft.protocol.client_assertion import ASSERTION_TYPE, create_client_assertion
from trustweft.protocol.introspection import create_request
from trustweft.protocol.oauth import SERVER_ERROR, TEMPORARILY_UNAVAILABLE
from trustweft.runtime.encoding import digest_of
from trustweft.runtime.errors import Reject, reason
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from trustweft.crypto.keys import Signer
    from trustweft.protocol.access_token import AccessToken
    from trustweft.protocol.http import HttpResponse
    from trustweft.runtime.clock import Clock
    from trustweft.runtime.entropy import Entropy
    from trustweft.runtime.observability import Observer

__all__ = ["IntrospectedRevocations", "IntrospectionSettings", "PostForm"]

MAXIMUM_AGE: Final = 5.0  # our choice: what revocation may lag behind
MAXIMUM_ANSWERS: Final = 4_096
MAXIMUM_DOCUMENT: Final = 65_536
ASSERTION_LIFETIME: Final = 60.0
PAUSE: Final = 1.0  # our choice: an endpoint that failed is left alone that long
_OK: Final = 200
_TOO_MANY: Final = 429
_BROKEN: Final = 500
# Where the answer names these, they must be the token's own: an answer about another token is no answer.
_IDENTIFYING: Final = ("iss", "sub", "client_id", "jti", "cnf")

UNAVAILABLE = reason(
    "revocation.unavailable",
    error=TEMPORARILY_UNAVAILABLE,
    public="Whether the access token is revoked cannot be found out at this time.",
    status=503,
)
AWAY = reason(
    "revocation.endpoint-away",
    error=SERVER_ERROR,
    public="The introspection endpoint gave no answer.",
    status=502,
)
BAD_ANSWER = reason(
    "revocation.bad-answer",
    error=SERVER_ERROR,
    public="The introspection endpoint gave an answer that cannot be used.",
    status=502,
)


class PostForm(Protocol):
    """Posts a form: over TLS that is verified, within bounds of size and time, following no redirect."""

    def __call__(self, url: str, form: Mapping[str, str], /) -> Awaitable[HttpResponse]:
        """Return the response, whatever its status.

        Raises:
            Reject: there is none.
            OSError: there is none.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectionSettings:
    """Whom the guard asks, and as whom.

    Attributes:
        issuer: the authorization server: the audience of our assertions.
        endpoint: its introspection endpoint, from configuration.
        client_id: the resource server's identity there.
        signer: the key of that identity (``private_key_jwt``).
        maximum_age: seconds that an answer is kept; 0 asks for every request.
    """

    issuer: str
    endpoint: str
    client_id: str
    signer: Signer
    maximum_age: float = MAXIMUM_AGE

    def __post_init__(self) -> None:
        """Refuse an age beyond the bound."""
        if not 0 <= self.maximum_age <= MAXIMUM_AGE:
            raise ValueError(f"an answer is kept for {MAXIMUM_AGE:.0f} seconds at most")


class IntrospectedRevocations:
    """Knows by asking; satisfies ``RevocationSource``. Of many who ask about one token at once, one goes out."""

    def __init__(
        self,
        settings: IntrospectionSettings,
        *,
        post: PostForm,
        clock: Clock,
        entropy: Entropy,
        observer: Observer | None = None,
        maximum: int = MAXIMUM_ANSWERS,
    ) -> None:
        self._settings = settings
        self._post = post
        self._clock = clock
        self._entropy = entropy
        self._observer = SilentObserver() if observer is None else observer
        self._maximum = maximum
        self._answers: OrderedDict[bytes, tuple[bool, float]] = OrderedDict()  # and when it was asked for
        self._flights: dict[bytes, asyncio.Task[bool | None]] = {}
        self._paused_at = -math.inf

    async def is_active(self, token: AccessToken, *, presented: str) -> bool:
        """Say whether the verified ``token`` is still good.

        Raises:
            Reject: ``revocation.unavailable``, with the seconds after which to ask again.
        """
        key = digest_of(presented)
        answer = self._remembered(key)
        if answer is None and (key in self._flights or not self._is_younger(self._paused_at, PAUSE)):
            if key not in self._flights:
                self._flights[key] = asyncio.create_task(self._ask(key, token, presented))
            # Shielded, because a caller who goes away must not take the answer of the others along.
            answer = await asyncio.shield(self._flights[key])
        if answer is None:
            wait = str(math.ceil(PAUSE))
            raise UNAVAILABLE.reject(f"client_id={token.client_id}", headers=(("retry-after", wait),))
        return answer

    def _remembered(self, key: bytes) -> bool | None:
        active, asked_at = self._answers.get(key, (False, -math.inf))
        return active if self._is_younger(asked_at, self._settings.maximum_age) else None

    def _is_younger(self, time: float, age: float) -> bool:
        """Say whether it is less long ago. What is still to come is not: the clock was set back, nobody knows how far."""
        return time <= self._clock.now() < time + age

    async def _ask(self, key: bytes, token: AccessToken, presented: str) -> bool | None:
        """Ask; None where there was no answer."""
        asked_at = self._clock.now()
        try:
            response = await self._send(self._form(presented))
            active = _read_answer(response, token)
        except Reject as refused:
            self._observer.refused("resource", "introspection", refused)
            return None
        else:
            self._remember(key, active=active, asked_at=asked_at)
            return active
        finally:
            del self._flights[key]

    async def _send(self, form: Mapping[str, str]) -> HttpResponse:
        """Post the form; an endpoint that is away, or says that it is, is left alone for a while."""
        try:
            response = await self._post(self._settings.endpoint, form)
            if response.status == _TOO_MANY or response.status >= _BROKEN:
                raise AWAY.reject(f"status {response.status}")
        except Reject:
            self._pause()
            raise
        except OSError as cause:
            self._pause()
            raise AWAY.reject(repr(cause)[:200]) from cause
        return response

    def _pause(self) -> None:
        self._paused_at = self._clock.now()

    def _form(self, presented: str) -> dict[str, str]:
        settings = self._settings
        assertion = create_client_assertion(
            settings.signer,
            client_id=settings.client_id,
            issuer=settings.issuer,
            now=self._clock.now(),
            lifetime=ASSERTION_LIFETIME,
            jti=self._entropy.token(),
        )
        return {
            **create_request(presented),
            "client_id": settings.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }

    def _remember(self, key: bytes, *, active: bool, asked_at: float) -> None:
        self._answers[key] = (active, asked_at)
        self._answers.move_to_end(key)
        if len(self._answers) > self._maximum:
            self._answers.popitem(last=False)


def _read_answer(response: HttpResponse, token: AccessToken) -> bool:
    if response.status != _OK:
        raise BAD_ANSWER.reject(f"status {response.status}")
    document = load_object(response.body, limit=MAXIMUM_DOCUMENT)
    active = document.get("active")
    if active is not True and active is not False:
        raise BAD_ANSWER.reject(f"active is {active!r:.40}")
    if active and any(name in document and document[name] != token.claims.get(name) for name in _IDENTIFYING):
        raise BAD_ANSWER.reject("the answer is about another token")
    return active
