"""Probes arrive as they were signed; changed in any single way, they are refused with their own reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.directory import DIRECTORY, NOW, TestDirectory, new_signer
from trustweft.crypto import jws
from trustweft.protocol.offboarding import Receipt, create_receipt
from trustweft.protocol.offboarding_probe import Probe, ProbedParticipant, create_probe, verify_probe
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

Claims = dict[str, Any]
PROBER = f"{DIRECTORY}/prober"
PROBE = Probe(
    iss=PROBER,
    aud=DIRECTORY,
    order="order-7",
    iat=NOW,
    participants=(
        ProbedParticipant(
            id="https://login.bank.example",
            kind="server",
            before_ok={"request_uri": True, "code": True, "client_key": True, "refresh_token": False},
            refused={"request_uri": 0.31, "code": None, "client_key": 0.25},
            came_back=("client_key",),
            notes={"refresh_token": "none came"},
        ),
        ProbedParticipant(
            id="https://api.bank.example",
            kind="resource",
            before_ok={"access_token": True},
            refused={"access_token": 0.2},
        ),
    ),
    control_ok=True,
    finished_at=NOW + 2,
)


def read(prober: TestDirectory, token: str, *, issuer: str | None = PROBER) -> Probe:
    """Read a probe as the directory does."""
    return verify_probe(
        token, keys=prober.keys(), issuer=issuer, audience=DIRECTORY, now=NOW + 2, tolerance=60
    )


def changed(prober: TestDirectory, change: Callable[[Claims], object]) -> str:
    """Return a probe with something changed, and signed nevertheless."""
    parsed = jws.parse(create_probe(prober.signer, PROBE))
    claims = parsed.unverified_claims()
    change(claims)
    return jws.sign(claims, signer=prober.signer, header={"typ": parsed.type})


def first(claims: Claims) -> Claims:
    """Return what is said of the first participant."""
    found: Claims = claims["participants"][0]
    return found


def test_a_probe_arrives_as_it_was_signed() -> None:
    """What is verified equals what was signed, also where the key alone says who probed."""
    prober = TestDirectory()
    token = create_probe(prober.signer, PROBE)
    assert read(prober, token) == PROBE
    assert read(prober, token, issuer=None) == PROBE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda claims: claims.update(iss="https://evil.example"), "probe.issuer"),
        (lambda claims: claims.update(aud="https://evil.example"), "probe.audience"),
        (lambda claims: claims.update(aud=[DIRECTORY]), "probe.audience"),
        (lambda claims: claims.update(iat=NOW + 63), "probe.from-future"),
        (lambda claims: claims.update(iat=None), "probe.malformed"),
        (lambda claims: claims.pop("iat"), "probe.malformed"),
        (lambda claims: claims.pop("order"), "probe.malformed"),
        (lambda claims: claims.update(order="a b"), "probe.malformed"),
        (lambda claims: claims.update(control_ok="yes"), "probe.malformed"),
        (lambda claims: claims.pop("control_ok"), "probe.malformed"),
        (lambda claims: claims.update(finished_at="soon"), "probe.malformed"),
        (lambda claims: claims.update(participants={}), "probe.malformed"),
        (lambda claims: first(claims).update(kind="client"), "probe.malformed"),
        (lambda claims: first(claims).update(id=""), "probe.malformed"),
        (lambda claims: first(claims)["before_ok"].update(password=True), "probe.malformed"),
        (lambda claims: first(claims)["before_ok"].update(code=1), "probe.malformed"),
        (lambda claims: first(claims)["refused"].update(client_key=-0.1), "probe.malformed"),
        (lambda claims: first(claims)["refused"].update(client_key="0.1"), "probe.malformed"),
        (lambda claims: first(claims).update(notes={"code": "x" * 301}), "probe.malformed"),
        (lambda claims: first(claims)["refused"].update(refresh_token=0.1), "probe.void"),
        (lambda claims: first(claims)["refused"].update(access_token=0.1), "probe.void"),
        (lambda claims: first(claims)["refused"].pop("code"), "probe.void"),
        (lambda claims: first(claims).update(came_back=["refresh_token"]), "probe.void"),
        (lambda claims: claims["participants"].append(first(claims)), "probe.repeated"),
    ],
)
def test_a_changed_probe_is_refused(change: Callable[[Claims], object], reason: str) -> None:
    """A probe that is signed, but wrong in one way, is refused with the reason for that."""
    prober = TestDirectory()
    with pytest.raises(Reject) as refused:
        read(prober, changed(prober, change))
    assert refused.value.reason.id == reason


def test_other_tokens_and_other_keys_are_refused() -> None:
    """A receipt is no probe, and neither is what another key signed, or an earlier one of the same name."""
    prober = TestDirectory()
    token = create_probe(prober.signer, PROBE)
    receipt = Receipt(iss=PROBER, aud=DIRECTORY, order="order-7", iat=NOW, refused_at=NOW, revision=1)
    with pytest.raises(Reject, match=r"probe\.wrong-type"):
        read(prober, create_receipt(prober.signer, receipt))
    for nonsense in ("", "x", token.rpartition(".")[0], token + "." + token):
        with pytest.raises(Reject, match=r"probe\.malformed"):
            read(prober, nonsense)
    prober.signer = new_signer("d1")
    with pytest.raises(Reject, match=r"probe\.bad-signature"):
        read(prober, token)
    prober.signer = new_signer("d2")
    with pytest.raises(Reject, match=r"probe\.no-key"):
        read(prober, token)
