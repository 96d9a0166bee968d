"""Credentials are drawn, not made up: how much is unknown of one (FAPI 2.0 SP section 5.4.1 item 4)."""

from __future__ import annotations

import string

from trustweft.runtime.entropy import SystemEntropy

ALPHABET = frozenset(string.ascii_letters + string.digits + "-_")
BITS_OF_A_CHARACTER = 6


def test_a_token_can_travel_anywhere() -> None:
    """In an address, a form and a header, as it is."""
    token = SystemEntropy().token()
    assert len(token) == 43
    assert set(token) <= ALPHABET


def test_a_token_cannot_be_guessed() -> None:
    """None comes twice, and no character of it is known before: in 2,000 draws each place shows nearly every one."""
    tokens = [SystemEntropy().token() for _ in range(2_000)]
    assert len(set(tokens)) == len(tokens)
    # A place that can be anything misses one of 64 characters with a probability of 10^-12; the last has 16.
    places = [len(set(place)) for place in zip(*tokens, strict=True)]
    assert sum(seen == len(ALPHABET) for seen in places) * BITS_OF_A_CHARACTER >= 128


def test_octets_are_as_many_as_were_asked_for() -> None:
    """Salts and keys are never short."""
    drawn = [SystemEntropy().octets(32) for _ in range(100)]
    assert {len(octets) for octets in drawn} == {32}
    assert len(set(drawn)) == 100
