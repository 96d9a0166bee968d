"""The resource server on its own, which the outside suite has no plan for (FAPI 2.0 SP 5.3.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.examiner import judging
from conformance.examiner.keys import Key, Token, decode, encode, read_claims, read_header
from conformance.server.examining import examines

if TYPE_CHECKING:
    from conformance.examiner.conversation import Conversation
    from conformance.examiner.examination import Examination
    from conformance.examiner.wire import Answer

_UNAUTHORIZED = 401


def _begin(examination: Examination) -> tuple[Conversation, str]:
    """Return a conversation whose token works, and the bank's address."""
    conversation = examination.begin()
    conversation.completed()
    return conversation, examination.resources[0]


def _check_challenged(answer: Answer, scheme: str, *errors: str) -> None:
    """Hold that a refusal says how to do better (RFC 6750 section 3, RFC 9449 section 7.1)."""
    assert answer.status == _UNAUTHORIZED, answer
    challenges = " ".join(answer.all("www-authenticate"))
    assert challenges.startswith(f"{scheme} "), answer.headers
    assert not errors or any(f'error="{error}"' in challenges for error in errors), challenges
    assert "resource_metadata=" in challenges, challenges


@examines("resources-refuse-foreign-tokens")
def test_resources_refuse_foreign_tokens(examination: Examination) -> None:
    """A token that the server did not sign, or signed as something else, or no longer stands for, opens nothing."""
    conversation, url = _begin(examination)
    good = conversation.access_token
    for name, forged in _forgeries(good).items():
        conversation.tokens["access_token"] = forged
        answer = conversation.call(url)
        assert answer.status == _UNAUTHORIZED, name
        _check_challenged(answer, conversation.scheme, "invalid_token")
    if "id_token" in conversation.tokens:
        conversation.tokens["access_token"] = conversation.tokens["id_token"]
        _check_challenged(conversation.call(url), conversation.scheme, "invalid_token")
    conversation.tokens["access_token"] = good
    judging.check_resource(conversation.call(url))
    examination.wait(conversation.tokens["expires_in"])
    _check_challenged(conversation.call(url), conversation.scheme, "invalid_token")
    _check_challenged(examination.wire.get(url), "DPoP")


def _forgeries(good: str) -> dict[str, str]:
    header, claims = read_header(good), read_claims(good)
    signed, _, signature = good.rpartition(".")
    other = Key.make()

    def made(**changes: Any) -> str:
        return Token({**header, **changes}, claims, other).sign()

    return {
        "another key": made(),
        "another key in the header": made(jwk=other.public_jwk),
        "no algorithm": made(alg="none"),
        "a spoilt signature": f"{signed}.{encode(bytes(octet ^ 1 for octet in decode(signature)))}",
        "more scope": _with_claims(good, scope="accounts payments"),
        "another key that it is bound to": _with_claims(good, cnf={"jkt": other.thumbprint}),
        "a later end": _with_claims(good, exp=claims["exp"] + 3_600),
    }


def _with_claims(good: str, **changes: Any) -> str:
    """Return a token with other claims under its old signature."""
    header, _, signature = good.split(".")
    unsigned = Token({"alg": "none"}, {**read_claims(good), **changes}, Key.make()).sign()
    return f"{header}.{unsigned.split('.')[1]}.{signature}"


@examines("resources-refuse-tokens-for-others")
def test_resources_refuse_tokens_for_others(examination: Examination) -> None:
    """A token for userinfo opens no account, and one for accounts no userinfo."""
    conversation = examination.begin()
    if examination.variant.client_credentials or not examination.variant.openid:
        conversation.completed()
        url = examination.endpoint("userinfo")
    else:
        conversation.request["scope"] = "openid profile"
        conversation.get_code()
        conversation.got_tokens()
        url = examination.resources[0]
    answer = conversation.call(url)
    assert answer.status == _UNAUTHORIZED, answer
    challenge = f'{conversation.scheme} error="invalid_token"'
    assert " ".join(answer.all("www-authenticate")).startswith(challenge), answer.headers


@examines("resources-refuse-a-lesser-scope")
def test_resources_refuse_a_lesser_scope(examination: Examination) -> None:
    """A token for accounts reads no payments, and the answer says which scope would (RFC 6750 section 3.1)."""
    conversation, _url = _begin(examination)
    answer = conversation.call(f"{examination.subject.resource}/payments/none")
    assert answer.status == 403, answer
    challenges = " ".join(answer.all("www-authenticate"))
    assert challenges.startswith(f'{conversation.scheme} error="insufficient_scope"'), challenges
    assert 'scope="payments"' in challenges, challenges


@examines("resources-see-a-revocation-in-five-seconds")
def test_resources_see_a_revocation_in_five_seconds(examination: Examination) -> None:
    """A token that its client revoked is dead at the server at once and at the bank within five seconds."""
    single, url = _begin(examination)
    _revoke(single, single.access_token)
    whole, _url = _begin(examination)
    _revoke(whole, whole.refresh_token)
    if examination.variant.openid:
        for conversation in (single, whole):
            judging.check_status(conversation.call(examination.endpoint("userinfo")), {_UNAUTHORIZED})
    examination.wait(5)
    for conversation in (single, whole):
        _check_challenged(conversation.call(url), conversation.scheme, "invalid_token")
    form = {"grant_type": "refresh_token", "refresh_token": whole.refresh_token}
    judging.check_token_error(whole.ask_for_tokens(form), "invalid_grant")


def _revoke(conversation: Conversation, token: str) -> None:
    answer = conversation.post("revocation", {"token": token})
    assert answer.status == 200, answer


@examines("resources-follow-a-new-key")
def test_resources_follow_a_new_key(examination: Examination) -> None:
    """While the server changes its key nobody is refused; in the end the bank believes the new key alone."""
    subject = examination.subject
    _begin(examination)
    new = subject.rotate_key()
    examination.wait(590)  # what is published before its use is known before its use
    before, url = _begin(examination)
    retired = read_header(before.access_token)["kid"]
    assert retired != new
    examination.wait(10)
    examination = type(examination)(subject, examination.variant)  # with the keys as they are published now
    after, _url = _begin(examination)
    assert read_header(after.access_token)["kid"] == new
    judging.check_resource(before.call(url))
    examination.wait(3_600)
    examination = type(examination)(subject, examination.variant)
    _begin(examination)
    assert retired not in [key["kid"] for key in examination.keys["keys"]]
