"""The oldest attack on redirect URIs, played over HTTPS against a server and a client that do without pushed requests.

Where requests are pushed it is none, whatever the redirect URI: nobody but the client can have one with a foreign
address taken, as the attacks with an unauthenticated client show (``test_posing.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from attacks import unpushed, weakened
from attacks.attacker import code_of, go_through_login, query_of, rewritten
from attacks.scenes import HOME, ending
from attacks.told import find

if TYPE_CHECKING:
    from attacks.scenes import Scene

REFUSALS = {
    None: None,
    "pushed requests": "par.request-uri-missing",
    "registered redirect URIs": "redirect-uri.not-registered",
    "the code's redirect URI": "code.redirect-uri",
}


@pytest.mark.parametrize("kept", REFUSALS, ids=lambda kept: "without" if kept is None else f"with {kept}")
def test_open_redirect_uri(scene: Scene, monkeypatch: pytest.MonkeyPatch, *, kept: str | None) -> None:
    """Eve writes her own address into the link of her flow; alice follows it, and eve finishes with alice's code."""
    attack = find("open-redirect-uri", "authorization", without=["par"])
    unpushed.send_parameters(monkeypatch)
    if kept != "pushed requests":
        scene.laboratory.instead = {
            ("authorization", "read_authorization_parameters"): unpushed.take_parameters
        }
    if kept != "registered redirect URIs":
        weakened.take_any_redirect_uri(monkeypatch)
    if kept != "the code's redirect URI":
        scene.laboratory.without = frozenset([("token:authorization_code", "check_code_redirect_uri")])
    eves = scene.application.start()
    attack.did("start")
    with ending(REFUSALS[kept], scene.application):
        arrived = go_through_login(
            scene.ecosystem.trust,
            rewritten(eves.url, redirect_uri=HOME),
            user=scene.people.alice,
            until=HOME,
        )
        attack.did("visits", "user")
        crafted = {
            "code": code_of(query_of(arrived)),
            "iss": scene.ecosystem.issuer,
            "state": eves.pending.state,
        }
        scene.application.finish(eves, urlencode(crafted), session="eve-again")
        attack.did("callback", "redeem")
        assert scene.application.accounts(session="eve-again") == scene.owned["alice"]
        attack.did("use")
    assert attack.is_played() == (kept is None)
