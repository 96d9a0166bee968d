"""Ways to spoil what a request says, before it is signed: its parameters, its tokens, its JSON documents."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mutations import Message
from support import hostile
from support.change import Change
from support.drafts import Draft, encode_token
from trustweft.runtime.encoding import decode_base64url, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["form_changes", "json_changes", "token_changes"]

Pairs = list[tuple[str, str]]

# Parameters of the form.


def _misspell(draft: Draft, *, name: str, which: int) -> None:
    pairs = draft.form or []
    draft.form = [(key, hostile.texts(value)[which] if key == name else value) for key, value in pairs]


def _edit_form(draft: Draft, *, edit: Callable[[Pairs], Pairs]) -> None:
    draft.form = edit(list(draft.form or []))


def _swap(pairs: Pairs, *, swapped: dict[str, str]) -> Pairs:
    return [(name, swapped.get(name, value)) for name, value in pairs]


def _append(pairs: Pairs, *, more: tuple[str, str]) -> Pairs:
    return [*pairs, more]


def _prepend(pairs: Pairs, *, more: tuple[str, str]) -> Pairs:
    return [more, *pairs]


def form_changes(draft: Draft) -> Iterator[Change]:
    if draft.form is None:
        return
    form = draft.form
    for name, original in form:
        for which, text in enumerate(hostile.texts(original)):
            if text != original:
                yield Change(f"{name}={text!r:.60}", partial(_misspell, name=name, which=which))
        yield from _pair_changes(name, original)
        for other, theirs in form:
            if other != name:
                swap = partial(_swap, swapped={name: theirs, other: original})
                yield Change(f"{name} swapped with {other}", partial(_edit_form, edit=swap))
    for name in hostile.PARAMETERS:
        for value in ("x", "", "https://evil.example/", "y" * 10_000):
            more = (name, value)
            label = f"{name!r:.40}={value:.30}"
            yield Change(f"added {label}", partial(_edit_form, edit=partial(_append, more=more)))
            yield Change(f"in front {label}", partial(_edit_form, edit=partial(_prepend, more=more)))
    yield Change("no parameters", partial(_edit_form, edit=lambda _pairs: []))
    yield Change("in another order", partial(_edit_form, edit=lambda pairs: pairs[::-1]))


def _pair_changes(name: str, original: str) -> Iterator[Change]:
    edits: tuple[tuple[str, Callable[[Pairs], Pairs]], ...] = (
        ("dropped", lambda pairs: [pair for pair in pairs if pair[0] != name]),
        ("twice", lambda pairs: [*pairs, (name, original)]),
        ("twice, once empty", lambda pairs: [*pairs, (name, "")]),
        ("twice, first another", lambda pairs: [(name, "other"), *pairs]),
        ("upper case", lambda pairs: [(key.upper() if key == name else key, v) for key, v in pairs]),
        ("with a space", lambda pairs: [(key + " " if key == name else key, v) for key, v in pairs]),
        ("with NUL", lambda pairs: [(key + "\0" if key == name else key, v) for key, v in pairs]),
        ("as an array", lambda pairs: [(key + "[]" if key == name else key, v) for key, v in pairs]),
    )
    for what, edit in edits:
        yield Change(f"{name} {what}", partial(_edit_form, edit=edit))


# Members of tokens that are signed afterwards, and tokens that are not signed again.


def _with_part(message: Message, part: str, members: dict[str, object]) -> Message:
    return replace(message, header=members) if part == "header" else replace(message, claims=members)


def _set_member(draft: Draft, *, token: str, part: str, name: str, value: object) -> None:
    message = draft.tokens[token]
    if isinstance(message, Message):  # another change may have finished it
        members = dict(getattr(message, part))
        members[name] = value
        draft.tokens[token] = _with_part(message, part, members)


def _spoil_member(draft: Draft, *, token: str, part: str, name: str, which: int) -> None:
    message = draft.tokens[token]
    if isinstance(message, Message):
        original = getattr(message, part).get(name)
        choice = hostile.values(original)
        value = choice[which % len(choice)]  # another change may have left a shorter list
        _set_member(draft, token=token, part=part, name=name, value=value)


def _drop_member(draft: Draft, *, token: str, part: str, name: str, renamed: str | None) -> None:
    message = draft.tokens[token]
    if isinstance(message, Message):
        members = dict(getattr(message, part))
        value = members.pop(name, None)
        if renamed is not None:
            members[renamed] = value
        draft.tokens[token] = _with_part(message, part, members)


def _sign_octets(draft: Draft, *, token: str, part: str, edit: Callable[[bytes], bytes]) -> None:
    message = draft.tokens[token]
    if not isinstance(message, Message):
        return
    signer = message.signer

    def sign_again(access_token: str) -> str:
        header, payload, _ = encode_token(message, access_token=access_token).split(".")
        octets = {"header": decode_base64url(header), "claims": decode_base64url(payload)}
        octets[part] = edit(octets[part])
        signed = f"{encode_base64url(octets['header'])}.{encode_base64url(octets['claims'])}"
        return f"{signed}.{encode_base64url(signer.sign(signed.encode()))}"

    draft.tokens[token] = sign_again


def _edit_token(draft: Draft, *, token: str, edit: Callable[[str], str]) -> None:
    part = draft.tokens[token]
    draft.tokens[token] = lambda access_token: edit(encode_token(part, access_token=access_token))


_EXTRA_MEMBERS: Final = (
    "crit",
    "b64",
    "jku",
    "x5u",
    "x5c",
    "jwk",
    "kid",
    "zip",
    "enc",
    "nbf",
    "exp",
    "iat",
    "ath",
    "nonce",
    "cnf",
    "act",
    "scope",
    "alg",
    "typ",
    "cty",
    "",
    "__proto__",
)

_EXTRA_VALUES: Final[tuple[object, ...]] = ("x", ["x"], 2**70, None, {"a": {"b": []}})


def token_changes(draft: Draft) -> Iterator[Change]:
    for token, message in draft.tokens.items():
        if not isinstance(message, Message):
            continue
        for part in ("header", "claims"):
            for name, original in dict(getattr(message, part)).items():
                yield from _member_changes(token, part, name, original)
            for name in _EXTRA_MEMBERS:
                for value in _EXTRA_VALUES:
                    yield Change(
                        f"{token} {part} with {name}={value!r}",
                        partial(_set_member, token=token, part=part, name=name, value=value),
                    )
            for what, edit in hostile.JSON_DOCUMENTS:
                yield Change(
                    f"{token} {part} {what}", partial(_sign_octets, token=token, part=part, edit=edit)
                )
        yield from _key_changes(token, message)
        for what, rewrite in hostile.TOKENS:
            yield Change(f"{token} {what}", partial(_edit_token, token=token, edit=rewrite))


def _member_changes(token: str, part: str, name: str, original: object) -> Iterator[Change]:
    where = f"{token} {part} {name}"
    for which, value in enumerate(hostile.values(original)):
        yield Change(
            f"{where}={value!r:.60}", partial(_spoil_member, token=token, part=part, name=name, which=which)
        )
    for renamed in (None, name.upper(), name + " ", "x"):
        yield Change(
            f"{where} renamed to {renamed}",
            partial(_drop_member, token=token, part=part, name=name, renamed=renamed),
        )


def _key_changes(token: str, message: Message) -> Iterator[Change]:
    """Spoil the key in the header of a proof, member by member."""
    key = message.header.get("jwk")
    if not isinstance(key, dict):
        return
    for name, original in key.items():
        near = (original[:-1], original + "A", original[::-1])
        spoilt: tuple[object, ...] = (None, "", "x", 5, [], {}, *near, "A" * 43, "A" * 5_000)
        for value in spoilt:
            yield Change(
                f"{token} jwk {name}={value!r:.60}",
                partial(_set_member, token=token, part="header", name="jwk", value={**key, name: value}),
            )
    added: tuple[dict[str, object], ...] = (
        {"d": "AAAA"},
        {"k": "AAAA"},
        {"alg": "HS256"},
        {"use": "enc"},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": "_" * 700, "e": "Aw"},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"x5c": ["AAAA"]},
        {"key_ops": "sign"},
        {"key_ops": [["verify"]]},
    )
    for members in added:
        yield Change(
            f"{token} jwk with {members!r:.60}",
            partial(_set_member, token=token, part="header", name="jwk", value={**key, **members}),
        )


# JSON documents in a parameter or in the body.


Path = tuple[str | int, ...]


def _places(document: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    if isinstance(document, (dict, list)):
        for step, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield (*path, step), value
            yield from _places(value, (*path, step))


def _spoil_place(document: Any, *, path: Path, which: int | None) -> None:
    *outer, name = path
    for step in outer:
        document = document[step]
    if which is None:
        del document[name]
        return
    choice = hostile.values(document[name])
    document[name] = choice[which % len(choice)]


def _edit_json(draft: Draft, *, parameter: str | None, edit: Callable[[bytes], bytes]) -> None:
    """Edit the document in this parameter, or the body."""
    if parameter is None:
        draft.body = edit(draft.body)
        return
    pairs = draft.form or []
    draft.form = [
        (name, _text(edit(value.encode("utf-8", "surrogatepass"))) if name == parameter else value)
        for name, value in pairs
    ]


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


def _in_document(change: Callable[[Any], None]) -> Callable[[bytes], bytes]:
    def edit(octets: bytes) -> bytes:
        try:
            document = json.loads(octets)
            change(document)
        except (ValueError, LookupError, TypeError, RecursionError):  # another change was first
            return octets
        return json.dumps(document).encode()

    return edit


def json_changes(draft: Draft) -> Iterator[Change]:
    documents = [(None, draft.body), *((name, value.encode()) for name, value in draft.form or [])]
    for parameter, octets in documents:
        if not octets.startswith((b"{", b"[{")) or octets.startswith((b"{assertion", b"{token", b"{request")):
            continue
        for what, edit in hostile.JSON_DOCUMENTS:
            yield Change(f"JSON {what}", partial(_edit_json, parameter=parameter, edit=edit))
        for path, original in _places(json.loads(octets)):
            where = ".".join(map(str, path))
            yield Change(
                f"JSON without {where}",
                partial(
                    _edit_json,
                    parameter=parameter,
                    edit=_in_document(partial(_spoil_place, path=path, which=None)),
                ),
            )
            for which, value in enumerate(hostile.values(original)):
                spoil = partial(_spoil_place, path=path, which=which)
                yield Change(
                    f"JSON {where}={value!r:.50}",
                    partial(_edit_json, parameter=parameter, edit=_in_document(spoil)),
                )
