"""Attacks that the prover finds, played over HTTPS against our own participants with the missing check taken out.

Each gets what belongs to somebody else; with the check in, the named reason refuses it. Risks that the profile accepts
are played against the participants as they are.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from attacks import attacker
from attacks.attacker import MaliciousClient, code_of, go_through_login, query_of, serving
from attacks.scenes import HOME
from attacks.told import find
from attacks.victims import Application
from ecosystem import run_trustweft
from trustweft.client import ServerRefusedError, core
from trustweft.runtime.errors import Reject
from trustweft.server.records import Redemption
from trustweft.store.sqlite.grants import Grants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attacks.scenes import Scene
    from attacks.told import Attack
    from trustweft.client import StartedAuthorization

AUTHORIZATION = "authorization"
RESOURCES = "session-integrity-authorization"
VERIFIER = frozenset([("token:authorization_code", "check_code_verifier")])
SENDER_CONSTRAINT = frozenset(
    ("guard", name)
    for name in ("check_scheme", "verify_proof", "check_binding", "check_nonce", "remember_proof")
)


async def _redeemed(*_: object, **__: object) -> Redemption:
    """Forget that a code was used."""
    return Redemption.REDEEMED


def crafted(started: StartedAuthorization, query: str) -> str:
    """A response that the attacker made: somebody's code for the flow ``started``."""
    stolen = parse_qs(query)
    return urlencode({"code": stolen["code"][0], "iss": stolen["iss"][0], "state": started.pending.state})


def logged_call(
    application: Application, started: StartedAuthorization, query: str, attack: Attack
) -> httpx2.Request:
    """Let alice use the application; return her request as the bank's log has it (A5)."""
    application.finish(started, query, session="alice-again")
    attack.did("callback", "redeem")
    application.accounts(session="alice-again")
    attack.did("use")
    return application.bank_log[-1]


def test_the_attacker_uses_nothing_of_ours() -> None:
    tree = ast.parse(Path(attacker.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    assert foreign == {"httpx2", "cryptography"}


@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_proof_replay(scene: Scene, *, missing: bool) -> None:
    attack = find("proof-replay", AUTHORIZATION, attackers=["a5"])
    scene.laboratory.without = frozenset([("guard", "remember_proof")] if missing else [])
    started = scene.application.start()
    attack.did("start")
    query = scene.people.browse(started.url, scene.people.alice)
    attack.did("visits", "user")
    logged = logged_call(scene.application, started, query, attack)
    headers = {name: logged.headers[name] for name in ("authorization", "dpop")}
    answer = scene.web.get(str(logged.url), headers=headers)
    attack.did("steal")
    if missing:
        assert answer.json() == scene.owned["alice"]
        assert attack.is_played()
    else:
        assert answer.headers["trustweft-reason"] == "dpop.replayed"


@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_token_replay(scene: Scene, *, missing: bool) -> None:
    attack = find("token-replay", AUTHORIZATION, with_=["sc=none"], attackers=["a5"])
    started = scene.application.start()
    attack.did("start")
    query = scene.people.browse(started.url, scene.people.alice)
    attack.did("visits", "user")
    logged = logged_call(scene.application, started, query, attack)
    scene.laboratory.without = SENDER_CONSTRAINT if missing else frozenset()
    token = logged.headers["authorization"].split()[1]
    answer = scene.web.get(str(logged.url), headers={"authorization": f"Bearer {token}"})
    attack.did("steal")
    if missing:
        assert answer.json() == scene.owned["alice"]
        assert attack.is_played()
    else:
        assert answer.headers["trustweft-reason"] == "bearer.bound"


@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_counterfeit_resource_server(scene: Scene, *, missing: bool) -> None:
    attack = find("counterfeit-rs", AUTHORIZATION, without=["rs_aud"], with_=["sc=none"])
    caught: list[str] = []

    def answer_client(
        _method: str, _path: str, headers: Mapping[str, str], _form: attacker.Post
    ) -> tuple[int, dict[str, str], Any]:
        caught.append(headers["authorization"].split()[1])
        return 200, {}, {"accounts": []}

    started = scene.application.start()
    attack.did("start")
    query = scene.people.browse(started.url, scene.people.alice)
    attack.did("visits", "user")
    scene.application.finish(started, query, session="alice-again")
    attack.did("callback", "redeem")
    with serving(scene.ecosystem.data / "tls", answer_client) as counterfeit:
        scene.application.accounts(session="alice-again", at=counterfeit)
        attack.did("use_elsewhere")
    scene.laboratory.without = SENDER_CONSTRAINT if missing else frozenset()
    answer = scene.web.get(
        f"{scene.ecosystem.bank}/accounts", headers={"authorization": f"Bearer {caught[0]}"}
    )
    attack.did("steal")
    if missing:
        assert answer.json() == scene.owned["alice"]
        assert attack.is_played()
    else:
        assert answer.headers["trustweft-reason"] == "bearer.bound"


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_csrf(scene: Scene, *, missing: bool) -> None:
    """Alice's browser is sent to the client with eve's code: alice looks at eve's accounts and takes them for her own."""
    attack = find("csrf", RESOURCES, without=["pkce", "pkce_req"])
    scene.laboratory.without = VERIFIER if missing else frozenset()
    alices, eves = scene.application.start(), scene.application.start()
    attack.did("start", "start")
    query = scene.people.browse(eves.url, scene.people.eve)
    attack.did("visits", "user")
    if missing:
        scene.application.finish(alices, crafted(alices, query), session="alice-again")
        attack.did("callback", "redeem")
        assert scene.application.accounts(session="alice-again") == scene.owned["eve"]
        attack.did("use")
        assert attack.is_played()
    else:
        with pytest.raises(ServerRefusedError, match="invalid_grant"):
            scene.application.finish(alices, crafted(alices, query), session="alice-again")
        assert scene.application.reasons[-1] == "pkce.verifier-wrong"


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_code_injection(scene: Scene, *, missing: bool) -> None:
    """The code of alice's own flow, read on its way (A3b), is put into eve's session."""
    open_ = ["pkce", "pkce_req"]
    swapping = find("browser-swapping", AUTHORIZATION, without=open_, attackers=["a3b"]).trace.shape
    attack = find("code-injection", AUTHORIZATION, without=open_, attackers=["a3b"], besides=[swapping])
    scene.laboratory.without = VERIFIER if missing else frozenset()
    alices, eves = scene.application.start(), scene.application.start()
    attack.did("start", "start")
    query = scene.people.browse(alices.url, scene.people.alice)
    attack.did("visits", "user")
    if missing:
        scene.application.finish(eves, crafted(eves, query), session="eve-again")
        attack.did("callback", "redeem")
        assert scene.application.accounts(session="eve-again") == scene.owned["alice"]
        attack.did("use")
        assert attack.is_played()
    else:
        with pytest.raises(ServerRefusedError, match="invalid_grant"):
            scene.application.finish(eves, crafted(eves, query), session="eve-again")
        assert scene.application.reasons[-1] == "pkce.verifier-wrong"


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_code_replay(scene: Scene, monkeypatch: pytest.MonkeyPatch, *, missing: bool) -> None:
    """Alice's code, which she has used and which the client's page then told others, is used once more in eve's session."""
    weakened = ["pkce", "pkce_req", "no_referrer", "once"]
    attack = find("code-replay", AUTHORIZATION, without=weakened)
    scene.laboratory.without = VERIFIER
    if missing:
        monkeypatch.setattr(Grants, "redeem_code", _redeemed)
    alices, eves = scene.application.start(), scene.application.start()
    attack.did("start", "start")
    query = scene.people.browse(alices.url, scene.people.alice)
    attack.did("visits", "user")
    scene.application.finish(alices, query, session="alice-again")
    attack.did("callback", "redeem")
    if missing:
        scene.application.finish(eves, crafted(eves, query), session="eve-again")
        attack.did("callback", "redeem")
        assert scene.application.accounts(session="eve-again") == scene.owned["alice"]
        attack.did("use")
        assert attack.is_played()
    else:
        with pytest.raises(ServerRefusedError, match="invalid_grant"):
            scene.application.finish(eves, crafted(eves, query), session="eve-again")
        assert scene.application.reasons[-1] == "code.replayed"


def test_browser_swapping_is_a_risk_that_the_profile_accepts(scene: Scene) -> None:
    """Section 6.5: eve begins, alice completes, the response leaks (A3b), and eve finishes in her own browser."""
    attack = find("browser-swapping", AUTHORIZATION, attackers=["a3b"])
    eves = scene.application.start()
    attack.did("start")
    query = scene.people.browse(eves.url, scene.people.alice)
    attack.did("visits", "user")
    scene.application.finish(eves, query, session="eve-again")
    attack.did("callback", "redeem")
    assert scene.application.accounts(session="eve-again") == scene.owned["alice"]
    attack.did("use")
    assert attack.is_played()


@pytest.mark.usefixtures("state_unchecked")
def test_request_leak_is_a_risk_that_the_profile_accepts(scene: Scene) -> None:
    """Section 6.4: eve logs in with alice's request before alice does, and alice's browser brings eve's code."""
    attack = find("request-leak", RESOURCES, attackers=["a3a"])
    alices = scene.application.start()
    attack.did("start")
    query = scene.people.browse(alices.url, scene.people.eve)
    attack.did("visits", "user")
    scene.application.finish(alices, query, session="alice-again")
    attack.did("callback", "redeem")
    assert scene.application.accounts(session="alice-again") == scene.owned["eve"]
    attack.did("use")
    assert attack.is_played()


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_mix_up_with_a_chosen_challenge(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, *, missing: bool
) -> None:
    """Alice picks the attacker's server, which sends her to the honest one with a request that eve has begun."""
    attack = find("mix-up-chosen-challenge", AUTHORIZATION, without=["iss"], attackers=["a1a"])
    if missing:
        monkeypatch.setattr(core, "check_response_issuer", lambda presented, **_: presented)
    eves = scene.application.start()
    got: list[str] = []
    origin: list[str] = []

    def evil(
        _method: str, path: str, _headers: Mapping[str, str], form: attacker.Post
    ) -> tuple[int, dict[str, str], Any]:
        """The attacker's server: pushes are taken, browsers sent on with eve's request, codes kept."""
        here, parts = origin[0], urlsplit(path)
        if parts.path.startswith("/.well-known/"):
            honest = httpx2.get(f"{scene.ecosystem.issuer}{path}", verify=scene.ecosystem.trust).json()
            return 200, {}, attacker.as_own(honest, here)
        if parts.path == "/par":
            return 201, {}, {"request_uri": "urn:ietf:params:oauth:request_uri:mine", "expires_in": 60}
        if parts.path == "/authorize":
            return 303, {"location": eves.url}, {}
        got.append(form.get("code", ""))
        return 400, {}, {"error": "invalid_grant"}

    with serving(scene.ecosystem.data / "tls", evil) as here:
        origin.append(here)
        elsewhere = Application(
            scene.ecosystem, scene.application.client_id, scene.application.signer, issuer=here
        )
        alices = elsewhere.start()
        attack.did("start", "start")
        query = scene.people.browse(alices.url, scene.people.alice)
        attack.did("visits", "user")
        if missing:
            with contextlib.suppress(ServerRefusedError):
                elsewhere.finish(alices, query, session="alice-again")
            attack.did("callback")
            stolen = urlencode({"code": got[0], "iss": scene.ecosystem.issuer, "state": eves.pending.state})
            scene.application.finish(eves, stolen, session="eve-again")
            attack.did("callback", "redeem")
            assert scene.application.accounts(session="eve-again") == scene.owned["alice"]
            attack.did("use")
            assert attack.is_played()
        else:
            with pytest.raises(Reject) as refused:
                elsewhere.finish(alices, query, session="alice-again")
            assert refused.value.reason.id == "issuer.mismatch"
            assert got == []
        elsewhere.close()


@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_offboarded_client(scene: Scene, malicious: tuple[str, MaliciousClient], *, missing: bool) -> None:
    """Alice agreed once; the client was removed since; nobody asks whether its token is still good."""
    attack = find("offboarded-client", AUTHORIZATION, without=["offboarding"])
    client_id, client = malicious
    link = client.push()
    attack.did("pushed")
    arrived = go_through_login(scene.ecosystem.trust, link, user=scene.people.alice, until=HOME)
    attack.did("visits", "user")
    token = client.redeem(code_of(query_of(arrived)))
    removed = run_trustweft("clients", "remove", client_id, "--data", str(scene.ecosystem.data))
    assert removed.returncode == 0, removed.stderr
    scene.laboratory.without = frozenset([("guard", "check_status")] if missing else [])
    answer = client.call(f"{scene.ecosystem.bank}/accounts", token)
    attack.did("use_after_offboarding")
    if missing:
        assert answer.json() == scene.owned["alice"]
        assert attack.is_played()
    else:
        assert answer.headers["trustweft-reason"] == "guard.token-revoked"


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_cuckoos_token(scene: Scene, malicious: tuple[str, MaliciousClient], *, missing: bool) -> None:
    """The attacker's server hands out alice's leaked token, and the client uses the key that it is bound to."""
    attack = find("cuckoo", AUTHORIZATION, with_=["rs_replay"], attackers=["a1a", "a5"])
    started = scene.application.start()
    attack.did("start")
    query = scene.people.browse(started.url, scene.people.alice)
    attack.did("visits", "user")
    leaked = logged_call(scene.application, started, query, attack).headers["authorization"].split()[1]
    arrived = go_through_login(scene.ecosystem.trust, malicious[1].push(), user=scene.people.eve, until=HOME)
    attack.did("pushed", "visits", "user")
    origin: list[str] = []

    def evil(
        _method: str, path: str, _headers: Mapping[str, str], _form: attacker.Post
    ) -> tuple[int, dict[str, str], Any]:
        if path.startswith("/.well-known/"):
            honest = httpx2.get(f"{scene.ecosystem.issuer}{path}", verify=scene.ecosystem.trust).json()
            return 200, {}, attacker.as_own(honest, origin[0])
        if path == "/par":
            return 201, {}, {"request_uri": "urn:ietf:params:oauth:request_uri:mine", "expires_in": 60}
        return 200, {}, {"access_token": leaked, "token_type": "DPoP", "expires_in": 60, "scope": "accounts"}

    with serving(scene.ecosystem.data / "tls", evil) as here:
        origin.append(here)
        key = scene.application.key if missing else None
        elsewhere = Application(
            scene.ecosystem, scene.application.client_id, scene.application.signer, issuer=here, key=key
        )
        eves = elsewhere.start()
        attack.did("start")
        mine = urlencode({"code": code_of(query_of(arrived)), "iss": here, "state": eves.pending.state})
        elsewhere.finish(eves, mine, session="eve")
        attack.did("callback", "injected")
        if missing:
            assert elsewhere.accounts(session="eve") == scene.owned["alice"]
            attack.did("use")
            assert attack.is_played()
        else:
            elsewhere.client.call("GET", f"{scene.ecosystem.bank}/accounts", name="eve")
            assert elsewhere.reasons[-1] == "dpop.key-mismatch"
        elsewhere.close()
