"""Types of authorization details: what an operator may define, what a client may send, what a person reads."""

from __future__ import annotations

import datetime as dt
import http.server
import json
import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from support.details import ACCOUNTS, BANK, PAYMENT, RATES, RATES_TYPE, TYPES, changed, detail
from trustweft.cli.assembly.parts import read_detail_types
from trustweft.cli.toml_text import to_toml
from trustweft.protocol.rar import DetailMember, DetailType
from trustweft.runtime.errors import Reject
from trustweft.runtime.settings import SettingsError
from trustweft.server.details import DetailTypeError, DetailTypes

if TYPE_CHECKING:
    from pathlib import Path

CLOSED: dict[str, Any] = {"type": "object", "additionalProperties": False}


def define(schema: dict[str, Any], *members: DetailMember) -> DetailTypes:
    """Define a type by its schema; one member ``a`` unless others are given."""
    named = members or (DetailMember(name="a", label="A"),)
    definition = DetailType(
        type="t", title="T", explanation="", audiences=(BANK,), members=named, schema=schema
    )
    return DetailTypes((definition,))


def schema_of(part: object, **more: object) -> dict[str, Any]:
    """Return a closed schema whose member ``a`` is ``part``."""
    return {**CLOSED, "properties": {"type": {"const": "t"}, "a": part}, **more}


@pytest.mark.parametrize(
    "part",
    [
        {"type": "string"},
        {"type": "string", "enum": ["x"]},
        {"type": "number"},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "integer"}},
        {"$ref": "#/$defs/text"},
        {"type": "array", "items": {"$ref": "#/$defs/text"}},
    ],
    ids=str,
)
def test_a_schema_whose_members_can_all_be_shown_is_taken(part: dict[str, Any]) -> None:
    """Scalars and arrays of scalars, also by a reference within the schema."""
    assert set(define(schema_of(part, **{"$defs": {"text": {"type": "string"}}})).definitions) == {"t"}


HIDING = {
    "an open object": {**schema_of({"type": "string"}), "additionalProperties": True},
    "an object that is open where it says nothing": {
        "type": "object",
        "properties": {"type": {"const": "t"}, "a": {"type": "string"}},
    },
    "members by pattern": schema_of({"type": "string"}, patternProperties={"^x": {}}),
    "a member that is not named": schema_of({"type": "string"})
    | {"properties": {"type": {"const": "t"}, "a": {"type": "string"}, "b": {"type": "string"}}},
    "a nested member that is not named": schema_of({**CLOSED, "properties": {"b": {"type": "string"}}}),
    "a named member that is not in it": {**CLOSED, "properties": {"type": {"const": "t"}}},
    "an open nested object": schema_of({"type": "object", "properties": {"b": {"type": "string"}}}),
    "an object without properties": schema_of({"type": "object"}),
    "a member of any type": schema_of({}),
    "a member of several types": schema_of({"type": ["string", "object"]}),
    "null": schema_of({"type": "null"}),
    "an array of anything": schema_of({"type": "array"}),
    "an array of objects": schema_of({"type": "array", "items": {"type": "object"}}),
    "an array with a prefix": schema_of(
        {"type": "array", "items": {"type": "string"}, "prefixItems": [{"type": "object"}]}
    ),
    "a name that no request can have": {
        **CLOSED,
        "properties": {"type": {"const": "t"}, "__proto__": {"type": "string"}},
    },
    "no type": {**CLOSED, "properties": {"a": {"type": "string"}}},
    "another type": {**CLOSED, "properties": {"type": {"const": "x"}, "a": {"type": "string"}}},
    "a reference to the network": schema_of({"$ref": "https://evil.example/schema.json"}),
    "a reference to a file": schema_of({"$ref": "file:///etc/passwd"}),
    "a reference to nothing": schema_of({"$ref": "#/$defs/missing"}),
    "a reference to itself": schema_of({"$ref": "#/$defs/a"}, **{"$defs": {"a": {"$ref": "#/$defs/a"}}}),
    "a rule that leads to the network": schema_of(
        {"type": "string", "allOf": [{"$ref": "https://evil.example/schema.json"}]}
    ),
    "a keyword with a wrong value": schema_of({"type": "string", "minLength": "many"}),
    "a pattern that is none": schema_of({"type": "string", "pattern": "("}),
    "a pattern that can take for ever": schema_of({"type": "string", "pattern": r"^(?=a)(a+)+\1$"}),
    "a list": schema_of({"type": "string"}) | {"type": "array"},
    "too deep": schema_of(
        json.loads('{"type":"object","additionalProperties":false,"properties":{"a":' * 7 + "0" + "}}" * 7)
    ),
}


@pytest.mark.parametrize("schema", HIDING.values(), ids=HIDING)
def test_a_schema_that_allows_what_people_would_not_see_is_refused(schema: dict[str, Any]) -> None:
    """At the start, by the name of the type; and nothing is ever fetched."""
    with pytest.raises(DetailTypeError, match=r"^t: "):
        define(schema)


def test_nothing_is_ever_fetched() -> None:
    """A schema that leads to the network is refused without a look at what is there."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"type":"string"}')

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/schema.json"
            with pytest.raises(DetailTypeError):
                define(schema_of({"type": "string", "allOf": [{"$ref": url}]}))
        finally:
            server.shutdown()
            thread.join()
    assert asked == []


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("string", {"compare": "subset"}),
        ("array", {"compare": "at-most"}),
        ("boolean", {"compare": "at-most"}),
        ("number", {"compare": "earlier"}),
        ("array", {"kind": "amount"}),
        ("integer", {"kind": "date"}),
        ("boolean", {"kind": "account"}),
        ("string", {"absent": ""}),
    ],
    ids=str,
)
def test_a_member_is_compared_and_shown_as_what_it_is(kind: str, member: dict[str, Any]) -> None:
    """And what its absence leaves open has words, unless it is never absent."""
    part = {"type": kind, "items": {"type": "string"}} if kind == "array" else {"type": kind}
    made = msgspec.convert({"name": "a", "label": "A", **member}, DetailMember)
    with pytest.raises(DetailTypeError, match=r"^t: "):
        define(schema_of(part), made)


def test_a_type_is_defined_once() -> None:
    """Two definitions of one type would be two meanings."""
    with pytest.raises(DetailTypeError, match="defined twice"):
        DetailTypes((RATES_TYPE, RATES_TYPE))


GOOD = [
    detail(PAYMENT),
    detail(PAYMENT, debtorAccount={"iban": "DE02100100109307118603"}, locations=[BANK]),
    detail(ACCOUNTS, validUntil="2026-12-01", accounts=["DE02100100109307118603"]),
    detail(RATES),
    detail(RATES, calls=0.5),
]


@pytest.mark.parametrize("wanted", GOOD, ids=lambda one: one.text.decode())
def test_what_fits_its_type_is_taken(wanted: Any) -> None:
    """RFC 9396 section 5, the other way round."""
    TYPES.check([wanted])


@pytest.mark.parametrize(
    ("document", "changes"),
    [
        (PAYMENT, {"purpose": "gift"}),
        (PAYMENT, {"creditorAccount__bic": "X"}),
        (PAYMENT, {"creditorName": ...}),
        (PAYMENT, {"creditorName": ""}),
        (PAYMENT, {"creditorName": 5}),
        (PAYMENT, {"creditorName": "x" * 141}),
        (PAYMENT, {"creditorAccount": "DE02"}),
        (PAYMENT, {"instructedAmount": None}),
        (PAYMENT, {"instructedAmount__amount": 123.5}),
        (PAYMENT, {"instructedAmount__amount": "1e3"}),
        (PAYMENT, {"instructedAmount__amount": "-1.00"}),
        (PAYMENT, {"instructedAmount__amount": "\u0661.00"}),
        (PAYMENT, {"instructedAmount__currency": "XTS"}),
        (ACCOUNTS, {"actions": []}),
        (ACCOUNTS, {"actions": "list_accounts"}),
        (ACCOUNTS, {"actions": ["list_accounts", "list_accounts"]}),
        (ACCOUNTS, {"actions": ["delete_accounts"]}),
        (ACCOUNTS, {"validUntil": "2026-13-01"}),
        (RATES, {"calls": "100"}),
        (RATES, {"calls": True}),
        (RATES, {"calls": -1}),
    ],
    ids=str,
)
def test_what_does_not_fit_its_type_is_refused(document: dict[str, Any], changes: dict[str, Any]) -> None:
    """Unknown, missing, of another JSON type, or with another value; and the log hears of no value."""
    with pytest.raises(Reject) as refused:
        TYPES.check([detail(RATES), detail(document, **changes)])
    assert refused.value.reason.id == "authorization-details.schema"
    assert str(changes.get("creditorName") or "gift") not in refused.value.detail


@pytest.mark.parametrize(
    "kind", ["payments", "PAYMENT_INITIATION", "payment_initiation ", "p\u0430yment_initiation"]
)
def test_a_type_that_is_not_known_is_refused(kind: str) -> None:
    """Also where it looks like one that is."""
    with pytest.raises(Reject) as refused:
        TYPES.check([detail({**PAYMENT, "type": kind})])
    assert refused.value.reason.id == "authorization-details.unknown-type"


def test_a_payment_is_told_as_people_read_it() -> None:
    """The amount with its currency, the account in groups, and what is left open."""
    told = TYPES.told(detail(PAYMENT, instructedAmount__amount="1234567.50"))
    assert told.title == "Make one payment"
    assert {row.label: row.texts for row in told.rows} == {
        "At most": ("1,234,567.50 EUR",),
        "To": ("Bob Lindqvist",),
        "Their account": ("DE91 9990 0099 0004 7120 01",),
        "Reference": ("Lunch",),
        "From": ("Any of your accounts",),
    }
    assert [row.label for row in told.rows if row.is_open] == ["From"]
    assert [row.label for row in told.rows if row.is_amount] == ["At most"]


def test_known_values_have_words_and_days_are_days() -> None:
    """Each action in the bank's own words."""
    told = TYPES.told(detail(ACCOUNTS, validUntil="2026-12-24"))
    rows = {row.label: row for row in told.rows}
    assert rows["It sees"].texts == ("Which accounts you have", "Balances")
    assert rows["Last day"].day == dt.date(2026, 12, 24)
    assert rows["Of accounts"].texts == ("All of your accounts",)


@pytest.mark.parametrize("types", [TYPES, DetailTypes()], ids=["known", "out of service"])
@pytest.mark.parametrize(
    "wanted",
    [
        *GOOD,
        detail(PAYMENT, creditorAccount={}, instructedAmount="1", unknown={"a": [1, True]}),
        detail(PAYMENT, instructedAmount={"currency": "EUR"}),
        detail(PAYMENT, instructedAmount={"amount": "many", "currency": "EUR"}),
        detail(ACCOUNTS, validUntil="2026-99-99", actions=[]),
    ],
    ids=lambda one: one.text.decode(),
)
def test_no_member_is_ever_hidden(types: DetailTypes, wanted: Any) -> None:
    """Whatever a detail holds stands on the page, even where no definition fits it any more."""
    told = types.told(wanted)
    shown = " ".join(
        text.replace(" ", "") for row in told.rows for text in (row.label, *row.texts, str(row.day))
    )
    words = {
        word: name
        for member in TYPES.definitions["account_information"].members
        for name, word in member.values.items()
    }
    for word, name in words.items():
        shown = shown.replace(word.replace(" ", ""), name)
    for value in _scalars({**wanted.document(), "type": []}):
        assert str(value).replace(" ", "").replace("True", "true") in shown


def _scalars(value: object) -> list[object]:
    if isinstance(value, dict):
        return [each for item in value.values() for each in _scalars(item)]
    return [each for item in value for each in _scalars(item)] if isinstance(value, list) else [value]


def test_each_resource_server_learns_what_concerns_it() -> None:
    """By the audiences of the type, or what ``locations`` leaves of them."""
    elsewhere = detail(RATES, locations=["https://rates.example/eur"])
    held = [detail(PAYMENT), detail(RATES), elsewhere]
    assert TYPES.audiences([elsewhere]) == ("https://rates.example",)
    assert TYPES.audiences(held) == (BANK, "https://rates.example")
    assert TYPES.meant_for(held, [BANK]) == (detail(PAYMENT), detail(RATES))
    assert TYPES.meant_for(held, ["https://rates.example"]) == (detail(RATES), elsewhere)
    assert TYPES.meant_for(held, ["https://other.example"]) == ()
    assert DetailTypes().offered(held) == ()


# Files.


def test_a_type_is_read_from_json_or_toml(tmp_path: Path) -> None:
    """The file's name says which."""
    plain = changed(msgspec.to_builtins(RATES_TYPE), schema={})
    (tmp_path / "rates.json").write_bytes(msgspec.json.encode(RATES_TYPE))
    toml = f"{to_toml(msgspec.convert({**plain, 'members': []}, DetailType), heading='A type.')}"
    schema = (
        '[schema]\ntype = "object"\nadditionalProperties = false\n[schema.properties.type]\nconst = "other"\n'
    )
    (tmp_path / "other.toml").write_text(
        toml.replace("exchange_rates", "other").replace("[schema]\n", schema)
    )
    types = read_detail_types(tmp_path, ["rates.json", "other.toml"])
    assert list(types.definitions) == ["exchange_rates", "other"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "json.malformed"),
        (b'{"type":"a","type":"a"}', "json.duplicate-member"),
        (b"{}", "missing required field"),
        (msgspec.json.encode({**msgspec.to_builtins(RATES_TYPE), "audience": "x"}), "unknown field"),
        (msgspec.json.encode({**msgspec.to_builtins(RATES_TYPE), "schema": {}}), "must be an object"),
        (None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    """With what is wrong with it."""
    path = tmp_path / "type.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=words) as refused:
        read_detail_types(tmp_path, ["type.json"])
    assert str(path) in str(refused.value)


def test_two_files_with_one_type_are_refused(tmp_path: Path) -> None:
    """Whichever came last would win."""
    (tmp_path / "type.json").write_bytes(msgspec.json.encode(RATES_TYPE))
    with pytest.raises(SettingsError, match="defined twice"):
        read_detail_types(tmp_path, ["type.json", "type.json"])
