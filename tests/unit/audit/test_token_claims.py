"""What a token may tell: what its scope asks for, and never a secret."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from trustweft.audit.check import NotApplicable
from trustweft.audit.checks.token_claims import tokens_hold_no_secrets, tokens_tell_little_of_people
from trustweft.audit.forging import unsigned
from trustweft.audit.trial import Trial
from trustweft.audit.verdict import Verdict
from unit.audit.samples import exchange

GOOD = {"iss": "https://login.example", "sub": "5f1", "scope": "accounts", "jti": "1"}


def trial(claims: dict[str, Any], *, scope: str = "accounts") -> Trial:
    """Return a trial whose token has these claims beside those that it should have."""
    token = unsigned({"alg": "none"}, GOOD | claims)
    access = SimpleNamespace(token=token, scope=scope, answer=exchange())
    return Trial(cast("Any", SimpleNamespace(access=lambda: access)))


@pytest.mark.parametrize(
    ("claims", "verdict"),
    [
        ({}, Verdict.PASS),
        ({"password_hash": "5e884898da28047151d0e56f8dc62927"}, Verdict.FAIL),
        ({"user": {"apiKey": "4711-0815"}}, Verdict.FAIL),
        ({"p": "$2b$12$" + "a" * 53}, Verdict.FAIL),
        ({"ssn": "078-05-1120"}, Verdict.SUSPECTED),
        ({"ssn": "***1120"}, Verdict.PASS),
        ({"pwd_exp": 1_800_000_000, "pwd_url": "https://login.example/change"}, Verdict.PASS),
        ({"amr": ["pwd", "otp"], "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}, Verdict.PASS),
    ],
)
def test_secrets_in_a_token_are_found_and_what_is_told_of_them_is_none(
    claims: dict[str, Any], verdict: Verdict
) -> None:
    assert tokens_hold_no_secrets(trial(claims)).verdict is verdict


@pytest.mark.parametrize(
    ("claims", "scope", "verdict"),
    [
        ({"email": "ann@shop.example"}, "accounts", Verdict.FAIL),
        ({"email": "ann@shop.example"}, "accounts email", Verdict.PASS),
        ({"birthDate": "1990-01-01"}, "email", Verdict.FAIL),
        ({"birthdate": "1990-01-01"}, "profile", Verdict.PASS),
        ({"iban": "DE02120300000000202051"}, "profile email", Verdict.FAIL),
        ({"authorization_details": [{"iban": "DE02120300000000202051"}]}, "accounts", Verdict.PASS),
        ({}, "accounts", Verdict.PASS),
    ],
)
def test_a_token_tells_of_a_person_what_its_scope_asks_for(
    claims: dict[str, Any], scope: str, verdict: Verdict
) -> None:
    assert tokens_tell_little_of_people(trial(claims, scope=scope)).verdict is verdict


def test_of_a_token_that_nobody_can_read_nothing_is_said() -> None:
    access = SimpleNamespace(token="opaque", scope="accounts", answer=exchange())
    with pytest.raises(NotApplicable):
        tokens_hold_no_secrets(Trial(cast("Any", SimpleNamespace(access=lambda: access))))
