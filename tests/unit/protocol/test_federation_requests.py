"""Requests to federation endpoints: what is asked, and what is refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from trustweft.protocol import federation_requests as requests
from trustweft.runtime.errors import Reject

ISSUER = "https://directory.example"
BANK = "https://bank.example"
MARK = "https://directory.example/marks/audited"


def refusal(call: Any, *arguments: Any, **named: Any) -> Reject:
    """Return the refusal."""
    with pytest.raises(Reject) as refused:
        call(*arguments, **named)
    return refused.value


def query(*pairs: tuple[str, str]) -> bytes:
    """Return a query."""
    return urlencode(pairs).encode()


def test_where_things_are() -> None:
    """An entity's configuration is below its identifier, and a statement about somebody at the fetch endpoint."""
    assert requests.entity_configuration_url(f"{BANK}/") == f"{BANK}/.well-known/openid-federation"
    assert requests.entity_configuration_url(f"{BANK}/a") == f"{BANK}/a/.well-known/openid-federation"
    url = requests.create_fetch_url(f"{ISSUER}/fetch", subject=BANK)
    assert requests.read_fetch_request(url.partition("?")[2].encode(), issuer=ISSUER) == BANK
    assert requests.create_fetch_url(f"{ISSUER}/f?x=1", subject=BANK).startswith(f"{ISSUER}/f?x=1&sub=")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"", "federation.parameter"),
        (b"sub=bank", "federation.parameter"),
        (query(("sub", "http://bank.example")), "federation.parameter"),
        (query(("sub", BANK), ("sub", ISSUER)), "form.repeated-parameter"),
        (query(("sub", ISSUER)), "federation.own-statement"),
        (b"sub=%", "form.malformed-encoding"),
    ],
)
def test_a_fetch_request_names_a_subordinate(sent: bytes, expected: str) -> None:
    """A statement is asked for about one entity, and never about the issuer itself."""
    assert refusal(requests.read_fetch_request, sent, issuer=ISSUER).reason.id == expected


def test_a_list_request() -> None:
    """Filters are read strictly; parameters that nobody knows are ignored."""
    read = requests.read_list_request(
        query(
            ("entity_type", "openid_provider"),
            ("entity_type", "oauth_client"),
            ("trust_marked", "true"),
            ("trust_mark_type", MARK),
            ("intermediate", "false"),
            ("unheard_of", "1"),
        )
    )
    assert read == requests.ListRequest(
        entity_types=("openid_provider", "oauth_client"),
        trust_marked=True,
        trust_mark_type=MARK,
        intermediate=False,
    )
    assert requests.read_list_request(b"") == requests.ListRequest()
    for wrong in (
        b"trust_marked=1",
        b"intermediate=yes",
        b"&".join([b"entity_type=%d" % i for i in range(21)]),
    ):
        assert refusal(requests.read_list_request, wrong).reason.id == "federation.parameter"


def test_a_resolve_request() -> None:
    """Whom to resolve, up to whom; both may not be missing, and only what may be repeated is."""
    sent = query(("sub", BANK), ("trust_anchor", ISSUER), ("trust_anchor", "https://b.example"))
    read = requests.read_resolve_request(sent)
    assert (read.subject, read.trust_anchors, read.entity_types) == (BANK, (ISSUER, "https://b.example"), ())
    for wrong in (
        query(("sub", BANK)),
        query(("trust_anchor", ISSUER)),
        query(("sub", BANK), ("trust_anchor", "x")),
    ):
        assert refusal(requests.read_resolve_request, wrong).reason.id == "federation.parameter"


def test_requests_about_trust_marks() -> None:
    """A mark is asked about by its text, and asked for by its type and whom it is about."""
    body = urlencode({"trust_mark": "a.b.c"}).encode()
    kind = "application/x-www-form-urlencoded"
    assert requests.read_trust_mark_status_request(body, content_type=kind) == "a.b.c"
    assert (
        refusal(requests.read_trust_mark_status_request, b"", content_type=kind).reason.id
        == "federation.parameter"
    )
    refused = refusal(requests.read_trust_mark_status_request, body, content_type="application/json")
    assert refused.reason.id == "form.content-type"
    listed = requests.read_marked_list_request(query(("trust_mark_type", MARK)))
    assert (listed.trust_mark_type, listed.subject) == (MARK, None)
    assert requests.read_marked_list_request(query(("trust_mark_type", MARK), ("sub", BANK))).subject == BANK
    assert refusal(requests.read_marked_list_request, b"").reason.id == "federation.parameter"
    asked = requests.read_trust_mark_request(query(("trust_mark_type", MARK), ("sub", BANK)))
    assert (asked.trust_mark_type, asked.subject) == (MARK, BANK)
    assert refusal(requests.read_trust_mark_request, query(("sub", BANK))).reason.id == "federation.parameter"


def test_answers() -> None:
    """A signed message has its typ as media type; an error is JSON with the code of the specification."""
    answer = requests.signed_response("a.b.c", kind="entity-statement+jwt")
    assert (dict(answer.headers)["content-type"], answer.body) == (
        "application/entity-statement+jwt",
        b"a.b.c",
    )
    for why, error, status in (
        (requests.UNKNOWN_SUBJECT, "not_found", 404),
        (requests.UNKNOWN_TRUST_ANCHOR, "invalid_trust_anchor", 404),
        (requests.UNKNOWN_TRUST_MARK, "not_found", 404),
        (requests.UNSUPPORTED_PARAMETER, "unsupported_parameter", 400),
        (requests.OWN_STATEMENT, "invalid_request", 400),
    ):
        refused = requests.federation_refusal(why.reject("private"))
        body = json.loads(refused.body)
        assert (refused.status, body["error"], set(body)) == (status, error, {"error", "error_description"})
        assert "private" not in body["error_description"]
        assert dict(refused.headers)["content-type"] == "application/json"
