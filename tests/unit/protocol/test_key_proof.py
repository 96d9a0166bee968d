"""Proofs of possession, changed in any single way, are refused with their own reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.directory import DIRECTORY, NOW, new_signer
from trustweft.crypto import jws
from trustweft.crypto.keys import LocalSigner, generate_private_key
from trustweft.protocol.key_proof import LIFETIME, create_key_proof, verify_key_proof
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNER = new_signer("mine")
SUBJECT = "software:moneyview"


def verify(token: str, *, now: float = NOW) -> str:
    """Verify as the directory does that the key is to be known to."""
    return verify_key_proof(token, key=SIGNER.public_key, directory=DIRECTORY, subject=SUBJECT, now=now)


def proof(signer: LocalSigner = SIGNER) -> str:
    """Return a good proof."""
    return create_key_proof(signer, directory=DIRECTORY, subject=SUBJECT, now=NOW)


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_whoever_has_the_key_proves_it(algorithm: str) -> None:
    """With each algorithm, for as long as an hour."""
    signer = LocalSigner(algorithm, generate_private_key(algorithm))
    shown = verify_key_proof(
        proof(signer), key=signer.public_key, directory=DIRECTORY, subject=SUBJECT, now=NOW + LIFETIME
    )
    assert shown == f"signed for {DIRECTORY} at {NOW:.0f}"


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "for another directory": (lambda claims: claims.update(aud="https://other.example"), "audience"),
    "for a list of directories": (lambda claims: claims.update(aud=[DIRECTORY]), "audience"),
    "for another subject": (lambda claims: claims.update(sub="software:other"), "subject"),
    "for nobody": (lambda claims: claims.pop("sub"), "subject"),
    "without a time": (lambda claims: claims.pop("iat"), "out-of-date"),
    "with a time that is none": (lambda claims: claims.update(iat="now"), "malformed"),
    "too old": (lambda claims: claims.update(iat=NOW - LIFETIME - 1), "out-of-date"),
    "from the future": (lambda claims: claims.update(iat=NOW + 61), "out-of-date"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
def test_a_proof_that_says_something_else_is_refused(
    change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    """Although the right key signed it."""
    claims = jws.parse(proof()).unverified_claims()
    change(claims)
    with pytest.raises(Reject, match=rf"^key-proof\.{reason}"):
        verify(jws.sign(claims, signer=SIGNER, header={"typ": "key-proof+jwt"}))


def test_a_token_of_another_kind_is_no_proof() -> None:
    """A client assertion, say, that somebody got to see."""
    claims = jws.parse(proof()).unverified_claims()
    with pytest.raises(Reject, match=r"^key-proof\.wrong-type"):
        verify(jws.sign(claims, signer=SIGNER, header={"typ": "JWT"}))


@pytest.mark.parametrize("other", [new_signer("mine"), LocalSigner("EdDSA", generate_private_key("EdDSA"))])
def test_another_key_proves_nothing(other: LocalSigner) -> None:
    """Of the same kind, or of another."""
    with pytest.raises(Reject, match=r"^key-proof\.bad-signature"):
        verify(proof(other))


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 5_000, proof() + "."])
def test_what_is_no_token_is_no_proof(token: str) -> None:
    """Whatever it is."""
    with pytest.raises(Reject, match=r"^key-proof\.malformed"):
        verify(token)
