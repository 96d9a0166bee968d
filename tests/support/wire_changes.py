"""Ways to spoil the octets of a request, after everything in it is signed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from support import hostile
from support.change import Change

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    from support.drafts import Draft
    from support.wire import Sent

__all__ = ["body_changes", "header_changes", "line_changes", "query_changes"]

Headers = list[tuple[bytes, bytes]]


def _edit_headers(sent: Sent, *, edit: Callable[[Headers], Headers]) -> None:
    sent.headers = edit(list(sent.headers))


def _edit_header(sent: Sent, *, name: bytes, edit: Callable[[bytes], bytes]) -> None:
    sent.headers = [(key, edit(value) if key == name else value) for key, value in sent.headers]


_HEADER_VALUES: Final[tuple[tuple[str, Callable[[bytes], bytes]], ...]] = (
    ("empty", lambda _: b""),
    ("with a space in front", lambda value: b" " + value),
    ("with a space at the end", lambda value: value + b" "),
    ("with a tab", lambda value: value.replace(b" ", b"\t") + b"\t"),
    ("with two spaces", lambda value: value.replace(b" ", b"  ", 1)),
    ("with no space", lambda value: value.replace(b" ", b"")),
    ("with NUL", lambda value: value + b"\0"),
    ("with a line break", lambda value: value + b"\r\nx: y"),
    ("with a comma", lambda value: value + b", x"),
    ("with itself", lambda value: value + b", " + value),
    ("with a semicolon", lambda value: value + b"; a=b"),
    ("not ASCII", lambda value: value + b"\xe9"),
    ("not UTF-8", lambda value: value + b"\xff\xfe"),
    ("upper case", bytes.upper),
    ("lower case", bytes.lower),
    ("other case", bytes.swapcase),
    ("reversed", lambda value: value[::-1]),
    ("half", lambda value: value[: len(value) // 2]),
    ("without the first", lambda value: value[1:]),
    ("without the last", lambda value: value[:-1]),
    ("quoted", lambda value: b'"' + value + b'"'),
    ("huge", lambda value: value + b"x" * 50_000),
    ("too large", lambda value: value + b"x" * 70_000),
    ("encoded", lambda value: b"".join(b"%%%02x" % octet for octet in value[:200])),
)


def _append(headers: Headers, *, pair: tuple[bytes, bytes]) -> Headers:
    return [*headers, pair]


def _prepend(headers: Headers, *, pair: tuple[bytes, bytes]) -> Headers:
    return [pair, *headers]


def _put(headers: Headers, *, pair: tuple[bytes, bytes]) -> Headers:
    return [*(kept for kept in headers if kept[0] != pair[0]), pair]


def _rearrangements(name: bytes) -> tuple[tuple[str, Callable[[Headers], Headers]], ...]:
    def own(pairs: Headers) -> Headers:
        return [pair for pair in pairs if pair[0] == name]

    return (
        ("dropped", lambda pairs: [pair for pair in pairs if pair[0] != name]),
        ("twice", lambda pairs: pairs + own(pairs)),
        ("ten times", lambda pairs: pairs + own(pairs) * 9),
        ("and another in front", lambda pairs: [(name, b"x"), *pairs]),
        ("and another behind", lambda pairs: [*pairs, (name, b"x")]),
        ("and an empty one", lambda pairs: [*pairs, (name, b"")]),
        ("in upper case", lambda pairs: [(k.upper() if k == name else k, v) for k, v in pairs]),
        ("with an underscore", lambda pairs: [(k.replace(b"-", b"_") + b"_", v) for k, v in pairs]),
    )


def header_changes(draft: Draft) -> Iterator[Change]:
    for name_text, _ in draft.headers:
        name = name_text.encode()
        for what, edit in _HEADER_VALUES:
            yield Change(f"{name_text} {what}", wire=partial(_edit_header, name=name, edit=edit))
        for what, rearrange in _rearrangements(name):
            yield Change(f"{name_text} {what}", wire=partial(_edit_headers, edit=rearrange))
    for added_name, value in hostile.HEADERS:
        pair = (added_name.encode("latin-1"), value.encode("latin-1"))
        label = f"{added_name}: {value!r:.40}"
        for what, add in (("added", _append), ("in front", _prepend), ("instead", _put)):
            yield Change(f"{what} {label}", wire=partial(_edit_headers, edit=partial(add, pair=pair)))
    yield Change("no headers", wire=partial(_edit_headers, edit=lambda _pairs: []))
    yield Change(
        "too many headers", wire=partial(_edit_headers, edit=lambda pairs: pairs + [(b"x", b"y")] * 200)
    )
    yield Change("headers reversed", wire=partial(_edit_headers, edit=lambda pairs: pairs[::-1]))


def _set_attribute(sent: Sent, *, name: str, value: object) -> None:
    setattr(sent, name, value)


def line_changes(draft: Draft) -> Iterator[Change]:
    for method in hostile.METHODS:
        if method != draft.method:
            yield Change(f"method {method:.20}", wire=partial(_set_attribute, name="method", value=method))
    for path in hostile.paths(draft.path):
        octets = path.encode("utf-8", "surrogatepass")
        yield Change(f"path {path:.60}", wire=partial(_set_attribute, name="path", value=octets))
    for query in hostile.QUERIES:
        octets = query.encode("latin-1")
        yield Change(f"query {query!r:.40}", wire=partial(_set_attribute, name="query", value=octets))
        yield Change(f"more query {query!r:.40}", wire=partial(_edit_query, edit=partial(_join, more=octets)))


def _edit_query(sent: Sent, *, edit: Callable[[bytes], bytes]) -> None:
    sent.query = edit(sent.query)


def _join(query: bytes, *, more: bytes) -> bytes:
    return query + b"&" + more


def _misspell_value(query: bytes, *, name: str, which: int) -> bytes:
    pairs = [piece.partition("=")[::2] for piece in query.decode("latin-1").split("&")]
    spelt = [(key, hostile.texts(value)[which] if key == name else value) for key, value in pairs]
    return "&".join(f"{key}={value}" for key, value in spelt).encode("utf-8", "surrogatepass")


def query_changes(draft: Draft) -> Iterator[Change]:
    """Spoil the query as a form is spoiled, octet by octet and value by value."""
    for name, original in (piece.partition("=")[::2] for piece in draft.query.split("&") if piece):
        for which, text in enumerate(hostile.texts(original)):
            misspell = partial(_misspell_value, name=name, which=which)
            yield Change(f"query {name}={text!r:.50}", wire=partial(_edit_query, edit=misspell))
        for what, edit in _query_edits(name.encode()):
            yield Change(f"query {name} {what}", wire=partial(_edit_query, edit=edit))


def _query_edits(key: bytes) -> tuple[tuple[str, Callable[[bytes], bytes]], ...]:
    encoded = b"".join(b"%%%02x" % octet for octet in key)
    return (
        ("dropped", lambda query: query.replace(key + b"=", b"x=")),
        ("twice", lambda query: query + b"&" + key + query.partition(key)[2].partition(b"&")[0]),
        ("twice, then another", lambda query: query + b"&" + key + b"=x"),
        ("twice, first another", lambda query: key + b"=x&" + query),
        ("upper case", lambda query: query.replace(key, key.upper())),
        ("encoded", lambda query: query.replace(key + b"=", encoded + b"=")),
    )


def _set_body(sent: Sent, *, edit: Callable[[bytes], bytes]) -> None:
    sent.chunks = [edit(sent.body)]


def _chunked(sent: Sent, *, size: int, whole: bool) -> None:
    body = sent.body
    pieces = [body[start : start + size] for start in range(0, len(body), size)] or [b""]
    sent.chunks, sent.whole = (pieces if whole else pieces[: len(pieces) // 2 + 1]), whole


def body_changes(draft: Draft, chance: random.Random) -> Iterator[Change]:
    for what, edit in hostile.BODIES:
        yield Change(f"body {what}", wire=partial(_set_body, edit=edit))
    for size in (1, 2, 7, 64, 1_000):
        for whole in (True, False):
            yield Change(
                f"body in chunks of {size}{'' if whole else ', broken off'}",
                wire=partial(_chunked, size=size, whole=whole),
            )
    yield Change("empty chunks", wire=lambda sent: setattr(sent, "chunks", [b"", *sent.chunks, b"", b""]))
    if draft.form is not None or draft.body:
        for _ in range(250):
            yield _random_edit(chance)
        for what, edit in hostile.JSON_DOCUMENTS:
            yield Change(f"body as JSON {what}", wire=partial(_set_body, edit=edit))


def _random_edit(chance: random.Random) -> Change:
    """Flip, insert, cut or repeat octets somewhere."""
    place, octet = chance.random(), chance.randrange(256)
    kind = chance.choice(("flip", "insert", "cut", "truncate", "repeat"))

    def edit(body: bytes) -> bytes:
        at = int(place * len(body))
        match kind:
            case "flip":
                return body[:at] + bytes([octet]) + body[at + 1 :]
            case "insert":
                return body[:at] + bytes([octet]) + body[at:]
            case "cut":
                return body[:at] + body[at + 1 + octet % 8 :]
            case "truncate":
                return body[:at]
            case _:
                return body[:at] + body[at : at + 40] * 3 + body[at:]

    return Change(f"body {kind} {octet} at {place:.3f}", wire=partial(_set_body, edit=edit))
