"""The ecosystem's home page: its participants, and whether each of them answers right now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from trustweft.crypto.x509 import certificate_fingerprint
from trustweft.net.asgi import application
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.errors import reason
from trustweft.web.pages import CONTENT_TYPE, Pages
from trustweft.web.security_headers import security_headers
from trustweft.web.static_application import with_static_files
from trustweft.web.views import CertificateAuthority, HomeView, Link, RunningParticipant

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from trustweft.net.asgi import Application
    from trustweft.protocol.http import HttpRequest
    from trustweft.runtime.observability import Observer

__all__ = ["HomeSettings", "Neighbour", "create_home"]

METHOD = reason(
    "home.method", error="invalid_request", public="This address answers to GET alone.", status=405
)
NOT_FOUND = reason(
    "home.not-found", error="invalid_request", public="There is nothing at this address.", status=404
)
AUTHORITY_PATH = "/trustweft-ca.pem"
TOUR_CALLBACK_PATH = "/tour/callback"
PROBE_SECONDS = 2.0
BODY_LIMIT = 1_024
_LANDED = b"The tour has its answer. There is nothing more to see here.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A participant on the home page.

    Attributes:
        probe_url: answers with status 200 as soon as the participant can serve.
    """

    name: str
    role: str
    url: str
    probe_url: str
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSettings:
    """What the page tells.

    Attributes:
        base_url: of the home page itself.
        start_url: where a newcomer begins.
        authority: the certificate of the local authority, in PEM.
        credentials: the file with the demo users' passwords.
        settled: says whether those who answer have all that they need besides: a word of the directory.
    """

    base_url: str
    start_url: str
    neighbours: Sequence[Neighbour]
    authority: Path
    credentials: Path
    settled: Callable[[], bool] = lambda: True


def create_home(settings: HomeSettings, *, trust: ssl.SSLContext, observer: Observer) -> Application:
    """Return the application; it asks each participant anew for every page."""
    home = _Home(settings, trust=trust)
    return with_static_files(
        application(home.respond, participant="home", observer=observer, body_limit=BODY_LIMIT)
    )


class _Home:
    def __init__(self, settings: HomeSettings, *, trust: ssl.SSLContext) -> None:
        self._settings = settings
        self._trust = trust
        self._pages = Pages()
        self._authority = settings.authority.read_bytes()
        self._fingerprint = certificate_fingerprint(self._authority)

    async def respond(self, request: HttpRequest) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            raise METHOD.reject(request.method[:20], headers=(("allow", "GET, HEAD"),))
        if request.path == AUTHORITY_PATH:
            headers = (("content-type", "application/x-pem-file"), ("cache-control", "no-store"))
            return HttpResponse(200, headers, self._authority)
        if request.path == TOUR_CALLBACK_PATH:
            # `trustweft tour` reads the answer from the redirect itself; a browser that follows it must land somewhere.
            headers = (("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store"))
            return HttpResponse(200, (*headers, ("referrer-policy", "no-referrer")), _LANDED)
        if request.path != "/":
            raise NOT_FOUND.reject(repr(request.path)[:200])
        view = await self._view()
        protection = security_headers(base_url=self._settings.base_url)
        status = 200 if view.ready else 503
        return HttpResponse(status, (("content-type", CONTENT_TYPE), *protection), self._pages.home(view))

    async def _view(self) -> HomeView:
        settings = self._settings
        async with httpx2.AsyncClient(verify=self._trust, timeout=PROBE_SECONDS) as client:
            ready = await asyncio.gather(*(_answers(client, one.probe_url) for one in settings.neighbours))
        settled = settings.settled()
        return HomeView(
            participants=tuple(
                RunningParticipant(
                    name=one.name,
                    role=one.role,
                    url=one.url,
                    ready=is_ready and settled,
                    links=tuple(Link(label=label, url=url) for label, url in one.links),
                )
                for one, is_ready in zip(settings.neighbours, ready, strict=True)
            ),
            authority=CertificateAuthority(
                file=str(settings.authority),
                fingerprint=self._fingerprint,
                download_url=AUTHORITY_PATH,
            ),
            start_url=settings.start_url,
            credentials_file=str(settings.credentials),
        )


async def _answers(client: httpx2.AsyncClient, url: str) -> bool:
    try:
        response = await client.get(url)
    except httpx2.HTTPError:
        return False
    return response.status_code == httpx2.codes.OK
