"""DPoP at resources: each fault of a proof is refused with 400 or 401, each harmless difference is not (RFC 9449)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from conformance.examiner.judging import check_resource, check_status
from conformance.examiner.keys import Key, decode, encode, random_text, sha256
from conformance.server.examining import examines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from conformance.examiner.conversation import Conversation
    from conformance.examiner.examination import Examination
    from conformance.examiner.keys import Token

    Edit = Callable[[Token], None]
    Present = Callable[[str], Iterable[tuple[str, str]]]

_REFUSED: Final = (400, 401)


def _without(part: str, name: str) -> Edit:
    return lambda proof: getattr(proof, part).pop(name)


def _with(part: str, **members: Any) -> Edit:
    return lambda proof: getattr(proof, part).update(members)


def _url(change: Callable[[str], str]) -> Edit:
    def edit(proof: Token) -> None:
        proof.claims["htu"] = change(proof.claims["htu"])

    return edit


def _earlier(seconds: int) -> Edit:
    def edit(proof: Token) -> None:
        proof.claims["iat"] -= seconds

    return edit


def _unsigned(proof: Token) -> None:
    proof.header = {"alg": "none", "typ": "dpop+jwt"}


def _private(proof: Token) -> None:
    proof.header["jwk"] = proof.key.private_jwk


def _foreign(proof: Token) -> None:
    proof.key = Key.make()


def _foreign_and_named(proof: Token) -> None:
    proof.key = Key.make()
    proof.header["jwk"] = proof.key.public_jwk


def _extended(proof: Token) -> None:
    proof.header["tx_id"] = 1
    proof.claims["tx_id_key"] = 1


def _upper_case(url: str) -> str:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition(":")
    return f"{scheme.upper()}://{host.upper()}:{path}"


_BAD_PROOFS: Final[dict[str, Edit]] = {
    **{f"no {name}": _without("header", name) for name in ("typ", "jwk")},
    **{f"no {name}": _without("claims", name) for name in ("jti", "htm", "htu", "iat", "ath")},
    "another typ": _with("header", typ="dpop+jwt+wrongyousee"),
    "alg none": _unsigned,
    "a private key": _private,
    "another method": _with("claims", htm="PUT"),
    "another address": _url(lambda url: f"{url}ohnonotagain"),
    "an hour ahead": _earlier(-3_600),
    "an hour ago": _earlier(3_600),
    "another token": _with("claims", ath=sha256("another token")),
    "another key's signature": _foreign,
    "another key": _foreign_and_named,
}
_GOOD_PROOFS: Final[dict[str, Edit]] = {
    "query and fragment": _url(lambda url: f"{url}?allthedoors#programmed"),
    "no query and no fragment": _url(lambda url: url.partition("?")[0]),
    "unknown members": _extended,
    "scheme and host in upper case": _url(_upper_case),
}


def _spoilt(proof: str) -> Iterable[tuple[str, str]]:
    signed, _, signature = proof.rpartition(".")
    octets = bytes(octet ^ 0x5A for octet in decode(signature))
    return (("DPoP", f"{signed}.{encode(octets)}"),)


def _without_alg(proof: str) -> Iterable[tuple[str, str]]:
    header, _, rest = proof.partition(".")
    members = json.loads(decode(header))
    members["alg2"] = members.pop("alg")
    return (("DPoP", f"{encode(json.dumps(members).encode())}.{rest}"),)


_BAD_HEADERS: Final[dict[str, Present]] = {
    "no third part": lambda proof: (("DPoP", proof.rpartition(".")[0]),),
    "no alg": _without_alg,
    "a spoilt signature": _spoilt,
    "no proof": lambda _proof: (),
}


@examines("dpop-negative-tests")
def test_dpop_negative_tests(examination: Examination) -> None:
    """Each resource refuses every proof with a fault, and takes a good one before, between and after them."""
    conversation = examination.begin()
    conversation.get_code()
    conversation.got_tokens()
    for url in examination.resources:
        check_resource(conversation.call(url))
        _check_headers(conversation, url)
        for name, edit in _BAD_PROOFS.items():
            if "hour" in name:  # the suite looks here for servers that judge by the nonce alone
                conversation.forget_nonces()
            assert conversation.call(url, edit=edit).status in _REFUSED, name
        for name, edit in _GOOD_PROOFS.items():
            assert conversation.call(url, edit=edit).status == 200, name
        _check_replay(conversation, url)
        check_resource(conversation.call(url))
    _check_rs256(examination)


def _check_headers(conversation: Conversation, url: str) -> None:
    check_resource(conversation.call(url, present=lambda proof: (("DPOP", proof),)))
    second = conversation.proof("GET", url, access_token=conversation.access_token)
    twice = conversation.call(url, present=lambda proof: (("DPoP", proof), ("DPoP", second)))
    check_status(twice, _REFUSED)
    for name, present in _BAD_HEADERS.items():
        assert conversation.call(url, present=present).status in _REFUSED, name
    check_status(conversation.call(url, scheme="Bearer", present=lambda _proof: ()), _REFUSED)


def _check_replay(conversation: Conversation, url: str) -> None:
    """The suite only warns where the second use of a jti passes; it can be avoided, so it must be."""
    fixed = _with("claims", jti=random_text())
    check_resource(conversation.call(url, edit=fixed))
    check_status(conversation.call(url, edit=fixed), _REFUSED)


def _check_rs256(examination: Examination) -> None:
    """A proof with RS256 is refused, where PS256 of the same key is not (FAPI 2.0 SP 5.4.1)."""
    conversation = examination.begin()
    conversation.proof_key = Key.make("PS256")
    conversation.get_code()
    conversation.got_tokens()
    for url in examination.resources:
        check_resource(conversation.call(url))
        check_status(conversation.call(url, edit=_with("header", alg="RS256")), _REFUSED)
