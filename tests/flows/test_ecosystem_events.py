"""A directory tells running participants over real TLS whom it has ended: they refuse, clean up and send receipts."""

from __future__ import annotations

import threading
import time
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx2
import pytest

from ecosystem import free_base_port, running_ecosystem
from local_tls import make_local_tls
from served import served
from support.directory import TestDirectory
from trustweft.crypto.keys import KeySet
from trustweft.net.asgi import application
from trustweft.protocol.http import HttpRequest, HttpResponse, json_response
from trustweft.protocol.offboarding import verify_receipt
from trustweft.protocol.security_event import MEDIA_TYPE
from trustweft.runtime.encoding import decode_base64url
from trustweft.runtime.observability import SilentObserver
from trustweft.runtime.strict_json import load_object

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ecosystem import Ecosystem

PATIENCE = 30.0
SETTINGS = """
[directory]
issuer = "{url}"
feed = "{url}/status"
jwks_uri = "{url}/jwks"
identifier = "{identifier}"
state_file = "their-status.json"
trust = "{trust}"
allowed_hosts = ["localhost"]

[directory.names]
{names}
"""
SERVER, BANK = "https://server.in.directory", "https://bank.in.directory"


@dataclass
class Desk:
    """The directory's side of HTTP."""

    directory: TestDirectory
    receipts: dict[str, str] = field(default_factory=dict)
    complete: threading.Event = field(default_factory=threading.Event)

    async def respond(self, request: HttpRequest) -> HttpResponse:
        """Answer readers, and take receipts."""
        if request.path == "/jwks":
            return json_response(self.directory.jwks())
        if request.path == "/status":
            return HttpResponse(200, (), self.directory.feed(now=time.time()).encode())
        token = request.body.decode()
        self.receipts[str(load_object(_payload(token), limit=65_536)["iss"])] = token
        if len(self.receipts) == 2:
            self.complete.set()
        return HttpResponse(202)


def _payload(token: str) -> bytes:
    return decode_base64url(token.split(".")[1])


@dataclass
class Scene:
    """What runs."""

    desk: Desk
    ecosystem: Ecosystem
    url: str
    data: Path


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The ecosystem as `trustweft up` makes it, started again with a directory that both servers follow."""
    folder = tmp_path_factory.mktemp("events")
    data, tls, base = folder / "data", make_local_tls(folder), free_base_port()
    desk = Desk(TestDirectory())
    desk.directory.say("software:moneyview", "active", as_of=time.time())
    with running_ecosystem(data, base_port=base):
        pass
    port = base + 8
    with served(
        lambda: application(
            desk.respond,
            participant="directory",
            observer=SilentObserver(),
            body_limit=65_536,
            endpoint_of=lambda path: path,
        ),
        port=port,
        certificate=tls.server.certificate_file,
        private_key=tls.server.private_key_file,
    ) as url:
        desk.directory.issuer = url
        for name, identifier, role in (("server", SERVER, "brand"), ("resource", BANK, "issuer_brand")):
            path = data / name / f"{name}.toml"
            # Instead of the directory that is in the box.
            before, _, _ = path.read_text(encoding="utf-8").partition("[directory]")
            table = SETTINGS.format(
                url=url,
                identifier=identifier,
                trust=tls.authority.certificate_file,
                names=f'{role} = "harbour-bank"',
            )
            path.write_text(before + table, encoding="utf-8")
        with running_ecosystem(data, base_port=base) as running:
            yield Scene(desk, running, url, data)


def test_an_order_reaches_both_servers_and_both_send_receipts(scene: Scene) -> None:
    """The delivery is accepted, a forged one is not, and each receipt is signed with a key that its sender publishes."""
    directory, now = scene.desk.directory, time.time()
    subject = "software:moneyview"
    directory.say(subject, "ended", cause="revoked", as_of=now)
    order = directory.order(subject, "revoke", now=int(now), receipt_endpoint=f"{scene.url}/receipts")
    forged = TestDirectory(scene.url, subjects=directory.subjects)
    bank = scene.ecosystem.issuer.rpartition(":")[0] + f":{_bank_port(scene.data)}"
    with httpx2.Client(verify=scene.ecosystem.trust) as http:
        for base, identifier in ((scene.ecosystem.issuer, SERVER), (bank, BANK)):
            for signer, status in ((forged, 400), (directory, 202)):
                answer = http.post(
                    f"{base}/ecosystem/events",
                    content=signer.event(identifier, subject, order=order, now=int(now)),
                    headers={"content-type": MEDIA_TYPE},
                )
                assert answer.status_code == status, answer.text
        assert scene.desk.complete.wait(PATIENCE)
        keys = KeySet.read(http.get(f"{scene.ecosystem.issuer}/jwks").json())
    told = verify_receipt(
        scene.desk.receipts[SERVER],
        keys=keys,
        issuer=SERVER,
        audience=scene.url,
        now=time.time(),
        tolerance=60,
    )
    assert (told.order, told.counts["registrations"], told.repeated) == (order.jti, 1, False)
    assert BANK in scene.desk.receipts


def _bank_port(data: Path) -> int:
    port = tomllib.loads(next(data.rglob("resource.toml")).read_text(encoding="utf-8"))["listen"]["port"]
    assert isinstance(port, int)
    return port
