"""The bank's OpenAPI document: it is one, and it says what the bank does."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from banking import ALICES, BOBS, World, amount, order_of
from trustweft.demo.bank import OPERATIONS

pytestmark = pytest.mark.anyio

KINDS: Final = {"object": dict, "array": list, "string": str, "integer": int}
KEYWORDS: Final = {
    *("type", "required", "properties", "additionalProperties", "items", "enum", "const", "pattern"),
    *("description", "format", "minLength", "maxLength", "minimum", "maximum", "default"),
}


def dereference(document: dict[str, Any], node: Any) -> Any:
    """Follow a reference within the document."""
    while isinstance(node, dict) and "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def problems(document: dict[str, Any], schema: Any, value: Any, at: str = "") -> list[str]:
    """Say where ``value`` is not what ``schema`` asks for: the part of JSON Schema that the document uses."""
    schema = dereference(document, schema)
    found = [f"{at}: {keyword} is not checked" for keyword in set(schema) - KEYWORDS]
    if not isinstance(value, KINDS[schema["type"]]):
        return [*found, f"{at}: no {schema['type']}"]
    found += [f"{at}: {keyword}" for keyword in _broken(schema, value)]
    if isinstance(value, list):
        for number, item in enumerate(value):
            found += problems(document, schema["items"], item, f"{at}/{number}")
    if isinstance(value, dict):
        found += [f"{at}: lacks {name}" for name in schema["required"] if name not in value]
        unknown = set(value) - set(schema["properties"])
        if schema.get("additionalProperties") is False:
            found += [f"{at}: unknown {name}" for name in unknown]
        for name in set(value) - unknown:
            found += problems(document, schema["properties"][name], value[name], f"{at}/{name}")
    return found


def _broken(schema: dict[str, Any], value: Any) -> list[str]:
    length = len(value) if isinstance(value, str) else 0
    holds = {
        "enum": value in schema.get("enum", [value]),
        "const": value == schema.get("const", value),
        "pattern": "pattern" not in schema or re.search(schema["pattern"], value) is not None,
        "minLength": schema.get("minLength", 0) <= length,
        "maxLength": length <= schema.get("maxLength", length),
    }
    return [keyword for keyword, fine in holds.items() if not fine]


def walk(node: Any) -> list[dict[str, Any]]:
    """Return every object of a document."""
    if isinstance(node, dict):
        return [node, *(found for value in node.values() for found in walk(value))]
    return [found for value in node for found in walk(value)] if isinstance(node, list) else []


async def described() -> dict[str, Any]:
    """Return the document as the bank serves it."""
    answer = await World().send("GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    document: dict[str, Any] = answer.json()
    return document


async def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    """No dangling reference, no dead component."""
    document = await described()
    references = {node["$ref"] for node in walk(document) if "$ref" in node}
    for reference in references:
        dereference(document, {"$ref": reference})
    kinds = ("schemas", "parameters", "headers", "responses")
    components = {f"#/components/{kind}/{name}" for kind in kinds for name in document["components"][kind]}
    assert references == components


async def test_every_example_fits_its_schema() -> None:
    """What people copy works."""
    document = await described()
    contents = [node for node in walk(document) if "example" in node and "schema" in node]
    assert len(contents) > 10
    assert [problems(document, node["schema"], node["example"]) for node in contents] == [[]] * len(contents)


async def test_the_document_has_what_openapi_requires() -> None:
    """Version, titles, unique operation ids, path parameters that are declared, responses with descriptions."""
    document = await described()
    assert document["openapi"] == "3.1.0"
    assert {"title", "version"} <= set(document["info"])
    operations = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert set(operations) == {(operation.method, operation.path) for operation in OPERATIONS}
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    for (_, path), operation in operations.items():
        parameters = [dereference(document, parameter) for parameter in operation["parameters"]]
        declared = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
        assert declared == set(re.findall(r"\{([a-z_]+)\}", path))
        assert all(parameter["required"] for parameter in parameters if parameter["in"] == "path")
        for response in operation["responses"].values():
            assert dereference(document, response)["description"]


async def test_security_is_described_as_it_is_enforced() -> None:
    """Each operation names both schemes, the token's with its scope; public ones say that they are."""
    document = await described()
    schemes = document["components"]["securitySchemes"]
    assert (schemes["token"]["type"], schemes["token"]["scheme"]) == ("http", "DPoP")
    assert (schemes["proof"]["type"], schemes["proof"]["in"], schemes["proof"]["name"]) == (
        "apiKey",
        "header",
        "DPoP",
    )
    assert "certificate" in schemes["token"]["description"]
    for operation in OPERATIONS:
        expected = [] if operation.scope is None else [{"token": list(operation.scope), "proof": []}]
        assert document["paths"][operation.path][operation.method.lower()]["security"] == expected


async def test_answers_are_what_the_document_says() -> None:
    """Every operation, and every refusal of one, against its own description."""
    world = World()
    document = await described()
    made = await world.pay()
    answers = {
        ("get", "/"): await world.send("GET", "/"),
        ("get", "/openapi.json"): await world.send("GET", "/openapi.json"),
        ("get", "/accounts"): await world.call("GET", "/accounts"),
        ("get", "/accounts/{account_id}/balances"): await world.call(
            "GET", f"/accounts/{ALICES[0]}/balances"
        ),
        ("get", "/accounts/{account_id}/transactions"): await world.call(
            "GET", f"/accounts/{BOBS[1]}/transactions", subject="sub.bob"
        ),
        ("post", "/payments"): made,
        ("get", "/payments/{payment_id}"): await world.call("GET", made.headers["location"]),
    }
    assert len(answers) == len(OPERATIONS)
    refusals = [
        (("get", "/accounts"), await world.send("GET", "/accounts")),
        (("get", "/accounts"), await world.call("GET", "/accounts", scope=())),
        (("post", "/payments"), await world.pay({}, key="2")),
        (("post", "/payments"), await world.pay(order_of(amount=amount("0.00")), key="2")),
        (("post", "/payments"), await world.call("POST", "/payments", extra=[("idempotency-key", "2")])),
        (("get", "/payments/{payment_id}"), await world.call("GET", "/payments/none")),
    ]
    for (method, path), answer in (*answers.items(), *refusals):
        described_response = document["paths"][path][method]["responses"][str(answer.status_code)]
        content = dereference(document, described_response)["content"]["application/json"]
        assert problems(document, content["schema"], answer.json(), f"{method} {path}") == []
