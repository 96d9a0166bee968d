"""Descriptions of APIs: JSON or YAML, old or new, with references, become requests with real values."""

from __future__ import annotations

import json

import msgspec
import pytest

from trustweft.audit.openapi import templates_of
from trustweft.audit.openapi_document import read_document
from trustweft.audit.schema_values import example_of
from trustweft.audit.target import Api, TargetError

API = Api(url="https://api.example/v1", parameters={"account_id": "acc-1"})

MODERN = {
    "openapi": "3.1.0",
    "security": [{"oauth": ["read"]}],
    "paths": {
        "/accounts/{account_id}": {
            "parameters": [{"$ref": "#/components/parameters/account"}],
            "get": {"responses": {"200": {"$ref": "#/components/responses/account"}}},
            "put": {
                "requestBody": {"$ref": "#/components/requestBodies/account"},
                "responses": {},
                "security": [{"oauth": ["write"]}],
            },
        },
        "/health": {"get": {"security": [], "responses": {}}},
        "/others/{other~1id}": {"get": {"responses": {}}},
    },
    "components": {
        "parameters": {
            "account": {"name": "account_id", "in": "path", "required": True, "schema": {"type": "string"}}
        },
        "requestBodies": {
            "account": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/account"}}}}
        },
        "responses": {
            "account": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/account"}}}}
        },
        "schemas": {
            "account": {
                "allOf": [
                    {"$ref": "#/components/schemas/named"},
                    {
                        "type": "object",
                        "required": ["limit"],
                        "properties": {"limit": {"type": "integer", "minimum": 5}},
                    },
                ]
            },
            "named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
            "endless": {"type": "object", "properties": {"inner": {"$ref": "#/components/schemas/endless"}}},
        },
    },
}

OLD = """
swagger: '2.0'
basePath: /v1
securityDefinitions: {key: {type: apiKey, in: header, name: x}}
paths:
  /orders:
    post:
      security: [{key: []}]
      parameters:
        - {name: order, in: body, schema: {$ref: '#/definitions/order'}}
        - {name: dry, in: query, required: true, type: boolean, default: true}
      responses: {200: {description: ok, schema: {$ref: '#/definitions/order'}}}
  /upload:
    post:
      parameters: [{name: title, in: formData, type: string, required: true}]
      responses: {}
definitions:
  order: {type: object, required: [item], properties: {item: {type: string, example: lamp}, on: {type: string, example: 2026-01-15}}}
"""


def test_places_of_a_path_are_filled_from_the_target_file() -> None:
    templates = {
        each.name: each for each in templates_of(API, read_document(json.dumps(MODERN).encode(), "api.json"))
    }
    template = templates["GET /accounts/{account_id}"]
    assert template.given("account_id") == "acc-1"
    operation = template.fill({"account_id": "a/b"})
    assert operation is not None
    assert operation.url == "https://api.example/v1/accounts/a%2Fb"
    assert operation.places == (("account_id", "a/b"),)
    assert template.fill({}) is None


def test_references_lead_to_bodies_answers_and_scopes() -> None:
    templates = {
        each.name: each for each in templates_of(API, read_document(json.dumps(MODERN).encode(), "api.json"))
    }
    writing = templates["PUT /accounts/{account_id}"]
    assert writing.body == {"name": "check", "limit": 5}
    assert writing.scope == "write"
    reading = templates["GET /accounts/{account_id}"]
    assert set(reading.answer_schema["properties"]) == {"name", "limit"}
    assert reading.scope == "read"
    assert not reading.public
    assert templates["GET /health"].public


def test_a_schema_that_contains_itself_has_an_end() -> None:
    document = read_document(json.dumps(MODERN).encode(), "api.json")
    value = example_of(document, {"$ref": "#/components/schemas/endless"})
    assert isinstance(value, dict)


def test_yaml_and_the_old_version_say_the_same() -> None:
    templates = {each.name: each for each in templates_of(API, read_document(OLD.encode(), "api.yaml"))}
    order = templates["POST /orders"].fill({})
    assert order is not None
    assert order.url == "https://api.example/v1/orders?dry=true"
    assert msgspec.json.decode(order.body) == {"item": "lamp"}
    assert templates["POST /orders"].answer_schema["properties"]["on"]["example"] == "2026-01-15"
    upload = templates["POST /upload"].fill({})
    assert upload is not None
    assert upload.body == b"title=check"
    assert upload.public


@pytest.mark.parametrize("octets", [b"{}", b"[]", b"paths: [", b"\xff\xfe"])
def test_what_is_no_description_is_refused(octets: bytes) -> None:
    with pytest.raises(TargetError):
        read_document(octets, "api.json")


def test_a_server_of_another_place_lends_its_path_alone() -> None:
    document = read_document(
        json.dumps(
            {
                "openapi": "3.0.0",
                "servers": [{"url": "http://localhost:8080/api"}],
                "paths": {"/a": {"get": {}}},
            }
        ).encode(),
        "api.json",
    )
    (template,) = templates_of(Api(url="https://api.example"), document)
    operation = template.fill({})
    assert operation is not None
    assert operation.url == "https://api.example/api/a"
    assert not template.declared
    assert not template.public


@pytest.mark.parametrize("kind", ["*/*", "application/*", "application/*; charset=utf-8"])
def test_a_generator_that_names_any_type_means_json_too(kind: str) -> None:
    content = {kind: {"schema": {"properties": {"name": {"type": "string", "example": "lamp"}}}}}
    described = {"requestBody": {"content": content}, "responses": {"200": {"content": content}}}
    document = read_document(json.dumps({"paths": {"/a": {"post": described}}}).encode(), "api.json")
    (template,) = templates_of(API, document)
    assert set(template.answer_schema["properties"]) == {"name"}
    assert (template.body, template.content_type) == ({"name": "lamp"}, "application/json")


def test_json_and_forms_come_before_any_type() -> None:
    form = "application/x-www-form-urlencoded"
    content: dict[str, object] = {
        "*/*": {"schema": {"properties": {"other": {}}}},
        form: {"schema": {"properties": {"name": {}}}},
    }
    described = {"requestBody": {"content": content}, "responses": {}}
    document = read_document(json.dumps({"paths": {"/a": {"post": described}}}).encode(), "api.json")
    (template,) = templates_of(API, document)
    assert template.content_type == form
    assert set(template.body_schema["properties"]) == {"name"}


def test_an_answer_that_is_no_json_is_not_read_as_such() -> None:
    described: dict[str, object] = {
        "responses": {"200": {"content": {"text/html": {"schema": {"properties": {"a": {}}}}}}}
    }
    document = read_document(json.dumps({"paths": {"/a": {"get": described}}}).encode(), "api.json")
    (template,) = templates_of(API, document)
    assert template.answer_schema == {}
