"""The token endpoint as a list of stories: who gets nothing, what burns nothing, and what a replay ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from support.authority import make_authority
from support.drafts import ASSERTION, PROOF
from support.requests import code_request, credentials_request, refresh_request
from trustweft.protocol.oauth import encode_form
from trustweft.runtime.encoding import encode_base64url
from trustweft.server.records import TokenStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from support.authority import Authority, IssuedCode
    from support.drafts import Draft

pytestmark = pytest.mark.anyio

CODE_LIFETIME = 60
UNSIGNED = b'{"alg":"none"}'


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    """A server with clients and people."""
    made = await make_authority(tmp_path / "keys")
    yield made
    made.close()


async def refused(authority: Authority, draft: Draft) -> tuple[int, str, str | None]:
    """Send a request; return status, error code and reason id of the refusal."""
    answer = await authority.send(draft)
    return answer.status, answer.json["error"], answer.reason


@pytest.mark.parametrize(
    "grant_type", ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer"]
)
async def test_a_grant_type_outside_of_the_profile_is_refused(authority: Authority, grant_type: str) -> None:
    """Nobody's password is ever taken from a client, not even from one that authenticated."""
    draft = credentials_request(authority, grant_type=grant_type, username="alice", password="wonderland")
    assert await refused(authority, draft) == (400, "unsupported_grant_type", "grant-type.unsupported")


async def test_a_client_that_only_says_its_name_is_refused(authority: Authority) -> None:
    """There are no public clients: naming oneself, with or without a code verifier, authenticates nobody."""
    issued = await authority.issue_code()
    draft = code_request(authority, issued).put("client_assertion", None).put("client_assertion_type", None)
    assert await refused(authority, draft) == (401, "invalid_client", "client-assertion.missing")
    assert (await authority.send(code_request(authority, issued))).status == 200


async def test_a_client_secret_is_no_credential(authority: Authority) -> None:
    """Symmetric credentials are not known here, in the header or in the body."""
    fields = {"grant_type": "client_credentials", "scope": "accounts", "client_id": "machine"}
    draft = credentials_request(authority)
    draft.form, draft.body = None, encode_form({**fields, "client_secret": "secret"})
    draft.headers.append(("authorization", "Basic bWFjaGluZTpzZWNyZXQ="))
    assert await refused(authority, draft) == (401, "invalid_client", "client-assertion.missing")


async def test_an_assertion_without_signature_is_refused(authority: Authority) -> None:
    """``alg: none`` is no algorithm."""
    draft = credentials_request(authority)
    claims = draft.message(ASSERTION).encode().split(".")[1]
    draft.tokens[ASSERTION] = f"{encode_base64url(UNSIGNED)}.{claims}."
    assert await refused(authority, draft) == (401, "invalid_client", "client-assertion.algorithm")


def as_other_client(authority: Authority, issued: IssuedCode) -> Draft:
    """Redeem somebody else's code: all else is as it should be."""
    theirs = code_request(authority, issued)
    thief = credentials_request(authority, authority.otherapp)
    for name in ("grant_type", "code", "redirect_uri", "code_verifier"):
        thief.put(name, theirs.get(name))
    return thief


def with_other_key(authority: Authority, issued: IssuedCode) -> Draft:
    """Redeem with a proof of a key that the code is not bound to."""
    draft = code_request(authority, issued)
    draft.tokens[PROOF] = credentials_request(authority, authority.otherapp).tokens[PROOF]
    return draft


BURNS_NOTHING: dict[str, Callable[[Authority, IssuedCode], Draft]] = {
    "a proof without nonce": lambda authority, issued: code_request(authority, issued).claim(
        PROOF, nonce=...
    ),
    "a wrong code verifier": lambda authority, issued: code_request(
        authority, issued, code_verifier="v" * 43
    ),
    "another redirect URI": lambda authority, issued: code_request(
        authority, issued, redirect_uri="https://localhost:8444/callback/"
    ),
    "another client": as_other_client,
    "another key": with_other_key,
    "no proof": lambda authority, issued: code_request(authority, issued).with_header("dpop"),
}


@pytest.mark.parametrize("attempt", BURNS_NOTHING.values(), ids=BURNS_NOTHING.keys())
async def test_what_is_refused_burns_nothing(
    authority: Authority, attempt: Callable[[Authority, IssuedCode], Draft]
) -> None:
    """A nonce retry, a slip or a stranger's attempt leaves the code to its owner, and ends nothing."""
    issued = await authority.issue_code()
    assert (await authority.send(attempt(authority, issued))).status in {400, 401}
    assert (await authority.send(code_request(authority, issued))).status == 200


@pytest.mark.parametrize("later", [0, 1, CODE_LIFETIME - 1, CODE_LIFETIME, CODE_LIFETIME + 1, 600])
async def test_a_code_that_comes_again_ends_what_it_gave(authority: Authority, later: int) -> None:
    """However late it comes: while it lives, at its last instant, and when it has long expired."""
    issued = await authority.issue_code()
    tokens = (await authority.send(code_request(authority, issued))).json
    authority.clock.advance(later)
    again = code_request(authority, issued)
    assert await refused(authority, again) == (400, "invalid_grant", "code.replayed")
    refresh = refresh_request(authority, tokens["refresh_token"])
    assert await refused(authority, refresh) == (400, "invalid_grant", "refresh-token.grant-ended")
    status = await authority.store.access_token_status(
        jti="any", grant_id=issued.record.grant_id, client_id="moneyview", now=authority.clock.now()
    )
    assert status is TokenStatus.REVOKED


@pytest.mark.parametrize(("age", "status"), [(0, 200), (CODE_LIFETIME - 1, 200), (CODE_LIFETIME, 400)])
async def test_a_code_lives_for_sixty_seconds(authority: Authority, age: int, status: int) -> None:
    """The instant of expiry itself is too late; nothing is revoked, for nothing was given."""
    issued = await authority.issue_code()
    authority.clock.advance(age)
    assert (await authority.send(code_request(authority, issued))).status == status
    grant = await authority.store.find_grant(issued.record.grant_id)
    assert grant is not None
    assert grant.revoked_at is None


async def test_one_of_many_at_once_gets_the_tokens_and_nobody_keeps_them(authority: Authority) -> None:
    """Two copies of a code are in the world: which of them is stolen nobody knows, so what was given ends."""
    issued = await authority.issue_code()
    drafts = [code_request(authority, issued) for _ in range(20)]
    answers = await asyncio.gather(*[authority.send(draft) for draft in drafts])
    assert sorted(answer.status for answer in answers) == [200] + [400] * 19
    (winner,) = (answer for answer in answers if answer.status == 200)
    refresh = refresh_request(authority, winner.json["refresh_token"])
    assert await refused(authority, refresh) == (400, "invalid_grant", "refresh-token.grant-ended")


async def test_a_client_for_itself_gets_no_refresh_token(authority: Authority) -> None:
    """Client credentials can be used again at any time (RFC 6749 section 4.4.3)."""
    answer = await authority.send(credentials_request(authority))
    assert sorted(answer.json) == ["access_token", "expires_in", "scope", "token_type"]


async def test_a_refresh_token_stays_and_takes_a_new_key(authority: Authority) -> None:
    """No rotation: the same token serves again, with another DPoP key of the same client."""
    token, _ = await authority.issue_refresh_token()
    for _ in range(3):
        draft = refresh_request(authority, token)
        draft.tokens[PROOF] = credentials_request(authority, authority.otherapp).tokens[PROOF]
        answer = await authority.send(draft)
        assert answer.status == 200
        assert "refresh_token" not in answer.json
