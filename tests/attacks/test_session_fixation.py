"""Cross-user session fixation, played over HTTPS against MoneyView without what ties a flow to a browser.

That is the application's to do, so this is played against the sample application and not against our client alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from attacks import weakened
from attacks.attacker import begin_at, go_through_login
from attacks.told import find

if TYPE_CHECKING:
    from attacks.scenes import Scene

BOTH = ("flows are found by browser", "sessions are renewed")


@pytest.mark.parametrize("kept", [None, *BOTH], ids=["without", *(f"with {each}" for each in BOTH)])
def test_session_fixation(scene: Scene, monkeypatch: pytest.MonkeyPatch, *, kept: str | None) -> None:
    """Eve begins, alice follows eve's link to the end, and eve's session shows alice's accounts."""
    attack = find("session-fixation", "authorization", without=["ua_binding"])
    if kept != "flows are found by browser":
        weakened.find_flows_of_any_browser(monkeypatch)
    if kept != "sessions are renewed":
        weakened.keep_session_secrets(monkeypatch)
    eves, moneyview = scene.web, scene.ecosystem.moneyview
    link = begin_at(eves, moneyview)
    attack.did("start")
    arrived = go_through_login(
        scene.ecosystem.trust, link, user=scene.people.alice, until=f"{moneyview}/callback"
    )
    attack.did("visits", "user")
    with httpx2.Client(verify=scene.ecosystem.trust) as alices:
        answer = alices.get(arrived)
    shown = eves.get(f"{moneyview}/accounts")
    if kept is not None:
        assert shown.headers["location"] == "/"  # eve is connected to nobody's accounts
    if kept == "flows are found by browser":
        assert answer.headers["trustweft-reason"] == "moneyview.no-flow"
        return
    assert answer.headers["location"] == "/accounts"
    if kept is not None:
        return  # no request is refused: it is alice who has the new secret, and her own accounts
    attack.did("callback", "redeem")
    assert all(account["iban"] in shown.text for account in scene.owned["alice"]["accounts"])
    attack.did("use")
    assert attack.is_played()
