"""Attacks in which somebody poses as the honest client, played over HTTPS with the missing checks taken out.

Each is closed by more than one check: with any of them in, its named reason refuses.
"""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from attacks import attacker, weakened
from attacks.attacker import Key, MaliciousClient, code_of, go_through_login, push, query_of, serving
from attacks.scenes import HOME, ending
from attacks.told import find
from attacks.victims import CALLBACK, Application
from trustweft.crypto.keys import LocalSigner, generate_private_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from attacks.scenes import Scene

AUTHORIZATION = "authorization"
RESOURCES = "session-integrity-authorization"


def named(kept: str | None) -> str | None:
    """The name of a case: the check that is still there."""
    return "without" if kept is None else f"with {kept}"


CHOSEN_CHALLENGE = {
    None: None,
    "client authentication": "client-assertion.bad-signature",
    "registered redirect URIs": "redirect-uri.not-registered",
}


@pytest.mark.parametrize("kept", CHOSEN_CHALLENGE, ids=named)
def test_chosen_challenge_of_an_unauthenticated_client(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, kept: str | None
) -> None:
    """Eve poses as the client, with a challenge, a redirect URI and a key of her own."""
    attack = find("pkce-chosen-challenge", AUTHORIZATION, with_=["auth=none"])
    if kept != "registered redirect URIs":
        weakened.take_any_redirect_uri(monkeypatch)
    if kept != "client authentication":
        weakened.believe_assertions(monkeypatch)
    eve = MaliciousClient(scene.web, scene.ecosystem.issuer, scene.application.client_id, Key(), HOME)
    with ending(CHOSEN_CHALLENGE[kept], scene.application):
        link = eve.push()
        attack.did("pushed")
        arrived = go_through_login(scene.ecosystem.trust, link, user=scene.people.alice, until=HOME)
        attack.did("visits", "user")
        token = eve.redeem(code_of(query_of(arrived)))
        attack.did("stolen_redeem")
        answer = eve.call(f"{scene.ecosystem.bank}/accounts", token)
        attack.did("steal")
        assert answer.json() == scene.owned["alice"]
    assert attack.is_played() == (kept is None)


DOWNGRADE = {
    None: None,
    "client authentication": "client-assertion.bad-signature",
    "a required challenge": "pkce.challenge-missing",
    "every verifier compared": "pkce.verifier-wrong",
    "state": "client.state-mismatch",
}


@pytest.mark.parametrize("kept", DOWNGRADE, ids=named)
def test_pkce_downgrade(scene: Scene, monkeypatch: pytest.MonkeyPatch, *, kept: str | None) -> None:
    """Eve leaves the challenge out of a request, so that her code is good in alice's session with any verifier."""
    # The client's own redirect URI serves: nothing would be gained by another.
    attack = find("pkce-downgrade", RESOURCES, without=["pkce_req"], with_=["auth=none", "exact_ruri"])
    for check, take_out in (
        ("client authentication", weakened.believe_assertions),
        ("a required challenge", weakened.take_requests_without_challenge),
        ("every verifier compared", weakened.ignore_verifiers_without_challenge),
        ("state", weakened.ignore_state),
    ):
        if check != kept:
            take_out(monkeypatch)
    eve = MaliciousClient(scene.web, scene.ecosystem.issuer, scene.application.client_id, Key(), CALLBACK)
    alices = scene.application.start()
    attack.did("start")
    with ending(DOWNGRADE[kept], scene.application):
        link = eve.push(challenged=False)
        attack.did("pushed")
        query = scene.people.browse(link, scene.people.eve)
        attack.did("visits", "user")
        crafted = {"code": code_of(query), "iss": scene.ecosystem.issuer, "state": "one of eve's own"}
        scene.application.finish(alices, urlencode(crafted), session="alice-again")
        attack.did("callback", "redeem")
        assert scene.application.accounts(session="alice-again") == scene.owned["eve"]
        attack.did("use")
    assert attack.is_played() == (kept is None)


@contextmanager
def borrowing(scene: Scene, caught: list[attacker.Post]) -> Iterator[str]:
    """Run a server of the attacker's that publishes the honest token endpoint as its own; yield its origin.

    What clients push to it is caught.
    """
    origin: list[str] = []

    def evil(
        _method: str, path: str, _headers: Mapping[str, str], form: attacker.Post
    ) -> tuple[int, dict[str, str], Any]:
        if path.startswith("/.well-known/"):
            honest = scene.web.get(f"{scene.ecosystem.issuer}{path}").json()
            own = attacker.as_own(honest, origin[0])
            return 200, {}, {**own, "token_endpoint": honest["token_endpoint"]}
        caught.append(form)
        return 201, {}, {"request_uri": "urn:ietf:params:oauth:request_uri:mine", "expires_in": 60}

    with serving(scene.ecosystem.data / "tls", evil) as here:
        origin.append(here)
        yield here


AUDIENCE = {
    None: None,
    "the client's audience": "client-assertion.audience",
    "the server's audience": "client-assertion.audience",
    "a key for each server": "client-assertion.bad-signature",
    "registered redirect URIs": "redirect-uri.not-registered",
    "the code's redirect URI": "code.redirect-uri",
}


@pytest.mark.parametrize("kept", AUDIENCE, ids=named)
def test_audience_injection(scene: Scene, monkeypatch: pytest.MonkeyPatch, *, kept: str | None) -> None:
    """Eve picks a server of her own, and spends what the client proved who it is with there at the honest server.

    Hers publishes the honest token endpoint as its own. A client whose assertions name the token endpoint makes them
    for the honest server then, and brings the code there itself.
    """
    # To redeem the code without the client takes a second assertion: another attack, as long as this.
    redeeming = frozenset({("stolen_redeem", "")})
    attack = find(
        "audience-injection",
        AUTHORIZATION,
        without=["aud=issuer"],
        with_=["aud=endpoint"],
        attackers=["a1a"],
        besides=[redeeming],
    )
    issuer, signer = scene.ecosystem.issuer, scene.application.signer
    if kept != "the client's audience":
        weakened.name_as_audience(monkeypatch, f"{issuer}/token")
    if kept != "the server's audience":
        weakened.want_as_audience(monkeypatch, f"{issuer}/token")
    if kept == "a key for each server":
        signer = LocalSigner("ES256", generate_private_key("ES256"), "test")
    if kept != "registered redirect URIs":
        weakened.take_any_redirect_uri(monkeypatch)
    if kept != "the code's redirect URI":
        scene.laboratory.without = frozenset([("token:authorization_code", "check_code_redirect_uri")])
    client_id, caught = scene.application.client_id, list[attacker.Post]()
    with (
        borrowing(scene, caught) as here,
        closing(Application(scene.ecosystem, client_id, signer, issuer=here)) as elsewhere,
        ending(AUDIENCE[kept], elsewhere),
    ):
        attack.did("borrowed")
        eves = elsewhere.start()
        attack.did("start")
        request = {name: caught[0][name] for name in ("scope", "code_challenge", "code_challenge_method")}
        link = push(
            scene.web, issuer, client_id, caught[0]["client_assertion"], {**request, "redirect_uri": HOME}
        )
        attack.did("spend", "pushed")
        arrived = go_through_login(scene.ecosystem.trust, link, user=scene.people.alice, until=HOME)
        attack.did("visits", "user")
        crafted = {"code": code_of(query_of(arrived)), "iss": here, "state": eves.pending.state}
        elsewhere.finish(eves, urlencode(crafted), session="eve")
        attack.did("callback", "redeem")
        assert elsewhere.accounts(session="eve") == scene.owned["alice"]
        attack.did("use")
    assert attack.is_played() == (kept is None)
