"""Bodies that change nothing: an object as it was just read, in the members that a caller may set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from trustweft.audit.api import named_operation
from trustweft.audit.check import Inconclusive
from trustweft.audit.existing import (
    need_description,
    order_below,
    reading_of,
    settable,
    with_body,
    written_back,
)
from trustweft.audit.openapi import templates_of
from trustweft.audit.openapi_document import Document
from trustweft.audit.target import Api, OperationEntry

if TYPE_CHECKING:
    from trustweft.audit.api import Operation

READ = {"id": 7, "nickname": "home", "balance": 100, "premium": False}
SCHEMA = {
    "properties": {
        "nickname": {"type": "string"},
        "pin": {"type": "string"},
        "balance": {"type": "integer", "readOnly": True},
    }
}


def operations(schema: dict[str, Any], content_type: str = "application/json") -> dict[str, Any]:
    """Return the operations of one account, by method."""
    item = {
        "get": {"responses": {}},
        "patch": {"requestBody": {"content": {content_type: {"schema": schema}}}, "responses": {}},
        "put": {"requestBody": {"content": {content_type: {"schema": schema}}}, "responses": {}},
        "delete": {"responses": {}},
    }
    document = Document({"paths": {"/accounts/{id}": item}})
    filled = [each.fill({"id": "7"}) for each in templates_of(Api(url="https://bank.example"), document)]
    return {each.method: each for each in filled if each is not None}


def test_an_object_is_written_back_in_what_its_caller_may_set() -> None:
    assert written_back(operations(SCHEMA)["PATCH"], READ) == {"nickname": "home"}


def test_what_the_description_calls_read_only_is_not_the_callers_to_set() -> None:
    assert settable(operations(SCHEMA)["PATCH"].template) == {"nickname", "pin"}


@pytest.mark.parametrize(
    ("schema", "content_type", "read"),
    [
        ({**SCHEMA, "required": ["pin"]}, "application/json", READ),
        (SCHEMA, "application/json", [READ]),
        ({"properties": {"colour": {"type": "string"}}}, "application/json", READ),
        (SCHEMA, "application/x-www-form-urlencoded", READ),
    ],
    ids=["a member is never shown", "a list was read", "nothing in common", "a form"],
)
def test_what_cannot_be_written_as_it_was_is_not_written(
    schema: dict[str, Any], content_type: str, read: object
) -> None:
    assert written_back(operations(schema, content_type)["PATCH"], read) is None


@pytest.mark.parametrize(
    "shown",
    [
        "****3000",
        "DE89 **** 3000",
        "a***@shop.example",
        "••••",
        "XXXX-4711",
        "DE89...",
        ["DE89", "D*"],
        {"old": "x***"},
    ],
)
def test_what_is_shown_with_stars_is_not_written_over_what_is_there(shown: object) -> None:
    schema = {"properties": {"name": {"type": "string"}, "iban": {}}}
    assert written_back(operations(schema)["PATCH"], {"name": "home", "iban": shown}) is None
    assert written_back(operations(schema)["PATCH"], {"name": "home", "iban": "DE89-3000"}) is not None


def test_a_whole_object_is_written_only_where_all_that_its_caller_may_set_is_shown() -> None:
    shown = {**READ, "pin": "4711"}
    assert written_back(operations(SCHEMA)["PUT"], shown) == {"nickname": "home", "pin": "4711"}
    assert written_back(operations(SCHEMA)["PUT"], READ) is None


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_object_within_an_object_is_written_only_where_it_is_shown_whole(method: str) -> None:
    place = {"properties": {"street": {"type": "string"}, "door": {"type": "string"}}}
    schema = {"properties": {"places": {"type": "array", "items": place}}}
    whole = {"places": [{"street": "Harbour", "door": "7"}]}
    assert written_back(operations(schema)[method], whole) == whole
    assert written_back(operations(schema)[method], {"places": [{"street": "Harbour"}]}) is None


def test_nothing_is_written_back_by_what_only_deletes() -> None:
    assert written_back(operations(SCHEMA)["DELETE"], READ) is None


def test_what_reads_an_object_has_its_path_and_its_values() -> None:
    known = operations(SCHEMA)
    assert reading_of(known["PATCH"], known.values()) is known["GET"]
    assert reading_of(known["PATCH"], [known["DELETE"]]) is None


def test_a_body_goes_out_as_the_description_has_it() -> None:
    request = with_body(operations(SCHEMA, "application/merge-patch+json")["PATCH"], {"nickname": "home"})
    assert (request.body, request.header("content-type")) == (
        b'{"nickname":"home"}',
        "application/merge-patch+json",
    )


def named(method: str, **told: Any) -> Operation:
    """Return an operation that a target file spells out."""
    entry = OperationEntry(path="/accounts/7", method=method, **told)
    return named_operation(Api(url="https://bank.example"), entry)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_what_changes_objects_and_is_not_described_is_named_and_not_called_nothing(method: str) -> None:
    with pytest.raises(Inconclusive, match=f"{method} /accounts/7 was not tried"):
        need_description([named("GET"), named(method)])


def test_what_makes_objects_or_is_public_or_described_needs_no_further_description() -> None:
    need_description([named("POST"), named("PUT", public=True), *operations(SCHEMA).values()])


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        ("/accounts/{id}/payments", {"application/json": {"example": {"amount": 1}}}, {"amount": 1}),
        ("/accounts/{id}/payments", {}, None),
        ("/accounts/{id}/close", {"application/json": {"example": {"why": "moved"}}}, None),
        ("/accounts/{id}/cancelOrder", {"application/json": {"example": {"why": "moved"}}}, None),
        ("/accounts/{id}/order-cancellation", {"application/json": {"example": {"why": "moved"}}}, None),
        ("/accounts/{id}", {"application/json": {"example": {"why": "moved"}}}, None),
        ("/accounts/{id}/bank-transfers", {"application/json": {"example": {"amount": 1}}}, {"amount": 1}),
        ("/closures/{id}/comments", {"application/json": {"example": {"text": "why"}}}, {"text": "why"}),
        ("/payments", {"application/json": {"example": {"amount": 1}}}, None),
    ],
)
def test_only_what_is_ordered_below_an_object_is_sent_whole_and_nothing_that_may_end_it(
    path: str, content: dict[str, Any], expected: object
) -> None:
    document = Document({"paths": {path: {"post": {"requestBody": {"content": content}, "responses": {}}}}})
    (template,) = templates_of(Api(url="https://bank.example"), document)
    operation = template.fill({"id": "7"})
    assert operation is not None
    assert order_below(operation) == expected


@pytest.mark.parametrize(
    "below",
    [
        *("closure", "closures", "suspension", "void", "destroy", "stop", "freeze", "ban", "bans", "erasure"),
        *(
            "unsubscription",
            "leave",
            "uninstall",
            "rotate",
            "close/confirm",
            "close/confirmations",
            "transfer",
        ),
        *(
            "accountClosures",
            "drop",
            "retire",
            "shutdowns",
            "lock-orders",
            "erase_requests",
            "status",
            "access",
            "actions",
        ),
    ],
)
def test_what_may_end_an_object_is_no_order_whatever_it_is_called(below: str) -> None:
    content = {"application/json": {"example": {"why": "moved"}}}
    path = f"/accounts/{{id}}/{below}"
    document = Document({"paths": {path: {"post": {"requestBody": {"content": content}, "responses": {}}}}})
    (template,) = templates_of(Api(url="https://bank.example"), document)
    operation = template.fill({"id": "7"})
    assert operation is not None
    assert order_below(operation) is None
