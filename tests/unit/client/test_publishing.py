"""The keys at the client's jwks_uri: published before use, kept after it, and never anything private."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from scripted_server import ISSUER, ScriptedServer, form_of
from trustweft.client import PrivateKeyJwt, PublishedKeys, publish
from trustweft.crypto.keyring import KeyRing
from trustweft.crypto.keys import (
    KeySet,
    LocalSigner,
    VerificationKey,
    generate_private_key,
    private_jwk,
    public_jwk,
)
from trustweft.protocol.client_assertion import parse_client_assertion, verify_client_assertion
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from pathlib import Path

    from trustweft.client import SigningKeys
    from trustweft.crypto.keys import Signer

OLD, NOW, NEXT = (
    LocalSigner("ES256", generate_private_key("ES256"), name) for name in ("old", "now", "next")
)
RETIRED = VerificationKey(OLD.public_key, "ES256", "old")


@dataclass
class Keys:
    """Whatever somebody else may pass."""

    document: dict[str, object]

    def signer(self) -> Signer:
        """Sign with the key of now."""
        return NOW

    def public_jwks(self) -> dict[str, object]:
        """Say anything."""
        return self.document


def member(signer: LocalSigner, **changed: object) -> dict[str, object]:
    """Return a key as it is published."""
    return {**public_jwk(signer.public_key), "kid": signer.key_id, "alg": "ES256", "use": "sig", **changed}


def test_the_next_key_and_the_one_before_are_published_too() -> None:
    """Servers that keep the set for a while have the key that they meet."""
    keys = PublishedKeys(NOW, following=NEXT, previous=[RETIRED])
    assert publish(keys) == {"keys": [member(NOW), member(NEXT), member(OLD)]}
    assert keys.signer() is NOW


@pytest.mark.parametrize("step", [0, 1, 2])
def test_at_every_step_of_a_rotation_kept_key_sets_verify(step: int) -> None:
    """What a server fetched one step ago has the key that signs now, and what it fetches now has the one before."""
    steps = [
        PublishedKeys(OLD, following=NOW),
        PublishedKeys(NOW, previous=[RETIRED]),
        PublishedKeys(NOW, following=NEXT),
        PublishedKeys(NEXT, previous=[VerificationKey(NOW.public_key, "ES256", "now")]),
    ]
    kept, current = KeySet.read(publish(steps[step])), KeySet.read(publish(steps[step + 1]))
    before, after = steps[step].signer(), steps[step + 1].signer()
    assert kept.find(key_id=after.key_id, algorithm="ES256").key == after.public_key
    assert current.find(key_id=before.key_id, algorithm="ES256").key == before.public_key


BAD: dict[str, tuple[list[dict[str, Any]], type[Exception]]] = {
    "private": ([{**private_jwk(NOW.private_key), "kid": "now"}], Reject),
    "symmetric": ([member(NOW), {"kty": "oct", "k": "AAAA", "kid": "k"}], Reject),
    "one kid for two": ([member(NOW), member(NEXT, kid="now")], ValueError),
    "no kid": ([member(NOW), {**public_jwk(NEXT.public_key), "alg": "ES256"}], ValueError),
    "without the one that signs": ([member(NEXT)], ValueError),
    "another key under its name": ([member(NEXT, kid="now")], ValueError),
}


@pytest.mark.parametrize(("members", "error"), BAD.values(), ids=BAD)
def test_a_bad_key_set_is_not_published(members: list[dict[str, Any]], error: type[Exception]) -> None:
    """It is better to have none: a secret that was out cannot be taken back."""
    with pytest.raises(error):
        publish(Keys({"keys": members}))


def test_keys_of_one_name_are_no_configuration() -> None:
    """A slip of the pen is said at the start."""
    with pytest.raises(ValueError, match="kid of its own"):
        PublishedKeys(NOW, following=LocalSigner("ES256", NEXT.private_key, "now"))


@dataclass
class Turning:
    """Keys that are replaced while the client runs."""

    now: PublishedKeys

    def signer(self) -> Signer:
        """Sign with whatever is current."""
        return self.now.signer()

    def public_jwks(self) -> dict[str, object]:
        """Publish whatever is published."""
        return self.now.public_jwks()


def test_each_assertion_is_signed_with_the_key_of_its_moment() -> None:
    """A key set that was fetched before the change verifies what was signed after it."""
    server = ScriptedServer()
    keys = Turning(PublishedKeys(OLD, following=NOW))
    server.configuration = replace(server.configuration, authentication=PrivateKeyJwt(keys))
    client, kept = server.client(), KeySet.read(publish(keys))
    for current in (PublishedKeys(OLD, following=NOW), PublishedKeys(NOW, previous=[RETIRED])):
        keys.now = current
        client.begin()
        form = form_of(server.requests[-1])
        assertion = parse_client_assertion(
            assertion_type=form["client_assertion_type"], assertion=form["client_assertion"]
        )
        assert assertion.token.key_id == current.signer().key_id
        verify_client_assertion(
            assertion,
            client_id="moneyview",
            keys=kept,
            algorithm=None,
            issuer=ISSUER,
            now=server.clock.now(),
            future_tolerance=0,
            maximum_lifetime=60,
        )


def test_a_key_ring_can_be_passed_as_it_is(tmp_path: Path) -> None:
    """It says what `SigningKeys` asks for."""
    ring: SigningKeys = KeyRing.load_or_create(tmp_path / "keys", now=0.0)
    published = KeySet.read(publish(ring))
    signer = ring.signer()
    assert published.find(key_id=signer.key_id, algorithm="ES256").key == signer.public_key
