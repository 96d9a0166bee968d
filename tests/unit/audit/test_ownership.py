"""Whose an object is, and whether two answers are the same: what a verdict about foreign objects stands on."""

from __future__ import annotations

import json

from trustweft.audit.answers import served, values_of
from trustweft.audit.exchange import Exchange, Request
from trustweft.audit.harvest import identifier_of, leaves, records_of
from trustweft.audit.ownership import identity_in, is_personal, personal_in


def answer(document: object, *, status: int = 200) -> Exchange:
    return Exchange(
        request=Request(method="GET", url="https://api.example/"),
        status=status,
        headers=(("content-type", "application/json"),),
        body=json.dumps(document).encode(),
        seconds=0.0,
    )


def test_an_error_with_status_200_is_no_success() -> None:
    control = answer({"id": "acc-17", "owner": "alice", "balance": "1842.50"})
    assert served(control, control)
    assert not served(answer({"status": "error", "message": "not yours"}), control)
    assert not served(answer({"id": "acc-17", "owner": "alice", "balance": "1842.50"}, status=403), control)


def test_short_and_common_values_are_no_canaries() -> None:
    assert values_of(answer({"id": "acc-17", "n": 3, "yes": True, "code": "EU"})) == {"acc-17"}


def test_the_identifier_of_a_record_has_the_name_of_its_place() -> None:
    listed = {"data": [{"id": 7, "title": "x"}], "page": 1}
    assert identifier_of(listed, "order_id", "/orders/{order_id}") == "7"
    assert identifier_of([{"book_title": "Emma", "id": 1}], "book_title", "/books/{book_title}") == "Emma"
    assert identifier_of({"order": {"id": "o-1"}}, "orderId", "/orders/{orderId}") == "o-1"
    assert identifier_of(["a", "b"], "name", "/things/{name}") == "a"
    assert identifier_of({"nothing": None}, "order_id", "/orders/{order_id}") is None


def test_lists_come_before_what_holds_them() -> None:
    records = list(records_of({"name": "page", "items": [{"id": 1}, {"id": 2}]}))
    assert [each.get("id") for each in records][:2] == [1, 2]


def test_leaves_have_the_names_that_hold_them() -> None:
    assert list(leaves({"a": [{"b": 1}, 2], "c": None})) == [("b", "1"), ("a", "2")]


def test_personal_members_are_known_by_parts_of_their_names() -> None:
    assert personal_in(answer({"homeAddress": "x", "title": "y", "e-mail": "z", "emailed": ""})) == (
        "e-mail",
        "homeAddress",
    )
    assert is_personal("cardNumber")
    assert not is_personal("description")


def test_a_user_is_named_by_a_whole_value() -> None:
    assert identity_in(answer({"owner": "Alice"}), ("alice",))
    assert not identity_in(answer({"owner": "malice"}), ("alice",))
