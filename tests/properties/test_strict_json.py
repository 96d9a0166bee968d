"""The strict reader of JSON, held against Python's own with an eye on duplicates."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trustweft.runtime.errors import Reject
from trustweft.runtime.strict_json import MAXIMUM_DEPTH, load_array, load_object

LIMIT = 65_536
SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8)
NAMES = st.sampled_from(["a", "b", "c", "\u00e9", ":", '"', "\\", "{", "", "\u0000"])


class Duplicate(Exception):  # noqa: N818  # a finding, not an error
    """A member name occurs twice."""


@st.composite
def objects(draw: st.DrawFn, depth: int = 3) -> str:
    """Write a JSON object by hand, so that names can repeat and be spelled with escapes."""
    members = []
    for name in draw(st.lists(NAMES, max_size=4)):
        spelled = json.dumps(name, ensure_ascii=draw(st.booleans()))
        if name == "a" and draw(st.booleans()):
            spelled = '"\\u0061"'
        members.append(f"{draw(spaces())}{spelled}{draw(spaces())}:{draw(values(depth))}")
    return "{" + ",".join(members) + "}"


@st.composite
def values(draw: st.DrawFn, depth: int) -> str:
    """Write any JSON value."""
    kind = draw(st.sampled_from(["scalar", "object", "list"])) if depth else "scalar"
    if kind == "object":
        return draw(objects(depth - 1))
    if kind == "list":
        return "[" + ",".join(draw(st.lists(values(depth - 1), max_size=3))) + "]"
    return json.dumps(draw(SCALARS))


def spaces() -> st.SearchStrategy[str]:
    """Write white space that means nothing."""
    return st.sampled_from(["", " ", "\n\t"])


def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a dictionary as ``json.loads`` does, and find duplicates."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise Duplicate
    return dict(pairs)


@given(document=objects())
@example(document='{"a":1,"\\u0061":2}')
@example(document='{"a":{"b":1,"b":1}}')
@example(document='{"a:":"\\":"}')
@example(document='{"a":[{"b":[{"c":1,"c":2}]}]}')
def test_agrees_with_the_standard_library(document: str) -> None:
    """A valid document is read as Python reads it, unless a name occurs twice at any depth: then it is refused."""
    try:
        expected = json.loads(document, object_pairs_hook=refuse_duplicates)
    except Duplicate:
        with pytest.raises(Reject) as refused:
            load_object(document.encode(), limit=LIMIT)
        assert refused.value.reason.id == "json.duplicate-member"
    else:
        assert load_object(document.encode(), limit=LIMIT) == expected


@given(raw=st.binary(max_size=64) | st.text('{}[]:,"\\ua0e.-+ntf1', max_size=32).map(str.encode))
def test_never_breaks(raw: bytes) -> None:
    """Whatever comes in, an object comes out or a refusal, and nothing is read that Python would not read."""
    try:
        value = load_object(raw, limit=LIMIT)
    except Reject as refused:
        assert refused.reason.id.startswith("json.")  # noqa: PT017  # both outcomes are right here
    else:
        assert value == json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "json.malformed"),
        (b"null", "json.not-an-object"),
        (b"[]", "json.not-an-object"),
        (b'"a"', "json.not-an-object"),
        (b"{} {}", "json.malformed"),
        (b"{}x", "json.malformed"),
        (b'{"a":NaN}', "json.malformed"),
        (b'{"a":Infinity}', "json.malformed"),
        (b'{"a":1e999}', "json.malformed"),
        (b'{"a":1,}', "json.malformed"),
        (b"{'a':1}", "json.malformed"),
        (b'{"a":01}', "json.malformed"),
        (b'{"a":"\xff"}', "json.malformed"),
        (b'\xef\xbb\xbf{"a":1}', "json.malformed"),
        ('{"a":1}'.encode("utf-16"), "json.malformed"),
        (b'{"a":"\\ud800"}', "json.malformed"),
        (b'{"a":1,"a":1}', "json.duplicate-member"),
        (b'{"a":' * 17 + b"1" + b"}" * 17, "json.too-deep"),
        (b'{"a":' + b"[" * 100_000, "json.too-large"),
        (b'{"a":' + b"[" * 60_000, "json.too-deep"),
    ],
)
def test_refused(raw: bytes, expected: str) -> None:
    """Each kind of ambiguity and excess has its reason."""
    with pytest.raises(Reject) as refused:
        load_object(raw, limit=LIMIT)
    assert refused.value.reason.id == expected


def test_depth_is_reached_and_not_passed() -> None:
    """The deepest permitted document is read; brackets inside strings do not count."""
    raw = b'{"a":' * MAXIMUM_DEPTH + b"1" + b"}" * MAXIMUM_DEPTH
    assert load_object(raw, limit=LIMIT) == json.loads(raw)
    assert load_object(b'{"a":"' + b"[" * 100 + b'"}', limit=LIMIT) == {"a": "[" * 100}


@pytest.mark.parametrize("raw", [b"{}", b"1", b'"[]"', b"null"])
def test_only_an_array_is_one(raw: bytes) -> None:
    """Where an array is expected, nothing else is taken."""
    with pytest.raises(Reject) as refused:
        load_array(raw, limit=LIMIT)
    assert refused.value.reason.id == "json.not-an-array"


@given(document=objects())
def test_an_array_is_read_under_the_rules_of_its_members(document: str) -> None:
    """What is refused as an object is refused in an array, and for the same reason."""
    outcomes: list[object] = []
    for read, raw in ((load_object, document), (load_array, f"[{document}]")):
        try:
            value = read(raw.encode(), limit=LIMIT)
        except Reject as refused:
            outcomes.append(refused.reason.id)
        else:
            outcomes.append(value[0] if isinstance(value, list) else value)
    assert outcomes[0] == outcomes[1]


def test_the_bound_on_depth_counts_the_array_itself() -> None:
    """Brackets within strings are none."""
    assert load_array(b'[{"a":"[[[["}]', limit=LIMIT, depth=2) == [{"a": "[[[["}]
    with pytest.raises(Reject, match=r"json\.too-deep"):
        load_array(b'[{"a":[]}]', limit=LIMIT, depth=2)
