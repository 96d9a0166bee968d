"""Server nonces (RFC 9449 section 8): made of a secret and the time, remembered nowhere."""

from __future__ import annotations

import pytest

from trustweft.protocol.dpop_nonces import NONCE_HEADER, Nonces, read_nonce_header
from trustweft.runtime.errors import Reject

NOW = 1_800_000_000.0  # a multiple of the step of 60
SECRET = b"s" * 32


def refusal(nonces: Nonces, nonce: str | None, *, now: float) -> Reject:
    """Return how ``nonce`` is refused."""
    with pytest.raises(Reject) as refused:
        nonces.check(nonce, now=now)
    return refused.value


def test_current_nonce_is_accepted_for_its_window() -> None:
    """A nonce is good from when it is given out until its window ends, and never again."""
    nonces = Nonces(SECRET, step=60, window=300)
    nonce = nonces.current(NOW)
    for later in (0, 59.9, 60, 120, 299.9):
        nonces.check(nonce, now=NOW + later)
    for later in (300, 301, 86_400):
        assert refusal(nonces, nonce, now=NOW + later).reason.id == "dpop.nonce-stale"


def test_late_nonce_is_good_for_the_window_less_a_step() -> None:
    """A nonce that is given out at the end of its step still leaves time to use it."""
    nonces = Nonces(SECRET, step=60, window=300)
    nonces.check(nonces.current(NOW + 59.9), now=NOW + 59.9 + 240)


def test_nonce_of_a_machine_whose_clock_is_ahead() -> None:
    """The nonce of the next step is accepted, the one after it is not."""
    nonces = Nonces(SECRET, step=60, window=300)
    nonces.check(nonces.current(NOW + 60), now=NOW)
    assert refusal(nonces, nonces.current(NOW + 120), now=NOW).reason.id == "dpop.nonce-stale"


def test_machines_that_share_the_secret_agree() -> None:
    """What one process gives out another accepts; with another secret nothing is accepted."""
    nonce = Nonces(SECRET).current(NOW)
    Nonces(SECRET).check(nonce, now=NOW)
    assert refusal(Nonces(b"t" * 32), nonce, now=NOW).reason.id == "dpop.nonce-stale"


def test_missing_nonce_is_asked_for() -> None:
    """A proof without a nonce is refused with use_dpop_nonce and a fresh one that then works (section 8)."""
    nonces = Nonces(SECRET)
    refused = refusal(nonces, None, now=NOW)
    assert (refused.reason.id, refused.reason.error, refused.reason.status) == (
        "dpop.nonce-required",
        "use_dpop_nonce",
        400,
    )
    assert refused.headers == ((NONCE_HEADER, nonces.current(NOW)),)
    nonces.check(refused.headers[0][1], now=NOW)


@pytest.mark.parametrize("nonce", ["", "guess", "\u00e9", "\ud800", "a" * 5_000])
def test_foreign_nonce_is_refused_with_a_fresh_one(nonce: str) -> None:
    """Whatever was not given out lately is refused, and the answer helps an honest client on."""
    nonces = Nonces(SECRET)
    refused = refusal(nonces, nonce, now=NOW)
    assert (refused.reason.id, refused.reason.error) == ("dpop.nonce-stale", "use_dpop_nonce")
    assert refused.headers == ((NONCE_HEADER, nonces.current(NOW)),)


def test_nonces_change_with_every_step_and_do_not_show_the_time() -> None:
    """A nonce tells nothing about the next one."""
    nonces = Nonces(SECRET, step=60, window=300)
    given = [nonces.current(NOW + 60 * step) for step in range(100)]
    assert len(set(given)) == 100
    assert {len(nonce) for nonce in given} == {22}


def test_time_may_go_back() -> None:
    """A clock that is set back is followed."""
    nonces = Nonces(SECRET)
    first = nonces.current(NOW)
    nonces.current(NOW + 3_600)
    assert nonces.current(NOW) == first


@pytest.mark.parametrize(
    ("secret", "step", "window"), [(b"s" * 31, 60, 300), (SECRET, 0, 300), (SECRET, 60, 119)]
)
def test_weak_settings_are_refused(secret: bytes, step: float, window: float) -> None:
    """A short secret, no step, or a window too short to use a nonce in is a mistake of ours."""
    with pytest.raises(ValueError, match="32 octets of secret"):
        Nonces(secret, step=step, window=window)


def test_client_reads_the_nonce_header() -> None:
    """A client takes one well-formed nonce, and none where none was sent."""
    assert read_nonce_header([]) is None
    assert read_nonce_header(["eyJ7S_zG.eyJH0-Z.HX4w-7v"]) == "eyJ7S_zG.eyJH0-Z.HX4w-7v"


@pytest.mark.parametrize("values", [["a", "b"], [""], ["a b"], ['a"b'], ["a\\b"], ["\u00e9"], ["a" * 1_025]])
def test_client_refuses_a_malformed_nonce_header(values: list[str]) -> None:
    """What is not the syntax of section 8.1 never gets into a proof of ours."""
    with pytest.raises(Reject) as refused:
        read_nonce_header(values)
    assert refused.value.reason.id == "dpop.bad-nonce-header"
