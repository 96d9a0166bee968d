"""The home page says that everybody is ready once everybody answers, and has heard from the directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from ecosystem import free_base_port
from local_tls import make_local_tls
from served import served
from trustweft.demo.home import HomeSettings, Neighbour, create_home
from trustweft.net.asgi import application
from trustweft.net.fetch import trust_context
from trustweft.protocol.http import HttpResponse
from trustweft.runtime.observability import SilentObserver

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.protocol.http import HttpRequest

pytestmark = pytest.mark.anyio


async def answer(_request: HttpRequest) -> HttpResponse:
    """Answer as a participant that can serve."""
    return HttpResponse(200)


async def test_whoever_waits_for_the_directory_is_not_ready(tmp_path: Path) -> None:
    """Until then the page answers 503, so that whoever waits for it waits for that too."""
    tls = make_local_tls(tmp_path)
    heard: list[bool] = []
    neighbour = application(answer, participant="bank", observer=SilentObserver(), body_limit=0)
    with served(
        lambda: neighbour,
        port=free_base_port(),
        certificate=tls.server.certificate_file,
        private_key=tls.server.private_key_file,
    ) as url:
        settings = HomeSettings(
            base_url="https://localhost:8440",
            start_url="https://localhost:8444/",
            neighbours=(Neighbour(name="Bank", role="Is there.", url=url, probe_url=url),),
            authority=tls.authority.certificate_file,
            credentials=tmp_path / "credentials.json",
            settled=lambda: bool(heard),
        )
        trust = trust_context(tls.authority.certificate_file)
        home = create_home(settings, trust=trust, observer=SilentObserver())
        transport = httpx2.ASGITransport(app=home)
        async with httpx2.AsyncClient(transport=transport, base_url="https://localhost:8440") as browser:
            assert (await browser.get("/")).status_code == 503
            heard.append(True)
            assert (await browser.get("/")).status_code == 200
