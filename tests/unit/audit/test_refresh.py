"""What is said of refresh tokens is said of such as came."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from trustweft.audit.check import Inconclusive, NotApplicable
from trustweft.audit.checks.refresh import public_refresh_tokens_are_noticed
from trustweft.audit.forging import unsigned
from trustweft.audit.trial import Trial
from trustweft.audit.verdict import Verdict
from unit.audit.samples import exchange

if TYPE_CHECKING:
    from trustweft.audit.deployment import Deployment


def trial(*, binding: str, scheme: str, refresh_token: str, **claims: object) -> Trial:
    """Return a trial with a public client that gets such tokens, and whose refresh token works for ever."""
    entry = SimpleNamespace(authentication="none", grant_types=("authorization_code",))
    access = SimpleNamespace(
        refresh_token=refresh_token,
        scheme=scheme,
        party=SimpleNamespace(entry=entry),
        token=unsigned({"alg": "none"}, {"sub": "alice", **claims}),
    )
    again = exchange(body=b'{"access_token": "a", "refresh_token": "r"}')
    deployment: dict[str, Any] = {
        "parties": (access.party,),
        "party": lambda: access.party,
        "plan": lambda _: SimpleNamespace(binding=binding),
        "access": lambda _: access,
        "fresh_access": lambda *_, **__: access,
        "refreshing": lambda _: None,
        "send_bound": lambda *_: again,
    }
    return Trial(cast("Deployment", SimpleNamespace(**deployment)))


@pytest.mark.parametrize(("binding", "scheme"), [("dpop", "DPoP"), ("mtls", "Bearer")])
def test_a_binding_is_praised_only_where_there_is_a_token_to_bind(binding: str, scheme: str) -> None:
    bound = trial(binding=binding, scheme=scheme, refresh_token="r", cnf={"x5t#S256": "hash"})
    assert public_refresh_tokens_are_noticed(bound).verdict is Verdict.PASS
    with pytest.raises(NotApplicable, match="gave no refresh token"):
        public_refresh_tokens_are_noticed(trial(binding=binding, scheme=scheme, refresh_token=""))


def test_a_certificate_that_no_token_names_shows_no_binding() -> None:
    with pytest.raises(Inconclusive, match="nothing shows"):
        public_refresh_tokens_are_noticed(trial(binding="mtls", scheme="Bearer", refresh_token="r"))


def test_a_proof_that_a_server_passed_over_binds_nothing() -> None:
    unbound = trial(binding="dpop", scheme="Bearer", refresh_token="r")
    assert public_refresh_tokens_are_noticed(unbound).verdict is Verdict.FAIL
