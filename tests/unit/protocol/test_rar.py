"""Authorization details as they are sent, read, and compared (RFC 9396)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from support.details import ACCOUNTS, BANK, PAYMENT, RATES, RATES_SERVER, TYPES, changed, detail, sent
from trustweft.protocol.rar import (
    MAXIMUM_OCTETS,
    DetailMember,
    DetailType,
    audiences_of,
    check_locations,
    holds_at,
    parse_authorization_details,
    read_authorization_details,
)
from trustweft.protocol.rar_order import check_narrower, flatten, is_narrower
from trustweft.runtime.errors import Reject
from trustweft.server.checks.details import WIDER

RFC_EXAMPLE = """[{"type": "account_information", "actions": ["list_accounts", "read_balances", "read_transactions"],
  "locations": ["https://example.com/accounts"]}, {"type": "payment_initiation",
  "actions": ["initiate", "status", "cancel"], "locations": ["https://example.com/payments"],
  "instructedAmount": {"currency": "EUR", "amount": "123.50"}, "creditorName": "Merchant A",
  "creditorAccount": {"iban": "DE02100100109307118603"}, "remittanceInformationUnstructured": "Ref Number Merchant"}]"""


def reason_of(text: str) -> tuple[str, str]:
    """Return why a parameter is refused: the reason, and the error code."""
    with pytest.raises(Reject) as refused:
        parse_authorization_details(text)
    return refused.value.reason.id.removeprefix("authorization-details."), refused.value.reason.error


def test_the_example_of_the_specification_is_read_as_it_is() -> None:
    """RFC 9396 section 3: two details, in order, with nothing lost."""
    details = parse_authorization_details(RFC_EXAMPLE)
    assert [each.type for each in details] == ["account_information", "payment_initiation"]
    assert [each.document() for each in details] == json.loads(RFC_EXAMPLE)


def test_equal_objects_are_equal_details_however_they_are_written() -> None:
    """White space, escapes and the order of the members say nothing."""
    first, second = '[{"type":"a","b":[1],"c":"d"}]', '[ {"c": "\\u0064", "b": [1], "type": "a"} ]'
    assert parse_authorization_details(first) == parse_authorization_details(second)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "malformed"),
        ("{}", "malformed"),
        ("null", "malformed"),
        ('{"type":"a"}', "malformed"),
        ('"[]"', "malformed"),
        ("[", "malformed"),
        ("[1]", "malformed"),
        ("[null]", "malformed"),
        ('[["type"]]', "malformed"),
        ("[{}]", "malformed"),
        ('[{"type":5}]', "malformed"),
        ('[{"type":null}]', "malformed"),
        ('[{"Type":"a"}]', "malformed"),
        ('[{"type":"a"}]x', "malformed"),
        ('[{"type":"a","type":"b"}]', "malformed"),
        ('[{"type":"a","\\u0074ype":"b"}]', "malformed"),
        ('[{"type":"a","b":{"c":1,"c":2}}]', "malformed"),
        ('[{"type":"a","b":NaN}]', "malformed"),
        ('[{"type":"a","b":Infinity}]', "malformed"),
        ('[{"type":"a","b":1e999}]', "malformed"),
        ('[{"type":"a","b":"\\ud800"}]', "malformed"),
        ('[{"type":"a","b":' + "[" * 5 + "]" * 5 + "}]", "malformed"),
        ("[" * 5_000, "malformed"),
        ('[{"type":"a","b":"' + "x" * 100_000 + '"}]', "malformed"),
        ('[{"type":"a"}' + " " * MAXIMUM_OCTETS + "]", "malformed"),
        ("[]", "count"),
        ("[" + ",".join(['{"type":"a"}'] * 11) + "]", "count"),
        ('[{"type":"a","b":1e19}]', "number"),
        ('[{"type":"a","b":-1e300}]', "number"),
        ('[{"type":"a","b":9007199254740992}]', "number"),
        ('[{"type":"a","b":[' + "9" * 400 + "]}]", "number"),
        ('[{"type":"a","__proto__":{}}]', "member-name"),
        ('[{"type":"a","b":{"__proto__":{}}}]', "member-name"),
        ('[{"type":"a","b.c":1}]', "member-name"),
        ('[{"type":"a","":1}]', "member-name"),
        ('[{"type":"a","\\u0430ctions":[]}]', "member-name"),
        ('[{"type":"a","' + "b" * 65 + '":1}]', "member-name"),
        ('[{"type":"a","b":"' + "x" * 513 + '"}]', "unprintable"),
        ('[{"type":"a","b":"x\\ny"}]', "unprintable"),
        ('[{"type":"a","b":"x\\u0000y"}]', "unprintable"),
        ('[{"type":"a","b":"\\u202egpj.exe"}]', "unprintable"),
        ('[{"type":"a","b":"x\\u2066y"}]', "unprintable"),
        ('[{"type":"a","b":"x\\u200by"}]', "unprintable"),
        ('[{"type":"a","b":"x\\u00a0y"}]', "unprintable"),
        ('[{"type":"a","b":"x\\u3164y"}]', "unprintable"),
        ('[{"type":"a","b":"x\\ufe0fy"}]', "unprintable"),
        ('[{"type":"a","b":[["x\\u00ady"]]}]', "unprintable"),
        ('[{"type":"\\u202ea"}]', "unprintable"),
        ('[{"type":"a","b":"Greenle\\u0430f Market"}]', "lookalike"),
        ('[{"type":"a","b":"\\u0410lice"}]', "lookalike"),
        ('[{"type":"a","b":"\\uff22ank"}]', "lookalike"),
        ('[{"type":"a","b":"\\u212aing"}]', "lookalike"),
        ('[{"type":"a","b":"e\\u0301"}]', "lookalike"),
    ],
    ids=lambda value: value[:60],
)
def test_what_two_readers_could_read_in_two_ways_is_refused(text: str, reason: str) -> None:
    """Bounded, unambiguous, and every text as a person sees it."""
    assert reason_of(text) == (reason, "invalid_authorization_details")


@pytest.mark.parametrize(
    "text", ["Café Åström", "Ελλάδα Bank", "Булочная №1", "京都 Bank", "Zoë 😀", "½ pint"]
)
def test_names_of_all_countries_are_read(text: str) -> None:
    """Only words that mix alphabets which look alike are refused."""
    (read,) = parse_authorization_details(sent({"type": "a", "b": text}))
    assert read.document()["b"] == text


def test_a_claim_is_read_under_the_same_rules() -> None:
    """What a token or a registration holds was parsed before."""
    with pytest.raises(Reject):
        read_authorization_details({"type": "a"})
    assert read_authorization_details([{"type": "a"}])[0].document() == {"type": "a"}


def test_a_detail_keeps_its_amounts_to_itself() -> None:
    """Representations end up in logs."""
    assert repr(detail(PAYMENT)) == "AuthorizationDetail('payment_initiation', ***)"


def test_a_document_can_be_changed_without_changing_the_detail() -> None:
    """Whoever writes into it writes into a copy."""
    kept = detail(PAYMENT)
    kept.document()["instructedAmount"]["amount"] = "999999.00"
    assert kept.document() == PAYMENT


def test_nested_members_are_flat_and_arrays_are_not() -> None:
    """The names that definitions use."""
    assert flatten(detail({"type": "a", "b": {"c": {"d": 1}, "e": {}}, "f": [{"g": 1}]})) == {
        "b.c.d": 1,
        "b.e": {},
        "f": [{"g": 1}],
    }


# (narrow, wide): changes of one good detail.
NARROWER: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (PAYMENT, {}, {}),
    (PAYMENT, {"instructedAmount__amount": "0.01"}, {}),
    (PAYMENT, {"instructedAmount__amount": "123.5"}, {}),
    (PAYMENT, {"debtorAccount": {"iban": "DE02100100109307118603"}}, {}),
    (PAYMENT, {}, {"creditorName": ...}),
    (PAYMENT, {"locations": [BANK]}, {}),
    (ACCOUNTS, {"actions": ["read_balances"]}, {}),
    (ACCOUNTS, {"actions": ["read_balances", "list_accounts"]}, {}),
    (ACCOUNTS, {"actions": []}, {}),
    (ACCOUNTS, {"validUntil": "2026-12-01"}, {"validUntil": "2026-12-02"}),
    (ACCOUNTS, {"validUntil": "2026-12-01"}, {}),
    (RATES, {"calls": 99}, {}),
    (RATES, {"calls": 99.5}, {}),
    (RATES, {}, {"calls": ...}),
    (RATES, {"calls": "many"}, {"calls": "many"}),
]
WIDER_ONES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (PAYMENT, {"instructedAmount__amount": "123.51"}, {}),
    (PAYMENT, {"instructedAmount__amount": "1000"}, {}),
    (PAYMENT, {"instructedAmount__currency": "USD"}, {}),
    (PAYMENT, {"instructedAmount__currency": ...}, {}),
    (PAYMENT, {"creditorName": "Bob Lindqvist "}, {}),
    (PAYMENT, {"creditorName": "bob lindqvist"}, {}),
    (PAYMENT, {"creditorAccount": ...}, {}),
    (PAYMENT, {"creditorAccount": {}}, {}),
    (PAYMENT, {"creditorAccount": "DE02"}, {}),
    (PAYMENT, {"creditorAccount__bic": "X"}, {}),
    (PAYMENT, {"unknown": 1}, {}),
    (PAYMENT, {}, {"unknown": 1}),
    (PAYMENT, {}, {"debtorAccount": {"iban": "DE02100100109307118603"}}),
    (PAYMENT, {}, {"locations": [BANK]}),
    (PAYMENT, {"type": "account_information"}, {}),
    (PAYMENT, {"instructedAmount__amount": 1}, {}),
    (PAYMENT, {"instructedAmount__amount": "1e1"}, {}),
    (PAYMENT, {"instructedAmount__amount": "-5"}, {}),
    (PAYMENT, {"instructedAmount__amount": " 1"}, {}),
    (PAYMENT, {"instructedAmount__amount": "\u0661"}, {}),
    (PAYMENT, {"instructedAmount__amount": "NaN"}, {}),
    (PAYMENT, {"instructedAmount__amount": ["1"]}, {}),
    (PAYMENT, {"instructedAmount": None}, {}),
    (ACCOUNTS, {"actions": ["read_transactions"]}, {}),
    (ACCOUNTS, {"actions": "list_accounts"}, {}),
    (ACCOUNTS, {"actions": ...}, {}),
    (ACCOUNTS, {"accounts": [True]}, {"accounts": [1]}),
    (ACCOUNTS, {"validUntil": "2026-12-03"}, {"validUntil": "2026-12-02"}),
    (ACCOUNTS, {"validUntil": "2026-12-01T00:00:00Z"}, {"validUntil": "2026-12-02"}),
    (ACCOUNTS, {"validUntil": "yesterday"}, {"validUntil": "2026-12-02"}),
    (ACCOUNTS, {"validUntil": "0000"}, {"validUntil": "2026-12-02"}),
    (ACCOUNTS, {"validUntil": 5}, {"validUntil": "2026-12-02"}),
    (RATES, {"calls": 101}, {}),
    (RATES, {"calls": True}, {}),
    (RATES, {"calls": "5"}, {}),
    (RATES, {"calls": ...}, {}),
]


@pytest.mark.parametrize(("document", "narrow", "wide"), NARROWER, ids=str)
def test_this_is_narrower(document: dict[str, Any], narrow: dict[str, Any], wide: dict[str, Any]) -> None:
    """It allows nothing that the other one does not."""
    definition = TYPES.definitions[document["type"]]
    assert is_narrower(detail(document, **narrow), detail(document, **wide), definition)


@pytest.mark.parametrize(("document", "narrow", "wide"), WIDER_ONES, ids=str)
def test_this_is_not_narrower(document: dict[str, Any], narrow: dict[str, Any], wide: dict[str, Any]) -> None:
    """It allows something more, or cannot be compared."""
    definition = TYPES.definitions[document["type"]]
    assert not is_narrower(detail(document, **narrow), detail(document, **wide), definition)


def test_a_detail_is_compared_by_the_definition_of_its_own_type() -> None:
    """Another definition says nothing about it."""
    assert not is_narrower(detail(PAYMENT), detail(PAYMENT), TYPES.definitions["exchange_rates"])


def test_each_of_several_needs_one_that_is_as_wide() -> None:
    """And no two together make up a wider one."""
    types = TYPES.definitions
    balances, listing = (
        detail(ACCOUNTS, actions=["read_balances"]),
        detail(ACCOUNTS, actions=["list_accounts"]),
    )
    check_narrower([balances, balances], [listing, balances], types, refused=WIDER)
    for wanted in ([detail(ACCOUNTS)], [balances, detail(PAYMENT)], [detail({"type": "unknown"})]):
        with pytest.raises(Reject) as refused:
            check_narrower(wanted, [listing, balances], types, refused=WIDER)
        assert refused.value.reason is WIDER
    check_narrower([], [], types, refused=WIDER)


@pytest.mark.parametrize(
    ("locations", "audiences"),
    [
        (..., (BANK, RATES_SERVER)),
        ([RATES_SERVER], (RATES_SERVER,)),
        ([f"{BANK}/rates"], (BANK,)),
        ([RATES_SERVER, BANK], (BANK, RATES_SERVER)),
    ],
)
def test_locations_choose_among_the_audiences(locations: Any, audiences: tuple[str, ...]) -> None:
    """Section 2.2: a detail is for a particular resource server."""
    wanted, definition = detail(RATES, locations=locations), TYPES.definitions["exchange_rates"]
    check_locations(wanted, definition)
    assert audiences_of(wanted, definition) == audiences


@pytest.mark.parametrize(
    "locations",
    [
        [],
        [""],
        ["https://other.example"],
        [BANK, "https://other.example"],
        [f"{BANK}.evil.example"],
        [f"{BANK}@evil.example"],
        [f"{BANK}1"],
        [BANK.upper()],
        [5],
        BANK,
        None,
    ],
    ids=str,
)
def test_locations_of_another_audience_are_refused(locations: Any) -> None:
    """No tokens for whoever is not among the type's resource servers."""
    with pytest.raises(Reject) as refused:
        check_locations(detail(RATES, locations=locations), TYPES.definitions["exchange_rates"])
    assert refused.value.reason.id == "authorization-details.location"


@pytest.mark.parametrize(
    ("locations", "path", "holds"),
    [
        (..., "/rates", True),
        ([BANK], "/rates", True),
        ([f"{BANK}/rates"], "/rates", True),
        ([f"{BANK}/rates/"], "/rates/1", True),
        ([f"{BANK}/rates"], "/rates/1", True),
        ([f"{BANK}/rates"], "/rates1", False),
        ([f"{BANK}/rates/1"], "/rates", False),
        ([f"{BANK}/payments"], "/rates", False),
        ([RATES_SERVER], "/rates", False),
        ([], "/rates", False),
    ],
    ids=str,
)
def test_a_detail_holds_where_its_locations_say(locations: Any, path: str, *, holds: bool) -> None:
    """A token for two resource servers allows at each what was meant for it."""
    wanted = detail(RATES, locations=locations)
    assert holds_at(wanted, audience=BANK, urls=[BANK + path]) is holds


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "has space"},
        {"type": "p\u0430yment"},
        {"type": ""},
        {"audiences": []},
        {"members": [{"name": "a", "label": "A"}, {"name": "a", "label": "A"}]},
        {"members": [{"name": "a"}]},
        {"members": [{"name": "a", "label": "A", "unit": "b"}]},
        {"members": [{"name": "a", "label": "A", "compare": "wider"}]},
        {"members": [{"name": "a", "label": "A", "hidden": True}]},
        {"audience": "x"},
    ],
    ids=str,
)
def test_a_definition_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    """At the start, where an operator sees it."""
    good: dict[str, Any] = {
        "type": "a",
        "title": "A",
        "explanation": "",
        "audiences": [BANK],
        "members": [{"name": "a", "label": "A"}],
    }
    assert msgspec.convert(good, DetailType).member("b") == DetailMember(name="b")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(changed(good, **changes), DetailType)
