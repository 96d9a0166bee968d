"""The status list, changed in any single way, is refused with its own reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.directory import DIRECTORY, NOW, TestDirectory, new_signer
from trustweft.crypto import jws
from trustweft.protocol.ecosystem_status import subject_of, verify_status_list
from trustweft.runtime.errors import Reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from trustweft.protocol.ecosystem_status import StatusList

Claims = dict[str, Any]


def verify(directory: TestDirectory, token: str, *, now: float = NOW) -> StatusList:
    """Read a list as a participant does."""
    return verify_status_list(token, keys=directory.keys(), issuer=DIRECTORY, now=now, tolerance=60)


def resign(directory: TestDirectory, change: Callable[[Claims], object], kind: str) -> str:
    """Return the list of a directory with something changed, and signed nevertheless."""
    claims = jws.parse(directory.feed()).unverified_claims()
    change(claims)
    return jws.sign(claims, signer=directory.signer, header={"typ": kind})


@pytest.fixture
def directory() -> TestDirectory:
    """Return a directory that knows two subjects."""
    directory = TestDirectory()
    directory.say("organisation:moneyview", "active")
    directory.say("software:moneyview", "suspended", cause="suspended", parents=("organisation:moneyview",))
    return directory


def test_a_list_says_what_the_directory_said(directory: TestDirectory) -> None:
    """A verified list holds revision and subjects as they were signed; a delta says what it begins after."""
    full = verify(directory, directory.feed())
    assert (full.revision, full.since, full.subjects) == (2, None, directory.subjects)
    delta = verify(directory, directory.feed(since=1))
    assert (delta.since, list(delta.subjects)) == (1, ["software:moneyview"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda claims: claims.update(iss="https://other.example"), "status.issuer"),
        (lambda claims: claims.update(iat=NOW + 61, exp=NOW + 100), "status.from-future"),
        (lambda claims: claims.update(iat=NOW - 400, exp=NOW - 100), "status.expired"),
        (lambda claims: claims.update(exp=NOW + 301), "status.too-long"),
        (lambda claims: claims.pop("exp"), "status.malformed"),
        (lambda claims: claims.update(iat="now"), "status.malformed"),
        (lambda claims: claims.update(revision=True), "status.revision"),
        (lambda claims: claims.update(revision=-1), "status.revision"),
        (lambda claims: claims.update(since=3), "status.revision"),
        (lambda claims: claims.update(since=None), "status.revision"),
        (lambda claims: claims.pop("subjects"), "status.malformed"),
        (lambda claims: claims["subjects"].update({"robot:x": {}}), "status.malformed"),
        (lambda claims: claims["subjects"]["software:moneyview"].update(effect="gone"), "status.malformed"),
        (lambda claims: claims["subjects"]["software:moneyview"].update(revision=3), "status.malformed"),
        (lambda claims: claims["subjects"]["software:moneyview"].update(as_of=-1), "status.malformed"),
        (lambda claims: claims["subjects"]["software:moneyview"].update(parents=["x"]), "status.malformed"),
    ],
)
def test_a_changed_list_is_refused(
    directory: TestDirectory, change: Callable[[Claims], object], reason: str
) -> None:
    """A list that is signed, but wrong in one way, is refused with the reason for that."""
    with pytest.raises(Reject) as refused:
        verify(directory, resign(directory, change, "ecosystem-status+jwt"))
    assert refused.value.reason.id == reason


def test_a_list_of_another_kind_or_key_is_refused(directory: TestDirectory) -> None:
    """Another token of the directory is no list; a key that was removed signs nothing any more."""
    with pytest.raises(Reject, match=r"status\.wrong-type"):
        verify(directory, resign(directory, lambda _: None, "jwt"))
    old = directory.feed()
    directory.signer = new_signer("d2")
    with pytest.raises(Reject, match=r"status\.no-key"):
        verify(directory, old)
    directory.signer = new_signer("d1")
    with pytest.raises(Reject, match=r"status\.bad-signature"):
        verify(directory, old)
    with pytest.raises(Reject, match=r"status\.malformed"):
        verify(directory, "a.b")


def test_a_list_of_a_megabyte_is_refused(directory: TestDirectory) -> None:
    """A list that is larger than any ecosystem needs is refused before it is read."""
    with pytest.raises(Reject, match=r"status\.too-large"):
        verify(directory, directory.feed() + "A" * 1_000_000)


def test_only_what_a_directory_could_name_is_a_subject() -> None:
    """An identifier that no directory could have given names no subject."""
    assert subject_of("user", "sub.abc") == "user:sub.abc"
    assert subject_of("user", None) is None
    assert subject_of("user", "a b") is None
