"""Attacks that the prover finds, played over HTTPS against our own participants with the missing check taken out.

Each gets what belongs to somebody else; with the check in, the named reason refuses it. Risks that the profile accepts
are played against the participants as they are.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from attacks import attacker
from attacks.attacker import ASSERTION_TYPE, Key, go_through_login, query_of, serving
from attacks.told import Played, found
from attacks.victims import CALLBACK, Application, register_key
from ecosystem import run_trustweft
from trustweft.client import ServerRefusedError, core
from trustweft.crypto import jws
from trustweft.protocol import client_assertion
from trustweft.protocol.redirect_uri import verify_registered
from trustweft.runtime.errors import Reject
from trustweft.server.checks import authorization_request
from trustweft.server.grants import authorization_code
from trustweft.server.records import Redemption
from trustweft.store.sqlite.grants import Grants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ecosystem import Ecosystem
    from laboratory import Laboratory
    from trustweft.client import StartedAuthorization

AUTHORIZATION = "authorization"
AUTHENTICATION = "authentication"
RESOURCES = "session-integrity-authorization"
VERIFIER = ("token:authorization_code", "check_code_verifier")


class People:
    """Alice and eve with their browsers, and what each of them owns."""

    def __init__(self, ecosystem: Ecosystem) -> None:
        self._trust = ecosystem.trust
        names = list(ecosystem.passwords.items())
        self.alice, self.eve = names[0], names[1]

    def browse(self, url: str, user: tuple[str, str]) -> str:
        """Open a link as a user, log in and agree; return the query that the client is sent."""
        return query_of(go_through_login(self._trust, url, user=user, until=CALLBACK))


@pytest.fixture
def people(ecosystem: Ecosystem) -> People:
    return People(ecosystem)


@pytest.fixture
def owned(application: Application, people: People, laboratory: Laboratory) -> Mapping[str, Any]:
    """What alice's and eve's accounts look like to themselves."""
    seen = {}
    for name, user in (("alice", people.alice), ("eve", people.eve)):
        started = application.start()
        application.finish(started, people.browse(started.url, user), session=name)
        seen[name] = application.accounts(session=name)
    assert seen["alice"] != seen["eve"]
    application.bank_log.clear()
    application.reasons.clear()
    return seen


@pytest.fixture
def state_unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAPI 2.0 does without the state; our client's check of it would hide what the other checks are for."""
    monkeypatch.setattr(core, "_check_state", lambda *_, **__: None)


@pytest.fixture
def web(ecosystem: Ecosystem) -> Iterator[httpx2.Client]:
    """The attacker's own network."""
    with httpx2.Client(verify=ecosystem.trust) as http:
        yield http


def _as_if_registered(presented: str | None, _registered: object, **arguments: Any) -> object:
    """Take any redirect URI for a registered one."""
    return verify_registered(presented, (presented,), **arguments)  # type: ignore[arg-type]  # there is one here


async def _redeemed(*_: object, **__: object) -> Redemption:
    """Forget that a code was used."""
    return Redemption.REDEEMED


class _Credulous:
    """Reads signed tokens as the server does, and believes them: the client is not authenticated any more."""

    def __getattr__(self, name: str) -> Any:
        return getattr(jws, name)

    def verify(self, token: jws.Unverified, **_: object) -> dict[str, Any]:
        return token.unverified_claims()


def code_of(query: str) -> str:
    return parse_qs(query)["code"][0]


def crafted(started: StartedAuthorization, query: str) -> str:
    """A response that the attacker made: somebody's code for the flow ``started``."""
    stolen = parse_qs(query)
    return urlencode({"code": stolen["code"][0], "iss": stolen["iss"][0], "state": started.pending.state})


def logged_call(
    application: Application, started: StartedAuthorization, query: str, played: Played
) -> httpx2.Request:
    """Let alice use the application; return her request as the bank's log has it (A5)."""
    application.finish(started, query, session="alice-again")
    played.did("callback", "redeem")
    application.accounts(session="alice-again")
    played.did("use")
    return application.bank_log[-1]


def test_the_attacker_uses_nothing_of_ours() -> None:
    tree = ast.parse(Path(attacker.__file__).read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    assert foreign == {"httpx2", "cryptography"}


@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_proof_replay(
    laboratory: Laboratory,
    application: Application,
    people: People,
    owned: Mapping[str, Any],
    web: httpx2.Client,
    *,
    missing: bool,
) -> None:
    trace, played = found("proof-replay", AUTHORIZATION, attackers=["a5"]), Played()
    laboratory.without = frozenset([("guard", "remember_proof")] if missing else [])
    started = application.start()
    played.did("start")
    query = people.browse(started.url, people.alice)
    played.did("visits", "user")
    logged = logged_call(application, started, query, played)
    headers = {name: logged.headers[name] for name in ("authorization", "dpop")}
    answer = web.get(str(logged.url), headers=headers)
    played.did("steal")
    if missing:
        assert answer.json() == owned["alice"]
        assert played.is_(trace)
    else:
        assert answer.headers["trustweft-reason"] == "dpop.replayed"


@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_token_replay(
    laboratory: Laboratory,
    application: Application,
    people: People,
    owned: Mapping[str, Any],
    web: httpx2.Client,
    *,
    missing: bool,
) -> None:
    trace, played = found("token-replay", AUTHORIZATION, with_=["sc=none"], attackers=["a5"]), Played()
    unbound = [
        ("guard", name)
        for name in ("check_scheme", "verify_proof", "check_binding", "check_nonce", "remember_proof")
    ]
    started = application.start()
    played.did("start")
    query = people.browse(started.url, people.alice)
    played.did("visits", "user")
    logged = logged_call(application, started, query, played)
    laboratory.without = frozenset(unbound if missing else [])
    token = logged.headers["authorization"].split()[1]
    answer = web.get(str(logged.url), headers={"authorization": f"Bearer {token}"})
    played.did("steal")
    if missing:
        assert answer.json() == owned["alice"]
        assert played.is_(trace)
    else:
        assert answer.headers["trustweft-reason"] == "bearer.bound"


@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_counterfeit_resource_server(
    laboratory: Laboratory,
    application: Application,
    people: People,
    ecosystem: Ecosystem,
    owned: Mapping[str, Any],
    web: httpx2.Client,
    *,
    missing: bool,
) -> None:
    trace = found("counterfeit-rs", AUTHORIZATION, without=["rs_aud"], with_=["sc=none"])
    played, caught = Played(), []

    def answer_client(
        _method: str, _path: str, headers: Mapping[str, str], _form: attacker.Post
    ) -> tuple[int, dict[str, str], Any]:
        caught.append(headers["authorization"].split()[1])
        return 200, {}, {"accounts": []}

    started = application.start()
    played.did("start")
    query = people.browse(started.url, people.alice)
    played.did("visits", "user")
    application.finish(started, query, session="alice-again")
    played.did("callback", "redeem")
    with serving(ecosystem.data / "tls", answer_client) as counterfeit:
        application.accounts(session="alice-again", at=counterfeit)
        played.did("use_elsewhere")
    unbound = [
        ("guard", name)
        for name in ("check_scheme", "verify_proof", "check_binding", "check_nonce", "remember_proof")
    ]
    laboratory.without = frozenset(unbound if missing else [])
    answer = web.get(f"{ecosystem.bank}/accounts", headers={"authorization": f"Bearer {caught[0]}"})
    played.did("steal")
    if missing:
        assert answer.json() == owned["alice"]
        assert played.is_(trace)
    else:
        assert answer.headers["trustweft-reason"] == "bearer.bound"


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_csrf(
    laboratory: Laboratory,
    application: Application,
    people: People,
    owned: Mapping[str, Any],
    *,
    missing: bool,
) -> None:
    """Alice's browser is sent to the client with eve's code: alice looks at eve's accounts and takes them for her own."""
    trace, played = found("csrf", RESOURCES, without=["pkce", "pkce_req"]), Played()
    laboratory.without = frozenset([VERIFIER] if missing else [])
    alices, eves = application.start(), application.start()
    played.did("start", "start")
    query = people.browse(eves.url, people.eve)
    played.did("visits", "user")
    played.did("callback")
    if missing:
        application.finish(alices, crafted(alices, query), session="alice-again")
        played.did("redeem")
        assert application.accounts(session="alice-again") == owned["eve"]
        played.did("use")
        assert played.is_(trace)
    else:
        with pytest.raises(ServerRefusedError, match="invalid_grant"):
            application.finish(alices, crafted(alices, query), session="alice-again")
        assert application.reasons[-1] == "pkce.verifier-wrong"


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_code_injection(
    laboratory: Laboratory,
    application: Application,
    people: People,
    owned: Mapping[str, Any],
    *,
    missing: bool,
) -> None:
    """Alice's own code, read on its way, is put into eve's session."""
    laboratory.without = frozenset([VERIFIER] if missing else [])
    alices, eves = application.start(), application.start()
    query = people.browse(alices.url, people.alice)
    if missing:
        application.finish(eves, crafted(eves, query), session="eve-again")
        assert application.accounts(session="eve-again") == owned["alice"]
    else:
        with pytest.raises(ServerRefusedError, match="invalid_grant"):
            application.finish(eves, crafted(eves, query), session="eve-again")
        assert application.reasons[-1] == "pkce.verifier-wrong"


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_code_replay(
    laboratory: Laboratory,
    application: Application,
    people: People,
    owned: Mapping[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    missing: bool,
) -> None:
    """Alice's code, which she has used and which the client's page then told others, is used once more in eve's session."""
    weakened = ["pkce", "pkce_req", "no_referrer", "once"]
    trace, played = found("code-replay", AUTHORIZATION, without=weakened), Played()
    laboratory.without = frozenset([VERIFIER])
    if missing:
        monkeypatch.setattr(Grants, "redeem_code", _redeemed)
    alices, eves = application.start(), application.start()
    played.did("start", "start")
    query = people.browse(alices.url, people.alice)
    played.did("visits", "user")
    application.finish(alices, query, session="alice-again")
    played.did("callback", "redeem")
    if missing:
        application.finish(eves, crafted(eves, query), session="eve-again")
        played.did("callback", "redeem")
        assert application.accounts(session="eve-again") == owned["alice"]
        played.did("use")
        assert played.is_(trace)
    else:
        with pytest.raises(ServerRefusedError, match="invalid_grant"):
            application.finish(eves, crafted(eves, query), session="eve-again")
        assert application.reasons[-1] == "code.replayed"


def test_browser_swapping_is_a_risk_that_the_profile_accepts(
    application: Application, people: People, owned: Mapping[str, Any]
) -> None:
    """Section 6.5: eve begins, alice completes, the response leaks (A3b), and eve finishes in her own browser."""
    trace, played = found("browser-swapping", AUTHORIZATION, attackers=["a3b"]), Played()
    eves = application.start()
    played.did("start")
    query = people.browse(eves.url, people.alice)
    played.did("visits", "user")
    application.finish(eves, query, session="eve-again")
    played.did("callback", "redeem")
    assert application.accounts(session="eve-again") == owned["alice"]
    played.did("use")
    assert played.is_(trace)


@pytest.mark.usefixtures("state_unchecked")
def test_request_leak_is_a_risk_that_the_profile_accepts(
    application: Application, people: People, owned: Mapping[str, Any]
) -> None:
    """Section 6.4: eve logs in with alice's request before alice does, and alice's browser brings eve's code."""
    trace, played = found("request-leak", RESOURCES, attackers=["a3a"]), Played()
    alices = application.start()
    played.did("start")
    query = people.browse(alices.url, people.eve)
    played.did("visits", "user")
    application.finish(alices, query, session="alice-again")
    played.did("callback", "redeem")
    assert application.accounts(session="alice-again") == owned["eve"]
    played.did("use")
    assert played.is_(trace)


@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_chosen_challenge_of_an_unauthenticated_client(
    laboratory: Laboratory,
    application: Application,
    people: People,
    ecosystem: Ecosystem,
    owned: Mapping[str, Any],
    web: httpx2.Client,
    monkeypatch: pytest.MonkeyPatch,
    *,
    missing: bool,
) -> None:
    """Eve poses as the client, with a challenge, a redirect URI and a key of her own."""
    trace, played = found("pkce-chosen-challenge", AUTHORIZATION, with_=["auth=none"]), Played()
    if missing:
        for module in (authorization_request, authorization_code):
            monkeypatch.setattr(module, "verify_registered", _as_if_registered)
        monkeypatch.setattr(client_assertion, "jws", _Credulous())
    key, verifier, home = Key(), secrets.token_urlsafe(48), "https://localhost:1/mine"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()

    def authenticated(form: attacker.Post) -> attacker.Post:
        forged = Key().assertion(application.client_id, ecosystem.issuer, kid="test")
        return {**form, "client_assertion_type": ASSERTION_TYPE, "client_assertion": forged}

    request = {
        "response_type": "code",
        "redirect_uri": home,
        "scope": "accounts",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    pushed = key.post(web, f"{ecosystem.issuer}/par", authenticated(request))
    played.did("pushed")
    if not missing:
        assert pushed.headers["trustweft-reason"] == "client-assertion.bad-signature"
        return
    assert pushed.status_code == httpx2.codes.CREATED, pushed.headers
    link = f"{ecosystem.issuer}/authorize?" + urlencode(
        {"client_id": application.client_id, "request_uri": pushed.json()["request_uri"]}
    )
    arrived = go_through_login(ecosystem.trust, link, user=people.alice, until=home)
    played.did("visits", "user")
    form = {
        "grant_type": "authorization_code",
        "code": code_of(query_of(arrived)),
        "code_verifier": verifier,
        "redirect_uri": home,
    }
    redeemed = key.post(web, f"{ecosystem.issuer}/token", authenticated(form))
    assert redeemed.status_code == httpx2.codes.OK, redeemed.headers
    tokens = redeemed.json()
    played.did("stolen_redeem")
    bank = f"{ecosystem.bank}/accounts"
    nonce: str | None = None
    for _ in range(2):
        proof = key.proof("GET", bank, token=tokens["access_token"], nonce=nonce)
        answer = web.get(bank, headers={"authorization": f"DPoP {tokens['access_token']}", "dpop": proof})
        nonce = answer.headers.get("dpop-nonce")
    # The first answer asked for a nonce, or the second one was refused as a replay; either way a call got through.
    played.did("steal")
    assert answer.json() == owned["alice"]
    assert played.is_(trace)


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_mix_up_with_a_chosen_challenge(
    application: Application,
    people: People,
    ecosystem: Ecosystem,
    owned: Mapping[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    missing: bool,
) -> None:
    """Alice picks the attacker's server, which sends her to the honest one with a request that eve has begun."""
    trace, played = (
        found("mix-up-chosen-challenge", AUTHORIZATION, without=["iss"], attackers=["a1a"]),
        Played(),
    )
    if missing:
        monkeypatch.setattr(core, "check_response_issuer", lambda presented, **_: presented)
    eves = application.start()
    got: list[str] = []
    origin: list[str] = []

    def evil(
        _method: str, path: str, _headers: Mapping[str, str], form: attacker.Post
    ) -> tuple[int, dict[str, str], Any]:
        """The attacker's server: pushes are taken, browsers sent on with eve's request, codes kept."""
        here, parts = origin[0], urlsplit(path)
        if parts.path.startswith("/.well-known/"):
            honest = httpx2.get(f"{ecosystem.issuer}{path}", verify=ecosystem.trust).json()
            return 200, {}, attacker.as_own(honest, here)
        if parts.path == "/par":
            return 201, {}, {"request_uri": "urn:ietf:params:oauth:request_uri:mine", "expires_in": 60}
        if parts.path == "/authorize":
            return 303, {"location": eves.url}, {}
        got.append(form.get("code", ""))
        return 400, {}, {"error": "invalid_grant"}

    with serving(ecosystem.data / "tls", evil) as here:
        origin.append(here)
        elsewhere = Application(ecosystem, application.client_id, application.signer, issuer=here)
        alices = elsewhere.start()
        played.did("start", "start")
        query = people.browse(alices.url, people.alice)
        played.did("visits", "user")
        if missing:
            with contextlib.suppress(ServerRefusedError):
                elsewhere.finish(alices, query, session="alice-again")
            played.did("callback")
            stolen = urlencode({"code": got[0], "iss": ecosystem.issuer, "state": eves.pending.state})
            application.finish(eves, stolen, session="eve-again")
            played.did("callback", "redeem")
            assert application.accounts(session="eve-again") == owned["alice"]
            played.did("use")
            assert played.is_(trace)
        else:
            with pytest.raises(Reject) as refused:
                elsewhere.finish(alices, query, session="alice-again")
            assert refused.value.reason.id == "issuer.mismatch"
            assert got == []
        elsewhere.close()


HOME = "https://mine.example/home"


@pytest.fixture
def malicious(ecosystem: Ecosystem, web: httpx2.Client) -> tuple[str, attacker.MaliciousClient]:
    """A client of the attacker's, registered like any other, and its id."""
    key = Key()
    client_id = register_key(ecosystem, {**key.public, "alg": "ES256"}, redirect_uri=HOME)
    return client_id, attacker.MaliciousClient(web, ecosystem.issuer, client_id, key, HOME)


@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_offboarded_client(
    laboratory: Laboratory,
    people: People,
    ecosystem: Ecosystem,
    owned: Mapping[str, Any],
    malicious: tuple[str, attacker.MaliciousClient],
    *,
    missing: bool,
) -> None:
    """Alice agreed once; the client was removed since; nobody asks whether its token is still good."""
    trace, played = found("offboarded-client", AUTHORIZATION, without=["offboarding"]), Played()
    client_id, client = malicious
    link = client.push()
    played.did("pushed")
    arrived = go_through_login(ecosystem.trust, link, user=people.alice, until=HOME)
    played.did("visits", "user")
    token = client.redeem(code_of(query_of(arrived)))
    removed = run_trustweft("clients", "remove", client_id, "--data", str(ecosystem.data))
    assert removed.returncode == 0, removed.stderr
    laboratory.without = frozenset([("guard", "check_status")] if missing else [])
    answer = client.call(f"{ecosystem.bank}/accounts", token)
    played.did("use_after_offboarding")
    if missing:
        assert answer.json() == owned["alice"]
        assert played.is_(trace)
    else:
        assert answer.headers["trustweft-reason"] == "guard.token-revoked"


@pytest.mark.usefixtures("state_unchecked")
@pytest.mark.parametrize("missing", [True, False], ids=["without", "with"])
def test_cuckoos_token(
    application: Application,
    people: People,
    ecosystem: Ecosystem,
    owned: Mapping[str, Any],
    malicious: tuple[str, attacker.MaliciousClient],
    *,
    missing: bool,
) -> None:
    """The attacker's server hands out alice's leaked token, and the client uses the key that it is bound to."""
    trace = found("cuckoo", AUTHORIZATION, with_=["rs_replay"], attackers=["a1a", "a5"])
    played = Played()
    started = application.start()
    played.did("start")
    query = people.browse(started.url, people.alice)
    played.did("visits", "user")
    leaked = logged_call(application, started, query, played).headers["authorization"].split()[1]
    arrived = go_through_login(ecosystem.trust, malicious[1].push(), user=people.eve, until=HOME)
    played.did("pushed", "visits", "user")
    origin: list[str] = []

    def evil(
        _method: str, path: str, _headers: Mapping[str, str], _form: attacker.Post
    ) -> tuple[int, dict[str, str], Any]:
        if path.startswith("/.well-known/"):
            honest = httpx2.get(f"{ecosystem.issuer}{path}", verify=ecosystem.trust).json()
            return 200, {}, attacker.as_own(honest, origin[0])
        if path == "/par":
            return 201, {}, {"request_uri": "urn:ietf:params:oauth:request_uri:mine", "expires_in": 60}
        return 200, {}, {"access_token": leaked, "token_type": "DPoP", "expires_in": 60, "scope": "accounts"}

    with serving(ecosystem.data / "tls", evil) as here:
        origin.append(here)
        key = application.key if missing else None
        elsewhere = Application(ecosystem, application.client_id, application.signer, issuer=here, key=key)
        eves = elsewhere.start()
        played.did("start")
        mine = urlencode({"code": code_of(query_of(arrived)), "iss": here, "state": eves.pending.state})
        elsewhere.finish(eves, mine, session="eve")
        played.did("callback", "injected")
        if missing:
            assert elsewhere.accounts(session="eve") == owned["alice"]
            played.did("use")
            assert played.is_(trace)
        else:
            elsewhere.client.call("GET", f"{ecosystem.bank}/accounts", name="eve")
            assert elsewhere.reasons[-1] == "dpop.key-mismatch"
        elsewhere.close()
