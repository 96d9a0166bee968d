"""What a server may offer besides ours is audited as well: each flaw is found by its check, and a mended server passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from local_tls import make_local_tls
from targets.offering import CALLBACK, PASSWORD, SECRETIVE, USER, OfferingServer
from trustweft.audit.engine import run_check
from trustweft.audit.preflight import open_wire, prepare, reach
from trustweft.audit.registry import all_checks
from trustweft.audit.target import Api, ClientEntry, Endpoints, OperationEntry, Target, User
from trustweft.audit.verdict import Reach, Safety, Verdict
from trustweft.crypto.keys import generate_private_key, private_jwk
from trustweft.runtime.clock import SystemClock
from trustweft.runtime.entropy import SystemEntropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from local_tls import LocalTls
    from trustweft.audit.results import Result

CHECKS = {each.id: each for each in all_checks()}
FLAWS: Final = {
    "request-unverified": ("JA-01",),
    "request-never-expires": ("JA-02",),
    "request-any-audience": ("JA-02",),
    "request-endless": ("JA-02-lifetime",),
    "request-completed": ("JA-03",),
    "request-of-anybody": ("JA-04",),
    "signing-optional": ("JA-05",),
    "request-of-any-type": ("JA-07",),
    "response-for-anybody": ("JM-01",),
    "open-backchannel": ("CB-01",),
    "polled-by-anybody": ("CB-02", "DV-01"),
    "counted-codes": ("DV-01-entropy",),
    "never-slowed": ("DV-01-interval",),
    "answer-of-any-type": ("IN-03",),
    "logout-anywhere": ("LO-01",),
    "hint-believed": ("LO-01-hint",),
    "open-registration": ("RG-01",),
    "no-metadata": ("META-01",),
    "refresh-with-any-key": ("TK-12-public-key",),
    "weak-secret": ("CA-12",),
    "no-limits": ("API4-02",),
    "keys-kept": ("CA-11",),
    "sessions-do": ("AZ-20-again",),
    "request-fetched": ("PAR-14",),
    "pushed-unseen": ("PAR-08",),
    "tokens-by-strangers": ("META-14",),
    "costly-pattern": ("API4-03",),
}
MODES: Final = {"signing-optional": "signed-only", "keys-kept": "open-registration"}


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> LocalTls:
    return make_local_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the clients' private keys."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def server(tls: LocalTls, keys: Path) -> Iterator[OfferingServer]:
    private = {name: generate_private_key("ES256") for name in ("one", "two")}
    for name, key in private.items():
        (keys / name).write_bytes(msgspec.json.encode(private_jwk(key)))
    with OfferingServer(tls, {**private, "open": None}) as running:
        yield running


def described(server: OfferingServer, tls: LocalTls, keys: Path) -> Target:
    """Return the target file of the server as it is now."""
    common = {
        "redirect_uri": CALLBACK,
        "scope": "openid",
        "grant_types": ("authorization_code", "refresh_token"),
    }
    with_keys = tuple(
        msgspec.convert({"client_id": name, "key": str(keys / name), **common}, ClientEntry)
        for name in ("one", "two")
    )
    others = ({"client_id": "open", "authentication": "none"}, _secretive(server))
    return Target(
        issuer=server.url,
        profile="fapi2-security",
        trust=str(tls.authority.certificate_file),
        rate=1_000,
        canary_host="localhost",
        endpoints=Endpoints(
            authorization_endpoint=f"{server.url}/authorize", token_endpoint=f"{server.url}/token"
        ),
        clients=(*with_keys, *(msgspec.convert({**each, **common}, ClientEntry) for each in others)),
        users=(User(username=USER, password=PASSWORD),),
        apis=(Api(url=f"{server.url}/api", operations=(OperationEntry(path="/orders?item=lamp"),)),),
    )


def _secretive(server: OfferingServer) -> dict[str, str]:
    return {"client_id": SECRETIVE, "authentication": "client_secret_post", "secret": server.secret()}


def audited(server: OfferingServer, tls: LocalTls, keys: Path, names: Sequence[str]) -> dict[str, Result]:
    """Audit the server with these checks."""
    target = described(server, tls, keys)
    with open_wire(target) as wire:
        deployment = prepare(target, wire, clock=SystemClock(), entropy=SystemEntropy())
        if {"API4-02", "API4-03", "META-14"} & set(names):
            reach(deployment)
        return {each: run_check(deployment, CHECKS[each], safety=Safety.STATE) for each in names}


@pytest.mark.parametrize("flaw", FLAWS)
def test_each_flaw_is_found(server: OfferingServer, tls: LocalTls, keys: Path, flaw: str) -> None:
    server.flaws, server.modes = frozenset({flaw}), frozenset({MODES[flaw]} if flaw in MODES else ())
    results = audited(server, tls, keys, FLAWS[flaw])
    silent = {name: f"{each.verdict}: {each.reason}" for name, each in results.items() if not told(each)}
    assert silent == {}


def told(result: Result) -> bool:
    """Whether a check says what it is to say: that a clause is broken, or that advice is not followed."""
    if CHECKS[result.id].reach is Reach.ADVICE:
        return result.advice
    return result.verdict in (Verdict.FAIL, Verdict.SUSPECTED)


def test_a_client_is_taken_back_though_its_token_was_replaced(
    server: OfferingServer, tls: LocalTls, keys: Path
) -> None:
    """With the token that came with the update, as the one before is good no more."""
    server.flaws, server.modes = frozenset(), frozenset({"open-registration"})
    server.managed.clear()
    assert audited(server, tls, keys, ["CA-11"])["CA-11"].verdict is Verdict.PASS
    assert server.managed == {}


@pytest.mark.parametrize("mode", ["", *MODES.values()])
def test_a_server_without_flaws_passes_every_one_of_the_checks(
    server: OfferingServer, tls: LocalTls, keys: Path, mode: str
) -> None:
    server.flaws, server.modes = frozenset(), frozenset({mode} if mode else ())
    names = [each for flaw, row in FLAWS.items() if MODES.get(flaw, "") == mode for each in row]
    results = audited(server, tls, keys, names)
    unlike = {name: each.reason for name, each in results.items() if each.verdict is not Verdict.PASS}
    assert unlike == {}
    assert [name for name, each in results.items() if each.advice] == []
