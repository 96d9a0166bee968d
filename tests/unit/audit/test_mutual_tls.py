"""A check of the certificates in headers tries the operations that ask for one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from trustweft.audit.api import Operation
from trustweft.audit.check import NotApplicable
from trustweft.audit.checks import mutual_tls
from trustweft.audit.checks.mutual_tls import headers_show_no_certificate
from trustweft.audit.target import Api
from trustweft.audit.trial import Trial
from trustweft.audit.verdict import Verdict
from unit.audit.samples import exchange

if TYPE_CHECKING:
    from trustweft.audit.deployment import Deployment
    from trustweft.audit.exchange import Exchange, Request

OPEN, GATEWAY = "https://open.example", "https://gateway.example"


def answer(request: Request) -> Exchange:
    """One API asks for no certificate, and the other believes a header; neither answers without a token."""
    shown = request.certificate or request.header("client-cert") or request.url.startswith(OPEN)
    return exchange(request, status=200 if shown and request.header("authorization") else 401)


def trial(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> Trial:
    """Return a trial of one operation of each host, with a token that is bound to a certificate."""
    operations = [
        Operation(api=Api(url=host), name=f"GET {host}", method="GET", url=f"{host}/", described={})
        for host in hosts
    ]
    deployment: dict[str, Any] = {
        "operations": operations,
        "answers_anybody": {},
        "discovery": SimpleNamespace(text=lambda _: ""),
        "wire": SimpleNamespace(send=answer),
        "calling": lambda operation, _: mutual_tls._bearing(operation, access, certificate="client"),
        "send_call": lambda request, _: answer(request),
    }
    access: Any = SimpleNamespace(token="token")
    monkeypatch.setattr(mutual_tls, "_bound_party", lambda _: (None, access))
    monkeypatch.setattr(
        mutual_tls, "_certificate_headers", lambda _: [("by RFC 9440", (("client-cert", ":Y2VydA==:"),))]
    )
    return Trial(cast("Deployment", SimpleNamespace(**deployment)))


def test_an_operation_that_needs_no_certificate_hides_none_that_believes_a_header(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcome = headers_show_no_certificate(trial(monkeypatch, OPEN, GATEWAY))
    assert outcome.verdict is Verdict.FAIL
    assert f"GET {GATEWAY}" in outcome.reason
    assert OPEN not in outcome.reason


def test_where_no_operation_asks_for_a_certificate_no_header_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(NotApplicable, match="no operation asks for a certificate"):
        headers_show_no_certificate(trial(monkeypatch, OPEN, OPEN))
