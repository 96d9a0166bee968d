"""The order among authorization details is an order, and what is read is what people see."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from trustweft.protocol.rar import (
    AuthorizationDetail,
    DetailMember,
    DetailType,
    create_authorization_detail,
    parse_authorization_details,
)
from trustweft.protocol.rar_order import is_narrower
from trustweft.runtime.errors import Reject
from trustweft.web.wording import printable

# Few values, so that two details often have to do with each other; some of each kind do not belong there.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "e": st.sampled_from(["x", "y", 1, True, None]),
    "s": st.lists(st.sampled_from(["a", "b", 1, True, 1.0]), max_size=3) | st.just("a"),
    "n": st.sampled_from([0, 1, 2, 1.5, 2.0, True, "1", "1.0", "2.50", "x"]),
    "d": st.sampled_from(["2026-01-01", "2026-01-02", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "x"]),
    "u": st.sampled_from([0, "unknown"]),
}
RULES = {"e": "equal", "s": "subset", "n": "at-most", "d": "earlier"}


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    """Build an object with some of the members, one of them nested."""
    names = draw(st.sets(st.sampled_from(sorted(VALUES))))
    made: dict[str, Any] = {"type": "t", **{name: draw(VALUES[name]) for name in names}}
    if draw(st.booleans()):
        made["o"] = {"n": draw(VALUES["n"])} if draw(st.booleans()) else draw(st.sampled_from([{}, 1]))
    return made


DETAILS = objects().map(create_authorization_detail)


@st.composite
def definitions(draw: st.DrawFn) -> DetailType:
    """Build a type that compares each member by its rule, and may allow it to be absent."""
    return DetailType(
        type="t",
        title="T",
        explanation="",
        audiences=("https://bank.example",),
        members=tuple(
            msgspec.convert(
                {
                    "name": name,
                    "label": name,
                    "compare": rule,
                    "absent": draw(st.sampled_from([None, "any"])),
                },
                DetailMember,
            )
            for name, rule in {**RULES, "o.n": "at-most"}.items()
        ),
    )


def normal(detail: AuthorizationDetail) -> object:
    """Return the detail with arrays as sets and numbers by value: what two ways of writing share."""

    def part(value: object, rule: str | None) -> object:
        if isinstance(value, dict):
            return {name: part(each, RULES.get(name)) for name, each in value.items()} or "{}"
        if rule == "subset" and isinstance(value, list):
            return {json.dumps(each) for each in value}
        if rule == "at-most" and isinstance(value, str):
            return (float(value), str) if value != "x" else value
        if rule == "at-most" and not isinstance(value, bool):
            return value
        return json.dumps(value)

    return part(detail.document(), None)


@given(detail=DETAILS, definition=definitions())
def test_every_detail_is_narrower_than_itself(detail: AuthorizationDetail, definition: DetailType) -> None:
    """Reflexive, whatever stands in it."""
    assert is_narrower(detail, detail, definition)


# Every value of one member, and its absence: what holds for each member holds for all of them together.
SINGLE: dict[str, list[Any]] = {
    "e": ["x", 1, True, None, []],
    "s": [[], ["a"], ["a", "b"], ["b", "a", "a"], [1], [True], [1.0], "a"],
    "n": [0, 1, 1.5, 2.0, True, "1", "1.0", "2.50", "x", "-1"],
    "d": ["2026-01-01", "2026-01-02", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "x"],
    "u": [0, 1],
}


def singles(member: str) -> list[AuthorizationDetail]:
    """Return a detail without the member, and one with each of its values."""
    objects = [{"type": "t"}, *({"type": "t", member: value} for value in SINGLE[member])]
    return list(map(create_authorization_detail, objects))


def ruled(absent: str | None) -> DetailType:
    """Return the type that compares each member by its rule."""
    members = [
        msgspec.convert({"name": name, "label": name, "compare": rule, "absent": absent}, DetailMember)
        for name, rule in RULES.items()
    ]
    return DetailType(type="t", title="T", explanation="", audiences=("https://a",), members=tuple(members))


@pytest.mark.parametrize("absent", [None, "any"])
@pytest.mark.parametrize("member", SINGLE)
def test_narrower_than_what_is_narrower_is_narrower(member: str, absent: str | None) -> None:
    """Transitive, tried with every three values: no chain of narrowings ends wider than it began."""
    definition, details = ruled(absent), singles(member)
    related = {
        (one, two) for one, two in itertools.product(details, repeat=2) if is_narrower(one, two, definition)
    }
    missing = [
        (one, three)
        for (one, two), (other, three) in itertools.product(related, repeat=2)
        if two == other and (one, three) not in related
    ]
    assert missing == []
    assert len(related) > len(details) or member == "u" or (member, absent) == ("e", None)


@pytest.mark.parametrize("absent", [None, "any"])
@pytest.mark.parametrize("member", SINGLE)
def test_two_that_are_narrower_than_each_other_say_the_same(member: str, absent: str | None) -> None:
    """Antisymmetric, up to the ways of writing an array and a number."""
    definition = ruled(absent)
    for one, two in itertools.product(singles(member), repeat=2):
        if is_narrower(one, two, definition) and is_narrower(two, one, definition):
            assert normal(one) == normal(two)


@given(data=st.data(), definition=definitions())
def test_a_chain_of_narrowings_never_widens(data: st.DataObject, definition: DetailType) -> None:
    """The same, with steps that narrow on purpose."""
    chain = [data.draw(DETAILS)]
    for _ in range(3):
        document = chain[-1].document()
        name = data.draw(st.sampled_from(sorted(VALUES)))
        document[name] = data.draw(VALUES[name])
        narrowed = create_authorization_detail(document)
        if is_narrower(narrowed, chain[-1], definition):
            chain.append(narrowed)
    event(f"steps: {len(chain) - 1}")
    assert all(
        is_narrower(chain[later], chain[earlier], definition)
        for later in range(len(chain))
        for earlier in range(later + 1)
    )


@given(detail=DETAILS, definition=definitions(), data=st.data())
def test_leaving_a_member_out_never_narrows(
    detail: AuthorizationDetail, definition: DetailType, data: st.DataObject
) -> None:
    """Whatever was restricted stays restricted."""
    document = detail.document()
    names = sorted(set(document) - {"type"})
    assume(names)
    del document[data.draw(st.sampled_from(names))]
    assert not is_narrower(create_authorization_detail(document), detail, definition)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON | st.lists(st.fixed_dictionaries({"type": st.text(max_size=4), "b": JSON}), max_size=3))
def test_whatever_is_sent_is_read_or_refused(value: object) -> None:
    """Never a failure; and what was read says the same as what was sent."""
    try:
        details = parse_authorization_details(json.dumps(value))
    except Reject:
        return
    assert [detail.document() for detail in details] == value


@given(text=st.text(min_size=1, max_size=6))
def test_what_is_read_is_what_people_see(text: str) -> None:
    """The page takes invisible characters out, so none may be in what is granted."""
    try:
        (detail,) = parse_authorization_details(json.dumps([{"type": "t", "b": text}]))
    except Reject:
        return
    assert printable(detail.document()["b"]) == text
